"""Suggestions: each is a value that passes, whatever was written. A row for each slip, its source first.

What is expected was worked out by hand; None where nobody can know, or where it takes more than one value.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtasts.config.model import load
from mtasts.findings import Finding, has_errors

GOOD: dict[str, Any] = {
    "version": "STSv1",
    "mode": "testing",
    "max_age": 604800,
    "mx": ["mx1.example.com"],
    "domains": {"example.com": None},
    "tls_reporting": {"rua": ["mailto:tls@example.com"]},
    "hosting": {"kind": "web-server", "hostname": "www.example.org"},
}
Way = tuple[Any, ...]
MX, AGE, RUA, HOST, DOMAIN = ("mx", 0), ("max_age",), ("tls_reporting", "rua", 0), ("hosting", "hostname"), ("domains",)
MODE, VERSION, KIND = ("mode",), ("version",), ("hosting", "kind")
SLIPS: list[tuple[str, Way, Any, Any]] = [
    # E: what the product once suggested and refused
    ("DMARC habit, hardenize-public#31", RUA, "mailto:a@example.com!10m", "mailto:a@example.com"),
    ("E2", RUA, "mailto:a@example.com,mailto:b@example.com", None),
    ("E3", MX, "192.0.2.1.", None),
    ("E3", DOMAIN, "mta-sts.com", None),
    ("E3", MX, "_dc-mx.abc.example.com.", None),
    # Names
    ("zone files", MX, "mx1.example.com.", "mx1.example.com"),
    ("zone files", MX, "*.mx.example.com.", "*.mx.example.com"),
    ("pasted from DNS", MX, "10 mx1.example.com", "mx1.example.com"),
    ("pasted from DNS", MX, "MX 10 mx1.example.com.", "mx1.example.com"),
    ("pasted from a policy", MX, "mx: mx1.example.com", "mx1.example.com"),
    ("a port", MX, "mx1.example.com:25", "mx1.example.com"),
    ("a URL", MX, "https://mx1.example.com/", "mx1.example.com"),
    ("a scheme of mail", MX, "smtp://mx1.example.com:25", "mx1.example.com"),
    ("half a wildcard", MX, "mx*.example.com", "*.example.com"),
    ("two wildcards", MX, "*.*.example.com", "*.example.com"),
    ("a wildcard in the middle: no pattern means that", MX, "mx.*.example.com", None),
    ("a wildcard alone", MX, "*", None),
    ("a wildcard over a public suffix", MX, "mx*.co.uk", None),
    ("letters outside ASCII", MX, "mx.bücher.example", "mx.xn--bcher-kva.example"),
    ("full width", MX, "ｍｘ１.example.com", "mx1.example.com"),
    ("an underscore", MX, "mx_1.example.com", None),
    ("an address", MX, "2001:db8::1", None),
    ("a mail address", DOMAIN, "user@example.org", "example.org"),
    ("the policy host", DOMAIN, "mta-sts.example.org", "example.org"),
    ("the record's name", DOMAIN, "_mta-sts.example.org", "example.org"),
    ("a URL", DOMAIN, "https://example.org/", "example.org"),
    ("a final dot", DOMAIN, "example.org.", "example.org"),
    ("one that is there already", DOMAIN, "example.com.", None),
    ("no dot", DOMAIN, "example", None),
    ("a URL", HOST, "https://mtasts.azurewebsites.net/", "mtasts.azurewebsites.net"),
    ("a final dot", HOST, "mtasts.azurewebsites.net.", "mtasts.azurewebsites.net"),
    ("a CNAME to itself", HOST, "mta-sts.example.com", None),
    ("G7: the likeliest slip with Exchange Online", MX, "mail.protection.outlook.com", "*.mail.protection.outlook.com"),
    ("G7", MX, "*.outlook.com", "*.mail.protection.outlook.com"),
    ("PS.MTA-STS#33: `*` is one label", MX, "*.mx.microsoft", None),
    # max_age
    ("units", AGE, "1 week", 604800),
    ("units", AGE, "7d", 604800),
    ("quotes", AGE, "86400", 86400),
    ("thousands separators", AGE, "604,800", 604800),
    ("longer than the RFC allows", AGE, 99999999, 31557600),
    ("too short for testing", AGE, 60, 86400),
    ("too long for testing", AGE, 31557600, 1209600),
    ("zero", AGE, 0, None),
    ("no number", AGE, "long", None),
    ("another language", AGE, "2 settimane", None),
    # Words
    ("DMARC habit", MODE, "enforced", "enforce"),
    ("case", MODE, "Enforce", "enforce"),
    ("a near word", MODE, "test", "testing"),
    ("YAML 1.1", MODE, True, None),
    ("of another protocol", MODE, "quarantine", None),
    ("a number", VERSION, 1, "STSv1"),
    ("case", VERSION, "stsv1", "STSv1"),
    ("of another record", VERSION, "TLSRPTv1", "STSv1"),
    ("a blank", KIND, "web server", "web-server"),
    # Reports
    ("published guides", RUA, "tls@example.com", "mailto:tls@example.com"),
    ("published guides", RUA, "v=TLSRPv1; rua=mailto:tls@example.com", "mailto:tls@example.com"),
    ("a piece of the record", RUA, "rua=mailto:tls@example.com;", "mailto:tls@example.com"),
    ("twice", RUA, "mailto:mailto:tls@example.com", "mailto:tls@example.com"),
    ("a blank", RUA, "mailto: tls@example.com", "mailto:tls@example.com"),
    ("RFC 8460 §3", RUA, "mailto:a;b@example.com", "mailto:a%3Bb@example.com"),
    ("letters outside ASCII", RUA, "mailto:tls@bücher.example", "mailto:tls@xn--bcher-kva.example"),
    ("in angle brackets", RUA, "<tls@example.com>", "mailto:tls@example.com"),
    ("plain http", RUA, "http://example.com/tls", None),
    ("nothing", RUA, "mailto:", None),
]


def put(way: Way, value: Any) -> dict[str, Any]:
    """Return the good file with a value in place of another; of a domain, its name."""
    data = copy.deepcopy(GOOD)
    inner: Any = data
    for step in way[:-1]:
        inner = inner[step]
    if way == DOMAIN:
        data["domains"][value] = None
    else:
        inner[way[-1]] = value
    return data


def findings(folder: Path, data: dict[str, Any]) -> list[Finding]:
    """Return what lint finds in a file with this data."""
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return load(path)[1]


@pytest.mark.parametrize(("source", "way", "written", "expected"), SLIPS, ids=[f"{s[1][-1]}-{s[2]}" for s in SLIPS])
def test_what_was_meant_is_suggested(tmp_path: Path, source: str, way: Way, written: Any, expected: Any) -> None:
    """In the finding, in its message, and of the key's own type; put in place, it gives no error."""
    found = findings(tmp_path, put(way, written))
    offers = [finding for finding in found if finding.suggestion is not None]
    assert [finding.suggestion for finding in offers] == ([] if expected is None else [expected]), source
    assert found
    for finding in offers:
        assert str(expected) in finding.message
        assert finding.as_dict()["suggestion"] == expected
        assert not has_errors(findings(tmp_path, put(way, expected)))


