"""The policy of RFC 8461 §3.2: four keys, read as strictly as the strictest sender reads them.

Written in the form that every sender takes: version, mode, mx, max_age; ASCII; CRLF after each line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.names import pattern_fault

VERSION_UNKNOWN = Rule(
    "MTS110",
    "version is not STSv1",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """`version: STSv1` is the only version there is. The key and the value are case-sensitive, and a sender ignores
a policy without it.""",
)
MODE = Rule(
    "MTS111",
    "mode is none of testing, enforce, none",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """`testing`: senders deliver as ever, and report what would have failed. `enforce`: senders refuse to deliver
where TLS or the MX host fails. `none`: the domain has no policy any more, the step before its removal. Start with
`testing`, read the TLS reports, then go to `enforce`.""",
)
MAX_AGE = Rule(
    "MTS112",
    "max_age is not between 1 and 31557600 seconds",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """`max_age` says for how many seconds a sender may keep the policy, at most one year (31557600). With `0` no
sender would keep it, so it would protect nothing. A day is 86400, a week 604800, a month 2592000.""",
)
MX_MISSING = Rule(
    "MTS114",
    "mx is missing",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """A policy in `testing` or `enforce` names at least one MX host. Without one it is invalid, and senders go on
as if the domain had none. List every host that `nslookup -type=mx DOMAIN` shows, backups too.""",
)
LINE_FORM = Rule(
    "MTS116",
    "A line of the policy has the wrong form",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """Each line is `key: value`, with nothing before the key and no space before the colon. There is no blank line,
