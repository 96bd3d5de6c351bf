"""Whether a change is safe, by what the branch has had in force (RFC 8461 §8). Uses no network."""

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
    "Enforce before testing was long enough",
    Severity.ERROR,
    "RFC 8461 §8.2",
    """In testing, senders deliver as before and report what they would have refused. It takes one `max_age` of
the testing policy until all of them have seen it, so only then do the reports tell enough. How long the domain
has been in testing is read from the history of this branch; the message says when it is long enough. After a
rollback to testing, the time starts again.""",
)
REMOVED_EARLY = Rule(
    "MTS505",
    "A domain is removed before it is retired",
    Severity.ERROR,
    "RFC 8461 §8.3",
    """Senders follow the policy that they have cached for as long as its `max_age` says, even after you remove
it. So remove a domain in steps: `mode: none` with a `max_age` of a day; then, when every earlier policy has
expired, `retired: true`, which removes the records from DNS; then delete its entry. The message says, from the
history of this branch, when the next step is safe.""",
)
NONE_LONG = Rule(
    "MTS506",
    "Mode none with a long max_age",
    Severity.ERROR,
    "RFC 8461 §8.3",
    """`mode: none` ends a policy or pauses it. Senders keep it for `max_age`, and do not look again before then
unless the id changes. With more than a day (86400), senders that miss the id are slow to return to testing.
Write `max_age: 86400`.""",
)
ENFORCE_REMOVED = Rule(
    "MTS507",
    "An enforced policy is removed without mode none",
    Severity.ERROR,
    "RFC 8461 §8.3",
    """Senders that have cached the policy keep enforcing it until its `max_age` is over, and cannot see that it
is gone. If an MX host changes in that time, mail bounces. Publish `mode: none` with a `max_age` of a day first.""",
)
MAX_AGE_CUT = Rule(
    "MTS508",
    "max_age is cut by more than half in enforce",
    Severity.ERROR,
    "RFC 8461 §10.2",
    """A long `max_age` protects a domain from an attacker who blocks DNS or HTTPS for a while. A large cut is
rarely intended, and often the first step of someone who wants to remove the protection. Cut it by half at most,
or allow it by name, with a line `Allow: MTS508 example.com` in a commit message.""",
)
HOSTING_TOO = Rule(
    "MTS509",
    "The hosting and the policy change together",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """When the host that serves the policy changes, a sender may reach the old one or the new one until the
CNAME's TTL is over. That does no harm if both serve the same policy. If they do not, some senders get one and
some the other. Move the hosting in one change, and change the policy in the next.""",
)
MX_AT_ONCE = Rule(
    "MTS511",
    "An mx is removed too early",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """In `enforce`, a move to another MX host takes three steps: add the new `mx` beside the old one; when the
record's TTL is over after the new id was published, all senders know it, so change the MX records; when those
no longer name the old host, remove the old `mx`. This change takes several steps at once, or removes an `mx`
although nobody has checked that the MX records no longer need it. `plan --live` checks them, and accepts the
change if they do not.""",
)


_LOOK = "Run plan --live, which checks the MX records."


@dataclass(frozen=True)
class Danger:
    """What is unsafe. safe_from: when the same change would be safe, None if waiting does not help."""

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
        message = f"The hosting and the policy of {listed(both)} change together. Move only the hosting first."
        yield Danger(Finding(HOSTING_TOO, message))


def _dangers(domain: DomainChange, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    name, before, after = domain.name, domain.before, domain.after
    if domain.enforcing:
        yield from _too_soon(name, timeline, now)
    if before and after and {before.mode, after.mode} == {Mode.ENFORCE} and after.max_age * 2 < before.max_age:
        half = -(-before.max_age // 2)
        message = f"{name}: max_age drops from {before.max_age} to {after.max_age} in enforce. Write {half} or more."
        yield Danger(Finding(MAX_AGE_CUT, message))
    if after and after.mode is Mode.NONE and after.max_age > DAY and after != before:
        message = f"{name}: senders would keep mode none for {days(after.max_age)}. Write max_age: {DAY}."
        yield Danger(Finding(NONE_LONG, message))
    if before and not after:
        yield from _removed(domain, before, timeline, now)


def _too_soon(name: str, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    since, policy = testing_since(timeline), timeline[-1].policy if timeline else None
    if not since or not policy:
        message = f"{name} is not in testing. Start with mode: testing, and move to enforce after one max_age."
        yield Danger(Finding(ENFORCE_SOON, message))
        return
    ready = since + timedelta(seconds=policy.max_age)
    if now < ready:
        message = (
            f"{name} has been in testing for only {days((now - since).total_seconds())}, since {date(since)}. "
            f"Its max_age is {days(policy.max_age)}, so you can enforce from {date(ready)} on."
        )
        yield Danger(Finding(ENFORCE_SOON, message), ready)


def removed_in_enforce(domain: DomainChange) -> list[MxPattern]:
    """Return the mx that a change removes in enforce: if mail still goes to such a host, it is lost."""
    before, after = domain.before, domain.after
    if not before or not after or {before.mode, after.mode} != {Mode.ENFORCE}:
        return []
    return [pattern for pattern in before.mx if not covers(after, pattern)]


def unseen_removal(domain: DomainChange, timeline: Timeline, ttl: int, now: datetime) -> Iterator[Finding]:
    """Yield what is unsafe if an mx is removed in enforce and the MX records are unknown (RFC 8461 §8.1)."""
    name, before, after = domain.name, domain.before, domain.after
    gone = removed_in_enforce(domain)
    if not gone or not before or not after:
        return
    since = {pattern: covered_since(timeline, pattern, now) for pattern in (*gone, *after.mx)}
    oldest, newest = min(gone, key=since.__getitem__), max(after.mx, key=since.__getitem__)
    old, new = quote(oldest), quote(newest)
    if since[newest] > since[oldest] and not covers(before, newest):
        wait = f"{duration(ttl)} (the record's TTL) after the id of that change is published"
        message = (
            f"{name}: this change replaces mx {old} with {new} in one step. Add {new} first, and remove {old} later. "
            f"You can add {new} to the MX records {wait}."
        )
    elif since[newest] > since[oldest] and now < since[newest] + timedelta(seconds=ttl):
        message = f"{name}: mx {old} is removed, but not all senders know {new} yet. {_LOOK}"
    else:
        message = f"{name}: mx {old} is removed, but the MX records may still need it. {_LOOK}"
    yield Finding(MX_AT_ONCE, message)


def _removed(domain: DomainChange, before: Policy, timeline: Timeline, now: datetime) -> Iterator[Danger]:
    """Yield what is unsafe if a domain stops publishing: it is retired step by step (RFC 8461 §8.3)."""
    name, last = domain.name, forgotten(timeline, now)
    if before.mode is not Mode.NONE:
        rule = ENFORCE_REMOVED if before.mode is Mode.ENFORCE else REMOVED_EARLY
        first = (
            f"Keep its entry, with mode: none and max_age: {DAY}. You can retire it {until_forgotten(timeline, now)}."
        )
        yield Danger(
            Finding(rule, f"{name} is in {before.mode}, and senders still follow the policy that they cached. {first}")
        )
    elif last and now < last:
        message = f"{name}: senders may still follow a policy from before mode none. Retire it from {date(last)} on."
        yield Danger(Finding(REMOVED_EARLY, message), last)
    elif not domain.listed[1]:
        message = f"{name}: if you delete its entry now, its DNS records stay. Set retired: true first."
        yield Danger(Finding(REMOVED_EARLY, message))
