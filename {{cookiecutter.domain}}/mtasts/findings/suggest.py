"""Suggestions: a better value for a wrong one, offered only if the text passes with it.

Only this module sets `Finding.suggestion`, so every suggestion has been tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from mtasts.findings.finding import Finding, Rule, Severity, quote

Key = TypeVar("Key")  # where a value is in a text: its path in YAML, its line in a policy

# Some corrections need another one: `1h` is 3600, which is too short for any mode.
ROUNDS = 3
TRIALS = 20  # of single corrections, if all together do not pass: each trial reads the whole text


@dataclass(frozen=True)
class Review(Generic[Key]):
    """What is found in a text. better: returns the value most likely meant at a place; it can be wrong."""

    found: Sequence[tuple[Key, Finding]]
    better: Callable[[Key, Finding], str | int | None]


Offers = Mapping[Key, "str | int"]
Reread = Callable[[Mapping[Key, "str | int"]], "Review[Key]"]


def suggest(first: Review[Key], reread: Reread[Key], trials: int = TRIALS) -> list[tuple[Key, Finding]]:
    """Return the findings of a text, with every suggestion that passes. reread: reviews the text with new values.

    A value passes if its place has no error any more, there is no new error elsewhere, and its finding is gone.
    """
    wanted: dict[Key, str | int] = {}
    rules: dict[Key, Rule] = {}
    for key, finding in first.found:
        value = None if key in wanted else first.better(key, finding)
        if value is not None:
            wanted[key], rules[key] = value, finding.rule
    if not wanted:
        return list(first.found)
    passing = _passing(first, wanted, rules, reread, trials)
    return [
        (key, _offering(finding, passing[key]) if key in passing and finding.rule is rules[key] else finding)
        for key, finding in first.found
    ]


def _passing(
    first: Review[Key], wanted: Offers[Key], rules: Mapping[Key, Rule], reread: Reread[Key], trials: int
) -> Offers[Key]:
    before = {(key, finding.rule) for key, finding in first.found}
    wanted, together = _improved(wanted, reread)
    if not _harms(wanted, rules, before, together):
        return wanted
    passing: dict[Key, str | int] = {}
    for key, value in islice(wanted.items(), trials):
        tried = {**passing, key: value}
        if not _harms(tried, rules, before, reread(tried)):
            passing = tried
    return passing


def _improved(wanted: Offers[Key], reread: Reread[Key]) -> tuple[Offers[Key], Review[Key]]:
    """Return values, corrected again if they are wrong too, and what is found with all of them in place."""
    review = reread(wanted)
    for _ in range(ROUNDS):
        places = ((key, review.better(key, each)) for key, each in review.found if key in wanted)
        more = {key: value for key, value in places if value is not None}
        if not more:
            break
        wanted = {**wanted, **more}
        review = reread(wanted)
    return wanted, review


def _harms(offers: Offers[Key], rules: Mapping[Key, Rule], before: set[tuple[Key, Rule]], after: Review[Key]) -> bool:
    """Tell whether values leave something wrong at their places, or cause a new error elsewhere."""
    for key, finding in after.found:
        is_error = finding.rule.severity is Severity.ERROR
        if key in offers and (is_error or finding.rule is rules[key]):
            return True
        if is_error and (key, finding.rule) not in before:
            return True
    return False


def _offering(finding: Finding, value: str | int) -> Finding:
    shown = quote(value, 300) if isinstance(value, str) else str(value).lower()
    advice = f"Did you mean {value}?" if finding.message.startswith("Unknown ") else f"Write {shown}."
    return dataclasses.replace(finding, suggestion=value, message=f"{finding.message} {advice}")
