"""The genuine Azure CLI against the stand-in for Azure, as programs on a PATH: `az`, and the compiler that it calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bicep import compiler
from conftest import ROOT, give_up, program

SERVER = Path(__file__).with_name("az_server.py")
_CLIENT = """#!{python} -ISB
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({socket!r})
given = {{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(server, [json.dumps(given).encode() + b"\\n"], [0, 1, 2])
sys.exit(server.recv(1)[0])
"""
# The compiler takes two seconds for a file, and the files of a repository do not change between two commands.
_COMPILER = """#!/bin/sh
for word; do case $word in *.bicep) folder=$(dirname "$word") ;; esac; done
files=$(find "${{folder:-.}}" -name '*.bicep' | sort)
key=$(printf '%s' "$*" | sed 's|/[^ ]*/||' | cat - $files | sha256sum | cut -c1-20)
kept={kept}/$key
if [ ! -f "$kept" ]; then
  {compiler} "$@" >"$kept.$$" 2>"$kept.err" || {{ cat "$kept.err" >&2; exit 1; }}
  mv "$kept.$$" "$kept"
fi
cat "$kept"
"""
_KNOWN = "known"  # where az was run once
_QUIET = {
    "AZURE_BICEP_USE_BINARY_FROM_PATH": "true",
    "AZURE_CORE_COLLECT_TELEMETRY": "false",
    "AZURE_CORE_NO_COLOR": "true",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    "AZURE_LOGGING_ENABLE_LOG_FILE": "no",
    "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
}


def _python_of(az: str) -> str:
    """Return the Python that `az` starts with, or give up: Debian's package says it in the first line."""
    with Path(az).open("rb") as file:
        first = file.readline().decode(errors="replace").strip()
    if not first.startswith("#!") or "python" not in first:
        give_up(f"{az} is not the Azure CLI of Debian")
    return first[2:].strip().split()[0]


@contextmanager
def installed(folder: Path) -> Iterator[dict[str, str]]:
    """Load the Azure CLI until the block ends, and yield the environment in which `az` and `bicep` are found."""
    python, place = _python_of(program("az")), folder / "socket"
    programs, kept = folder / "bin", folder / "compiled"
    for each in (programs, kept):
        each.mkdir()
    scripts = {
        "az": _CLIENT.format(python=python, socket=str(place)),
        "bicep": _COMPILER.format(kept=kept, compiler=compiler()),
    }
    for name, text in scripts.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    log = (folder / "az.log").open("wb")
    server = subprocess.Popen([python, "-B", SERVER, place], stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(server, place, folder / "az.log")
        environment = {
            **_QUIET,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(ROOT / ".cache" / "bicep"),
        }
        # Which module has which command: az works it out at its first one, which takes as long as three others.
        first = {**environment, "AZURE_CONFIG_DIR": str(folder / _KNOWN)}
        subprocess.run(["az", "cloud", "show"], env=first, check=True, stdout=subprocess.DEVNULL)
        yield environment
    finally:
        server.kill()
        server.wait()
        log.close()


def _wait(server: subprocess.Popen[bytes], place: Path, log: Path) -> None:
    end = time.monotonic() + 60
    while not place.exists():
        assert server.poll() is None and time.monotonic() < end, log.read_text(encoding="utf-8")
        time.sleep(0.05)


def signed_out(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a new machine, where nobody has signed in."""
    folder.mkdir()
    shutil.copy(Path(environment["HOME"], _KNOWN, "commandIndex.json"), folder)
    return {**environment, "AZURE_CONFIG_DIR": str(folder)}
