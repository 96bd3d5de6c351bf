"""The policy of RFC 8461 §3.2: four keys, read as strictly as the strictest sender reads them.

Written in the form that every sender takes: version, mode, mx, max_age; ASCII; CRLF after each line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.names import pattern_fault
from mtasts.sts.policy_lines import LINE_FORM, Field, scan

VERSION_UNKNOWN = Rule(
    "MTS110",
    "version is not STSv1",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """`STSv1` is the only version. Write `version: STSv1` exactly like this: the key and the value are
case-sensitive, and senders ignore a policy without this line.""",
)
MODE = Rule(
    "MTS111",
    "mode is not testing, enforce or none",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """`testing`: senders deliver as before, and report what would have failed. `enforce`: senders do not
deliver if TLS verification or MX matching fails. `none`: the domain has no policy any more; this is the step
before you remove it. Start with `testing`, read the TLS reports, then move to `enforce`.""",
)
MAX_AGE = Rule(
    "MTS112",
    "max_age is not between 1 and 31557600 seconds",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """`max_age` is the number of seconds for which a sender may keep the policy, at most one year (31557600).
If it is `0`, no sender keeps the policy, so it protects nothing. A day is 86400, a week 604800, a month
2592000.""",
)
MX_MISSING = Rule(
    "MTS114",
    "mx is missing",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """A policy in `testing` or `enforce` must name at least one MX host. Without one it is invalid, and senders
treat the domain as if it had no policy. List every host that `nslookup -type=mx DOMAIN` shows, including
backups.""",
)
VERSION = "STSv1"
MAX_AGE_LIMIT = 31_557_600  # seconds: a year, erratum 7282
PATH = "/.well-known/mta-sts.txt"
KEYS = ("version", "mode", "mx", "max_age")


class Mode(str, Enum):
    """What a sender does if a check fails (RFC 8461 §5)."""

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
        """Read a policy as it is served. Unknown keys are ignored; the first of a repeated key counts.

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


def unique(patterns: Iterable[MxPattern]) -> tuple[MxPattern, ...]:
    """Return the patterns in their order, without those that differ from an earlier one only by case."""
    seen: dict[str, MxPattern] = {}
    for pattern in patterns:
        seen.setdefault(pattern.lower(), pattern)
    return tuple(seen.values())


def read(text: str) -> tuple[list[Field], list[Finding]]:
    """Return a policy's fields, and each fault that makes a strict sender throw it away, in no order."""
    scanned = list(scan(text))
    fields = [item for item in scanned if isinstance(item, Field)]
    findings = [item for item in scanned if isinstance(item, Finding)]
    return fields, findings + (list(_faults(fields)) if fields else [])


def _faults(fields: list[Field]) -> Iterator[Finding]:
    for key in KEYS:
        yield from _key_faults(key, [field for field in fields if field.key == key], fields)
    for field in fields:
        if field.key not in KEYS and (not field.value or "\t" in field.value):
            message = f"{quote(field.key)} has no value, or its value contains a tab. Remove the line."
            yield Finding(LINE_FORM, message, line=field.line, column=field.column)


def _key_faults(key: str, own: list[Field], fields: list[Field]) -> Iterator[Finding]:
    judged = own if key == "mx" else own[:1]
    for field in judged:
        if fault := value_fault(key, field.value):
            yield fault.at(line=field.line, column=field.column)
    modes = [field.value for field in fields if field.key == "mode"]
    if not own and not (key == "mx" and modes[:1] == ["none"]):
        near = next((field for field in fields if field.key not in KEYS and _plain(field.key) == _plain(key)), None)
        yield _misspelt(key, near) if near else missing(key).at(line=1, column=1)


def _plain(key: str) -> str:
    return re.sub("[^a-z]", "", key.lower())


def _misspelt(key: str, near: Field) -> Finding:
    message = f"{key} is missing. Senders read {quote(near.key)} as another key. Write {key} there, in these letters."
    return Finding(_RULES[key], message, line=near.line, column=1)


def missing(key: str) -> Finding:
    """Return the finding for a key of the policy that is not there."""
    return Finding(_RULES[key], f"{key} is missing. {_MISSING.get(key) or _ADVICE[key]}")


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
    "version": "It must be STSv1, in this spelling.",
    "mode": "It must be testing, enforce or none, in lower case.",
    "max_age": f"It must be a whole number of seconds, at most {MAX_AGE_LIMIT}. A week is 604800.",
    "mx": "List every host that the domain's MX records name.",
}
_MISSING = {"version": "Write `version: STSv1`."}