no byte order mark, no comment, no HTML and no control character. Strict senders throw the whole policy away for one
such line. `python -m mtasts render` writes the safest form.""",
)


VERSION = "STSv1"
MAX_AGE_LIMIT = 31_557_600  # seconds: a year, erratum 7282
PATH = "/.well-known/mta-sts.txt"
KEYS = ("version", "mode", "mx", "max_age")

_SPACE = " \t"
_FIELD = re.compile(r"(?P<key>[A-Za-z0-9][A-Za-z0-9_.-]{0,31}):(?P<rest>.*)", re.DOTALL)


class Mode(str, Enum):
    """What a sender does where a check fails (RFC 8461 §5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"

    __str__ = str.__str__


class MxPattern(str):
    """A host name, or `*.` and a host name. A string, since that is what people write."""

    __slots__ = ()

    def matches(self, host: str) -> bool:
        """Tell whether an MX host falls under the pattern: `*` is exactly one label (RFC 8461 §4.1)."""
        pattern, name = self.lower(), host.removesuffix(".").lower()
        if not pattern.startswith("*."):
            return pattern == name
        label, _, parent = name.partition(".")
        return bool(label) and parent == pattern[2:]


def policy_host(domain: str) -> str:
    """Return the host that serves a domain's policy (RFC 8461 §3.3)."""
    return f"mta-sts.{domain}"


def policy_url(domain: str) -> str:
    """Return the address of a domain's policy (RFC 8461 §3.3)."""
    return f"https://{policy_host(domain)}{PATH}"


class PolicyError(ValueError):
    """A text is no valid policy. findings: all that is wrong, each with its line; line: the first one's."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self.line = findings[0].line or 1
        super().__init__(f"line {self.line}: {findings[0].message}")


@dataclass(frozen=True)
class Policy:
    """A valid policy. max_age in seconds."""

    mode: Mode
    mx: tuple[MxPattern, ...]
    max_age: int
    version: str = VERSION

    def __hash__(self) -> int:
        """Return the hash, computed once: many domains share a policy, and its mx may be thousands."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.mode, self.mx, self.max_age, self.version))

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy as it is served. Unknown keys are passed over, the first of a repeated key counts.

        Raises PolicyError with every fault that makes a strict sender throw the policy away.
        """
        fields, findings = read(text)
        if findings:
            raise PolicyError(findings)
        return cls._from_fields(fields)

    @classmethod
    def _from_fields(cls, fields: list[Field]) -> Policy:
        first = {field.key: field.value for field in reversed(fields)}
        hosts = unique(MxPattern(field.value) for field in fields if field.key == "mx")
        return cls(Mode(first["mode"]), hosts, int(first["max_age"]))

    def render(self) -> str:
        """Return the text to serve, with CRLF line ends. What it gives, parse takes."""
        return self._text

    @cached_property
    def _text(self) -> str:
        lines = [f"version: {self.version}", f"mode: {self.mode}"]
        lines += [f"mx: {pattern}" for pattern in unique(self.mx)]
        lines += [f"max_age: {self.max_age}"]
        return "".join(f"{line}\r\n" for line in lines)

    def matches(self, host: str) -> bool:
        """Tell whether any pattern lets this MX host take the domain's mail."""
        name = host.removesuffix(".").lower()
        label, _, parent = name.partition(".")
        return name in self.patterns or (bool(label) and f"*.{parent}" in self.patterns)

    @cached_property
    def patterns(self) -> frozenset[str]:
        """The mx in lower case, to look one up among thousands. As MxPattern.matches does, `matches` goes by them."""
        return frozenset(pattern.lower() for pattern in self.mx)


@dataclass(frozen=True)
class Field:
    """One line of a policy's text. Line and column (of the value) count from 1."""

    key: str
    value: str
    line: int
    column: int


def unique(patterns: Iterable[MxPattern]) -> tuple[MxPattern, ...]:
    """Return the patterns in their order, without those that differ from an earlier one by case alone."""
    seen: dict[str, MxPattern] = {}
    for pattern in patterns:
        seen.setdefault(pattern.lower(), pattern)
    return tuple(seen.values())


def read(text: str) -> tuple[list[Field], list[Finding]]:
    """Return a policy's fields, and each fault that makes a strict sender throw it away, in no order."""
    scanned = list(_scan(text))
    fields = [item for item in scanned if isinstance(item, Field)]
    findings = [item for item in scanned if isinstance(item, Finding)]
    return fields, findings + (list(_faults(fields)) if fields else [])


def _scan(text: str) -> Iterator[Field | Finding]:
    if cause := _cause(text):
        yield Finding(LINE_FORM, cause, line=1, column=1)
        return
    *ended, last = text.split("\n")
    lines = [line.removesuffix("\r") for line in ended] + ([last] if last else [])
    if not lines:
        yield Finding(LINE_FORM, "The policy is empty. Write version, mode, mx and max_age.", line=1, column=1)
    for number, line in enumerate(lines, 1):
        yield _scan_line(line, number)
        if line.lstrip().startswith("<"):
            return  # HTML: a finding for each of its lines would say nothing more


def _cause(text: str) -> str | None:
    """Return what is wrong with the text as a whole: a finding for each line would not name it."""
    if text.count("\x00") > len(text) // 4 or text.startswith(("\udcff\udcfe", "\udcfe\udcff", "\ufffe")):
        return 'The text is UTF-16, as Notepad\'s "Unicode" is. Save it as UTF-8.'
    if text.lstrip().startswith("{\\rtf"):
        return "The text is RTF, as a word processor saves it. Save it as plain text."
    if "\r" in text.rstrip("\r") and "\n" not in text:
        return "The lines end in a carriage return alone, and senders see one line. End them with CRLF or LF."
    if len(text.split()) > 2 and len(text.splitlines()) == 1 and len(_KEY.findall(text)) > 1:
        return "All keys stand in one line. Write each in a line of its own."
    return None


_KEY = re.compile(r"\b(?:version|mode|max_age|mx)\s*:")


def _scan_line(line: str, number: int) -> Field | Finding:
    found = _FIELD.fullmatch(line)
    fault = _line_fault(line) or (None if found else "is not `key: value`. Correct or remove it.")
    if fault or not found:
        return Finding(LINE_FORM, f"The line {quote(line)} {fault}", line=number, column=1)
    # Not in the expression: one that parts white space from a value that may hold some takes its square of time.
    rest = found["rest"].lstrip(_SPACE)
    return Field(found["key"], rest.rstrip(_SPACE), number, len(line) - len(rest) + 1)


def _line_fault(line: str) -> str | None:
    if not line.strip():
        return "is blank, and senders take no blank lines. Remove it."
    if line.startswith("\ufeff"):
        return "starts with a byte order mark. Save the file as UTF-8 without one."
    if line.lstrip().startswith("<"):
        return "is HTML, and senders take plain text alone. Serve the policy's own text."
    if any(unicodedata.category(char) == "Cs" for char in line):
        return "holds bytes that are not UTF-8, as in a Latin-1 file. Save it as UTF-8, or use ASCII alone."
    if any(unicodedata.category(char) == "Cc" and char != "\t" for char in line):
        return "holds a control character. Remove it."
    if re.match(r"\s*-\s", line):
        return "is an item of a YAML list. In a policy each host has a line `mx: HOST` of its own."
    if line[0] in " \t":
        return "starts with white space. Begin it with the key."
    if re.match(r"[^:\s]+[ \t]+:", line):
        return "has white space before the colon. Write `key: value`."
    return None


def _faults(fields: list[Field]) -> Iterator[Finding]:
    for key in KEYS:
        yield from _key_faults(key, [field for field in fields if field.key == key], fields)
    for field in fields:
        if field.key not in KEYS and (not field.value or "\t" in field.value):
            message = f"{quote(field.key)} has no value, or a tab within it. Remove the line."
            yield Finding(LINE_FORM, message, line=field.line, column=field.column)


def _key_faults(key: str, own: list[Field], fields: list[Field]) -> Iterator[Finding]:
    judged = own if key == "mx" else own[:1]
    for field in judged:
        if fault := value_fault(key, field.value):
            yield fault.at(line=field.line, column=field.column)
    modes = [field.value for field in fields if field.key == "mode"]
    if not own and not (key == "mx" and modes[:1] == ["none"]):
        yield missing(key).at(line=1, column=1)


def missing(key: str) -> Finding:
    """Return the finding for a key of the policy that is not there."""
    return Finding(_RULES[key], f"{key} is missing. {_ADVICE[key]}")


def value_fault(key: str, value: str) -> Finding | None:
    """Return what is wrong with the text of a key's value, or None. `max_age: 0` is valid here: lint refuses it."""
    if key == "mx":
        return pattern_fault(value)
    valid = {
        "version": value == VERSION,
        "mode": value in set(Mode),
        "max_age": bool(re.fullmatch("[0-9]{1,10}", value)) and int(value) <= MAX_AGE_LIMIT,
    }[key]
    if valid:
        return None
    shown = f"Unknown {key} {quote(value)}" if key in ("version", "mode") else f"{key} is {quote(value)}"
    return Finding(_RULES[key], f"{shown}. {_ADVICE[key]}")


_RULES = {"version": VERSION_UNKNOWN, "mode": MODE, "max_age": MAX_AGE, "mx": MX_MISSING}
_ADVICE = {
    "version": "There is only STSv1, in this spelling.",
    "mode": "Write testing, enforce or none, in lower case.",
    "max_age": f"It is a whole number of seconds, at most {MAX_AGE_LIMIT}. A week is 604800.",
    "mx": "A policy lists the hosts that take the domain's mail. Write an mx line for each.",
}
