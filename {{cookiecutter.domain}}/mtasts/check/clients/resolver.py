"""The client for DNS: one question, one answer, and why there is none."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import dns.exception
import dns.resolver

from mtasts.findings import WrongUseError
from mtasts.system import limits
from mtasts.system.deadline import Deadline


class Status(Enum):
    """What came back."""

    FOUND = "found"
    NO_DATA = "the name has no such record"
    NO_NAME = "the name does not exist"
    FAILURE = "the name server fails to answer"
    TIMEOUT = "no name server answers"
    NOT_ASKED = "this machine has no resources left for the query"


@dataclass(frozen=True)
class Answer:
    """An answer of DNS. values: texts of TXT, addresses, or "preference host" of MX; target: where CNAMEs lead."""

    name: str
    status: Status
    values: tuple[str, ...] = ()
    target: str | None = None


class Lookup:
    """Asks a resolver: the system's, or the one at an address and port. It caches answers for their TTL."""

    def __init__(self, resolver: tuple[str, int] | None = None) -> None:
        """Find the system's resolver, if none is given. Raises WrongUseError if there is none."""
        try:
            self._resolver = dns.resolver.Resolver(configure=resolver is None)
        except dns.exception.DNSException as error:
            raise WrongUseError(f"This system has no DNS resolver ({error}). Name one with --resolver.") from None
        if resolver:
            self._resolver.nameservers, self._resolver.port = [resolver[0]], resolver[1]
        self._resolver.cache = dns.resolver.LRUCache()

    def __call__(self, name: str, kind: str, deadline: Deadline) -> Answer:
        """Return the records of a kind (TXT, MX, CAA, CNAME, A, AAAA) at a name, over TCP if UDP truncates them."""
        answer = self._ask(name, kind, deadline)
        while answer.status is Status.NOT_ASKED and deadline.open(2 * limits.PAUSE):
            time.sleep(limits.PAUSE)
            answer = self._ask(name, kind, deadline)
        return answer

    def _ask(self, name: str, kind: str, deadline: Deadline) -> Answer:
        try:
            found = self._resolver.resolve(
                f"{name}.", kind, lifetime=deadline.left(), raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN as error:
            return Answer(name, Status.NO_NAME, target=_target(name, error.canonical_name))
        except TimeoutError:
            return Answer(name, Status.TIMEOUT)
        except dns.exception.DNSException as error:
            return Answer(name, _failed(error))
        values = tuple(_VALUES[kind](record) for record in found.rrset or ())
        return Answer(name, Status.FOUND if values else Status.NO_DATA, values, _target(name, found.canonical_name))


def address_and_port(text: str) -> tuple[str, int]:
    """Read `ADDRESS[:PORT]`, with brackets around an IPv6 address that has a port. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text, "53"
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def _failed(error: dns.exception.DNSException) -> Status:
    if any(limits.at_limit(cause) for *_, cause, _answer in error.kwargs.get("errors") or ()):
        return Status.NOT_ASKED
    return Status.TIMEOUT if isinstance(error, dns.exception.Timeout) else Status.FAILURE


def _target(name: str, canonical: Any) -> str | None:
    target = canonical.to_text(omit_final_dot=True)
    return None if target.lower() == name.lower() else target


def _text(record: Any) -> str:
    return b"".join(record.strings).decode("utf-8", "backslashreplace")


def _exchange(record: Any) -> str:
    return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"


_VALUES: dict[str, Callable[[Any], str]] = {
    "TXT": _text,
    "MX": _exchange,
    "CAA": lambda record: (
        f"{record.flags} {record.tag.decode('ascii', 'replace')} {record.value.decode('utf-8', 'replace')}"
    ),
    "CNAME": lambda record: record.target.to_text(omit_final_dot=True),
    "A": lambda record: str(record.address),
    "AAAA": lambda record: str(record.address),
}
