"""The genuine Azure CLI, loaded once: each command runs in a fork of this process, as `az` would run it.

The CLI's own Python starts this file with the path of a socket. `az` takes a second to start, most of it to import what
is already here. A client sends its standard streams, and its words, folder and environment as a line of JSON.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from typing import Any

LOADED = ("resource", "profile", "storage", "appservice", "util", "role")
PARTS = ("custom", "_params", "commands", "_client_factory", "_validators")


def load() -> None:
    """Import what commands of these kinds import. What is missing in a version is imported by who needs it."""
    for name in ("core", "core.commands", "core._profile", "core.auth.identity", "core.auth.msal_authentication"):
        importlib.import_module(f"azure.cli.{name}")
    for name in LOADED:
        for part in PARTS:
            with contextlib.suppress(ImportError):
                importlib.import_module(f"azure.cli.command_modules.{name}.{part}")


def serve(path: str) -> None:
    """Take commands for ever, each in a process of its own that watches over the one that runs it."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(50)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        client, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            watch(client)
        client.close()


def watch(client: socket.socket) -> None:
    """Run a command, and send its exit code."""
    data, streams, _, _ = socket.recv_fds(client, 1 << 16, 3)
    while not data.endswith(b"\n"):
        data += client.recv(1 << 16)
    child = os.fork()
    if child == 0:
        client.close()
        run(json.loads(data), streams)
    _, status = os.waitpid(child, 0)
    client.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
    os._exit(0)


def run(given: dict[str, Any], streams: list[int]) -> None:
    """Be `az` with these words, in this folder, with this environment and these streams."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environment"])
    sys.argv = ["az", *given["words"]]
    code = 1
    try:
        runpy.run_module("azure.cli", run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file, whose names are not meant
    load()
    serve(sys.argv[1])
