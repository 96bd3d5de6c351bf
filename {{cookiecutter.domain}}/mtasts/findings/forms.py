"""The forms of a report: for people, for tools, and for the two CI systems. A new form is one function and its row.

Any text in a report can come from outside. Each form escapes what has a special meaning to its reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mtasts.findings.finding import Finding, Severity, has_errors
from mtasts.findings.report import Report, Section, Table, Unknown, findings_data, more, shown

ROWS = 200  # findings in one table
FINE, UNKNOWN = "✓", "?"
OVERRIDDEN = "⚠️"
MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!"}


def as_text(report: Report) -> str:
    """Return the sections, the findings as `file:line:column: severity rule: message`, and at the end the summary."""
    lines = [line for section in report.sections for line in _text_section(section)]
    if report.findings:
        lines += [""] if any(section.folded for section in report.sections) else []
        lines += [*map(_text_line, shown(report.findings)), *more(report.findings)]
    return "\n".join(map(plain, [*lines, *report.notes, *filter(None, [summary_line(report)])]))


def summary_line(report: Report) -> str:
    """Return the last line of the text."""
    return f"{OVERRIDDEN} {report.summary}" if _is_overridden(report) else report.summary


def _is_overridden(report: Report) -> bool:
    return report.overridden and not has_errors(report.all_findings)


def as_json(report: Report) -> str:
    """Return the stable document for other tools. In a log, no runner reads it as a command."""
    document = findings_data(report.all_findings) if report.data is None else report.data
    return json.dumps(document, indent=2).replace("##", "\\u0023#")


def as_github(report: Report) -> str:
    """Return the annotations and the text: GitHub shows only ten annotations of each severity, the text shows all."""
    return "\n".join([*map(github_annotation, _annotations(report)), as_text(report)])


def as_azure_devops(report: Report) -> str:
    """Return an issue per finding for the run's page, and the text."""
    return "\n".join([*map(azure_devops_issue, _annotations(report)), as_text(report)])


def as_markdown(report: Report) -> str:
    """Return the summary, then what is wrong, then the sections: those with errors before the others."""
    mark = OVERRIDDEN if _is_overridden(report) else "❌" if has_errors(report.all_findings) else "✅"
    heading = f"## {mark} {report.title}: {report.summary}" if report.title else f"**{report.summary}**"
    sections = sorted(report.sections, key=lambda section: not has_errors(section.findings))
    blocks = [heading if report.summary else "", *_markdown_findings(report.findings)]
    blocks += ["\n".join(f"- {markdown(note[:1].upper() + note[1:])}" for note in report.notes)]
    blocks += [block for section in sections for block in _markdown_section(section)]
    return "\n\n".join(filter(None, [*blocks, report.basis]))


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "azure-devops": as_azure_devops,
    "markdown": as_markdown,
}


def format_for(environment: Mapping[str, str]) -> str:
    """Return the format for the CI system that set these variables, else `text`."""
    if environment.get("GITHUB_ACTIONS"):
        return "github"
    return "azure-devops" if environment.get("TF_BUILD") else "text"


# Escaping

# Runners read `::name::` at the start of a line, and `##[name]` and `##vso[name]` anywhere in it. They compare by a
# language's rules, which ignore invisible characters, so characters outside ASCII can occur in between.
# Expressions are compiled on first use, here and below: few runs need all of them, and lint must start fast.
_HASHES = r"#(?:[^\x00-\x7f]*#)+(?P<heading>(?: |$))?"
_COLONS = r"^([^\x21-\x7e]*):(?=[^\x00-\x7f]*:)"


def plain(text: str) -> str:
    """Return one line that neither moves a terminal's cursor nor gives a CI runner a command."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if text.count("#") > 1:
        text = re.sub(_HASHES, _parted, text)
    return re.sub(_COLONS, r"\1: ", text) if text.count(":") > 1 else text


def _parted(hashes: re.Match[str]) -> str:
    is_heading = hashes["heading"] is not None and hashes[0].isascii()
    return hashes[0] if is_heading else hashes[0].replace("#", "# ").rstrip(" ")


# @name, //host, www.host, #1, !1, GH-1: the first letters of each.
_LINKS = r"(?i:(?<!\w)@|/(?=/)|w(?=ww\.)|&#35;(?=\d)|&#33;(?=\d)|gh(?=-\d))"


def markdown(text: str) -> str:
    """Return text that Markdown shows as it is: one line without markup, HTML, mentions or links except addresses."""
    escaped = re.sub(r"[\\`*_{}\[\]<>()#+!|~&\"$]", lambda found: f"&#{ord(found[0])};", plain(text))
    # A zero-width space splits what GitHub or Azure DevOps would turn into a mention or a link, even after unescaping.
    return re.sub(_LINKS, lambda found: f"{found[0]}&#8203;", escaped)


# What the two CI systems show next to a line of a file, or on a run's page


class Annotation(NamedTuple):
    """What a CI system shows. level: error, warning or notice. code: a rule's id, also used as the title."""

    level: str
    message: str
    title: str = ""
    code: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None


