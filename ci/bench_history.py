"""The benchmark of history: what it costs to understand every revision of policy.yaml, beside git showing them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import Result, in_turns, peak, run, write_many
from workshop import TOOLKIT, environment

ROUNDS = 9
DOMAINS, COMMITS = 1000, 500
START = 1_700_000_000  # seconds; a commit each hour from then

READ = """
import datetime, pathlib
from mtasts import history
from mtasts.repository import Repository
repository = Repository.of(pathlib.Path("policy.yaml"))
found = history.read(repository, repository.resolve("HEAD"), datetime.datetime.now(datetime.timezone.utc))
print(len(found.revisions), len(found.skipped), len(found.misdated))
"""


def history_speed(repository: Path) -> Iterator[Result]:
    """Compare reading a long history with git's own, both as whole processes; and measure the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(repository, Path(name, "repository")))
        _commit_many(folder)
        ours, plain = [str(environment(TOOLKIT)), "-c", READ], ["git", "--no-pager", "log", "-p", "--", "policy.yaml"]
        told = subprocess.run(ours, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        if told != [str(COMMITS), "0", "0"]:
            raise SystemExit(f"history does not see the commits as they are: {told}")
        seconds, theirs = in_turns(ROUNDS, lambda: run(ours, folder), lambda: run(plain, folder))
        memory = peak(ours, folder) if hasattr(os, "wait4") else None
    what = f"history, {DOMAINS} domains and {COMMITS} commits"
    yield Result(f"{what} / git log -p", seconds / theirs, 3, "", f"{seconds:.2f} s / {theirs:.2f} s")
    if memory is not None:
        yield Result(f"{what}, memory", memory, 300, " MB", "peak of the process")


def _commit_many(folder: Path) -> None:
    """Make the folder a repository in which each commit changes one to three domains of policy.yaml."""
    chance = random.Random(1)
    before, _, tail = write_many(folder / "policy.yaml", DOMAINS).read_text(encoding="utf-8").partition("\ntls_")
    head, *blocks = before.split("\n  domain-")
    commits = []
    for number in range(COMMITS):
        for index in chance.sample(range(DOMAINS), chance.randint(1, 3) if number else 0):
            own = f"\n    mode: enforce\n    mx: [mx{number}.example.net]" if chance.random() < 0.5 else ""
            blocks[index] = f"{index:05}.example.com:{own}  # change {number}"
        text = "\n  domain-".join((head, *blocks)) + f"\ntls_{tail}"
        commits.append(_commit(text.encode(), START + number * 3600))
    (folder / "policy.yaml").write_text(text, encoding="utf-8", newline="\n")
    for words in (["init", "--quiet", "--initial-branch=main"], ["fast-import", "--quiet"], ["reset", "--quiet"]):
        subprocess.run(["git", *words], cwd=folder, check=True, input=b"".join(commits))


def _commit(content: bytes, seconds: int) -> bytes:
    head = f"commit refs/heads/main\ncommitter A <a@example.com> {seconds} +0000\ndata 0\nM 644 inline policy.yaml\n"
    return head.encode() + b"data %d\n%s\n" % (len(content), content)
