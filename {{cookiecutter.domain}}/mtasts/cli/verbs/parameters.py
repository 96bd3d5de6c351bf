"""parameters: print the parameters for deploying infra/."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mtasts.cli._common import load_served, policy_file, write
from mtasts.cli._usage import Choice, verb
from mtasts.findings import UserError
from mtasts.hosting.azure import Phase, parameters


@verb("parameters", "parameters --phase domains --output parameters.json")
@click.option(
    "--phase",
    type=Choice([phase.value for phase in Phase]),
    default=Phase.APP.value,
    show_default=True,
    help="app deploys only the app. domains adds host names and certificates: use it once DNS has the hosting records.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write the parameters to FILE instead of printing them.",
)
@policy_file
def command(phase: str, output: Path | None, path: Path) -> None:
    """Print the parameters for deploying infra/ with `az deployment group create --parameters FILE`."""
    config = load_served(path)
    try:
        found = json.dumps(parameters(config, Phase(phase)), indent=2)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if output and str(output) != "-":
        write(output, f"{found}\n")
    else:
        click.echo(found)
