"""TLS as senders use it (RFC 8461 §3.3, §4.2): how to connect, and how that can fail."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import time
from enum import Enum
from typing import Any

from mtasts.system import limits
from mtasts.system.deadline import Deadline

BYTES = 1024 * 1024  # that one connection reads at most
SOON = 14  # days before its end, by which a certificate should have been renewed


class Fault(Enum):
    """How a connection failed."""

    REFUSED = "the server refuses the connection"
    UNREACHABLE = "the address cannot be reached"
    NOT_TRIED = "this machine has no resources left for the connection"
    NO_ROUTE = "this machine has no route to the address"
    TIMEOUT = "the server does not answer in time"
    HANDSHAKE = "the TLS handshake fails"
    VERSION = "the server supports neither TLS 1.2 nor TLS 1.3"
    EXPIRED = "the certificate is not valid today"
    NOT_YET = "the certificate is not valid yet"
    CHAIN_EXPIRED = "the certificate is valid, but one above it in the chain is not valid today"
    NAME = "the certificate is for another name"
    UNBOUND = "the hosting presents its own certificate"
    COMMON_NAME = "the certificate names the host only in CN, not in subjectAltName"
    UNTRUSTED = "the certificate is not trusted"
    SELF_SIGNED = "the certificate is self-signed"
    ROOT_UNKNOWN = "the certificate is from an authority that senders do not trust"
    CHAIN_MISSING = "the server does not send an intermediate certificate"
    UNFIT = "a certificate in the chain is not suitable for a server"
    INCOMPLETE = "the answer is cut off"
    SILENT = "the server accepts the connection but does not answer"
    TURNED_AWAY = "the server rejects this machine"
    STARTTLS_NONE = "the server does not offer STARTTLS"
    STARTTLS_REFUSED = "the server refuses STARTTLS"


# What reports call a fault of an MX host's certificate (RFC 8460 §4.3.1). A policy host's has one word (§4.3.2.2).
CERTIFICATE = {
    **dict.fromkeys((Fault.EXPIRED, Fault.NOT_YET, Fault.CHAIN_EXPIRED), "certificate-expired"),
    **dict.fromkeys((Fault.NAME, Fault.UNBOUND, Fault.COMMON_NAME), "certificate-host-mismatch"),
    **dict.fromkeys(
        (Fault.UNTRUSTED, Fault.SELF_SIGNED, Fault.ROOT_UNKNOWN, Fault.CHAIN_MISSING, Fault.UNFIT),
        "certificate-not-trusted",
    ),
}
# And what they call any fault of an MX host. They have no word for a failed connection.
RESULT_TYPES = {
    Fault.STARTTLS_NONE: "starttls-not-supported",
    **dict.fromkeys((Fault.STARTTLS_REFUSED, Fault.HANDSHAKE, Fault.VERSION), "validation-failure"),
    **CERTIFICATE,
}

# The errors of a machine without IPv6, or without IPv4. They say nothing about the other side.
_NO_ROUTE = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
# The errors of the route types unreachable, prohibit and blackhole. The first can also come from a distant router.
_ROUTE_SAYS_NO = {errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.EPERM}


class NoRouteError(OSError):
    """No route leads from this machine to an address."""


class CommonNameError(ssl.SSLError):
    """A certificate names the host only in its common name, which does not count (RFC 8461 §3.3, §4.2)."""


class _Bounded:
    """The part of a socket that reads: each read ends at the deadline, and all reads together at BYTES."""

    deadline: Deadline
    received = 0

    def bounded(self, count: int) -> None:
        """Count what was read. Raises OSError if it is too much."""
        self.received += count
        if self.received > BYTES:
            raise OSError("too much was sent")


class PlainSocket(_Bounded, socket.socket):
    """A TCP socket that limits time and bytes."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read as socket.socket does."""
        self.settimeout(self.deadline.left())
        count = super().recv_into(*args, **options)
        self.bounded(count)
        return count


class TlsSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket that limits time and bytes."""

    def read(self, *args: Any, **options: Any) -> Any:
        """Read as ssl.SSLSocket does, which calls this for every kind of reading."""
        self.settimeout(self.deadline.left())
        read = super().read(*args, **options)
        self.bounded(read if isinstance(read, int) else len(read))
        return read


def context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies as a sender does: TLS 1.2 or later, a chain to the platform's roots or ca_file's.

    If a certificate has no DNS name, OpenSSL uses the common name. `secure` then refuses it, and can say why.
    """
    made = ssl.create_default_context(cafile=ca_file)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # stricter than senders are
    made.sslsocket_class = TlsSocket
    return made


