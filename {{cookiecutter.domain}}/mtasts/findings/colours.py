"""Colours for the text form of a report: they mark what a line says, and its words stay as they are.

A line is coloured when it is printed, after it was made harmless: no text from outside can bring a colour of its own.
"""

from __future__ import annotations

import re

_BOLD, _RED, _GREEN, _MAGENTA = "1", "1;31", "32", "1;35"  # readable on a light and on a dark ground
_RULE = r"(?: MTS\d{3})?"

# What to colour in a line: the group of the first expression that fits.
_STYLES = (
    (rf" *(✗{_RULE})", _RED),
    (rf" *(!{_RULE})(?= )", _MAGENTA),
    (r" *(✓)", _GREEN),
    (r" *(\?)(?= )", _BOLD),
    (r" *(= .*)", _BOLD),
    (r"(?:.*?: )??(error MTS\d{3})(?=: )", _RED),
    (r"(?:.*?: )??(warning MTS\d{3})(?=: )", _MAGENTA),
    (r"  (\+.*)", _GREEN),
    (r"  (-.*)", _RED),
    (r"  (~.*)", _BOLD),
    (r"(Not safe: .*|(?:.* with errors: )?\d+ errors?(?:, \d+ warnings?)?$)", _RED),
    (r"(Allowed, .*|⚠️ .*|(?:.* with errors: )?\d+ warnings?$)", _MAGENTA),
    (r"(Safe: .*|Nothing changes for senders\.|(?:.* with errors: )?no findings$)", _GREEN),
    (r"  MTS\d{3}  (error)", _RED),
    (r"  MTS\d{3}  (warning)", _MAGENTA),
    (r"(\S+)$", _BOLD),  # the title of what follows: a domain
)


def painted(line: str) -> str:
    """Return a line of a report's text with colours, as a terminal reads them."""
    for expression, style in _STYLES:
        if found := re.match(expression, line):
            start, end = found.span(1)
            return f"{line[:start]}{styled(line[start:end], style)}{line[end:]}"
    return line


def heading(line: str) -> str:
    """Return a whole line in bold."""
    return styled(line, _BOLD) if line else line


def styled(text: str, style: str) -> str:
    """Return text in a style of ECMA-48, which ends with it."""
    return f"\x1b[{style}m{text}\x1b[0m"
