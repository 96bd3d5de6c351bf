"""What a branch has published in DNS, from the history of its policy file: those values are this repository's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest

from mtasts.config.model import Config
from mtasts.dns.records import records_of
from mtasts.dns.recordset import Past, canonical
from mtasts.history.revisions import History
from mtasts.sts.policy import MAX_AGE_LIMIT

# A sender keeps a policy for so long at the most (RFC 8461 §3.2). What is older is nobody's business any more.
REMEMBERED = timedelta(seconds=MAX_AGE_LIMIT)


def past(history: History, now: datetime) -> Past:
    """Return every value that a revision rendered within the last MAX_AGE_LIMIT seconds."""
    found: set[tuple[str, str, str]] = set()
    seen: set[object] = set()
    for config in _in_force(history, now - REMEMBERED):
        for domain in config.domains:
            # Revisions share what stays the same, and most of it does: nothing is rendered twice.
            key = (id(domain), config.rua, config.hosting)
            if key not in seen:
                seen.add(key)
                found.update(canonical(each.name, each.type, each.value) for each in records_of(domain, config))
    return Past(found)


def _in_force(history: History, begin: datetime) -> Iterator[Config]:
    """Yield what was in force at a time or after it: the revision of that very time counts."""
    for revision, following in zip_longest(history.revisions, history.revisions[1:]):
        if revision.config and (following is None or following.since > begin):
            yield revision.config
