"""publish: bring DNS in line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mtasts.records import FORMATS, Stage, records
from mtasts.report import plain
from mtasts.verbs.common import ROOT, load, policy_file, print_report

if TYPE_CHECKING:
    from mtasts.publish import Published

_FORMS = ("text", "markdown")


@click.command("publish")
@click.argument("stage", type=click.Choice([stage.value for stage in Stage]))
@click.option("--doit", is_flag=True, help="Change DNS. Without it, show what would change.")
@click.option("--force", is_flag=True, help="Write over records that this repository did not make.")
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True)
@policy_file
def command(stage: str, doit: bool, force: bool, form: str, path: Path) -> None:
    """Publish the records of a STAGE through octoDNS, as dns/ says; without dns/, print them.

    hosting leads senders to the policy host; announcement tells them of the policy, and comes after HTTPS serves it.
    """
    config = load(path)
    file = ROOT / "dns" / f"{stage}.yaml"
    if not file.exists():
        click.echo("There is no dns/ here, so these records are published by hand:\n")
        click.echo(FORMATS["table"](records(config, Stage(stage))))
        return
    done = _publish(file, doit, force)
    if done.plans or not done.findings:
        click.echo(done.as_markdown() if form == "markdown" else "\n".join(map(plain, done.as_text().splitlines())))
    if done.findings:
        print_report(done.findings, None)


def _publish(file: Path, doit: bool, force: bool) -> Published:
    try:
        from mtasts import publish
    except ModuleNotFoundError as error:
        needed = f"{error.name} is not installed. Run: python -m pip install -r dns/requirements.txt"
        raise click.UsageError(needed) from None
    return publish.publish(file, doit, force)
