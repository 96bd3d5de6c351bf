"""The report of a check."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from mtasts.check import policy_host
from mtasts.check.outcome import Cached, Group
from mtasts.check.steps import Unseen
from mtasts.check.walk import Checked
from mtasts.findings import Finding, Rule, has_errors, listed
from mtasts.findings.report import Part, Report, Section, Unknown, count


def check_report(results: Sequence[Checked], cached: Mapping[str, Cached] = MappingProxyType({})) -> Report:
    """Return the report: a section per domain, and the findings about the whole run.

    cached: the policies that senders can still have in their caches, by domain.
    """
    of_the_run = _of_the_run(results)
    findings = [*(finding for result in results for finding in result.findings), *of_the_run]
    bad = sum(has_errors(result.findings) for result in results)
    domains = f"{len(results)} domain{'s' if len(results) != 1 else ''}"
    summary = f"{domains}, {bad or 'none'} with errors: {count(findings)}"
    groups = [result.groups(cached.get(result.domain)) for result in results]
    pairs = list(zip(results, groups, strict=True))
    data = {"findings": [finding.as_dict() for finding in findings], "domains": [_data(*pair) for pair in pairs]}
    return Report(summary, of_the_run, sections=[_section(*pair) for pair in pairs], data=data)


@contextmanager
def progress(total: int) -> Iterator[Callable[[object], object]]:
    """Show on a terminal how many domains are done. Without a terminal, show nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("Checking the domains"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(file=sys.__stderr__)  # unguarded, since it moves the cursor; it shows no text from outside
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda _: bar.advance(task)


def _of_the_run(results: Sequence[Checked]) -> list[Finding]:
    """Return what this machine could not see: one finding for each cause."""
    sections = [section for result in results for section in result.sections]
    found = policy_host.unreached(address for section in sections for address in section.unreached)
    unseen: dict[Rule, list[Unseen]] = {}
    for each in (each for section in sections for each in section.unseen):
        unseen.setdefault(each.rule, []).append(each)
    return [*([found] if found else []), *(_once(rule, each) for rule, each in unseen.items())]


def _once(rule: Rule, unseen: Sequence[Unseen]) -> Finding:
    """Return one finding for everything that could not be seen for the same reason."""
    names, first = list(dict.fromkeys(each.what for each in unseen)), unseen[0]
    if len(names) == 1:
        return Finding(rule, first.message)
    return Finding(rule, f"{rule.title}: {listed(names)}. {first.advice}")


def _section(result: Checked, groups: Sequence[Group]) -> Section:
    parts = [Part(each.title, list(map(_item, each.items))) for each in result.sections if each.items]
    return Section(result.domain, parts=parts, closing=_verdict(groups))


def _item(item: str | Finding | Unseen) -> str | Finding:
    return Unknown(f"{item.what}: {item.why}") if isinstance(item, Unseen) else item


def _verdict(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the verdict: a line for each group of senders."""
    return tuple(group.text for group in groups)


def _data(result: Checked, groups: Sequence[Group]) -> dict[str, object]:
    """Return what was seen of a domain. What is wrong with it is in the findings."""
    sections = [
        {
            "title": section.title,
            "seen": [item for item in section.items if isinstance(item, str)],
            "unseen": [f"{each.what}: {each.why}" for each in section.unseen],
        }
        for section in result.sections
    ]
    verdict = "\n".join(_verdict(groups)) or None
    found = [group.as_dict() for group in groups]
    return {"domain": result.domain, "verdict": verdict, "groups": found, "sections": sections}
