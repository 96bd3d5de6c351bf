"""The two systems' APIs: JSON over HTTPS, within bounds, asked once more where that may help."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from mtasts.findings import UserError, quote

BYTES = 5 * 1024 * 1024
SECONDS = 30.0  # for one request, and the longest wait between two

_AGAIN = "Run the job again."
_ERRORS = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError, ValueError, OverflowError)


class ApiError(UserError):
    """The API did not do what was asked. status: of its answer, 0 without one. The message holds no token."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. The body has at most one byte more than BYTES; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Api:
    """An API. hints: what to do about a status. seconds: for one request, from the name to the answer's last byte."""

    address: str
    token: str = field(repr=False)
    accept: Mapping[str, str]
    hints: Mapping[int, str]
    seconds: float = SECONDS

    def ask(self, method: str, path: str, document: object = None) -> tuple[Any, Mapping[str, str]]:
        """Return the JSON of an answer, and its headers. Raises ApiError."""
        where = f"{method} {self.address}{path}"
        body = None if document is None else json.dumps(document).encode()
        answer = self._within(where, method, path, body)
        wait = pause(answer)
        if wait is not None:
            time.sleep(wait)
            answer = self._within(where, method, path, body)
        if answer.status not in (200, 201):
            said = f"{answer.status}{self._said(answer)}"
            raise ApiError(f"{where} is answered with {said}. {self._hint(answer)}", answer.status)
        return self._json(where, answer), answer.headers

    def _within(self, where: str, method: str, path: str, body: bytes | None) -> Answer:
        """Make a request. Name servers and slow senders outlast what a socket waits for, so a thread is waited for."""
        done: SimpleQueue[Answer | Exception] = SimpleQueue()
        threading.Thread(target=lambda: done.put(self._try(method, path, body)), daemon=True).start()
        try:
            answer = done.get(timeout=self.seconds)
        except Empty:
            raise ApiError(f"{where}: there is no answer within {self.seconds:g} seconds. {_AGAIN}") from None
        if isinstance(answer, Exception):
            raise ApiError(f"{where}: {_why(answer)}. {_AGAIN}") from None
        if len(answer.body) > BYTES:
            raise ApiError(f"{where}: the answer is larger than {BYTES // 1024 // 1024} MiB. {_AGAIN}")
        return answer

    def _try(self, method: str, path: str, body: bytes | None) -> Answer | Exception:
        try:
            return self._exchange(method, path, body)
        except _ERRORS as error:
            return error

    def _exchange(self, method: str, path: str, body: bytes | None) -> Answer:
        """Make a request on a connection of its own. No redirect is followed: the token would go along."""
        connection = _connection(self.address, self.seconds)
        sent = {"User-Agent": "mtasts", "Authorization": f"Bearer {self.token}", **self.accept}
        if body is not None:
            sent["Content-Type"] = "application/json"
        whole = urlsplit(self.address).path + path
        try:
            connection.request(method, whole, body, sent, preload_content=False, decode_content=False)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, _read(answer))
        finally:
            connection.close()

    def _said(self, answer: Answer) -> str:
        try:
            message = json.loads(answer.body)["message"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""
        return f" ({quote(str(message).replace(self.token, '***'), 200)})"

    def _hint(self, answer: Answer) -> str:
        if answer.status in self.hints:
            return self.hints[answer.status]
        if 300 <= answer.status < 400:
            return "A redirect is not followed, because the token would go along. Correct the API's address."
        if answer.status in (400, 422):
            return "What was sent is refused, and would be again: correct it, or report it as a fault of this toolkit."
        if answer.status == 429:
            return "These are too many requests. Run the job again later."
        return "The service fails. Run the job again later." if answer.status >= 500 else _AGAIN

    def _json(self, where: str, answer: Answer) -> Any:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ApiError(f"{where}: the answer is not JSON. {_AGAIN}") from None


def pause(answer: Answer) -> float | None:
    """Return how long to wait before asking once more, None where that does not help or takes too long."""
    if answer.status != 429 and answer.status < 500:
        return None
    asked = answer.headers.get("retry-after", "")
    seconds = float(asked) if re.fullmatch("[0-9]{1,9}", asked) else 1.0
    return seconds if seconds <= SECONDS else None


def _connection(address: str, seconds: float) -> HTTPConnection:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=seconds)
    return HTTPSConnection(host, parts.port, timeout=seconds, ssl_context=ssl.create_default_context())


def _read(answer: BaseHTTPResponse) -> bytes:
    body = b""
    while len(body) <= BYTES and (part := answer.read(BYTES + 1 - len(body), decode_content=False)):
        body += part
    answer.close()
    return body


def _why(error: BaseException) -> str:
    """Return what stopped an exchange. What is inside the library's own errors says it best."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "the name has no address"
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            name = cause.verify_code == _OTHER_NAME
            return "the certificate is for another name" if name else "the certificate is not trusted"
        for kind, why in _FAILURES:
            if isinstance(cause, kind):
                return why
        cause = cause.__cause__ or cause.__context__
    return _BROKEN_OFF


_OTHER_NAME = 62  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH
_BROKEN_OFF = "the answer breaks off"
_FAILURES: tuple[tuple[type[OSError], str], ...] = (  # the first that fits
    (ssl.SSLError, "the TLS handshake fails"),
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "the connection is refused"),
    (ConnectionError, _BROKEN_OFF),
    (OSError, "there is no way there"),
)
