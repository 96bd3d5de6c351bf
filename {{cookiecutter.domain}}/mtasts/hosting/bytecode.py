"""The package's bytecode, so that an app which scales from zero compiles nothing while a sender waits.

Azure mounts the package read-only, so Python could never keep what it compiles. The bytecode carries the hash of its
source (PEP 552): if the source or Python's version is another one, Python compiles again and nothing else changes.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mtasts.findings import UserError

# Arguments: the source, the bytecode, and the name that tracebacks show: without the folder of this build.
_COMPILE = """
import py_compile, sys
try:
    py_compile.compile(*sys.argv[1:], doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
except py_compile.PyCompileError:
    pass
"""


def bytecode(package: Path) -> dict[str, bytes]:
    """Compile every Python file of a package, and return the bytecode by its path in the package.

    A file that this Python cannot compile has none; whoever imports it gets the error. Two builds with one version of
    Python are the same to the byte: what is compiled in one process depends on what was compiled there before.
    Raises OSError, UserError.
    """
    sources = sorted(path.relative_to(package) for path in package.rglob("*.py"))
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as threads:
        targets = [Path(name, f"{number}.pyc") for number in range(len(sources))]
        list(threads.map(lambda source, target: _compile(package, source, target), sources, targets))
        return dict(_compiled(sources, targets))


def _compile(package: Path, source: Path, target: Path) -> None:
    command = [sys.executable, "-P", "-S", "-B", "-c", _COMPILE, str(package / source), str(target), source.as_posix()]
    # A set in the source is written in the order of its hashes. Windows needs SYSTEMROOT to start Python at all.
    environment = {"PYTHONHASHSEED": "0", **{key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ}}
    try:
        subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)  # noqa: S603
    except subprocess.SubprocessError:
        raise UserError(f"Python could not compile {source.as_posix()} to bytecode. Run the build again.") from None


def _compiled(sources: list[Path], targets: list[Path]) -> Iterator[tuple[str, bytes]]:
    for source, target in zip(sources, targets, strict=True):
        if target.exists():
            name = Path(importlib.util.cache_from_source(source, optimization="")).as_posix()
            yield name, target.read_bytes()
