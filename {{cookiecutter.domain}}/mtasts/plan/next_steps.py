"""What comes after a change, and from when on.

Senders learn of a policy when its id is published, not when its change is merged. So a change that is only proposed has
no dates but those that the history gives; the rest is said relative to publication. The deploy, which publishes, has
the dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from mtasts.findings import listed
from mtasts.history.timeline import Span, Timeline, covered_since, covers, forgotten, testing_since
from mtasts.plan.dates import date, duration
from mtasts.plan.diff import DomainChange
from mtasts.sts.policy import Mode, Policy

WHO = "{domain}"  # placeholder in a step: the domain, or how many there are
GROUPS = 100  # of domains that have the same step

_DELETE = f"Delete {WHO} from policy.yaml when DNS has no record of it any more."
_UNTESTED = (
    f"{WHO} went straight to enforce, without testing. Before the id is published, run python -m mtasts check "
    "--only mx, which compares the policy with the MX records."
)
_NOT_SHOWN = "DNS does not show the new id yet."
_SHOWN = "DNS shows the id."
_TTL = "the record's TTL"


def proposed(domain: DomainChange, timeline: Timeline, ttl: int, now: datetime) -> Iterator[str]:
    """Yield what comes after a change that is not merged yet. timeline: before it. ttl: that senders may have seen."""
    before, after = domain.before, domain.after
    if not after:
        yield from [_DELETE] if domain.listed[1] else []
        return
    if after.mode is Mode.TESTING:
        since = testing_since(timeline)
        yield _enforce(_from(since + _seconds(after), now) if since else _after(after.max_age, "its max_age"))
    elif after.mode is Mode.NONE:
        yield _retire(until_forgotten(timeline, now))
    elif not before:
        yield _UNTESTED
    if hosts := _added(before, after):
        yield _name(hosts, _after(ttl, _TTL))


def merged(policy: Policy, timeline: Timeline, ttl: int, now: datetime, shown: bool | None) -> Iterator[str]:
    """Yield what is open for a policy that the branch has. shown: whether DNS shows its id; None if nobody looked."""
    if not timeline:
        return
    if shown is False:
        unseen = DomainChange("", timeline[-2].policy if len(timeline) > 1 else None, policy, (True, True), ())
        yield from (f"{step} {_NOT_SHOWN}" for step in proposed(unseen, timeline[:-1], ttl, now))
        return
    if policy.mode is Mode.TESTING and (since := testing_since(timeline)):
        begun = next(span for span in timeline if span.since == since)
        yield _confirmed(_enforce(_from(since + _seconds(policy), now), _unless(shown, begun)), shown)
    elif policy.mode is Mode.NONE:
        yield _confirmed(_retire(_from(forgotten(timeline, now), now), _unless(shown, _last_none(timeline))), shown)
    elif policy.mode is Mode.ENFORCE and _is_untested(timeline, now):
        yield _UNTESTED
    yield from _open_move(policy, timeline, ttl, now, shown)


def announced(policy: Policy, timeline: Timeline, old: Policy | None, ttl: int, now: datetime) -> Iterator[str]:
    """Yield what comes after a policy whose id was published now. old: the policy of the id before, if it is known."""
    past = timeline[:-1] if timeline and timeline[-1].policy == policy else timeline
    if policy.mode is Mode.TESTING:
        yield _enforce(_from((_testing_until(past, old) or now) + _seconds(policy), now))
    elif policy.mode is Mode.NONE:
        yield _retire(_from(forgotten((*past, Span(policy, now)), now), now))
    if hosts := _added(old, policy):
        yield _name(hosts, _from(now + timedelta(seconds=ttl), now))


def retired() -> str:
    """Return what comes after a domain is retired."""
    return _DELETE


def said(step: str, who: str) -> str:
    """Return a step with its domain filled in."""
    return step.replace(WHO, who)


def lines(steps: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield each step once, with its domain, or with the number of domains that have it."""
    found: dict[str, list[str]] = {}
    for name, own in steps.items():
        for step in own:
            found.setdefault(step, []).append(name)
    for step, names in islice(found.items(), GROUPS):
        yield f"next: {said(step, names[0] if len(names) == 1 else f'{len(names)} domains')}"


