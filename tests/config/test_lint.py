"""lint: each case is a file, with the rules that it breaks in its comments (YAML) or in its name (policies)."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mtasts.config.lint import lint
from mtasts.config.model import load, read
from mtasts.config.yaml_file import parse
from mtasts.sts.policy import Policy, PolicyError

HERE = Path(__file__).parent
CONFIGS = sorted((HERE / "configs").glob("*.yaml"))
GOOD = sorted((HERE / "policies" / "good").glob("*.txt"))
BAD = sorted((HERE / "policies" / "bad").glob("*.txt"))
# What senders may take and a careful administrator would not.
LINT_ALONE = {"MTS103", "MTS113", "MTS115", "MTS117", "MTS126", "MTS127", "MTS128"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_line_of_a_policy_yaml_has_the_findings_in_its_comment(path: Path) -> None:
    """Every finding is there, in its line, and no other."""
    expected = [
        (number, rule)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for rule in re.findall(r"MTS\d{3}", line.rpartition("  # ")[2] if "  # " in line else "")
    ]
    found = [(finding.line, finding.rule.id) for finding in lint(path)]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_policy_has_no_findings_and_parses(path: Path) -> None:
    """What senders take, lint takes."""
    assert lint(path) == []
    assert Policy.parse(path.read_bytes().decode()).version == "STSv1"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_policy_has_the_finding_in_its_name(path: Path) -> None:
    """The rule is named, in its line."""
    _, line, rule = path.stem.split("-")[:3]
    assert (int(line), rule) in [(finding.line, finding.rule.id) for finding in lint(path)]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_parser_refuses_what_a_strict_sender_refuses(path: Path) -> None:
    """All but the rules of good sense: the error carries the line."""
    _, line, rule = path.stem.split("-")[:3]
    text = path.read_bytes().decode(errors="replace")
    if rule in LINT_ALONE or path.stem.endswith("max-age-zero"):
        Policy.parse(text)
    elif rule != "MTS101":
        with pytest.raises(PolicyError) as caught:
            Policy.parse(text)
        assert int(line) in [finding.line for finding in caught.value.findings]
        assert str(caught.value).startswith(f"line {caught.value.line}: ")


def test_every_rule_about_files_has_a_case() -> None:
    """A rule without a case file would be a rule that nobody has seen fail."""
    from mtasts.cli.catalogue import CATALOGUE

    named = {path.stem.split("-")[2] for path in BAD}
    commented = {rule for path in CONFIGS for rule in re.findall(r"# .*?(MTS\d{3})", path.read_text(encoding="utf-8"))}
    assert [rule for rule in CATALOGUE if rule < "MTS2" and rule not in named | commented] == []


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (b"", "MTS101", "is empty"),
        (b" \n\t\n", "MTS101", "is empty"),
        (b"# version: STSv1\n", "MTS101", "only comments"),
        (b"---\n", "MTS105", "The file is empty"),
        (b"\xff\xfe\x00v", "MTS101", "not UTF-8"),
        (b"version: STSv1\nmode: \xe4\n", "MTS101", "see byte 22"),
        (b"x" * (8 * 1024 * 1024 + 1), "MTS101", "larger than 8 MiB"),
        (b"[" * 17, "MTS102", "nested deeper than 16 levels"),
        (b"a:\n" + b"".join(b" " * depth + b"-\n" for depth in range(1, 3000)), "MTS102", "nested deeper"),
        (b"max_age: " + b"1" * 5000, "MTS102", "longer than 4000 characters"),
        (b"a: &a [x]\nb: &b [*a,*a]\n", "MTS102", "anchors, aliases and tags are not allowed"),
        (b"version: 1\n---\nversion: 2\n", "MTS102", "a second document"),
        (b"mx:\n  - *.example.com\n", "MTS102", "needs quotes"),
        (b"? [a]\n: b\n", "MTS102", "key"),
    ],
)
def test_a_file_that_is_no_policy_gives_one_clear_finding(
    tmp_path: Path, content: bytes, rule: str, words: str
) -> None:
    """Whatever the file is, there is one finding and no traceback."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    (finding,) = lint(path)
    assert finding.rule.id == rule
    assert words in finding.message


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"{" * 100_000, b"\x00\x01\x02", b'"\\ud800": 1', b"a: 'b", b"%YAML 9", b"- a\nb: c", b"\t- a"],
)
def test_what_the_parser_refuses_is_one_finding_too(tmp_path: Path, content: bytes) -> None:
    """In words of the parser's own, which change with its version: PyYAML 6.0.4 has its own limit of nesting."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    (finding,) = lint(path)
    assert (finding.rule.id, finding.file) == ("MTS102", path.as_posix())


@pytest.mark.parametrize("name", ["policy.yaml", "mta-sts.txt"])
def test_a_missing_file_and_a_folder_give_one_finding(tmp_path: Path, name: str) -> None:
    """Both kinds of file say what to do."""
    assert [finding.rule.id for finding in lint(tmp_path / name)] == ["MTS101"]
    (tmp_path / name).mkdir()
    assert [finding.rule.id for finding in lint(tmp_path / name)] == ["MTS101"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mod: testing", "Did you mean mode?"),
        ("MAX-AGE: 1", "Did you mean max_age?"),
        ("mode: enforced", "Did you mean enforce?"),
        ("hosting: {kind: functon}", "Did you mean function?"),
        ("mx: [bücher.example]", "Write 'xn--bcher-kva.example'."),
        ("mx: ['*.straße.example']", "Write '*.xn--strae-oqa.example'."),
        ("mx: [mx.example.com.]", "Write 'mx.example.com'."),
        ("domains: {mta-sts.example.com: }", "Write 'example.com'."),
        ("tls_reporting: {rua: [tls@example.com]}", "Write 'mailto:tls@example.com'."),
        ("tls_reporting: {rua: ['mailto:a;b,c!d@example.com']}", "Write 'mailto:a%3Bb%2Cc%21d@example.com'."),
        ("mx: mx.example.com", 'Write mx: ["mx.example.com"].'),
        ("max_age: '604800'", "without quotes"),
    ],
)
def test_a_message_offers_the_right_value(tmp_path: Path, line: str, words: str) -> None:
    """The most frequent slips come with their correction."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"{line}\n", encoding="utf-8")
    assert words in " ".join(finding.message for finding in lint(path))


