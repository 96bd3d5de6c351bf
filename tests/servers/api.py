"""DNS providers' HTTP APIs on this machine: what the stand-ins for Azure, Cloudflare and Route 53 have in common.

Each keeps the records that it is given, refuses what its caller has no right to in the provider's own form, and notes
what it was asked. Nothing of a client is replaced: octoDNS's providers speak to it through their own HTTP libraries.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Reply(NamedTuple):
    """An answer. kind: its content type. headers: further ones."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Request:
    """A request. parts: of its path. query: its parameters, in small letters, without the `$` of Azure's.

    match, none_match: the conditions If-Match and If-None-Match. host: the name that was asked for.
    """

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes
    credential: str
    match: str | None = None
    none_match: str | None = None
    host: str = ""

    def whole(self, name: str, default: int) -> int:
        """Return a parameter that is a number."""
        return int(self.query.get(name, default))


class RefusalError(Exception):
    """What the API does not do, with the answer that says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


class Api(AbstractContextManager["Api"]):
    """A running API. What the tests see of it is alike for every provider.

    provider: the answer of the template that chooses it. environment, options: what leads octoDNS to it, as variables
    and as lines of dns/provider.yaml. RIGHTS: all that publishing needs. rights: what the caller has, None for all.
    calls: the rights that were used, each with the record or the zone. before: called with each of them, before it is.
    """

    provider = ""
    RIGHTS: frozenset[str] = frozenset()

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.environment: dict[str, str] = {}
        self.options = ""
        self.rights: frozenset[str] | None = None
        self.calls: list[str] = []
        self.before: Callable[[str], object] = str
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self._server.server_port}"
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # What the tests do

    def add_zone(self, zone: str, private: bool = False) -> None:
        """Make a zone. private: one that the Internet does not see."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget all zones."""
        raise NotImplementedError

    def zones(self) -> list[str]:
        """Return the names of all zones; a name may stand there twice."""
        raise NotImplementedError

    def put(self, name: str, kind: str, values: list[str], ttl: int = 3600) -> None:
        """Write a record set as somebody else. name: absolute, without a final dot. values: TXT without quotes."""
        raise NotImplementedError

    def alias(self, name: str, kind: str) -> None:
        """Write the provider's own kind of record, which points to one of its services."""
        raise NotImplementedError

    def all(self) -> list[str]:
        """Return the records of all zones that the Internet sees, sorted: `name TTL TYPE value`, as put takes them."""
        raise NotImplementedError

    # What octoDNS asks

    def answer(self, request: Request) -> Reply:
        """Do what is asked, or raise RefusalError."""
        raise NotImplementedError

    def denied(self, right: str, what: str) -> Reply:
        """Return the provider's own answer to a caller without this right."""
        raise NotImplementedError

    def need(self, right: str, what: str) -> None:
        """Note a call, and refuse it without the right."""
        self.before(f"{right} {what}")
        self.calls.append(f"{right} {what}")
        if self.rights is not None and right not in self.rights:
            raise RefusalError(self.denied(right, what))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do(self) -> None:
                reply = api._reply(self._request())
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - the names of the base class

            def _request(self) -> Request:
                url = urlsplit(self.path)
                query = {key.lower().lstrip("$"): value for key, value in parse_qsl(url.query)}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = tuple(part for part in url.path.split("/") if part)
                match, none_match = map(self.headers.get, ("If-Match", "If-None-Match"))
                credential = self.headers.get("Authorization", "")
                host = self.headers.get("Host", "").partition(":")[0]
                return Request(self.command, parts, query, body, credential, match, none_match, host)

            def log_message(self, *words: object) -> None:
                """Say nothing: calls has it all."""

        return Handler

    def _reply(self, request: Request) -> Reply:
        with self._lock:
            try:
                return self.answer(request)
            except RefusalError as refusal:
                return refusal.reply


def zone_of(name: str, zones: Mapping[str, object]) -> str:
    """Return the zone that holds a name: the longest one."""
    return max((zone for zone in zones if f".{name}".endswith(f".{zone}")), key=len)


def quoted(value: str) -> str:
    """Return text as a zone file has it: in strings of 255 characters, quotation marks and backslashes escaped."""
    strings = [value[at : at + 255] for at in range(0, max(len(value), 1), 255)]
    return " ".join('"' + re.sub(r'["\\]', r"\\\g<0>", string) + '"' for string in strings)


def unquoted(text: str) -> str:
    """Return what text in a zone file means."""
    return re.sub(r"\\(.)", r"\1", text[1:-1].replace('" "', ""), flags=re.DOTALL)
