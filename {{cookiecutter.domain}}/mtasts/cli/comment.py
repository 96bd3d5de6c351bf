"""comment: keep one comment on the pull request."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mtasts.ci.pipeline import comment
from mtasts.cli._usage import verb
from mtasts.findings.forms import plain
from mtasts.system import credentials, output

BYTES = 1024 * 1024


@verb("comment", "comment plan.md")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Write FILE, which is Markdown, as the one comment of this pipeline on its pull request, or edit that comment.

    On GitHub it needs GITHUB_TOKEN, and the permission pull-requests: write. On Azure DevOps it needs
    SYSTEM_ACCESSTOKEN, and the right "Contribute to pull requests".
    """
    output.hide(credentials.mask(os.environ))
    click.echo(plain(comment(os.environ, output.masked(_text(file)))))


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
