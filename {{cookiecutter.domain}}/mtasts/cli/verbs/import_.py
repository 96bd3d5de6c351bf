"""import: add domains to policy.yaml with what they publish today."""

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

CHECKED = 5  # the most domains that the suggested `check` command names; for more it checks all
WRONG, WARNING = MARKS[Severity.ERROR], MARKS[Severity.WARNING]


@verb("import", "import example.com example.net")
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@click.option(
    "--force", is_flag=True, help="Replace existing entries of these domains. Other entries stay as they are."
)
@jobs_option
@network_options
@policy_file
def command(domains: Sequence[str], force: bool, jobs: int, timeout: float, path: Path, **network: Any) -> None:
    """Add each DOMAIN to policy.yaml with what it publishes today.

    That is its policy, or its MX hosts if it has no policy, and its addresses for TLS reports. If policy.yaml already
    has the domain, its entry stays as it is, and you see the difference. To replace the entry, pass --force.
    """
    names = list(dict.fromkeys(map(_domain, domains)))
    if os.path.lexists(path):
        load(path)
    elif above := files.found_above(path):
        raise UserError(f"{path} is in a parent folder. To use that one, add -C {above} before the verb.")
    found = asyncio.run(walk.observe_all(names, _found, clients(**network), timeout, jobs))
    before = yaml_file.read_text(path) if path.exists() else None
    merged = compose.merged(before, [each.entry for each in found if each.entry], force)
    for each in found:
        echo("\n".join(plain(line) for line in _lines(each, merged, path)))
    if merged.text != before and merged.text is not None:
        write(path, merged.text)
        words = " ".join(names) if len(names) <= CHECKED else ""
        click.echo(f"{path} was written. Review it, then run: python -m mtasts check {words}".rstrip())
    else:
        click.echo(f"{path} was not {'changed' if path.exists() else 'written'}.")
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
    except Exception as error:  # one domain must not stop the others
        said = f"The check failed: {type(error).__name__} {quote(error)}. Please report this."
        return Found(name, None, "", (said,))


def _lines(found: Found, merged: Merged, path: Path) -> Iterator[str]:
    """Yield the lines about one domain: first the result, then the notes."""
    name, refused = found.domain, merged.refused.get(found.domain, ())
    if not found.entry or refused:
        yield f"{WRONG} {name} was not imported. {_nothing(found)}".rstrip()
    elif name in merged.kept:
        yield f"{FINE} {name} is already in {path}."
    else:
        yield f"{FINE} {name} was imported from {found.source}: {_policy(found.entry.policy)}"
    for note in (*refused, *merged.notes.get(name, ())):
        yield f"  {WARNING} {note}"
    yield from _notes(found, name in merged.kept, bool(merged.notes.get(name)))


def _notes(found: Found, kept: bool, differs: bool) -> Iterator[str]:
    """Yield the findings about what is published, and the notes about what was imported, or would be with --force."""
    findings = [note for note in found.notes if isinstance(note, Finding)]
    taken = [note for note in found.notes if isinstance(note, str)]
    for finding in findings:
        yield f"  {WARNING} {_placed(finding)}"
    if kept and differs and taken:
        yield "  With --force:"
    for text in taken if differs or not kept else ():
        yield f"  {WARNING} {text}"


def _nothing(found: Found) -> str:
    if found.entry:
        return ""
    if found.unseen:
        return "Its policy host could not be reached from here, so it may have a policy. Try again later."
    return "It publishes no policy, and no MX host that a policy can name."


def _policy(policy: Policy) -> str:
    mx = listed(policy.mx, importer.NAMED) or "none"
    return f"mode {policy.mode}, max_age {policy.max_age}, mx {mx}"


def _placed(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}: " if finding.file else ""
    return f"{place}{finding.rule.id}: {finding.message}"
