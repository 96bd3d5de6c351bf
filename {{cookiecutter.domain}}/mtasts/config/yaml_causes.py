"""Why a text is not YAML, and how to correct it: the parser only says what it did not find."""

from __future__ import annotations

import re

from mtasts.findings import quote

_KEYS = (
    "version|mode|max_age|mx|domains|zone|retired|verification|tls_reporting|rua"
    "|hosting|kind|name|region|hostname|dns|ttl"
)
_BLANKS = re.compile("[\u00a0\u2007\u202f\u200b\u3000]")  # spaces from web pages and word processors
_EQUALS = re.compile(rf"(?P<before>\s*)(?P<key>{_KEYS})\s*[=\uff1a]\s*(?P<value>.*)")
_CLOSE = re.compile(rf"(?P<before>\s*)(?P<key>{_KEYS}):(?P<value>[^\s:].*)")
_BEGINNINGS = (
    (re.compile(r"\s*<"), "this is HTML, such as a page that a browser saved"),
    (re.compile(r"\s*[\"']?v\s*=\s*(?:STS|TLSRPT?)v", re.IGNORECASE), "this is a TXT record, and that belongs in DNS"),
)


def of_text(text: str) -> str | None:
    """Return what the text is instead of a policy file; None if it may be YAML."""
    found = next((what for begin, what in _BEGINNINGS if begin.match(text)), None)
    return f"{found}. Restore policy.yaml from git" if found else None


def of_lines(text: str, first: int, last: int) -> tuple[int, str] | None:
    """Return the line and the cause of an error that the parser saw between two lines. Lines count from 0."""
    for number, line in enumerate(text.split("\n")[first : last + 1], first):
        if cause := _of_line(line.rstrip("\r")):
            return number, cause
    return None


def _of_line(line: str) -> str | None:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "this line is indented with a tab. Use spaces instead"
    if re.match(r"\s*(- *)?\*", line):
        return 'a value that starts with `*` needs quotes. Write it as "*.example.com"'
    if _BLANKS.search(line):
        better = quote(_BLANKS.sub(" ", line).strip())
        return f"this line has a special space from a web page or word processor. Write {better}"
    if found := _EQUALS.fullmatch(line):
        return f"the sign after {found['key']} is not a colon. Write {quote(_line(found))}"
    if found := _CLOSE.fullmatch(line):
        return f"a space is missing after the colon. Write {quote(_line(found))}"
    return None


def _line(found: re.Match[str]) -> str:
    return f"{found['key']}: {found['value']}"
