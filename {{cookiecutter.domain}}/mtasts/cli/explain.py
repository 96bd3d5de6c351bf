"""explain: say what a rule means, and which way to go."""

from __future__ import annotations

import shutil

import click

from mtasts.cli._common import unknown
from mtasts.cli.catalogue import CATALOGUE, catalogue_table, explanation
from mtasts.plan.ways import WAYS

_HELP = f"""Print what a RULE means and what to do, or a WAY step by step; without either, what there is.

Ways: {", ".join(WAYS)}.
"""


@click.command("explain", help=_HELP)
@click.argument("rule", metavar="[RULE | WAY]", required=False)
def command(rule: str | None) -> None:
    """Print a rule, a way, or the lists of both."""
    if rule is None:
        ways = "\n".join(f"- {way.name}: {way.title}" for way in WAYS.values())
        click.echo(f"{catalogue_table()}\n\n{ways}")
    elif rule.lower() in WAYS:
        click.echo(str(WAYS[rule.lower()]))
    elif rule.upper() in CATALOGUE:
        width = min(shutil.get_terminal_size().columns, 100)
        click.echo(click.wrap_text(explanation(CATALOGUE[rule.upper()]), width, preserve_paragraphs=True))
    else:
        word = rule.upper() if rule.upper().startswith("MTS") else rule.lower()
        raise unknown(word, [*CATALOGUE, *WAYS], "a rule or a way")
