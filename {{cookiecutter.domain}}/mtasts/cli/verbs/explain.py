"""explain: say what a rule means, and which way to go."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from mtasts.cli._common import echo
from mtasts.cli._usage import PROGRAM, verb
from mtasts.cli.catalogue import CATALOGUE, catalogue_table, explanation
from mtasts.findings import Rule, colours, listed
from mtasts.findings.forms import plain
from mtasts.findings.layout import columns, wrapped
from mtasts.plan.ways import WAYS, Way
from mtasts.system import terminal

_HELP = f"""Explain a RULE, such as MTS113, or a WAY to go, step by step. Default: list all rules and ways.

The ways are {", ".join(WAYS)}. A terminal shows text; a pipe or a file gets Markdown.
"""
_HEADING = "Rules|Ways|MTS[0-9]{3}: .*|[a-z-]+: [A-Z].*"  # how a line begins that is one, in the texts below


@verb("explain", "explain MTS113", _HELP)
@click.argument("words", metavar="[RULE | WAY]", nargs=-1)
def command(words: Sequence[str]) -> None:
    """Print a rule, a way, or the lists of both."""
    way = WAYS.get("-".join(words).lower().replace("_", "-"))
    found = [way] if way else [_found(word) for word in words]
    if terminal.is_terminal(sys.stdout):
        width = terminal.width()
        echo("\n\n".join(_laid_out(each, width) for each in found) or _lists(width), _painted)
    else:
        click.echo("\n\n".join(map(_as_markdown, found)) or f"{catalogue_table()}\n\n{_ways()}")


def _found(word: str) -> Rule | Way:
    if found := WAYS.get(word.lower()) or CATALOGUE.get(word.upper()):
        return found
    raise click.UsageError(f"{plain(repr(word))} is not a rule or a way. {_hint(word)}")


def _hint(word: str) -> str:
    """Return what may be meant: the nearest name, else the rules about it, and where the lists are."""
    name = re.sub(r"[^A-Z0-9]", "", word.upper())
    close = get_close_matches(name if name.startswith("MTS") else word.lower(), [*CATALOGUE, *WAYS], 1)
    if close:
        return f"Did you mean {close[0]}?"
    about = [rule.id for rule in CATALOGUE.values() if word.lower() in rule.title.lower().split()]
    found = f"Rules about it: {listed(about, 5)}. " if about else ""
    return f"{found}Ways: {', '.join(WAYS)}. All rules: {PROGRAM} explain"


def _as_markdown(found: Rule | Way) -> str:
    return str(found) if isinstance(found, Way) else wrapped(explanation(found), terminal.width())


def _ways() -> str:
    return "\n".join(f"- {way.name}: {way.title}" for way in WAYS.values())


# For a terminal


def _laid_out(found: Rule | Way, width: int) -> str:
    """Return the id and the title, and below them the text."""
    if isinstance(found, Way):
        return f"{found.name}: {found.title}\n\n{wrapped(found.text, width)}"
    return wrapped(explanation(found), width)


def _lists(width: int) -> str:
    rules = columns(((rule.id, rule.severity.value, rule.title) for rule in CATALOGUE.values()), width)
    ways = columns(((way.name, way.title) for way in WAYS.values()), width)
    return f"Rules\n{rules}\n\nWays\n{ways}\n\nTo read about one of them: {PROGRAM} explain MTS113"


def _painted(line: str) -> str:
    return colours.heading(line) if re.fullmatch(_HEADING, line) else colours.painted(line)
