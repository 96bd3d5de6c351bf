"""What comes next, and when: relative to publication in a change, as dates when it was published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtasts.history.timeline import Span, Timeline
from mtasts.plan import next_steps
from mtasts.plan.dates import duration
from mtasts.plan.diff import DomainChange
from mtasts.sts.policy import Mode, MxPattern, Policy

NOW = datetime(2026, 3, 10, 8, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
COMMIT = "0123456789abcdef" * 2


def policy(mode: str, max_age: int = 604800, *mx: str) -> Policy:
    """Return a policy, for mx1.example.com if nothing else is said."""
    return Policy(Mode(mode), tuple(map(MxPattern, mx or ("mx1.example.com",))), max_age)


TESTING, ENFORCE, NONE = policy("testing"), policy("enforce", 2419200), policy("none", 86400)
BOTH = policy("enforce", 2419200, "mx1.example.com", "mx2.example.com")


def timeline(*spans: tuple[Policy, timedelta]) -> Timeline:
    """Return a timeline: each policy, and how long before NOW the branch got it."""
    return tuple(Span(each, NOW - ago, COMMIT) for each, ago in spans)


def steps(found: object) -> list[str]:
    """Return the steps of example.com as they are shown."""
    return [next_steps.said(step, "example.com") for step in found]  # type: ignore[attr-defined]


class Proposed(NamedTuple):
    """A change that is not merged, after a life, and its next steps."""

    life: Timeline
    after: Policy | None
    expected: list[str]
    ttl: int = 3600


REPORTS = ", if the TLS reports show no failures."
PROPOSED: Mapping[str, Proposed] = {
    # I1 and K1: "MX may change from 11:06 on" was computed from the time of the plan, and mail was lost.
    "mx-move": Proposed(timeline((ENFORCE, 90 * DAY)), BOTH, [
        "You can add mx2.example.com to the MX records of example.com one hour (the record's TTL) after the new id is "
        "published."
    ]),
    "mx-move-short-ttl": Proposed(timeline((ENFORCE, 90 * DAY)), BOTH, [
        "You can add mx2.example.com to the MX records of example.com 5 minutes (the record's TTL) after the new id is "
        "published."
    ], 300),
    "testing-begins": Proposed((), TESTING, [
        f"example.com can move to enforce 7 days (its max_age) after the new id is published{REPORTS}"
    ]),
    "rollback": Proposed(timeline((TESTING, 90 * DAY), (ENFORCE, 60 * DAY)), TESTING, [
        f"example.com can move to enforce 7 days (its max_age) after the new id is published{REPORTS}"
    ]),
    # Testing that began earlier goes on: its date is in the history, and true whenever this is merged.
    "longer-testing": Proposed(timeline((TESTING, 3 * DAY)), policy("testing", 864000), [
        f"example.com can move to enforce from 2026-03-17 08:00 UTC on{REPORTS}"
    ]),
    "long-tested": Proposed(timeline((TESTING, 30 * DAY)), policy("testing", 864000), [
        f"example.com can move to enforce now{REPORTS}"
    ]),
    # RFC 8461 §8.3: senders have the last policy until it has run out, from when the next one takes its place.
    "way-out": Proposed(timeline((TESTING, 90 * DAY), (ENFORCE, 60 * DAY)), NONE, [
        "You can retire example.com (retired: true) 28 days (the max_age of the previous policy) after the new id is "
        "published."
    ]),
    "way-out-after-longer": Proposed(timeline((policy("enforce", 15552000), 9 * DAY), (TESTING, 2 * DAY)), NONE, [
        "You can retire example.com (retired: true) 7 days (the max_age of the previous policy) after the new id is "
        "published, and not before 2026-09-04 08:00 UTC."
    ]),
    "none-again": Proposed(timeline((TESTING, 9 * DAY), (NONE, 2 * DAY)), policy("none", 3600), [
        "You can retire example.com (retired: true) from 2026-03-15 08:00 UTC on."
    ]),
    "retired": Proposed(timeline((TESTING, 90 * DAY), (NONE, 60 * DAY)), None, [
        "Delete example.com from policy.yaml when DNS has no record of it any more."
    ]),
    # I2: a domain that comes in enforce.
    "comes-in-enforce": Proposed((), ENFORCE, [
        "example.com went straight to enforce, without testing. Before the id is published, run python -m mtasts check "
        "--only mx, which compares the policy with the MX records."
    ]),
    "nothing-new": Proposed(timeline((BOTH, 90 * DAY)), ENFORCE, []),
}  # fmt: skip


@pytest.mark.parametrize("name", PROPOSED)
def test_a_change_has_no_date_that_merging_late_makes_untrue(name: str) -> None:
    """A day later it says the same, but for what the history says."""
    life, after, expected, ttl = PROPOSED[name]
    change = DomainChange("example.com", life[-1].policy if life else None, after, (bool(life), True), ())
    assert steps(next_steps.proposed(change, life, ttl, NOW)) == expected


@given(st.integers(0, 400), st.sampled_from(sorted(PROPOSED)))
def test_a_date_in_a_change_stays_true(days: int, name: str) -> None:
    """However late it is merged, a date that is still to come is the same one."""
    life, after, _, ttl = PROPOSED[name]
    change = DomainChange("example.com", life[-1].policy if life else None, after, (bool(life), True), ())
    first = steps(next_steps.proposed(change, life, ttl, NOW))
    later = steps(next_steps.proposed(change, life, ttl, NOW + days * DAY))
    for one, other in zip(first, later, strict=True):
        assert other == one or " UTC" not in other or one.split(" UTC")[0].endswith(other.split(" UTC")[0][-16:])


class Merged(NamedTuple):
    """A policy on main, whether DNS shows its id, and what is open."""

    life: Timeline
    shown: bool | None
    expected: list[str]


HOUR = timedelta(hours=1)
MINUTES = timedelta(minutes=20)
MERGED: Mapping[str, Merged] = {
    # K1: the step is on main until its time is over, and says what it rests on.
    "mx-move": Merged(timeline((ENFORCE, 90 * DAY), (BOTH, MINUTES)), None, [
        "You can add mx2.example.com to the MX records of example.com one hour (the record's TTL) after the new id is "
        "published, so not before 2026-03-10 08:40 UTC, and only if the deployment of commit 0123456789ab announced it."
    ]),
    "mx-move-shown": Merged(timeline((ENFORCE, 90 * DAY), (BOTH, MINUTES)), True, [
        "You can add mx2.example.com to the MX records of example.com from 2026-03-10 09:00 UTC on. DNS shows the id."
    ]),
    "mx-move-not-shown": Merged(timeline((ENFORCE, 90 * DAY), (BOTH, 5 * DAY)), False, [
        "You can add mx2.example.com to the MX records of example.com one hour (the record's TTL) after the new id is "
        "published. DNS does not show the new id yet."
    ]),
    "mx-move-over": Merged(timeline((ENFORCE, 90 * DAY), (BOTH, HOUR)), None, []),
    # A later change of something else does not hide it.
    "mx-move-and-more": Merged(timeline((ENFORCE, 90 * DAY), (BOTH, 2 * MINUTES), (
        policy("enforce", 2419201, "mx1.example.com", "mx2.example.com"), MINUTES)), None, [
        "You can add mx2.example.com to the MX records of example.com one hour (the record's TTL) after the new id is "
        "published, so not before 2026-03-10 08:20 UTC, and only if the deployment of commit 0123456789ab announced it."
    ]),
    # I4: a week of commits is no testing, if nothing was deployed.
    "testing": Merged(timeline((TESTING, 3 * DAY)), None, [
        "example.com can move to enforce from 2026-03-14 08:00 UTC on, if the deployment of commit 0123456789ab "
        "announced it and the TLS reports show no failures."
    ]),
    "tested": Merged(timeline((TESTING, 8 * DAY)), None, [
        "example.com can move to enforce now, if the deployment of commit 0123456789ab announced it and the TLS "
        "reports show no failures."
    ]),
    "tested-and-shown": Merged(timeline((TESTING, 8 * DAY)), True, [
        f"example.com can move to enforce now{REPORTS} DNS shows the id."
    ]),
    "never-deployed": Merged(timeline((TESTING, 8 * DAY)), False, [
        f"example.com can move to enforce 7 days (its max_age) after the new id is published{REPORTS} "
        "DNS does not show the new id yet."
    ]),
    "way-out": Merged(timeline((TESTING, 9 * DAY), (NONE, 2 * DAY), (policy("none", 3600), DAY)), None, [
        "You can retire example.com (retired: true) from 2026-03-15 08:00 UTC on, if the deployment of commit "
        "0123456789ab announced it."
    ]),
    "came-in-enforce": Merged(timeline((ENFORCE, DAY)), None, [
        "example.com went straight to enforce, without testing. Before the id is published, run python -m mtasts check "
        "--only mx, which compares the policy with the MX records."
    ]),
    "enforce": Merged(timeline((TESTING, 20 * DAY), (ENFORCE, DAY)), None, []),
    "enforce-for-long": Merged(timeline((ENFORCE, 29 * DAY)), None, []),
}  # fmt: skip


@pytest.mark.parametrize("name", MERGED)
def test_main_says_what_is_open(name: str) -> None:
    """And what it rests on: that the deploy has announced it, which only DNS shows."""
    life, shown, expected = MERGED[name]
    assert life[-1].policy
    assert steps(next_steps.merged(life[-1].policy, life, 3600, NOW, shown)) == expected


class Announced(NamedTuple):
    """A policy whose id was published now, the policy of the id before, and what comes next."""

    life: Timeline
    old: Policy | None
    expected: list[str]


ANNOUNCED: Mapping[str, Announced] = {
    # K1: merged a day ago, held up by a reviewer, announced now.
    "mx-move": Announced(timeline((ENFORCE, 90 * DAY), (BOTH, DAY)), ENFORCE, [
        "You can add mx2.example.com to the MX records of example.com from 2026-03-10 09:00 UTC on."
    ]),
    # Two changes in one deployment: what DNS had before counts.
    "two-changes": Announced(timeline((ENFORCE, 90 * DAY), (BOTH, 2 * HOUR), (
        policy("enforce", 2419201, "mx1.example.com", "mx2.example.com"), HOUR)), ENFORCE, [
        "You can add mx2.example.com to the MX records of example.com from 2026-03-10 09:00 UTC on."
    ]),
    # I4: weeks of commits, and the first deployment.
    "first": Announced(timeline((TESTING, 30 * DAY)), None, [
        f"example.com can move to enforce from 2026-03-17 08:00 UTC on{REPORTS}"
    ]),
    "testing-goes-on": Announced(timeline((TESTING, 3 * DAY), (policy("testing", 864000), DAY)), TESTING, [
        f"example.com can move to enforce from 2026-03-17 08:00 UTC on{REPORTS}"
    ]),
    "way-out": Announced(timeline((ENFORCE, 90 * DAY), (NONE, DAY)), ENFORCE, [
        "You can retire example.com (retired: true) from 2026-04-07 08:00 UTC on."
    ]),
    "without-history": Announced((), None, []),
}  # fmt: skip


@pytest.mark.parametrize("name", ANNOUNCED)
def test_the_deploy_has_the_dates(name: str) -> None:
    """They count from now, since senders learn of the policy now."""
    life, old, expected = ANNOUNCED[name]
    new = life[-1].policy if life else ENFORCE
    assert new
    assert steps(next_steps.announced(new, life, old, 3600, NOW)) == expected


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (3600, "one hour"),
        (300, "5 minutes"),
        (60, "one minute"),
        (1, "one second"),
        (86400, "one day"),
        (604800, "7 days"),
        (5400, "1.5 hours"),
        (604801, "7.1 days"),
        (31557600, "365.3 days"),
        (86399, "24 hours"),
    ],
)
def test_a_time_to_wait_is_never_said_shorter(seconds: int, shown: str) -> None:
    """Who comes earlier loses mail."""
    assert duration(seconds) == shown


def test_what_many_domains_have_to_do_is_said_once() -> None:
    """A thousand domains have one line."""
    same = [f"{next_steps.WHO} wait."]
    lines = list(next_steps.lines({f"d{number}.example": same for number in range(30)} | {"e.example": ["Wait."]}))
    assert lines == ["next: 30 domains wait.", "next: Wait."]
