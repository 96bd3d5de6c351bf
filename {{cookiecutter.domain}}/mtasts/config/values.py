"""What the values of policy.yaml mean, and whether they make sense. The schema checks their form.

Accepts any data and skips what is malformed, so that one run shows all findings.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from mtasts.config.yaml_file import Document, Steps
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.lint import value_findings
from mtasts.sts.names import domain_fault, name_fault, registrable
from mtasts.sts.policy import missing, policy_host
from mtasts.tlsrpt.rua import rua_fault

DOMAIN_TWICE = Rule(
    "MTS131",
    "A domain is listed twice",
    Severity.ERROR,
    "RFC 1035 §2.3.3",
    """Domain names are not case-sensitive: `Example.com` and `example.com` are the same domain. Keep one of the
two.""",
)
ZONE_PARENT = Rule(
    "MTS132",
    "The zone does not contain the domain",
    Severity.ERROR,
    "RFC 1034 §4.2",
    """`zone` names the DNS zone that holds the domain's records: the domain itself, or one of its parents, such
as `example.com` for `mail.example.com`. Leave it out if the domain has its own zone.""",
)
ZONE_UNNAMED = Rule(
    "MTS133",
    "A subdomain does not name its zone",
    Severity.WARNING,
    "RFC 1034 §4.2",
    """Without `zone`, a domain's records are written for a DNS zone with the domain's own name. Most subdomains
have no zone of their own: `mail.example.com` is usually part of the zone `example.com`. Then `records` prints
wrong names for DNS forms, and `publish` finds no zone. Name the zone with `zone: example.com`, or, if the
subdomain has its own zone, with `zone: mail.example.com`.""",
)
REPORTING_MISSING = Rule(
    "MTS140",
    "Testing without TLS reports",
    Severity.WARNING,
    "RFC 8460 §3",
    """In `testing`, TLS reports tell you which deliveries would fail. Without an address under `tls_reporting`
you receive none. Add `tls_reporting: {rua: [mailto:tls-reports@example.com]}`.""",
)
RUA_SEVERAL = Rule(
    "MTS145",
    "Several addresses for TLS reports",
    Severity.WARNING,
    "RFC 8460 §3",
    """RFC 8460 allows several addresses, but not every sender reports to all of them: Microsoft reports only to
the first one, and Stalwart sends no mail once an `https:` URI has accepted the report. Put the address that you
read at the top of the list, or use one address and forward the reports from there.""",
)
HOSTNAME_MISSING = Rule(
    "MTS155",
    "hosting.hostname is not set",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """`mta-sts.<domain>` is a CNAME to this name. Azure assigns it when the hosting is created; for a web
server it is the server's own name. Until you set it, `records` cannot print the CNAME. If your web server has
no name other than `mta-sts.<domain>`, add its address to DNS by hand and ignore this warning.""",
)
HOSTNAME_LOOP = Rule(
    "MTS156",
    "hosting.hostname is a policy host itself",
    Severity.ERROR,
    "RFC 1034 §3.6.2",
    """`mta-sts.<domain>` is published as a CNAME to `hosting.hostname`. If that is a policy host of this file,
the CNAME points to itself or in a circle, and senders find no address. Write the name that Azure gave the
hosting, or the server's own name. If your web server has no name other than `mta-sts.<domain>`, add its address
to DNS by hand and remove `hostname`.""",
)

VERIFICATION_UNREAD = Rule(
    "MTS157",
    "The verification of a domain is no longer used",
    Severity.WARNING,
    "Azure Front Door domain validation",
    """The token that validates a domain for Front Door expires after some days, so each run reads it from Azure and
publishes it at `_dnsauth.mta-sts.<domain>`. Nothing uses the key `verification` of a domain any more: remove it. If
you publish by hand, pass `--verification FILE` to `records` and `publish hosting`.""",
)


Located = tuple[Steps, Finding]

_NO_CNAME = "hosting.hostname is not set, so mta-sts.<domain> has no CNAME yet."
_PROVISION = "Run provision with create, and commit policy.yaml from its artifact."
_HOW = {"web-server": "Write your web server's name, unless mta-sts has an address record."}
POLICY_KEYS = ("mode", "max_age", "mx")


def inherited(data: Mapping[str, Any], own: Any) -> dict[str, Any]:
    """Return a domain's entry with what its policy has from the top of the file. own: the entry as it is written."""
    return {**{key: data[key] for key in POLICY_KEYS if key in data}, **_mapping(own)}


def entries(document: Document) -> dict[str, dict[str, Any]]:
    """Return the entry of each domain, with what it has from the top, by its name as it is written."""
    data = _mapping(document.data)
    return {name: inherited(data, own) for name, own in _mapping(data.get("domains")).items()}


def check(document: Document, entries: Mapping[str, Mapping[str, Any]]) -> list[Located]:
    """Return what is wrong with a document's meaning, each once and with the way to its place. entries: of domains."""
    data = _mapping(document.data)
    parts = (_policies(data, entries), _domains(data), _reporting(data, entries), _hosting(data))
    return list(dict.fromkeys(located for part in parts for located in part))


