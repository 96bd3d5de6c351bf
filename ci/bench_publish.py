"""The benchmark of publish: what our source costs octoDNS, beside octoDNS's own YAML provider with the same records."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Result, in_turns, run, write_many
from workshop import TESTS, environment

ROUNDS = 9
ZONES = 1000

# Both plan for zones that hold the records already, and read those in the same way: it is the source that differs.
TARGET = "class: octodns.provider.yaml.YamlProvider\ndirectory: zones\nescaped_semicolons: true\n"
PLAIN = """providers:
  source: !include dns/provider.yaml
  target: !include dns/provider.yaml
zones: {"*": {sources: [source], targets: [target]}}
"""
# octoDNS without its command line, which writes a log of what it does.
SYNC = """
import logging
logging.getLogger().addHandler(logging.NullHandler())
from octodns.manager import Manager
class Plans:
    def run(self, plans, **_):
        print(f"{len(plans)} plans")
manager = Manager("plain.yaml")
manager.plan_outputs = {"plans": Plans()}
manager.sync()
"""


def publish_speed(repository: Path) -> Iterator[Result]:
    """Compare a plan in which nothing changes with octoDNS's own, both as whole processes."""
    python = str(environment(TESTS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(repository, Path(name, "repository")))
        _prepare(folder, python)
        ours, plain = [python, "-m", "mtasts", "publish", "announcement"], [python, "-c", SYNC]
        if (_told(ours, folder), _told(plain, folder)) != ("no changes", "0 plans"):
            raise SystemExit("publish does not see the zones as octoDNS does")
        seconds, theirs = in_turns(ROUNDS, lambda: run(ours, folder), lambda: run(plain, folder))
    shown = f"{seconds:.2f} s / {theirs:.2f} s"
    yield Result(f"publish, {ZONES} zones without changes / octoDNS from YAML", seconds / theirs, 1.2, "", shown)


def _prepare(folder: Path, python: str) -> None:
    """Write a policy.yaml with a zone for each domain, and the zones as they are once it is published."""
    write_many(folder / "policy.yaml", ZONES)
    records = [python, "-m", "mtasts", "records", "--only", "announcement", "--format", "octodns"]
    (folder / "zones").mkdir()
    for document in re.split(r"(?m)^# (?=\S+\.yaml$)", _told(records, folder))[1:]:
        file, _, content = document.partition("\n")
        (folder / "zones" / file).write_text(content, encoding="utf-8")
    (folder / "dns" / "provider.yaml").write_text(TARGET, encoding="utf-8")
    (folder / "plain.yaml").write_text(PLAIN, encoding="utf-8")


def _told(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