# How an annotation of a finding begins. system/output.py lets it pass, since everything in it is escaped.
ANNOTATION = (
    r"::(?:error|warning) (?:file=[^:,]*,)?(?:line=\d+,)?(?:col=\d+,)?title=MTS\d{3}::"
    r"|##vso\[task\.logissue type=(?:error|warning);(?:sourcepath=[^;\]]*;)?(?:linenumber=\d+;)?(?:columnnumber=\d+;)?"
    r"code=MTS\d{3}\]"
)


def github_annotation(of: Annotation) -> str:
    """Return the line that GitHub's runner reads."""
    fields = {"file": of.file, "line": of.line, "col": of.column, "title": of.title or of.code}
    properties = ",".join(f"{key}={_github(str(value), ':,')}" for key, value in fields.items() if value)
    return f"::{of.level} {properties}::{_github(of.message)}"


def azure_devops_issue(of: Annotation) -> str:
    """Return the line that Azure DevOps's agent reads, which knows neither notices nor titles."""
    fields = {
        "type": "warning" if of.level == "notice" else of.level,
        "sourcepath": of.file,
        "linenumber": of.line,
        "columnnumber": of.column,
        "code": of.code,
    }
    properties = ";".join(f"{key}={_azure_devops(str(value))}" for key, value in fields.items() if value)
    return f"##vso[task.logissue {properties}]{_azure_devops(of.message)}"


ANNOTATIONS: Mapping[str, Callable[[Annotation], str]] = {
    "github": github_annotation,
    "azure-devops": azure_devops_issue,
}


def _annotations(report: Report) -> Iterator[Annotation]:
    """Yield the annotations of a report. What was fetched from a URL has no place in a file of the repository."""
    for each in shown(report.all_findings):
        here = each.file and "://" not in each.file
        place = (each.file, each.line, each.column) if here else ()
        yield Annotation(each.rule.severity.value, each.message, "", each.rule.id, *place)


def _github(text: str, more: str = "") -> str:
    return re.sub(f"[%\r\n{more}]", lambda c: f"%{ord(c[0]):02X}", plain(text))


def _azure_devops(text: str) -> str:
    escapes = {"%": "%AZP25", ";": "%3B", "]": "%5D", "\r": "%0D", "\n": "%0A"}
    return re.sub(r"[%;\]\r\n]", lambda c: escapes[c[0]], plain(text))


# Text and Markdown


def _place(finding: Finding) -> str:
    parts = (finding.file, finding.line, finding.column)
    return ":".join(str(part) for part in parts if part is not None) or finding.domain or ""


def _here(finding: Finding) -> str:
    """Return a finding's message in a section that already names its file."""
    return f"line {finding.line}: {finding.message}" if finding.file else finding.message


def _text_line(finding: Finding) -> str:
    place = _place(finding)
    text = f"{finding.rule.severity.value} {finding.rule.id}: {finding.message}"
    return f"{place}: {text}" if place else text


def _text_section(section: Section) -> Iterator[str]:
    indent = "  " if section.title else ""
    yield from filter(None, [section.title])
    table = _text_table(section.table) if section.table else ()
    yield from (f"{indent}{line}" for line in (*section.lines, *section.code, *table))
    for part in section.parts:
        yield f"{indent}{part.title}"
        yield from (f"{indent}  {_text_item(item)}" for item in part.items)
    yield from (f"{indent}= {line}" for line in section.closing)
    if section.title and not section.folded:
        yield ""


def _text_table(table: Table) -> list[str]:
    return [" ".join(row) for row in table.rows] or [table.empty]


def _text_item(item: str | Finding) -> str:
    if isinstance(item, Unknown):
        return f"{UNKNOWN} {item}"
    return f"{FINE} {item}" if isinstance(item, str) else f"{MARKS[item.rule.severity]} {item.rule.id} {_here(item)}"


def _markdown_section(section: Section) -> Iterator[str]:
    """Yield the blocks of a section, without the facts that are fine."""
    title = markdown(section.title)
    if title:
        yield f"<details><summary>{title}</summary>" if section.folded else f"### {title}"
    yield from map(markdown, (*section.lines, *section.closing))
    if section.code:
        yield "\n".join(["```diff", *(plain(line).replace("`", "'") for line in section.code), "```"])
    if section.table:
        yield _markdown_table(section.table)
    yield from _markdown_findings([Finding(each.rule, _here(each)) for each in section.findings])
    if section.folded:
        yield "</details>"


def _markdown_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a table of findings, with their places if they have any, and how many more there are."""
    rows = [(each.rule.severity.value, each.rule.id, _place(each), each.message) for each in shown(findings, ROWS)]
    if any(place for _, _, place, _ in rows):
        yield _markdown_table(Table(("severity", "rule", "where", "what"), rows))
    elif rows:
        yield _markdown_table(Table(("severity", "rule", "what"), [(*head, what) for *head, _, what in rows]))
    yield from map(markdown, more(findings, ROWS))


def _markdown_table(table: Table) -> str:
    head = [f"| {' | '.join(table.columns)} |", f"|{'---|' * len(table.columns)}"]
    rows = [f"| {' | '.join(map(markdown, row))} |" for row in table.rows]
    return "\n".join([*head, *rows]) if rows else table.empty
