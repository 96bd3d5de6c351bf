"""explain: say what a rule means, and which way to go."""

from __future__ import annotations

import shutil

import click

from mtasts.cli._common import unknown
from mtasts.cli.catalogue import CATALOGUE, catalogue_table, explanation
from mtasts.plan.ways import RECIPES


@click.command("explain")
@click.argument("rule", metavar="[RULE | WAY]", required=False)
def command(rule: str | None) -> None:
    """Print what a RULE means and what to do, or a WAY step by step; without either, what there is.

    Ways: enforce, mx-move, rollback, retire, hosting.
    """
    if rule is None:
        ways = "\n".join(f"- {recipe.name}: {recipe.title}" for recipe in RECIPES.values())
        click.echo(f"{catalogue_table()}\n\n{ways}")
    elif rule.lower() in RECIPES:
        click.echo(str(RECIPES[rule.lower()]))
    elif rule.upper() in CATALOGUE:
        width = min(shutil.get_terminal_size().columns, 100)
        click.echo(click.wrap_text(explanation(CATALOGUE[rule.upper()]), width, preserve_paragraphs=True))
    else:
        word = rule.upper() if rule.upper().startswith("MTS") else rule.lower()
        raise unknown(word, [*CATALOGUE, *RECIPES], "a rule or a way")
