"""versions: many versions read one after another are what each of them is when it is read alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import ROOT
from mtasts.config.model import Config, load, read
from mtasts.config.yaml_file import DocumentError, decode
from mtasts.findings import Finding, Severity
from mtasts.history.versions import Versions

pytestmark = pytest.mark.slow  # reads hundreds of versions, each in two ways

CONFIGS = sorted((ROOT / "tests" / "config" / "configs").glob("*.yaml"))

HEAD = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains:\n"
TAIL = "tls_reporting: {rua: [mailto:tls@example.com]}\nhosting: {kind: web-server, hostname: www.example.com}\n"

HEADS = [
    HEAD,
    f"---\n# a comment\n{HEAD}",
    HEAD.replace("domains:\n", "domains:  # all of them\n\n  # the first\n"),
    HEAD.replace("testing", "enforce"),
    HEAD.replace("mx: [mx.example.com]\n", ""),
    HEAD.replace("mx: [mx.example.com]", "mx:\n- mx.example.com"),
    HEAD.replace("604800", "0"),
    HEAD.replace("domains:\n", 'domains: {"a\ndomains:\n'),
    f'mx: ["a\ndomains:\n  example.com:\n", b]\n{HEAD}',
    HEAD.replace("domains:\n", "domains:\n  &a example.info:\n"),
    HEAD.replace("domains:\n", "domains: !!map\n"),
    HEAD.replace("domains:\n", '"domains":\n'),
    HEAD.replace("domains:\n", "domains: |\n"),
    HEAD.replace("domains:\n", "domains:#\n"),
    f"\ufeff{HEAD}",
    f"{{\n{HEAD}",
]
TAILS = [
    TAIL,
    f"\n# the rest\n{TAIL}",
    TAIL.replace("web-server", "function"),
    TAIL.replace("web-server", "front-door"),
    TAIL.replace("web-server", "functions"),
    TAIL.replace("tls@example.com", "tls"),
    TAIL.rstrip("\n"),
    "hosting:\n  kind: web-server\n  hostname: www.example.com",
    "hosting:\n  kind: function\n  region: |\n    westeurope",
    f"{TAIL}dns:\n  ttl: 300\n",
    f"{TAIL}domains:\n  example.org:\n",
    f"---\n{TAIL}",
    f"...\n{TAIL}",
    f'"tls_reporting": {{rua: [mailto:a@example.com]}}\n{TAIL}',
    f"'}}\n{TAIL}",
    f"}}}}\n{TAIL}",
    "",
]
NAMES = [
    *("example.com", "example.net", "EXAMPLE.com", "mail.example.com", "3m.example", "1.5", "1.e-3", "yes", "example"),
    *('"example.org"', "bücher.example", "mta-sts.example.com", "example.com ", "? example.com", "a:b.example"),
    "x0.example",
]
CONTENTS = [
    *("", " ", "  # its policy is above", " {}", " null", " ~", "#", "\n", "\n\n# a comment", "\n    mode: none"),
    *("\n    mode: enforce\n    mx: [mx1.example.net]", "\n    mode: enforce\n    mx:\n    - mx.example.net\n"),
    *("\n    mode: none\n    retired: true", "\n    retired: yes", "\n    retired: 'true'", "\n    mode: off"),
    *("\n    zone: example.com", "\n    zone: example.org", "\n    zone: >\n      example.com"),
    *(' {"\\x7aone": example.com}', ' {"\\x7aone": example}'),
    *(" {mode: none}", ' {mode: "none\n  ', ' "', '"}', "\n  'x", " '\n", " {", " }", " [", " |", " |\n    mode"),
    *('\n    verification: "a\n  example.net: b"', "\n    mode: none\n    mode: enforce", "\n    max_age: 1_000_000"),
    *("\n    max_age: 0", "\n\tmode: none", "\n    mode:\tnone", " &a {mode: none}", " *a", "\n    <<: {mode: none}"),
    *(" !!map", "\n  - x", "\n   mode: none", "\n     mode: none", "\n  ? mode\n  : none", "\n    ? mode\n    : none"),
    *(
        "\n mode: none",
        "\nmode: none",
        "\n    mx: [[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]",
        "\n---",
        "\n...",
        "\n%YAML 1.1",
    ),
    *(
        "\n    mode: no\u2028ne",
        "\n    # \u2028  example.net:",
        "\n    # \x85",
        "\n    mode: none\r",
        "\r  example.org:",
    ),
    *("\n    # \x07", "\n    # ü", "\n    mode: none   \n   ", "\n    mode: 'none'\n  # domains:"),
    *("\ndomains:\n  a.example:", "\n\ufeff  a.example:", "\n\ufeff", "\u2028  a.example:"),
]
BLOCKS = st.builds(
    "  {}{}{}\n".format,
    st.sampled_from(NAMES[:5]) | st.sampled_from(NAMES),
    st.sampled_from([":", ":", ":", ":", "", " :", "::", "\t:", " "]),
    st.sampled_from(CONTENTS),
)
PLAIN = st.builds("  {}:{}\n".format, st.sampled_from(NAMES[:2]), st.sampled_from(CONTENTS[:12]))


def edited(text: str, at: int, piece: str, cut: int) -> str:
    """Put a piece into a text, in the place of so many characters."""
    place = at % (len(text) + 1)
    return text[:place] + piece + text[place + cut :]


TEXTS = st.builds(
    lambda head, blocks, tail: head + "".join(blocks) + tail,
    st.just(HEAD) | st.sampled_from(HEADS),
    st.lists(PLAIN | BLOCKS, max_size=5),
    st.just(TAIL) | st.sampled_from(TAILS),
)
PIECES = st.sampled_from([*NAMES, *CONTENTS, "\r\n", "\n", "  ", ":", ",", "\t", '"', "'", "{", "}", "\ufeff", "\\\n"])
EDITS = st.builds(edited, TEXTS, st.integers(0, 2000), PIECES, st.sampled_from([0, 0, 1, 5, 40]))
LINE_ENDS = st.sampled_from([lambda text: text, lambda text: text.replace("\n", "\r\n")])
VERSIONS = st.builds(lambda text, ends: str(ends(text)).encode(), TEXTS | EDITS, LINE_ENDS)


def alone(folder: Path, content: bytes) -> Config | str:
    """Return what config.load makes of a content: the config, or the first error's message without its suggestion."""
    path = folder / "alone.yaml"
    path.write_bytes(content)
    config, findings = load(path)
    if not config:
        try:
            findings = read(decode(content))[1]  # the same findings, and no suggestions
        except DocumentError as error:
            findings = [error.finding]
    return config or next(each.message for each in findings if each.rule.severity is Severity.ERROR)


