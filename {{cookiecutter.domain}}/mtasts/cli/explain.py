"""explain: say what a rule means, and which way to go."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from difflib import get_close_matches

import click

from mtasts.cli.catalogue import CATALOGUE, catalogue_table, explanation
from mtasts.findings import listed
from mtasts.findings.forms import plain
from mtasts.plan.ways import WAYS

_HELP = f"""Print what a RULE means and what to do, or a WAY step by step; without either, what there is.

Ways: {", ".join(WAYS)}.
"""


@click.command("explain", help=_HELP)
@click.argument("words", metavar="[RULE | WAY]", nargs=-1)
def command(words: Sequence[str]) -> None:
    """Print a rule, a way, or the lists of both."""
    if not words:
        click.echo(f"{catalogue_table()}\n\n{_ways()}")
        return
    way = WAYS.get("-".join(words).lower().replace("_", "-"))
    click.echo("\n\n".join(map(_explained, words)) if way is None else str(way))


def _ways() -> str:
    return "\n".join(f"- {way.name}: {way.title}" for way in WAYS.values())


def _explained(word: str) -> str:
    if word.lower() in WAYS:
        return str(WAYS[word.lower()])
    if word.upper() in CATALOGUE:
        width = min(shutil.get_terminal_size().columns, 100)
        return click.wrap_text(explanation(CATALOGUE[word.upper()]), width, preserve_paragraphs=True)
    raise click.UsageError(f"{plain(repr(word))} is not a rule or a way. {_hint(word)}")


def _hint(word: str) -> str:
    """Return what may be meant: the nearest name, else the rules about it, and where the lists are."""
    name = re.sub(r"[^A-Z0-9]", "", word.upper())
    close = get_close_matches(name if name.startswith("MTS") else word.lower(), [*CATALOGUE, *WAYS], 1)
    if close:
        return f"Did you mean {close[0]}?"
    about = [rule.id for rule in CATALOGUE.values() if word.lower() in rule.title.lower().split()]
    found = f"Rules about it: {listed(about, 5)}. " if about else ""
    return f"{found}Ways: {', '.join(WAYS)}. All rules: python -m mtasts explain"
