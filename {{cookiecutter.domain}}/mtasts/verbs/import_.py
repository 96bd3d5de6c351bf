"""import: take an existing domain in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from mtasts import adopt, check, config
from mtasts.hosting import Hosting, Kind
from mtasts.lint import lint
from mtasts.verbs.common import policy_file, print_report, write
from mtasts.verbs.network import domain_name, edges, network_options


@click.command("import")
@click.argument("domain")
@click.option("--force", is_flag=True, help="Write over an existing file; its hosting is kept.")
@network_options
@policy_file
def command(domain: str, force: bool, timeout: float, path: Path, **network: Any) -> None:
    """Write a policy.yaml from what DOMAIN publishes today, or from its MX hosts."""
    name = domain_name(domain)
    if path.exists() and not force:
        raise click.UsageError(f"{path} exists. Name another with --file, or write over it with --force.")
    (found,) = asyncio.run(check.reach_all([name], adopt.see, edges(**network), timeout, jobs=1))
    if not found.policy and not found.mx:
        raise click.ClickException(
            f"{name} publishes neither a policy nor an MX host. Check the name and the resolver."
        )
    text = adopt.compose(name, adopt.policy_for(name, found), found.rua, _hosting(path))
    write(path, text)
    source = "the published policy" if found.policy else "the MX hosts: no policy could be read"
    click.echo(f"{path} is written from {source}. Read it, then run: python -m mtasts check {name}")
    print_report(lint(path), None)


def _hosting(path: Path) -> Hosting:
    """Return the hosting of the file that is there already, or the default."""
    earlier = config.load(path)[0] if path.exists() else None
    return earlier.hosting if earlier else Hosting(Kind.FUNCTION)
