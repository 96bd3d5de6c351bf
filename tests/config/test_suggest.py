"""Suggestions: each is a value that passes, whatever was written. A row for each slip, its source first.

What is expected was worked out by hand; None where nobody can know, or where it takes more than one value.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import TEMPLATE
from mtasts.config.model import load
from mtasts.findings import Finding, has_errors
from mtasts.sts.lint import lint_policy

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
NAME, REGION, TTL = ("hosting", "name"), ("hosting", "region"), ("dns", "ttl")
ZONE, RETIRED = ("domains", "example.com", "zone"), ("domains", "example.com", "retired")
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
    ("a line of dig", MX, "example.com. 300 IN MX 10 mx1.example.com.", "mx1.example.com"),
    ("a line of host", MX, "example.com mail is handled by 10 mx1.example.com.", "mx1.example.com"),
    ("a line of nslookup", MX, "example.com MX preference = 10, mail exchanger = mx1.example.com", "mx1.example.com"),
    ("several hosts", MX, "mx1.example.com, mx2.example.com", None),
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
    ("the record's name, with a public suffix", DOMAIN, "_mta-sts.co.uk", None),
    ("a zone that is a URL", ZONE, "https://example.com/", "example.com"),
    ("MTS132: the policy host is no zone", ZONE, "mta-sts.example.com", "example.com"),
    ("MTS132: another's zone", ZONE, "example.net", None),
    ("a URL", HOST, "https://mtasts.azurewebsites.net/", "mtasts.azurewebsites.net"),
    ("a final dot", HOST, "mtasts.azurewebsites.net.", "mtasts.azurewebsites.net"),
    ("a CNAME to itself", HOST, "mta-sts.example.com", None),
    ("G7: the likeliest slip with Exchange Online", MX, "mail.protection.outlook.com", "*.mail.protection.outlook.com"),
    ("G7, pasted from DNS", MX, "10 mail.protection.outlook.com.", "*.mail.protection.outlook.com"),
    ("G7", MX, "*.outlook.com", "*.mail.protection.outlook.com"),
    ("PS.MTA-STS#33: `*` is one label", MX, "*.mx.microsoft", None),
    # max_age
    ("units", AGE, "1 week", 604800),
    ("units", AGE, "7d", 604800),
    ("quotes", AGE, "86400", 86400),
    ("thousands separators", AGE, "604,800", 604800),
    ("longer than the RFC allows, and then than testing needs", AGE, 99999999, 1209600),
    ("shorter than testing needs, once it is a number", AGE, "1h", 86400),
    ("too short for testing", AGE, 60, 86400),
    ("too long for testing", AGE, 31557600, 1209600),
    ("zero, which no sender keeps", AGE, 0, 604800),
    ("a month of 30 days, longer than testing needs", AGE, "1 month", 1209600),
    ("below zero", AGE, -1, None),
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
    ("case", KIND, "Web-Server", "web-server"),
    ("the portal's name", REGION, "(Europe) West Europe", "westeurope"),
    ("the long name", REGION, "East US 2", "eastus2"),
    ("an underscore", NAME, "mtasts_example", "mtasts-example"),
    ("the app's host", NAME, "mtasts-example.azurewebsites.net", "mtasts-example"),
    ("units", TTL, "1h", 3600),
    ("quotes", TTL, "300", 300),
    ("too long", TTL, 604800, 86400),
    ("quotes", RETIRED, "true", True),
    ("YAML 1.2 has no yes", RETIRED, "yes", True),
    ("no word for it", RETIRED, "soon", None),
    # Reports
    ("published guides", RUA, "tls@example.com", "mailto:tls@example.com"),
    ("published guides", RUA, "v=TLSRPv1; rua=mailto:tls@example.com", "mailto:tls@example.com"),
    ("a piece of the record", RUA, "rua=mailto:tls@example.com;", "mailto:tls@example.com"),
    ("twice", RUA, "mailto:mailto:tls@example.com", "mailto:tls@example.com"),
    ("a blank", RUA, "mailto: tls@example.com", "mailto:tls@example.com"),
    ("RFC 8460 §3", RUA, "mailto:a;b@example.com", "mailto:a%3Bb@example.com"),
    ("letters outside ASCII", RUA, "mailto:tls@bücher.example", "mailto:tls@xn--bcher-kva.example"),
    ("in angle brackets", RUA, "<tls@example.com>", "mailto:tls@example.com"),
    ("in angle brackets", RUA, "mailto:<tls@example.com>", "mailto:tls@example.com"),
    ("with a name", RUA, "TLS reports <tls@example.com>", "mailto:tls@example.com"),
    ("slashes of a web address", RUA, "mailto://tls@example.com", "mailto:tls@example.com"),
    ("a semicolon", RUA, "mailto;tls@example.com", "mailto:tls@example.com"),
    ("a line of policy.yaml", RUA, "rua: mailto:tls@example.com", "mailto:tls@example.com"),
    ("a final dot", RUA, "mailto:tls@example.com.", "mailto:tls@example.com"),
    ("plain http", RUA, "http://example.com/tls", None),
    ("nothing", RUA, "mailto:", None),
]


def put(way: Way, value: Any, good: dict[str, Any] = GOOD) -> dict[str, Any]:
    """Return the good file with a value in place of another; of a domain, its name."""
    data = copy.deepcopy(good)
    inner: Any = data
    for step in way[:-1]:
        inner[step] = inner.get(step) or {} if isinstance(inner, dict) else inner[step]
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
        assert (str(expected).lower() if expected is True else str(expected)) in finding.message
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
WAYS = [MX, AGE, RUA, HOST, DOMAIN, MODE, VERSION, KIND, ZONE, NAME, REGION, TTL, RETIRED]
OTHER_MODE = {"mode": "enforce", "max_age": 604800}
NAMES = [f"{letter}.example" for letter in "abcde"]
# A value that is right by itself can be one too many, or differ from what one set of files can serve.
FILES = [
    GOOD,
    {**GOOD, "domains": dict.fromkeys(NAMES[:3], None) | GOOD["domains"], "hosting": {"kind": "static-web-app"}},
    {**GOOD, "domains": {"example.com": None, "a.example": OTHER_MODE}},
    {**GOOD, "domains": {**dict.fromkeys(NAMES[:2]), "example.com": None}, "hosting": {"kind": "function"}},
    {**GOOD, "domains": {**dict.fromkeys(NAMES[:4]), "example.com": None}, "hosting": {"kind": "static-web-app"}},
]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(good=st.sampled_from(FILES), way=st.sampled_from(WAYS), value=ANY)
def test_every_suggestion_passes(tmp_path: Path, good: dict[str, Any], way: Way, value: Any) -> None:
    """Whatever stands there: what is offered is one scalar, differs from it, and gives no error in its place."""
    if way == DOMAIN and not isinstance(value, str):
        value = str(value)
    for finding in findings(tmp_path, put(way, value, good)):
        better = finding.suggestion
        if better is None:
            continue
        assert type(better) is {AGE: int, TTL: int, RETIRED: bool}.get(way, str)
        assert better != value or type(better) is not type(value)
        left = findings(tmp_path, put(way, better, good))
        assert not has_errors(left), (value, better, [each.message for each in left])


TWO = {"example.com": None, "a.example": None}
WHOLE: list[tuple[str, dict[str, Any], str, list[Any]]] = [
    ("MTS150: a fourth domain", {"domains": {**dict.fromkeys(NAMES[:3]), "d.example.": None}}, "function", []),
    ("the third may come", {"domains": {**dict.fromkeys(NAMES[:2]), "c.example.": None}}, "function", ["c.example"]),
    ("MTS131: two of one name", {"domains": {"a.example.": None, "A.example.": None}}, "web-server", ["a.example"]),
    ("each by itself", {"mode": "Testing", "max_age": "1 week"}, "web-server", [604800, "testing"]),
    (
        "one that cannot be mended beside one that can",
        {"mode": "Testing", "mx": ["192.0.2.1"]},
        "web-server",
        ["testing"],
    ),
    ("what stands in it", {"domains": {"a.example.": {"max_age": "1 week"}}}, "web-server", ["a.example", 604800]),
]


@pytest.mark.parametrize(("source", "change", "kind", "expected"), WHOLE, ids=[row[0] for row in WHOLE])
def test_the_whole_file_judges(
    tmp_path: Path, source: str, change: dict[str, Any], kind: str, expected: list[Any]
) -> None:
    """A value that passes by itself is not offered if the file has an error with it that it had not before."""
    found = findings(tmp_path, {**GOOD, "hosting": {"kind": kind}, **change})
    assert has_errors(found)
    assert [each.suggestion for each in found if each.suggestion is not None] == expected, source


def test_the_kind_of_hosting_must_be_able_to_serve_the_file(tmp_path: Path) -> None:
    """MTS153: a Static Web App serves one policy, and these two domains have two."""
    data = {**FILES[2], "hosting": {"kind": "Static-Web-App"}}
    (found,) = (each for each in findings(tmp_path, data) if each.rule.id == "MTS105")
    assert found.suggestion is None
    assert "static-web-app" in found.message
    one = {**data, "domains": TWO}
    (found,) = (each for each in findings(tmp_path, one) if each.rule.id == "MTS105")
    assert found.suggestion == "static-web-app"


def scalars(schema: dict[str, Any], part: dict[str, Any], way: Way = ()) -> Iterator[Way]:
    """Yield the way to each single value that policy.schema.json knows; a domain's own keys under `domain`."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    for key, inner in part.get("properties", {}).items():
        yield from scalars(schema, inner, (*way, key))
    for inner in (part.get("items"), part.get("additionalProperties") or None):
        if inner:
            yield from scalars(schema, inner, way)
    if not {"properties", "items"} & set(part) and part.get("type") != "object":
        yield way


