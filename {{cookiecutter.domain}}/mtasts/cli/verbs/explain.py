"""explain: show what a rule means, or how to do a task."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from mtasts.cli._common import echo
from mtasts.cli._usage import PROGRAM, verb
from mtasts.cli.catalogue import CATALOGUE, catalogue_table, explanation
from mtasts.findings import Rule, colours, listed
from mtasts.findings.forms import plain
from mtasts.findings.layout import columns, wrapped
from mtasts.plan.tasks import TASKS, Task
from mtasts.system import terminal

_HELP = f"""Explain a RULE, such as MTS113, or the steps of a TASK, such as retire.

Without arguments, list all rules and tasks. The tasks are {", ".join(TASKS)}. The output is text on a terminal, and
Markdown in a pipe or a file.
"""
_HEADING = "Rules|Tasks|MTS[0-9]{3}: .*|[a-z-]+: [A-Z].*"  # a heading in the texts below


@verb("explain", "explain MTS113", _HELP)
@click.argument("words", metavar="[RULE | TASK]", nargs=-1)
def command(words: Sequence[str]) -> None:
    """Print rules or tasks, or the lists of both."""
    task = TASKS.get("-".join(words).lower().replace("_", "-"))
    found = [task] if task else [_found(word) for word in words]
    if terminal.is_terminal(sys.stdout):
        width = terminal.width()
        echo("\n\n".join(_laid_out(each, width) for each in found) or _lists(width), _painted)
    else:
        click.echo("\n\n".join(map(_as_markdown, found)) or f"{catalogue_table()}\n\n{_tasks()}")


def _found(word: str) -> Rule | Task:
    if found := TASKS.get(word.lower()) or CATALOGUE.get(word.upper()):
        return found
    raise click.UsageError(f"{plain(repr(word))} is not a rule or a task. {_hint(word)}")


def _hint(word: str) -> str:
    """Return the nearest name. If there is none, the rules about it, the tasks, and how to list all rules."""
    name = re.sub(r"[^A-Z0-9]", "", word.upper())
    if re.fullmatch("MTS[0-9]+", name) and name not in CATALOGUE:  # a similar number is of another rule
        begun = [rule for rule in CATALOGUE if rule.startswith(name)]
        which = f"Rules that begin with it: {listed(begun, 5)}. " if begun else ""
        return f"{which}To list all rules of this repository: {PROGRAM} explain"
    close = get_close_matches(name if name.startswith("MTS") else word.lower(), [*CATALOGUE, *TASKS], 1)
    if close:
        return f"Did you mean {close[0]}?"
    about = [rule.id for rule in CATALOGUE.values() if word.lower() in rule.title.lower().split()]
    found = f"Rules about this: {listed(about, 5)}. " if about else ""
    return f"{found}Tasks: {', '.join(TASKS)}. To list all rules: {PROGRAM} explain"


def _as_markdown(found: Rule | Task) -> str:
    return str(found) if isinstance(found, Task) else wrapped(explanation(found), terminal.width())


def _tasks() -> str:
    return "\n".join(f"- {task.name}: {task.title}" for task in TASKS.values())


# For a terminal


def _laid_out(found: Rule | Task, width: int) -> str:
    """Return the id and the title, and below them the text."""
    if isinstance(found, Task):
        return f"{found.name}: {found.title}\n\n{wrapped(found.text, width)}"
    return wrapped(explanation(found), width)


def _lists(width: int) -> str:
    rules = columns(((rule.id, rule.severity.value, rule.title) for rule in CATALOGUE.values()), width)
    tasks = columns(((task.name, task.title) for task in TASKS.values()), width)
    return f"Rules\n{rules}\n\nTasks\n{tasks}\n\nTo read about one of them: {PROGRAM} explain MTS113"


def _painted(line: str) -> str:
    return colours.heading(line) if re.fullmatch(_HEADING, line) else colours.painted(line)
