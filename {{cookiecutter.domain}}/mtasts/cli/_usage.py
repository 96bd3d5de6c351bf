"""Help with an example for each verb, and usage errors that suggest the right word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from mtasts.findings import quote
from mtasts.findings.forms import plain

PROGRAM = "python -m mtasts"
TYPED = 100  # only these first characters of a word are compared


class Verb(click.Command):
    """A verb whose help shows an example."""

    example = ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the example in one line, however long, so that it can be copied."""
        write_example(formatter, self.example)


def write_example(formatter: click.HelpFormatter, example: str) -> None:
    """Write a command that can be copied."""
    if example:
        with formatter.section("Example"):
            formatter.write(f"{' ' * formatter.current_indent}{PROGRAM} {example}\n")


def verb(name: str, example: str, text: str | None = None) -> Callable[[Callable[..., Any]], Verb]:
    """Turn a function into a verb. example: what to type after PROGRAM. text: the help, if not the docstring."""

    def made(function: Callable[..., Any]) -> Verb:
        command = click.command(name, cls=Verb, help=text)(function)
        command.example = example
        return command

    return made


class Choice(click.Choice):  # type: ignore[type-arg]  # it is generic from click 8.2 on
    """An option or argument that accepts a few words. The error for any other word suggests the nearest one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(instead(str(value), list(map(str, self.choices))), param, ctx)

    def get_missing_message(self, *_: Any, **__: Any) -> str:
        """Return the words in one line: click writes each on its own, after a tab."""
        return f"Choose from: {', '.join(map(str, self.choices))}."


class Number(click.IntRange):
    """A whole number between two limits."""

    def _describe_range(self) -> str:  # click shows it in help and in errors: by default as `1<=x<=1000`
        return f"{self.min} to {self.max}"


def instead(word: str, choices: Sequence[str]) -> str:
    """Return the message for a word that is not one of the choices, with the nearest choice."""
    near = nearest(word, choices)
    meant = f" Did you mean {near}?" if near else ""
    return f"{quote(word)} is not one of {', '.join(choices)}.{meant}"


def unknown(word: str, known: Iterable[str], what: str) -> click.UsageError:
    """Return the error for an unknown word, with the nearest known one."""
    names = list(known)
    near = nearest(word, names)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    hint = f"Did you mean {near}?" if near else f"Choose from: {', '.join(names[:10])}{more}."
    return click.UsageError(f"{plain(repr(word))} is not {what}. {hint}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the nearest known word, or the only one with the same beginning; None if there is none."""
    from difflib import get_close_matches  # not at the top: few runs need it

    names, typed = list(known), word[:TYPED].lower()
    if close := get_close_matches(typed, names, 1):
        return close[0]
    begun = [name for name in names if len(typed) > 1 and name.startswith(typed)]
    return begun[0] if len(begun) == 1 else None


def no_such_option(error: click.NoSuchOption, words: Sequence[str], main: click.Group) -> str:
    """Return the message for an unknown option: a suggestion, or where the option belongs."""
    # click reads -format as the options -f -o …, and reports only the first.
    alike = (word for word in words if word.startswith(error.option_name) and not word.startswith("--"))
    name = error.option_name if error.option_name.startswith("--") else next(alike, error.option_name)
    name = name.partition("=")[0]
    said = f"Unknown option {quote(name)}."
    context = error.ctx
    here = _options(context.command) if context else []
    ours, others = _options(main), _having(name, main)
    if context and context.command is not main and name in ours:
        return f"{said} Put it before the verb: {PROGRAM} {f'-C DIR {context.info_name}' if name == '-C' else name}"
    if near := nearest(f"--{name.lstrip('-').replace('_', '-')}", here):
        return f"{said} Did you mean {near}?"
    if others and context and context.command is main:
        return f"{said} Put it after the verb. {_verbs(others)}"
    return f"{said} {_verbs(others)}" if others else f"{said} Options: {', '.join(here)}."


def _verbs(having: Sequence[str]) -> str:
    return f"Only the verb {having[0]} has it." if len(having) == 1 else f"The verbs that have it: {', '.join(having)}."


def _having(name: str, main: click.Group) -> list[str]:
    """Return the verbs that have this option."""
    context = click.Context(main)
    verbs = ((each, main.get_command(context, each)) for each in main.list_commands(context))
    return [each for each, command in verbs if command and name in _options(command)]


def _options(command: click.Command) -> list[str]:
    names = [name for param in command.params if isinstance(param, click.Option) for name in param.opts]
    return [*names, "-h", "--help"]
