"""The floors of the toolkit: what its own docstring says of them is so."""

import ast
import re
from pathlib import Path

import mtasts

FOLDER = Path(mtasts.__file__).parent
LINES = re.findall(r"^(\d) (.+)$", mtasts.__doc__ or "", re.MULTILINE)
FLOORS = {
    name: (int(floor), line, place)
    for line, (floor, names) in enumerate(LINES)
    for place, name in enumerate(names.split(" · "))
}


def module(path: Path) -> str:
    """Return the module, or the package, that a file belongs to."""
    return path.relative_to(FOLDER).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Return the modules of the toolkit that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "mtasts":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mtasts."):
            found.add(node.module.split(".")[1])
    return found


def test_every_module_stands_on_a_floor() -> None:
    """None is forgotten, and none is named that is gone."""
    modules = {module(path) for path in FOLDER.rglob("*.py")} - {"__init__", "__main__", "__pycache__"}
    assert modules == set(FLOORS)


def test_a_module_imports_only_from_below() -> None:
    """From a lower floor, or from those named before it on its own line."""
    wrong = []
    for path in FOLDER.rglob("*.py"):
        name = module(path)
        if name in ("__init__", "__main__"):
            continue
        floor, line, place = FLOORS[name]
        for other in imported(path) - {name}:
            its_floor, its_line, its_place = FLOORS[other]
            if its_floor > floor or (its_floor == floor and (its_line, its_place) >= (line, place)):
                wrong.append(f"{path.relative_to(FOLDER)} imports {other}")
    assert wrong == []


def test_the_core_does_not_reach_into_the_network() -> None:
    """Floors 0 to 2 ask nobody, and read the file that they are given."""
    for path in FOLDER.rglob("*.py"):
        name = module(path)
        if name in FLOORS and FLOORS[name][0] <= 2:
            assert not re.search(
                r"^\s*(from|import) (socket|ssl|dns|urllib3|smtplib|subprocess)\b",
                path.read_text(encoding="utf-8"),
                re.MULTILINE,
            )
