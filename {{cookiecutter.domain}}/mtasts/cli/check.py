"""check: see the domains as a sending server does."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mtasts.check import report as checked
from mtasts.check import walk
from mtasts.check.steps import NAMES
from mtasts.cli._common import policy_file, print_report, report_file, report_format
from mtasts.cli._network import clients, domain_name, jobs_option, network_options
from mtasts.config import model
from mtasts.config.model import Config
from mtasts.findings import has_errors
from mtasts.findings.forms import plain
from mtasts.findings.report import Report

PAUSE = 5  # seconds between two tries


def _steps(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    steps = tuple(step.strip() for step in value.split(","))
    wrong = [step for step in steps if step not in NAMES]
    if wrong:
        raise click.BadParameter(f"{plain(', '.join(wrong))}: choose among {', '.join(NAMES)}.")
    return steps


@click.command("check")
@click.argument("domains", nargs=-1, metavar="[DOMAIN]...")
@click.option("--only", callback=_steps, default=",".join(NAMES), show_default=True, help="The steps to take.")
@jobs_option
@report_format
@report_file
@click.option("--wait", type=click.IntRange(0, 3600), default=0, help="Try for so many seconds until nothing is wrong.")
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
    """See each DOMAIN (default: all of policy.yaml) as a sending server does, and say what it would do."""
    config, findings = model.load(path) if os.path.lexists(path) or not domains else (None, [])
    if has_errors(findings):
        print_report(Report.of(findings), form, output)
    wanted, ways = _wanted(domains, config), clients(**network)
    patience = time.monotonic() + wait
    while True:
        with checked.progress(len(wanted)) as done:
            results = asyncio.run(walk.walk_all(wanted, ways, only, timeout, jobs, done))
        failed = has_errors(finding for result in results for finding in result.findings)
        if not failed or time.monotonic() > patience:
            break
        time.sleep(PAUSE)
        ways = clients(**network)  # without what DNS said before
    print_report(checked.check_report(results), form, output)


def _wanted(domains: Sequence[str], config: Config | None) -> list[walk.Wanted]:
    """Return what to look at. A domain that policy.yaml does not have is looked at all the same."""
    ours = {each.name: walk.Wanted(each.name, each.policy, config.rua) for each in config.domains} if config else {}
    names = dict.fromkeys(map(domain_name, domains))
    return [ours.get(name, walk.Wanted(name)) for name in names] or list(ours.values())
