"""The command line: one file for each verb, which says what it takes and prints."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from mtasts.findings import UserError, WrongUseError, quote
from mtasts.system.exit_codes import wrong_use

# Each file of this folder is a verb, but for what the verbs share: `_…`, and the catalogue of rules.
# `import` is a word that Python keeps for itself, so its file is import_.py.
_FILES = {name.rstrip("_"): name for _, name, _ in iter_modules(__path__) if not name.startswith("_")}
VERBS = sorted(_FILES.keys() - {"catalogue"})


class _Verbs(click.Group):
    """A group that imports a verb when it is called: lint need not wait for what serve needs."""

    def make_context(self, info_name: str | None, args: list[str], **options: Any) -> click.Context:  # type: ignore[override]
        """Read the words before the verb."""
        with _wrong_use(args):
            made = super().make_context(info_name, list(args), **options)
            made.meta[__name__] = tuple(args)
            return made

    def invoke(self, ctx: click.Context) -> Any:
        """Find the verb, read its words, and run it."""
        with _wrong_use(ctx.meta[__name__]):
            try:
                return super().invoke(ctx)
            except WrongUseError as error:
                raise click.UsageError(str(error), self._of_verb(ctx)) from None
            except UserError as error:
                raise click.ClickException(str(error)) from None

    def _of_verb(self, ctx: click.Context) -> click.Context | None:
        """Return the context of the verb that was called, so that a message can show its usage."""
        name = str(ctx.invoked_subcommand)
        verb = self.get_command(ctx, name)
        return click.Context(verb, ctx, name) if verb else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the verb, or say which one was meant."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"No such verb: {quote(args[0])}. {_meant(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return VERBS

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"{__name__}.{_FILES[cmd_name]}").command
        return command


def _meant(word: str) -> str:
    """Return what may be meant by a word that is no verb: one that is nearly it, or what is given to a verb."""
    from difflib import get_close_matches  # here, since few runs need it

    if close := get_close_matches(word.lower(), VERBS, 1):
        return f"Did you mean {close[0]}?"
    if re.fullmatch("MTS[0-9]{3}", word.upper()):
        return f"Did you mean explain {word.upper()}?"
    return f"Verbs: {', '.join(VERBS)}."


@contextmanager
def _wrong_use(words: Sequence[str]) -> Iterator[None]:
    """Let wrong use end with the exit code that it has for these words."""
    try:
        yield
    except click.UsageError as error:
        error.exit_code = wrong_use(words)  # type: ignore[misc]
        raise


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "folders", metavar="DIR", multiple=True, help="Run as if started in DIR, another repository.")
def main(folders: Sequence[str]) -> None:
    """MTA-STS (RFC 8461) from one policy.yaml.

    With -C, paths are relative to DIR, and policy.yaml and its git history are read there. The rules,
    policy.schema.json, function/, static/ and dns/ are still those of the repository that holds this toolkit.

    Exit codes: 0 fine (warnings allowed), 1 findings of severity error, 2 wrong use.
    """
    for folder in folders:
        _enter(folder)


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        message = f"{quote(folder, 200)} cannot be entered: {error.strerror}. Name a folder that exists."
        raise click.BadParameter(message, param_hint="'-C'") from None
