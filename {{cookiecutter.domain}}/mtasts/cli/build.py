"""build: write what is deployed."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.cli._common import ROOT, load_served, policy_file
from mtasts.cli._usage import verb
from mtasts.config.model import Config
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
        hosting = build.of(config.hosting.kind)
        function = _function_files(config, packages, root) if build.needs_function(config) else None
        static = ROOT / "static"
        kinds = hosting.static_files(config, static), hosting.server_files(config, static)
        target = build.write(root, function, *kinds, prove=_prove if packages else lambda _: {})
    except (OSError, UserError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise UserError(f"Nothing was built; an earlier build stands as it was. {why}") from None
    for written in sorted(target.iterdir()):
        click.echo(f"{target.name}/{written.name}{'/' if written.is_dir() else ''}")


def _function_files(config: Config, packages: bool, root: Path) -> build.Files:
    """Return the files of the Function, with its dependencies or without."""
    from mtasts.hosting import function  # here and below, since only a repository with a Function has it

    found = function.own_files(config, ROOT / "function")
    if packages:
        found.update(function.files(ROOT / "function" / "requirements.txt", root / ".wheels"))
    return found


def _prove(package: Path) -> build.Files:
    """Prove that Azure will find the Function, and return its bytecode. Say so if this Python can do neither."""
    from mtasts.hosting.bytecode import bytecode
    from mtasts.hosting.function import can_index, index

    if can_index():
        index(package)
        return bytecode(package)
    click.echo(
        "Built without bytecode, so the app starts more slowly, and not tried: whether function_app.py can be imported "
        "with this package alone. Both take Python 3.13 on Linux (x86-64), which Azure and the pipeline have.",
        err=True,
    )
    return {}
