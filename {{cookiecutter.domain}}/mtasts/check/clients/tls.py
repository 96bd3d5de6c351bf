"""TLS as senders use it (RFC 8461 §3.3, §4.2): connecting, and the ways in which it fails."""

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

BYTES = 1024 * 1024  # what one connection may send us before we stop listening
SOON = 14  # days, in which a certificate should have been renewed


class Fault(Enum):
    """How a connection failed."""

    REFUSED = "the connection is refused"
    UNREACHABLE = "there is no way there"
    NOT_TRIED = "this machine has no room for the connection"
    NO_ROUTE = "this machine has no way there"
    TIMEOUT = "no answer in time"
    HANDSHAKE = "the TLS handshake fails"
    VERSION = "TLS 1.2 is not spoken"
    EXPIRED = "the certificate is not valid today"
    NOT_YET = "the certificate is not valid yet"
    CHAIN_EXPIRED = "the certificate is valid, and one above it in the chain is not valid today"
    NAME = "the certificate is for another name"
    UNBOUND = "the hosting shows its own certificate"
    COMMON_NAME = "the certificate names the host only in CN, not in subjectAltName"
    UNTRUSTED = "the certificate is not trusted"
    SELF_SIGNED = "the certificate is self-signed"
    ROOT_UNKNOWN = "the certificate is from an authority that senders do not know"
    CHAIN_MISSING = "a certificate between is not sent"
    UNFIT = "a certificate is not fit for a server"
    INCOMPLETE = "the answer breaks off"
    SILENT = "the connection stands, and nothing is said"
    TURNED_AWAY = "the host turns us away"
    STARTTLS_NONE = "STARTTLS is not offered"
    STARTTLS_REFUSED = "STARTTLS is refused"


# How a sender's report names a fault of a certificate (RFC 8460 §4.3.1). Of the policy host it is one word (§4.3.2.2).
CERTIFICATE = {
    **dict.fromkeys((Fault.EXPIRED, Fault.NOT_YET, Fault.CHAIN_EXPIRED), "certificate-expired"),
    **dict.fromkeys((Fault.NAME, Fault.UNBOUND, Fault.COMMON_NAME), "certificate-host-mismatch"),
    **dict.fromkeys(
        (Fault.UNTRUSTED, Fault.SELF_SIGNED, Fault.ROOT_UNKNOWN, Fault.CHAIN_MISSING, Fault.UNFIT),
        "certificate-not-trusted",
    ),
}
# And any fault of an MX host. No connection at all has no name there.
RESULT_TYPES = {
    Fault.STARTTLS_NONE: "starttls-not-supported",
    **dict.fromkeys((Fault.STARTTLS_REFUSED, Fault.HANDSHAKE, Fault.VERSION), "validation-failure"),
    **CERTIFICATE,
}

# What a machine says of itself when it has no IPv6, or no IPv4: of the other side it says nothing.
_NO_ROUTE = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
# What routes of the types unreachable, prohibit and blackhole answer. The first one can come from a far router, too.
_ROUTE_SAYS_NO = {errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.EPERM}


class NoRouteError(OSError):
    """An address that this machine has no way to, whatever is there."""


class CommonNameError(ssl.SSLError):
    """A certificate that names the host in its common name alone, which does not count (RFC 8461 §3.3, §4.2)."""


class _Bounded:
    """The part of a socket that reads: each read ends at the deadline, and all reads together at BYTES."""

    deadline: Deadline
    received = 0

    def bounded(self, count: int) -> None:
        """Count what was read. Raises OSError where it is too much."""
        self.received += count
        if self.received > BYTES:
            raise OSError("too much was sent")


class PlainSocket(_Bounded, socket.socket):
    """A TCP socket within bounds."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read as socket.socket does."""
        self.settimeout(self.deadline.left())
        count = super().recv_into(*args, **options)
        self.bounded(count)
        return count


class TlsSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket within bounds."""

    def read(self, *args: Any, **options: Any) -> Any:
        """Read as ssl.SSLSocket does, which calls this for every kind of reading."""
        self.settimeout(self.deadline.left())
        read = super().read(*args, **options)
        self.bounded(read if isinstance(read, int) else len(read))
        return read


def context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return how a sender verifies: TLS 1.2 at least, a DNS name, a chain to the platform's roots or to ca_file's.

    OpenSSL looks at the common name if a certificate has no DNS name: `secure` refuses it then, and can say why.
    """
    made = ssl.create_default_context(cafile=ca_file)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # stricter than senders are
    made.sslsocket_class = TlsSocket
    return made


def connect(address: str, port: int, deadline: Deadline) -> PlainSocket:
    """Return a TCP connection to an address; while this machine has no room for one, try again.

    Raises OSError; of these NoRouteError where it never left this machine.
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
        # Without a free port; over IPv6 it rather says that this machine has no address of that kind.
        if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL and family is socket.AF_INET:
            raise OSError(errno.EAGAIN, error.strerror) from None
        raise
    return made


def _is_no_route(error: OSError, address: str) -> bool:
    """Tell whether this machine's own routes keep it from an address that other machines may reach."""
    ip = ipaddress.ip_address(address)
    if ip.version == 4 and (ip.is_multicast or ip.is_reserved or ip.is_unspecified):
        return False  # no machine can reach it
    if error.errno in _NO_ROUTE or (ip.version == 6 and error.errno == errno.EHOSTUNREACH):
        return True  # the latter is what macOS says if it has no IPv6
    return error.errno in _ROUTE_SAYS_NO and not _has_route(address)


def _has_route(address: str) -> bool:
    """Tell whether there is a route. UDP sends nothing to connect, so a refusal is this machine's own word."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def secure(plain: PlainSocket, host: str, verifying: ssl.SSLContext) -> TlsSocket:
    """Return the connection under TLS, verified for a host. Raises OSError, of which ssl.SSLError is one."""
    made = handshake(plain, host, verifying)
    names: Any = (made.getpeercert() or {}).get("subjectAltName", ())
    if not any(kind == "DNS" for kind, _ in names):
        made.close()
        raise CommonNameError("no DNS name")
    return made


def handshake(plain: PlainSocket, host: str, context: ssl.SSLContext) -> TlsSocket:
    """Return the connection under TLS, verified as the context has it. Raises OSError, of which ssl.SSLError is one."""
    deadline = plain.deadline
    plain.settimeout(deadline.left())
    try:
        made = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLError:  # which may be a ValueError too
        raise
    except (ConnectionError, ValueError) as error:  # cut off, or a name that no certificate can have
        raise ssl.SSLError(f"no handshake: {error}") from None
    assert isinstance(made, TlsSocket)  # noqa: S101 - context() says so
    made.deadline = deadline
    return made


# OpenSSL's codes (X509_V_ERR_…): dates, no way to a root that is known, and the name.
_VERIFIED = {
    **dict.fromkeys((9, 10), Fault.EXPIRED),
    **dict.fromkeys((2, 18, 19, 20, 21), Fault.UNTRUSTED),
    62: Fault.NAME,
}


def fault(error: OSError) -> Fault:
    """Return what an error of connecting, of TLS, or of reading means."""
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
    """Return when the other side's certificate ends, in seconds since 1970. Raises ssl.SSLError if it does not say."""
    try:
        return ssl.cert_time_to_seconds(str((connection.getpeercert() or {})["notAfter"]))
    except (KeyError, ValueError) as error:
        raise ssl.SSLError(f"no date: {error}") from None


def days_left(ends: float) -> int:
    """Return the whole days until a certificate ends."""
    return int((ends - time.time()) // 86_400)
