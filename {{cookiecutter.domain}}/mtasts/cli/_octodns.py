"""publish, where octoDNS changes DNS: what this branch published before, what has to be true first, what comes next."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtasts.cli import _announced
from mtasts.cli._common import ROOT
from mtasts.cli._network import clients
from mtasts.config.model import Config
from mtasts.dns.records import records_of
from mtasts.dns.recordset import Past, canonical
from mtasts.findings import Finding, UserError
from mtasts.findings.report import Report
from mtasts.history import revisions
from mtasts.history.git import GitError
from mtasts.history.repository import NoRepositoryError, Repository
from mtasts.history.revisions import History
from mtasts.system import files

if TYPE_CHECKING:  # octoDNS may not be installed, and takes long to import
    from mtasts.dns.publish import Look, Published

_DRY_RUN = "This is a dry run, so DNS was not changed. To make these changes, add --doit."


def publish(
    file: Path,
    path: Path,
    config: Config,
    doit: bool,
    force: bool,
    look: Look | None,
    tokens: Mapping[str, str],
    only_remove: bool,
) -> Report:
    """Publish a stage, and return the report. file: octoDNS's configuration of the stage. path: the policy file."""
    _refuse_links(file, file.with_name("provider.yaml"))
    os.environ["MTASTS_FILE"] = str(path)  # as dns/*.yaml read it
    done = _published(file, doit, force, cache(partial(_past, path)), look, tokens, only_remove)
    report = done.report()
    if not doit and done.plans:
        return report._replace(notes=[*report.notes, _DRY_RUN])
    if not doit or file.stem != "announcement":
        return report
    steps = _announced.steps(config, path, done.plans, datetime.now(timezone.utc))
    return report._replace(notes=[*report.notes, *steps])


def _refuse_links(*read: Path) -> None:
    """Refuse what is not a file of this repository: octoDNS would follow a link, and wait for a pipe."""
    try:
        for path in filter(os.path.lexists, read):
            files.read(path, top=ROOT)
    except OSError as error:
        raise UserError(files.reason(error)) from None


def _published(file: Path, *words: Any) -> Published:
    try:
        from mtasts.dns import publish

        return publish.publish(file, *words)
    except ModuleNotFoundError as error:
        lock = next(file.parent.glob("*.txt")).name  # of the one provider that is in this repository
        needed = f"{error.name} is not installed. Run: python -m pip install -r dns/{lock}"
        raise click.UsageError(needed) from None


def _past(path: Path) -> Past:
    """Return what this branch has published: nothing if there is no git."""
    try:
        repository = Repository.of(path)
        return past(revisions.read(repository, repository.resolve("HEAD"), datetime.now(timezone.utc)))
    except NoRepositoryError:
        return Past()
    except GitError as error:
        return Past(unknown=str(error))


def past(history: History) -> Past:
    """Return every value that a revision of a history rendered: those values are this repository's."""
    found: set[tuple[str, str, str]] = set()
    seen: set[object] = set()
    for config in (revision.config for revision in history.revisions if revision.config):
        for domain in config.domains:
            # Revisions share what stays the same, and most of it does: nothing is rendered twice.
            key = (id(domain), config.rua, config.hosting)
            if key not in seen:
                seen.add(key)
                found.update(canonical(each.name, each.type, each.value) for each in records_of(domain, config))
    return Past(found)


def look(config: Config, timeout: float, jobs: int, **network: Any) -> Callable[[Collection[str]], list[Finding]]:
    """Return what checks, for domains by name, whether their policies can be announced."""

    def found(names: Collection[str]) -> list[Finding]:
        from mtasts.check import announcing
        from mtasts.check import report as checked  # here, since they are slow to import, and few runs need them

        domains = [domain for domain in config.domains if domain.name in names]
        with checked.progress(len(domains)) as done:
            return announcing.look(domains, clients(**network), timeout, jobs, done)

    return found
