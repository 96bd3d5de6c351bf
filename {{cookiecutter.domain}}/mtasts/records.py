"""The DNS records of each domain: hosting before the certificate, announcement after HTTPS serves the policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from mtasts.config import Config, Domain
from mtasts.policy import policy_host
from mtasts.record import StsRecord, TlsRptRecord, policy_id

TTL = 3600  # seconds


@dataclass(frozen=True)
class DnsRecord:
    """One record. name and a CNAME's value are absolute, with the final dot. ttl in seconds."""

    name: str
    type: str
    ttl: int
    value: str


def records(config: Config) -> list[DnsRecord]:
    """Return every domain's records, in the order in which they are to be published."""
    return [record for domain in config.domains for record in (*hosting(domain, config), *announcement(domain, config))]


def hosting(domain: Domain, config: Config) -> Iterator[DnsRecord]:
    """Yield what leads senders to the policy host (RFC 8461 §3.3). Nothing while its name is not known."""
    if config.hosting.hostname:
        yield DnsRecord(f"{policy_host(domain.name)}.", "CNAME", TTL, f"{config.hosting.hostname}.")


def announcement(domain: Domain, config: Config) -> Iterator[DnsRecord]:
    """Yield what tells senders of the policy (RFC 8461 §3.1) and where reports go (RFC 8460 §3)."""
    sts = StsRecord(policy_id(domain.policy))
    yield DnsRecord(f"_mta-sts.{domain.name}.", "TXT", TTL, sts.render())
    if config.rua:
        yield DnsRecord(f"_smtp._tls.{domain.name}.", "TXT", TTL, TlsRptRecord(config.rua).render())


def as_table(records: Sequence[DnsRecord]) -> str:
    """Return columns for people: name, type, TTL, value."""
    rows = [("NAME", "TYPE", "TTL", "VALUE"), *((r.name, r.type, str(r.ttl), r.value) for r in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[3]]) for row in rows)


def as_zone(records: Sequence[DnsRecord]) -> str:
    """Return lines of a zone file (RFC 1035 §5)."""
    return "\n".join(
        f"{r.name} {r.ttl} IN {r.type} {_strings(r.value) if r.type == 'TXT' else r.value}" for r in records
    )


def as_json(records: Sequence[DnsRecord]) -> str:
    """Return a JSON document for other tools."""
    return json.dumps({"records": [asdict(record) for record in records]}, indent=2)


FORMATS: Mapping[str, Callable[[Sequence[DnsRecord]], str]] = {"table": as_table, "zone": as_zone, "json": as_json}


def _strings(value: str) -> str:
    """Return a TXT value as quoted strings of at most 255 octets, which readers join."""
    parts = [value[start : start + 255] for start in range(0, len(value), 255)]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
