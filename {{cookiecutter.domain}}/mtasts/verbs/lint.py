"""lint: judge a file."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.lint import lint
from mtasts.verbs.common import print_report, report_format


@click.command("lint")
@click.argument("file", type=click.Path(path_type=Path), default=Path("policy.yaml"))
@report_format
def command(file: Path, form: str | None) -> None:
    """Judge a policy.yaml (default), or a policy as it is served (mta-sts.txt)."""
    print_report(lint(file), form)
