"""outputs: take what infra/ has made into policy.yaml."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.cli._common import load, policy_file, write
from mtasts.cli._usage import verb
from mtasts.config import yaml_file
from mtasts.hosting.azure import read_outputs, with_outputs


@verb("outputs", "outputs outputs.json")
@click.argument("file", type=click.Path(path_type=Path))
@policy_file
def command(file: Path, path: Path) -> None:
    """Write what a deployment of infra/ gave, in FILE as JSON, into policy.yaml: what stays the same from then on."""
    config = load(path)
    found = read_outputs(file)
    before = yaml_file.read_text(path)
    after = with_outputs(before, config, found)
    if after == before:
        click.echo(f"{path} has all of it already.")
    else:
        write(path, after)
        click.echo(f"{path} has what Azure gave the hosting for good. Commit it.")
    if found.storage_account:
        click.echo(f"Set the variable AZURE_STORAGE_ACCOUNT for the deployment: {found.storage_account}")
