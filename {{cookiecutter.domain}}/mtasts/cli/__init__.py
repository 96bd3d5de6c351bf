"""The command line. verbs/ has a file for each verb; the modules here are shared by the verbs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from mtasts.cli import verbs
from mtasts.cli._usage import PROGRAM, nearest, no_such_option, write_example
from mtasts.findings import UserError, WrongUseError, quote
from mtasts.system.exit_codes import wrong_use

# `import` is a reserved word in Python, so its file is import_.py.
_FILES = {name.rstrip("_"): name for _, name, _ in iter_modules(verbs.__path__)}
VERBS = sorted(_FILES)


class _Verbs(click.Group):
    """A group that imports a verb only when it is called, so that lint does not wait for the imports of serve."""

    def make_context(self, info_name: str | None, args: list[str], **options: Any) -> click.Context:  # type: ignore[override]
        """Parse the options before the verb."""
        with self._wrong_use(args):
            made = super().make_context(info_name, list(args), **options)
            made.meta[__name__] = tuple(args)
            return made

    def invoke(self, ctx: click.Context) -> Any:
        """Find the verb, parse its arguments, and run it."""
        with self._wrong_use(ctx.meta[__name__]):
            try:
                return super().invoke(ctx)
            except WrongUseError as error:
                raise click.UsageError(str(error), self._of_verb(ctx)) from None
            except UserError as error:
                raise click.ClickException(str(error)) from None

    def _of_verb(self, ctx: click.Context) -> click.Context | None:
        """Return the context of the verb that was called, so that an error message can show its usage."""
        name = str(ctx.invoked_subcommand)
        verb = self.get_command(ctx, name)
        return click.Context(verb, ctx, name) if verb else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the verb, or suggest one."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"Unknown verb {quote(args[0])}. {_meant(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    @contextmanager
    def _wrong_use(self, words: Sequence[str]) -> Iterator[None]:
        """Give a usage error the exit code that these arguments call for, and a suggestion if there is one."""
        try:
            yield
        except click.UsageError as error:
            if isinstance(error, click.NoSuchOption):
                error = click.UsageError(no_such_option(error, words, self), error.ctx)
            error.exit_code = wrong_use(words)  # type: ignore[misc]
            raise error from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first paragraph of each verb's help, not cut off."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Verbs"):
            formatter.write_dl([(name, _sentence(command)) for name, command in commands if command])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write an example, and how to get help for a verb."""
        write_example(formatter, "lint")
        super().format_epilog(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return VERBS

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"{verbs.__name__}.{_FILES[cmd_name]}").command
        return command


def _sentence(verb: click.Command) -> str:
    """Return the first paragraph of a verb's help."""
    return " ".join((verb.help or "").partition("\n\n")[0].split())


def _meant(word: str) -> str:
    """Return what to type instead of an unknown verb."""
    if word.lower() in ("help", "version"):
        return f"Did you mean --{word.lower()}?"
    if near := nearest(word, VERBS):
        return f"Did you mean {near}?"
    if re.fullmatch("MTS[0-9]{3}", word.upper()):
        return f"Did you mean explain {word.upper()}?"
    return f"Verbs: {', '.join(VERBS)}."


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from mtasts.cli._common import ROOT  # not at the top: few runs need these imports
        from mtasts.system.version import version

        click.echo(version(ROOT))
        ctx.exit()


_EPILOG = f"For the details of a verb: {PROGRAM} VERB --help"


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="VERB [ARGS]...",
    epilog=_EPILOG,
)
@click.option(
    "-C", "folders", metavar="DIR", multiple=True, help="Run in the folder DIR instead of the current folder."
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the template's version and exit.",
)
def main(folders: Sequence[str]) -> None:
    """Publish and check the MTA-STS policies (RFC 8461) of your mail domains. You describe them in policy.yaml.

    With -C, paths are relative to DIR, and policy.yaml and its git history are read there. The rules,
    policy.schema.json, function/, static/ and dns/ still come from the repository that contains this toolkit.

    Exit codes: 0 if there are no errors (warnings are allowed), 1 if there are errors, 2 if the command itself is
    wrong.
    """
    for folder in folders:
        _enter(folder)


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        message = f"cannot change to {quote(folder, 200)}: {error.strerror}. Give the path of a folder that exists."
        raise click.BadParameter(message, param_hint="'-C'") from None
