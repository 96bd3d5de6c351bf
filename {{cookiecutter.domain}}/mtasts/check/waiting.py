"""What a deployment waits for, as seen from outside: the hosting's records in DNS, TLS, and the served policy."""

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
    """Azure issues a host name's certificate once DNS shows the records that point to the hosting and verify the
domain. `python -m mtasts records --only hosting` prints them. It can take a while until all name servers have a new
record and resolvers forget that there was none. If this does not help, compare DNS with the printed records.""",
)

_UNTIL_TLS = (
    *(DNS_FAILURE, HOST_NONE, HOST_DANGLING, UNREACHABLE, TIMEOUT, HANDSHAKE),
    *(CERTIFICATE_EXPIRED, CERTIFICATE_NAME, CERTIFICATE_UNTRUSTED, TLS_VERSION),
)

Look = Callable[[Clients, float, int], "list[Finding]"]  # clients, timeout, jobs: what is still missing


class Record(NamedTuple):
    """A record that DNS must show. name, and a CNAME's value: without the final dot."""

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
    """Return the finding for a record that is missing from an answer. Other TXT records at the name do not matter."""
    same = str.lower if record.type == "CNAME" else str
    if same(record.value) in map(same, answer.values):
        return None
    if fault := lookup_fault(answer):
        return _located(fault, record.domain)
    has = listed([quote(value) for value in answer.values]) if answer.values else answer.status.value
    message = f"{record.name} needs the {record.type} record {quote(record.value)}. DNS has: {has}."
    return Finding(RECORD_UNSEEN, message, domain=record.domain)


def with_tls(domains: Sequence[str], clients: Clients, timeout: float, jobs: int) -> list[Finding]:
    """Return what prevents a TLS handshake with each policy host, whatever it then answers."""

    async def one(domain: str, network: Network) -> list[Finding]:
        observed = await policy_host.observe(domain, network)
        section = policy_host.evaluate(observed, None)
        found = [finding for finding in section.findings if finding.rule in _UNTIL_TLS]
        return [finding.at(domain=domain) for finding in found] or (_blind(section, domain) if observed.unseen else [])

    return [each for found in asyncio.run(observe_all(domains, one, clients, timeout, jobs)) for each in found]


def with_policy(wanted: Sequence[Wanted], clients: Clients, timeout: float, jobs: int) -> list[Finding]:
    """Return what is wrong with the policy of each domain as HTTPS serves it, in the words of `check`."""
    checked = asyncio.run(walk_all(wanted, clients, ("https",), timeout, jobs))
    return [finding for each in checked for finding in _wrong(each)]


def _wrong(checked: Checked) -> list[Finding]:
    errors = [finding for finding in checked.findings if finding.rule.severity is Severity.ERROR]
    return errors or (_blind(checked.sections[0], checked.domain) if checked.blind else [])


def _blind(section: Section, domain: str) -> list[Finding]:
    """Say why this machine could not see the policy host, so that nobody believes it is served."""
    said = [_located(each, domain) for each in section.unseen]
    return said or [finding for finding in [policy_host.unreached(section.unreached)] if finding]


def _located(fault: Finding | Unseen, domain: str) -> Finding:
    finding = fault if isinstance(fault, Finding) else Finding(fault.rule, fault.message)
    return finding.at(domain=domain)
