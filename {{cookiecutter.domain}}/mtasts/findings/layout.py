"""Rules and instructions in Markdown, laid out for a terminal: wrapped to its width, with hanging indents in lists."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

_ITEM = re.compile(r"([0-9]+\.|-) +")


def wrapped(text: str, width: int) -> str:
    """Return paragraphs and lists with no line wider than this, except for longer words."""
    return "\n\n".join("\n".join(_block(block, width)) for block in re.split(r"\n{2,}", text.strip("\n")))


def _block(block: str, width: int) -> Iterator[str]:
    if block.startswith(("    ", "```", "|")):
        yield block
        return
    for item in re.split(r"\n(?=(?:[0-9]+\.|-) )", block):
        mark = found[0] if (found := _ITEM.match(item)) else ""
        yield _filled(item[len(mark) :], width, mark, " " * len(mark))


def columns(rows: Iterable[Sequence[str]], width: int) -> str:
    """Return rows as columns, with the last cell of each row wrapped within its column."""
    cells = list(rows)
    widths = [max(len(row[number]) for row in cells) for number in range(len(cells[0]) - 1)]
    heads = ["  ".join([cell.ljust(wide) for cell, wide in zip(row, widths, strict=False)]) for row in cells]
    lead = [f"  {head}  " for head in heads]
    return "\n".join(_filled(row[-1], width, head, " " * len(head)) for row, head in zip(cells, lead, strict=True))


def _filled(text: str, width: int, first: str, then: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
