"""Addresses of this machine alone, and servers on them that do whatever a test wants of a connection.

Linux takes every address of 127.0.0.0/8 as its own. So each host of a test has an address, and all have one port.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from conftest import give_up

IPV6 = "::1"  # the only one there is
NO_ROUTE = "224.0.0.1"  # no TCP connection goes to a multicast address: the kernel itself says so
NO_ROUTE_IPV6 = "ff0e::1"


class Loopback:
    """Addresses that no other test process uses, and the ports that all of a test's servers share.

    dns is the one address that everybody uses: bind9 listens on none but the addresses that an interface lists.
    """

    dns = "127.0.0.1"

    def __init__(self) -> None:
        if sys.platform != "linux":
            give_up("The servers need 127.0.0.0/8 as Linux has it.")
        chance = random.SystemRandom()
        self._second, self._third = chance.randint(1, 254), chance.randint(0, 250)
        self._prefix = f"127.{self._second}.{self._third}"
        self._used = 0
        self.https_port, self.smtp_port, self.dns_port = (self._free_port() for _ in range(3))

    def address(self) -> str:
        """Return an address that was not given out before."""
        nets, last = divmod(self._used, 253)
        self._used += 1
        return f"127.{self._second}.{self._third + nets}.{last + 1}"

    def _free_port(self) -> int:
        """Return a port below those that the system gives out itself, free on an address of ours and over IPv6."""
        while True:
            port = random.SystemRandom().randint(10_000, 30_000)
            with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
                for address in (self.dns, f"{self._prefix}.254", *([IPV6] if has_ipv6() else [])):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        probes.enter_context(socket.socket(family(address), kind)).bind((address, port))
                return port


def has_ipv6() -> bool:
    """Tell whether this machine has the address ::1."""
    with socket.socket(socket.AF_INET6) as probe, contextlib.suppress(OSError):
        probe.bind((IPV6, 0))
        return True
    return False


class Connection:
    """One connection that a server took. Each method ends in an OSError once the other side or the server is gone."""

    def __init__(self, raw: socket.socket, stopped: threading.Event) -> None:
        self._socket = raw
        self._stopped = stopped

    def say(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def hear(self, end: bytes = b"\r\n") -> bytes:
        """Return what comes, up to this end of it: a line, or the head of a request."""
        heard = b""
        while not heard.endswith(end):
            byte = self._socket.recv(1)
            if not byte:
                raise ConnectionResetError
            heard += byte
        return heard

    def drip(self, data: bytes, seconds: float = 1) -> None:
        """Send one byte, wait, send the next."""
        for byte in data:
            self.say(bytes([byte]))
            self.pause(seconds)

    def repeat(self, data: bytes) -> None:
        """Send the same without end."""
        many = data * (1 + 4096 // len(data))
        while True:
            self.say(many)

    def hang(self) -> None:
        """Say nothing, until the other side gives up or the server stops."""
        while self._socket.recv(4096):
            pass

    def pause(self, seconds: float) -> None:
        """Wait, and no longer than the server lives."""
        if self._stopped.wait(seconds):
            raise ConnectionAbortedError

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on in TLS."""
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def reset(self) -> None:
        """Break the connection off, as a crash or a firewall does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """End the connection, whatever is going on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


Talk = Callable[[Connection], None]


class Listener(AbstractContextManager["Listener"]):
    """A server on one address. It talks to each connection in a thread of its own."""

    def __init__(self, address: str, port: int, talk: Talk, context: ssl.SSLContext | None = None) -> None:
        self._talk, self._context = talk, context
        self._open: set[Connection] = set()
        self._stopped = threading.Event()
        self._socket = socket.create_server((address, port), family=family(address), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # so ends its accept
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        talks: list[threading.Thread] = []
        with contextlib.suppress(OSError):
            while True:
                connection = Connection(self._socket.accept()[0], self._stopped)
                self._open.add(connection)
                talks.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                talks[-1].start()
        for connection in tuple(self._open):
            connection.close()
        for talk in talks:
            talk.join()

    def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(OSError):  # the client is gone, and ssl's errors are OSErrors too
            if self._context:
                connection.start_tls(self._context)
            self._talk(connection)
        connection.close()
        self._open.discard(connection)


class Full(AbstractContextManager["Full"]):
    """An address that answers no connection: what a firewall does that drops the packets."""

    def __init__(self, address: str, port: int) -> None:
        self._sockets = [socket.create_server((address, port), backlog=0)]
        for _ in range(3):  # they fill the queue, and the kernel drops what comes then
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
            self._sockets.append(waiting)
        time.sleep(0.05)

    def __exit__(self, *error: object) -> None:
        for each in self._sockets:
            each.close()


class SilentDns(AbstractContextManager["SilentDns"]):
    """A name server that takes every question, over UDP and TCP, and answers none."""

    def __init__(self, address: str, port: int) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, port))
        self._tcp = Listener(address, port, Connection.hang)
        self.address, self.resolver = address, f"{address}:{port}"

    def __exit__(self, *error: object) -> None:
        self._tcp.__exit__(*error)
        self._udp.close()


def family(address: str) -> socket.AddressFamily:
    """Return what kind of address it is."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
