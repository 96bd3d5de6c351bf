"""The exit codes: 0 fine, 1 errors found, 2 wrong use; and their meaning with `plan --exit-code`."""

from __future__ import annotations

from collections.abc import Iterable

UNSAFE, SAFE_CHANGE = 1, 2  # of `plan --exit-code`


def wrong_use(words: Iterable[str]) -> int:
    """Return the exit code of wrong use. With --exit-code, or a misspelling of it, 2 would mean a safe change."""
    return UNSAFE if any(word.startswith("--exit") for word in words) else 2
