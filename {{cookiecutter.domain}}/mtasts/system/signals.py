"""Ctrl+C, and the signals with which a runner cancels a job: the run ends quickly, and leaves no half-written files."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
import warnings
from types import FrameType
from typing import NoReturn

SECONDS = 3.0  # after which the run ends in any case
WAKE = 0.2  # seconds, after which the main thread is woken
_CODE = 128  # plus the signal's number, as in shells: 130 after Ctrl+C, 143 after SIGTERM


class Interrupted(SystemExit):
    """A signal arrived. No `except Exception` catches this, so every `finally` can clean up. number: the exit code."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def install() -> None:
    """Make signals end the run."""
    signal.signal(signal.SIGINT, _begin)
    signal.signal(signal.SIGTERM, _begin)
    if hasattr(signal, "SIGBREAK"):  # Ctrl+Break on Windows
        signal.signal(signal.SIGBREAK, _begin)
    if hasattr(signal, "pthread_kill"):
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        _thread.start_new_thread(_wake, (heard, _thread.get_ident()))


def _wake(heard: int, main: int) -> None:
    """Send the signal again if it was missed: just before the main thread starts to wait, a signal does not wake it."""
    while number := os.read(heard, 1)[0]:
        time.sleep(WAKE)
        if signal.getsignal(number) is _begin:
            signal.pthread_kill(main, number)


def _begin(number: int, _: FrameType | None) -> NoReturn:
    code = _CODE + (number if number == signal.SIGTERM else signal.SIGINT)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: os._exit(code))  # if it comes a second time
    warnings.simplefilter("ignore")  # about interrupted work, and so
    if disable := getattr(sys.modules.get("logging"), "disable", None):  # with asyncio's log
        disable()
    # Python ignores exceptions in destructors, and waits for threads. So this thread makes sure that the run ends.
    _thread.start_new_thread(_end, (code,))
    raise Interrupted(code)


def _end(code: int) -> None:
    time.sleep(SECONDS)
    os._exit(code)
