"""What a branch has had in force, and since when: the history of its policy file.

Dates are the committers', and can be wrong. Impossible dates are moved later, so that no policy looks older than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from mtasts.config import yaml_file
from mtasts.config.model import Config
from mtasts.findings import Finding
from mtasts.history.repository import Change, Repository
from mtasts.history.versions import Versions
from mtasts.sts.policy import MAX_AGE_LIMIT

# A sender keeps a policy for so long at the most (RFC 8461 §3.2).
REMEMBERED = timedelta(seconds=MAX_AGE_LIMIT)
EARLIEST = datetime(2018, 9, 1, tzinfo=timezone.utc)  # RFC 8461; a clock that was never set shows 1970

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What a change left: a config, None for no file, or why it cannot be used.
Found = Config | str | None

_NO_FILE = "The policy file is a symbolic link or a submodule. Replace it with a file."


@dataclass(frozen=True)
class Revision:
    """What a commit put in force. since: when the branch got it, in UTC. config: None if the file was not there."""

    commit: str
    since: datetime
    config: Config | None


@dataclass(frozen=True)
class Skipped:
    """A revision that does not pass lint, so no pipeline deployed it. why: its first error's message."""

    commit: str
    since: datetime
    why: str


@dataclass(frozen=True)
class History:
    """The revisions of a policy file on a branch, oldest first. misdated: commits whose date is impossible."""

    revisions: tuple[Revision, ...]
    skipped: tuple[Skipped, ...]
    misdated: tuple[str, ...]


def read(repository: Repository, commit: str, now: datetime) -> History:
    """Return what the branch of a commit has had in force for as long as a sender may remember it. Raises GitError.

    It begins with the revision that was in force MAX_AGE_LIMIT seconds ago: nobody has an older policy any more.
    """
    changes = list(repository.changes(commit, repository.path_at(commit) or repository.path))
    dates = corrected([change.seconds for change in reversed(changes)], now)
    return history(zip(changes, reversed(dates), _versions(repository, changes), strict=False), now - REMEMBERED)


def history(dated: Iterable[tuple[Change, datetime, Found]], begin: datetime) -> History:
    """Put changes together, newest first, each with its date and what it left: back to what was in force at a time."""
    kept: list[Revision] = []
    skipped: list[Skipped] = []
    misdated: list[str] = []
    for change, since, found in dated:
        misdated += [change.commit] if _seconds(since) != change.seconds else []
        if isinstance(found, str):
            skipped.append(Skipped(change.commit, since, found))
            continue
        kept.append(Revision(change.commit, since, found))
        if since <= begin:
            break
    return History(tuple(kept[::-1]), tuple(skipped[::-1]), tuple(misdated[::-1]))


def _versions(repository: Repository, changes: Sequence[Change]) -> Iterator[Found]:
    """Yield what each change left."""
    reader = Versions()
    read: dict[str, Config | Finding] = {}
    contents = repository.contents(dict.fromkeys(change.blob for change in changes if change.blob), yaml_file.BYTES + 1)
    for change in changes:
        if change.blob is None:
            yield None if change.status == "D" else _NO_FILE
            continue
        if change.blob not in read:
            read[change.blob] = reader.read(next(contents))
        found = read[change.blob]
        yield found.message if isinstance(found, Finding) else found


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
