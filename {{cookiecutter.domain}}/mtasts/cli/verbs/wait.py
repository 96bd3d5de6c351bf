"""wait: wait until DNS, TLS or HTTPS shows what the next step of a deployment needs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from mtasts.check import waiting
from mtasts.check.walk import Wanted
from mtasts.ci.outputs import set_output, write_summary
from mtasts.cli._common import ROOT, load, policy_file, print_report, verification, verification_file
from mtasts.cli._network import clients, jobs_option, network_options
from mtasts.cli._usage import Choice, Number, unknown, verb
from mtasts.config.model import Config, Domain
from mtasts.dns.forms import to_enter
from mtasts.dns.records import DnsRecord, Stage, proven, records_of
from mtasts.findings import Finding, listed
from mtasts.findings.forms import as_markdown, as_text
from mtasts.findings.report import Report, count

PAUSE = 15  # seconds between two tries
BY_HAND, BY_ITSELF = 15 * 60, 40 * 60  # the longest wait, in seconds: a job of the pipelines may take 45 minutes

_FOR = {
    "dns": "DNS shows the hosting's records",
    "certificate": "the policy hosts have valid certificates",
    "policy": "HTTPS serves the policies",
}
_NONE = "There are no hosting records to wait for: policy.yaml has no hosting.hostname or domain for them yet."


@verb("wait", "wait policy --for 600")
@click.argument("what", type=Choice(list(_FOR)))
@click.argument("domains", nargs=-1, metavar="[DOMAIN]...")
@click.option(
    "--for",
    "seconds",
    type=Number(0, 3600),
    metavar="SECONDS",
    help="Give up after this many seconds. Default: 2400, or 900 for dns if the repository has no dns/.",
)
@click.option(
    "--go-on",
    is_flag=True,
    help="When the time is over, exit with 0 and set the output `done` to false: the next job waits again.",
)
@jobs_option
@verification_file
@network_options
@policy_file
def command(
    what: str,
    domains: Sequence[str],
    seconds: int | None,
    go_on: bool,
    jobs: int,
    proofs: Path | None,
    timeout: float,
    path: Path,
    **network: Any,
) -> None:
    """Wait until each DOMAIN is ready, as seen from outside.

    dns waits until DNS shows the hosting records, certificate until the policy host has a valid certificate, and policy
    until HTTPS serves the policy. Without DOMAIN, wait for all domains in policy.yaml.
    """
    config = proven(load(path), verification(proofs))
    wanted = _wanted(config, domains)
    records = {domain.name: records_of(domain, config, Stage.HOSTING) for domain in wanted}
    looks: dict[str, waiting.Look] = {
        "dns": partial(waiting.in_dns, [_seen_as(name, each) for name, found in records.items() for each in found]),
        "certificate": partial(waiting.with_tls, list(records)),
        "policy": partial(waiting.with_policy, [Wanted(each.name, each.policy) for each in wanted]),
    }
    by_hand = what == "dns" and not os.path.lexists(ROOT / "dns")
    patience = (BY_HAND if by_hand else BY_ITSELF) if seconds is None else seconds
    click.echo(f"Waiting up to {patience} seconds until {_FOR[what]}: {listed(list(records))}.")
    left = _wait(lambda: looks[what](clients(**network), timeout, jobs), patience)
    set_output(os.environ, "done", "false" if left else "true")
    if left:
        _give_up(left, patience, go_on, [each for found in records.values() for each in found] if by_hand else [])
    else:
        click.echo(
            _NONE if what == "dns" and not any(records.values()) else f"{_FOR[what][0].upper()}{_FOR[what][1:]}."
        )


def _wanted(config: Config, names: Sequence[str]) -> list[Domain]:
    """Return the domains of policy.yaml with these names, or all of them."""
    ours = {domain.name: domain for domain in config.domains}
    for name in names:
        if name.lower() not in ours:
            raise unknown(name, ours, "a domain in policy.yaml")
    return [ours[name.lower()] for name in dict.fromkeys(names)] or list(ours.values())


def _seen_as(domain: str, record: DnsRecord) -> waiting.Record:
    value = record.value.removesuffix(".") if record.type == "CNAME" else record.value
    return waiting.Record(domain, record.name.removesuffix("."), record.type, value)


def _wait(look: Callable[[], list[Finding]], patience: int) -> list[Finding]:
    """Check until nothing is left to wait for or the time is over, and return what is left. Print what changes."""
    end, before = time.monotonic() + patience, ""
    while left := look():  # with new clients, which have no cached DNS answers
        if time.monotonic() >= end:
            return left
        said = as_text(Report("", left))
        if said != before:
            click.echo(said)
        before = said
        time.sleep(max(0, min(PAUSE, end - time.monotonic())))
    return []


def _give_up(left: list[Finding], patience: int, go_on: bool, by_hand: Sequence[DnsRecord]) -> None:
    """Print what is still missing, and end with exit code 1, unless the next job waits again."""
    if go_on:
        click.echo(f"Not ready after {patience} seconds. The next job will wait again.")
        return
    first = (
        "Enter the records below in DNS. Then" if by_hand else f"Gave up after {patience} seconds. Once this is fixed,"
    )
    notes = [f"{first} run the failed jobs of this run again."]
    report = Report(count(left), left, notes, [to_enter(by_hand)] if by_hand else [])
    write_summary(os.environ, "wait", as_markdown(report))
    print_report(report)
    sys.exit(1)
