"""A time by which something must be finished, however slow the other side is."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A number of seconds from now, by a clock that nobody can set."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def open(self, ahead: float = 0) -> bool:
        """Tell whether time is left, or will be left a number of seconds from now."""
        return time.monotonic() + ahead < self._end

    def turn(self) -> Callable[[], Deadline]:
        """Return a function that starts a turn and returns its deadline. The time until then does not count."""
        left = self._end - time.monotonic()

        def come() -> Deadline:
            own = Deadline(left)
            self._end = max(self._end, own._end)  # for the turns that follow this one
            return own

        return come

    def left(self) -> float:
        """Return the seconds left. Raises TimeoutError if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
