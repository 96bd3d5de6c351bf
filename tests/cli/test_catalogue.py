"""The catalogue of rules: every rule is in it and is raised, no id stands twice, and none is ever lost."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import mtasts
from mtasts.cli import catalogue
from mtasts.cli.catalogue import CATALOGUE

FOLDER = Path(mtasts.__file__).parent

# What people and tools may refer to since November 2026. None of these is ever taken away, or used for something else.
LISTED = """
MTS101 MTS102 MTS103 MTS104 MTS105 MTS110 MTS111 MTS112 MTS113 MTS114 MTS115 MTS116 MTS117 MTS120 MTS121
MTS122 MTS123 MTS124 MTS125 MTS126 MTS127 MTS128 MTS129 MTS130 MTS131 MTS132 MTS133 MTS140 MTS141 MTS142 MTS143
MTS144 MTS145 MTS150 MTS151 MTS152 MTS153 MTS154 MTS155 MTS156 MTS157 MTS158
MTS201 MTS202 MTS203 MTS204 MTS205 MTS206 MTS207 MTS208 MTS209 MTS210 MTS211 MTS212 MTS214 MTS215 MTS216 MTS220 MTS221
MTS222 MTS223 MTS224 MTS230 MTS231 MTS232 MTS298 MTS299
MTS301 MTS302 MTS303 MTS304 MTS305 MTS306 MTS307 MTS308 MTS309 MTS310 MTS311 MTS312 MTS313 MTS314 MTS315
MTS316 MTS317 MTS318 MTS319
MTS401 MTS402 MTS403 MTS410 MTS411 MTS412 MTS413 MTS414 MTS415 MTS416 MTS417 MTS418 MTS419 MTS420 MTS421
MTS501 MTS502 MTS503 MTS504 MTS505 MTS506 MTS507 MTS508 MTS509 MTS510 MTS511 MTS520 MTS521 MTS522 MTS523
MTS524
"""


class Defined(NamedTuple):
    """A constant that holds a Rule, and the module that it stands in, as "mtasts.sts.names"."""

    module: str
    name: str
    id: str


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield every module of the toolkit by its name, parsed."""
    for path in sorted(FOLDER.rglob("*.py")):
        name = ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def rule_id(node: ast.AST | None) -> str | None:
    """Return the id in a call `Rule("MTS…", …)`; None for all else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule":
        return str(ast.literal_eval(node.args[0]))
    return None


def read_names(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that a module reads, with the module that it comes from.

    What it only compares is left out: that raises no finding.
    """
    nodes = list(ast.walk(tree))
    imported = {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    compared = {id(side) for node in nodes if isinstance(node, ast.Compare) for side in ast.walk(node)}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in compared:
            yield imported.get(node.id, (module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and id(node) not in compared:
            yield ".".join(imported.get(node.value.id, ("", ""))), node.attr


TREES = dict(trees())
DEFINED = [
    Defined(module, ast.unparse(node.targets[0]), found)
    for module, tree in TREES.items()
    for node in tree.body
    if isinstance(node, ast.Assign) and (found := rule_id(node.value))
]
READ = {found for module, tree in TREES.items() for found in read_names(module, tree)}


def test_a_rule_is_a_constant_at_the_top_of_its_module() -> None:
    """One that is made elsewhere would be in no catalogue, and the tests below would not see it."""
    made = [found for tree in TREES.values() for node in ast.walk(tree) if (found := rule_id(node))]
    assert sorted(made) == sorted(rule.id for rule in DEFINED)


def test_no_id_stands_twice() -> None:
    """The catalogue would have the last of them alone."""
    assert [each for each, number in Counter(rule.id for rule in DEFINED).items() if number > 1] == []


def test_every_module_with_a_rule_is_in_the_catalogue() -> None:
    """`explain` and the README know whatever lint, check and plan may name."""
    assert sorted(CATALOGUE) == sorted(rule.id for rule in DEFINED)
    assert {module.__name__ for module in catalogue._MODULES} == {rule.module for rule in DEFINED}


@pytest.mark.parametrize("rule", DEFINED, ids=lambda rule: rule.id)
def test_every_rule_is_raised_somewhere(rule: Defined) -> None:
    """A rule that no check raises explains what nobody will ever see."""
    assert (rule.module, rule.name) in READ


def test_no_id_was_lost() -> None:
    """Ids stand in people's scripts, and in the `Allow:` lines of old commits."""
    assert [each for each in LISTED.split() if each not in CATALOGUE] == []