def test_the_table_has_every_key() -> None:
    """A key that comes to policy.schema.json needs rows here, or a reason why nothing can be suggested."""
    schema = json.loads((TEMPLATE / "policy.schema.json").read_text(encoding="utf-8"))
    keys = {way[-1] for way in scalars(schema, schema)}
    tried = {next(step for step in reversed(row[1]) if isinstance(step, str)) for row in SLIPS} - {"domains"}
    assert keys - tried == {"verification"}  # a token: nobody can guess it


SERVED = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("version: STSv1", "version: STSV1", "STSv1"),
        ("mode: enforce", "mode: Enforce", "enforce"),
        ("mode: enforce", "mode: nope", None),
        ("mx1.example.com", "mx1.example.com.", "mx1.example.com"),
        ("mx1.example.com", "mail.protection.outlook.com", "*.mail.protection.outlook.com"),
        ("mx1.example.com", "192.0.2.1", None),
        ("604800", "1 week", "604800"),
        ("604800", "86400", "604800"),
    ],
)
def test_a_served_text_has_suggestions_too(right: str, wrong: str, expected: str | None) -> None:
    """Put in place of what is served, they pass."""
    (found,) = lint_policy(SERVED.replace(right, wrong))
    assert found.suggestion == expected
    if expected is not None:
        assert expected in found.message
        assert not lint_policy(
            SERVED.replace(right, right.partition(": ")[0] + ": " + expected if ":" in right else expected)
        )
