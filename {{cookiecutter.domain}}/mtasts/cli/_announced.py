"""What comes after an announcement, with dates: they count from now, since senders learn of the policies now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mtasts.config.model import Config
from mtasts.history.timeline import Timeline, of_branch, published
from mtasts.plan import next_steps
from mtasts.sts.policy import Policy
from mtasts.sts.record import StsRecord, policy_id

_RECORD = "_mta-sts."


def steps(config: Config, path: Path, plans: Iterable[tuple[Any, Any]], now: datetime) -> Iterator[str]:
    """Yield the next step of each domain whose id was published now. plans: what octoDNS has done."""
    domains, known = published(config), of_branch(path, now)
    found = {}
    for name, before, ttl in _announced(plans):
        if name in domains and before != policy_id(domains[name].policy):
            timeline = known.get(name, ())
            policy, old = domains[name].policy, _policy(before, timeline)
            found[name] = [*next_steps.announced(policy, timeline, old, ttl, now)]
    yield from next_steps.lines(found)


def _announced(plans: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, str | None, int]]:
    """Yield each domain whose announcement was made or changed, with the id before, and how long that may be seen."""
    for change in (change for _, plan in plans for change in plan.changes):
        if change.new and change.new._type == "TXT" and change.new.fqdn.startswith(_RECORD):
            existing = change.existing
            values = [value.replace("\\;", ";") for value in existing.values] if existing else []
            before = StsRecord.select(values)
            ttl = max(existing.ttl, change.new.ttl) if existing else change.new.ttl
            yield change.new.fqdn.removeprefix(_RECORD).removesuffix("."), before.id if before else None, ttl


def _policy(identity: str | None, timeline: Timeline) -> Policy | None:
    """Return the policy of an id, if the branch has had it."""
    policies = [span.policy for span in timeline if span.policy]
    return next((policy for policy in reversed(policies) if policy_id(policy) == identity), None)
