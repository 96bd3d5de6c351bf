"""A name server with dynamic updates (RFC 2136), through octodns-bind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

PACKAGE = "octodns_bind"
REFUSAL = None  # a name server refuses without saying that a right is missing


def confine(provider: Any, ours: Callable[[str], bool]) -> None:
    """Let the provider see only records at our names, and change only what is ours."""
    read, batches = provider.zone_records, provider._batch_changes

    def records(zone: Any, target: Any) -> list[Any]:
        found = [record for record in read(zone, target) if ours(record.name)]
        for record in found:
            if record._type == "TXT":  # octoDNS unescapes these
                record.rdata = re.sub(r'\\(["\\])', lambda mark: f"\\\\{ord(mark[1]):03}", record.rdata)
        return found

    provider.zone_records = records
    provider._batch_changes = lambda changes: batches([part for change in changes for part in _parts(change)])


def _parts(change: Any) -> Iterator[Any]:
    """Yield what to remove and what to add: octodns-bind would replace the whole set, including others' new values."""
    from octodns.record import Create, Delete, Update

    if not isinstance(change, Update) or not all(getattr(change.existing, "values", [True])):
        yield change  # octoDNS cannot name an empty value, which only force removes
        return
    old, new = change.existing.copy(), change.new.copy()
    if old.ttl == new.ttl and old._type == "TXT":  # otherwise the whole set is ours: we keep others' TTL
        kept = {*old.values} & {*new.values}
        old.values, new.values = ([value for value in each.values if value not in kept] for each in (old, new))
    yield from (made(record) for made, record in ((Delete, old), (Create, new)) if getattr(record, "values", True))
