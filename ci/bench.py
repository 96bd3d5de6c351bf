"""The benchmark: each target as a ratio within one run, with what was measured. It fails where a target is missed.

Run it on a quiet machine: python ci/bench.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench_check import check_speed
from bench_hostile import hostile_speed
from bench_plan import plan_speed
from bench_publish import publish_speed
from measure import Result, in_turns, peak, run, timed, write_many
from workshop import ROOT, TESTS, TOOLKIT, environment, runtime_python

BASELINE = """
import json, jsonschema, yaml
with open('policy.yaml') as policy, open('policy.schema.json') as schema:
    jsonschema.validate(yaml.safe_load(policy), json.load(schema))
"""
SMALLEST = '{"domain": "example.com"}'


def main() -> None:
    """Measure everything, print a table, and fail where a target is missed."""
    python = str(environment(TESTS))
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as name:
        repository = bake(python, ROOT, Path(name, "repository")) / "example.com"
        for measure in (lint_process, lint_growth, package_size, check_speed, publish_speed, plan_speed, hostile_speed):
            results += measure(repository)
        results += bake_time(python, Path(name))
        results += runtime(repository)
    for result in results:
        mark = "ok    " if result.figure <= result.target else "MISSED"
        figure, target = (f"{number}{result.unit}" for number in (round(result.figure, 2), result.target))
        print(f"{mark} {result.what}: {figure} (target {target}); {result.shown}")
    sys.exit(any(result.figure > result.target for result in results))


def lint_process(repository: Path) -> Iterator[Result]:
    """Compare lint of one domain, as a whole process, with a process that validates against the same schema."""
    python = str(environment(TOOLKIT))
    lint = [python, "-m", "mtasts", "lint"]
    ours, plain = in_turns(21, lambda: run(lint, repository), lambda: run([python, "-c", BASELINE], repository))
    yield Result("lint, one domain / PyYAML + jsonschema", ours / plain, 1.3, "", f"{ours:.3f} s / {plain:.3f} s")


def lint_growth(repository: Path) -> Iterator[Result]:
    """Compare how lint grows from 100 to 10,000 domains with how the file grows; and its memory."""
    python = str(environment(TOOLKIT))
    small, large = (write_many(repository / f"{number}.yaml", number) for number in (100, 10_000))
    seconds = [
        median(run([python, "-m", "mtasts", "lint", str(path)], repository) for _ in range(3))
        for path in (small, large)
    ]
    growth = large.stat().st_size / small.stat().st_size
    yield Result(
        "lint, 10,000 domains / 100, per growth of the file",
        seconds[1] / seconds[0] / growth,
        1,
        "",
        f"{seconds[1]:.2f} s / {seconds[0]:.2f} s, file {growth:.0f} times",
    )
    if hasattr(os, "wait4"):
        memory = peak([python, "-m", "mtasts", "lint", str(large)], repository)
        yield Result("lint, 10,000 domains, memory", memory, 300, " MB", "peak of the process")


def package_size(repository: Path) -> Iterator[Result]:
    """Measure what the package has besides azure-functions and what that needs."""
    run([str(environment(TOOLKIT)), "-m", "mtasts", "build"], repository)
    with zipfile.ZipFile(repository / "build" / "function.zip") as package:
        own = [entry for entry in package.infolist() if not entry.filename.startswith(".python_packages/")]
    size = sum(entry.file_size for entry in own) / 1024
    yield Result("package, our own files", size, 20, " KB", ", ".join(entry.filename for entry in own))


def bake_time(python: str, folder: Path) -> Iterator[Result]:
    """Compare a bake with a bake of a template that has one file."""
    smallest = folder / "smallest"
    (smallest / "{{cookiecutter.domain}}").mkdir(parents=True)
    (smallest / "{{cookiecutter.domain}}" / "policy.yaml").write_text("{{ cookiecutter.domain }}\n", encoding="utf-8")
    (smallest / "cookiecutter.json").write_text(SMALLEST, encoding="utf-8")
    number = iter(range(1000))
    ours, plain = in_turns(
        9,
        lambda: timed(lambda: bake(python, ROOT, folder / str(next(number)))),
        lambda: timed(lambda: bake(python, smallest, folder / str(next(number)))),
    )
    yield Result("bake / bake of the smallest template", ours / plain, 1.5, "", f"{ours:.3f} s / {plain:.3f} s")


def runtime(repository: Path) -> Iterator[Result]:
    """Compare our Function with one that returns a constant, through Microsoft's runtime, and its start as shipped."""
    python = runtime_python()
    if python is None:
        sys.exit("Microsoft's runtime needs Python 3.13, and none was found.")
    run([str(python), "-m", "mtasts", "build"], repository)
    command = [str(python), str(ROOT / "ci" / "bench_runtime.py"), str(repository / "build" / "function")]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for what, key, other, unit in (
        ("invocation / constant", "invocation_ratio", "constant", "us"),
        ("invocation / async constant", "invocation_ratio_to_async", "constant_async", "us"),
    ):
        shown = f"{found['invocation_ours_us']} {unit} / {found[f'invocation_{other}_us']} {unit}"
        yield Result(what, found[key], 1.05, "", shown)
    shown = f"{found['indexing_ours_ms']} ms / {found['indexing_constant_ms']} ms"
    yield Result("import and indexing / constant", found["indexing_ratio"], 1.05, "", shown)
    shown = f"{found['import_shipped_ms']} ms / {found['import_bare_ms']} ms of CPU"
    yield Result("cold import as shipped / without bytecode", found["bytecode_ratio"], 0.4, "", shown)


def bake(python: str, template: Path, folder: Path) -> Path:
    """Bake a template with its defaults, in a process of its own as users do."""
    folder.mkdir()
    words = [python, "-m", "cookiecutter", str(template), "--no-input", "--output-dir", str(folder)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return folder


if __name__ == "__main__":
    main()
