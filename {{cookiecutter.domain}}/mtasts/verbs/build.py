"""build: write what is deployed."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts import build
from mtasts.files import reason
from mtasts.packages import PackagesError, files
from mtasts.verbs.common import ROOT, load_served, policy_file


@click.command("build")
@click.option("--packages/--no-packages", default=True, help="With the Function's dependencies, or without.")
@policy_file
def command(packages: bool, path: Path) -> None:
    """Write build/: the Function's package and the static files."""
    config, root = load_served(path), path.resolve().parent
    try:
        function = build.function_files(config, ROOT / "function") if build.needs_function(config) else None
        if function is not None and packages:
            function.update(files(ROOT / "function" / "requirements.txt", root / ".wheels"))
        static = ROOT / "static"
        target = build.write(root, function, build.static_files(config, static), build.server_files(config, static))
    except (OSError, PackagesError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise click.ClickException(f"Nothing was built; an earlier build stands as it was. {why}") from None
    for written in sorted(target.iterdir()):
        click.echo(f"{target.name}/{written.name}{'/' if written.is_dir() else ''}")
