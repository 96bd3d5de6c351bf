"""The benchmark of plan: what it costs to understand every revision of policy.yaml, beside git showing them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Result, in_turns, peak, run, write_many
from workshop import TOOLKIT, environment

ROUNDS = 9
DOMAINS, COMMITS = 1000, 500
START = 1_700_000_000  # seconds; a commit each hour from then


def plan_speed(repository: Path) -> Iterator[Result]:
    """Compare a plan after a long history with git's own log of it, both as whole processes; and measure the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(repository, Path(name, "repository")))
        _commit_many(folder)
        ours = [str(environment(TOOLKIT)), "-m", "mtasts", "plan", "--base=HEAD", "--format=text"]
        plain = ["git", "--no-pager", "log", "-p", "--", "policy.yaml"]
        told = subprocess.run(ours, cwd=folder, check=False, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        if told[-1] != "Safe: 1 domain changes.":
            raise SystemExit(f"plan does not see the change as it is: {told[-1]}")
        seconds, theirs = in_turns(ROUNDS, lambda: run(ours, folder), lambda: run(plain, folder))
        memory = peak(ours, folder) if hasattr(os, "wait4") else None
    what = f"plan, {DOMAINS} domains and {COMMITS} commits"
    yield Result(f"{what} / git log -p", seconds / theirs, 3, "", f"{seconds:.2f} s / {theirs:.2f} s")
    if memory is not None:
        yield Result(f"{what}, memory", memory, 300, " MB", "peak of the process")


def _commit_many(folder: Path) -> None:
    """Make a repository in which each commit changes one to three domains of policy.yaml; then change one more."""
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
    for words in (["init", "--quiet", "--initial-branch=main"], ["fast-import", "--quiet"], ["reset", "--quiet"]):
        subprocess.run(["git", *words], cwd=folder, check=True, input=b"".join(commits))
    own = "  new.example.com:\n    mx: [mx.example.net]\ntls_"
    (folder / "policy.yaml").write_text(text.replace("tls_", own), encoding="utf-8", newline="\n")


def _commit(content: bytes, seconds: int) -> bytes:
    head = f"commit refs/heads/main\ncommitter A <a@example.com> {seconds} +0000\ndata 0\nM 644 inline policy.yaml\n"
    return head.encode() + b"data %d\n%s\n" % (len(content), content)
