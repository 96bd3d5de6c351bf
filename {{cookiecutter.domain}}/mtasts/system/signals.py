"""Ctrl+C and what a runner sends to cancel a job: the run ends at once, and half-written files go."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
import warnings
from types import FrameType
from typing import NoReturn

SECONDS = 3.0  # until the run ends in any case
WAKE = 0.2  # seconds, until the main thread is woken
_CODE = 128  # and the signal's number, as shells have it: 130 after Ctrl+C, 143 after SIGTERM


class Interrupted(SystemExit):
    """A signal came. It passes through what catches errors, so `finally` puts away what was begun. number: the code."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def install() -> None:
    """Let signals end the run."""
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
    """Send the signal again if it was overheard: one that comes just before the main thread waits does not wake it."""
    while number := os.read(heard, 1)[0]:
        time.sleep(WAKE)
        if signal.getsignal(number) is _begin:
            signal.pthread_kill(main, number)


def _begin(number: int, _: FrameType | None) -> NoReturn:
    code = _CODE + (number if number == signal.SIGTERM else signal.SIGINT)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: os._exit(code))  # asked again
    warnings.simplefilter("ignore")  # of what is broken off, and
    if disable := getattr(sys.modules.get("logging"), "disable", None):  # what asyncio logs of it
        disable()
    # Python passes over what is raised in a destructor, and waits for threads.
    _thread.start_new_thread(_end, (code,))
    raise Interrupted(code)


def _end(code: int) -> None:
    time.sleep(SECONDS)
    os._exit(code)
