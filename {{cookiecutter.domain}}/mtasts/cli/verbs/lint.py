"""lint: find mistakes in a file."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.cli._common import print_report, report_format
from mtasts.cli._usage import verb
from mtasts.config.lint import lint
from mtasts.findings.report import Report


@verb("lint", "lint mta-sts.txt")
@click.argument("file", type=click.Path(path_type=Path), default=Path("policy.yaml"))
@report_format
def command(file: Path, form: str | None) -> None:
    """Find mistakes in policy.yaml, or in FILE.

    FILE is another policy file (.yaml), or a policy as it is served (mta-sts.txt).
    """
    print_report(Report.of(lint(file)), form)
