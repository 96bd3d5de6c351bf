"""Our comment on a pull request, whichever the system: which comments are ours, writing, editing, and its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MARKER = "<!-- mta-sts-plan -->"
REST = "*This comment is cut here. The whole text is on the summary page of the pipeline's run.*"

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_DETAILS = re.compile(r"<(/?)details\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Comment:
    """A comment as it stands. path: where the API edits it."""

    path: str
    text: str


class System(Protocol):
    """A pull request's comments. number: the pull request's; limit: the longest text, in UTF-16."""

    number: str
    limit: int

    def ours(self) -> Iterator[Comment]:
        """Yield our comments, oldest first."""

    def edit(self, comment: Comment, text: str) -> bool:
        """Replace a comment's text; False where it turns out not to be ours, or to be gone."""

    def create(self, text: str) -> None:
        """Write a comment."""


def keep(system: System, text: str) -> str:
    """Write our comment, or edit the first of ours where it says something else; return what was done."""
    wanted = body(text, system.limit)
    for comment in system.ours():
        if is_same(comment.text, wanted):
            return f"The comment on pull request {system.number} says so already."
        if system.edit(comment, wanted):
            return f"The comment on pull request {system.number} is edited."
    system.create(wanted)
    return f"A comment on pull request {system.number} is written."


def body(text: str, limit: int) -> str:
    """Return the text under the marker, which stands in it once, within a limit."""
    own = text.removeprefix(MARKER).lstrip("\n").replace(MARKER, "<!-- -->")
    return shortened(f"{MARKER}\n{own}", limit)


def is_marked(text: str) -> bool:
    """Tell whether a text begins with the marker's line."""
    return text.split("\n", 1)[0].strip() == MARKER


def is_same(one: str, other: str) -> bool:
    """Tell whether two texts differ by no more than their line ends, which the systems may change."""
    return one.replace("\r\n", "\n").rstrip() == other.replace("\r\n", "\n").rstrip()


def length(text: str) -> int:
    """Return how long a text is in UTF-16, as Azure DevOps counts it. By GitHub's own count it is never longer."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shortened(text: str, limit: int) -> str:
    """Return the text, or as many of its lines as the limit has room for, what they open closed, and REST at the end.

    limit: at least the length of REST.
    """
    if length(text) <= limit:
        return text
    lines = text.split("\n")
    state, used, kept, ending = _Open(), 0, 0, REST
    for number, line in enumerate(lines, 1):
        used += length(line) + 1
        if used > limit:
            break
        state = state.after(line)
        if used + length(state.ending()) <= limit:
            kept, ending = number, state.ending()
    return "\n".join(lines[:kept]) + ending


@dataclass(frozen=True)
class _Open:
    """What stands open after a line of Markdown: a code fence, and so many <details>."""

    fence: str = ""
    details: int = 0

    def after(self, line: str) -> _Open:
        """Return what stands open after one line more."""
        found = _FENCE.match(line)
        if self.fence:
            closed = found and found[1].startswith(self.fence) and not found[2].strip()
            return _Open("" if closed else self.fence, self.details)
        if found:
            return _Open(found[1], self.details)
        details = self.details
        for tag in _DETAILS.finditer(line):
            details = max(0, details - 1) if tag[1] else details + 1
        return _Open("", details)

    def ending(self) -> str:
        """Return what closes all of it, and REST."""
        fence = f"\n{self.fence}" if self.fence else ""
        return fence + "\n\n</details>" * self.details + f"\n\n{REST}"
