"""Findings: what is wrong, where, and by which rule; and the error that ends a run with a message.

Each rule is defined next to the check that raises it; mtasts.cli.catalogue collects them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class UserError(Exception):
    """A run cannot continue until the user changes something. The message says what happened and what to do."""


class WrongUseError(UserError):
    """A run got unusable options or variables. It ends with the exit code of wrong use."""


class Severity(str, Enum):
    """How much a finding matters: an error stops the pipeline, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """Something that can be wrong. Ids are stable: tools and people refer to them.

    explanation: why it matters and what to do, in Markdown paragraphs.
    section: what the rule is based on, such as "RFC 8461 §3.2".
    """

    id: str
    title: str
    severity: Severity
    section: str
    explanation: str


@dataclass(frozen=True)
class Finding:
    """One violation of a rule. Line and column count from 1; None if there is no place.

    result_type: RFC 8460's word for it (§4.3), if senders' reports have one. suggestion: a replacement value that
    passes, a YAML scalar of the key's type; only `suggest` sets it.
    """

    rule: Rule
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    domain: str | None = None
    result_type: str | None = None
    suggestion: str | int | None = None

    def at(
        self,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        domain: str | None = None,
    ) -> Finding:
        """Return the finding with the given places; None leaves a place unchanged."""
        given: dict[str, Any] = {"file": file, "line": line, "column": column, "domain": domain}
        return dataclasses.replace(self, **{key: value for key, value in given.items() if value is not None})

    def as_dict(self) -> dict[str, object]:
        """Return the stable form for JSON."""
        fields = {name: getattr(self, name) for name in ("message", "file", "line", "column", "domain")}
        more = {"result_type": self.result_type} if self.result_type else {}
        offer = {"suggestion": self.suggestion}
        return {"rule": self.rule.id, "severity": self.rule.severity.value, **fields, **offer, **more}


def has_errors(findings: Iterable[Finding]) -> bool:
    """Tell whether any finding is an error, which is what exit code 1 means."""
    return any(finding.rule.severity is Severity.ERROR for finding in findings)


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first names, separated by commas, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def quote(value: object, limit: int = 80) -> str:
    """Return a value from outside in quotes, escaped and shortened for a message."""
    text = str(value)
    return repr(text if len(text) <= limit else text[:limit] + "…")
