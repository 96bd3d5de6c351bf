"""What senders read out of the same bytes: postfix-mta-sts-resolver and checkdmarc themselves are the judges."""

from __future__ import annotations

import pytest
from aiohttp.helpers import parse_mimetype
from checkdmarc.mta_sts import MTASTSPolicySyntaxError, parse_mta_sts_policy
from hypothesis import given
from hypothesis import strategies as st
from postfix_mta_sts_resolver.utils import is_plaintext
from postfix_mta_sts_resolver.utils import parse_mta_sts_policy as parse_as_postfix
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from mtasts.sts.senders import read, remnants

Values = tuple[str, int, list[str]]

POSTFIX, MAILAUTH, CHECKDMARC = "postfix-mta-sts-resolver", "mailauth", "checkdmarc"
LINES = ("version: STSv1\n", "mode: enforce\n", "mx: mx1.example.com\n", "max_age: 604800\n")
POLICY = "".join(LINES)

KEYS = ["version", "mode", "mx", "max_age", "Mode", " mode", "mode ", "owner", "# mode", "", "\ufeffversion"]
VALUES = [
    *("STSv1", "stsv1", "enforce", "Enforce", "testing", "none", "604800", "0604800", "+5", "1_000", "-1"),
    *("31557601", "mx1.example.com", "mx1.example.com.", "*.example.com", "a_b.example", "192.0.2.1", ""),
    *("\xa0enforce", "enforce\x0b", "enforce\x85mode: none", "\uff16\uff10", "é", "enforce\r"),
]
PAIRS = st.tuples(st.sampled_from(KEYS), st.sampled_from([": ", ":", " : ", "=", "::"]), st.sampled_from(VALUES))
MORE = st.lists(PAIRS.map("".join) | st.sampled_from(["", "# a comment", "<html>"]) | st.text(max_size=9), max_size=3)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\u2028"])
TYPES = ["text/plain", "text/plain; charset=utf-8", 'TEXT/plain;charset="UTF-8"', "text/html", "text/plain; charset=x"]


@st.composite
def served(draw: st.DrawFn) -> bytes:
    """Return a policy with lines more and lines fewer, and line ends of every kind."""
    lines = [line.strip() for line in LINES if draw(st.integers(0, 15))]
    for line in draw(MORE):
        lines.insert(draw(st.integers(0, len(lines))), line)
    text = "".join(line + draw(ENDS) for line in lines)
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])), "replace")


@given(served(), st.sampled_from(TYPES))
def test_postfix_reads_what_postfix_mta_sts_resolver_reads(body: bytes, content_type: str) -> None:
    """Its own parser; what its resolver does around that is repeated here (resolver.py, 1.5.1)."""
    assert ours(body, content_type, POSTFIX) == as_postfix(body, content_type)


@given(served(), st.sampled_from(TYPES))
def test_checkdmarc_reads_what_checkdmarc_reads(body: bytes, content_type: str) -> None:
    """Its own parser, behind the charset that requests chooses."""
    assert ours(body, content_type, CHECKDMARC) == as_checkdmarc(body, content_type)


def ours(body: bytes, content_type: str, sender: str) -> Values | None:
    """Return what we say that a sender reads."""
    policy = read(body, content_type).lenient.get(sender)
    return (policy.mode.value, policy.max_age, list(policy.mx)) if policy else None


def as_postfix(body: bytes, content_type: str) -> Values | None:
    """Return what the resolver makes of an answer."""
    try:
        found = parse_as_postfix(body.decode(parse_mimetype(content_type).parameters.get("charset", "ascii")))
        max_age = int(found.get("max_age", "-1"))
    except (ValueError, LookupError):
        return None
    known = found.get("version") == "STSv1" and found.get("mode") in ("enforce", "testing", "none")
    if not known or not is_plaintext(content_type) or not 0 <= max_age <= 31557600:
        return None
    return (found["mode"], max_age, once(found["mx"])) if found["mx"] or found["mode"] == "none" else None


def as_checkdmarc(body: bytes, content_type: str) -> Values | None:
    """Return what checkdmarc makes of an answer."""
    charset = get_encoding_from_headers(CaseInsensitiveDict({"content-type": content_type})) or "utf-8"
    try:
        text = str(body, charset, errors="replace")
    except LookupError:
        text = str(body, errors="replace")
    try:
        found = parse_mta_sts_policy(text)["policy"]
    except MTASTSPolicySyntaxError:
        return None
    return found["mode"], found["max_age"], once(found["mx"])


def once(hosts: list[str]) -> list[str]:
    """Return each host once, whatever its case."""
    seen: dict[str, str] = {}
    for host in hosts:
        seen.setdefault(host.lower(), host)
    return list(seen.values())


