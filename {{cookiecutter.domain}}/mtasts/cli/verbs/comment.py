"""comment: keep one comment on a pull request in Azure Repos."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import click

from mtasts.ci.azure_devops import Threads
from mtasts.cli._usage import verb
from mtasts.findings import WrongUseError, quote
from mtasts.findings.forms import format_for, plain
from mtasts.system import credentials, output

BYTES = 1024 * 1024

_NO_PIPELINE = (
    "This is not a build of Azure Pipelines: TF_BUILD is not set. "
    "On GitHub the workflow writes the comment with `gh api`."
)


@verb("comment", "comment plan.md")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Write FILE, which is Markdown, as this build's one comment on its pull request in Azure Repos, or edit it.

    It needs SYSTEM_ACCESSTOKEN, and the right "Contribute to pull requests".
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # that it asks again is no news
    output.hide(credentials.mask(os.environ))
    click.echo(plain(comment(os.environ, output.masked(_text(file)))))


def comment(environment: Mapping[str, str], text: str) -> str:
    """Keep a text as the comment; return what was done. Raises WrongUseError and ApiError."""
    if format_for(environment) != "azure-devops":
        raise WrongUseError(_NO_PIPELINE)
    provider = environment.get("BUILD_REPOSITORY_PROVIDER", "TfsGit")
    if provider != "TfsGit":
        return (
            f"There is no comment: the repository is of the kind {quote(provider)}, and Azure DevOps has "
            "threads for pull requests in Azure Repos alone. The text is on the run's summary page."
        )
    return Threads.of(environment).keep(text)


def _text(file: Path) -> str:
    name = plain(repr(str(file)))
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {error.strerror}. Name a file that exists.") from None
    if len(content) > BYTES:
        raise click.UsageError(f"{name} is larger than {BYTES // 1024 // 1024} MiB. Name what `plan` has written.")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name} is not UTF-8 text, from byte {error.start + 1} on.") from None
    if not text.strip():
        raise click.UsageError(f"{name} is empty. Name what `plan` has written.")
    return text
