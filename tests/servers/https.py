"""Policy hosts: a good HTTPS server for all that HTTP allows, and talks for the faults that no HTTP library makes."""

from __future__ import annotations

import gzip
import re
import ssl
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from servers.loopback import Connection, Talk

PATH = "/.well-known/mta-sts.txt"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@dataclass(frozen=True)
class Answer:
    """What a policy host answers at one path; at all others it answers 404."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})
    path: str = PATH


class PolicyHosts(AbstractContextManager["PolicyHosts"]):
    """One HTTPS server that answers for many hosts, each by the name in the request."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext, answers: Mapping[str, Answer]) -> None:
        self._answers = answers
        self._server = HTTPServer(address, port, ssl_context=context, threaded=True)
        self._server.expect_request(re.compile("")).respond_with_handler(self._answer)
        self._server.start()  # type: ignore[no-untyped-call, unused-ignore]

    def __exit__(self, *error: object) -> None:
        self._server.stop()  # type: ignore[no-untyped-call, unused-ignore]

    def _answer(self, request: Request) -> Response:
        answer = self._answers[request.host.partition(":")[0]]
        if request.path != answer.path:
            return Response("Nothing is here.", 404)
        response = Response(answer.body, answer.status)
        del response.headers["Content-Type"]
        response.headers.update(answer.headers)
        return response


def sends(*parts: bytes) -> Talk:
    """Return a talk that hears the request, sends these bytes and no others, and closes."""

    def talk(connection: Connection) -> None:
        connection.hear(b"\r\n\r\n")
        for part in parts:
            connection.say(part)

    return talk


def answers(body: bytes, *headers: bytes, head: bytes = _HEAD) -> Talk:
    """Return a talk that answers 200 with these headers, and no Content-Length unless it is among them."""
    return sends(head, *(header + b"\r\n" for header in headers), b"\r\n", body)


def zipped(body: bytes) -> Talk:
    """Return a talk that answers compressed, which nobody asked for."""
    data = gzip.compress(body)
    return answers(data, b"Content-Encoding: gzip", b"Content-Length: %d" % len(data))


def cut(body: bytes) -> Talk:
    """Return a talk that promises more than it sends."""
    return answers(body[: len(body) // 2], b"Content-Length: %d" % len(body))


def cut_chunk(body: bytes) -> Talk:
    """Return a talk that closes in the middle of a chunk."""
    return answers(b"%x\r\n" % len(body) + body[: len(body) // 2], b"Transfer-Encoding: chunked")


def redirects(reason: bytes, target: bytes) -> Talk:
    """Return a talk that sends senders elsewhere, in words of its own."""
    return sends(b"HTTP/1.1 302 " + reason + b"\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n")


def resets(connection: Connection) -> None:
    """An answer that breaks off without a goodbye."""
    connection.hear(b"\r\n\r\n")
    connection.say(_HEAD + b"Content-Length: 100\r\n\r\nversion:")
    connection.reset()


def endless_chunks(connection: Connection) -> None:
    """A body without an end, as fast as it can be read."""
    connection.hear(b"\r\n\r\n")
    connection.say(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    connection.repeat(b"8\r\nx: abcd\n\r\n")


def slow_chunks(connection: Connection) -> None:
    """A body without an end that never grows large: each read brings something, so no read times out."""
    connection.hear(b"\r\n\r\n")
    connection.say(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.say(b"1\r\nx\r\n")
        connection.pause(0.5)


def endless_headers(connection: Connection) -> None:
    """Headers without an end."""
    connection.hear(b"\r\n\r\n")
    connection.say(_HEAD)
    connection.repeat(b"X-More: and more\r\n")


def endless_status(connection: Connection) -> None:
    """A first line without an end."""
    connection.hear(b"\r\n\r\n")
    connection.say(b"HTTP/1.1 200 ")
    connection.repeat(b"OK")


def endless_interim(connection: Connection) -> None:
    """Interim answers (100 Continue) without an end, and never the answer itself."""
    connection.hear(b"\r\n\r\n")
    connection.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")


def dripped_body(body: bytes) -> Talk:
    """Return a talk that sends the headers at once, and of the body one byte a second."""

    def talk(connection: Connection) -> None:
        connection.hear(b"\r\n\r\n")
        connection.say(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        connection.drip(body)

    return talk


def dripped_headers(connection: Connection) -> None:
    """One byte of the headers a second."""
    connection.hear(b"\r\n\r\n")
    connection.drip(_HEAD + b"X-Filler: " + b"x" * 1000 + b"\r\n\r\n")


def delayed(body: bytes, seconds: float) -> Talk:
    """Return a talk that thinks for a while, and then answers well."""

    def talk(connection: Connection) -> None:
        connection.hear(b"\r\n\r\n")
        connection.pause(seconds)
        connection.say(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return talk
