"""What a script reads: `plan --exit-code` never ends with the 2 of a safe change if nothing was compared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Bake, verb
from repositories import Repository, environment

pytestmark = pytest.mark.slow  # starts a process for every row

WRONG = [
    ("--bse", "x"),  # an option that does not exist, by a slip
    ("--base", ""),  # a script's "$BASE" that is not set
    ("--base",), ("--base", "nowhere"), ("--base", "--help"), ("--format", "nonsense"), ("--format",),
    ("--file",), ("--timeout", "x"), ("--timeout", "0"), ("--jobs", "0"), ("--timeout", "nan"), ("--jobs", "x"),
    ("--resolver", "not-an-address"),
    ("--ca-file", "missing.pem"), ("--live", "--ca-file", "policy.yaml"),
    ("--https-port", "0"), ("--smtp-port", "99999"), ("word",),
    ("--", "word"), ("--live=1",),
    ("--file", "missing.yaml"), ("--output", "missing/plan.md"), ("-x",),
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, cookiecutter_config: Path) -> Path:
    """A repository with one commit, and a safe change beside it."""
    from cookiecutter.main import cookiecutter

    from conftest import ROOT

    where = {"output_dir": str(tmp_path_factory.mktemp("codes")), "config_file": str(cookiecutter_config)}
    folder = Path(cookiecutter(str(ROOT), no_input=True, **where))
    made = Repository(folder)
    made.commit({}, "2026-01-01")
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("604800", "604801"), encoding="utf-8")
    return folder


def code(repository: Path, *words: str) -> int:
    """Return a run's exit code."""
    done = verb(repository, *words, env=environment())
    assert b"Traceback" not in done.stderr
    return done.returncode


def test_a_safe_change_is_2(repository: Path) -> None:
    """The tests that follow prove something."""
    assert code(repository, "plan", "--base", "main", "--exit-code") == 2
    assert code(repository, "plan", "--base", "main") == 0


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_use_is_1_in_any_order(repository: Path, words: tuple[str, ...]) -> None:
    """Whatever is wrong, before and behind the option."""
    orders = [("plan", "--exit-code", *words), ("plan", *words, "--exit-code")]
    if words != ("--base",) and words != ("--file",) and words != ("--format",) and words[0] != "--":
        orders.append(("plan", "--base=main", *words, "--exit-code"))
    for order in orders:
        assert code(repository, *order) == 1 or order[-2:] == ("--help", "--exit-code"), order


@pytest.mark.parametrize(
    "words",
    [
        ("--bogus", "plan", "--exit-code"), ("pln", "--exit-code"), ("plan", "--exit-cod"), ("plan", "--exitcode"),
        ("plan", "--exit-code=yes"), ("--exit-code", "plan"), ("--exit-code",), ("lint", "--exit-code"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_words_that_are_nearly_it(repository: Path, words: tuple[str, ...]) -> None:
    """Who writes it elsewhere, or with a slip, reads the code in the same way."""
    assert code(repository, *words) == 1


def test_a_package_that_is_missing(repository: Path) -> None:
    """No traceback, no 2: nothing was compared."""
    for words, expected in ((["plan", "--exit-code"], 1), (["plan"], 2)):
        start = "import sys; sys.path[:0] = ['.']; import runpy; runpy.run_module('mtasts', run_name='__main__')"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", start, *words], cwd=repository, capture_output=True, check=False
        )
        assert done.returncode == expected
        assert b"click is not installed" in done.stderr


@pytest.mark.parametrize("missing", ["HOME", "PATH", "LANG", "COLUMNS"])
def test_a_variable_that_is_not_set(repository: Path, missing: str) -> None:
    """git is found by PATH; whatever else is not there."""
    done = subprocess.run(
        [sys.executable, "-m", "mtasts", "plan", "--exit-code", "--base", "main"],
        cwd=repository,
        env={key: value for key, value in environment().items() if key != missing},
        capture_output=True,
        check=False,
    )
    assert done.returncode in ((1, 2) if missing == "PATH" else (2,))
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["GITHUB_BASE_REF", "SYSTEM_PULLREQUEST_TARGETBRANCH"])
def test_a_base_that_the_pipeline_names_and_nobody_fetched(repository: Path, name: str) -> None:
    """It is no safe change either."""
    done = verb(repository, "plan", "--exit-code", env={**environment(), name: "nowhere"})
    assert (done.returncode, b"nowhere" in done.stderr) == (1, True)


def test_without_the_option_wrong_use_is_2(bake: Bake) -> None:
    """As it always was, in every verb."""
    folder = bake()
    for words in (("plan", "--bse", "x"), ("pln",), ("lint", "--x"), ("explain", "MTS999"), ("render", "x.example")):
        assert verb(folder, *words).returncode == 2
    assert os.environ.get("MTASTS") is None
