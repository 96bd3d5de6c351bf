"""The one way out of a run: what is written to its two streams becomes lines that command nobody, and hold no secret.

Every verb, every library and every traceback writes to sys.stdout or sys.stderr, so none can go round this. It is the
last line: forms.plain, which it calls, has made most text harmless before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from mtasts.findings.forms import ANNOTATION, plain


def line(text: str) -> str:
    """Return a line as it may be printed: one of our own annotations, or text."""
    ours = re.match(ANNOTATION, text) if text.startswith(("::", "##vso[")) else None
    return ours[0] + plain(f".{text[ours.end() :]}")[1:] if ours else plain(text)


class Stream:
    """A text stream that writes whole lines, each made harmless.

    It has no `buffer`, so that no library writes past it. mask: returns text without secrets. paint: returns a harmless
    line with colours.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun: list[str] = []  # of a line that is not whole
        self.mask: Callable[[str], str] = str
        self.paint: Callable[[str], str] = str

    encoding = property(lambda self: self._stream.encoding)
    errors = property(lambda self: self._stream.errors)
    closed = property(lambda self: self._stream.closed)

    def write(self, text: str) -> int:
        """Write the lines that are whole now."""
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        whole, end, rest = text.rpartition("\n")
        if end:
            self._stream.write(f"{self._harmless(whole)}\n")
        self._begun += [rest] if rest else []
        return len(text)

    def write_served(self, text: str) -> None:
        """Write text whose line ends, CRLF, are part of it, whatever this system ends lines with."""
        harmless = "\r\n".join(map(self._harmless, text.split("\r\n")))
        self._stream.flush()
        self._stream.buffer.write(harmless.encode())
        self.flush()

    def command(self, text: str) -> None:
        """Write a line as it is, after what is left of another."""
        if self._begun:
            self.write("\n")
        self._stream.write(f"{text}\n")

    def flush(self) -> None:
        """Flush the lines that are whole: what comes next could make a command of the rest."""
        self._stream.flush()

    def finish(self) -> None:
        """Write what is left, and flush. Raises OSError."""
        self._stream.write(self._harmless(""))
        self.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file's number."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def _harmless(self, text: str) -> str:
        text, self._begun = "".join([*self._begun, text]), []
        return "\n".join(self.paint(line(each)) for each in self.mask(text).split("\n"))


def guard() -> None:
    """Put both streams behind it, for the rest of the run."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a Windows console may lack a letter
        if stream and not isinstance(stream, Stream):
            setattr(sys, name, Stream(stream))


@contextmanager
def painted(paint: Callable[[str], str]) -> Iterator[None]:
    """Give colours to the lines that are printed within: to the standard output alone."""
    streams = [stream for stream in guarded() if stream is sys.stdout]
    for stream in streams:
        stream.paint = paint
    try:
        yield
    finally:
        for stream in streams:
            stream.paint = str


def command(text: str) -> None:
    """Print a line that tells the CI system what to do. Who calls this answers for every letter of it."""
    if sys.stdout:
        (sys.stdout if isinstance(sys.stdout, Stream) else Stream(sys.stdout)).command(text)


def write_served(text: str) -> None:
    """Print a policy as it is served, with CRLF on every system."""
    if sys.stdout:  # there is none if it was closed, and print() then says nothing either
        (sys.stdout if isinstance(sys.stdout, Stream) else Stream(sys.stdout)).write_served(text)


def finish() -> None:
    """Write what is left. Raises OSError."""
    for stream in guarded():
        stream.finish()


def guarded() -> list[Stream]:
    """Return the streams of this run that are behind it."""
    return [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, Stream)]
