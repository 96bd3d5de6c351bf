"""How the command line is used: each verb's help with an example, and what to type in place of a near miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from mtasts.findings import quote
from mtasts.findings.forms import plain

PROGRAM = "python -m mtasts"
TYPED = 100  # characters of a word that are compared with others


class Verb(click.Command):
    """A verb, with an example of its use in its help."""

    example = ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the example as it is to be typed: in one line, however long."""
        write_example(formatter, self.example)


def write_example(formatter: click.HelpFormatter, example: str) -> None:
    """Write a command that can be copied."""
    if example:
        with formatter.section("Example"):
            formatter.write(f"{' ' * formatter.current_indent}{PROGRAM} {example}\n")


def verb(name: str, example: str, text: str | None = None) -> Callable[[Callable[..., Any]], Verb]:
    """Make a verb of a function. example: what to type after PROGRAM. text: the help, if it is not the docstring."""

    def made(function: Callable[..., Any]) -> Verb:
        command = click.command(name, cls=Verb, help=text)(function)
        command.example = example
        return command

    return made


class Choice(click.Choice):  # type: ignore[type-arg]  # it is generic from click 8.2 on
    """One of some words. The message about another word says which of them was meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(instead(str(value), list(map(str, self.choices))), param, ctx)


def instead(word: str, choices: Sequence[str]) -> str:
    """Say that a word is none of the choices, and which of them was meant."""
    near = nearest(word, choices)
    meant = f" Did you mean {near}?" if near else ""
    return f"{quote(word)} is not one of {', '.join(choices)}.{meant}"


def unknown(word: str, known: Iterable[str], what: str) -> click.UsageError:
    """Return the error for a word that is not among the known ones, with the nearest of them."""
    names = list(known)
    near = nearest(word, names)
    hint = f"Did you mean {near}?" if near else f"Known: {', '.join(names[:10])}."
    return click.UsageError(f"{plain(repr(word))} is not {what}. {hint}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was meant: the nearest, or the only one that begins like it. None if none is near."""
    from difflib import get_close_matches  # here, since few runs need it

    names, typed = list(known), word[:TYPED].lower()
    if close := get_close_matches(typed, names, 1):
        return close[0]
    begun = [name for name in names if len(typed) > 1 and name.startswith(typed)]
    return begun[0] if len(begun) == 1 else None


def no_such_option(error: click.NoSuchOption, words: Sequence[str], main: click.Group) -> str:
    """Return what to say about an option that is not there: which was meant, or where it belongs."""
    # click takes -format for the letters -f -o …, and names the first of them.
    alike = (word for word in words if word.startswith(error.option_name) and not word.startswith("--"))
    name = error.option_name if error.option_name.startswith("--") else next(alike, error.option_name)
    name = name.partition("=")[0]
    said = f"No such option: {quote(name)}."
    context = error.ctx
    here = _options(context.command) if context else []
    ours, others = _options(main), _having(name, main)
    if context and context.command is not main and name in ours:
        return f"{said} It goes before the verb: {PROGRAM} {'-C DIR' if name == '-C' else name} {context.info_name}"
    if near := nearest(f"--{name.lstrip('-').replace('_', '-')}", here):
        return f"{said} Did you mean {near}?"
    if others and context and context.command is main:
        return f"{said} It goes after the verb, and belongs to {', '.join(others)}."
    return f"{said} It belongs to {', '.join(others)}." if others else f"{said} Options: {', '.join(here)}."


def _having(name: str, main: click.Group) -> list[str]:
    """Return the verbs that have an option."""
    context = click.Context(main)
    verbs = ((each, main.get_command(context, each)) for each in main.list_commands(context))
    return [each for each, command in verbs if command and name in _options(command)]


def _options(command: click.Command) -> list[str]:
    names = [name for param in command.params if isinstance(param, click.Option) for name in param.opts]
    return [*names, "-h", "--help"]
