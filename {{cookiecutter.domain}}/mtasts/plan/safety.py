"""Whether a change is safe, by what the branch has had in force (RFC 8461 §8). The network is not asked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.history.timeline import Timeline, covered_since, covers, forgotten, testing_since
from mtasts.plan.dates import DAY, date, days, duration
from mtasts.plan.diff import Change, DomainChange
from mtasts.plan.next_steps import until_forgotten
from mtasts.sts.policy import Mode, MxPattern, Policy

ENFORCE_SOON = Rule(
    "MTS502",
    "Enforce, without long enough in testing",
    Severity.ERROR,
    "RFC 8461 §8.2",
    """In testing, senders deliver as ever and report what they would have refused. Only after one `max_age` of the
testing policy have all of them seen it, so only then do the reports tell enough. How long the domain has been in
testing is read from the history of this branch; the message says from when on it is long enough. After a rollback
to testing the time begins anew.""",
)
REMOVED_EARLY = Rule(
    "MTS505",
    "A domain is removed before it is retired",
    Severity.ERROR,
    "RFC 8461 §8.3",
    """Senders go by the policy that they have cached for as long as its `max_age` says, also when it is gone. So a
domain leaves in steps: `mode: none` with a `max_age` of a day; then, when every policy served before has run out,
`retired: true`, which takes the records from DNS; then its entry can go. The message says from when on the next
step is safe, by the history of this branch.""",
)
NONE_LONG = Rule(
    "MTS506",
    "Mode none with a long max_age",
    Severity.ERROR,
    "RFC 8461 §8.3",
    """`mode: none` is the way out, or a pause. Senders keep it for `max_age`, and do not look again before that unless
the id changes. With more than a day (86400) a return to testing is slow for those who miss the id. Write
`max_age: 86400`.""",
)
ENFORCE_REMOVED = Rule(
    "MTS507",
    "An enforced policy is removed at once",
    Severity.ERROR,
    "RFC 8461 §8.3",
    """Senders that have the policy cached go on enforcing it until its `max_age` is over, and cannot see that it is
gone. When an MX host changes in that time, mail bounces. Publish `mode: none` with a `max_age` of a day first.""",
)
MAX_AGE_CUT = Rule(
    "MTS508",
    "max_age is cut by more than half in enforce",
    Severity.ERROR,
    "RFC 8461 §10.2",
    """A long `max_age` is what protects a domain from an attacker who blocks DNS or HTTPS for a while. A deep cut is
seldom meant, and often the first step of someone who wants the protection to be gone. Cut it by half at the most,
or allow it by name.""",
)
HOSTING_TOO = Rule(
    "MTS509",
    "The hosting moves together with the policy",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """When the host that serves the policy changes, a sender may meet the old one or the new one for as long as the
CNAME's TTL. With one policy on both that does no harm. With two, some senders get the one and some the other. Move
the hosting in one change, and change the policy in the next.""",
)
MX_AT_ONCE = Rule(
    "MTS511",
    "An mx goes before its successor is known",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """In `enforce` a move to another MX host takes three steps: the new `mx` joins the old one; when the record's TTL
