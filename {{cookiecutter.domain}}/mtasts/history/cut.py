"""A policy.yaml cut into a head, a block per domain and a tail, and whether its parser saw it so.

Where the parser saw each block begin as a key of `domains` in the very place of the cut, it stood between two keys.
It then reads what follows in the same way whatever came before, so a block means the same wherever it stands.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from mtasts.config.yaml_file import Document

_COMMENT = r" *(?:#[^\n]*)?\n"
_HEAD = re.compile(rf"^domains:{_COMMENT}(?:{_COMMENT})*(?P<indent> +)(?=[A-Za-z0-9])", re.MULTILINE)
_TAIL = re.compile(r"\n(?=[^ #\n])")
_KEY = re.compile(r"([a-z_]+):[ \n]")


class Shell(NamedTuple):
    """What stands around the blocks. indent: of each block."""

    head: str
    indent: str
    tail: str

    def name(self, block: str) -> str:
        """Return the name of a block's domain, as it is written."""
        return block[len(self.indent) :].partition(":")[0]

    def key(self, block: str) -> str:
        """Return what a block is known by: what follows the name, or all of it where the name matters."""
        name, colon, content = block[len(self.indent) :].partition(":")
        # A name that begins with a digit could be a number to YAML, and a zone has to fit its domain.
        return content if colon and name[:1].isalpha() and "zone" not in content else block


class Cut(NamedTuple):
    """A text in pieces. blocks: without the line end after each."""

    shell: Shell
    blocks: tuple[str, ...]

    def text(self) -> str:
        """Return the text, put together again."""
        return self.shell.head + "".join(f"{block}\n" for block in self.blocks) + self.shell.tail

    def is_seen(self, parsed: Document) -> bool:
        """Tell whether the parser of this text saw the blocks, and no other, where they are cut."""
        line = self.shell.head.count("\n") + 1
        places = {}
        for block in self.blocks:
            places["domains", self.shell.name(block)] = line, len(self.shell.indent) + 1
            line += block.count("\n") + 1
        seen = {steps: place for steps, place in parsed.places.items() if len(steps) == 2 and steps[0] == "domains"}
        key = _KEY.match(self.shell.tail)
        return seen == places and (key is None or parsed.places.get((key[1],)) == (line, 1))


def cut_up(text: str) -> Cut | None:
    """Cut a text at the keys of `domains`. None where it is not written with a line for each."""
    found = _HEAD.search(text)
    if not found:
        return None
    end = _TAIL.search(text, found.end())
    stop = end.end() if end else len(text)
    tail = text[stop:]
    if text[stop - 1] != "\n" or (tail and not _KEY.match(tail)):
        return None
    start, indent = found.start("indent"), found["indent"]
    return Cut(Shell(text[:start], indent, tail), tuple(_split(text[start : stop - 1], indent)))


def cut_again(text: str, last: Cut, old: str) -> Cut | None:
    """Cut a text as the last one was, where what differs lies between two blocks. Else None, and cut_up is to do it."""
    shell, blocks = last
    begin, end = _difference(old, text)
    starts = list(accumulate(map((1).__add__, map(len, blocks)), initial=len(shell.head)))
    # One block more to either side: then the line ends before them, and what follows those, are the same in both.
    first, after = bisect_right(starts, begin) - 2, bisect_right(starts, end)
    if first < 0 or after >= len(blocks):
        return None
    middle = text[starts[first] : len(text) - len(old) + starts[after]]
    if _TAIL.search(middle):
        return None
    return Cut(shell, (*blocks[:first], *_split(middle[:-1], shell.indent), *blocks[after:]))


def _split(text: str, indent: str) -> list[str]:
    return re.split(rf"\n(?={indent}[A-Za-z0-9])", text)


def _difference(old: str, new: str) -> tuple[int, int]:
    """Return where the old text begins to differ from the new one, and where it ends to."""
    most = min(len(old), len(new))
    begin = bisect_right(range(1, most + 1), False, key=lambda size: not new.startswith(old[:size]))
    end = bisect_right(range(1, most - begin + 1), False, key=lambda size: not new.endswith(old[-size:]))
    return begin, len(old) - end
