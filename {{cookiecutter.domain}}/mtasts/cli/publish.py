"""publish: bring DNS in line."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtasts.ci.outputs import write_summary
from mtasts.cli import _announced
from mtasts.cli._common import ROOT, load, policy_file, print_report, verification, verification_file
from mtasts.cli._network import clients, jobs_option, network_options
from mtasts.cli._usage import Choice, verb
from mtasts.config.model import Config
from mtasts.dns.forms import as_table, to_enter
from mtasts.dns.records import Stage, proven, records
from mtasts.findings import Finding, UserError
from mtasts.findings.forms import as_markdown
from mtasts.findings.report import Report
from mtasts.history import revisions
from mtasts.history.git import GitError
from mtasts.history.repository import NoRepositoryError, Repository
from mtasts.system import files

if TYPE_CHECKING:
    from mtasts.dns.publish import Published
    from mtasts.dns.recordset import Past

_FORMS = ("text", "markdown")


@verb("publish", "publish announcement --doit")
@click.argument("stage", type=Choice([stage.value for stage in Stage]))
@click.option("--doit", is_flag=True, help="Change DNS. Without this, you only see what would change.")
@click.option(
    "--force", is_flag=True, help="Replace records that are in the way, even if this repository did not make them."
)
@click.option("--only-remove", is_flag=True, help="Remove what is not to be there any more; make and change nothing.")
@verification_file
@click.option("--no-check", "unchecked", is_flag=True, help="Announce without looking at HTTPS and MX records first.")
@click.option(
    "--format", "form", type=Choice(_FORMS), default="text", show_default=True, help="The form of the output."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the output into this file, and print text.")
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
    """Publish the records of a STAGE through octoDNS, as dns/ says; without dns/, print them.

    hosting leads senders to the policy host; announcement tells them of the policy. With --doit the announcement looks
    first, by the network options: HTTPS serves the policy, and with enforce it covers the MX records.
    """
    config, tokens = load(path), verification(proofs)
    file = ROOT / "dns" / f"{stage}.yaml"
    if not os.path.lexists(file):
        if only_remove:
            return  # a person removes them: the README says when
        _by_hand(config, tokens, Stage(stage), path)
        return
    _refuse_links(file, file.with_name("provider.yaml"))
    os.environ["MTASTS_FILE"] = str(path)  # as dns/*.yaml read it
    looks = stage == Stage.ANNOUNCEMENT and not unchecked and not only_remove
    past = cache(partial(_past, path))
    look = partial(_look, config, **ways) if looks else None
    done = _publish(file, doit, force, past, look, tokens, only_remove)
    annotated = form == "text" and not output  # the CI's own form is text, with annotations
    report = done.report()
    if doit and stage == Stage.ANNOUNCEMENT:
        steps = _announced.steps(config, path, done.plans, datetime.now(timezone.utc))
        report = report._replace(notes=[*report.notes, *steps])
    print_report(report, None if annotated else form, output)


def _by_hand(config: Config, tokens: Mapping[str, str], stage: Stage, path: Path) -> None:
    """Say which records a person enters. In a pipeline, the page of the run has those of the announcement."""
    wanted = records(proven(config, tokens), stage)
    click.echo("There is no dns/ here, so these records are published by hand:\n")
    click.echo(as_table(wanted))
    if stage is not Stage.ANNOUNCEMENT:
        return  # the wait for them says on the page of the run which of them DNS lacks
    steps = [*_announced.by_hand(config, path, datetime.now(timezone.utc))]
    for step in steps:
        click.echo(step)
    write_summary(os.environ, stage.value, as_markdown(Report("", notes=steps, sections=[to_enter(wanted)])))


def _refuse_links(*read: Path) -> None:
    """End if what octoDNS is to read is no file of the repository: it would follow a link, and wait for a pipe."""
    try:
        for path in filter(os.path.lexists, read):
            files.read(path, top=ROOT)
    except OSError as error:
        raise UserError(files.reason(error)) from None


def _publish(file: Path, *words: Any) -> Published:
    try:
        from mtasts.dns import publish

        return publish.publish(file, *words)
    except ModuleNotFoundError as error:
        lock = next(file.parent.glob("*.txt")).name  # of the one provider that is in this repository
        needed = f"{error.name} is not installed. Run: python -m pip install -r dns/{lock}"
        raise click.UsageError(needed) from None


def _past(path: Path) -> Past:
    """Return what this branch has published: nothing where there is no git."""
    from mtasts.cli import _ownership  # here, since only a repository with dns/ has it
    from mtasts.dns.recordset import Past

    try:
        repository = Repository.of(path)
        found = revisions.read(repository, repository.resolve("HEAD"), datetime.now(timezone.utc))
    except NoRepositoryError:
        return Past()
    except GitError as error:
        return Past(unknown=str(error))
    return _ownership.past(found)


def _look(config: Config, names: Collection[str], timeout: float, jobs: int, **network: Any) -> list[Finding]:
    from mtasts.check import announcing
    from mtasts.check import report as checked  # here, since they are slow to import, and few runs look

    domains = [domain for domain in config.domains if domain.name in names]
    with checked.progress(len(domains)) as done:
        return announcing.look(domains, clients(**network), timeout, jobs, done)
