"""Overrides: `Allow: MTS502 example.net` in a commit of the change lets an error through, seen by who reviews it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mtasts.findings import Finding, Severity, quote
from mtasts.repository import Message
from mtasts.rules import changes as rules

_LINE = re.compile(r"^\s*Allow:\s*(?P<rest>.*?)\s*$", re.MULTILINE | re.IGNORECASE)
_WORDS = re.compile(r"(MTS5\d\d)(?:\s+(\S+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Allowance:
    """An Allow line. text: as it is written; rule and domain: None where it has none, or is malformed."""

    commit: str
    text: str
    rule: str | None
    domain: str | None

    def covers(self, finding: Finding) -> bool:
        """Tell whether it lets this finding through: an error of this rule, for this very domain."""
        if finding.rule.severity is not Severity.ERROR:
            return False
        return (self.rule, self.domain) == (finding.rule.id, finding.domain)


def allowances(messages: Iterable[Message]) -> Iterator[Allowance]:
    """Yield the Allow lines of commit messages."""
    for message in messages:
        for line in _LINE.finditer(message.text):
            words = _WORDS.fullmatch(line["rest"])
            rule, domain = words.groups() if words else (None, None)
            yield Allowance(message.commit, line["rest"], rule and rule.upper(), domain and domain.lower().rstrip("."))


def idle(given: Sequence[Allowance], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield a warning for each line that lets nothing through."""
    for each in given:
        if not any(map(each.covers, findings)):
            message = f"{quote(f'Allow: {each.text}')} in commit {each.commit[:12]} allows nothing here."
            yield Finding(rules.ALLOW_IDLE, message)
