"""What a deployment waits for, seen from outside alone: the hosting's records in DNS, TLS, the served policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mtasts.check import policy_host
from mtasts.check.clients.resolver import Answer
from mtasts.check.policy_answers import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NAME,
    CERTIFICATE_UNTRUSTED,
    HANDSHAKE,
    TIMEOUT,
    TLS_VERSION,
    UNREACHABLE,
)
from mtasts.check.policy_host import HOST_DANGLING, HOST_NONE
from mtasts.check.steps import DNS_FAILURE, Network, Section, Unseen, lookup_fault
from mtasts.check.walk import Checked, Clients, Wanted, observe_all, walk_all
from mtasts.findings import Finding, Rule, Severity, listed, quote

RECORD_UNSEEN = Rule(
    "MTS209",
    "DNS does not show a record of the hosting",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Azure gives a host name its certificate once DNS shows the records that lead to the hosting and prove the domain.
`python -m mtasts records --only hosting` prints them. Name servers can take a while until all of them have a new
record, and resolvers remember for a while that there was none. If it stays so, compare the two.""",
)

_UNTIL_TLS = (
    *(DNS_FAILURE, HOST_NONE, HOST_DANGLING, UNREACHABLE, TIMEOUT, HANDSHAKE),
    *(CERTIFICATE_EXPIRED, CERTIFICATE_NAME, CERTIFICATE_UNTRUSTED, TLS_VERSION),
)

Look = Callable[[Clients, float, int], "list[Finding]"]  # what is still to come, by the clients, a timeout and jobs


class Record(NamedTuple):
    """A record that is to be seen. name: without the final dot, as the value of a CNAME."""

    domain: str
    name: str
    type: str
    value: str


def in_dns(records: Sequence[Record], clients: Clients, timeout: float, jobs: int) -> list[Finding]:
    """Return a finding for each record that DNS does not show."""

    async def one(record: Record, network: Network) -> Finding | None:
        return unseen(record, await network.lookup(record.name, record.type))

    return [found for found in asyncio.run(observe_all(records, one, clients, timeout, jobs)) if found]


def unseen(record: Record, answer: Answer) -> Finding | None:
    """Return the finding for a record that an answer does not have. Others may stand beside a TXT."""
    same = str.lower if record.type == "CNAME" else str
    if same(record.value) in map(same, answer.values):
        return None
    if fault := lookup_fault(answer):
        return _located(fault, record.domain)
    has = listed([quote(value) for value in answer.values]) if answer.values else answer.status.value
    message = f"{record.name} is to be {record.type} {quote(record.value)}. DNS has: {has}."
    return Finding(RECORD_UNSEEN, message, domain=record.domain)


def with_tls(domains: Sequence[str], clients: Clients, timeout: float, jobs: int) -> list[Finding]:
    """Return what stands in the way of a TLS handshake with each policy host, whatever it then answers."""

    async def one(domain: str, network: Network) -> list[Finding]:
        observed = await policy_host.observe(domain, network)
        section = policy_host.evaluate(observed, None)
        found = [finding for finding in section.findings if finding.rule in _UNTIL_TLS]
        return [finding.at(domain=domain) for finding in found] or (_blind(section, domain) if observed.unseen else [])

    return [each for found in asyncio.run(observe_all(domains, one, clients, timeout, jobs)) for each in found]


def with_policy(wanted: Sequence[Wanted], clients: Clients, timeout: float, jobs: int) -> list[Finding]:
    """Return what senders would find wrong with the policy of each domain as HTTPS serves it, as `check` says it."""
    checked = asyncio.run(walk_all(wanted, clients, ("https",), timeout, jobs))
    return [finding for each in checked for finding in _wrong(each)]


def _wrong(checked: Checked) -> list[Finding]:
    errors = [finding for finding in checked.findings if finding.rule.severity is Severity.ERROR]
    return errors or (_blind(checked.sections[0], checked.domain) if checked.blind else [])


def _blind(section: Section, domain: str) -> list[Finding]:
    """Say why this machine could not see the policy host, so that nobody takes it for served."""
    said = [_located(each, domain) for each in section.unseen]
    return said or [finding for finding in [policy_host.unreached(section.unreached)] if finding]


def _located(fault: Finding | Unseen, domain: str) -> Finding:
    finding = fault if isinstance(fault, Finding) else Finding(fault.rule, fault.message)
    return finding.at(domain=domain)
