"""What check saw, as a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mtasts.check import policy_host
from mtasts.check.walk import Checked
from mtasts.findings import Finding, has_errors
from mtasts.findings.report import Part, Report, Section, count


def check_report(results: Sequence[Checked]) -> Report:
    """Return the report: a section per domain, and what is to be said once, and not of each domain."""
    of_the_run = _of_the_run(results)
    findings = [*(finding for result in results for finding in result.findings), *of_the_run]
    bad = sum(has_errors(result.findings) for result in results)
    domains = f"{len(results)} domain{'s' if len(results) != 1 else ''}"
    summary = f"{domains}, {bad or 'none'} with errors: {count(findings)}"
    data = {"findings": [finding.as_dict() for finding in findings], "domains": list(map(_data, results))}
    return Report(summary, of_the_run, sections=list(map(_section, results)), data=data)


@contextmanager
def progress(total: int) -> Iterator[Callable[[object], object]]:
    """Show on a terminal how many domains are done; elsewhere show nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("Looking at the domains"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(file=sys.__stderr__)  # it moves the cursor, and shows no text from outside
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda _: bar.advance(task)


def _of_the_run(results: Sequence[Checked]) -> list[Finding]:
    addresses = (each for result in results for section in result.sections for each in section.unreached)
    found = policy_host.unreached(addresses)
    return [found] if found else []


def _section(result: Checked) -> Section:
    parts = [Part(each.title, each.items) for each in result.sections if each.items]
    return Section(result.domain, parts=parts, closing=result.verdict or "")


def _data(result: Checked) -> dict[str, object]:
    """Return what was seen of a domain; what is wrong with it is among the findings."""
    sections = [
        {"title": section.title, "seen": [item for item in section.items if isinstance(item, str)]}
        for section in result.sections
    ]
    return {"domain": result.domain, "verdict": result.verdict, "sections": sections}
