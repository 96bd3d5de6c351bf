"""Text for a terminal, made from the Markdown of rules and ways: wrapped to its width, lists with hanging lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

_ITEM = re.compile(r"([0-9]+\.|-) +")


def wrapped(text: str, width: int) -> str:
    """Return paragraphs and lists with no line wider than this, but for a word that is."""
    return "\n\n".join("\n".join(_block(block, width)) for block in re.split(r"\n{2,}", text.strip("\n")))


def _block(block: str, width: int) -> Iterator[str]:
    if block.startswith(("    ", "```", "|")):
        yield block
        return
    for item in re.split(r"\n(?=(?:[0-9]+\.|-) )", block):
        mark = found[0] if (found := _ITEM.match(item)) else ""
        yield _filled(item[len(mark) :], width, mark, " " * len(mark))


def columns(rows: Iterable[Sequence[str]], width: int) -> str:
    """Return rows under each other, the last cell of each wrapped beside its column."""
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