def test_too_many_domains_name_the_hostings_that_would_do() -> None:
    """Four domains with one policy fit a Static Web App; six do not."""
    (four,) = lint(HERE / "configs" / "hosting-function-four-domains.yaml")
    assert four.message.endswith("Change hosting.kind to static-web-app, front-door or web-server.")
    (six,) = lint(HERE / "configs" / "hosting-static-web-app-six-domains.yaml")
    assert six.message.endswith("Change hosting.kind to front-door or web-server.")


def test_a_domain_takes_from_the_top_what_it_does_not_have() -> None:
    """The inheritance, in the values that are published."""
    config, findings = load(HERE / "configs" / "every-domain-its-own.yaml")
    assert findings == []
    assert config
    assert [(domain.name, domain.zone, domain.policy.mode.value) for domain in config.domains] == [
        ("example.com", "example.com", "enforce"),
        ("mail.example.net", "example.net", "none"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", "none"),
    ]
    assert config.domains[0].policy.mx == ("mx1.example.com",)
    assert config.domains[1].policy.max_age == 86400


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    """Notepad writes both."""
    path = tmp_path / "policy.yaml"
    content = (HERE / "configs" / "one-domain.yaml").read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert lint(path) == []


NUMBERS = [
    ("0x" + "f" * 3600, "tried: the digits are more than Python prints, and seven verbs ended in a traceback"),
    ("0604700", "YAML 1.1 §10.2 int: octal, 198080 seconds"),
    ("604:30:00", "YAML 1.1 int: base 60"),
    ("1_209_600", "YAML 1.1 int: underscores"),
    ("0b1001001110101000000", "YAML 1.1 int: binary"),
    ("0o2235200", "YAML 1.2 §10.3.2: octal, and text to YAML 1.1"),
    ("+604800", "YAML 1.1 and 1.2: a sign"),
    ("-604800", "YAML 1.1 and 1.2: a sign"),
    ("604800.0", "YAML 1.1 and 1.2: a fraction"),
    ("604800.", "YAML 1.1 and 1.2: a fraction"),
    ("6048e2", "YAML 1.2: a power, and text to YAML 1.1"),
    ("6.048e+5", "YAML 1.1 and 1.2: a power"),
    ("1:30.5", "YAML 1.1 float: base 60"),
    (".5", "YAML 1.1 and 1.2: a fraction"),
    (".inf", "YAML 1.1 and 1.2"),
    ("-.Inf", "YAML 1.1 and 1.2"),
    (".NaN", "YAML 1.1 and 1.2"),
    ("00", "a 0 before a digit"),
    ("9" * 19, "more than 64 bits"),
    ("1" * 4000, "PYTHONINTMAXSTRDIGITS may be as little as 640"),
    ("'604800'", "text"),
    ("６０４８００", "digits of another script"),
    ("2026-01-01", "a date to YAML 1.1"),
]


@pytest.mark.parametrize(("number", "source"), NUMBERS, ids=[number[:12] for number, _ in NUMBERS])
def test_a_number_is_digits_without_a_leading_0(number: str, source: str) -> None:
    """Wherever the schema wants one: one finding in its line, which says how a number is written."""
    policy = (HERE / "configs" / "one-domain.yaml").read_text(encoding="utf-8")
    for text, rule in (
        (re.sub("max_age: .*", f"max_age: {number}", policy, count=1), "MTS112"),
        (f"{policy}dns: {{ttl: {number}}}\n", "MTS105"),
        (policy.replace("domains:\n", f"domains:\n  other.example:\n    max_age: {number}\n"), "MTS112"),
    ):
        line = next(place for place, each in enumerate(text.splitlines(), 1) if f": {number}" in each)
        config, findings = read(text)
        assert config is None, source
        assert [(each.rule.id, each.line) for each in findings] == [(rule, line)], source
        assert "Write a whole number, in digits without quotes or a leading 0." in findings[0].message


@pytest.mark.parametrize("text", ["0123", "1e5", "1_2", "0x1f", "null", "true", "7"])
def test_text_that_yaml_takes_for_something_else_needs_quotes(text: str) -> None:
    """An app may be called so; in quotes it is text to every reader."""
    policy = (HERE / "configs" / "one-domain.yaml").read_text(encoding="utf-8").rstrip()
    found = read(f"{policy}\n  verification: {text}\n")[1]
    assert [each.rule.id for each in found if each.rule.id != "MTS155"] == ["MTS105"]
    assert "Write text, in quotes if YAML would read it as something else." in found[-1].message
    assert read(f"{policy}\n  verification: '{text}'\n")[0] is not None


@given(st.integers(0, 10**18 - 1))
def test_all_digits_without_a_leading_0_are_the_number_that_they_are(number: int) -> None:
    """And nothing else is one: what Python, YAML 1.1 and YAML 1.2 agree on."""
    assert parse(f"a: {number}").data == {"a": number}
    assert not isinstance(parse(f"a: 0{number}").data["a"], int)


GOOD_POLICY = (HERE / "configs" / "one-domain.yaml").read_text(encoding="utf-8")
ENCODINGS = [
    (GOOD_POLICY.encode("utf-16"), "MTS101", 1, "is not UTF-8 text (see byte 1)"),
    (GOOD_POLICY.encode("utf-16-le"), "MTS102", 1, "control characters are not allowed"),
    (GOOD_POLICY.encode("utf-32"), "MTS101", 1, "is not UTF-8 text (see byte 1)"),
    (b"# \xe4\n" + GOOD_POLICY.encode(), "MTS101", 1, "is not UTF-8 text (see byte 3)"),
    (GOOD_POLICY.encode() + b"# \x80\n", "MTS101", GOOD_POLICY.count("\n") + 1, "is not UTF-8 text"),
    (GOOD_POLICY.encode() + b"# \0\n", "MTS102", GOOD_POLICY.count("\n") + 1, "control characters"),
    (GOOD_POLICY.encode() + b"# \xed\xa0\x80\n", "MTS101", GOOD_POLICY.count("\n") + 1, "is not UTF-8 text"),
    (GOOD_POLICY.replace("\n", "\r").encode(), "MTS102", 1, "the line ends in '\\r'"),
    (b"# none\rmode: none\n" + GOOD_POLICY.encode(), "MTS102", 1, "the line ends in '\\r'"),
    ("# none\x85mode: none\n".encode() + GOOD_POLICY.encode(), "MTS102", 1, "the line ends in '\\x85'"),
    ("# none\u2028mode: none\n".encode() + GOOD_POLICY.encode(), "MTS102", 1, "the line ends in '\\u2028'"),
    (GOOD_POLICY.encode("cp037"), "MTS101", 1, "is not UTF-8 text"),
]


@pytest.mark.parametrize(("content", "rule", "line", "words"), ENCODINGS)
def test_another_encoding_is_one_finding(tmp_path: Path, content: bytes, rule: str, line: int, words: str) -> None:
    """In the line where it begins. A line end that only some readers know could hide a key within a comment."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    (finding,) = lint(path)
    assert (finding.rule.id, finding.line) == (rule, line)
    assert words in finding.message


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
KEYS = st.sampled_from(
    ["version", "mode", "max_age", "mx", "domains", "tls_reporting", "rua", "hosting", "kind", "hostname", "zone"]
) | st.text(max_size=10)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_findings_and_no_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """For a policy.yaml, and for a policy as it is served."""
    folder = tmp_path_factory.getbasetemp()
    for name in ("any.yaml", "any.txt"):
        (folder / name).write_bytes(content)
        assert all(finding.message and finding.line for finding in lint(folder / name))


@given(DATA | st.dictionaries(KEYS, DATA, max_size=8))
def test_any_yaml_gives_findings_and_no_traceback(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    """Well-formed YAML of any shape: no config without hosting, domains and a version."""
    path = tmp_path_factory.getbasetemp() / "shape.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    config, findings = load(path)
    assert config is None
    assert all(finding.message and finding.line for finding in findings)


BELOW = [
    ("example.com", None),
    ("Mail.Example.COM", "example.com"),  # octodns#174: publish made a zone of this name
    ("a.b.c.example.com", "example.com"),
    ("mail.example.co.uk", "example.co.uk"),
    ("example.co.uk", None),
    ("co.uk", None),
    ("www.ck", None),  # an exception of the list
    ("example.github.io", None),  # the list's private part: GitHub's users are not one another's
    ("mail.example.github.io", "example.github.io"),
    ("mail.corp.internal", "corp.internal"),  # no suffix of the list
    ("mail.xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
]


@pytest.mark.parametrize(("domain", "parent"), BELOW)
def test_a_domain_below_its_zone_is_to_name_it(domain: str, parent: str | None) -> None:
    """Without zone its records have wrong names. Each suggestion passes, and so does a zone of the domain's own."""
    found = _findings(f"{domain}:")
    if parent is None:
        assert found == []
        return
    message = (
        f"{domain} does not name its DNS zone. If its records are in the zone {parent}, add zone: {parent}. If it has"
        f" its own zone, add zone: {domain}."
    )
    assert found == [("MTS133", message)]
    for zone in (parent, domain):
        assert _findings(f"{domain}: {{zone: {zone}}}") == []


LOOPS = [
    ("mta-sts.example.com", "MTS156"),  # published as a CNAME to itself
    ("MTA-STS.Example.COM", "MTS156"),
    ("mta-sts.example.com.", "MTS156"),  # not MTS120, whose advice would be this name without the dot
    ("mta-sts.example.net", "MTS156"),  # of another domain here, and that is a CNAME to it again
    ("mta-sts.example.org", "MTS156"),  # of a retired domain: it goes
    ("mta-sts.example.edu", None),  # of somebody else
    ("host.mta-sts.example.com", None),
    ("example.com", None),
    ("example.com.", "MTS120"),
]


@pytest.mark.parametrize(("hostname", "rule"), LOOPS)
def test_the_policy_hosts_lead_to_no_policy_host_of_the_file(hostname: str, rule: str | None) -> None:
    """A CNAME that leads to itself, at once or by way of another domain, has no address."""
    found = _findings("example.com:", "Example.NET:", "example.org: {retired: true}", hostname=hostname)
    assert [each for each, _ in found] == ([rule] if rule else [])
    if rule == "MTS156":
        assert found[0][1].startswith(f"hostname '{hostname}' is the policy host of ")


def _findings(*domains: str, hostname: str = "www.example.org") -> list[tuple[str, str]]:
    head = "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: [mx.example.com]\ndomains:\n"
    lines = "".join(f"  {domain}\n" for domain in domains)
    text = f"{head}{lines}hosting: {{kind: web-server, hostname: {hostname}}}\n"
    return [(finding.rule.id, finding.message) for finding in read(text)[1]]
