"""What the benchmarks share: a result, the times and the memory of a command, and a policy.yaml with many domains."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple


class Result(NamedTuple):
    """One measured figure and its target. unit: of the figure; shown: what it was made from."""

    what: str
    figure: float
    target: float
    unit: str
    shown: str


def write_many(path: Path, number: int) -> Path:
    """Write a policy.yaml with this many domains, half of them with a policy of their own."""
    own = "\n    mode: enforce\n    mx: [mx1.example.net, mx2.example.net]"
    domains = [f"  domain-{index:05}.example.com:{own if index % 2 else ''}\n" for index in range(number)]
    head = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains:\n"
    tail = "tls_reporting: {rua: [mailto:tls@example.com]}\nhosting: {kind: web-server, hostname: www.example.com}\n"
    path.write_text(head + "".join(domains) + tail, encoding="utf-8")
    return path


def peak(command: list[str], folder: Path) -> float:
    """Return the most memory that a command takes, in MB."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return float(usage.ru_maxrss) / (1024 if sys.platform == "linux" else 1024 * 1024)


def run(command: list[str], folder: Path) -> float:
    """Run a command, and return its seconds."""
    return timed(lambda: subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL))


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(rounds: int, *actions: Callable[[], float]) -> list[float]:
    """Return the median of what each action returns; in turns, so that a slow spell meets all of them."""
    for action in actions:
        action()
    taken = [[action() for action in actions] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]
