"""The benchmark of plan: what it costs to understand every revision of policy.yaml, beside git showing them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Result, in_turns, peak, run, write_many
from workshop import TOOLKIT, environment

ROUNDS = 9
MANY, FEW = (1000, 500), (30, 200)  # domains and commits
# All within the time that plan reads: a policy that was replaced before is nobody's any more.
DAYS = 360
COMMANDS = ("init", "--quiet", "--initial-branch=main"), ("fast-import", "--quiet"), ("reset", "--quiet")


def plan_speed(repository: Path) -> Iterator[Result]:
    """Compare a plan after a long history with git's own log of it, both as whole processes; and measure the memory."""
    ours = [str(environment(TOOLKIT)), "-m", "mtasts", "plan", "--base=HEAD", "--format=text"]
    plain = ["git", "--no-pager", "log", "-p", "--", "policy.yaml"]
    with tempfile.TemporaryDirectory() as name:
        many, few, one = (Path(shutil.copytree(repository, Path(name, what))) for what in ("many", "few", "one"))
        _commit_many(many, *MANY)
        _commit_many(few, *FEW)
        _commit_many(one, FEW[0], 1)
        for folder in (many, few, one):
            told = subprocess.run(ours, cwd=folder, check=False, stdout=subprocess.PIPE, text=True).stdout.splitlines()
            if told[-1] != "Safe: 1 domain changes.":
                raise SystemExit(f"plan does not see the change as it is: {told[-1]}")
        seconds, theirs = in_turns(ROUNDS, lambda: run(ours, many), lambda: run(plain, many))
        long, short = in_turns(ROUNDS, lambda: run(ours, few), lambda: run(ours, one))
        memory = peak(ours, many) if hasattr(os, "wait4") else None
    what = "plan, {} domains and {} commits"
    yield Result(f"{what.format(*MANY)} / git log -p", seconds / theirs, 8, "", f"{seconds:.2f} s / {theirs:.2f} s")
    yield Result(f"{what.format(*FEW)} - 1 commit", long - short, 0.3, " s", f"{long:.2f} s - {short:.2f} s")
    if memory is not None:
        yield Result(f"{what.format(*MANY)}, memory", memory, 300, " MB", "peak of the process")


def _commit_many(folder: Path, domains: int, number: int) -> None:
    """Make a repository in which each commit changes one to three domains of policy.yaml; then change one more."""
    chance = random.Random(1)
    before, _, tail = write_many(folder / "policy.yaml", domains).read_text(encoding="utf-8").partition("\ntls_")
    head, *blocks = before.split("\n  domain-")
    start, step = int(time.time()) - DAYS * 86_400, DAYS * 86_400 // number
    commits = []
    for each in range(number):
        for index in chance.sample(range(domains), chance.randint(1, 3) if each else 0):
            own = f"\n    mode: enforce\n    mx: [mx{each}.example.net]" if chance.random() < 0.5 else ""
            blocks[index] = f"{index:05}.example.com:{own}  # change {each}"
        text = "\n  domain-".join((head, *blocks)) + f"\ntls_{tail}"
        commits.append(_commit(text.encode(), start + each * step))
    for words in COMMANDS:
        subprocess.run(["git", *words], cwd=folder, check=True, input=b"".join(commits))
    own = "  new.example.com:\n    mx: [mx.example.net]\ntls_"
    (folder / "policy.yaml").write_text(text.replace("tls_", own), encoding="utf-8", newline="\n")


def _commit(content: bytes, seconds: int) -> bytes:
    head = f"commit refs/heads/main\ncommitter A <a@example.com> {seconds} +0000\ndata 0\nM 644 inline policy.yaml\n"
    return head.encode() + b"data %d\n%s\n" % (len(content), content)
