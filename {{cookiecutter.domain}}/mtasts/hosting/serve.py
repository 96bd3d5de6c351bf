"""A web server for this machine, in place of what serves the policy elsewhere."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from werkzeug.exceptions import BadRequest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from mtasts.findings import UserError
from mtasts.findings.forms import plain
from mtasts.system.deadline import Deadline

Application = Callable[[Request], Response]

SECONDS = 10  # for a request to come in, however slowly it is sent
BYTES = 1024 * 1024  # of its body

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_TYPES = {".html": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8"}


def static_host(files: Mapping[str, bytes], folder: Callable[[str], str]) -> Application:
    """Return what serves the static files. folder: returns the folder of a host, or nothing if all have the same."""

    def answer(request: Request) -> Response:
        name = request.path.lstrip("/") or "index.html"
        host = request.host.partition(":")[0]
        if own := folder(host):
            name = f"{next(iter(files)).partition('/')[0] if host in LOOPBACK else own}/{name}"
        content = files.get(name) if request.method in ("GET", "HEAD") else None
        kind_of = _TYPES.get(Path(name).suffix, "application/octet-stream")
        return Response(status=404) if content is None else Response(content, content_type=kind_of)

    return answer


def run(application: Application, port: int, started: Callable[[int], None]) -> None:
    """Serve on the loopback address until interrupted. started: gets the port, which is a free one for 0."""

    def whole(request: Request) -> Response:
        try:
            request.get_data()
            _ = request.url
        except (OSError, ValueError):  # a chunk without a size, an end before the end, or a host that is no IDN
            raise BadRequest from None
        return application(request)

    _refuse_taken(port)
    server = make_server("127.0.0.1", port, _Request.application(whole), True, request_handler=_Handler)
    started(server.port)
    with server:
        server.serve_forever()


def _refuse_taken(port: int) -> None:
    """Raise an error that says what to do about a port that cannot be used. werkzeug would print its own message."""
    if os.name == "nt":  # where a second program may have a port too
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "in use by another program" if taken else f"not available: {error.strerror}"
            free = "Choose another with --port, or let --port 0 find a free one."
            raise UserError(f"Port {port} is {why}. {free}") from None


class _Request(Request):
    max_content_length = BYTES


class _Handler(WSGIRequestHandler):
    """Takes any bytes, and prints a plain line per request: a log file or a CI page shows no colours."""

    default_request_version = "HTTP/1.0"  # what names no version gets a status line too

    def setup(self) -> None:
        """Give the whole request SECONDS to come in."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Reader(self.connection))

    def parse_request(self) -> bool:
        """Read the request's head, and answer 400 to one that no address can be read from."""
        if not super().parse_request():
            return False
        try:
            self.make_environ()
        except ValueError:
            self.send_error(400)
            return False
        return True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        """Print the line: what was asked, or what came instead of a request."""
        headers = vars(self).get("headers")
        asked = f"{self.command} {headers.get('host')} {self.path}" if headers else repr(self.requestline[:200])
        with contextlib.suppress(OSError):  # who looked at the lines has gone
            print(plain(f"{int(code)} {asked}"), flush=True)

    def log(self, *_: object) -> None:
        """Say nothing more: the line has the status."""


class _Reader(io.RawIOBase):
    """A connection that is read within SECONDS altogether."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._deadline = connection, Deadline(SECONDS)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.left())
        count = self._connection.recv_into(buffer)
        self._connection.settimeout(SECONDS)  # for the answer
        return count
