"""What a person sees at a terminal, and that no pipe, file or tool gets any of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conftest import TEMPLATE

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

import fcntl
import pty
import struct
import termios

pytestmark = pytest.mark.slow  # starts a process for every row

POLICY = (
    "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com.]\ndomains: {example.com: {}}\n"
    "tls_reporting: {rua: ['mailto:tls@example.com']}\nhosting: {kind: web-server, hostname: www.example.net}\n"
)
LEFT_OUT = ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "TF_BUILD", "COLUMNS", "TERM")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a policy.yaml that has an error."""
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run."""
    ours = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    return {**ours, "PYTHONPATH": str(TEMPLATE), "TERM": "xterm", **more}


def at_terminal(folder: Path, *words: str, columns: int = 80, **more: str) -> str:
    """Run a verb with a terminal as its output, and return what that was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = [sys.executable, "-m", "mtasts", *words]
    with subprocess.Popen(command, cwd=folder, env=environment(more), stdout=theirs, stderr=theirs, stdin=theirs):
        os.close(theirs)
        sent = b""
        while part := _read(ours):
            sent += part
    os.close(ours)
    return sent.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def piped(folder: Path, *words: str, **more: str) -> str:
    """Run a verb with a pipe as its output."""
    command = [sys.executable, "-m", "mtasts", *words]
    done = subprocess.run(command, cwd=folder, env=environment(more), capture_output=True, check=False)
    return done.stdout.decode()


RED_ERROR = "\x1b[1;31merror MTS120\x1b[0m"

# no-color.org and force-color.org: set and not empty, whatever the value; NO_COLOR is the stronger.
ASKED = [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": "0"}, False), ({"NO_COLOR": ""}, True),
    ({"TERM": "dumb"}, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False), ({"FORCE_COLOR": ""}, True),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "coloured"), ASKED)
def test_colours_on_a_terminal(folder: Path, asked: dict[str, Any], coloured: bool) -> None:
    """By default there are colours; who does not want them says so by the usual variables."""
    sent = at_terminal(folder, "lint", **asked)
    assert (RED_ERROR in sent, "\x1b" in sent) == (coloured, coloured), sent
    assert "error MTS120: mx 'mx.example.com.' ends in a dot." in re.sub(r"\x1b\[[0-9;]+m", "", sent)


def test_no_colours_elsewhere(folder: Path) -> None:
    """A pipe, a file, JSON and the annotations of CI systems stay as tools read them."""
    assert "\x1b" not in piped(folder, "lint")
    assert RED_ERROR in piped(folder, "lint", FORCE_COLOR="1")
    for form in ("json", "markdown", "github", "azure-devops"):
        assert "\x1b" not in at_terminal(folder, "lint", "--format", form, FORCE_COLOR="1")
    assert "\x1b" not in at_terminal(folder, "lint", FORCE_COLOR="1", GITHUB_ACTIONS="true")
    at_terminal(folder, "check", "example.com", "--only", "policy", "--resolver", "127.0.0.1:1", "--timeout", "0.1",
                "--format", "text", "--output", "report.txt", FORCE_COLOR="1")  # fmt: skip
    assert "\x1b" not in (folder / "report.txt").read_text(encoding="utf-8")


def test_no_colour_comes_from_outside(folder: Path) -> None:
    """A file that holds sequences of its own cannot move the cursor, nor hide what is said of it."""
    policy = POLICY.replace("mx.example.com.", '"\\e[2J\\e[32mmx"')
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    sent = at_terminal(folder, "lint")
    assert set(re.findall(r"\x1b[^m]*m?", sent)) == {"\x1b[1;31m", "\x1b[0m"}


def test_explain_is_laid_out_for_the_terminal(folder: Path) -> None:
    """The id and the title come first, no line is wider than the terminal, and steps hang under their numbers."""
    rule = at_terminal(folder, "explain", "mts113", columns=60)
    assert rule.startswith("\x1b[1mMTS113: max_age does not suit the mode\x1b[0m\n\nwarning, RFC 8461 §10.2\n\n")
    way = at_terminal(folder, "explain", "retire", columns=60)
    assert way.startswith("\x1b[1mretire: Retiring a domain\x1b[0m\n\n1. Give the domain ")
    assert re.search(r"\n2\. From that date on, .*\n   \S", way)
    every = at_terminal(folder, "explain", columns=60, NO_COLOR="1")
    assert every.startswith("Rules\n  MTS101  error    The file cannot be read\n")
    assert "\n\nTasks\n  enforce   From testing to enforce\n" in every
    assert max(map(len, (rule + way + every).split("\n"))) <= 60
    assert max(map(len, at_terminal(folder, "explain", "retire", columns=300).split("\n"))) <= 100


def test_explain_gives_a_pipe_markdown(folder: Path) -> None:
    """As the README has it."""
    assert piped(folder, "explain").startswith("| rule | severity | what | source |\n")
    assert piped(folder, "explain", "retire").startswith("### Retiring a domain\n\n1. ")