# The sentences


def _enforce(when: str, condition: str = "") -> str:
    also = f"{condition} and" if condition else ", if"
    return f"{WHO} can move to enforce {when}{also} the TLS reports show no failures."


def _retire(when: str, condition: str = "") -> str:
    return f"You can retire {WHO} (retired: true) {when}{condition}."


def _name(hosts: Sequence[str], when: str) -> str:
    shown = [f"hosts that match {host}" if host.startswith("*.") else host for host in hosts]
    return f"You can add {listed(shown)} to the MX records of {WHO} {when}."


def _after(seconds: int, what: str) -> str:
    return f"{duration(seconds)} ({what}) after the new id is published"


def _from(moment: datetime | None, now: datetime) -> str:
    return f"from {date(moment)} on" if moment and now < moment else "now"


def _unless(shown: bool | None, span: Span) -> str:
    return f", if the deployment of commit {span.commit[:12]} announced it" if shown is None else ""


def _confirmed(step: str, shown: bool | None) -> str:
    return f"{step} {_SHOWN}" if shown else step


# What the history says


def _seconds(policy: Policy) -> timedelta:
    return timedelta(seconds=policy.max_age)


def _added(before: Policy | None, after: Policy) -> list[str]:
    """Return the mx that senders did not know before (RFC 8461 §8.1). A new domain has its MX records already."""
    if not before or after.mode is Mode.NONE:
        return []
    return [pattern for pattern in after.mx if not covers(before, pattern)]


def until_forgotten(timeline: Timeline, now: datetime) -> str:
    """Say when all senders have forgotten a domain's policies, if mode none takes their place (RFC 8461 §8.3)."""
    last = timeline[-1] if timeline else None
    if not last or not last.policy or last.policy.mode is Mode.NONE:
        return _from(forgotten(timeline, now), now)
    text = _after(last.policy.max_age, "the max_age of the previous policy")
    older = forgotten((*timeline[:-1], Span(None, last.since)), now)
    return f"{text}, and not before {date(older)}" if older and older > now + _seconds(last.policy) else text


def _last_none(timeline: Timeline) -> Span:
    """Return where mode none began, which has lasted until now."""
    begun = timeline[-1]
    for span in reversed(timeline):
        if not span.policy or span.policy.mode is not Mode.NONE:
            break
        begun = span
    return begun


def _is_untested(timeline: Timeline, now: datetime) -> bool:
    """Tell whether a domain came in mode enforce, and so lately that senders may not have seen it yet."""
    policies = [span.policy for span in timeline if span.policy]
    untested = bool(policies) and all(policy.mode is Mode.ENFORCE for policy in policies)
    return untested and now < timeline[0].since + _seconds(policies[0])


def _testing_until(past: Timeline, old: Policy | None) -> datetime | None:
    """Return since when senders have seen testing, if the id before was of one of the branch's policies."""
    known = [number for number, span in enumerate(past) if old and span.policy == old]
    return testing_since(past[: known[-1] + 1]) if known else None


def _open_move(policy: Policy, timeline: Timeline, ttl: int, now: datetime, shown: bool | None) -> Iterator[str]:
    """Yield the step of a move of the mail (RFC 8461 §8.1), until the TTL is over."""
    if policy.mode is Mode.NONE or len(timeline) < 2:
        return
    since = {pattern: covered_since(timeline, pattern, now) for pattern in policy.mx}
    began, wait = timeline[0].since, timedelta(seconds=ttl)
    new = [pattern for pattern, moment in since.items() if began < moment and now < moment + wait]
    if not new:
        return
    last = max(since[pattern] for pattern in new)
    if shown:
        yield f"{_name(new, _from(now + wait, now))} {_SHOWN}"
        return
    commit = next(span.commit for span in timeline if span.since == last)
    condition = f"so not before {date(last + wait)}, and only if the deployment of commit {commit[:12]} announced it"
    yield _name(new, f"{_after(ttl, _TTL)}, {condition}")