WORDS = ["mx1.example.com", "*.example.com", "example.org", "mailto:tls@example.com", "604800", "enforce", "STSv1"]
PIECES = [
    "",
    " ",
    ".",
    "*",
    "*.",
    "10 ",
    ":25",
    "https://",
    "mailto:",
    "!",
    ";",
    ",",
    "@",
    "_",
    "ü",
    "'",
    '"',
    "0",
    "d",
    "/",
    "[",
    "#",
    "％",
]
SLIPPED = st.tuples(st.sampled_from(PIECES), st.sampled_from(WORDS), st.sampled_from(PIECES), st.sampled_from(PIECES))
ANY = st.one_of(
    SLIPPED.map("".join),
    st.text(max_size=40),
    st.integers(-10, 10**11),
    st.booleans(),
    st.sampled_from(WORDS).flatmap(lambda word: st.permutations(list(word[:8])).map("".join)),
)
WAYS = [MX, AGE, RUA, HOST, DOMAIN, MODE, VERSION, KIND, ("domains", "example.com", "zone")]


def inside(way: Way, value: Any) -> dict[str, Any]:
    """Return the good file with a value that a zone may have, too."""
    if way[-1] != "zone":
        return put(way, value)
    return {**GOOD, "domains": {"example.com": {"zone": value}}}


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(way=st.sampled_from(WAYS), value=ANY)
def test_every_suggestion_passes(tmp_path: Path, way: Way, value: Any) -> None:
    """Whatever stands there: what is offered is one scalar, differs from it, and gives no error in its place."""
    if way == DOMAIN and not isinstance(value, str):
        value = str(value)
    for finding in findings(tmp_path, inside(way, value)):
        better = finding.suggestion
        if better is None:
            continue
        assert isinstance(better, int if way == AGE else str)
        assert better != value
        left = findings(tmp_path, inside(way, better))
        assert not has_errors(left), (value, better, [each.message for each in left])


def suggesting() -> Iterator[str]:
    """Yield the rules that a slip of the table raises together with a suggestion."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for _, way, written, _ in SLIPS:
            yield from (each.rule.id for each in findings(Path(name), put(way, written)) if each.suggestion is not None)


def test_the_table_has_every_rule_that_suggests() -> None:
    """A rule that learns to suggest needs a row here: the property above only finds what it happens to try."""
    assert sorted(set(suggesting())) == [
        *("MTS105", "MTS110", "MTS111", "MTS112", "MTS113", "MTS120", "MTS122", "MTS123", "MTS125", "MTS129"),
        "MTS130",
        *("MTS141", "MTS142", "MTS143", "MTS144"),
    ]
