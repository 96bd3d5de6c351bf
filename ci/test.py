"""All tests: format, lint, types, imports between packages, and pytest with what the tests need.

Run it with Python 3.10 or newer: python ci/test.py
Arguments are passed to pytest. To run only the fast tests: python ci/test.py -m "not slow"
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from workshop import ROOT, TEMPLATE, TESTS, environment, node_tools, runtime_python

CODE = ["ci", "hooks", "tests"]
TOOLKIT = ["{{cookiecutter.domain}}/mtasts", "{{cookiecutter.domain}}/function", "{{cookiecutter.domain}}/tests"]


def main() -> None:
    """Run every step, and fail where one fails."""
    python = str(environment(TESTS))
    places = {"MTASTS_RUNTIME_PYTHON": runtime_python(), "MTASTS_NODE_TOOLS": node_tools(Path(python))}
    variables = {**os.environ, **{name: str(place) for name, place in places.items() if place}}
    imports = Path(python).with_name("lint-imports")  # by the contracts in pyproject.toml
    steps = [
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "mypy", *CODE, *TOOLKIT],
        [str(imports), "--no-cache"],
        [python, "-m", "pytest", "--numprocesses=auto", *sys.argv[1:]],
    ]
    failed = [step for step in steps if run(step, variables)]
    sys.exit(1 if failed else 0)


def run(step: list[str], variables: dict[str, str]) -> int:
    """Run one step, and return its exit code."""
    if "lint-imports" in step[0]:  # it finds the toolkit on this path alone, which the tests must not have
        variables = {**variables, "PYTHONPATH": str(TEMPLATE)}
    print(f"\n$ {' '.join([Path(step[0]).name, *step[1:]])}", flush=True)
    return subprocess.run(step, cwd=ROOT, env=variables, check=False).returncode


if __name__ == "__main__":
    main()
