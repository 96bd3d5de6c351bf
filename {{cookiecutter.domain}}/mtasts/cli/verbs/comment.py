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
from mtasts.system import credentials

BYTES = 1024 * 1024

_NO_PIPELINE = (
    "comment works only in Azure Pipelines, and this is not one of its builds: TF_BUILD is not set. "
    "On GitHub, the workflow writes the comment with `gh api`."
)


@verb("comment", "comment plan.md")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Post the Markdown in FILE as a comment on this build's pull request in Azure Repos, or update that comment.

    It needs the variable SYSTEM_ACCESSTOKEN. The build identity needs the right "Contribute to pull requests".
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # do not report its retries
    credentials.hide(os.environ)
    click.echo(plain(comment(os.environ, credentials.masked(_text(file)))))


def comment(environment: Mapping[str, str], text: str) -> str:
    """Post or update the comment, and return what was done. Raises WrongUseError and ApiError."""
    if format_for(environment) != "azure-devops":
        raise WrongUseError(_NO_PIPELINE)
    provider = environment.get("BUILD_REPOSITORY_PROVIDER", "TfsGit")
    if provider != "TfsGit":
        return (
            f"No comment was posted: this repository is of the kind {quote(provider)}, and Azure DevOps accepts "
            "comments only for pull requests in Azure Repos. See the run's summary page for the text."
        )
    return Threads.of(environment).keep(text)


def _text(file: Path) -> str:
    name = plain(repr(str(file)))
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES + 1)
    except OSError as error:
        raise click.UsageError(
            f"{name} cannot be read: {error.strerror}. Give the file that `plan --output` wrote."
        ) from None
    if len(content) > BYTES:
        raise click.UsageError(
            f"{name} is larger than {BYTES // 1024 // 1024} MiB. Give the file that `plan --output` wrote."
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text (see byte {error.start + 1}). Give the file that `plan --output` wrote."
        raise click.UsageError(message) from None
    if not text.strip():
        raise click.UsageError(f"{name} is empty. Give the file that `plan --output` wrote.")
    return text
