"""What a branch has published in DNS, by the history of its policy file: those values are this repository's."""

from __future__ import annotations

from mtasts.dns.records import records_of
from mtasts.dns.recordset import Past, canonical
from mtasts.history.revisions import History


def past(history: History) -> Past:
    """Return every value that a revision of a history rendered."""
    found: set[tuple[str, str, str]] = set()
    seen: set[object] = set()
    for config in (revision.config for revision in history.revisions if revision.config):
        for domain in config.domains:
            # Revisions share what stays the same, and most of it does: nothing is rendered twice.
            key = (id(domain), config.rua, config.hosting)
            if key not in seen:
                seen.add(key)
                found.update(canonical(each.name, each.type, each.value) for each in records_of(domain, config))
    return Past(found)
