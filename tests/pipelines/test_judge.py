"""The target branch judges a pull request: real git, and the judging scripts as the pipelines call them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import program
from pipeline_files import GENERATED, bash_only, load
from repositories import Repository, environment

GOOD = "version: STSv1\nmode: testing\nmax_age: 86400\nmx: [mx1.example.com]\ndomains: {example.com: {}}\n"
BAD = GOOD.replace("STSv1", "STSv2")
FORGED = "raise SystemExit(0)\n"

# What a pull request may edit so that nobody judges it, beside the policy that it breaks.
EDITS = [
    ".azuredevops/judge.sh",
    ".github/actions/judge/action.yml",
    "mtasts/__main__.py",
    "mtasts/cli/lint.py",
    "requirements.txt",
    "policy.schema.json",
    "click.py",
    "sitecustomize.py",
    "git",
]


def script_of(system: str) -> str:
    """Return what a system runs to judge."""
    if system == "azure-devops":
        return (GENERATED / ".azuredevops" / "judge.sh").read_text(encoding="utf-8")
    return str(load(GENERATED / ".github/actions/judge/action.yml")["runs"]["steps"][-1]["run"])


def judged(system: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Let the tree in `base` judge the tree in `change`, as a system does. pip has nothing to do here."""
    programs = folder / "programs"
    programs.mkdir()
    python = programs / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] || exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    base = folder / "base"
    values = {
        **environment(),
        "PATH": f"{programs}:{environment()['PATH']}",
        "GITHUB_ACTION_PATH": str(base / ".github/actions/judge"),
        "GITHUB_WORKSPACE": str(folder),
        "VERB": "lint",
    }
    words = [str(base / ".azuredevops/judge.sh"), "lint"] if system == "azure-devops" else ["-ec", script_of(system)]
    return subprocess.run(
        [program("bash"), *words], cwd=folder / "change", env=values, capture_output=True, encoding="utf-8", timeout=60
    )


def two_trees(folder: Path) -> tuple[Path, Repository]:
    """Make the target branch's tree, and a pull request's that breaks the policy."""
    for name in ("mtasts", ".azuredevops", ".github"):
        shutil.copytree(GENERATED / name, folder / "base" / name)
    for name in ("policy.schema.json", "requirements.txt"):
        shutil.copy(GENERATED / name, folder / "base" / name)
    change = Repository(folder / "change")
    change.write({"policy.yaml": BAD})
    return folder / "base", change


@bash_only
@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("system", ["github", "azure-devops"])
def test_a_pull_request_cannot_edit_what_judges_it(system: str, edit: str, tmp_path: Path) -> None:
    """Prove that a change of any file on the way to the judgement leaves a broken policy refused."""
    _, change = two_trees(tmp_path)
    path = change.folder / edit
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FORGED)
    done = judged(system, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "MTS110" in done.stdout + done.stderr


@bash_only
@pytest.mark.slow
@pytest.mark.parametrize("system", ["github", "azure-devops"])
def test_a_symbolic_link_out_of_the_tree_is_refused(system: str, tmp_path: Path) -> None:
    """Prove that a policy elsewhere, good as it may be, is not taken for the pull request's."""
    _, change = two_trees(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (change.folder / "policy.yaml").unlink()
    (change.folder / "policy.yaml").symlink_to(tmp_path / "good.yaml")
    done = judged(system, tmp_path)
    assert done.returncode == 1
    assert "symbolic link" in done.stdout + done.stderr
