"""The Function's dependencies, as the wheels for Linux and Python 3.13 that its requirements.txt names by hash.

They are unpacked as they are, so the package is the same to the byte from any machine.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mtasts.files import read

FOLDER = ".python_packages/lib/site-packages"  # where the Functions host looks for them

_TARGET = ("--platform=manylinux2014_x86_64", "--python-version=3.13", "--implementation=cp", "--only-binary=:all:")


class PackagesError(Exception):
    """The dependencies cannot be had. The message says why and what to do."""


def files(requirements: Path, wheels: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file of the dependencies.

    wheels: a folder that keeps what was downloaded: with it, a second build needs no network.
    Raises PackagesError.
    """
    hashes = set(
        re.findall(
            r"--hash=sha256:([0-9a-f]{64})",
            read(requirements, top=requirements.parent.parent).decode(),
        )
    )
    if not hashes <= _held(wheels).keys():
        _download(requirements, wheels)
    for digest, path in sorted(_held(wheels).items()):
        if digest in hashes:
            yield from _unpacked(path)


def _held(wheels: Path) -> dict[str, Path]:
    found = (path for path in sorted(wheels.glob("*.whl")) if path.is_file() and not path.is_symlink())
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in found}


def _download(requirements: Path, wheels: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [*_TARGET, "--require-hashes", "--requirement", str(requirements), "--dest", str(wheels)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr.strip())
        raise PackagesError(
            f"The Function's dependencies could not be downloaded: {reason[:300]} "
            f"Check the network and {requirements.as_posix()}, or build with --no-packages to look at the rest."
        )


def _unpacked(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/"):
                yield f"{FOLDER}/{name}", archive.read(name)
