"""A plan in the forms that people and tools read. Those for people put together what happens to many domains alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from mtasts.findings import Finding, forms, listed
from mtasts.findings.forms import markdown, plain
from mtasts.plan.diff import DomainChange, RecordChange
from mtasts.plan.plan import Allowed, Plan
from mtasts.plan.safety import Danger, date
from mtasts.sts.policy import Policy
from mtasts.sts.record import policy_id

SHOWN = 20  # names, records or steps in one list
LINES = 60  # of a diff
GROUPS = 100  # of domains that change alike

_SIGNS = {(True, False): "-", (False, True): "+", (True, True): "~"}


def verdict(plan: Plan) -> str:
    """Return the one line that it comes to."""
    if plan.unsafe:
        when = f" Merged from {date(plan.safe_from)} on it is safe." if plan.safe_from else ""
        return f"Not safe: {forms.count(plan.findings)}.{when}"
    if not plan.change:
        return "Nothing changes for senders."
    number = len(plan.change.domains)
    what = {0: "no domain changes", 1: "1 domain changes"}.get(number, f"{number} domains change")
    errors = "1 error" if len(plan.allowed) == 1 else f"{len(plan.allowed)} errors"
    return f"{f'Allowed, with {errors} let through by name' if plan.allowed else 'Safe'}: {what}."


def as_text(plan: Plan) -> str:
    """Return what changes, what is to be said of it, what comes next, and the verdict in the last line."""
    groups = _groups(plan)
    lines = [line for group in groups[:GROUPS] for line in _text_group(group)]
    lines += _more(groups)
    lines += [f"{what}: {before} to {after}" for what, before, after in _wholes(plan)]
    lines += ["", *forms.as_text(plan.findings).splitlines()[:-1]] if plan.findings else []
    lines += [f"allowed {_through(each)}" for each in plan.allowed]
    lines += [f"next: {who}: {step}" for who, step in _next(plan)]
    lines += [] if plan.live or not plan.change else ["Not looked at: HTTPS, DNS and the MX hosts. --live does."]
    return "\n".join([*map(plain, lines), verdict(plan)])


def as_markdown(plan: Plan) -> str:
    """Return the verdict first, then what stands against the change, and the details folded."""
    mark = "❌" if plan.unsafe else "✅"
    lines = [f"## {mark} MTA-STS: {markdown(verdict(plan))}", ""]
    lines += [*_findings_table(plan.findings), ""] if plan.findings else []
    lines += [f"- Allowed {markdown(_through(each))}" for each in plan.allowed]
    lines += [f"- **Next, {markdown(who)}**: {markdown(step)}" for who, step in _next(plan)]
    groups = _groups(plan)
    for group in groups[:GROUPS]:
        lines += ["", *_markdown_group(group)]
    lines += ["", *_more(groups)]
    lines += [f"\n{what}: {markdown(before)} to {markdown(after)}" for what, before, after in _wholes(plan)]
    looked = "and with what HTTPS, DNS and the MX hosts have now" if plan.live else "alone; `--live` was not given"
    return "\n".join([*lines, "", f"Compared with commit {plan.base[:12]} and its history, {looked}."])


def as_json(plan: Plan) -> str:
    """Return the document that plan.schema.json describes."""
    change = plan.change
    steps = plan.next_steps
    document = {
        "verdict": "unsafe" if plan.unsafe else "safe" if change else "unchanged",
        "safe_from": _iso(plan.safe_from),
        "base": plan.base,
        "live": plan.live,
        "findings": _dangers(plan),
        **forms.more_by_rule(plan.findings),
        "allowed": [{**_danger(each.danger), "commit": each.by.commit} for each in plan.allowed],
        "domains": [_domain(each, steps.get(each.name)) for each in change.domains],
        "next": [{"domain": name, "step": step} for name, step in steps.items()],
        "hosting": _before_after(change.hosting),
        "tls_reporting": _before_after(change.reporting),
    }
    return forms.json_text(document)


def _invalid_json(findings: Sequence[Finding]) -> str:
    shown = [finding.as_dict() for finding in forms.shown(findings)]
    return forms.json_text({"verdict": "invalid", "findings": shown, **forms.more_by_rule(findings)})


def _invalid_markdown(findings: Sequence[Finding]) -> str:
    head = f"## ❌ MTA-STS: Not valid: {forms.count(findings)}."
    return "\n".join([head, "", *_findings_table(findings)])


# For a policy.yaml that is not valid, so that there is no plan.
INVALID = {**forms.FORMATS, "json": _invalid_json, "markdown": _invalid_markdown}


def _annotated(annotate: Callable[[Sequence[Finding]], str]) -> Callable[[Plan], str]:
    return lambda plan: "\n".join(filter(None, [annotate(plan.findings), as_text(plan)]))


FORMATS: Mapping[str, Callable[[Plan], str]] = {
    "text": as_text,
    "json": as_json,
    "github": _annotated(forms.github_annotations),
    "azure-devops": _annotated(forms.azure_devops_issues),
    "markdown": as_markdown,
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
        yield f"{left} more domains change, each in its own way. All are in --format json."


def _head(group: Sequence[DomainChange]) -> str:
    first, number = group[0], len(group)
    return f"{first.name if number == 1 else f'{number} domains'}: {first.title}"


def _text_group(group: Sequence[DomainChange]) -> Iterator[str]:
    yield _head(group)
    if len(group) > 1:
        yield f"  {listed([each.name for each in group], SHOWN)}"
    yield from (f"  {line}" for line in _diff(group[0]))
    yield from (f"  {line}" for line in _some(_record(record) for each in group for record in each.records))


def _markdown_group(group: Sequence[DomainChange]) -> Iterator[str]:
    yield f"<details><summary>{markdown(_head(group))}</summary>\n"
    if len(group) > 1:
        yield f"{markdown(listed([each.name for each in group], SHOWN))}\n"
    lines = [*_diff(group[0]), *_some(_record(record) for each in group for record in each.records)]
    yield "\n".join(["```diff", *(plain(line).replace("`", "'") for line in lines), "```", "\n</details>"])


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


def _next(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield each next step once, with whose it is."""
    found: dict[str, list[str]] = {}
    for name, step in plan.next_steps.items():
        found.setdefault(step, []).append(name)
    for step, names in islice(found.items(), GROUPS):
        yield names[0] if len(names) == 1 else f"{len(names)} domains", step


