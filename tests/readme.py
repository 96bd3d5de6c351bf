"""The generated README's commands, with what a reader fills in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Walk:
    """A baked repository's README, and what a reader puts in place of its words in capitals."""

    def __init__(self, folder: Path, filled: Mapping[str, str]) -> None:
        self.text = (folder / "README.md").read_text(encoding="utf-8")
        self._filled = dict(filled)

    def fill(self, **more: str) -> None:
        """Fill in more words."""
        self._filled |= more

    def commands(self, start: str) -> list[str]:
        """Return the commands that begin so, in order, as they stand there."""
        blocks = [body for _, language, body in BLOCK.findall(self.text) if not language]
        return [line.strip() for body in blocks for line in body.splitlines() if line.strip().startswith(start)]

    def filled(self, command: str) -> str:
        """Return a command with what a reader fills in."""
        for name in sorted(self._filled, key=len, reverse=True):
            command = re.sub(rf"\b{name}\b", lambda _, name=name: self._filled[name], command)  # type: ignore[misc]
        return command

    def words(self, command: str) -> list[str]:
        """Return the words of a command, filled in."""
        return shlex.split(self.filled(command))

    def bootstrap(self) -> list[str]:
        """Return the words of the one command that makes what needs an owner."""
        (command,) = self.commands("az deployment sub create")
        return self.words(command)
