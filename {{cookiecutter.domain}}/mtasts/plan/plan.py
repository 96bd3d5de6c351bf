"""What a change does and whether mail survives it: the change, the dangers, what is allowed, and what comes next."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mtasts.config.model import Config
from mtasts.findings import Finding, Rule, Severity, has_errors
from mtasts.history.revisions import History
from mtasts.history.timeline import Timeline, published, timelines
from mtasts.plan import hosting_move, next_steps, safety
from mtasts.plan.diff import Change, DomainChange, change, moved
from mtasts.plan.overrides import Allowance, allowed, idle
from mtasts.plan.safety import Danger
from mtasts.sts.policy import Mode, Policy

REVISION_INVALID = Rule(
    "MTS522",
    "A revision in the history is not valid",
    Severity.WARNING,
    "this toolkit",
    """The pipeline does not deploy a policy.yaml that lint rejects, so this revision is skipped: the plan
assumes that the one before it stayed in force.""",
)
COMMIT_MISDATED = Rule(
    "MTS523",
    "A commit's date cannot be right",
    Severity.WARNING,
    "this toolkit",
    """The commit is dated in the future, before the commit that it follows, or before MTA-STS existed. A clock
was wrong, on this machine or on another one. The latest possible date is used instead, so that no policy looks
older than it is.""",
)


class Seen(Protocol):
    """A domain as a look at it shows it."""

    def dangers(self, domain: DomainChange) -> Iterable[Danger]:
        """Return what it says of a change."""

    def shows(self, policy: Policy) -> bool | None:
        """Tell whether DNS shows the id of a policy; None if that could not be seen."""

    @property
    def facts(self) -> Sequence[str]:
        """Return what was seen and is not judged."""


Live = Mapping[str, Seen]


@dataclass(frozen=True)
class Allowed:
    """A danger that a commit of the change allows by name."""

    danger: Danger
    by: Allowance


@dataclass(frozen=True)
class Plan:
    """A change and its dangers. base: the commit it starts from.

    next_steps: by domain, what comes after and when. hosting_steps: of a move to another hosting. facts: what was seen
    of the domains and is not judged.
    """

    base: str
    change: Change
    dangers: tuple[Danger, ...]
    allowed: tuple[Allowed, ...]
    next_steps: Mapping[str, Sequence[str]]
    live: bool
    hosting_steps: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        """All that is not allowed: errors, and warnings."""
        return [danger.finding for danger in self.dangers]

    def placed(self, place: Callable[[Finding], Finding]) -> Plan:
        """Return the plan with every finding as `place` returns it."""
        dangers = tuple(dataclasses.replace(each, finding=place(each.finding)) for each in self.dangers)
        return dataclasses.replace(self, dangers=dangers)

    @property
    def unsafe(self) -> list[Danger]:
        """The dangers that stop the change."""
        return [danger for danger in self.dangers if danger.finding.rule.severity is Severity.ERROR]

    @property
    def safe_from(self) -> datetime | None:
        """When the same change would be safe; None if it is safe now, or if waiting alone does not help."""
        dates = [danger.safe_from for danger in self.unsafe]
        return max((each for each in dates if each), default=None) if all(dates) else None


def to_look_at(history: History, after: Config) -> dict[str, bool]:
    """Return which domains to look at for a plan, and whether at their MX hosts too: if a policy changes."""
    before = in_force(history)
    changed = {each.name for each in change(before, after).domains if each.after and each.after.mode is not Mode.NONE}
    return {name: name in changed for name in [*published(before), *published(after)]}


def in_force(history: History) -> Config | None:
    """Return what the branch has in force: its last revision that lints."""
    return history.revisions[-1].config if history.revisions else None


def plan(
    base: str,
    history: History,
    after: Config,
    given: Sequence[Allowance],
    now: datetime,
    live: Live | None = None,
) -> Plan:
    """Return the plan for the change from what a branch had in force to a new policy.yaml.

    given: the Allow lines. live: the domains that were looked at, with what was found; None without --live.
    """
    before, known = in_force(history), timelines(history)
    made = change(before, after)
    unseen_ttl = _ttl(before, after) if live is None else None
    found = [*_history(history), *safety.dangers(made, moved(before, after), known, now, unseen_ttl)]
    found += _live(made, after, live) if live else ()
    findings = [danger.finding for danger in found]
    dangers = list(zip(found, allowed(given, findings), strict=True))
    left = [*(danger for danger, by in dangers if not by), *map(Danger, idle(given, findings))]
    left.sort(key=lambda danger: danger.finding.rule.severity is not Severity.ERROR)
    let_through = tuple(Allowed(danger, by) for danger, by in dangers if by)
    is_safe = not has_errors(danger.finding for danger in left)
    coming = dict(_coming(made, before, after, known, now, live or {})) if is_safe else {}
    moving = tuple(hosting_move.steps(before, after)) if is_safe else ()
    facts = tuple(f"{name}: {fact}" for name, seen in (live or {}).items() for fact in seen.facts)
    return Plan(base, made, tuple(left), let_through, coming, live is not None, moving, facts)


def _ttl(before: Config | None, after: Config) -> int:
    """Return how long a resolver may keep the record that it has."""
    return max(before.ttl, after.ttl) if before else after.ttl


def _coming(
    made: Change, before: Config | None, after: Config, known: Mapping[str, Timeline], now: datetime, live: Live
) -> Iterator[tuple[str, list[str]]]:
    """Yield what comes next for the domains that change; if none does, what is open for all."""
    for each in made.domains:
        if steps := [*next_steps.proposed(each, known.get(each.name, ()), _ttl(before, after), now)]:
            yield each.name, steps
    if not made:
        yield from _open(after, known, now, live)


def _open(after: Config, known: Mapping[str, Timeline], now: datetime, live: Live) -> Iterator[tuple[str, list[str]]]:
    """Yield what is open for domains that do not change."""
    for name, domain in published(after).items():
        shown = live[name].shows(domain.policy) if name in live else None
        if steps := [*next_steps.merged(domain.policy, known.get(name, ()), after.ttl, now, shown)]:
            yield name, steps
    yield from ((domain.name, [next_steps.retired()]) for domain in after.retired)


def _history(history: History) -> Iterator[Danger]:
    """Yield the findings about the history itself."""
    for skipped in history.skipped:
        message = f"Commit {skipped.commit[:12]} is skipped, because its policy.yaml does not pass lint: {skipped.why}"
        yield Danger(Finding(REVISION_INVALID, message))
    for commit in history.misdated:
        message = (
            f"Commit {commit[:12]} has an impossible date. The plan uses the latest possible one. Check the clock."
        )
        yield Danger(Finding(COMMIT_MISDATED, message))


def _live(made: Change, after: Config, live: Live) -> Iterator[Danger]:
    changed = {each.name: each for each in made.domains}
    still = {each.name: each for each in _still(after)}
    for name, seen in live.items():
        yield from seen.dangers(changed.get(name) or still[name])


def _still(after: Config) -> Iterator[DomainChange]:
    """Yield the domains as if each were changed into itself."""
    for name, domain in published(after).items():
        yield DomainChange(name, domain.policy, domain.policy, (True, True), ())
