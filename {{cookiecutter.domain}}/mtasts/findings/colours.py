"""Colours for the text form of a report. They never change the words of a line.

Lines are coloured when they are printed, after they were made harmless, so text from outside cannot set colours.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mtasts.findings.finding import Severity, has_errors
from mtasts.findings.forms import FINE, MARKS, UNKNOWN, plain, summary_line
from mtasts.findings.report import Report

_BOLD, _RED, _GREEN, _MAGENTA = "1", "1;31", "32", "1;35"  # readable on light and dark backgrounds
_STYLES = {Severity.ERROR: _RED, Severity.WARNING: _MAGENTA}
_RULE = r"MTS\d{3}"

# What to colour in a line: the group of the first expression that matches.
_PARTS = (
    *((rf" *({re.escape(MARKS[severity])}(?: {_RULE})?)(?= )", style) for severity, style in _STYLES.items()),
    (rf" *({re.escape(FINE)})(?= )", _GREEN),
    (rf" *({re.escape(UNKNOWN)})(?= )", _BOLD),
    (r" *(= .*)", _BOLD),
    *((rf"(?:.*?: )??({severity.value} {_RULE})(?=: )", style) for severity, style in _STYLES.items()),
    *((rf"  {_RULE}  ({severity.value})(?= )", style) for severity, style in _STYLES.items()),
    (r"  (\+.*)", _GREEN),
    (r"  (-.*)", _RED),
    (r"  (~.*)", _BOLD),
)


def painter(report: Report) -> Callable[[str], str]:
    """Return a function that colours the lines of a report's text: titles, the summary, marks and severities."""
    wholes = {plain(section.title): _BOLD for section in report.sections}
    wholes[plain(summary_line(report))] = _summary_style(report)

    def paint(line: str) -> str:
        return styled(line, wholes[line]) if line and line in wholes else painted(line)

    return paint


def _summary_style(report: Report) -> str:
    if has_errors(report.all_findings):
        return _RED
    return _MAGENTA if report.all_findings or report.overridden else _GREEN


def painted(line: str) -> str:
    """Return a line with its mark or severity coloured for a terminal."""
    for expression, style in _PARTS:
        if found := re.match(expression, line):
            start, end = found.span(1)
            return f"{line[:start]}{styled(line[start:end], style)}{line[end:]}"
    return line


def heading(line: str) -> str:
    """Return a whole line in bold."""
    return styled(line, _BOLD) if line else line


def styled(text: str, style: str) -> str:
    """Return text in a style of ECMA-48, followed by a reset."""
    return f"\x1b[{style}m{text}\x1b[0m"
