"""What is valid and still unwise in a policy: the rules that need more than one line of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mtasts.findings import Finding, quote
from mtasts.names import pattern_fault, public_suffix_fault
from mtasts.policy import MAX_AGE_LIMIT, MxPattern, Policy
from mtasts.rules import policy_file as rules

if TYPE_CHECKING:  # a bake judges answers by this, and need not load PyYAML
    from mtasts.document import Steps

BYTES = 65_536  # what senders read, RFC 8461 §3.3
DAY = 86_400

# The sensible lifetimes by mode, in seconds. There is none for mode none: it is short-lived by itself.
_SENSE = {"testing": (DAY, 14 * DAY), "enforce": (7 * DAY, MAX_AGE_LIMIT)}


def judge(mode: str | None, max_age: int | None, mx: Sequence[object]) -> Iterator[tuple[Steps, Finding]]:
    """Yield what is wrong with the values of a policy, each with the path of the value: ("mx", 0), ("max_age",).

    A mode or max_age of a wrong form is passed as None, and items of mx that are no text are passed over.
    """
    if max_age is not None and (fault := _judge_max_age(mode, max_age)):
        yield ("max_age",), fault
    yield from _judge_mx(mx)


def size_fault(policy: Policy) -> Finding | None:
    """Return a finding where senders would throw the policy away for its size."""
    size = len(policy.render())
    if size <= BYTES:
        return None
    message = f"The policy takes {size} bytes, and senders read at most {BYTES}. Use a wildcard for many hosts."
    return Finding(rules.TOO_LARGE, message)


def _judge_max_age(mode: str | None, max_age: int) -> Finding | None:
    if max_age < 1:
        message = f"max_age is {max_age}, so no sender keeps the policy. A week is 604800."
        return Finding(rules.MAX_AGE, message)
    least, most = _SENSE.get(mode or "", (1, MAX_AGE_LIMIT))
    if max_age < least:
        return Finding(rules.MAX_AGE_SENSE, f"max_age is {max_age} seconds, short for {mode}. Write {least} or more.")
    if most < max_age <= MAX_AGE_LIMIT:
        return Finding(rules.MAX_AGE_SENSE, f"max_age is {max_age} seconds, long for {mode}. Write {most} or less.")
    return None


def _judge_mx(mx: Sequence[object]) -> Iterator[tuple[Steps, Finding]]:
    patterns = [(number, MxPattern(item)) for number, item in enumerate(mx) if isinstance(item, str)]
    parents = {pattern[2:].lower(): pattern for _, pattern in patterns if pattern.startswith("*.")}
    seen: set[str] = set()
    for number, pattern in patterns:
        covering = None if pattern.startswith("*.") else parents.get(pattern.lower().partition(".")[2])
        fault = pattern_fault(pattern) or public_suffix_fault(pattern)
        if fault := fault or _idle(pattern, pattern.lower() in seen, covering):
            yield ("mx", number), fault
        seen.add(pattern.lower())


def _idle(pattern: str, again: bool, covering: str | None) -> Finding | None:
    if again:
        return Finding(rules.MX_DUPLICATE, f"mx {quote(pattern)} stands here a second time. Remove it.")
    if covering:
        message = f"mx {quote(pattern)} is covered by {quote(covering)}. Remove one of the two."
        return Finding(rules.MX_COVERED, message)
    return None
