"""The certificates that the other side sends, read without verification: which of them is at fault, and why.

OpenSSL says that a certificate is not valid, but not which one. So this module connects to the host once more.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from mtasts.check.clients.tls import Fault, TlsSocket, fault
from mtasts.findings import listed, quote

LENGTH = 10  # certificates of a chain that are read
NAMES = 100  # of one certificate
_FAULTS = {Fault.EXPIRED, Fault.NAME, Fault.COMMON_NAME, Fault.UNTRUSTED}

Again = Callable[[ssl.SSLContext], AbstractContextManager[TlsSocket]]


@dataclass(frozen=True)
class Certificate:
    """What one certificate says. subject, issuer: shortened for a message; names: its DNS names."""

    subject: str
    issuer: str
    begins: float
    ends: float
    names: tuple[str, ...] = ()
    common_name: str = ""
    self_signed: bool = False

    def is_valid(self, now: float) -> bool:
        """Tell whether it is valid at a time."""
        return self.begins <= now <= self.ends


def explain(error: OSError, host: str, again: Again) -> tuple[Fault, str]:
    """Return what an error means, and a clause that names the certificate at fault; empty if that is unknown.

    again: connects to the host once more, with a context.
    """
    found = fault(error)
    if isinstance(error, ssl.SSLCertVerificationError) and found is Fault.UNFIT:
        return found, f"a certificate in the chain is not suitable for a server ({quote(error.verify_message)})"
    return cause(found, sent(again), host, time.time()) if found in _FAULTS else (found, "")


def sent(again: Again) -> tuple[Certificate, ...]:
    """Return what is sent, the host's own certificate first; empty if it cannot be seen."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # only to read the certificates: nothing is sent
    blind.sslsocket_class = TlsSocket
    try:
        with again(blind) as connection:
            inner: Any = connection
            # The public method of Python 3.13 returns bytes that Python itself cannot parse.
            chain = inner._sslobj.get_unverified_chain() or ()
            return tuple(_certificate(each.get_info()) for each in chain[:LENGTH])
    except (OSError, ValueError, KeyError, AttributeError):
        return ()


def _certificate(info: dict[str, Any]) -> Certificate:
    begins, ends = (ssl.cert_time_to_seconds(str(info[name])) for name in ("notBefore", "notAfter"))
    names = [value for kind, value in info.get("subjectAltName", ()) if kind == "DNS"]
    return Certificate(
        _name(info["subject"]),
        _name(info["issuer"]),
        begins,
        ends,
        tuple(names[:NAMES]),
        dict(_attributes(info["subject"])).get("commonName", ""),
        info["subject"] == info["issuer"],
    )


def _attributes(name: Iterable[Iterable[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [attribute for part in name for attribute in part]


def _name(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Return the short name of a subject: its common name, else all its attributes."""
    attributes = _attributes(name)
    return dict(attributes).get("commonName") or ", ".join(value for _, value in attributes)


def cause(found: Fault, chain: Sequence[Certificate], host: str, now: float) -> tuple[Fault, str]:
    """Return a more exact fault, and a clause that names the certificate; empty if nothing more is known."""
    if not chain:
        return found, ""
    if found is Fault.EXPIRED:
        return _outside(chain, now)
    if found in (Fault.NAME, Fault.COMMON_NAME):
        return _misnamed(found, chain[0], host)
    return _untrusted(chain) if found is Fault.UNTRUSTED else (found, "")


def _outside(chain: Sequence[Certificate], now: float) -> tuple[Fault, str]:
    own, *above = chain
    if own.begins > now:
        return Fault.NOT_YET, f"the host's own certificate ({quote(own.subject)}) is not valid until {_day(own.begins)}"
    if own.ends < now:
        return Fault.EXPIRED, f"the host's own certificate ({quote(own.subject)}) expired on {_day(own.ends)}"
    for each in above:
        if not each.is_valid(now):
            which = "root" if each.self_signed else "intermediate"
            when = f"expired on {_day(each.ends)}" if each.ends < now else f"is not valid until {_day(each.begins)}"
            clause = f"the host's own certificate is valid, but the {which} above it ({quote(each.subject)}) {when}"
            return Fault.CHAIN_EXPIRED, clause
    return Fault.CHAIN_EXPIRED, ""


def _misnamed(found: Fault, own: Certificate, host: str) -> tuple[Fault, str]:
    if not own.names:
        return found, ""
    names = listed([quote(name) for name in own.names])
    if own.common_name.lower() == host.lower():
        return Fault.COMMON_NAME, f"the certificate names the host only in CN, but its subjectAltName has {names}"
    if any(_covers_more(name, host) for name in own.names):
        return Fault.NAME, f"the certificate is for {names}, where `*` stands for one label, not for {host}"
    if any(name.lower().endswith(AZURE) for name in own.names):
        return Fault.UNBOUND, f"the hosting presents its own certificate, for {names}, not one for {host}"
    return Fault.NAME, f"the certificate is for {names}, not for {host}"


# The names in Azure's own certificates, which it presents as long as a host name has no certificate.
AZURE = (
    *(".azurewebsites.net", ".azurestaticapps.net", ".azurefd.net", ".azureedge.net"),
    *(".core.windows.net", ".trafficmanager.net", ".azure-api.net"),
)


def _covers_more(name: str, host: str) -> bool:
    """Tell whether a wildcard would cover the host if `*` could be more than one label."""
    return name.startswith("*.") and host.lower().endswith(name[1:].lower())


def _untrusted(chain: Sequence[Certificate]) -> tuple[Fault, str]:
    own, last = chain[0], chain[-1]
    if own.self_signed:
        return Fault.SELF_SIGNED, f"the certificate ({quote(own.subject)}) is self-signed"
    if last.self_signed:
        return Fault.ROOT_UNKNOWN, f"the chain ends in {quote(last.subject)}, an authority that senders do not trust"
    which = "the host's own certificate" if last is own else f"the intermediate {quote(last.subject)}"
    return Fault.CHAIN_MISSING, f"{which} is signed by {quote(last.issuer)}, whose certificate the server does not send"


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(when))
