"""The package's bytecode: the app compiles nothing when it starts, and never runs anything but its source.

Built with the Python that Azure has, and started by Microsoft's own runtime from a folder that nobody can write to,
without leave to write bytecode, as Azure mounts a package.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import ROOT, Bake, verb

pytestmark = pytest.mark.slow  # builds with Azure's Python, and starts Microsoft's Functions runtime

DRIVER = ROOT / "tests" / "hosting" / "runtime" / "driver.py"
POLICY = b"version: STSv1\r\nmode: testing\r\nmx: mx1.example.com\r\nmx: mx2.example.com\r\nmax_age: 604800\r\n"


POLICY_TWO = b"version: STSv1\r\nmode: enforce\r\nmx: mx.two.example\r\nmax_age: 604800\r\n"


@pytest.fixture
def repository(bake: Bake) -> Path:
    """A repository that serves its policy with a Function."""
    return bake(hosting="function", mx_hosts="mx1.example.com, mx2.example.com")


@pytest.fixture
def package(repository: Path, runtime_python: Path) -> Iterator[Path]:
    """Its package, built with Azure's Python."""
    done = verb(repository, "build", python=runtime_python)
    assert (done.returncode, done.stderr) == (0, b"")
    yield repository / "build" / "function"
    set_modes(repository / "build", 0o755, 0o644)


def set_modes(folder: Path, folders: int, others: int) -> None:
    """Give a folder and all in it these modes."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else others)


def start(python: Path, package: Path, *hosts: str) -> tuple[list[tuple[int, bytes]], list[str]]:
    """Start a package, and ask for a policy at each host. Return the answers, and what was compiled for them."""
    set_modes(package, 0o555, 0o444)
    asked = [
        {"function": "policy", "method": "GET", "url": f"https://{host}/", "headers": {"Host": host}} for host in hosts
    ]
    done = subprocess.run(
        [python, "-B", "-v", DRIVER, package],
        input=json.dumps(asked),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    answers = [(each["status"], base64.b64decode(each["body"])) for each in json.loads(done.stdout)["answers"]]
    # Python -v says "code object from 'X.pyc'" for bytecode that it took, and "code object from X.py" otherwise.
    words = (line.rpartition("code object from ")[2].strip("'\"") for line in done.stderr.splitlines())
    compiled = sorted(Path(word).relative_to(package).as_posix() for word in words if is_source(word, package))
    return answers, compiled


def is_source(word: str, package: Path) -> bool:
    """Tell whether this is a Python file of the package."""
    return word.endswith(".py") and word.startswith(str(package))


def test_a_start_compiles_nothing(package: Path, runtime_python: Path) -> None:
    """Every cold start compiled 125 files: 0.18 s of CPU here, and 0.06 s with bytecode."""
    assert start(runtime_python, package, "mta-sts.example.com") == ([(200, POLICY)], [])


def test_three_domains_have_three_policies(repository: Path, runtime_python: Path) -> None:
    """As many as have certificates: from policy.yaml to the answers of Microsoft's runtime. A fourth gets none."""
    path = repository / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    others = "  two.example: {mode: enforce, mx: [mx.two.example]}\n  three.example: {max_age: 86400}\n"
    path.write_text(text.replace("  example.com:\n", f"  example.com:\n{others}"), encoding="utf-8")
    assert verb(repository, "build", python=runtime_python).returncode == 0
    hosts = [f"mta-sts.{name}" for name in ("example.com", "two.example", "three.example", "four.example")]
    answers, compiled = start(runtime_python, repository / "build" / "function", *hosts)
    set_modes(repository / "build", 0o755, 0o644)
    assert answers[:2] == [(200, POLICY), (200, POLICY_TWO)]
    assert answers[2] == (200, POLICY.replace(b"604800", b"86400"))
    assert (answers[3][0], b"STSv1" in answers[3][1], compiled) == (404, False, [])


