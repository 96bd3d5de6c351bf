"""publish: bring DNS in line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from mtasts.ci.outputs import write_summary
from mtasts.cli._common import ROOT, load, policy_file, print_report, verification, verification_file
from mtasts.cli._network import jobs_option, network_options
from mtasts.cli._usage import Choice, verb
from mtasts.config.model import Config
from mtasts.dns.forms import as_table, to_enter
from mtasts.dns.records import Stage, proven, records
from mtasts.findings import UserError
from mtasts.findings.forms import as_markdown
from mtasts.findings.report import Report
from mtasts.history.timeline import of_branch, published
from mtasts.plan import next_steps

_FORMS = ("text", "markdown")
_OCTODNS = (ROOT / "mtasts" / "dns" / "publish.py").exists()  # not in a repository for DNS by hand
_STAGES = (
    "hosting: the records that lead senders to the policy host. announcement: those that tell senders about the policy."
)
_TEXT = (
    f"""Publish the DNS records of a STAGE with octoDNS, or print them if the folder dns/ does not exist.

    {_STAGES}
    Before it announces, --doit checks that HTTPS serves the policy and, in mode enforce, that the policy covers the
    MX records.
    """
    if _OCTODNS
    else f"""Print the DNS records of a STAGE, which you enter by hand.

    {_STAGES}
    """
)


@verb("publish", "publish announcement --doit" if _OCTODNS else "publish announcement", _TEXT)
@click.argument("stage", type=Choice([stage.value for stage in Stage]))
@click.option("--doit", is_flag=True, help="Change DNS. Without this option, you only see what would change.")
@click.option(
    "--force", is_flag=True, help="Replace records that are in the way, even if this repository did not make them."
)
@click.option("--only-remove", is_flag=True, help="Remove records that policy.yaml no longer has; add and change none.")
@verification_file
@click.option("--no-check", "unchecked", is_flag=True, help="Announce without looking at HTTPS and MX records first.")
@click.option(
    "--format",
    "form",
    type=Choice(_FORMS),
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="The output format: text or markdown.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the output to FILE, and print text."
)
@jobs_option
@network_options
@policy_file
def command(
    stage: str,
    doit: bool,
    force: bool,
    only_remove: bool,
    proofs: Path | None,
    unchecked: bool,
    form: str,
    output: Path | None,
    path: Path,
    **ways: Any,
) -> None:
    """Publish or print the records of a stage."""
    config, tokens = load(path), verification(proofs)
    file = ROOT / "dns" / f"{stage}.yaml"
    if os.path.lexists(file):
        try:
            from mtasts.cli import _octodns  # here, since not every repository has it
        except ImportError:
            raise _no_files() from None
        looks = stage == Stage.ANNOUNCEMENT and not unchecked and not only_remove
        look = _octodns.look(config, **ways) if looks else None
        report = _octodns.publish(file, path, config, doit, force, look, tokens, only_remove)
        print_report(report, None if form == "text" and not output else form, output)  # None: with CI annotations
    elif not only_remove:  # you remove a record when the README says so
        _by_hand(config, tokens, Stage(stage), path)


if not _OCTODNS:  # the pipelines pass such options anyway, and they change nothing
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in ("path", "proofs"):
            option.hidden = True


def _no_files() -> UserError:
    update = """cruft update --variables-to-update '{"dns_provider": "PROVIDER"}'"""
    return UserError(
        f"dns/ is here, but this repository has no code for octoDNS. Add it: {update}. If you publish the records by "
        "hand, remove dns/."
    )


def _by_hand(config: Config, tokens: Mapping[str, str], stage: Stage, path: Path) -> None:
    """Print the records for a person to enter. In a pipeline, those of the announcement are also on the run's page."""
    wanted = records(proven(config, tokens), stage)
    if not wanted:
        click.echo(
            f"There are no {stage} records to enter: policy.yaml has no hosting.hostname or domain for them yet."
        )
        return
    click.echo("This repository does not change DNS itself. Enter these records at your DNS provider:\n")
    click.echo(as_table(wanted))
    if stage is not Stage.ANNOUNCEMENT:
        return  # `wait dns`, which comes next, puts those that DNS lacks on the page of the run
    steps = [*_open_steps(config, path)]
    for step in steps:
        click.echo(step)
    write_summary(os.environ, stage.value, as_markdown(Report("", notes=steps, sections=[to_enter(wanted)])))


def _open_steps(config: Config, path: Path) -> list[str]:
    """Return what is left to do for each domain."""
    now = datetime.now(timezone.utc)
    known = of_branch(path, now)
    found = {
        name: [*next_steps.merged(domain.policy, known.get(name, ()), config.ttl, now, shown=None)]
        for name, domain in published(config).items()
    }
    return [*next_steps.lines(found)]
