"""What the verbs share: options, reading policy.yaml, reporting, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mtasts.config import model
from mtasts.config.model import Config
from mtasts.findings import Finding, UserError, has_errors
from mtasts.findings import forms as report
from mtasts.system import files
from mtasts.system.files import NotAFileError

ROOT = Path(__file__).parent.parent.parent  # the repository, where function/ and static/ are

report_format = click.option(
    "--format", "form", type=click.Choice(list(report.FORMATS)), help="How to print. Default: by the CI, else text."
)
policy_file = click.option(
    "--file", "path", type=click.Path(path_type=Path), default=Path("policy.yaml"), help="Default: policy.yaml."
)


def load(path: Path) -> Config:
    """Return the config, or print its errors and end with exit code 1."""
    config, findings = model.load(path)
    if config is None:
        print_report(findings, None)
        raise SystemExit(1)
    return config


def load_served(path: Path) -> Config:
    """Return the config as `load` does, or end where it has no domain left to serve."""
    config = load(path)
    if not config.domains:
        raise UserError(f"Every domain in {path} is retired, so there is nothing to serve.")
    return config


def write(path: Path, text: str) -> None:
    """Write a file in one step, or end with exit code 1: it has its old content or the new one, whatever happens."""
    try:
        files.write(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        why = f"it is {error.strerror}" if isinstance(error, NotAFileError) else error.strerror
        raise UserError(report.plain(f"{path} cannot be written: {why}. It is as it was.")) from None


def print_report(findings: Sequence[Finding], form: str | None) -> None:
    """Print the findings, and end with exit code 1 where one is an error."""
    click.echo(report.FORMATS[form or report.format_for(os.environ)](findings))
    if has_errors(findings):
        sys.exit(1)


class Shown:
    """Prints in the chosen form; with a file, writes that there and prints the CI's own form."""

    def __init__(self, form: str | None, output: Path | None) -> None:
        self._ci = report.format_for(os.environ)
        self._form, self._output = form or self._ci, output

    def __call__(self, forms: Mapping[str, Callable[[Any], str]], what: object) -> None:
        """Show what was found, in one of the forms that there are for it."""
        if self._output:
            write(self._output, forms[self._form](what) + "\n")
        click.echo(forms[self._ci if self._output else self._form](what))


def unknown(word: str, known: Iterable[str], what: str) -> click.UsageError:
    """Return the error for a word that is not among the known ones, with the nearest of them."""
    from difflib import get_close_matches

    names = list(known)
    close = get_close_matches(word, names, 1)
    hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(names[:10])}."
    return click.UsageError(f"{report.plain(repr(word))} is not {what}. {hint}")
