"""explain: say what a rule means."""

from __future__ import annotations

import shutil

import click

from mtasts.rules import CATALOGUE, catalogue_table, explanation
from mtasts.verbs.common import unknown


@click.command("explain")
@click.argument("rule", required=False)
def command(rule: str | None) -> None:
    """Print what RULE means and what to do; without RULE, the table of all rules."""
    if rule is None:
        click.echo(catalogue_table())
    elif rule.upper() in CATALOGUE:
        width = min(shutil.get_terminal_size().columns, 100)
        click.echo(click.wrap_text(explanation(CATALOGUE[rule.upper()]), width, preserve_paragraphs=True))
    else:
        raise unknown(rule.upper(), CATALOGUE, "a rule")
