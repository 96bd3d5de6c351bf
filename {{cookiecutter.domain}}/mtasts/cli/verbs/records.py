"""records: print the DNS records to publish."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.cli._common import load, policy_file, verification, verification_file
from mtasts.cli._usage import Choice, verb
from mtasts.dns.forms import FORMATS
from mtasts.dns.records import Stage, proven, records


@verb("records", "records --only hosting --format json")
@click.option(
    "--format",
    "form",
    type=Choice(list(FORMATS)),
    default="table",
    show_default=True,
    metavar="FORMAT",
    help="The output format: table, zone, json or octodns.",
)
@click.option(
    "--only", "stage", type=Choice([stage.value for stage in Stage]), help="Print only the records of this stage."
)
@verification_file
@policy_file
def command(form: str, stage: str | None, proofs: Path | None, path: Path) -> None:
    """Print the DNS records to publish, each with its name, type, TTL and value."""
    config = proven(load(path), verification(proofs))
    click.echo(FORMATS[form](records(config, Stage(stage) if stage else None)))
