"""What the steps of the walk share.

Each step has `observe`, which asks the network, and `evaluate`, which asks nobody.
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
    "A name server answers with a failure",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """The name servers of the zone, or the resolver that was asked, answered SERVFAIL or REFUSED. Often DNSSEC is
broken (an expired signature, a wrong DS record), or a server does not know the zone. Senders see the same, and hold
the mail or go on without a policy.""",
)
DNS_TIMEOUT = Rule(
    "MTS205",
    "No name server answers in time",
    Severity.WARNING,
    "RFC 8461 §3.1",
    """No answer came within the time that `--timeout` gives. That can be the fault of this machine, so nothing is held
against the domain. Check that the zone's name servers can be reached, over UDP and TCP. If only this machine cannot
reach them, name another resolver with `--resolver`.""",
)
MACHINE_LIMIT = Rule(
    "MTS298",
    "This machine has reached a limit of its own",
    Severity.WARNING,
    "this toolkit",
    """No open file, port, memory or thread was left for the connection, and none came free in time. That says nothing
about the domain. Run this again with fewer `--jobs`, or raise the limit (`ulimit -n`).""",
)
ADDRESSES_MANY = Rule(
    "MTS214",
    "More addresses than are looked at",
    Severity.WARNING,
    "this toolkit",
    """At most 20 addresses of the policy host are looked at, and at most 50 MX hosts with 100 addresses, since a domain
could otherwise make this machine connect to thousands of addresses of others. Each MX host gets an equal share, half
of it IPv6. The addresses that were left out may have faults too.""",
)


NAMES = ("dns", "https", "policy", "mx", "tlsrpt")


@dataclass(frozen=True)
class Network:
    """The network, as a step asks it: for one domain, until its deadline."""

    lookup: Callable[[str, str], Awaitable[Answer]]
    fetch: Callable[[str, str, str], Awaitable[Fetched | Failed]]
    probe: Callable[[str, str], Awaitable[Spoken | Failed]]


@dataclass(frozen=True)
class Unseen:
    """What this machine could not see. It says nothing of the domain, and is said once for the whole run.

    what: a name or an address that was asked. why and advice: parts of a sentence, and a sentence.
    """

    rule: Rule
    what: str
    why: str
    advice: str

    @property
    def message(self) -> str:
        """The finding's message, if it is the only one."""
        return f"{self.what}: {self.why}. {self.advice}"


@dataclass(frozen=True)
class Section:
    """What a step saw: facts that are fine, findings, and what could not be seen, in the order in which to read them.

    unreached: the addresses that this machine has no way to, so that nothing is known of them.
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
        """What could not be seen among the items."""
        return [item for item in self.items if isinstance(item, Unseen)]


FEWER_JOBS = "Run this again with fewer --jobs."


def lookup_fault(answer: Answer) -> Finding | Unseen | None:
    """Return what is to be said of a question that got no answer, neither yes nor no."""
    if answer.status is Status.FAILURE:
        message = f"{answer.name}: the name server answers with a failure. See its log, and the zone's DNSSEC."
        return Finding(DNS_FAILURE, message)
    if answer.status is Status.NOT_ASKED:
        return Unseen(MACHINE_LIMIT, answer.name, answer.status.value, FEWER_JOBS)
    if answer.status is Status.TIMEOUT:
        why, advice = "no name server answers in time", "Check that the zone's name servers are up."
        return Unseen(DNS_TIMEOUT, answer.name, why, advice)
    return None


def first_fault(answers: Iterable[Answer]) -> Finding | Unseen | None:
    """Return what is to be said of the first question that got no answer."""
    return next((fault for fault in map(lookup_fault, answers) if fault), None)


async def resolved(host: str, network: Network) -> tuple[Answer, ...]:
    """Return the answers to A and AAAA."""
    return tuple(await asyncio.gather(network.lookup(host, "A"), network.lookup(host, "AAAA")))


def addresses(answers: Sequence[Answer], most: int) -> list[str]:
    """Return the addresses to look at: all, or the first of each family in turn if there are more than so many."""
    found = [address for answer in answers for address in answer.values]
    if len(found) <= most:
        return found
    turns = zip_longest(*(answer.values for answer in answers))
    return [address for turn in turns for address in turn if address][:most]
