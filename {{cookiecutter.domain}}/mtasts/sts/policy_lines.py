"""The lines of a policy's text, each `key: value`, and what is written there by mistake (RFC 8461 §3.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mtasts.findings import Finding, Rule, Severity, quote

LINE_FORM = Rule(
    "MTS116",
    "A line of the policy has the wrong form",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """Each line has the form `key: value`, with nothing before the key and no space before the colon. Blank
lines, a byte order mark, comments, HTML and control characters are not allowed. Strict senders ignore the whole
policy because of one such line. `python -m mtasts render` writes the safest form.""",
)


_SPACE = " \t"
_FIELD = re.compile(r"(?P<key>[A-Za-z0-9][A-Za-z0-9_.-]{0,31}):(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True)
class Field:
    """One line of a policy's text. Line and column (of the value) count from 1."""

    key: str
    value: str
    line: int
    column: int


def scan(text: str) -> Iterator[Field | Finding]:
    """Yield the fields of a text, and a finding for each line that is none."""
    if cause := _cause(text):
        yield Finding(LINE_FORM, cause, line=1, column=1)
        return
    *ended, last = text.split("\n")
    lines = [line.removesuffix("\r") for line in ended] + ([last] if last else [])
    if not lines:
        yield Finding(LINE_FORM, "The policy is empty. Write version, mode, mx and max_age.", line=1, column=1)
    for number, line in enumerate(lines, 1):
        if not (_LIST.fullmatch(line) and _ITEM.match("".join(lines[number : number + 1]))):
            yield from _scan_line(line, number)
        if line.lstrip().startswith("<"):
            return  # HTML: a finding for each of its lines would say nothing more


def _cause(text: str) -> str | None:
    """Return what is wrong with the text as a whole: a finding for each line would not name it."""
    if text.count("\x00") > len(text) // 4 or text.startswith(("\udcff\udcfe", "\udcfe\udcff", "\ufffe")):
        return 'The text is UTF-16 (in Notepad: "Unicode"). Save it as UTF-8.'
    if other := next((what for begin, what in _OTHERS if re.match(begin, text)), None):
        return f"The text is {other}"
    if "\\n" in text and "\n" not in text.rstrip():
        return "The text contains \\n as two characters, not as line ends. Write each key on its own line."
    if "\r" in text.rstrip("\r") and "\n" not in text:
        return "The lines end in a carriage return only, so senders see one line. End them with CRLF or LF."
    if len(text.split()) > 2 and len(text.splitlines()) == 1 and len(_KEY.findall(text)) > 1:
        return "All keys are on one line. Write each key on its own line."
    return None


# What is served instead of the policy, by how it begins.
_OTHERS = (
    (r"\s*\{\\rtf", "RTF, from a word processor. Save it as plain text."),
    (r"PK\x03\x04|%PDF-", "a word processor's file. Save it as plain text."),
    (r"\s*[\"']?v=STSv1\b", "the TXT record, which belongs in DNS. Serve the policy here."),
    (r"\s*[\[{]", "JSON. Write the policy as plain lines, `key: value`."),
    (r"(?i)(?:\s*#.*\n)*\s*user-agent\s*:", "a robots.txt. Serve the policy here."),
    (r"(?i)(?:\s*#.*\n)*\s*contact\s*:", "a security.txt. Serve the policy here."),
)

_LIST, _ITEM = re.compile(r"mx\s*:\s*"), re.compile(r"\s*-\s+(.*)")
_MEANT = re.compile(r"[\ufeff \t]*(?P<key>version|mode|max_age|mx)(?:[ \t]*[:=\uff1a]|[ \t])(?P<rest>.*)", re.DOTALL)
_KEY = re.compile(r"\b(?:version|mode|max_age|mx)\s*:")


def _scan_line(line: str, number: int) -> Iterator[Field | Finding]:
    """Yield a line's field, or what is wrong with it, and then the field that was meant: it is not missing."""
    found = _FIELD.fullmatch(line)
    fault = _line_fault(line) or (None if found else "does not have the form `key: value`. Correct it or remove it.")
    if fault:
        yield Finding(LINE_FORM, f"The line {quote(line)} {fault}", line=number, column=1)
        found = _MEANT.match(line)
    if item := _ITEM.match(line):
        yield Field("mx", item[1].strip(_SPACE), number, item.start(1) + 1)
    elif found:
        # Not in the expression: one that parts white space from a value that may hold some takes its square of time.
        rest = found["rest"].lstrip(_SPACE)
        yield Field(found["key"], rest.rstrip(_SPACE), number, len(line) - len(rest) + 1)


def _line_fault(line: str) -> str | None:
    if not line.strip():
        return "is blank, and strict senders reject blank lines. Remove it."
    if line.startswith("\ufeff"):
        return "starts with a byte order mark. Save the file as UTF-8 without one."
    if line.lstrip().startswith("<"):
        return "is HTML, but a policy must be plain text. Serve only the text of the policy."
    if any(unicodedata.category(char) == "Cs" for char in line):
        return "contains bytes that are not UTF-8, as in a Latin-1 file. Save it as UTF-8, or use only ASCII."
    if any(unicodedata.category(char) == "Cc" and char != "\t" for char in line):
        return "contains a control character. Remove it."
    return _separator_fault(line)


def _separator_fault(line: str) -> str | None:
    """Return what is wrong with the key, the colon and the blank after it, with the line to write."""
    if item := _ITEM.match(line):
        return f"is an item of a YAML list, which a policy cannot have. Write {quote(f'mx: {item[1].strip()}')}."
    if line.startswith(("#", "```")):
        return "is a comment or Markdown, which a policy cannot have. Remove it."
    if line[0] in _SPACE:
        return "starts with white space. Start it with the key."
    if found := re.match("([A-Za-z_-]+)[ \t]*[=\uff1a][ \t]*", line):
        return f"has another character instead of the colon. Write {quote(f'{found[1]}: {line[found.end() :]}')}."
    if re.match(r"(?:version|mode|max_age|mx)[ \t]+[^ \t:]", line):
        return f"has no colon after the key. Write {quote(': '.join(line.split(None, 1)))}."
    if re.match(r"[^:\s]+[ \t]+:", line):
        return f"has white space before the colon. Write {quote(re.sub(f'[{_SPACE}]+:', ':', line, count=1))}."
    return None
