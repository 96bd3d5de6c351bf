"""build: write the files to deploy."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from mtasts.cli._common import ROOT, load_served, policy_file
from mtasts.cli._usage import verb
from mtasts.findings import UserError
from mtasts.hosting import build
from mtasts.system.files import reason

_FUNCTION = (ROOT / "mtasts" / "hosting" / "function.py").exists()
_TEXT = f"Write the files to deploy into build/{': the package of the Function' if _FUNCTION else ''}."


@verb("build", "build --no-packages" if _FUNCTION else "build", _TEXT)
@click.option(
    "--packages/--no-packages",
    default=True,
    show_default=True,
    hidden=not _FUNCTION,
    help="Include the Function's dependencies in its package, or leave them out.",
)
@policy_file
def command(packages: bool, path: Path) -> None:
    """Write the files to deploy, and print their names."""
    config, root = load_served(path), path.resolve().parent
    try:
        hosting = build.of(config.hosting.kind)
        contents = hosting.files(config, ROOT, root / ".wheels" if packages else None)
        finish = partial(hosting.finish, packages=packages, say=partial(click.echo, err=True))
        target = build.write(root, contents, finish)
    except (OSError, UserError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise UserError(f"The build failed. build/ was not changed. {why}") from None
    for written in sorted(target.iterdir()):
        click.echo(f"{target.name}/{written.name}{'/' if written.is_dir() else ''}")
