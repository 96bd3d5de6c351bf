"""Conditions of jobs and steps, as GitHub Actions and Azure Pipelines work them out: what this template uses of both.

GitHub: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions. Azure Pipelines:
https://learn.microsoft.com/en-us/azure/devops/pipelines/process/expressions. A status function looks at all jobs
before, direct and indirect, and one that was left out is no success (actions/runner#2205 tells of it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Lookup = Callable[[tuple[str, ...]], Any]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|[!(),]|[\w-]+(?:\.[\w-]+|\['[^']*'\])*)")
_SEGMENT = re.compile(r"\['([^']*)'\]|([\w-]+)")
_STATUS = re.compile(r"\b(success|failure|cancelled|always)\(")


def github(text: str | None, status: Mapping[str, bool], lookup: Lookup, **functions: Callable[..., Any]) -> bool:
    """Tell whether an `if` of GitHub's holds. Without a status function it holds only after success."""
    text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", str(text or "success()").strip(), flags=re.DOTALL)
    known = {name: lambda value=value: value for name, value in status.items()}
    holds = bool(_Reader(text, {**known, **functions}, lookup).all())
    return holds and (bool(_STATUS.search(text)) or status["success"])


def azure(text: str | None, status: Mapping[str, bool], lookup: Lookup) -> bool:
    """Tell whether a `condition` of Azure Pipelines holds. Without one it is `succeeded()`."""
    known = {name: lambda value=value: value for name, value in status.items()}
    return bool(_Reader(text or "succeeded()", {**known, **_AZURE}, lookup).all())


def value(text: str, lookup: Lookup) -> Any:
    """Return what an expression means that asks for no status."""
    return _Reader(text, _AZURE, lookup).all()


def statuses(ended: Iterable[str]) -> dict[str, bool]:
    """Return what the status functions of both systems say after jobs that ended so."""
    results = list(ended)
    good, bad = all(each == "success" for each in results), "failure" in results
    return {
        "success": good,
        "failure": bad,
        "cancelled": False,
        "always": True,
        "succeeded": good,
        "failed": bad,
        "canceled": False,
        "succeededOrFailed": True,
    }


_AZURE: dict[str, Callable[..., Any]] = {
    "and": lambda *values: all(values),
    "or": lambda *values: any(values),
    "not": lambda value: not value,
    "eq": lambda one, other: _same(one, other),
    "ne": lambda one, other: not _same(one, other),
    "in": lambda one, *others: any(_same(one, other) for other in others),
}


def _same(one: Any, other: Any) -> bool:
    """Compare as both systems do: what is not there is like nothing, and the case of letters does not count."""
    return str(one or "").lower() == str(other or "").lower()


class _Reader:
    """Reads an expression, and works it out on the way."""

    def __init__(self, text: str, functions: Mapping[str, Callable[..., Any]], lookup: Lookup) -> None:
        self._tokens, self._functions, self._lookup = _tokens(text), functions, lookup

    def all(self) -> Any:
        value = self._or()
        assert not self._tokens, self._tokens
        return value

    def _next(self, *wanted: str) -> bool:
        if self._tokens and self._tokens[0] in wanted:
            self._tokens.pop(0)
            return True
        return False

    def _or(self) -> Any:
        value = self._and()
        while self._next("||"):
            other = self._and()
            value = value or other
        return value

    def _and(self) -> Any:
        value = self._equal()
        while self._next("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._one()
        if self._next("=="):
            return _same(value, self._one())
        if self._next("!="):
            return not _same(value, self._one())
        return value

    def _one(self) -> Any:
        if self._next("!"):
            return not self._one()
        if self._next("("):
            value = self._or()
            assert self._next(")")
            return value
        token = self._tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._next("("):
            return self._functions[token](*self._arguments())
        return self._lookup(tuple(one or other for one, other in _SEGMENT.findall(token)))

    def _arguments(self) -> list[Any]:
        found: list[Any] = []
        while not self._next(")"):
            found.append(self._or())
            self._next(",")
        return found


def _tokens(text: str) -> list[str]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token, text[at:]
        found.append(token[1])
        at = token.end()
    return found
