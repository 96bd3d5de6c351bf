"""outputs: copy the outputs of a deployment of infra/ into policy.yaml."""

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
    """Copy the outputs of a deployment of infra/ from FILE (JSON) into policy.yaml.

    It sets hosting.hostname and, for a Function, hosting.verification. Both stay the same from then on.
    """
    config = load(path)
    found = read_outputs(file)
    before = yaml_file.read_text(path)
    after = with_outputs(before, config, found)
    if after == before:
        click.echo(f"{path} already has these values.")
    else:
        write(path, after)
        click.echo(f"{path} was updated with the values from Azure. Commit it.")
    if found.storage_account:
        click.echo(f"For the pipeline deploy, set the variable AZURE_STORAGE_ACCOUNT to {found.storage_account}")
