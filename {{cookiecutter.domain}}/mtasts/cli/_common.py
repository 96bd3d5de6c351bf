"""Shared by the verbs: options, reading policy.yaml, printing reports, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from mtasts.cli._usage import Choice
from mtasts.config import model
from mtasts.config.model import Config
from mtasts.findings import UserError, WrongUseError, colours, has_errors
from mtasts.findings.forms import FORMATS, format_for, plain
from mtasts.findings.report import Report
from mtasts.system import files, output, terminal
from mtasts.system.files import NotAFileError

ROOT = Path(__file__).parent.parent.parent  # the repository, with function/ and static/

report_format = click.option(
    "--format",
    "form",
    type=Choice(list(FORMATS)),
    metavar="FORMAT",
    help="The output format: text, json, github, azure-devops or markdown. Default: the format of the CI system that "
    "runs it, otherwise text.",
)
report_file = click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the output to FILE, and print the default format.",
)
policy_file = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default=Path("policy.yaml"),
    show_default=True,
    metavar="FILE",
    help="Use this policy file.",
)
verification_file = click.option(
    "--verification",
    "proofs",
    type=click.Path(path_type=Path),
    metavar="FILE",
    hidden=not (ROOT / "mtasts" / "hosting" / "hosts.py").exists(),  # as in a repository for a web server
    help="Only for Front Door: read the validation tokens of the domains from FILE, which has the host names in Azure "
    "or the outputs of a deployment.",
)


def verification(proofs: Path | None) -> dict[str, str]:
    """Return the tokens that validate each domain for Front Door, from the file of --verification."""
    if not proofs:
        return {}
    try:
        from mtasts.hosting import hosts  # not at the top: few runs need it, and not every repository has it
    except ImportError:
        raise WrongUseError(
            "--verification is only for Front Door, which this repository does not use. Leave it out."
        ) from None
    return hosts.tokens(hosts.read(proofs))


def load(path: Path) -> Config:
    """Return the config, or print its errors and end with exit code 1."""
    config, findings = model.load(path)
    if config is None:
        print_report(Report.of(findings))
        raise SystemExit(1)
    return config


def load_served(path: Path) -> Config:
    """Return the config as `load` does, or end if no domain is left to serve."""
    config = load(path)
    if not config.domains:
        raise UserError(f"Every domain in {path} is retired, so there is no policy to serve. Add a domain that is not.")
    return config


def write(path: Path, text: str) -> None:
    """Write a file in one step, or end with exit code 1. Whatever happens, the file is never half written."""
    try:
        files.write(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        why = f"it is {error.strerror}" if isinstance(error, NotAFileError) else error.strerror
        raise UserError(plain(f"{path} cannot be written: {why}. It was not changed.")) from None


def echo(text: str, paint: Callable[[str], str] = colours.painted) -> None:
    """Print text for people, in colours if the terminal shows them."""
    with output.painted(paint if terminal.shows_colours(sys.stdout, os.environ) else str):
        click.echo(text)


def print_report(report: Report, form: str | None = None, file: Path | None = None) -> None:
    """Print a report, and end with exit code 1 if it has an error.

    form: by default the format of the CI system. file: gets the report in this form; then the default is printed.
    """
    own = format_for(os.environ)
    if file:
        write(file, FORMATS[form or own](report) + "\n")
    shown = own if file else form or own
    if shown == "text":
        echo(FORMATS[shown](report), colours.painter(report))
    else:
        click.echo(FORMATS[shown](report))
    if has_errors(report.all_findings):
        sys.exit(1)
