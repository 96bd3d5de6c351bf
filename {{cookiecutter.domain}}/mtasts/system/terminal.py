"""The terminal that a run prints to: whether it shows colours, and how wide it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

WIDEST, NARROWEST = 100, 40  # columns of text for people

_STDOUT = -11  # STD_OUTPUT_HANDLE
_SEQUENCES = 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING: the console interprets escape sequences


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal, not a file or a pipe."""
    try:
        return bool(stream and stream.isatty())
    except (OSError, ValueError):  # closed
        return False


def shows_colours(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Tell whether to print colours, following the conventions of no-color.org and force-color.org."""
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return environment.get("TERM") != "dumb" and is_terminal(stream) and _reads_sequences()


def _reads_sequences() -> bool:
    """Tell whether the Windows console interprets escape sequences. All other terminals do."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel, mode = ctypes.windll.kernel32, ctypes.c_ulong()
    found = kernel.GetConsoleMode(kernel.GetStdHandle(_STDOUT), ctypes.byref(mode))
    return bool(found and mode.value & _SEQUENCES)


def width() -> int:
    """Return how wide text for people can be: the width of the terminal, within limits."""
    import shutil  # here, since it is slow to import and few runs wrap text

    return max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST))