def connect(address: str, port: int, deadline: Deadline) -> PlainSocket:
    """Return a TCP connection to an address; retry while this machine has no resources for one.

    Raises OSError, or its subclass NoRouteError if this machine has no route to the address.
    """
    while True:
        try:
            return _connect(address, port, deadline)
        except OSError as error:
            if _is_no_route(error, address):
                raise NoRouteError(*error.args) from None
            if not limits.at_limit(error) or not deadline.open(2 * limits.PAUSE):
                raise
        time.sleep(limits.PAUSE)


def _connect(address: str, port: int, deadline: Deadline) -> PlainSocket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = PlainSocket(family, socket.SOCK_STREAM)
    made.deadline = deadline
    try:
        made.settimeout(deadline.left())
        made.connect((address, port))
    except BaseException as error:
        made.close()
        # Over IPv4 this means that no port is free; over IPv6, that this machine has no IPv6 address.
        if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL and family is socket.AF_INET:
            raise OSError(errno.EAGAIN, error.strerror) from None
        raise
    return made


def _is_no_route(error: OSError, address: str) -> bool:
    """Tell whether this machine's routes prevent a connection that other machines can make."""
    ip = ipaddress.ip_address(address)
    if ip.version == 4 and (ip.is_multicast or ip.is_reserved or ip.is_unspecified):
        return False  # no machine can reach it
    if error.errno in _NO_ROUTE or (ip.version == 6 and error.errno == errno.EHOSTUNREACH):
        return True  # the latter is the error of macOS without IPv6
    return error.errno in _ROUTE_SAYS_NO and not _has_route(address)


def _has_route(address: str) -> bool:
    """Tell whether there is a route. To connect, UDP sends nothing, so an error comes from this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def secure(plain: PlainSocket, host: str, verifying: ssl.SSLContext) -> TlsSocket:
    """Return the connection with TLS, verified for a host. Raises OSError, of which ssl.SSLError is a subclass."""
    made = handshake(plain, host, verifying)
    names: Any = (made.getpeercert() or {}).get("subjectAltName", ())
    if not any(kind == "DNS" for kind, _ in names):
        made.close()
        raise CommonNameError("no DNS name")
    return made


def handshake(plain: PlainSocket, host: str, context: ssl.SSLContext) -> TlsSocket:
    """Return the connection with TLS, verified as the context says. Raises OSError, also its subclass ssl.SSLError."""
    deadline = plain.deadline
    plain.settimeout(deadline.left())
    try:
        made = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLError:  # which can be a ValueError too
        raise
    except (ConnectionError, ValueError) as error:  # cut off, or a name that no certificate can have
        raise ssl.SSLError(f"no handshake: {error}") from None
    assert isinstance(made, TlsSocket)  # noqa: S101 - context() says so
    made.deadline = deadline
    return made


# OpenSSL's codes (X509_V_ERR_…): dates, no chain to a known root, and the name.
_VERIFIED = {
    **dict.fromkeys((9, 10), Fault.EXPIRED),
    **dict.fromkeys((2, 18, 19, 20, 21), Fault.UNTRUSTED),
    62: Fault.NAME,
}


def fault(error: OSError) -> Fault:
    """Return what an error means that occurred while connecting, in TLS, or while reading."""
    if isinstance(error, CommonNameError):
        return Fault.COMMON_NAME
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFIED.get(error.verify_code, Fault.UNFIT)
    if isinstance(error, ssl.SSLError):
        old = getattr(error, "reason", None) in (
            "UNSUPPORTED_PROTOCOL",
            "TLSV1_ALERT_PROTOCOL_VERSION",
            "WRONG_SSL_VERSION",
        )
        return Fault.VERSION if old else Fault.HANDSHAKE
    if isinstance(error, TimeoutError):
        return Fault.TIMEOUT
    if limits.at_limit(error):
        return Fault.NOT_TRIED
    if isinstance(error, NoRouteError):
        return Fault.NO_ROUTE
    if isinstance(error, ConnectionRefusedError):
        return Fault.REFUSED
    return Fault.INCOMPLETE if isinstance(error, ConnectionError) else Fault.UNREACHABLE


def expiry(connection: ssl.SSLSocket) -> float:
    """Return when the other side's certificate expires, in seconds since 1970. Raises ssl.SSLError without a date."""
    try:
        return ssl.cert_time_to_seconds(str((connection.getpeercert() or {})["notAfter"]))
    except (KeyError, ValueError) as error:
        raise ssl.SSLError(f"no date: {error}") from None


def days_left(ends: float) -> int:
    """Return the whole days until a certificate expires."""
    return int((ends - time.time()) // 86_400)
