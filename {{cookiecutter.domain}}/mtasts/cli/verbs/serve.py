"""serve: serve the policies on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mtasts.cli._common import ROOT, load_served, policy_file
from mtasts.cli._usage import Number, verb
from mtasts.config.model import Config
from mtasts.findings import UserError
from mtasts.hosting import build, serve
from mtasts.sts.policy import PATH, policy_host
from mtasts.system import files


@verb("serve", "serve --port 8080")
@click.option(
    "--port",
    type=Number(0, 65535),
    default=7071,
    show_default=True,
    metavar="PORT",
    help="Listen on this port. 0 picks a free one.",
)
@policy_file
def command(port: int, path: Path) -> None:
    """Serve the policies on this machine as the hosting will, to try them out."""
    config = load_served(path)
    with tempfile.TemporaryDirectory() as folder:
        serve.run(_application(config, Path(folder), port), port, lambda bound: _started(config, bound))


def _application(config: Config, folder: Path, port: int) -> serve.Application:
    try:
        return build.of(config.hosting.kind).application(config, ROOT, folder, port)
    except OSError as error:
        raise UserError(f"The policies cannot be served. {files.reason(error)}") from None


def _started(config: Config, port: int) -> None:
    url = f"http://localhost:{port}{PATH}"
    click.echo(f"Serving {url} (Ctrl+C stops). To fetch the policy of a domain, send the name of its policy host:")
    for domain in config.domains[:5]:
        click.echo(f'  curl -H "Host: {policy_host(domain.name)}" {url}')