is over after its id was published, and all senders know it, the MX records change; when those lead to the old host no
more, the old `mx` goes. This change takes the steps at once, or removes an `mx` while nobody has seen that the MX
records need it no more. `plan --live` looks at them, and has no objection if they do not lead there.""",
)


_LOOK = "Run plan --live, which looks."


@dataclass(frozen=True)
class Danger:
    """What is unsafe. safe_from: when the same change would be safe, None where waiting does not help."""

    finding: Finding
    safe_from: datetime | None = None


def dangers(
    change: Change, moved: bool, timelines: Mapping[str, Timeline], now: datetime, unseen_ttl: int | None
) -> Iterator[Danger]:
    """Yield what is unsafe in a change. timelines: of the domains before it. moved: whether the hosting moves.

    unseen_ttl: of the records, in seconds, if nobody looks at the MX records; else None.
    """
    for domain in change.domains:
        found = [*_dangers(domain, timelines.get(domain.name, ()), now)]
        if unseen_ttl is not None:
            found += map(Danger, unseen_removal(domain, timelines.get(domain.name, ()), unseen_ttl, now))
        yield from (Danger(danger.finding.at(domain=domain.name), danger.safe_from) for danger in found)
    both = [domain.name for domain in change.domains if domain.before and domain.after != domain.before]
    if moved and both:
        message = f"The hosting moves, and the policy of {listed(both)} changes with it. Make two changes of it."
        yield Danger(Finding(HOSTING_TOO, message))


def _dangers(domain: DomainChange, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    name, before, after = domain.name, domain.before, domain.after
    if domain.enforcing:
        yield from _too_soon(name, timeline, now)
    if before and after and {before.mode, after.mode} == {Mode.ENFORCE} and after.max_age * 2 < before.max_age:
        half = -(-before.max_age // 2)
        message = f"{name}: max_age goes from {before.max_age} to {after.max_age} in enforce. Write {half} or more."
        yield Danger(Finding(MAX_AGE_CUT, message))
    if after and after.mode is Mode.NONE and after.max_age > DAY and after != before:
        message = f"{name}: senders keep mode none for {days(after.max_age)}. Write max_age: {DAY}."
        yield Danger(Finding(NONE_LONG, message))
    if before and not after:
        yield from _removed(domain, before, timeline, now)


def _too_soon(name: str, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    since, policy = testing_since(timeline), timeline[-1].policy if timeline else None
    if not since or not policy:
        message = f"{name} is not in testing now. Publish mode testing first, for one max_age at least."
        yield Danger(Finding(ENFORCE_SOON, message))
        return
    ready = since + timedelta(seconds=policy.max_age)
    if now < ready:
        message = (
            f"{name} has been in testing for {days((now - since).total_seconds())}, since {date(since)}, "
            f"and its max_age is {days(policy.max_age)}. Enforce from {date(ready)} on."
        )
        yield Danger(Finding(ENFORCE_SOON, message), ready)


def removed_in_enforce(domain: DomainChange) -> list[MxPattern]:
    """Return the mx that a change removes in enforce: if mail still goes to such a host, it is lost."""
    before, after = domain.before, domain.after
    if not before or not after or {before.mode, after.mode} != {Mode.ENFORCE}:
        return []
    return [pattern for pattern in before.mx if not covers(after, pattern)]


def unseen_removal(domain: DomainChange, timeline: Timeline, ttl: int, now: datetime) -> Iterator[Finding]:
    """Yield what is unsafe if an mx goes in enforce, and nobody has seen where the MX records lead (RFC 8461 §8.1)."""
    name, before, after = domain.name, domain.before, domain.after
    gone = removed_in_enforce(domain)
    if not gone or not before or not after:
        return
    since = {pattern: covered_since(timeline, pattern, now) for pattern in (*gone, *after.mx)}
    oldest, newest = min(gone, key=since.__getitem__), max(after.mx, key=since.__getitem__)
    old, new = quote(oldest), quote(newest)
    if since[newest] > since[oldest] and not covers(before, newest):
        wait = f"{duration(ttl)}, the record's TTL, after the id of that change is published"
        message = f"{name}: mx {old} goes as {new} comes. Add {new} first. The MX records may name it {wait}."
    elif since[newest] > since[oldest] and now < since[newest] + timedelta(seconds=ttl):
        message = f"{name}: mx {old} goes, and not all senders know {new} yet. {_LOOK}"
    else:
        message = f"{name}: mx {old} goes, and nobody looked whether the MX records still lead there. {_LOOK}"
    yield Finding(MX_AT_ONCE, message)


def _removed(domain: DomainChange, before: Policy, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    """Yield what is unsafe if a domain publishes nothing any more: it is retired step by step (RFC 8461 §8.3)."""
    name, last = domain.name, forgotten(timeline, now)
    if before.mode is not Mode.NONE:
        rule = ENFORCE_REMOVED if before.mode is Mode.ENFORCE else REMOVED_EARLY
        first = f"Publish mode none with max_age {DAY} first; it may be retired {until_forgotten(timeline, now)}."
        yield Danger(Finding(rule, f"{name} is in {before.mode}, and senders go on with what they know. {first}"))
    elif last and now < last:
        message = f"{name}: senders may know a policy from before mode none. Retire it from {date(last)} on."
        yield Danger(Finding(REMOVED_EARLY, message), last)
    elif not domain.listed[1]:
        message = f"{name}: its entry goes, and its DNS records would stay. Write retired: true there first."
        yield Danger(Finding(REMOVED_EARLY, message))
