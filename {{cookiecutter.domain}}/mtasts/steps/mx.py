"""The hosts that take the domain's mail, as a sender with the policy meets them (RFC 8461 §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from mtasts.fetch import Failed
from mtasts.findings import Finding, Rule, listed, quote
from mtasts.lookup import Answer, Status
from mtasts.policy import Policy
from mtasts.rules import dns as dns_rules
from mtasts.rules import mx as rules
from mtasts.smtp import Spoken
from mtasts.steps import Reach, Section, addresses
from mtasts.steps.dns import lookup_fault
from mtasts.steps.https import SOON, days, resolved
from mtasts.tls import Fault

HOSTS = 50  # looked at, of one domain
PROBES = 100  # of their addresses: the domain chooses whom this machine speaks to, and not how often

_NO_DELIVERY = "With enforce, senders do not deliver to it"
_BOUNCE = f"{_NO_DELIVERY}; Exchange Online bounces with 5.7.5."
_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (rules.REFUSED, "See that the mail server listens there, or remove the address."),
    Fault.UNREACHABLE: (rules.NOT_REACHED, "Run this check from a network that may send mail."),
    Fault.NOT_TRIED: (dns_rules.MACHINE_LIMIT, "Run this again with fewer --jobs."),
    Fault.NO_ROUTE: (rules.NOT_REACHED, "Run this check from a network that may send mail."),
    Fault.TIMEOUT: (rules.NOT_REACHED, "Run this check from a network that may send mail."),
    Fault.INCOMPLETE: (rules.TURNED_AWAY, "Run this check from a mail server."),
    Fault.TURNED_AWAY: (rules.TURNED_AWAY, "Run this check from a mail server."),
    Fault.SILENT: (rules.SILENT, "See its log."),
    Fault.STARTTLS_NONE: (rules.STARTTLS_NONE, f"{_NO_DELIVERY}."),
    Fault.STARTTLS_REFUSED: (rules.STARTTLS_REFUSED, f"{_NO_DELIVERY}."),
    Fault.HANDSHAKE: (rules.HANDSHAKE, _BOUNCE),
    Fault.VERSION: (rules.TLS_VERSION, f"{_NO_DELIVERY}."),
    Fault.EXPIRED: (rules.CERTIFICATE_EXPIRED, _BOUNCE),
    Fault.NAME: (rules.CERTIFICATE_NAME, _BOUNCE),
    Fault.UNTRUSTED: (rules.CERTIFICATE_UNTRUSTED, _BOUNCE),
}
_UNKNOWN = (rules.NOT_REACHED, rules.TURNED_AWAY, dns_rules.MACHINE_LIMIT)


class Outcome(Enum):
    """What a sender with enforce does with an MX host."""

    DELIVERS = "delivers"
    FAILS = "does not deliver"
    UNKNOWN = "cannot be told from here"


@dataclass(frozen=True)
class Host:
    """An MX host: its addresses, and what each said."""

    name: str
    answers: tuple[Answer, ...]
    probes: tuple[Spoken | Failed, ...]


@dataclass(frozen=True)
class Seen:
    """The answer to MX, and the hosts in the order of preference. more: those that were not looked at."""

    answer: Answer
    hosts: tuple[Host, ...]
    more: tuple[str, ...] = ()

    @property
    def unseen(self) -> str:
        """What was not looked at, in two sentences; empty if all was."""
        found = sum(len(answer.values) for host in self.hosts for answer in host.answers)
        left = found - sum(len(host.probes) for host in self.hosts)
        counts = {"MX hosts": len(self.more), "addresses": left}
        what = " and ".join(f"{number} {name}" for name, number in counts.items() if number)
        return what and f"{what} were not looked at: {HOSTS} hosts and {PROBES} addresses are the most. Publish fewer."


async def see(domain: str, reach: Reach) -> Seen:
    """Ask for the MX hosts, and speak to each of their addresses."""
    answer = await reach.lookup(domain, "MX")
    found = names(domain, answer)
    looked = found[:HOSTS]
    most = PROBES // max(1, len(looked))
    hosts = await asyncio.gather(*(_see_host(name, reach, most) for name in looked))
    return Seen(answer, tuple(hosts), tuple(found[HOSTS:]))


def names(domain: str, answer: Answer) -> list[str]:
    """Return the MX hosts in the order of preference: the domain itself where it has no MX record (RFC 5321 §5.1)."""
    if answer.status in (Status.NO_DATA, Status.NO_NAME):
        return [domain]
    pairs = sorted((int(number), name) for number, _, name in (value.partition(" ") for value in answer.values))
    return [name for _, name in pairs if name not in ("", ".")]


async def _see_host(name: str, reach: Reach, most: int) -> Host:
    answers = await resolved(name, reach)
    found = addresses(answers, most)
    return Host(name, answers, tuple(await asyncio.gather(*(reach.probe(name, address) for address in found))))


def judge(domain: str, seen: Seen, policy: Policy | None) -> Section:
    """Say what enforce would do with each host, and what each pattern of the policy is for."""
    items: list[str | Finding] = list(_judge_answer(domain, seen))
    for host in seen.hosts:
        items += judge_host(host, policy)
    items += _judge_more(domain, seen, policy)
    if policy and seen.hosts:
        items += _judge_patterns(domain, policy, [*(host.name for host in seen.hosts), *seen.more])
    return Section("MX", tuple(items))


def outcome(host: Host, policy: Policy) -> Outcome:
    """Return what a sender with this policy and enforce does with a host."""
    found = [item.rule for item in judge_host(host, policy) if isinstance(item, Finding)]
    if any(rule not in (*_UNKNOWN, rules.CERTIFICATE_ENDS) for rule in found):
        return Outcome.FAILS
    return Outcome.UNKNOWN if any(rule in _UNKNOWN for rule in found) else Outcome.DELIVERS


def _judge_answer(domain: str, seen: Seen) -> Iterator[Finding]:
    if fault := lookup_fault(seen.answer):
        yield fault
    elif not seen.answer.values:
        message = f"{domain} has no MX record, so senders deliver to {domain} itself. Publish the MX hosts."
        yield Finding(dns_rules.MX_NONE, message)
    elif not seen.hosts:
        yield Finding(dns_rules.MX_NULL, f"{domain} says that it takes no mail (null MX). Retire the policy.")


def judge_host(host: Host, policy: Policy | None) -> Iterator[str | Finding]:
    """Yield what is to be said of one host."""
    if policy and not policy.matches(host.name):
        message = f"{quote(host.name)} is in no mx of the policy. {_NO_DELIVERY}; Exchange Online bounces with 5.4.8."
        yield Finding(rules.UNLISTED, message)
    if not host.probes:
        fault = next(filter(None, map(lookup_fault, host.answers)), None)
        yield fault or Finding(dns_rules.MX_HOST_NONE, f"{quote(host.name)} has no address. Correct the MX record.")
    covered = bool(policy and policy.matches(host.name))
    for probe in host.probes:
        yield from _judge_probe(f"{host.name} ({probe.address})", probe, covered)


def _judge_probe(where: str, probe: Spoken | Failed, covered: bool) -> Iterator[str | Finding]:
    if isinstance(probe, Failed):
        rule, advice = _FAULTS[probe.fault]
        said = f" ({quote(probe.said)})" if probe.said else ""
        yield Finding(rule, f"{where}: {probe.fault.value}{said}. {advice}")
        return
    left = days(probe.ends)
    delivers = "; enforce delivers" if covered else ""
    yield f"{where}: STARTTLS, {probe.tls}, certificate for {left} more days{delivers}"
    if left <= SOON:
        yield Finding(rules.CERTIFICATE_ENDS, f"{where}: the certificate ends in {left} days. Renew it.")


def _judge_more(domain: str, seen: Seen, policy: Policy | None) -> Iterator[Finding]:
    """Yield what is to be said of what was not looked at."""
    uncovered = [quote(name) for name in seen.more if policy and not policy.matches(name)]
    if uncovered:
        message = f"{listed(uncovered)}: in no mx of the policy. {_NO_DELIVERY}; Exchange Online bounces with 5.4.8."
        yield Finding(rules.UNLISTED, message)
    if seen.unseen:
        yield Finding(dns_rules.ADDRESSES_MANY, f"{domain}: {seen.unseen}")


def _judge_patterns(domain: str, policy: Policy, hosts: Sequence[str]) -> Iterator[Finding]:
    for pattern in policy.mx:
        if not any(map(pattern.matches, hosts)):
            message = f"mx {quote(pattern)} matches none of the MX hosts. Remove it, unless you are moving there."
            yield Finding(rules.PATTERN_UNUSED, message)
        if f".{domain}".endswith(pattern[1:].lower()) and pattern.startswith("*."):
            message = f"mx {quote(pattern)} lets every host of the domain take its mail. List the MX hosts."
            yield Finding(rules.PATTERN_WIDE, message)
