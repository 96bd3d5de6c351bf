"""Which policy a domain published, from when to when, and how long senders remember it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress, zip_longest
from operator import is_not
from pathlib import Path

from mtasts.config.model import Config, Domain
from mtasts.findings import UserError
from mtasts.history import revisions
from mtasts.history.repository import Repository
from mtasts.history.revisions import History
from mtasts.sts.policy import Mode, MxPattern, Policy


@dataclass(frozen=True)
class Span:
    """A policy and since when the branch has had it, until the next span begins.

    policy: None for none at all. commit: what brought it, empty if none has yet.
    """

    policy: Policy | None
    since: datetime
    commit: str = ""


Timeline = tuple[Span, ...]


def of_branch(path: Path, now: datetime) -> dict[str, Timeline]:
    """Return what the branch has had in force, by its policy file: nothing if that cannot be read."""
    try:
        repository = Repository.of(path)
        return timelines(revisions.read(repository, repository.resolve("HEAD"), now))
    except UserError:
        return {}


def timelines(history: History) -> dict[str, Timeline]:
    """Return the timeline of every domain in a history, oldest span first."""
    found: dict[str, list[Span]] = {}
    last: tuple[Domain, ...] = ()
    for revision in history.revisions:
        domains = revision.config.domains if revision.config else ()
        before, after = _different(last, domains)
        for name, domain in after.items():
            _add(found.setdefault(name, []), Span(domain.policy, revision.since, revision.commit))
        for name in before.keys() - after.keys():
            _add(found[name], Span(None, revision.since, revision.commit))
        last = domains
    return {name: tuple(spans) for name, spans in found.items()}


def _different(before: tuple[Domain, ...], after: tuple[Domain, ...]) -> tuple[dict[str, Domain], dict[str, Domain]]:
    """Return the domains that are not the same in both, by name. A history shares what stays, so few are looked at."""
    number = min(len(before), len(after))
    differ = list(map(is_not, before, after))
    old = {domain.name: domain for domain in (*compress(before, differ), *before[number:])}
    new = {domain.name: domain for domain in (*compress(after, differ), *after[number:])}
    for name in [name for name, domain in old.items() if new.get(name) is domain]:
        del old[name], new[name]
    return old, new


def published(config: Config | None) -> dict[str, Domain]:
    """Return the domains that publish a policy, by name."""
    return {domain.name: domain for domain in config.domains} if config else {}


def _add(spans: list[Span], span: Span) -> None:
    if not spans or spans[-1].policy != span.policy:
        spans.append(span)


def testing_since(timeline: Timeline) -> datetime | None:
    """Return since when a domain has been in testing without a break; None if it is not."""
    since = None
    for span in reversed(timeline):
        if not span.policy or span.policy.mode is not Mode.TESTING:
            break
        since = span.since
    return since


def covers(policy: Policy, pattern: MxPattern) -> bool:
    """Tell whether every host that a pattern matches is matched by the policy, too."""
    return pattern.lower() in policy.patterns or (not pattern.startswith("*.") and policy.matches(pattern))


def covered_since(timeline: Timeline, pattern: MxPattern, now: datetime) -> datetime:
    """Return since when a domain's policy has covered a pattern without a break; now if it does not."""
    since = now
    for span in reversed(timeline):
        if not span.policy or not covers(span.policy, pattern):
            break
        since = span.since
    return since


def in_cache(timeline: Timeline, now: datetime) -> tuple[Policy, datetime] | None:
    """Return the policy that senders may have in the cache, and until when; None if there is none any more.

    Of several, the one that can lose mail for longest: those of mode enforce come first.
    """
    spans = zip_longest(timeline, timeline[1:])
    kept = [
        (span.policy, (following.since if following else now) + timedelta(seconds=span.policy.max_age))
        for span, following in spans
        if span.policy and span.policy.mode is not Mode.NONE
    ]
    alive = [each for each in kept if each[1] > now]
    return max(alive, key=lambda each: (each[0].mode is Mode.ENFORCE, each[1]), default=None)


def forgotten(timeline: Timeline, now: datetime) -> datetime | None:
    """Return when the last sender forgets the last policy that asks for something; None if there never was one.

    Each was served until the next one was, or until now, and is kept for its max_age from then (RFC 8461 §8.3).
    """
    kept = [
        (following.since if following else now) + timedelta(seconds=span.policy.max_age)
        for span, following in zip_longest(timeline, timeline[1:])
        if span.policy and span.policy.mode is not Mode.NONE
    ]
    return max(kept, default=None)
