"""What the steps of the check share.

Each step has `observe`, which uses the network, and `evaluate`, which does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from mtasts.check.clients.https import Failed, Fetched
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.clients.smtp import Spoken
from mtasts.findings import Finding, Rule, Severity

DNS_FAILURE = Rule(
    "MTS204",
    "A name server fails to answer",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """The zone's name servers or the resolver answered SERVFAIL or REFUSED. Often DNSSEC is broken (an expired
signature, a wrong DS record), or a server does not know the zone. Senders get the same answer: they hold the mail, or
deliver it without a policy.""",
)
DNS_TIMEOUT = Rule(
    "MTS205",
    "No name server answers in time",
    Severity.WARNING,
    "RFC 8461 §3.1",
    """No answer came within `--timeout`. This machine can be the cause, so it does not count as an error of the
domain. Check that the zone's name servers can be reached over UDP and TCP. If only this machine cannot reach them, use
another resolver with `--resolver`.""",
)
MACHINE_LIMIT = Rule(
    "MTS298",
    "This machine has run out of resources",
    Severity.WARNING,
    "this toolkit",
    """The connection needed an open file, a port, memory or a thread, and this machine had none left in time. This
says nothing about the domain. Run the command again with fewer `--jobs`, or raise the limit (`ulimit -n`).""",
)
ADDRESSES_MANY = Rule(
    "MTS214",
    "Too many addresses to check them all",
    Severity.WARNING,
    "this toolkit",
    """`check` tries at most 20 addresses of the policy host, and at most 50 MX hosts with 100 addresses. Otherwise a
domain could make this machine connect to thousands of other people's addresses. Each MX host gets an equal share, half
of it IPv6. The addresses that were not checked can have faults too.""",
)


NAMES = ("dns", "https", "policy", "mx", "tlsrpt")


@dataclass(frozen=True)
class Network:
    """The network as a step uses it: for one domain, until its deadline."""

    lookup: Callable[[str, str], Awaitable[Answer]]
    fetch: Callable[[str, str, str], Awaitable[Fetched | Failed]]
    probe: Callable[[str, str], Awaitable[Spoken | Failed]]


@dataclass(frozen=True)
class Unseen:
    """What this machine could not see. It says nothing about the domain, and is reported once for the whole run.

    what: the name or the address. why: part of a sentence. advice: a sentence.
    """

    rule: Rule
    what: str
    why: str
    advice: str

    @property
    def message(self) -> str:
        """The message of the finding, if nothing else went unseen for the same reason."""
        return f"{self.what}: {self.why}. {self.advice}"


@dataclass(frozen=True)
class Section:
    """What a step saw, in reading order: facts that are fine, findings, and what this machine could not see.

    unreached: the addresses that this machine has no route to, so that nothing is known about them.
    """

    title: str
    items: tuple[str | Finding | Unseen, ...]
    unreached: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        """The findings among the items."""
        return [item for item in self.items if isinstance(item, Finding)]

    def and_more(self, items: Iterable[str | Finding | Unseen]) -> Section:
        """Return the section with more items at its end."""
        return replace(self, items=(*self.items, *items))

    @property
    def unseen(self) -> list[Unseen]:
        """What this machine could not see, among the items."""
        return [item for item in self.items if isinstance(item, Unseen)]


FEWER_JOBS = "Run the command again with fewer --jobs."


def lookup_fault(answer: Answer) -> Finding | Unseen | None:
    """Return what to report if a query got no answer."""
    if answer.status is Status.FAILURE:
        message = f"{answer.name}: the name server fails to answer. Check its log, and the zone's DNSSEC."
        return Finding(DNS_FAILURE, message)
    if answer.status is Status.NOT_ASKED:
        return Unseen(MACHINE_LIMIT, answer.name, answer.status.value, FEWER_JOBS)
    if answer.status is Status.TIMEOUT:
        why = "no name server answers in time"
        advice = "Check that this machine reaches its resolver, and that the zone's name servers are up."
        return Unseen(DNS_TIMEOUT, answer.name, why, advice)
    return None


def first_fault(answers: Iterable[Answer]) -> Finding | Unseen | None:
    """Return what to report about the first query that got no answer."""
    return next((fault for fault in map(lookup_fault, answers) if fault), None)


async def resolved(host: str, network: Network) -> tuple[Answer, ...]:
    """Return the answers to A and AAAA."""
    return tuple(await asyncio.gather(network.lookup(host, "A"), network.lookup(host, "AAAA")))


def addresses(answers: Sequence[Answer], most: int) -> list[str]:
    """Return the addresses to check: all, or if there are too many, the first ones of each family in turn."""
    found = [address for answer in answers for address in answer.values]
    if len(found) <= most:
        return found
    turns = zip_longest(*(answer.values for answer in answers))
    return [address for turn in turns for address in turn if address][:most]
