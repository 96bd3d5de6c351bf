"""A plan as a report. Domains that change alike are shown together; the JSON data has every domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from mtasts.findings import Finding, listed
from mtasts.findings.report import Report, Section, count, findings_data, more_by_rule, shown
from mtasts.plan import next_steps
from mtasts.plan.dates import date
from mtasts.plan.diff import DomainChange, RecordChange
from mtasts.plan.plan import Allowed, Plan
from mtasts.plan.safety import Danger
from mtasts.sts.policy import Policy
from mtasts.sts.record import policy_id

SHOWN = 20  # names, records or steps in one list
LINES = 60  # of a diff
GROUPS = 100  # of domains that change alike
TITLE = "MTA-STS"

_NOT_LOOKED = (
    "This plan uses the git history only: what was merged, not what was published. Add --live to check HTTPS, DNS and "
    "the MX hosts."
)
_LOOKED = ", and with what HTTPS, DNS and the MX hosts show now"

_SIGNS = {(True, False): "-", (False, True): "+", (True, True): "~"}


def verdict(plan: Plan) -> str:
    """Return the verdict in one line."""
    if plan.unsafe:
        when = f" It is safe to merge from {date(plan.safe_from)} on." if plan.safe_from else ""
        return f"Not safe: {count(plan.findings)}.{when}"
    number = len(plan.change.domains)
    what = {0: _without_domains(plan), 1: "1 domain changes"}.get(number, f"{number} domains change")
    if plan.allowed:
        errors = "1 error" if len(plan.allowed) == 1 else f"{len(plan.allowed)} errors"
        return f"Allowed, with {errors} let through by name: {what}."
    return f"Safe: {what}." if plan.change else "Nothing changes for senders."


def _without_domains(plan: Plan) -> str:
    if plan.change.hosting:
        return "the hosting changes"
    return "no domain changes" if plan.change else "nothing changes for senders"


def plan_report(plan: Plan) -> Report:
    """Return the report: what changes, what blocks it, and what comes next."""
    groups = _groups(plan)
    wholes = [*_more(groups), *_wholes(plan)]
    sections = [*map(_section, groups[:GROUPS]), *([Section(lines=wholes)] if wholes else [])]
    steps = [*next_steps.lines(plan.next_steps), *(f"next, for the hosting: {step}" for step in plan.hosting_steps)]
    notes = [*map(_allowed, plan.allowed), *steps, *_some(plan.facts), *([] if plan.live else [_NOT_LOOKED])]
    basis = f"Compared with commit {plan.base[:12]} and its history{_LOOKED if plan.live else ''}."
    overridden = bool(plan.allowed)
    return Report(verdict(plan), plan.findings, notes, sections, TITLE, basis, _data(plan), overridden)


def invalid_report(findings: Sequence[Finding]) -> Report:
    """Return the report of a policy.yaml that is not valid, so that there is no plan."""
    data = {"verdict": "invalid", **findings_data(findings)}
    return Report(count(findings), findings, title=f"{TITLE}: Not valid", data=data)


def _data(plan: Plan) -> dict[str, object]:
    """Return the document that plan.schema.json describes."""
    change = plan.change
    steps = {name: next_steps.said(" ".join(own), name) for name, own in plan.next_steps.items()}
    return {
        "verdict": "unsafe" if plan.unsafe else "safe" if change else "unchanged",
        "safe_from": _iso(plan.safe_from),
        "base": plan.base,
        "live": plan.live,
        "findings": _dangers(plan),
        **more_by_rule(plan.findings),
        "allowed": [{**_danger(each.danger), "commit": each.by.commit} for each in plan.allowed],
        "domains": [_domain(each, steps.get(each.name)) for each in change.domains],
        "next": [{"domain": name, "step": step} for name, step in steps.items()],
        "hosting_steps": list(plan.hosting_steps),
        "hosting": _before_after(change.hosting),
        "tls_reporting": _before_after(change.reporting),
    }


def _groups(plan: Plan) -> list[list[DomainChange]]:
    """Return the domains that change in the same way, in groups."""
    found: dict[object, list[DomainChange]] = {}
    for each in plan.change.domains:
        found.setdefault((each.before, each.after, each.listed), []).append(each)
    return list(found.values())


def _more(groups: Sequence[Sequence[DomainChange]]) -> Iterator[str]:
    left = sum(map(len, groups[GROUPS:]))
    if left:
        yield f"{left} more domains change, each in its own way. --format json lists them all."


def _head(group: Sequence[DomainChange]) -> str:
    first, number = group[0], len(group)
    return f"{first.name if number == 1 else f'{number} domains'}: {first.title}"


def _section(group: Sequence[DomainChange]) -> Section:
    names = [listed([each.name for each in group], SHOWN)] if len(group) > 1 else []
    changes = [*_diff(group[0]), *_some(_record(record) for each in group for record in each.records)]
    return Section(_head(group), names, changes, folded=True)


def _diff(change: DomainChange) -> Iterator[str]:
    if change.before == change.after:
        return
    lines = change.diff
    yield from lines[:LINES]
    if len(lines) > LINES:
        yield f"  and {len(lines) - LINES} more lines"
    before, after = change.ids
    yield f"  id {before or 'none'} to {after or 'none'}"


def _record(record: RecordChange) -> str:
    sign = _SIGNS[record.before is not None, record.after is not None]
    values = " to ".join(value for value in (record.before, record.after) if value is not None)
    return f"{sign} {record.name} {record.type} {values}"


def _wholes(plan: Plan) -> Iterator[str]:
    """Yield what changes for all domains."""
    for what, pair in (("Hosting", plan.change.hosting), ("TLS reports", plan.change.reporting)):
        if pair:
            yield f"{what}: {pair[0]} to {pair[1]}"


def _allowed(allowed: Allowed) -> str:
    finding = allowed.danger.finding
    return f"allowed by commit {allowed.by.commit[:12]}: {finding.rule.id} {finding.message}"


def _some(items: Iterable[str]) -> list[str]:
    """Return the first items of a list, and how many more there are."""
    found = list(items)
    more = len(found) - SHOWN
    return found if more <= 0 else [*found[:SHOWN], f"and {more} more"]


def _dangers(plan: Plan) -> list[dict[str, object]]:
    some = set(map(id, shown(plan.findings)))
    return [_danger(danger) for danger in plan.dangers if id(danger.finding) in some]


def _danger(danger: Danger) -> dict[str, object]:
    return {**danger.finding.as_dict(), "safe_from": _iso(danger.safe_from)}


def _domain(change: DomainChange, step: str | None) -> dict[str, object]:
    return {
        "domain": change.name,
        "title": change.title,
        "before": _policy(change.before),
        "after": _policy(change.after),
        "diff": change.diff,
        "records": [asdict(record) for record in change.records],
        "next": step,
    }


def _policy(policy: Policy | None) -> dict[str, object] | None:
    if not policy:
        return None
    fields = {"mode": policy.mode.value, "mx": list(policy.mx), "max_age": policy.max_age}
    return {**fields, "id": policy_id(policy), "text": policy.render()}


def _before_after(pair: tuple[str, str] | None) -> dict[str, str] | None:
    return {"before": pair[0], "after": pair[1]} if pair else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