def _policies(data: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> Iterator[Located]:
    for steps, finding in value_findings(*_values(data)):
        yield steps, finding
    for name, values in entries.items():
        own = _mapping(data["domains"][name])
        if own.keys() & set(POLICY_KEYS):
            # What the domain has from the top is judged there, once: it may be long, and there may be many domains.
            mode, max_age, mx = _values(values)
            for steps, finding in value_findings(mode, max_age, mx if "mx" in own else []):
                # But its mode can make a max_age from the top unwise.
                if steps[0] in own:
                    yield ("domains", name, *steps), finding
                elif steps == ("max_age",) and "mode" in own:
                    yield ("domains", name, "mode"), finding
        empty = "mx" in values and values["mx"] is None  # the schema says so already
        if values.get("mode") in ("testing", "enforce") and values.get("mx") in (None, []) and not empty:
            yield _owner(name, own, "mx", "mode"), missing("mx")


def _owner(name: str, own: Mapping[str, Any], *keys: str) -> Steps:
    """Return the path of the first of the keys that the domain has itself, else of the first one at the top."""
    return next((("domains", name, key) for key in keys if key in own), (keys[0],))


def _values(data: Mapping[str, Any]) -> tuple[str | None, int | None, list[object]]:
    mode, max_age, mx = data.get("mode"), data.get("max_age"), data.get("mx")
    return (
        mode if isinstance(mode, str) else None,
        max_age if type(max_age) is int else None,
        mx if isinstance(mx, list) else [],
    )


def _domains(data: Mapping[str, Any]) -> Iterator[Located]:
    seen: dict[str, str] = {}
    for name, entry in _mapping(data.get("domains")).items():
        steps: Steps = ("domains", name)
        if fault := domain_fault(name):
            yield steps, fault
        first = seen.setdefault(name.lower(), name)
        if first != name:
            message = f"{quote(name)} is the same domain as {quote(first)} above. Remove one of the two."
            yield steps, Finding(DOMAIN_TWICE, message)
        zone = _mapping(entry).get("zone")
        if zone is None and (finding := _zone_unnamed(name)):
            yield steps, finding
        if isinstance(zone, str) and (fault := _zone_fault(zone, name)):
            yield (*steps, "zone"), fault


def _zone_fault(zone: str, domain: str) -> Finding | None:
    if fault := name_fault(zone, "zone"):
        return fault
    if f".{domain.lower()}".endswith(f".{zone.lower()}"):
        return None
    message = f"zone {quote(zone)} does not contain {quote(domain)}. Write the domain itself or one of its parents."
    return Finding(ZONE_PARENT, message)


def _zone_unnamed(name: str) -> Finding | None:
    """Return a finding for a domain that most likely has no zone of its own: one below a registered name."""
    if name.count(".") < 2 or domain_fault(name):  # with one dot it is registered, or a public suffix
        return None
    parent = registrable(name)
    if parent in (None, name.lower()):
        return None
    message = (
        f"{name} does not name its DNS zone. If its records are in the zone {parent}, add zone: {parent}. "
        f"If it has its own zone, add zone: {name}."
    )
    return Finding(ZONE_UNNAMED, message)


def _reporting(data: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> Iterator[Located]:
    rua = _mapping(data.get("tls_reporting")).get("rua")
    if isinstance(rua, list) and len(rua) > 1:
        message = (
            f"There are {len(rua)} addresses for TLS reports. Microsoft reports only to the first one, and Stalwart"
            " sends no mail once an https: URI has accepted the report. Put the address that you read at the top."
        )
        yield ("tls_reporting", "rua"), Finding(RUA_SEVERAL, message)
    for number, uri in enumerate(rua if isinstance(rua, list) else []):
        if isinstance(uri, str) and (fault := rua_fault(uri)):
            yield ("tls_reporting", "rua", number), fault
    if "tls_reporting" in data:
        return
    for name, values in entries.items():
        if values.get("mode") == "testing":
            message = (
                "mode is testing, but nobody receives the TLS reports. Add: tls_reporting: {rua: [mailto:YOUR-ADDRESS]}"
            )
            yield _owner(name, _mapping(data["domains"][name]), "mode"), Finding(REPORTING_MISSING, message)


def _hosting(data: Mapping[str, Any]) -> Iterator[Located]:
    hosting = _mapping(data.get("hosting"))
    if hosting.get("kind") == "front-door":
        for name in (name for name, own in _mapping(data.get("domains")).items() if "verification" in _mapping(own)):
            message = f"verification of {quote(name)} is no longer used: each run reads it from Azure. Remove it."
            yield ("domains", name, "verification"), Finding(VERIFICATION_UNREAD, message)
    hostname = hosting.get("hostname")
    if "kind" in hosting and hostname is None:
        yield ("hosting",), Finding(HOSTNAME_MISSING, f"{_NO_CNAME} {_HOW.get(str(hosting['kind']), _PROVISION)}")
    if isinstance(hostname, str) and (fault := _hostname_fault(hostname, _mapping(data.get("domains")))):
        yield ("hosting", "hostname"), fault


def leads_to(hostname: str, domains: Container[str]) -> str | None:
    """Return the domain whose policy host this is, so that its CNAME would lead to itself. domains: in lower case."""
    host = hostname.lower().rstrip(".")
    domain = host.removeprefix(policy_host(""))
    return domain if domain != host and domain in domains else None


def _hostname_fault(hostname: str, domains: Iterable[str]) -> Finding | None:
    domain = leads_to(hostname, {name.lower() for name in domains})
    if domain is None:
        return name_fault(hostname, "hostname")
    message = (
        f"hostname {quote(hostname)} is the policy host of {domain}, so its CNAME would point to itself."
        " Write the hosting's own name. If you add that host's address to DNS by hand, remove hostname."
    )
    return Finding(HOSTNAME_LOOP, message)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
