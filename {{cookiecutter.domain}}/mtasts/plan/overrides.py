"""Overrides: `Allow: MTS502 example.net` in a commit lets an error through, and reviewers see it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.history.repository import Message

ALLOW_IDLE = Rule(
    "MTS524",
    "An Allow line allows nothing",
    Severity.WARNING,
    "this toolkit",
    """A commit of this change has an `Allow:` line that matches no error. Perhaps it has a typing error: the
form is `Allow: MTS502 example.net`, with the rule and the domain of the finding, or only the rule if the
finding has no domain.""",
)


LINES = 1000  # that are read, of all commits: each lets one error of one domain through

_LINE = re.compile(r"^[ \t]*Allow:(.*)$", re.MULTILINE | re.IGNORECASE)
_WORDS = re.compile(r"(MTS5\d\d)(?:\s+(\S+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Allowance:
    """An Allow line. text: as it is written; rule and domain: None if it has none, or is malformed."""

    commit: str
    text: str
    rule: str | None
    domain: str | None


def allowances(messages: Iterable[Message]) -> list[Allowance]:
    """Return the Allow lines of commit messages, each once for a commit, and no more than LINES of them."""
    return list(islice(dict.fromkeys(_allowances(messages)), LINES))


def _allowances(messages: Iterable[Message]) -> Iterator[Allowance]:
    for message in messages:
        for line in _LINE.finditer(message.text):
            text = line[1].strip()
            words = _WORDS.fullmatch(text)
            rule, domain = words.groups() if words else (None, None)
            yield Allowance(message.commit, text, rule and rule.upper(), domain and domain.lower().rstrip("."))


def allowed(given: Sequence[Allowance], findings: Sequence[Finding]) -> list[Allowance | None]:
    """Return for each finding the line that lets it through: an error of the line's rule, for its very domain."""
    lines = {(each.rule, each.domain): each for each in reversed(given)}
    errors = (finding.rule.severity is Severity.ERROR for finding in findings)
    return [lines.get(_key(finding)) if error else None for finding, error in zip(findings, errors, strict=True)]


def idle(given: Sequence[Allowance], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield a warning for each line that lets nothing through."""
    errors = {_key(finding) for finding in findings if finding.rule.severity is Severity.ERROR}
    if len(given) >= LINES:
        yield Finding(ALLOW_IDLE, f"Only the first {LINES} Allow lines are read. Write fewer.")
    for each in given:
        if (each.rule, each.domain) not in errors:
            line = f"{quote(f'Allow: {each.text}')} in commit {each.commit[:12]}"
            yield Finding(ALLOW_IDLE, f"{line} matches no error. Correct it or remove it.")


def _key(finding: Finding) -> tuple[str, str | None]:
    return finding.rule.id, finding.domain
