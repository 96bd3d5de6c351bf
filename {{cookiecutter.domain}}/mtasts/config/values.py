"""What the values of policy.yaml mean, and whether they make sense. Their form is the schema's business.

Takes any data: what has a wrong form is passed over, so that one run shows all findings.
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
    """Case does not matter in a domain name: `Example.com` and `example.com` are one domain. Keep one of the two.""",
)
ZONE_PARENT = Rule(
    "MTS132",
    "The zone does not hold the domain",
    Severity.ERROR,
    "RFC 1034 §4.2",
    """`zone` names the DNS zone that the domain's records go into: the domain itself, or a parent of it, such as
`example.com` for `mail.example.com`. Leave it out where the domain has a zone of its own.""",
)
ZONE_UNNAMED = Rule(
    "MTS133",
    "A domain below another does not name its zone",
    Severity.WARNING,
    "RFC 1034 §4.2",
    """Without `zone`, the records of a domain go into a DNS zone of its own name. Most domains below a registered
one have no zone of their own: `mail.example.com` stands in the zone `example.com`. Then `records` prints wrong names
for DNS forms, and `publish` finds no zone. Name the zone with `zone: example.com`, or say that the domain has one of
its own with `zone: mail.example.com`.""",
)
REPORTING_MISSING = Rule(
    "MTS140",
    "Testing without TLS reports",
    Severity.WARNING,
    "RFC 8460 §3",
    """The point of `testing` is to read in the reports which senders would fail. Without an address under
`tls_reporting` nobody tells you. Add `tls_reporting: {rua: [mailto:tls-reports@example.com]}`.""",
)
RUA_SEVERAL = Rule(
    "MTS145",
    "Several addresses for TLS reports",
    Severity.WARNING,
    "RFC 8460 §3",
    """RFC 8460 lets a domain name several addresses, and not every sender reports to all of them: Microsoft takes the
first one alone, and Stalwart sends no mail once an `https:` URI took the report. Put the address that you read first,
or give one address, and pass the reports on from there.""",
)
HOSTNAME_MISSING = Rule(
    "MTS155",
    "hosting.hostname is not set",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """`mta-sts.<domain>` is a CNAME to this name. Azure tells it once the resource exists (for a web server it is
the server's own name). Until it stands here, `records` cannot print the CNAME.""",
)
HOSTNAME_LOOP = Rule(
    "MTS156",
    "hosting.hostname is a policy host itself",
    Severity.ERROR,
    "RFC 1034 §3.6.2",
    """`mta-sts.<domain>` is published as a CNAME to `hosting.hostname`. If that is a policy host of this file, the
CNAME points to itself or into a circle, and senders find no address. Write the name that Azure gave the hosting, or
the server's own name. If a web server has no other name than `mta-sts.<domain>`, enter its address in DNS by hand and
remove `hostname`.""",
)

VERIFICATION_UNREAD = Rule(
    "MTS157",
    "The verification of a domain is not read any more",
    Severity.WARNING,
    "Azure Front Door domain validation",
    """What proves a domain to Front Door ends after days, so each run reads it in Azure and publishes it at
`_dnsauth.mta-sts.<domain>`. The key `verification` of a domain is read by nothing any more: remove it. By hand, pass
`--verification FILE` to `records` and `publish hosting`.""",
)


Located = tuple[Steps, Finding]

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
        if values.get("mode") in ("testing", "enforce") and values.get("mx") in (None, []):
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
    message = f"zone {quote(zone)} does not hold {quote(domain)}. Write the domain itself or a parent of it."
    return Finding(ZONE_PARENT, message)


def _zone_unnamed(name: str) -> Finding | None:
    """Return a finding for a domain that most likely has no zone of its own: one below a registered name."""
    if name.count(".") < 2 or domain_fault(name):  # with one dot it is registered, or a public suffix
        return None
    parent = registrable(name)
    if parent in (None, name.lower()):
        return None
    message = (
        f"{name} has no zone, so its records are written for a DNS zone of its own. If they belong into"
        f" {parent}, add zone: {parent}. If {name} is a zone, add zone: {name}."
    )
    return Finding(ZONE_UNNAMED, message)


def _reporting(data: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> Iterator[Located]:
    rua = _mapping(data.get("tls_reporting")).get("rua")
    if isinstance(rua, list) and len(rua) > 1:
        message = (
            f"There are {len(rua)} addresses for TLS reports. Microsoft reports to the first one alone, and Stalwart"
            " sends no mail once an https: URI took the report. Put the address that you read first."
        )
        yield ("tls_reporting", "rua"), Finding(RUA_SEVERAL, message)
    for number, uri in enumerate(rua if isinstance(rua, list) else []):
        if isinstance(uri, str) and (fault := rua_fault(uri)):
            yield ("tls_reporting", "rua", number), fault
    if "tls_reporting" in data:
        return
    for name, values in entries.items():
        if values.get("mode") == "testing":
            message = "mode is testing, and no one receives the reports. Add tls_reporting with a rua."
            yield _owner(name, _mapping(data["domains"][name]), "mode"), Finding(REPORTING_MISSING, message)


def _hosting(data: Mapping[str, Any]) -> Iterator[Located]:
    hosting = _mapping(data.get("hosting"))
    if hosting.get("kind") == "front-door":
        for name in (name for name, own in _mapping(data.get("domains")).items() if "verification" in _mapping(own)):
            message = f"verification of {quote(name)} is not read any more: each run reads it in Azure. Remove it."
            yield ("domains", name, "verification"), Finding(VERIFICATION_UNREAD, message)
    hostname = hosting.get("hostname")
    if "kind" in hosting and hostname is None:
        message = "hostname is not set, so there is no CNAME yet. Add it once the hosting exists."
        yield ("hosting",), Finding(HOSTNAME_MISSING, message)
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
        f"hostname {quote(hostname)} is the policy host of {domain}, so a CNAME would point to itself."
        " Write the hosting's own name. If you enter the address of that host in DNS by hand, remove hostname."
    )
    return Finding(HOSTNAME_LOOP, message)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
