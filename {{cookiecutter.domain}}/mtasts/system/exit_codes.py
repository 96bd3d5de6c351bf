"""What a run ends with: 0 fine, 1 errors found, 2 wrong use, and what `plan --exit-code` makes of them."""

from __future__ import annotations

from collections.abc import Iterable

UNSAFE, SAFE_CHANGE = 1, 2  # of `plan --exit-code`


def wrong_use(words: Iterable[str]) -> int:
    """Return the code of wrong use. Who asks for --exit-code, or nearly so, would take 2 for a safe change."""
    return UNSAFE if any(word.startswith("--exit") for word in words) else 2
