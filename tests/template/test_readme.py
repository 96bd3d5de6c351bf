"""What the README says is so."""

import json
import re

from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))


def test_the_table_has_every_question_in_order_with_its_choices_and_default() -> None:
    """Taken from cookiecutter.json. A new DNS provider does not change this file: the menu lists them."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", README, re.MULTILINE)
    assert [name for name, _, _ in rows] == [name for name in QUESTIONS if not name.startswith("_")]
    for name, choices, default in rows:
        if isinstance(QUESTIONS[name], list):
            assert re.findall("`([^`]+)`", choices) == (["manual"] if name == "dns_provider" else QUESTIONS[name])
            assert default == f"`{QUESTIONS[name][0]}`"


def test_the_first_screen_has_the_two_commands_and_they_are_what_ci_runs() -> None:
    """The newcomer's commands and the pipelines' are the same."""
    commands = re.findall(r"^python3 (ci/\w+\.py)$", README.split("## ")[0], re.MULTILINE)
    assert commands == ["ci/demo.py", "ci/test.py"]
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1].endswith("python3 ci/test.py")
    for pipeline in (ROOT / ".github/workflows/test.yml", ROOT / "ci/azure-pipelines.yml"):
        text = pipeline.read_text(encoding="utf-8")
        assert [f"python {command}" in text for command in commands] == [True, True]


def test_the_tree_is_there() -> None:
    """Every folder and file that the README lists for the generated repository."""
    block = README.split("## What you get")[1].split("```")[1]
    for name in re.findall(r"^([\w./-]+) +\w", block, re.MULTILINE):
        assert (ROOT / "{{cookiecutter.domain}}" / name).exists(), name
