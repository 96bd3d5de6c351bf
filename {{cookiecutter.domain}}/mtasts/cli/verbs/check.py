"""check: look at domains as a sending mail server does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from mtasts.check import report as checked
from mtasts.check import walk
from mtasts.check.outcome import Cached
from mtasts.check.steps import NAMES
from mtasts.cli._common import policy_file, print_report, report_file, report_format
from mtasts.cli._network import clients, domain_name, jobs_option, network_options
from mtasts.cli._usage import Number, instead, verb
from mtasts.config import model
from mtasts.config.model import Config
from mtasts.findings import UserError, has_errors
from mtasts.findings.report import Report
from mtasts.history import revisions
from mtasts.history.repository import Repository
from mtasts.history.timeline import in_cache, timelines

PAUSE = 5  # seconds between two tries


def _steps(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    steps = tuple(step.strip() for step in value.split(","))
    wrong = [step for step in steps if step not in NAMES]
    if wrong:
        raise click.BadParameter(instead(wrong[0], NAMES))
    return steps


@verb("check", "check example.com --only dns,https")
@click.argument("domains", nargs=-1, metavar="[DOMAIN]...")
@click.option(
    "--only",
    callback=_steps,
    default=",".join(NAMES),
    show_default=True,
    metavar="STEPS",
    help="Run only these steps, separated by commas.",
)
@jobs_option
@report_format
@report_file
@click.option(
    "--wait",
    type=Number(0, 3600),
    default=0,
    metavar="SECONDS",
    help="If there are errors, try again for up to this many seconds.",
)
@network_options
@policy_file
def command(
    domains: Sequence[str],
    only: tuple[str, ...],
    jobs: int,
    form: str | None,
    output: Path | None,
    wait: int,
    timeout: float,
    path: Path,
    **network: Any,
) -> None:
    """Check each DOMAIN as a sending mail server does, and show what that server would do with your mail.

    Without DOMAIN, check all domains in policy.yaml. If this machine cannot see something, you get a warning. With
    --wait, the exit code is also 1 if DNS or the policy host could not be seen.
    """
    config, findings = model.load(path) if os.path.lexists(path) or not domains else (None, [])
    if has_errors(findings):
        print_report(Report.of(findings), form, output)
    wanted, ways = _wanted(domains, config), clients(**network)
    patience = time.monotonic() + wait
    while True:
        with checked.progress(len(wanted)) as done:
            results = asyncio.run(walk.walk_all(wanted, ways, only, timeout, jobs, done))
        blind = bool(wait) and any(result.blind for result in results)
        failed = has_errors(finding for result in results for finding in result.findings)
        if not (failed or blind) or time.monotonic() > patience:
            break
        time.sleep(PAUSE)
        ways = clients(**network)  # new ones, without cached DNS answers
    print_report(checked.check_report(results, _cached(results, config, path)), form, output)
    if blind:  # with --wait, success means that the policy was seen
        sys.exit(1)


def _cached(results: Sequence[walk.Checked], config: Config | None, path: Path) -> dict[str, Cached]:
    """Return what senders may still have cached, for the domains whose policy some senders cannot see now.

    It comes from the git history, if there is one, and from policy.yaml.
    """
    lost = {result.domain for result in results if result.seen and result.seen.missed}
    ours = {each.name: Cached(each.policy) for each in config.domains if each.name in lost} if config else {}
    if not ours:
        return {}
    now = datetime.now(timezone.utc)
    try:
        repository = Repository.of(path)
        lines = timelines(revisions.read(repository, repository.resolve("HEAD"), now))
    except UserError:  # without git history nobody knows until when it is cached
        return ours
    found = {name: in_cache(lines[name], now) for name in ours if name in lines}
    return ours | {name: Cached(*each) for name, each in found.items() if each}


def _wanted(domains: Sequence[str], config: Config | None) -> list[walk.Wanted]:
    """Return what to check. A domain need not be in policy.yaml."""
    ours = (
        {each.name: walk.Wanted(each.name, each.policy, config.rua, config.hosting.kind) for each in config.domains}
        if config
        else {}
    )
    names = dict.fromkeys(map(domain_name, domains))
    return [ours.get(name, walk.Wanted(name)) for name in names] or list(ours.values())
