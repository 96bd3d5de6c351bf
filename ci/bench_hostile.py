"""The benchmark of a hostile pull request: lint and plan take no longer over a bad file than over a good one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from measure import Result, in_turns, timed
from workshop import TOOLKIT, environment

ROUNDS = 5
DOMAINS, PATTERNS = 1000, 40
FINDINGS = 20_000
TAIL = "tls_reporting: {rua: [mailto:tls@example.com]}\nhosting: {kind: web-server, hostname: www.example.com}\n"
# Public suffixes of the list that lint has: anyone can register a name that a wildcard below them matches (MTS126).
_COUNTRIES = (
    "ar",
    "bo",
    "br",
    "cn",
    "co",
    "cu",
    "do",
    "ec",
    "eg",
    "gt",
    "hk",
    "mx",
    "my",
    "pe",
    "ph",
    "pk",
    "sg",
    "tw",
    "ua",
    "uy",
)
SUFFIXES = [f"{kind}.{country}" for kind in ("com", "net") for country in _COUNTRIES]


def hostile_speed(repository: Path) -> Iterator[Result]:
    """Compare lint and plan of a bad file with a good one, and of many findings with a tenth of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(repository, Path(name, "repository")))
        for words in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], ["commit", "--quiet", "-m", "x"]):
            subprocess.run(
                ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=folder, check=True
            )
        for verb in (["lint"], ["plan", "--base=main"]):
            yield from _compared(folder, verb)


def _compared(folder: Path, verb: list[str]) -> Iterator[Result]:
    what = f"{verb[0]}, {DOMAINS} domains with {PATTERNS} patterns each, bad / good"
    yield _ratio(folder, verb, what, 4, (_patterns(SUFFIXES.__getitem__), _patterns(lambda n: f"h{n}.example.com")))
    what = f"{verb[0]}, {FINDINGS:,} findings of one rule / {FINDINGS // 10:,}"
    yield _ratio(folder, verb, what, 14, (_domains(FINDINGS), _domains(FINDINGS // 10)))


def _ratio(folder: Path, verb: list[str], what: str, target: float, texts: tuple[str, str]) -> Result:
    def run(text: str) -> Callable[[], float]:
        def taken() -> float:
            (folder / "policy.yaml").write_text(text, encoding="utf-8")
            command = [str(environment(TOOLKIT)), "-m", "mtasts", *verb, "--format=text"]
            return timed(lambda: subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL))

        return taken

    bad, good = in_turns(ROUNDS, *map(run, texts))
    return Result(what, bad / good, target, "", f"{bad:.2f} s / {good:.2f} s")


def _patterns(parent: Callable[[int], str]) -> str:
    mx = "".join(f'      - "*.{parent(number)}"\n' for number in range(PATTERNS))
    domains = "".join(f"  d{number}.example.com:\n    mx:\n{mx}" for number in range(DOMAINS))
    return f"version: STSv1\nmode: testing\nmax_age: 604800\ndomains:\n{domains}{TAIL}"


def _domains(number: int) -> str:
    """Return a file with one finding for each domain, which its hosting cannot serve: MTS154."""
    domains = "".join(f"  xn--d{each}.example.com:\n" for each in range(number))
    head = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains:\n"
    return f"{head}{domains}{TAIL.replace('web-server', 'static-web-app')}"
