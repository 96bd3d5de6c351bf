"""explain: say what a rule means."""

from __future__ import annotations

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
        click.echo(explanation(CATALOGUE[rule.upper()]))
    else:
        raise unknown(rule.upper(), CATALOGUE, "a rule")
