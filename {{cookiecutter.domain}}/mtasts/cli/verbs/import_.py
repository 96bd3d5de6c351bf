"""import: take existing domains in."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from mtasts.check import importer, walk
from mtasts.check.importer import Found
from mtasts.check.steps import Network
from mtasts.cli._common import echo, load, policy_file, print_report, write
from mtasts.cli._network import clients, domain_name, jobs_option, network_options
from mtasts.cli._usage import verb
from mtasts.config import compose, model, yaml_file
from mtasts.config.compose import Merged
from mtasts.findings import Finding, Severity, UserError, listed, quote
from mtasts.findings.forms import FINE, MARKS, plain
from mtasts.findings.report import Report
from mtasts.sts.names import domain_fault
from mtasts.sts.policy import Policy
from mtasts.system import files

CHECKED = 5  # domains that the command to run next names; without any it takes all
WRONG, WARNING = MARKS[Severity.ERROR], MARKS[Severity.WARNING]


@verb("import", "import example.com example.net")
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@click.option("--force", is_flag=True, help="Replace the entries of these domains. All other entries stay.")
@jobs_option
@network_options
@policy_file
def command(domains: Sequence[str], force: bool, jobs: int, timeout: float, path: Path, **network: Any) -> None:
    """Take what each DOMAIN publishes today into policy.yaml: its policy, or its MX hosts, and its report addresses.

    An entry that is there stays as it is, and you see the difference, unless you pass --force.
    """
    names = list(dict.fromkeys(map(_domain, domains)))
    if os.path.lexists(path):
        load(path)
    elif above := files.found_above(path):
        raise UserError(f"{path} is in a folder above, and would be made anew here. Add -C {above} before the verb.")
    found = asyncio.run(walk.observe_all(names, _found, clients(**network), timeout, jobs))
    before = yaml_file.read_text(path) if path.exists() else None
    merged = compose.merged(before, [each.entry for each in found if each.entry], force)
    for each in found:
        echo("\n".join(plain(line) for line in _lines(each, merged, path)))
    if merged.text != before and merged.text is not None:
        write(path, merged.text)
        words = " ".join(names) if len(names) <= CHECKED else ""
        click.echo(f"{path} is written. Read it, then run: python -m mtasts check {words}".rstrip())
    else:
        click.echo(f"{path} is as it was." if path.exists() else f"{path} is not written.")
    missing = [each for each in found if not each.entry or each.domain in merged.refused]
    if path.exists():
        print_report(Report.of(model.load(path)[1]))
    if missing:
        sys.exit(1)


def _domain(text: str) -> str:
    name = domain_name(text)
    if fault := domain_fault(name):
        raise click.UsageError(fault.message)
    return name


async def _found(name: str, network: Network) -> Found:
    try:
        return importer.evaluate(name, await importer.observe(name, network))
    except Exception as error:  # whatever it is, the other domains go on
        return Found(name, None, "", (f"The look at it broke off: {type(error).__name__} {quote(error)}. Report it.",))


def _lines(found: Found, merged: Merged, path: Path) -> Iterator[str]:
    """Yield what is said of one domain: first what became of it, then what a person should read."""
    name, refused = found.domain, merged.refused.get(found.domain, ())
    if not found.entry or refused:
        yield f"{WRONG} {name} is not taken in. {_nothing(found)}".rstrip()
    elif name in merged.kept:
        yield f"{FINE} {name} stands in {path} already."
    else:
        yield f"{FINE} {name} is written from {found.source}: {_policy(found.entry.policy)}"
    for note in (*refused, *merged.notes.get(name, ())):
        yield f"  {WARNING} {note}"
    yield from _notes(found, name in merged.kept, bool(merged.notes.get(name)))


def _notes(found: Found, kept: bool, differs: bool) -> Iterator[str]:
    """Yield what is wrong with what is published, and what is said of what was taken, or would be with --force."""
    findings = [note for note in found.notes if isinstance(note, Finding)]
    taken = [note for note in found.notes if isinstance(note, str)]
    for finding in findings:
        yield f"  {WARNING} {_placed(finding)}"
    if kept and differs and taken:
        yield "  If you add --force:"
    for text in taken if differs or not kept else ():
        yield f"  {WARNING} {text}"


def _nothing(found: Found) -> str:
    if found.entry:
        return ""
    if found.unseen:
        return "Its policy host could not be looked at from here, so it may have a policy. Run this again later."
    return "It publishes neither a policy nor an MX host that a policy can name."


def _policy(policy: Policy) -> str:
    mx = listed(policy.mx, importer.NAMED) or "none"
    return f"mode {policy.mode}, max_age {policy.max_age}, mx {mx}"


def _placed(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}: " if finding.file else ""
    return f"{place}{finding.rule.id}: {finding.message}"
