"""records: print what belongs into DNS."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.cli._common import load, policy_file, verification, verification_file
from mtasts.dns.forms import FORMATS
from mtasts.dns.records import Stage, proven, records


@click.command("records")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table", show_default=True)
@click.option("--only", "stage", type=click.Choice([stage.value for stage in Stage]), help="Default: both.")
@verification_file
@policy_file
def command(form: str, stage: str | None, proofs: Path | None, path: Path) -> None:
    """Print the DNS records: name, type, TTL, value."""
    config = proven(load(path), verification(proofs))
    click.echo(FORMATS[form](records(config, Stage(stage) if stage else None)))
