"""A time by which something has to be over, however slowly the other side talks."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """So many seconds from now on, by a clock that is never set."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def open(self, ahead: float = 0) -> bool:
        """Tell whether there is time left, or will be so many seconds from now."""
        return time.monotonic() + ahead < self._end

    def turn(self) -> Callable[[], Deadline]:
        """Return what gives the deadline of a turn once that has come. The time until then does not count."""
        left = self._end - time.monotonic()

        def come() -> Deadline:
            own = Deadline(left)
            self._end = max(self._end, own._end)  # for the turns that follow this one
            return own

        return come

    def left(self) -> float:
        """Return the seconds left. Raises TimeoutError where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
