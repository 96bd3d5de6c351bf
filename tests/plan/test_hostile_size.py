"""Files that a pull request could make to keep the checks busy: the work grows as the file does, the output does not.

Work is counted in calls of Python functions: a number that is the same on each machine. ci/bench_hostile.py measures
seconds.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TEMPLATE, Bake, verb
from mtasts.cli.catalogue import CATALOGUE
from mtasts.config.model import Config, load, read
from mtasts.findings import Finding
from mtasts.findings.forms import FORMATS, as_json, as_text
from mtasts.findings.report import Report, shown
from mtasts.history.repository import Message
from mtasts.history.versions import Versions
from mtasts.plan.diff import change
from mtasts.plan.overrides import LINES, allowances, idle
from mtasts.sts.lint import lint_policy
from mtasts.sts.policy import Mode, MxPattern, Policy
from repositories import Repository, environment

pytestmark = pytest.mark.slow  # counts the work for large files

HEAD = "version: STSv1\nmode: testing\nmax_age: 604800\n"
MX = "mx: [mx.example.com]\n"
TAIL = "tls_reporting: {rua: [mailto:tls@example.com]}\nhosting: {kind: web-server, hostname: www.example.com}\n"


def domains(number: int, own: str = "", name: str = "d{}.example.com") -> str:
    """Return so many domains, each with something of its own."""
    return "domains:\n" + "".join(f"  {name.format(each)}: {own.format(each)}\n" for each in range(number))


def listed(number: int, item: str) -> str:
    """Return a list of mx."""
    return "mx:\n" + "".join(f"  - {item.format(each)}\n" for each in range(number))


# Each makes a file of about this many lines. Some have two halves that must not be multiplied by each other.
FILES: dict[str, Callable[[int], str]] = {
    "wildcards below public suffixes": lambda n: HEAD + listed(n, '"*.co.uk"') + domains(1) + TAIL,
    "the same, in domains": lambda n: HEAD + domains(n, '{{mx: ["*.co.uk", "*.com.br"]}}') + TAIL,
    "Punycode in a Static Web App": lambda n: HEAD + MX + domains(n, name="xn--d{}.example.com")
    + TAIL.replace("web-server", "static-web-app"),
    "policies of their own": lambda n: HEAD + MX + domains(n, "{{max_age: 70{:04}}}")
    + TAIL.replace("web-server", "front-door"),
    "unknown keys": lambda n: HEAD + MX + domains(1) + TAIL + "".join(f"key{each}: 1\n" for each in range(n)),
    "unknown keys, and domains": lambda n: HEAD + MX + "".join(f"key{each}: 1\n" for each in range(n))
    + domains(n, "{{mode: none}}"),
    "a long mx, and domains with a mode": lambda n: HEAD + listed(n, "m{}.example.com")
    + domains(n, "{{mode: enforce}}") + TAIL,
    "a long mx, and domains": lambda n: HEAD + listed(n, "m{}.example.com") + domains(n) + TAIL,
    "the same key": lambda n: HEAD + MX + domains(n, name="example.com") + TAIL,
    "the same domain in other case": lambda n: HEAD + MX + "domains:\n" + "".join(
        f"  {''.join(c.upper() if each >> place & 1 else c for place, c in enumerate('abcdefghijkl'))}.example.com:\n"
        for each in range(n)) + TAIL,
    "the same mx": lambda n: HEAD + listed(n, "mx.example.com") + domains(1) + TAIL,
    "covered mx": lambda n: HEAD + 'mx:\n  - "*.example.com"\n' + listed(n, "m{}.example.com")[4:] + domains(1) + TAIL,
    "addresses": lambda n: HEAD + MX + domains(1) + "tls_reporting:\n  rua:\n" + "".join(
        f"    - a{each}@example.com\n" for each in range(n)) + TAIL.split("\n", 1)[1],
    "zones": lambda n: HEAD + MX + domains(n, "{{zone: other{}.example}}") + TAIL,
    "no reports": lambda n: HEAD + MX + domains(n, "{{mode: testing}}") + TAIL.split("\n", 1)[1],
    "wrong types": lambda n: HEAD + MX + domains(n, "{{mx: {{a: [1]}}, mode: [], max_age: x}}") + TAIL,
    "a list of lists": lambda n: "[" + "[a],\n" * n + "]",
    "good": lambda n: HEAD + MX + domains(n) + TAIL,
}  # fmt: skip
SERVED: dict[str, Callable[[int], str]] = {
    "lines that are none": lambda n: "a\n" * n,
    "unknown keys": lambda n: "a: b\n" * n,
    "wildcards": lambda n: f"{HEAD}" + "mx: *.co.uk\n" * n,
    "keys that stand again": lambda n: "mode: none\n" * n,
}
SMALL, LARGE = 150, 600


def work(action: Callable[[], object]) -> int:
    """Return how many functions an action calls."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def growth(make: Callable[[int], Callable[[], object]]) -> float:
    """Return how much more work four times the size is."""
    make(2)()  # what is read once
    small, large = (work(make(size)) for size in (SMALL, LARGE))
    return large / small


