"""What the two systems have in common: the comments that are ours, editing one, writing one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mtasts.ci.body import body, is_same


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
