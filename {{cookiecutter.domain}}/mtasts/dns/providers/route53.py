"""Amazon Route 53, through octodns-route53."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mtasts.dns.providers._text import reescaped

PACKAGE = "octodns_route53"
REFUSAL = re.compile(r"\(AccessDenied\)")


def confine(provider: Any, ours: Callable[[str], bool]) -> None:
    """Let the provider see only records at our names, and change only what is ours."""
    read, populate = provider._load_records, provider.populate

    def records(zone: str) -> list[Any]:
        return [_text_as_it_is(record) for record in read(zone) if ours(record["Name"])]

    def populated(zone: Any, target: bool = False, lenient: bool = False) -> bool:
        provider._r53_rrsets.clear()  # read for the plan, before any zone was changed
        return bool(populate(zone, target=target, lenient=lenient))

    def update(change: Any, zone: str, existing: Any, collection: Any = None) -> list[Any]:
        # octoDNS's method overwrites what somebody else has changed since. Route 53 refuses to delete a changed set.
        key = change.existing.fqdn, change.existing._type
        old = next(record for record in read(zone) if (record["Name"], record["Type"]) == key)
        gone = {"Action": "DELETE", "ResourceRecordSet": old}
        return [gone, *provider._mod_Create(change, zone, existing, collection)]

    provider._load_records, provider.populate, provider._mod_Update = records, populated, update
    # octoDNS's method lists the account's health checks, to remove its old ones. No record of ours has one.
    provider._gc_health_checks = lambda record, new: None  # noqa: ARG005


def _text_as_it_is(record: dict[str, Any]) -> dict[str, Any]:
    if record["Type"] != "TXT":
        return record
    values = [{"Value": reescaped(value["Value"], "134")} for value in record.get("ResourceRecords", ())]
    return {**record, "ResourceRecords": values}  # AWS counts in octal