def test_every_file_has_its_bytecode_in_the_zip(package: Path) -> None:
    """Beside its source, where Python looks for it. Azure unpacks the zip and nothing else."""
    with zipfile.ZipFile(package.with_suffix(".zip")) as archive:
        names = archive.namelist()
        inside = {name: archive.read(name) for name in names if name.endswith(".pyc")}
    sources = [name for name in names if name.endswith(".py")]
    wanted = [f"{Path(name).parent.as_posix()}/__pycache__/{Path(name).stem}.cpython-313.pyc" for name in sources]
    assert sorted(inside) == sorted(name.removeprefix("./") for name in wanted)
    assert ".python_packages/lib/site-packages/azure/functions/__pycache__/__init__.cpython-313.pyc" in inside
    # PEP 552: the word after the magic number is 3 for bytecode that is checked against its source's hash.
    assert {content[4:8] for content in inside.values()} == {b"\3\0\0\0"}


def test_two_builds_are_the_same_to_the_byte(repository: Path, tmp_path: Path, runtime_python: Path) -> None:
    """In two folders, and whatever order sets have: nothing of the machine that built it is in a package."""
    other = Path(shutil.copytree(repository, tmp_path / "other" / "place"))
    for folder, seed in ((repository, "1"), (other, "2")):
        assert verb(folder, "build", python=runtime_python, env={"PYTHONHASHSEED": seed}).returncode == 0
    first, second = ((folder / "build" / "function.zip").read_bytes() for folder in (repository, other))
    assert first == second
    assert str(tmp_path).encode() not in first


def change_source(package: Path) -> list[str]:
    """Change function_app.py after it was compiled."""
    source = package / "function_app.py"
    source.write_bytes(source.read_bytes().replace(b'"no-store"', b'"no-cache"') + b"# changed\n")
    return ["function_app.py"]


def change_magic(package: Path) -> list[str]:
    """Make all bytecode that of another Python: Azure moves to one some day."""
    for path in package.rglob("*.pyc"):
        path.write_bytes(b"\0\0\r\n" + path.read_bytes()[4:])
    return ["function_app.py"]


def cut_short(package: Path) -> list[str]:
    """Cut a file of bytecode short, as a full disk does."""
    path = package / "__pycache__" / "function_app.cpython-313.pyc"
    path.write_bytes(path.read_bytes()[:12])
    return ["function_app.py"]


def take_away(package: Path) -> list[str]:
    """Take one file of bytecode away."""
    (package / "__pycache__" / "function_app.cpython-313.pyc").unlink()
    return ["function_app.py"]


@pytest.mark.parametrize("change", [change_source, change_magic, cut_short, take_away])
def test_bytecode_that_does_not_fit_is_not_run(
    package: Path, runtime_python: Path, change: Callable[[Path], list[str]]
) -> None:
    """Python compiles the source anew, and the policy is served."""
    set_modes(package, 0o755, 0o644)
    recompiled = change(package)
    ((status, body),), compiled = start(runtime_python, package, "mta-sts.example.com")
    assert (status, body) == (200, POLICY)
    assert set(recompiled) <= set(compiled)


@pytest.mark.skipif(sys.version_info[:2] == (3, 13) and sys.platform == "linux", reason="this Python is Azure's")
def test_another_python_builds_without_bytecode_and_says_so(repository: Path) -> None:
    """Its bytecode would be of no use on Azure."""
    done = verb(repository, "build")
    assert done.returncode == 0
    assert done.stderr.decode().replace(os.linesep, "\n") == (
        "The package has no bytecode, so the app starts more slowly. Nor was it tested that function_app.py can be "
        "imported from the package. Both need Python 3.13 on Linux (x86-64), as in the pipeline.\n"
    )
    assert list((repository / "build").rglob("*.pyc")) == []


def test_a_file_that_cannot_be_compiled_has_no_bytecode(repository: Path, runtime_python: Path) -> None:
    """A dependency may bring one that it never imports, such as a template of code."""
    code = (
        "from pathlib import Path\nfrom mtasts.hosting.bytecode import bytecode\nprint(sorted(bytecode(Path('some'))))"
    )
    folder = repository / "some"
    (folder / "inner").mkdir(parents=True)
    (folder / "good.py").write_text("x = 1\n", encoding="utf-8")
    (folder / "inner" / "bad.py").write_text("def {{ name }}(:\n", encoding="utf-8")
    (folder / "inner" / "zero.py").write_bytes(b"x = 1\0\n")
    done = subprocess.run(
        [runtime_python, "-c", code],
        cwd=repository,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == "['__pycache__/good.cpython-313.pyc']\n"
