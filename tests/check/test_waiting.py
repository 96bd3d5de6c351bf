"""wait: what DNS must show. test_pushes.py has whole waits."""

from __future__ import annotations

import pytest

from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.waiting import Record, unseen

CNAME = Record("one.example", "mta-sts.one.example", "CNAME", "app.example.net")
TXT = Record("one.example", "asuid.mta-sts.one.example", "TXT", "A1B2")


@pytest.mark.parametrize(
    ("record", "values", "seen"),
    [
        (CNAME, ("app.example.net",), True),
        (CNAME, ("APP.Example.NET",), True),  # RFC 4343: case does not count
        (CNAME, ("old.example.net",), False),
        (TXT, ("A1B2",), True),
        (TXT, ("theirs", "A1B2"), True),  # others may stand beside it
        (TXT, ("a1b2",), False),
        (TXT, (), False),
    ],
)
def test_a_record_that_is_seen(record: Record, values: tuple[str, ...], seen: bool) -> None:
    """Prove that a wait ends with the value that was published, and with no other."""
    finding = unseen(record, Answer(record.name, Status.FOUND if values else Status.NO_DATA, values))
    assert (finding is None) == seen
    if finding:
        assert (finding.rule.id, finding.domain) == ("MTS209", "one.example")
        assert record.name in finding.message and record.value in finding.message