LINEAR = 1.15 * LARGE / SMALL  # sorting takes a little more; a square would be 16


@pytest.mark.parametrize("name", list(FILES))
def test_lint_takes_as_long_as_the_file_is(name: str) -> None:
    """Whatever stands in it."""
    assert growth(lambda size: partial(read, FILES[name](size))) < LINEAR


@pytest.mark.parametrize("name", list(FILES))
def test_suggestions_too(tmp_path: Path, name: str) -> None:
    """Each is tried: all at once, or the first ones by themselves."""

    def lint(size: int) -> Callable[[], object]:
        path = tmp_path / f"{size}.yaml"
        path.write_text(FILES[name](size), encoding="utf-8")
        return partial(load, path)

    assert growth(lint) < LINEAR


@pytest.mark.parametrize("name", list(SERVED))
def test_lint_of_a_served_policy_too(name: str) -> None:
    """mta-sts.txt of someone else."""
    assert growth(lambda size: partial(lint_policy, SERVED[name](size))) < LINEAR


@pytest.mark.parametrize("name", list(FILES))
def test_a_version_takes_as_long_as_it_is(name: str) -> None:
    """After another one, of which it shares nothing or much."""
    base = (HEAD + MX + domains(20) + TAIL).encode()
    assert growth(lambda size: partial(both, base, FILES[name](size).encode())) < LINEAR
    whole, _ = read(FILES[name](20))
    assert (both(base, FILES[name](20).encode()) == whole) is (whole is not None)


def both(base: bytes, other: bytes) -> Config | Finding:
    """Read one version after another, and return what the second one is."""
    versions = Versions()
    versions.read(base)
    return versions.read(other)


def test_the_diff_of_a_thousand_hosts() -> None:
    """difflib.ndiff compares each with each, letter by letter: 400 hosts took it a minute."""

    def config(host: str, number: int) -> str:
        return HEAD + listed(number, host) + domains(1) + TAIL

    def made(size: int) -> Callable[[], object]:
        before, after = (read(config(host, size))[0] for host in ("mx{}.example.com", "my{}.example.net"))
        assert after
        return lambda: [each.diff for each in change(before, after).domains]

    assert growth(made) < LINEAR
    before, after = (read(config(host, 2))[0] for host in ("mx{}.example.com", "my{}.example.net"))
    assert after
    assert change(before, after).domains[0].diff == [
        "  version: STSv1",
        "  mode: testing",
        "- mx: mx0.example.com",
        "- mx: mx1.example.com",
        "+ mx: my0.example.net",
        "+ mx: my1.example.net",
        "  max_age: 604800",
    ]


PATTERNS = ["*.a.example", "a.example", "mx.a.example", "*.example", "A.example", "*."]
HOSTS = ["a.example", "MX.a.example", "x.a.example.", "a", "", ".", "*.a.example", "b.c.a.example", "example"]


@given(st.lists(st.sampled_from(PATTERNS)), st.sampled_from(HOSTS))
def test_a_policy_matches_as_its_patterns_do(mx: list[str], host: str) -> None:
    """A look-up in a set stands for going through thousands of patterns (RFC 8461 §4.1)."""
    policy = Policy(Mode.ENFORCE, tuple(map(MxPattern, mx)), 604800)
    assert policy.matches(host) == any(pattern.matches(host) for pattern in policy.mx)


@pytest.mark.parametrize(
    "text",
    [
        "%TAG !a! x\n---\nmode: none\n",
        "# a comment\n%TAG ! tag:x\n---\nmode: none\n",
        "a: 1\n...\n%TAG !b! x\n---\nb: 1\n",
    ],
)
def test_a_tag_directive_is_refused(text: str) -> None:
    """libyaml compares each with all before it: 160,000 of them, in 2.6 MB, took it two minutes."""
    _, (finding,) = read(text)
    assert finding.rule.id == "MTS102"
    assert "%TAG directives are not allowed" in finding.message
    assert finding.line == text[: text.index("%TAG")].count("\n") + 1


