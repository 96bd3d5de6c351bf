"""What a branch has had in force, and since when: the history of its policy file.

Dates are the committers', and can be wrong. What cannot be so is moved later: no policy may look older than it can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import chain

from mtasts.config import yaml_file
from mtasts.config.model import Config
from mtasts.findings import Finding
from mtasts.history import versions
from mtasts.history.repository import Change, Repository

EARLIEST = datetime(2018, 9, 1, tzinfo=timezone.utc)  # RFC 8461; a clock that was never set shows 1970

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NO_FILE = "The policy file is a symbolic link or a submodule there. Make it a file."


@dataclass(frozen=True)
class Revision:
    """What a commit put in force. since: when the branch got it, in UTC. config: None where the file was not there."""

    commit: str
    since: datetime
    config: Config | None


@dataclass(frozen=True)
class Skipped:
    """A revision that does not lint, so no pipeline deployed it. why: its first error's message."""

    commit: str
    since: datetime
    why: str


@dataclass(frozen=True)
class History:
    """The revisions of a policy file on a branch, oldest first. misdated: commits whose date cannot be so."""

    revisions: tuple[Revision, ...]
    skipped: tuple[Skipped, ...]
    misdated: tuple[str, ...]


def read(repository: Repository, commit: str, draft: bytes, now: datetime) -> tuple[History, Config | Finding]:
    """Return the history of the policy file up to a commit, and what a draft of it is: its config, or its first error.

    Read together they take little longer than the history alone, since most of a draft is not new. Raises GitError.
    """
    path = repository.path_at(commit) or repository.path
    changes = list(repository.changes(commit, path))[::-1]
    blobs = list(dict.fromkeys(change.blob for change in changes if change.blob))
    *found, last = versions.read(chain(repository.contents(blobs, yaml_file.BYTES + 1), [draft]))
    return history(changes, dict(zip(blobs, found, strict=True)), now), last


def history(changes: Sequence[Change], judged: Mapping[str, Config | Finding], now: datetime) -> History:
    """Put together changes, oldest first, and what became of their blobs."""
    kept: list[Revision] = []
    skipped: list[Skipped] = []
    clocks = [change.seconds for change in changes]
    dates = corrected(clocks, now)
    for change, since in zip(changes, dates, strict=True):
        found = judged[change.blob] if change.blob else None
        if isinstance(found, Finding):
            skipped.append(Skipped(change.commit, since, found.message))
        elif found is None and change.status != "D":
            skipped.append(Skipped(change.commit, since, _NO_FILE))
        else:
            kept.append(Revision(change.commit, since, found))
    wrong = (change for change, date in zip(changes, dates, strict=True) if _seconds(date) != change.seconds)
    return History(tuple(kept), tuple(skipped), tuple(change.commit for change in wrong))


def corrected(clocks: Sequence[int], now: datetime) -> list[datetime]:
    """Return when the branch got each commit, oldest first, by the seconds that their clocks showed.

    One that cannot be (after now, or before there was MTA-STS) has the date of the next newer commit. None is
    earlier than the one before it.
    """
    possible: list[int] = []
    newer = _seconds(now)
    for seconds in reversed(clocks):
        if _seconds(EARLIEST) <= seconds <= _seconds(now):
            newer = seconds
        possible.append(newer)
    dates, latest = [], 0
    for seconds in reversed(possible):
        latest = max(latest, seconds)
        dates.append(_EPOCH + timedelta(seconds=latest))
    return dates


def _seconds(date: datetime) -> int:
    return (date - _EPOCH) // timedelta(seconds=1)
