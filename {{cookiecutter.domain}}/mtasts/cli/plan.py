"""plan: say what a change does, and whether mail survives it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from mtasts.cli._common import policy_file, print_report, report_file, report_format
from mtasts.cli._network import edges, jobs_option, network_options
from mtasts.config import model, yaml_file
from mtasts.config.model import Config
from mtasts.config.yaml_file import Document
from mtasts.findings import Finding
from mtasts.findings.forms import plain
from mtasts.history import revisions
from mtasts.history.git import GitError
from mtasts.history.repository import Repository
from mtasts.history.revisions import History
from mtasts.plan import overrides
from mtasts.plan.plan import Live, Plan, plan, to_look_at
from mtasts.plan.report import invalid_report, plan_report
from mtasts.system import files
from mtasts.system.exit_codes import SAFE_CHANGE, UNSAFE


@click.command("plan")
@click.option("--base", metavar="REV", help="What to compare with. Default: where HEAD left the branch it goes to.")
@click.option("--live", "look", is_flag=True, help="Also look at what HTTPS, DNS and the MX hosts have now.")
@click.option("--exit-code", is_flag=True, help="End with 0 for no change, 1 for unsafe or invalid, 2 for a safe one.")
@report_format
@report_file
@jobs_option
@network_options
@policy_file
def command(look: bool, exit_code: bool, form: str | None, output: Path | None, path: Path, **ways: Any) -> None:
    """Compare policy.yaml with what its branch has had in force, and say what is unsafe and when it will be safe.

    The time in testing and the policies that senders may still have cached are read from the git history.
    """
    try:
        found = _plan(path, look, **ways) if path.is_file() and not path.is_symlink() else None
    except (GitError, click.UsageError) as error:  # not with the 2 of wrong use, which could be taken for SAFE_CHANGE
        raise click.ClickException(plain(str(error))) from None
    if found is None:
        print_report(invalid_report(model.load(path)[1]), form, output)
        sys.exit(UNSAFE)
    found = _placed(found, path)
    print_report(plan_report(found), form, output)
    if exit_code and found.change:
        sys.exit(SAFE_CHANGE)


def _plan(path: Path, look: bool, base: str | None, **ways: Any) -> Plan | None:
    """Return the plan, or None where policy.yaml is not valid."""
    repository = Repository.of(path)
    start = repository.resolve(base) if base is not None else repository.merge_base(repository.default_base(os.environ))
    now = datetime.now(timezone.utc)
    past, after = revisions.read(repository, start, _content(path), now)
    if isinstance(after, Finding):
        return None
    given = overrides.allowances(repository.messages(start, repository.resolve("HEAD")))
    return plan(start, past, after, given, now, _look(past, after, **ways) if look else None)


def _content(path: Path) -> bytes:
    """Return a file's content, as far as anyone reads it; nothing where it cannot be read, which lint will tell."""
    try:
        return files.read(path, yaml_file.BYTES + 1)
    except OSError:
        return b""


def _look(past: History, after: Config, timeout: float, jobs: int, **network: Any) -> Live:
    from mtasts.check import report as checked
    from mtasts.plan import observed  # here, since they are slow to import, and --live is slow by itself

    domains = to_look_at(past, after)
    with checked.progress(len(domains)) as done:
        return observed.look(domains, edges(**network), timeout, jobs, done)


def _placed(found: Plan, path: Path) -> Plan:
    """Give each finding its place in policy.yaml, so that it appears beside the line of its domain."""
    if not found.dangers:
        return found
    read = yaml_file.parse(yaml_file.read_text(path))
    keys = {name.lower(): name for name in read.data["domains"]}
    return found.placed(lambda finding: _at(finding, read, keys, path))


def _at(finding: Finding, read: Document, keys: Mapping[str, str], path: Path) -> Finding:
    key = keys.get(finding.domain or "")
    line, column = read.place(("domains", key) if key else ("domains",))
    return finding.at(file=path.as_posix(), line=line, column=column)
