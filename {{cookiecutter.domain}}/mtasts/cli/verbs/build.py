"""build: write what is deployed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from mtasts.cli._common import ROOT, load_served, policy_file
from mtasts.cli._usage import verb
from mtasts.findings import UserError
from mtasts.hosting import build
from mtasts.system.files import reason


@verb("build", "build --no-packages")
@click.option(
    "--packages/--no-packages",
    default=True,
    help="Put the Function's dependencies into its package, or leave them out.",
)
@policy_file
def command(packages: bool, path: Path) -> None:
    """Write what is deployed into build/: the Function's package, or the static files."""
    config, root = load_served(path), path.resolve().parent
    try:
        hosting, static, function = build.of(config.hosting.kind), ROOT / "static", ROOT / "function"
        target = build.write(
            root,
            hosting.function_files(config, function, root / ".wheels" if packages else None),
            hosting.static_files(config, static),
            hosting.server_files(config, static),
            prove=lambda package: hosting.prove(package, partial(click.echo, err=True)) if packages else {},
        )
    except (OSError, UserError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise UserError(f"Nothing was built; an earlier build stands as it was. {why}") from None
    for written in sorted(target.iterdir()):
        click.echo(f"{target.name}/{written.name}{'/' if written.is_dir() else ''}")