def _wholes(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield what changes for all domains: its name, before and after."""
    for what, pair in (("Hosting", plan.change.hosting), ("TLS reports", plan.change.reporting)):
        if pair:
            yield what, *pair


def _findings_table(findings: Sequence[Finding]) -> Iterator[str]:
    yield from ("| severity | rule | domain | what |", "|---|---|---|---|")
    for finding in forms.shown(findings, forms.ROWS):
        domain, message = markdown(finding.domain or ""), markdown(finding.message)
        yield f"| {finding.rule.severity.value} | {finding.rule.id} | {domain} | {message} |"
    yield from (f"| | | | {markdown(line)} |" for line in forms.more(findings, forms.ROWS))


def _through(allowed: Allowed) -> str:
    finding = allowed.danger.finding
    return f"by commit {allowed.by.commit[:12]}: {finding.rule.id} {finding.message}"


def _some(items: Iterable[str]) -> list[str]:
    """Return the first items of a list, and how many more there are."""
    found = list(items)
    more = len(found) - SHOWN
    return found if more <= 0 else [*found[:SHOWN], f"and {more} more"]


def _dangers(plan: Plan) -> list[dict[str, object]]:
    shown = set(map(id, forms.shown(plan.findings)))
    return [_danger(danger) for danger in plan.dangers if id(danger.finding) in shown]


def _danger(danger: Danger) -> dict[str, object]:
    return {**danger.finding.as_dict(), "safe_from": _iso(danger.safe_from)}


def _domain(change: DomainChange, step: str | None) -> dict[str, object]:
    return {
        "domain": change.name,
        "title": change.title,
        "before": _policy(change.before),
        "after": _policy(change.after),
        "diff": change.diff,
        "records": [
            {"name": each.name, "type": each.type, "before": each.before, "after": each.after}
            for each in change.records
        ],
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
