"""An Azure Function: its own files, and its dependencies as the wheels for Linux and Python 3.13 that its lock names.

They are unpacked as they are, so the package is the same to the byte from any machine.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mtasts.config.model import Config
from mtasts.findings import UserError
from mtasts.hosting.build import Files, Hosting, below, texts, write_files
from mtasts.hosting.bytecode import bytecode
from mtasts.hosting.page import page
from mtasts.system.files import read

if TYPE_CHECKING:
    from mtasts.hosting.serve import Application

FOLDER = ".python_packages/lib/site-packages"  # where the Functions host looks for them

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_TARGET = ("--platform=manylinux2014_x86_64", "--python-version=3.13", "--implementation=cp", "--only-binary=:all:")
# No site-packages and nothing of the environment: the import finds what is deployed, and nothing else.
_ALONE = ("-I", "-S", "-B", "-c")
_DONE = "function_app is imported"  # an import that ends the process with exit code 0 does not come so far
_INDEX = f"""
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/{FOLDER}"]
import function_app
if not function_app.app.get_functions():
    sys.exit("function_app.app has no function")
print("\\n{_DONE}")
"""


class Function(Hosting):
    """An app that picks the policy by the host, beside the files for static hosting."""

    def function_files(self, config: Config, source: Path, wheels: Path | None = None) -> Files:
        """Return the Function's own files, and with wheels its dependencies."""
        found = texts(source, ("function_app.py", "host.json", "requirements.txt"))
        policies = {domain.name: domain.policy.render() for domain in config.domains}
        built = {"hostname": config.hosting.hostname, "policies": policies}
        found["policies.json"] = json.dumps(built, indent=2).encode()
        found["index.html"] = page(config.domains).encode()
        return {**found, **(dict(files(source / "requirements.txt", wheels)) if wheels else {})}

    def files(self, config: Config, repository: Path, wheels: Path | None) -> Files:
        """Return the Function's package, and the files for static hosting."""
        function = self.function_files(config, repository / "function", wheels)
        return {**below("function", function), **super().files(config, repository, wheels)}

    def finish(self, built: Path, packages: bool, say: Callable[[str], object]) -> None:
        """Prove that Azure will find the Function, add its bytecode, and pack it."""
        package = built / "function"
        if packages:
            write_files(package, self._proved(package, say))
        names = sorted(path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file())
        _write_zip(built / "function.zip", {name: (package / name).read_bytes() for name in names})

    def application(self, config: Config, repository: Path, folder: Path, port: int) -> Application:
        """Return the Function, as Azure runs it."""
        from mtasts.hosting.functions_host import FunctionsHost  # not at the top: a build serves nothing

        write_files(folder, self.function_files(config, repository / "function"))
        return FunctionsHost(folder, f"localhost:{port}")

    def _proved(self, package: Path, say: Callable[[str], object]) -> Files:
        """Prove that Azure will find the Function, and return its bytecode. Say so if this Python cannot."""
        if can_index():
            index(package)
            return bytecode(package)
        say(
            "The package has no bytecode, so the app starts more slowly. Nor was it tested that function_app.py can be "
            "imported from the package. Both need Python 3.13 on Linux (x86-64), as in the pipeline."
        )
        return {}


HOSTING = Function()


def files(lock: Path, wheels: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file of the dependencies.

    wheels: a folder that keeps what was downloaded: with it, a second build needs no network.
    Raises UserError.
    """
    wanted = _pinned(read(lock, top=lock.parent.parent).decode())
    if not wanted:
        raise UserError(f"{lock.as_posix()} pins no package. Restore it from git.")
    if not all(_has(pin, hashes, _held(wheels)) for pin, hashes in wanted):
        _download(lock, wheels)
    taken = set().union(*(hashes for _, hashes in wanted))
    for digest, path in sorted(_held(wheels).items()):
        if digest in taken:
            yield from _unpacked(path)


def _pinned(lock: str) -> list[tuple[str, set[str]]]:
    """Return each package of a lock, as name==version, and the hashes of its wheels for all systems."""
    packages = re.findall(r"^[^\s#-].*(?:\n[ \t].*)*", lock, re.MULTILINE)
    return [(package.split()[0], set(re.findall(r"--hash=sha256:([0-9a-f]{64})", package))) for package in packages]


def _has(pin: str, hashes: set[str], held: dict[str, Path]) -> bool:
    """Tell whether one of the wheels is this package, by its hash and by its version. If not, pip judges the pin."""
    return any(_plain(pin) == _plain("==".join(held[digest].name.split("-")[:2])) for digest in hashes & held.keys())


def _plain(pin: str) -> str:
    return re.sub("[-_.]+", "-", pin).lower()


def _held(wheels: Path) -> dict[str, Path]:
    found = (path for path in sorted(wheels.glob("*.whl")) if path.is_file() and not path.is_symlink())
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in found}


def _download(lock: Path, wheels: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [*_TARGET, "--require-hashes", "--requirement", str(lock), "--dest", str(wheels)]
    here = lock.parent.parent  # `-m` takes modules from the current folder, and -C may have made that another tree
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr.strip())
        raise UserError(
            f"The Function's dependencies could not be downloaded: {reason[:300]} "
            f"Check the network and {lock.as_posix()}, or build without the dependencies: --no-packages."
        )


def _unpacked(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/"):
                yield f"{FOLDER}/{name}", archive.read(name)


def can_index() -> bool:
    """Tell whether this is the Python that Azure runs the Function with, so that it can prove the package."""
    return sys.version_info[:2] == (3, 13) and sys.platform == "linux" and platform.machine() == "x86_64"


def index(package: Path) -> None:
    """Import function_app as Azure does, with nothing but what is in the package's folder.

    Azure swallows a failing import: the app then has no function, and answers 404 to everything.
    Raises UserError.
    """
    command = [sys.executable, *_ALONE, _INDEX, str(package.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
        ended = done.stderr.strip().rpartition("\n")[2] or "the import ends the process"
        reason = "" if done.returncode == 0 and done.stdout.endswith(f"\n{_DONE}\n") else ended
    except subprocess.TimeoutExpired:
        reason = "the import takes longer than a minute"
    if reason:
        raise UserError(
            f"function_app.py cannot be imported from the package: {reason[:300]}. Azure would find no function "
            "and answer 404 to everything. If a dependency is missing, add it to function/requirements.in and run the "
            "command at the top of function/requirements.txt in function/."
        )


def _write_zip(path: Path, contents: Files) -> None:
    # Stored and not deflated: compressors differ from one Python to the next, and so would the bytes.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, on Windows too
            archive.writestr(entry, content)
