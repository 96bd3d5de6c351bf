"""What check saw, in the forms that people and tools read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from mtasts.check import policy_host
from mtasts.check.walk import Checked
from mtasts.findings import Finding, Severity, forms, has_errors
from mtasts.findings.forms import markdown, plain

MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!"}
FINE = "✓"


def as_text(results: Sequence[Checked]) -> str:
    """Return a tree per domain, each thing with its mark, and a line that sums up."""
    of_the_run = [line for finding in _of_the_run(results) for line in (_line(finding), "")]
    return "\n".join([*(line for result in results for line in _tree(result)), *of_the_run, summary(results)])


def as_json(results: Sequence[Checked]) -> str:
    """Return the findings in their stable form, and per domain what was seen."""
    domains = [
        {
            "domain": result.domain,
            "verdict": result.verdict,
            "sections": [
                {"title": section.title, "seen": [item for item in section.items if isinstance(item, str)]}
                for section in result.sections
            ],
        }
        for result in results
    ]
    return forms.json_text({"findings": [finding.as_dict() for finding in _findings(results)], "domains": domains})


def as_markdown(results: Sequence[Checked]) -> str:
    """Return the summary, and per domain its verdict and a table of what is wrong: those with errors first."""
    lines = [f"**{summary(results)}**"]
    if of_the_run := _of_the_run(results):
        lines += ["", *_table(of_the_run)]
    for result in sorted(results, key=lambda result: not has_errors(result.findings)):
        lines += ["", f"### {markdown(result.domain)}", "", markdown(result.verdict or ""), ""]
        lines += _table(result.findings)
    return "\n".join(lines)


def summary(results: Sequence[Checked]) -> str:
    """Return the line that counts domains and findings."""
    bad = sum(has_errors(result.findings) for result in results)
    domains = f"{len(results)} domain{'s' if len(results) != 1 else ''}"
    return f"{domains}, {bad or 'none'} with errors: {forms.count(_findings(results))}"


def _annotated(annotate: Callable[[Sequence[Finding]], str]) -> Callable[[Sequence[Checked]], str]:
    return lambda results: "\n".join(filter(None, [annotate(_findings(results)), as_text(results)]))


FORMATS: Mapping[str, Callable[[Sequence[Checked]], str]] = {
    "text": as_text,
    "json": as_json,
    "github": _annotated(forms.github_annotations),
    "azure-devops": _annotated(forms.azure_devops_issues),
    "markdown": as_markdown,
}


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


def _findings(results: Sequence[Checked]) -> list[Finding]:
    return [*(finding for result in results for finding in result.findings), *_of_the_run(results)]


def _of_the_run(results: Sequence[Checked]) -> list[Finding]:
    """Return what is to be said once, and not of each domain."""
    addresses = (each for result in results for section in result.sections for each in section.unreached)
    found = policy_host.unreached(addresses)
    return [found] if found else []


def _tree(result: Checked) -> Iterator[str]:
    yield plain(result.domain)
    for section in filter(lambda section: section.items, result.sections):
        yield f"  {section.title}"
        for item in section.items:
            yield f"    {_line(item)}"
    if result.verdict:
        yield plain(f"  = {result.verdict}")
    yield ""


def _line(item: str | Finding) -> str:
    if isinstance(item, str):
        return plain(f"{FINE} {item}")
    place = f"line {item.line}: " if item.file else ""
    return plain(f"{MARKS[item.rule.severity]} {item.rule.id} {place}{item.message}")


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield from ("| severity | rule | what |", "|---|---|---|")
    for finding in findings:
        place = f"line {finding.line}: " if finding.file else ""
        yield f"| {finding.rule.severity.value} | {finding.rule.id} | {markdown(place + finding.message)} |"