def test_allow_lines_are_bounded() -> None:
    """A thousand commits may have a message of 64 KiB each. What is written twice in a commit says no more."""
    (one,) = allowances([Message("1" * 40, "Allow: x\n" * 7000)])
    assert one.text == "x"
    given_ = allowances(Message(f"{number:040}", f"Allow: MTS502 d{number}.example") for number in range(LINES + 5))
    assert len(given_) == LINES
    first, *others = idle(given_, [])
    assert first.message == "Only the first 1000 Allow lines are read. Write fewer."
    assert len(others) == LINES


# --- What is shown --------------------------------------------------------------------------------------------------

MANY = [Finding(CATALOGUE["MTS126"], f"mx {number}", "policy.yaml", number, 1) for number in range(1, 20_001)]
FEW = [Finding(CATALOGUE["MTS113"], "max_age is 1", "policy.yaml", 20_001 + number, 1) for number in range(3)]


@pytest.mark.parametrize("form", list(FORMATS))
def test_the_list_is_bounded_and_says_how_many_more_there_are(form: str) -> None:
    """A file with very many findings, in each form. No rule is hidden by the many findings of another."""
    text = FORMATS[form](Report.of([*MANY, *FEW]))
    assert len(text) < 400_000
    assert len(re.findall("max(?:_|&#95;)age is 1", text)) >= 3
    if form == "json":
        document = json.loads(text)
        assert len(document["findings"]) == 1000
        assert document["more"] == {"MTS126": 19_003}
        assert document["findings"][0]["line"] == 1
        assert [each["line"] for each in document["findings"][-3:]] == [20_001, 20_002, 20_003]
    else:
        rows = 19_803 if form == "markdown" else 19_003
        assert f"and {rows} more: {rows} MTS126" in text
        assert "20000 errors, 3 warnings" in text


def test_nothing_is_said_of_more_if_all_is_shown() -> None:
    """The stable form stays as it was."""
    assert json.loads(as_json(Report.of(FEW))).keys() == {"findings"}
    assert "more" not in as_text(Report.of(FEW))
    assert shown(MANY[:1000]) == MANY[:1000]


def test_errors_come_before_warnings() -> None:
    """Of two rules with many findings each."""
    warnings = [Finding(CATALOGUE["MTS113"], "x", "policy.yaml", number, 1) for number in range(1, 1200)]
    left = shown([*warnings, *MANY[:600]])
    assert sum(each.rule.id == "MTS126" for each in left) == 500
    assert len(left) == 1000


def test_the_exit_code_is_of_all(bake: Bake) -> None:
    """1,500 warnings before one error, through the verbs; and plan says the same of them, as its schema has it."""
    folder = bake()
    Repository(folder).commit({}, "2026-01-01")
    warned = domains(1500, "{{max_age: 60}}", "d{}-example.com")
    (folder / "policy.yaml").write_text(HEAD + MX + warned + "  bad_name.example.com:\n" + TAIL, encoding="utf-8")
    done = verb(folder, "lint", "--format", "json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [each["rule"] for each in document["findings"] if each["severity"] == "error"] == ["MTS123"]
    assert document["more"] == {"MTS113": 501}
    done = verb(folder, "plan", "--base", "main", "--format", "json", env=environment())
    invalid = json.loads(done.stdout)
    assert (done.returncode, invalid["verdict"], invalid["more"]) == (1, "invalid", {"MTS113": 501})
    schema = json.loads((TEMPLATE / "mtasts" / "plan" / "plan.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(invalid, schema)


def test_a_plan_with_many_dangers(bake: Bake) -> None:
    """1,200 domains go to none with a long max_age: each form has some of them, and says how many more there are."""
    folder = bake()
    before = HEAD + MX + domains(1200, name="d{}-example.com") + TAIL
    Repository(folder).commit({"policy.yaml": before}, "2026-01-01")
    (folder / "policy.yaml").write_text(before.replace("testing", "none"), encoding="utf-8")
    for form in FORMATS:
        done = verb(folder, "plan", "--base", "main", "--format", form, env=environment())
        text = done.stdout.decode()
        assert done.returncode == 1
        if form == "json":
            document = json.loads(text)
            assert len(document["findings"]) == 1000
            assert document["more"] == {"MTS506": 200}
            jsonschema.validate(
                document, json.loads((folder / "mtasts" / "plan" / "plan.schema.json").read_text("utf-8"))
            )
        else:
            rows = 1000 if form == "markdown" else 200
            assert f"and {rows} more: {rows} MTS506" in text
