"""The client for SMTP: connect to one address of an MX host, and start TLS (RFC 8461 §4.2). It sends no mail."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mtasts.check.clients import chain
from mtasts.check.clients.https import Failed
from mtasts.check.clients.tls import Fault, PlainSocket, TlsSocket, connect, expiry, fault, handshake, secure
from mtasts.system.deadline import Deadline

READY = 220


@dataclass(frozen=True)
class Spoken:
    """TLS works. ends: of the certificate, since 1970."""

    address: str
    tls: str
    ends: float


class Probe:
    """Connects to MX hosts at a port, verifying with a context."""

    def __init__(self, verifying: ssl.SSLContext, port: int = 25) -> None:
        self._context = verifying
        self._port = port

    def __call__(self, host: str, address: str, deadline: Deadline) -> Spoken | Failed:
        """Connect, EHLO, STARTTLS, and verify for the host's name."""
        try:
            plain = connect(address, self._port, deadline)
        except OSError as error:
            return Failed(address, fault(error), 0)
        with plain:
            failed, said = _ask_for_tls(plain)
            if failed:
                return Failed(address, failed, 0, said)
            try:
                with secure(plain, host, self._context) as tls:
                    spoken = Spoken(address, tls.version() or "TLS", expiry(tls))
                    with contextlib.suppress(OSError):
                        tls.sendall(b"QUIT\r\n")
                    return spoken
            except OSError as error:
                failure = error
        found, cause = chain.explain(failure, host, lambda given: self._again(host, address, given, deadline))
        return Failed(address, _later(found), 0, cause=cause)

    @contextmanager
    def _again(self, host: str, address: str, given: ssl.SSLContext, deadline: Deadline) -> Iterator[TlsSocket]:
        """Connect once more, and start TLS with another context."""
        with connect(address, self._port, deadline) as plain:
            if _ask_for_tls(plain)[0]:
                raise OSError("no TLS this time")
            with handshake(plain, host, given) as tls:
                yield tls


def _ask_for_tls(plain: PlainSocket) -> tuple[Fault | None, str]:
    """Go through greeting, EHLO and STARTTLS; return what failed, if anything, and the host's words."""
    name = plain.getsockname()[0]
    client = smtplib.SMTP(local_hostname=f"[IPv6:{name}]" if ":" in name else f"[{name}]")
    client.sock = plain
    try:
        for ask, wanted in ((client.getreply, READY), (client.ehlo, 250)):
            code, words = ask()
            if code != wanted:
                return Fault.TURNED_AWAY, _said(code, words)
        if not client.has_extn("starttls"):
            return Fault.STARTTLS_NONE, ""
        code, words = client.docmd("STARTTLS")
        return (None, "") if code == READY else (Fault.STARTTLS_REFUSED, _said(code, words))
    except (OSError, smtplib.SMTPException):
        return (Fault.TURNED_AWAY if plain.deadline.open() else Fault.SILENT), ""


def _said(code: int, words: bytes) -> str:
    return f"{code} {words.decode('utf-8', 'backslashreplace')}"


def _later(found: Fault) -> Fault:
    """Return what a fault means after the connection was made."""
    return {Fault.TIMEOUT: Fault.SILENT, Fault.UNREACHABLE: Fault.HANDSHAKE}.get(found, found)
