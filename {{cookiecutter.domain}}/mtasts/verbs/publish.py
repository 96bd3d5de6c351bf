"""publish: bring DNS in line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mtasts import report
from mtasts.records import FORMATS, Stage, records
from mtasts.verbs.common import ROOT, load, policy_file, print_report

if TYPE_CHECKING:
    from mtasts.publish import Published

_FORMS = ("text", "markdown")


@click.command("publish")
@click.argument("stage", type=click.Choice([stage.value for stage in Stage]))
@click.option("--doit", is_flag=True, help="Change DNS. Without it, show what would change.")
@click.option("--force", is_flag=True, help="Write over records that this repository did not make.")
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write --format here, and print text.")
@policy_file
def command(stage: str, doit: bool, force: bool, form: str, output: Path | None, path: Path) -> None:
    """Publish the records of a STAGE through octoDNS, as dns/ says; without dns/, print them.

    hosting leads senders to the policy host; announcement tells them of the policy, and comes after HTTPS serves it.
    """
    config = load(path)
    file = ROOT / "dns" / f"{stage}.yaml"
    if not file.exists():
        click.echo("There is no dns/ here, so these records are published by hand:\n")
        click.echo(FORMATS["table"](records(config, Stage(stage))))
        return
    os.environ["MTASTS_FILE"] = str(path)  # as dns/*.yaml read it
    done = _publish(file, doit, force)
    if output:
        output.write_text("\n\n".join(_parts(done, form)) + "\n", encoding="utf-8")
    if done.plans or not done.findings:
        click.echo(_plan(done, "text" if output else form))
    if done.findings:
        print_report(done.findings, None)


def _plan(done: Published, form: str) -> str:
    return done.as_markdown() if form == "markdown" else done.as_text()


def _parts(done: Published, form: str) -> Iterator[str]:
    if done.plans or not done.findings:
        yield _plan(done, form)
    if done.findings:
        yield report.FORMATS[form](done.findings)


def _publish(file: Path, doit: bool, force: bool) -> Published:
    try:
        from mtasts import publish

        return publish.publish(file, doit, force)
    except ModuleNotFoundError as error:
        lock = next(file.parent.glob("*.txt")).name  # of the one provider that is in this repository
        needed = f"{error.name} is not installed. Run: python -m pip install -r dns/{lock}"
        raise click.UsageError(needed) from None
