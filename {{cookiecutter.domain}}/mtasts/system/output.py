"""The guard of both output streams: every printed line is harmless to CI runners and terminals, and has no secret.

All verbs, libraries and tracebacks write to sys.stdout or sys.stderr, so nothing bypasses this. It is the last line of
defence: most text has gone through forms.plain before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from mtasts.findings.forms import ANNOTATION, plain


def line(text: str) -> str:
    """Return a line that is safe to print: one of our own annotations, or harmless text."""
    ours = re.match(ANNOTATION, text) if text.startswith(("::", "##vso[")) else None
    return ours[0] + plain(f".{text[ours.end() :]}")[1:] if ours else plain(text)


class Stream:
    """A text stream that writes whole lines and makes each one harmless.

    It has no `buffer`, so that no library can bypass it. mask: returns text without secrets. paint: returns a harmless
    line with colours.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun: list[str] = []  # parts of an incomplete line
        self.mask: Callable[[str], str] = str
        self.paint: Callable[[str], str] = str

    encoding = property(lambda self: self._stream.encoding)
    errors = property(lambda self: self._stream.errors)
    closed = property(lambda self: self._stream.closed)

    def write(self, text: str) -> int:
        """Write the lines that are complete now."""
        if not isinstance(text, str):
            raise TypeError(f"write() needs text, not {type(text).__name__}")
        whole, end, rest = text.rpartition("\n")
        if end:
            self._stream.write(f"{self._harmless(whole)}\n")
        self._begun += [rest] if rest else []
        return len(text)

    def write_served(self, text: str) -> None:
        """Write text with its CRLF line ends, whatever line ends this system uses."""
        harmless = "\r\n".join(map(self._harmless, text.split("\r\n")))
        self._stream.flush()
        self._stream.buffer.write(harmless.encode())
        self.flush()

    def command(self, text: str) -> None:
        """Write a line unchanged, after the rest of an incomplete line."""
        if self._begun:
            self.write("\n")
        self._stream.write(f"{text}\n")

    def flush(self) -> None:
        """Flush the complete lines only: with what comes next, the rest could become a command."""
        self._stream.flush()

    def finish(self) -> None:
        """Write the rest, and flush. Raises OSError."""
        self._stream.write(self._harmless(""))
        self.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def _harmless(self, text: str) -> str:
        text, self._begun = "".join([*self._begun, text]), []
        return "\n".join(self.paint(line(each)) for each in self.mask(text).split("\n"))


def guard() -> None:
    """Replace both streams with guarded ones, for the rest of the run."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a Windows console can lack characters
        if stream and not isinstance(stream, Stream):
            setattr(sys, name, Stream(stream))


@contextmanager
def painted(paint: Callable[[str], str]) -> Iterator[None]:
    """Colour the lines that are printed to the standard output inside the `with` block."""
    streams = [stream for stream in guarded() if stream is sys.stdout]
    for stream in streams:
        stream.paint = paint
    try:
        yield
    finally:
        for stream in streams:
            stream.paint = str


def command(text: str) -> None:
    """Print a command to the CI system. The caller must make sure that the whole line is safe."""
    if sys.stdout:
        (sys.stdout if isinstance(sys.stdout, Stream) else Stream(sys.stdout)).command(text)


def write_served(text: str) -> None:
    """Print a policy as it is served, with CRLF on every system."""
    if sys.stdout:  # None if it was closed; then print() does nothing either
        (sys.stdout if isinstance(sys.stdout, Stream) else Stream(sys.stdout)).write_served(text)


def finish() -> None:
    """Write the rest of both streams. Raises OSError."""
    for stream in guarded():
        stream.finish()


def guarded() -> list[Stream]:
    """Return the guarded streams of this run."""
    return [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, Stream)]
