"""plan: say what a change does, and whether mail survives it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from mtasts import allow, checked, config, document, history, live, planned
from mtasts.config import Config
from mtasts.document import Document
from mtasts.findings import Finding
from mtasts.git import GitError
from mtasts.history import History
from mtasts.plan import Plan, looks, plan
from mtasts.repository import Repository
from mtasts.verbs.common import Shown, policy_file
from mtasts.verbs.network import edges, jobs_option, network_options

UNSAFE, SAFE_CHANGE = 1, 2


@click.command("plan")
@click.option("--base", metavar="REV", help="What to compare with. Default: where HEAD left the branch it goes to.")
@click.option("--live", "look", is_flag=True, help="Also look at what HTTPS, DNS and the MX hosts have now.")
@click.option("--exit-code", is_flag=True, help="End with 0 for no change, 1 for unsafe or invalid, 2 for a safe one.")
@click.option("--format", "form", type=click.Choice(list(planned.FORMATS)), help="Default: by the CI, else text.")
@click.option("--output", type=click.Path(path_type=Path), help="Write --format here, and print the CI's own form.")
@jobs_option
@network_options
@policy_file
def command(look: bool, exit_code: bool, form: str | None, output: Path | None, path: Path, **ways: Any) -> None:
    """Compare policy.yaml with what its branch has had in force, and say what is unsafe and when it will be safe.

    The time in testing and the policies that senders may still have cached are read from the git history.
    """
    show = Shown(form, output)
    after, findings = config.load(path)
    if after is None:
        show(planned.INVALID, findings)
        sys.exit(UNSAFE)
    try:
        found = _plan(path, after, look, **ways)
    except GitError as error:
        raise click.ClickException(str(error)) from None
    found = _placed(found, path)
    show(planned.FORMATS, found)
    if found.unsafe:
        sys.exit(UNSAFE)
    if exit_code and found.change:
        sys.exit(SAFE_CHANGE)


def _plan(path: Path, after: Config, look: bool, base: str | None, **ways: Any) -> Plan:
    repository = Repository.of(path)
    start = repository.resolve(base) if base else repository.merge_base(repository.default_base(os.environ))
    now = datetime.now(timezone.utc)
    past = history.read(repository, start, now)
    given = list(allow.allowances(repository.messages(start, repository.resolve("HEAD"))))
    return plan(start, past, after, given, now, _look(past, after, **ways) if look else None)


def _look(past: History, after: Config, timeout: float, jobs: int, **network: Any) -> live.Seen:
    wanted = looks(past, after)
    with checked.progress(len(wanted)) as done:
        return live.look(wanted, edges(**network), timeout, jobs, done)


def _placed(found: Plan, path: Path) -> Plan:
    """Give each finding its place in policy.yaml, so that it appears beside the line of its domain."""
    if not found.dangers:
        return found
    read = document.parse(document.read_text(path))
    keys = {name.lower(): name for name in read.data["domains"]}
    return found.placed(lambda finding: _at(finding, read, keys, path))


def _at(finding: Finding, read: Document, keys: Mapping[str, str], path: Path) -> Finding:
    key = keys.get(finding.domain or "")
    line, column = read.place(("domains", key) if key else ("domains",))
    return finding.at(file=path.as_posix(), line=line, column=column)