@pytest.mark.parametrize(
    ("text", "readers"),
    [
        (POLICY, {POSTFIX: "enforce", MAILAUTH: "enforce", CHECKDMARC: "enforce"}),
        # what real domains serve
        (f"{POLICY}\n", {POSTFIX: "enforce", MAILAUTH: "enforce", CHECKDMARC: "enforce"}),
        (f"# ours\n{POLICY}", {POSTFIX: "enforce", MAILAUTH: "enforce"}),
        (f"\ufeff{POLICY}", {MAILAUTH: "enforce"}),
        (POLICY.replace("enforce", "Enforce"), {MAILAUTH: "enforce"}),
        (POLICY.replace(".com", ".com."), {POSTFIX: "enforce", MAILAUTH: "enforce"}),
        # what mailauth's lib/mta-sts.js of version 4.9.5 does besides
        (POLICY.replace("mode", "MODE"), {MAILAUTH: "enforce"}),
        (POLICY.replace("mode: ", " mode : "), {MAILAUTH: "enforce"}),
        (POLICY.replace("604800", "6.048e5"), {MAILAUTH: "enforce"}),
        (POLICY.replace("604800", "0x93a80"), {MAILAUTH: "enforce"}),
        (POLICY.replace("604800", ""), {MAILAUTH: "enforce"}),
        (POLICY.replace("604800", "Infinity"), {}),
        (POLICY.replace("STSv1", "stsv1"), {}),
        (POLICY.replace("mode: enforce\n", ""), {}),
        # the last of a key, the first of a key
        (f"{POLICY}mode: none\n", {POSTFIX: "none", MAILAUTH: "none", CHECKDMARC: "enforce"}),
        (POLICY.replace("\n", "\r"), {POSTFIX: "enforce"}),
        (POLICY.replace("\n", " "), {}),
    ],
)
def test_each_lenient_sender_reads_in_its_own_way(text: str, readers: dict[str, str]) -> None:
    """By name, the mode that each reads; who reads no policy is not there."""
    lenient = read(text.encode(), "text/plain; charset=utf-8").lenient
    assert {name: policy.mode.value for name, policy in lenient.items()} == readers


def test_the_strict_reading_counts_and_else_the_one_that_can_lose_mail() -> None:
    """A blank line takes the policy from strict senders alone, and of two modes enforce is the dangerous one."""
    good = read(POLICY.encode())
    assert (good.policy, good.some_only, good.others) == (good.strict, False, {})
    blank = read(f"\n{POLICY}".encode())
    assert (blank.strict, blank.policy and blank.policy.mode.value, blank.some_only) == (None, "enforce", True)
    both = read(f"\n{POLICY}mode: testing\n".encode())
    assert (both.policy and both.policy.mode.value, list(both.others)) == ("enforce", [POSTFIX, MAILAUTH])


def test_a_policy_over_64_kb_is_read_by_those_that_have_no_limit() -> None:
    """RFC 8461 §3.3 lets senders stop there, and postfix-mta-sts-resolver does."""
    found = read(POLICY.encode() + b"owner: x\n" * 8000)
    assert (found.strict, list(found.lenient)) == (None, [MAILAUTH, CHECKDMARC])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mode: enforce mx: a.example mx: b.example max_age: 604800", ("enforce", "604800", "a.example b.example")),
        ('{"mode": "enforce", "max_age": 604800, "mx": "a.example"}', ("enforce", "604800", "a.example")),
        ("<p>mode: testing<br>mx: a.example<br>", ("testing", "", "a.example")),
        ("Mode = Enforce\nmode=testing\n", ("Enforce testing", "", "")),
        (POLICY.encode("utf-16").decode("utf-8", "surrogateescape"), ("enforce", "604800", "mx1.example.com")),
        ("a page that says nothing", ("", "", "")),
    ],
)
def test_what_nobody_reads_is_still_shown(text: str, left: tuple[str, str, str]) -> None:
    """All keys on one line, JSON, a web page: the values, for a person to look at."""
    found = remnants(text)
    assert tuple(" ".join(found[key]) for key in ("mode", "max_age", "mx")) == left


@given(st.binary() | served(), st.none() | st.text(max_size=40) | st.sampled_from(TYPES))
def test_any_bytes_of_any_type_are_read(body: bytes, content_type: str | None) -> None:
    """No bytes and no header break the reader."""
    found = read(body, content_type)
    assert found.some_only is (found.strict is None and found.policy is not None)
    assert set(remnants(found.text)) == {"mode", "max_age", "mx"}
