"""MX hosts: aiosmtpd with STARTTLS, and talks for the faults that no SMTP library makes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from servers.loopback import Connection, Talk

NAME = b"mx.invalid"


class _Refusing(SMTP):
    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: ARG002, N802 - aiosmtpd finds it by this name
        await self.push("454 4.7.0 TLS not available due to local problem")


class _MxHost(Controller):
    def __init__(self, address: str, port: int, context: ssl.SSLContext | None, refusing: bool) -> None:
        self._kind = _Refusing if refusing else SMTP
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # handshakes fail by design, and asyncio would tell of each
        # Without a name of its own it would ask the real DNS for one.
        super().__init__(object(), address, port, loop, server_hostname=NAME.decode(), tls_context=context)

    def factory(self) -> SMTP:
        return self._kind(self.handler, loop=self.loop, **self.SMTP_kwargs)


@contextmanager
def mx_host(
    address: str, port: int, context: ssl.SSLContext | None = None, *, refusing: bool = False
) -> Iterator[None]:
    """Run a mail server. context: for STARTTLS; without one it is not offered. refusing: it is offered, and refused."""
    host = _MxHost(address, port, context, refusing)
    host.start()
    try:
        yield
    finally:
        host.stop()


def greets(greeting: bytes) -> Talk:
    """Return a talk that greets with these lines, and answers all that comes with 503."""

    def talk(connection: Connection) -> None:
        connection.say(greeting)
        while True:
            connection.hear()
            connection.say(b"503 5.5.1 no\r\n")

    return talk


def extends(answer: bytes) -> Talk:
    """Return a talk that greets well, answers EHLO with these lines, and all else with 502."""

    def talk(connection: Connection) -> None:
        connection.say(b"220 " + NAME + b" ESMTP\r\n")
        while True:
            heard = connection.hear()
            connection.say(answer if heard[:4].upper() == b"EHLO" else b"502 5.5.2 no\r\n")

    return talk


def starts_tls(then: Talk) -> Talk:
    """Return a talk that agrees to STARTTLS, and then goes on as given."""

    def talk(connection: Connection) -> None:
        connection.say(b"220 " + NAME + b" ESMTP\r\n")
        while (heard := connection.hear()[:8].upper()) != b"STARTTLS":
            connection.say(b"250-" + NAME + b"\r\n250 STARTTLS\r\n" if heard[:4] == b"EHLO" else b"502 5.5.2 no\r\n")
        connection.say(b"220 2.0.0 go on\r\n")
        then(connection)

    return talk


def tls(context: ssl.SSLContext, then: Talk) -> Talk:
    """Return a talk that makes the handshake, and then goes on as given."""

    def talk(connection: Connection) -> None:
        connection.start_tls(context)
        then(connection)

    return talk


def dripped_greeting(connection: Connection) -> None:
    """One byte of the greeting a second."""
    connection.drip(b"220 " + b"x" * 400 + b"\r\n")


def endless_greeting(connection: Connection) -> None:
    """A greeting of more and more lines."""
    connection.repeat(b"220-and more\r\n")


def endless_line(connection: Connection) -> None:
    """A greeting that is one line without an end."""
    connection.say(b"220 ")
    connection.repeat(b"and more ")


def slow_greeting(connection: Connection) -> None:
    """A greeting of more and more lines, one every half second: each read brings something."""
    while True:
        connection.say(b"220-and more\r\n")
        connection.pause(0.5)


def endless_extensions(connection: Connection) -> None:
    """An answer to EHLO of more and more lines."""
    connection.say(b"220 " + NAME + b" ESMTP\r\n")
    connection.hear()
    connection.repeat(b"250-X-MORE\r\n")


def garbage(connection: Connection) -> None:
    """Bytes that are neither TLS nor SMTP."""
    connection.say(bytes(range(128, 256)) + b"\r\n")
    connection.hang()


def garbled_handshake(connection: Connection) -> None:
    """An answer to the client's TLS that is none."""
    connection.hear(b"\x16")
    garbage(connection)


def silent_after_greeting(connection: Connection) -> None:
    """A greeting, and no answer to EHLO."""
    connection.say(b"220 " + NAME + b" ESMTP\r\n")
    connection.hang()
