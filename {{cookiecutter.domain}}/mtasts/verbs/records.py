"""records: print what belongs into DNS."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts import zones
from mtasts.verbs.common import load, policy_file


@click.command("records")
@click.option("--format", "form", type=click.Choice(list(zones.FORMATS)), default="table", show_default=True)
@policy_file
def command(form: str, path: Path) -> None:
    """Print the DNS records: name, type, TTL, value."""
    click.echo(zones.FORMATS[form](zones.records(load(path))))
