"""The command line: finds the verb. What each verb takes and prints stands in mtasts.verbs."""

from __future__ import annotations

import sys
from importlib import import_module

import click

VERBS = (
    "lint",
    "render",
    "records",
    "build",
    "serve",
    "plan",
    "check",
    "import",
    "parameters",
    "outputs",
    "publish",
    "comment",
    "explain",
)


class _Verbs(click.Group):
    """A group that imports a verb when it is called: lint need not wait for what serve needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = "import_" if cmd_name == "import" else cmd_name  # a word that Python keeps for itself
        command: click.Command = import_module(f"mtasts.verbs.{module}").command
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """MTA-STS (RFC 8461) from one policy.yaml.

    Exit codes: 0 fine (warnings allowed), 1 findings of severity error, 2 wrong use.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a Windows console may lack a letter
