"""The client for HTTPS: one request to one address, as a sender makes it (RFC 8461 §3.3)."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import urllib3.exceptions
from urllib3.connection import HTTPConnection

from mtasts.check.clients import chain
from mtasts.check.clients.tls import Fault, TlsSocket, connect, expiry, handshake, secure
from mtasts.system.deadline import Deadline

BYTES = 65_536
INTERIM = 5  # interim answers, as many as senders written in Go accept
USER_AGENT = "mtasts-check"


@dataclass(frozen=True)
class Fetched:
    """An HTTP answer. body: at most one byte more than senders read; ends: of the certificate, since 1970."""

    address: str
    status: int
    headers: dict[str, str]
    body: bytes
    tls: str
    ends: float
    seconds: float


@dataclass(frozen=True)
class Failed:
    """No answer: how it failed, after how long, and what the other side said about it.

    cause: the fault as a clause that names the certificate, if more is known.
    """

    address: str
    fault: Fault
    seconds: float
    said: str = ""
    cause: str = ""


class Fetch:
    """Fetches from a policy host at a port, verifying with a context."""

    def __init__(self, verifying: ssl.SSLContext, port: int = 443) -> None:
        self._context = verifying
        self._port = port

    def __call__(self, host: str, address: str, path: str, deadline: Deadline) -> Fetched | Failed:
        """Ask one address for a path of a host. This follows no redirect, and decompresses nothing."""
        start = time.monotonic()
        try:
            with connect(address, self._port, deadline) as plain, secure(plain, host, self._context) as tls:
                version, ends = tls.version() or "TLS", expiry(tls)  # while the connection is open
                answer = _exchange(tls, host, path)
        except OSError as error:
            found, cause = chain.explain(error, host, lambda given: self._again(host, address, given, deadline))
            failed = Fault.HANDSHAKE if found is Fault.INCOMPLETE else found
            return Failed(address, failed, time.monotonic() - start, cause=cause)
        if isinstance(answer, Fault):
            return Failed(address, answer, time.monotonic() - start)
        return Fetched(address, *answer, version, ends, time.monotonic() - start)

    @contextmanager
    def _again(self, host: str, address: str, given: ssl.SSLContext, deadline: Deadline) -> Iterator[TlsSocket]:
        """Connect once more, with another context."""
        with connect(address, self._port, deadline) as plain, handshake(plain, host, given) as tls:
            yield tls


class _Final(http.client.HTTPResponse):
    """The answer that follows the interim ones (1xx), which senders skip (RFC 9110 §15.2)."""

    def begin(self) -> None:
        """Read the head of the answer. Raises HTTPException for more interim answers than senders accept."""
        super().begin()
        for number in range(INTERIM + 1):
            if not 100 <= self.status < 200 or self.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return
            if number < INTERIM:
                self.headers = None  # type: ignore[assignment]  # as it is before a head is read
                super().begin()
        raise http.client.HTTPException("too many interim answers")


def _exchange(tls: TlsSocket, host: str, path: str) -> tuple[int, dict[str, str], bytes] | Fault:
    connection = HTTPConnection(host)
    connection.response_class = _Final
    connection.sock = tls  # connected to the given address, and verified for the host
    wanted = {"Host": host, "User-Agent": USER_AGENT, "Accept": "text/plain", "Connection": "close"}
    try:
        connection.request("GET", path, headers=wanted, preload_content=False, decode_content=False)
        answer = connection.getresponse()
        body = b""
        while len(body) <= BYTES and (part := answer.read(BYTES + 1 - len(body), decode_content=False)):
            body += part
    except (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError):  # ValueError: a chunk's size
        return Fault.INCOMPLETE if tls.deadline.open() else Fault.TIMEOUT
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, body
