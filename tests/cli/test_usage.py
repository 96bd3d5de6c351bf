"""Help that can be read and copied, the version, and what is said of a near miss of an option or of its value."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import mtasts
from conftest import ROOT
from mtasts.cli import VERBS, _common, main
from mtasts.cli._usage import Verb

PROGRAM = "python -m mtasts "


def help_of(*words: str) -> str:
    """Return what --help shows."""
    done = CliRunner().invoke(main, [*words, "--help"], prog_name="python -m mtasts", terminal_width=80)
    assert done.exit_code == 0
    return done.output


def said(*words: str) -> tuple[int, str]:
    """Return the exit code of wrong use, and the last line of what it says."""
    done = CliRunner().invoke(main, words, prog_name="python -m mtasts")
    return done.exit_code, done.output.strip().rpartition("\n")[2]


def commands() -> dict[str, Verb]:
    """Return every verb."""
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in VERBS}
    return {name: verb for name, verb in found.items() if isinstance(verb, Verb)}


def test_every_verb_has_its_help() -> None:
    """A verb without an example is one that nobody has tried."""
    assert sorted(commands()) == VERBS


@pytest.mark.parametrize("name", VERBS)
def test_the_example_of_a_verb_can_be_copied(name: str) -> None:
    """It stands alone on the last line, and every word of it is understood."""
    line = help_of(name).rstrip("\n").rpartition("\n")[2]
    assert line.startswith(f"  {PROGRAM}{name} "), line
    verb, *words = shlex.split(line.strip().removeprefix(PROGRAM))
    with click.Context(main) as context:
        command = main.get_command(context, verb)
        assert command
        command.make_context(verb, words, parent=context)


@pytest.mark.parametrize("name", VERBS)
def test_help_is_in_whole_sentences(name: str) -> None:
    """What a verb and each of its options is for: a capital letter at the beginning, a full stop at the end."""
    command = commands()[name]
    texts = [command.help or "", *(each.help or "" for each in command.params if isinstance(each, click.Option))]
    assert [text for text in texts if not re.fullmatch(r"[A-Z0-9`a-z].*\.", text.strip(), re.DOTALL)] == []


@pytest.mark.parametrize("words", [[], *([name] for name in VERBS)])
def test_h_is_help(words: list[str]) -> None:
    """Everywhere, as people type it."""
    done = CliRunner().invoke(main, [*words, "-h"], prog_name="python -m mtasts", terminal_width=80)
    assert (done.exit_code, done.output) == (0, help_of(*words))


def test_the_help_of_the_program() -> None:
    """It names every verb with a sentence that is not cut off, and a command to begin with."""
    text = help_of()
    assert "..." not in text.partition("Options:")[2]
    assert "\nExample:\n  python -m mtasts lint\n" in text
    for name in VERBS:
        assert re.search(rf"^  {name} +[A-Z]", text, re.MULTILINE)


MISSES = [
    (("lint", "--formt", "json"), "Unknown option '--formt'. Did you mean --format?"),
    (("lint", "-format", "json"), "Unknown option '-format'. Did you mean --format?"),
    (("lint", "--FORMAT=json"), "Unknown option '--FORMAT'. Did you mean --format?"),
    (("plan", "--live_look"), "Unknown option '--live_look'. Did you mean --live?"),
    (("plan", "--exit_code"), "Unknown option '--exit_code'. Did you mean --exit-code?"),
    (("check", "--ca"), "Unknown option '--ca'. Did you mean --ca-file?"),
    (("--verison",), "Unknown option '--verison'. Did you mean --version?"),
    # An option in another place than its own.
    (("--live", "plan"), "Unknown option '--live'. Put it after the verb. Only the verb plan has it."),
    (("lint", "--live"), "Unknown option '--live'. Only the verb plan has it."),
    (("lint", "-C", "x"), "Unknown option '-C'. Put it before the verb: python -m mtasts -C DIR lint"),
    (("lint", "--version"), "Unknown option '--version'. Put it before the verb: python -m mtasts --version"),
    (("lint", "--xyzzy"), "Unknown option '--xyzzy'. Options: --format, -h, --help."),
    # Values, and verbs.
    (("lint", "--format", "jsn"), "'jsn' is not one of text, json, github, azure-devops, markdown. Did you mean json?"),
    (("lint", "--format", "JSON"), "Did you mean json?"),
    (("lint", "--format", "azure"), "Did you mean azure-devops?"),
    (("lint", "--format", "x" * 5000), "markdown."),
    (("check", "--only", "dns,htps"), "'htps' is not one of dns, https, policy, mx, tlsrpt. Did you mean https?"),
    (("records", "--only", "anouncement"), "Did you mean announcement?"),
    (("publish", "annoucement"), "Did you mean announcement?"),
    (("parameters", "--phase", "domain"), "Did you mean domains?"),
    (("help",), "Unknown verb 'help'. Did you mean --help?"),
    (("Version",), "Unknown verb 'Version'. Did you mean --version?"),
    (("CHECK",), "Unknown verb 'CHECK'. Did you mean check?"),
    (("rec",), "Unknown verb 'rec'. Did you mean records?"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), MISSES, ids=lambda each: " ".join(each)[:40] if each else "")
def test_a_near_miss_says_what_was_meant(words: tuple[str, ...], message: str) -> None:
    """The next try is right."""
    code, line = said(*words)
    assert (code, line.endswith(message)) == (1 if any(word.startswith("--exit") for word in words) else 2, True), line


# --version

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CRUFT = [
    (f'{{"commit": "{COMMIT}"}}', " (commit 0123456789ab of the template)"),
    (f'{{"commit": "{COMMIT}{COMMIT[:24]}"}}', " (commit 0123456789ab of the template)"),  # SHA-256
    ("", ""), ("[]", ""), ("{}", ""), ("null", ""), ('{"commit": null}', ""), ('{"commit": 7}', ""),
    ('{"commit": "main"}', ""), (f'{{"commit": "{COMMIT}\\u001b[2J"}}', ""), (f'{{"commit": ["{COMMIT}"]}}', ""),
    ("[" * 100_000, ""), (" " * 2_000_000 + f'{{"commit": "{COMMIT}"}}', ""), ("\udc80", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "commit"), CRUFT, ids=range(len(CRUFT)))
def test_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, commit: str) -> None:
    """A report of a fault can say which template it is of. A broken .cruft.json costs the commit alone."""
    (tmp_path / ".cruft.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    monkeypatch.setattr(_common, "ROOT", tmp_path)
    assert said("--version") == (0, f"mtasts {mtasts.__version__}{commit}")


@pytest.mark.skipif(os.name == "nt", reason="links take a right there")
def test_the_version_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it wait for a pipe, or need the file."""
    monkeypatch.setattr(_common, "ROOT", tmp_path)
    assert said("--version") == (0, f"mtasts {mtasts.__version__}")
    (tmp_path / "elsewhere.json").write_text(f'{{"commit": "{COMMIT}"}}', encoding="utf-8")
    (tmp_path / ".cruft.json").symlink_to("elsewhere.json")
    assert said("--version") == (0, f"mtasts {mtasts.__version__}")
    (tmp_path / ".cruft.json").unlink()
    os.mkfifo(tmp_path / ".cruft.json")
    assert said("--version") == (0, f"mtasts {mtasts.__version__}")


def test_the_version_is_the_templates_own() -> None:
    """It stands in one place for the toolkit, and in one for the template's own tools: both are raised together."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{mtasts.__version__}"\n' in project
    heading = re.search("^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading and mtasts.__version__.partition(".dev")[0] == heading[1]
