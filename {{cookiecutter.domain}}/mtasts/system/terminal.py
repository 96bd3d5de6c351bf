"""What the terminal is like that a run prints to: whether it shows colours, and how wide it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

WIDEST, NARROWEST = 100, 40  # columns of a text that people are to read

_STDOUT = -11  # the number by which Windows knows the standard output
_SEQUENCES = 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING: the console reads sequences, and does not print them


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person sees what is printed, and no file or pipe takes it."""
    try:
        return bool(stream and stream.isatty())
    except (OSError, ValueError):  # closed
        return False


def shows_colours(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Tell whether to print colours, by the conventions of no-color.org and force-color.org."""
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return environment.get("TERM") != "dumb" and is_terminal(stream) and _reads_sequences()


def _reads_sequences() -> bool:
    """Tell whether the console of Windows reads sequences. All other terminals do."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel, mode = ctypes.windll.kernel32, ctypes.c_ulong()
    found = kernel.GetConsoleMode(kernel.GetStdHandle(_STDOUT), ctypes.byref(mode))
    return bool(found and mode.value & _SEQUENCES)


def width() -> int:
    """Return how many columns a text for people may have: those of the terminal, within bounds."""
    import shutil  # here, since it is slow to import, and few runs wrap text

    return max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST))
