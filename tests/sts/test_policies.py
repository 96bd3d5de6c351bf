"""The policy: what matches, what renders, what parses back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtasts.sts.lint import value_findings
from mtasts.sts.policy import Mode, MxPattern, Policy, PolicyError

LABELS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join).filter(lambda name: not name[-1].isdigit())
PATTERNS = st.tuples(st.sampled_from(["", "*."]), HOSTS).map(lambda pair: MxPattern("".join(pair)))


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "MX.Example.COM", True),
        ("MX.example.com", "mx.example.com.", True),
        ("mx.example.com", "mx1.example.com", False),
        ("mx.example.com", "a.mx.example.com", False),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "MX.EXAMPLE.COM", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "mxexample.com", False),
        ("*.mail.protection.outlook.com", "example-com.mail.protection.outlook.com", True),
        ("mx.example.com", "", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, host: str, matches: bool) -> None:
    """RFC 8461 §4.1."""
    policy = Policy.parse(f"version: STSv1\nmode: enforce\nmx: {pattern}\nmax_age: 604800\n")
    assert policy.matches(host) is matches


def test_render_writes_the_safest_form() -> None:
    """version first, CRLF after every line, no host twice."""
    hosts = (MxPattern("mx1.example.com"), MxPattern("MX1.example.com"), MxPattern("*.example.net"))
    assert Policy(Mode.ENFORCE, hosts, 604800).render() == (
        "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
    )


def test_none_keeps_its_hosts() -> None:
    """A sender is known that rejects mode none without mx."""
    assert "mx: mx1.example.com\r\n" in Policy(Mode.NONE, (MxPattern("mx1.example.com"),), 86400).render()


def test_parse_gives_the_values() -> None:
    """The first of a repeated key counts, unknown keys are passed over."""
    policy = Policy.parse(
        "version: STSv1\nmode: enforce\nmode: none\nowner: Jörg, the postmaster\n"
        "mx: mx1.example.com\nmx: *.example.net\nmx: MX1.example.com\nmax_age: 0086400\n"
    )
    assert (policy.version, policy.mode, policy.max_age) == ("STSv1", "enforce", 86400)
    assert policy.mx == ("mx1.example.com", "*.example.net")


@given(st.sampled_from(Mode), st.lists(PATTERNS, min_size=1, max_size=5, unique_by=str.lower), st.integers(0, 31557600))
def test_what_renders_parses_back(mode: Mode, mx: list[MxPattern], max_age: int) -> None:
    """For every valid policy."""
    policy = Policy(mode, tuple(mx), max_age)
    assert Policy.parse(policy.render()) == policy


@given(st.text() | st.text(alphabet="version: STSv1\r\nmodetsigax*.\x00\ufeff0123456789"))
def test_any_text_is_a_policy_or_an_error_with_a_line(text: str) -> None:
    """Nothing else comes out of the parser, and what it takes, it gives again."""
    try:
        policy = Policy.parse(text)
    except PolicyError as error:
        assert 1 <= error.line <= text.count("\n") + 1
    else:
        assert Policy.parse(policy.render()) == policy


@given(st.none() | st.text(), st.none() | st.integers(), st.lists(st.text() | st.integers() | st.none()))
def test_any_values_can_be_judged(mode: str | None, max_age: int | None, mx: list[object]) -> None:
    """Judging takes what YAML may hold."""
    for steps, finding in value_findings(mode, max_age, mx):
        assert steps[0] in ("max_age", "mx")
        assert finding.message
