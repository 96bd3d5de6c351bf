"""Whether a change is safe, by what the branch has had in force (RFC 8461 §8). The network is not asked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.history.timeline import Span, Timeline, covered_since, covers, forgotten, testing_since
from mtasts.plan.diff import Change, DomainChange
from mtasts.sts.policy import Mode, Policy

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
is over, and all senders know it, the MX records change; when those lead to the old host no more, the old `mx` goes.
This change takes the steps at once, or too early. What the MX records say is not known here: where they need the old
`mx` no more, `plan --live` sees that, and has no objection.""",
)


DAY = 86_400  # seconds: the max_age of a policy on its way out


@dataclass(frozen=True)
class Danger:
    """What is unsafe. safe_from: when the same change would be safe, None where waiting does not help."""

    finding: Finding
    safe_from: datetime | None = None


def dangers(
    change: Change, moved: bool, timelines: Mapping[str, Timeline], now: datetime, unseen_ttl: int | None
) -> Iterator[Danger]:
    """Yield what is unsafe in a change. timelines: of the domains before it. moved: whether the hosting moves.

    unseen_ttl: of the records, in seconds, where nobody looks at the MX records; else None.
    """
    for domain in change.domains:
        timeline = timelines.get(domain.name, ())
        found = [*_dangers(domain, timeline, now)]
        found += _at_once(domain, timeline, timedelta(seconds=unseen_ttl), now) if unseen_ttl is not None else ()
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


def _at_once(domain: DomainChange, timeline: Timeline, ttl: timedelta, now: datetime) -> Iterator[Danger]:
    """Yield what is unsafe if an mx goes in enforce: senders must know its successor before (RFC 8461 §8.1)."""
    name, before, after = domain.name, domain.before, domain.after
    if not before or not after or before.mx == after.mx or {before.mode, after.mode} != {Mode.ENFORCE}:
        return
    gone = [pattern for pattern in before.mx if not covers(after, pattern)]
    since = {pattern: covered_since(timeline, pattern, now) for pattern in (*gone, *after.mx)}
    oldest, newest = min(gone, key=since.__getitem__, default=None), max(after.mx, key=since.__getitem__, default=None)
    if not oldest or not newest or since[newest] <= since[oldest] or since[newest] + ttl <= now:
        return
    ready, old, new = since[newest] + ttl, quote(oldest), quote(newest)
    if covers(before, newest):
        message = f"{name}: mx {old} goes, and not all senders know {new} yet. Remove it from {date(ready)} on."
        yield Danger(Finding(MX_AT_ONCE, message), ready)
    else:
        message = f"{name}: mx {old} goes as {new} comes. Add that first: MX records may name it from {date(ready)} on."
        yield Danger(Finding(MX_AT_ONCE, message))


def _removed(domain: DomainChange, before: Policy, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    """Yield what is unsafe if a domain publishes nothing any more: it is retired step by step (RFC 8461 §8.3)."""
    name, last = domain.name, forgotten(timeline, now)
    if before.mode is not Mode.NONE:
        rule = ENFORCE_REMOVED if before.mode is Mode.ENFORCE else REMOVED_EARLY
        first = f"Publish mode none with max_age {DAY} first"
        then = f"; done now, it may be retired from {date(last)} on." if last else "."
        yield Danger(Finding(rule, f"{name} is in {before.mode}, and senders go on with what they know. {first}{then}"))
    elif last and now < last:
        message = f"{name}: senders may know a policy from before mode none. Retire it from {date(last)} on."
        yield Danger(Finding(REMOVED_EARLY, message), last)
    elif not domain.listed[1]:
        message = f"{name}: its entry goes, and its DNS records would stay. Write retired: true there first."
        yield Danger(Finding(REMOVED_EARLY, message))


def next_step(domain: DomainChange, timeline: Timeline, ttl: int, now: datetime) -> str | None:
    """Return what comes after the change, and when, if it is merged now. None where the domain has arrived."""
    after = domain.after
    timeline = timeline if timeline and timeline[-1].policy == after else (*timeline, Span(after, now))
    if not after:
        gone = "Once none of its records is left in DNS, its entry in policy.yaml can go."
        return gone if domain.listed[1] else None
    return " ".join(filter(None, [_next_mode(after, timeline, now), _next_mx(domain, ttl, now)])) or None


def _next_mode(after: Policy, timeline: Timeline, now: datetime) -> str | None:
    since = testing_since(timeline)
    if since:
        ready = since + timedelta(seconds=after.max_age)
        return f"It may go to enforce {_from(ready, now)}, when the TLS reports show no failure."
    if after.mode is Mode.NONE:
        return f"It may be retired (retired: true) {_from(forgotten(timeline, now), now)}."
    return None


def _from(moment: datetime | None, now: datetime) -> str:
    return f"from {date(moment)} on" if moment and now < moment else "now"


def _next_mx(domain: DomainChange, ttl: int, now: datetime) -> str | None:
    """Return the step of a move (RFC 8461 §8.1): senders know the new mx when the record's TTL is over."""
    before, after = domain.before, domain.after
    if not before or not after or after.mode is Mode.NONE or not set(after.mx) - set(before.mx):
        return None
    return f"The MX records may name the new hosts from {date(now + timedelta(seconds=ttl))} on."


def date(moment: datetime) -> str:
    """Return a moment for people, in UTC, the minute begun counted in full: nobody comes too early."""
    full = moment.astimezone(timezone.utc)
    if full.second or full.microsecond:
        full = full.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return f"{full:%Y-%m-%d %H:%M} UTC"


def days(seconds: float) -> str:
    """Return a time in days, or in hours where it is short."""
    number, unit = (seconds / DAY, "day") if seconds >= DAY else (seconds / 3600, "hour")
    shown = f"{int(number * 10) / 10:g}"
    return f"{shown} {unit}{'' if shown == '1' else 's'}"
