"""DNS records as people, name servers and other tools read them. These are forms of DNS, not of a report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import yaml

from mtasts.dns.records import DnsRecord
from mtasts.findings.report import Section, Table


def as_table(records: Sequence[DnsRecord]) -> str:
    """Return columns for people: name, the name in its zone, type, TTL, value."""
    rows = [
        ("NAME", "HOST", "TYPE", "TTL", "VALUE"),
        *((r.name, r.host, r.type, str(r.ttl), r.value) for r in records),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[4]]) for row in rows)


def to_enter(records: Sequence[DnsRecord]) -> Section:
    """Return the records that a person must enter, as a section of a report."""
    rows = [(r.name, r.host, r.type, str(r.ttl), r.value) for r in records]
    return Section("Records to enter", table=Table(("name", "host", "type", "TTL", "value"), rows))


def as_zone(records: Sequence[DnsRecord]) -> str:
    """Return lines of a zone file (RFC 1035 §5)."""
    return "\n".join(
        f"{r.name} {r.ttl} IN {r.type} {_strings(r.value) if r.type == 'TXT' else r.value}" for r in records
    )


def as_json(records: Sequence[DnsRecord]) -> str:
    """Return a JSON document for other tools."""
    found = [{**asdict(record), "host": record.host} for record in records]
    return json.dumps({"records": found}, indent=2)


def as_octodns(records: Sequence[DnsRecord]) -> str:
    """Return octoDNS's YAML, a document per zone, for people who already manage their zones with octoDNS."""
    zones: dict[str, dict[str, object]] = {}
    for record in records:
        # By default, octoDNS's YAML provider needs escaped semicolons.
        value = record.value.replace(";", "\\;") if record.type == "TXT" else record.value
        zone = zones.setdefault(record.zone, {})
        zone[record.host] = {"ttl": record.ttl, "type": record.type, "value": value}
    documents = {name: dict(sorted(zone.items(), key=lambda item: _natural(item[0]))) for name, zone in zones.items()}
    return "\n".join(
        f"# {name}.yaml\n---\n{yaml.safe_dump(zone, width=1000, sort_keys=False)}" for name, zone in documents.items()
    ).rstrip()


FORMATS: Mapping[str, Callable[[Sequence[DnsRecord]], str]] = {
    "table": as_table,
    "zone": as_zone,
    "json": as_json,
    "octodns": as_octodns,
}


def _natural(name: str) -> list[tuple[int, str]]:
    """Return the sort key of octoDNS's order, in which d2 comes before d10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _strings(value: str) -> str:
    """Return a TXT value as quoted strings of at most 255 octets, which resolvers join."""
    parts = [value[start : start + 255] for start in range(0, len(value), 255)]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
