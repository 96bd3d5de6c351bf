"""plan: show what a change does, and whether it is safe."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from mtasts.cli._common import policy_file, print_report, report_file, report_format
from mtasts.cli._network import clients, jobs_option, network_options
from mtasts.cli._usage import verb
from mtasts.config import model
from mtasts.config.model import Config
from mtasts.findings import Finding, UserError, WrongUseError
from mtasts.history import revisions
from mtasts.history.repository import Repository
from mtasts.history.revisions import History
from mtasts.plan import overrides
from mtasts.plan.plan import Live, Plan, plan, to_look_at
from mtasts.plan.report import invalid_report, plan_report
from mtasts.system.exit_codes import SAFE_CHANGE, UNSAFE


@verb("plan", "plan --base main --live")
@click.option(
    "--base",
    metavar="REV",
    help="Compare with this revision. Default: the commit where HEAD branched off from its target branch.",
)
@click.option("--live", "look", is_flag=True, help="Also check what HTTPS, DNS and the MX hosts show now.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 0 if nothing changes, 1 if the change is unsafe or invalid, 2 if it is safe.",
)
@report_format
@report_file
@jobs_option
@network_options
@policy_file
def command(look: bool, exit_code: bool, form: str | None, output: Path | None, path: Path, **ways: Any) -> None:
    """Show what your change to policy.yaml does, and whether it is safe: now, or from which date on.

    It compares policy.yaml with what its branch has had in force. From the git history it knows how long a domain has
    been in testing, and which policies senders may still have cached.
    """
    after, findings = model.load(path)
    if after is None:
        print_report(invalid_report(findings), form, output)
        sys.exit(UNSAFE)
    found = _plan(path, after, look, **ways)
    print_report(plan_report(found), form, output)
    if exit_code and found.change:
        sys.exit(SAFE_CHANGE)


def _plan(path: Path, after: Config, look: bool, base: str | None, **ways: Any) -> Plan:
    repository = Repository.of(path)
    start = repository.resolve(base) if base is not None else repository.merge_base(repository.default_base(os.environ))
    now = datetime.now(timezone.utc)
    past = revisions.read(repository, start, now)
    given = overrides.allowances(repository.messages(start, repository.resolve("HEAD")))
    found = plan(start, past, after, given, now, _look(past, after, **ways) if look else None)
    return found.placed(lambda finding: _at(finding, after, path))


def _look(past: History, after: Config, timeout: float, jobs: int, **options: Any) -> Live:
    from mtasts.check import report as checked
    from mtasts.plan import observed  # not at the top: they are slow to import

    try:
        network = clients(**options)
    except WrongUseError as error:  # exit code 2 would mean SAFE_CHANGE
        raise UserError(str(error)) from None
    domains = to_look_at(past, after)
    with checked.progress(len(domains)) as done:
        return observed.look(domains, network, timeout, jobs, done, after.hosting.kind)


def _at(finding: Finding, after: Config, path: Path) -> Finding:
    """Give a finding the place of its domain in policy.yaml, so that it appears at that line."""
    line, column = after.place(finding.domain)
    return finding.at(file=path.as_posix(), line=line, column=column)