def together(contents: list[bytes]) -> list[Config | str]:
    """Return the same of many, as they are read at once."""
    versions = Versions()
    return [each.message if isinstance(each, Finding) else each for each in map(versions.read, contents)]


@settings(max_examples=400)
@given(st.lists(VERSIONS, min_size=1, max_size=6))
@example([f"{HEAD}  example.com:\n{TAIL}".replace("mx.", "m\r\r\nx.").encode()])
@example([f"{HEAD}  {block}\n{TAIL}".encode() for block in ("example.com:", "example.net")])
def test_whatever_the_versions_they_read_as_they_do_alone(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    """Valid or not, plain or not: the full parse is the judge."""
    folder = tmp_path_factory.getbasetemp()
    assert together(contents) == [alone(folder, content) for content in contents]


@pytest.mark.parametrize("content", CONTENTS)
def test_each_block_beside_others_reads_as_it_does_alone(tmp_path: Path, content: str) -> None:
    """Before another, after another, and alone; under each name."""
    for name in NAMES:
        block, other = f"  {name}:{content}\n", "  example.org:\n"
        texts = [HEAD + blocks + TAIL for blocks in (other, block, block + other, other + block, block + other + block)]
        contents = [text.encode() for text in texts]
        assert together(contents) == [alone(tmp_path, each) for each in contents]


@pytest.mark.parametrize("head", HEADS)
def test_each_head_and_tail_reads_as_it_does_alone(tmp_path: Path, head: str) -> None:
    """With a domain that takes the policy from the top, and with one that has its own."""
    block = "  example.com:\n  example.net:\n    mode: none\n    retired: true\n"
    for tail in TAILS:
        contents = [(head + block + tail).encode(), (head + block.replace(" true", " false") + tail).encode()]
        assert together(contents) == [alone(tmp_path, each) for each in contents]


def test_the_files_of_lint_read_as_they_do_alone(tmp_path: Path) -> None:
    """Every case that lint has, at once."""
    contents = [path.read_bytes() for path in CONFIGS]
    assert together(contents) == [alone(tmp_path, content) for content in contents]


@pytest.mark.parametrize("content", [b"", b"\n", b"# nothing\n", b"\xff\n", b"x" * (8 * 1024 * 1024 + 1), b"\x00"])
def test_what_is_no_text_reads_as_it_does_alone(tmp_path: Path, content: bytes) -> None:
    """Empty, too large, not UTF-8."""
    assert together([content]) == [alone(tmp_path, content)]


def test_domains_are_shared_between_versions() -> None:
    """Whether the file is cut or read whole: a history of many domains has to fit into memory."""
    first = f"{HEAD}  example.com:\n  example.net:\n    mode: none\n{TAIL}"
    second = first.replace("example.com:", "example.org:")
    flow = f"{HEAD[:-1]} {{example.com: , example.net: {{mode: none}}}}\n{TAIL}"
    versions = Versions()
    one, two, three = (versions.read(text.encode()) for text in (first, second, flow))
    assert isinstance(one, Config)
    assert isinstance(two, Config)
    assert isinstance(three, Config)
    assert one.domains[1] is two.domains[1] is three.domains[1]
    assert one.domains[0] is three.domains[0]


def test_plain_versions_are_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes it fast: the full parse is for what is not plain."""
    text = f"{HEAD}  example.com:\n  # a comment\n  example.net: {{mode: enforce}}\n\n# more\n{TAIL}"
    contents = [text.replace("enforce", mode).encode() for mode in ("enforce", "testing", "none")]
    contents += [text.replace("\n", "\r\n").encode(), text.replace("rua", "rua ").encode()]
    monkeypatch.setattr("mtasts.config.model.read", None)
    assert all(isinstance(each, Config) for each in map(Versions().read, contents))
