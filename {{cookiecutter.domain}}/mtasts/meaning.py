"""What the values of policy.yaml mean, and whether they make sense. Their form is the schema's business.

Takes any data: what has a wrong form is passed over, so that one run shows all findings.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from mtasts.document import Document, Steps
from mtasts.findings import Finding, quote
from mtasts.judge import judge
from mtasts.names import DOMAIN_OCTETS, name_fault, registrable
from mtasts.policy import missing, policy_host
from mtasts.reporting import rua_fault
from mtasts.rules import policy_file as rules

Located = tuple[Steps, Finding]

_POLICY = frozenset(("mode", "max_age", "mx"))


def check(document: Document) -> list[Finding]:
    """Return what is wrong with a document's meaning, each finding once and with its place."""
    data = _mapping(document.data)
    found: list[Finding] = []
    for part in (_policies(data), _domains(data), _reporting(data), _hosting(data)):
        for steps, finding in part:
            line, column = document.place(steps)
            domain = str(steps[1]) if steps[0] == "domains" else None
            found.append(finding.at(line=line, column=column, domain=domain))
    return list(dict.fromkeys(found))


def _policies(data: Mapping[str, Any]) -> Iterator[Located]:
    for steps, finding in judge(*_values(data)):
        yield steps, finding
    top = {key: data[key] for key in _POLICY if key in data}
    for name, entry in _mapping(data.get("domains")).items():
        own = _mapping(entry)
        values = {**top, **own}
        if own.keys() & _POLICY:
            # What the domain has from the top is judged there, once: it may be long, and there may be many domains.
            mode, max_age, mx = _values(values)
            for steps, finding in judge(mode, max_age, mx if "mx" in own else []):
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
            yield steps, Finding(rules.DOMAIN_TWICE, message)
        zone = _mapping(entry).get("zone")
        if zone is None and (finding := _zone_unnamed(name)):
            yield steps, finding
        if isinstance(zone, str) and (fault := _zone_fault(zone, name)):
            yield (*steps, "zone"), fault


def domain_fault(name: str) -> Finding | None:
    """Return what is wrong with the name of a mail domain, or None."""
    for prefix in ("mta-sts.", "_mta-sts."):
        if name.lower().startswith(prefix):
            domain = name[len(prefix) :]
            message = f"{quote(name)} is a name made from the mail domain. Write {quote(domain)}."
            return Finding(rules.DOMAIN_PREFIX, message)
    if fault := name_fault(name, "domain", DOMAIN_OCTETS):
        return fault
    if "." not in name:
        return Finding(rules.NAME_FORM, f"domain {quote(name)} has no dot. Write the part after the @ in full.")
    return None


def _zone_fault(zone: str, domain: str) -> Finding | None:
    if fault := name_fault(zone, "zone"):
        return fault
    if f".{domain.lower()}".endswith(f".{zone.lower()}"):
        return None
    message = f"zone {quote(zone)} does not hold {quote(domain)}. Write the domain itself or a parent of it."
    return Finding(rules.ZONE_PARENT, message)


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
    return Finding(rules.ZONE_UNNAMED, message)


def _reporting(data: Mapping[str, Any]) -> Iterator[Located]:
    rua = _mapping(data.get("tls_reporting")).get("rua")
    for number, uri in enumerate(rua if isinstance(rua, list) else []):
        if isinstance(uri, str) and (fault := rua_fault(uri)):
            yield ("tls_reporting", "rua", number), fault
    if "tls_reporting" in data:
        return
    for name, entry in _mapping(data.get("domains")).items():
        own = _mapping(entry)
        if own.get("mode", data.get("mode")) == "testing":
            message = "mode is testing, and no one receives the reports. Add tls_reporting with a rua."
            yield _owner(name, own, "mode"), Finding(rules.REPORTING_MISSING, message)


def _hosting(data: Mapping[str, Any]) -> Iterator[Located]:
    hosting = _mapping(data.get("hosting"))
    hostname = hosting.get("hostname")
    if "kind" in hosting and hostname is None:
        message = "hostname is not set, so there is no CNAME yet. Add it once the hosting exists."
        yield ("hosting",), Finding(rules.HOSTNAME_MISSING, message)
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
    return Finding(rules.HOSTNAME_LOOP, message)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
