"""A report: what a verb has found, as data. mtasts.findings.forms renders it.

These are tuples, since a frozen dataclass takes five times as long to define, and lint must start fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mtasts.findings.finding import Finding, Severity

SHOWN = 1000  # findings in one list: a hostile file can cause a million


class Table(NamedTuple):
    """Rows under their columns. empty: what to show if there is no row, in the toolkit's own words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ""


class Unknown(str):
    """A fact that could not be seen."""

    __slots__ = ()


class Part(NamedTuple):
    """What was seen of one thing, in reading order: facts that are fine, and findings."""

    title: str
    items: Sequence[str | Finding]


class Section(NamedTuple):
    """What a report says about one thing: about a domain, or about several with the same change.

    lines: sentences. code: lines to show unchanged, such as a diff. closing: the result, in lines.
    folded: it is a detail, so Markdown shows only its title until someone opens it.
    """

    title: str = ""
    lines: Sequence[str] = ()
    code: Sequence[str] = ()
    table: Table | None = None
    parts: Sequence[Part] = ()
    closing: Sequence[str] = ()
    folded: bool = False

    @property
    def findings(self) -> list[Finding]:
        """The findings in its parts."""
        return [item for part in self.parts for item in part.items if isinstance(item, Finding)]


class Report(NamedTuple):
    """What a verb has found.

    summary: the result in one line, in the toolkit's own words. findings: those in no section.
    notes: further remarks. title, basis: what the report is about, and what it is based on; for Markdown, which people
    read outside the run. data: the JSON document, if it contains more than the findings. overridden: whether a named
    exception let errors pass, so that nobody mistakes it for a report without errors.
    """

    summary: str
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()
    sections: Sequence[Section] = ()
    title: str = ""
    basis: str = ""
    data: Mapping[str, object] | None = None
    overridden: bool = False

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Report:
        """Return a report that has only findings."""
        return cls(count(findings), findings)

    @property
    def all_findings(self) -> list[Finding]:
        """The findings of the sections, and those in none."""
        return [*(finding for section in self.sections for finding in section.findings), *self.findings]


def count(findings: Sequence[Finding]) -> str:
    """Return the summary: `1 error, 2 warnings`, or `no findings`."""
    numbers = [
        f"{number} {severity.value}{'s' if number != 1 else ''}"
        for severity in Severity
        if (number := sum(finding.rule.severity is severity for finding in findings))
    ]
    return ", ".join(numbers) or "no findings"


def shown(findings: Sequence[Finding], most: int = SHOWN) -> list[Finding]:
    """Return the findings in their order; if there are too many, a selection with every rule, errors first."""
    if len(findings) <= most:
        return list(findings)
    seen: Counter[str] = Counter()
    keys = []
    for number, finding in enumerate(findings):
        seen[finding.rule.id] += 1
        keys.append((seen[finding.rule.id], finding.rule.severity is not Severity.ERROR, number))
    return [findings[number] for number in sorted(number for *_, number in sorted(keys)[:most])]


def more_by_rule(findings: Sequence[Finding], most: int = SHOWN) -> dict[str, dict[str, int]]:
    """Return under `more` how many findings of each rule are not shown; nothing if all are shown."""
    left = Counter(finding.rule.id for finding in findings) - Counter(each.rule.id for each in shown(findings, most))
    return {"more": dict(sorted(left.items()))} if left else {}


def more(findings: Sequence[Finding], most: int = SHOWN) -> Iterator[str]:
    """Yield a line that says how many findings are not shown, if there are any."""
    for left in more_by_rule(findings, most).values():
        rules = ", ".join(f"{number} {rule}" for rule, number in left.items())
        yield f"and {sum(left.values())} more: {rules}"


def findings_data(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the findings in their stable form for JSON, and how many of each rule are not shown."""
    return {"findings": [finding.as_dict() for finding in shown(findings)], **more_by_rule(findings)}
