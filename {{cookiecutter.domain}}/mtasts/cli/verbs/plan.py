"""plan: say what a change does, and whether mail survives it."""

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
    help="Compare with this revision. The default is where HEAD left the branch that it goes to.",
)
@click.option("--live", "look", is_flag=True, help="Also look at what HTTPS, DNS and the MX hosts have now.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit 0 if nothing changes, 1 if the change is unsafe or not valid, 2 if it is safe.",
)
@report_format
@report_file
@jobs_option
@network_options
@policy_file
def command(look: bool, exit_code: bool, form: str | None, output: Path | None, path: Path, **ways: Any) -> None:
    """Say what a change of policy.yaml does, whether it is safe, and from when on it will be.

    It compares policy.yaml with what its branch has had in force. The time in testing, and the policies that senders
    may still have cached, come from the git history.
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
    from mtasts.plan import observed  # here, since they are slow to import, and --live is slow by itself

    try:
        network = clients(**options)
    except WrongUseError as error:  # its exit code 2 could be taken for SAFE_CHANGE
        raise UserError(str(error)) from None
    domains = to_look_at(past, after)
    with checked.progress(len(domains)) as done:
        return observed.look(domains, network, timeout, jobs, done, after.hosting.kind)


def _at(finding: Finding, after: Config, path: Path) -> Finding:
    """Place a finding in policy.yaml, so that it appears beside the line of its domain."""
    line, column = after.place(finding.domain)
    return finding.at(file=path.as_posix(), line=line, column=column)
