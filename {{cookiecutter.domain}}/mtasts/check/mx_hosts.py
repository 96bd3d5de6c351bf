"""The hosts that receive the domain's mail, as a sender that follows the policy sees them (RFC 8461 §4)."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtasts.check import dns_mistakes, mx_answers
from mtasts.check.clients.https import Failed
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.clients.smtp import Spoken
from mtasts.check.clients.tls import Fault
from mtasts.check.mx_answers import NO_DELIVERY
from mtasts.check.steps import ADDRESSES_MANY, Network, Section, Unseen, addresses, first_fault, lookup_fault, resolved
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.sts import corrections, mx_patterns
from mtasts.sts.names import pattern_fault
from mtasts.sts.policy import Mode, MxPattern, Policy

MX_NONE = Rule(
    "MTS210",
    "The domain has no MX record",
    Severity.WARNING,
    "RFC 5321 §5.1",
    """Senders then deliver to the domain's own address, so the domain itself is the MX host. If another host receives
its mail, publish the MX records.""",
)
MX_NULL = Rule(
    "MTS211",
    "The domain does not accept mail",
    Severity.WARNING,
    "RFC 7505 §3",
    """A null MX (`0 .`) says that the domain does not accept mail, so a policy has nothing to protect. Retire the
policy, or publish the MX hosts.""",
)
MX_HOST_NONE = Rule(
    "MTS212",
    "An MX host has no address",
    Severity.ERROR,
    "RFC 5321 §5.1",
    """The MX record names a host without an A or AAAA record, so no mail can reach it. Correct the name, or remove the
record.""",
)
UNLISTED = Rule(
    "MTS401",
    "An MX host is not in the policy",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """Under `enforce`, senders do not deliver to it; Exchange Online bounces with 5.4.8, or with 4.4.8 while it
retries. Add the host to `mx` and publish. Before you depend on the host, wait until the old policy has expired from
senders' caches.""",
)
PATTERN_UNUSED = Rule(
    "MTS402",
    "An mx pattern matches no MX host",
    Severity.WARNING,
    "RFC 8461 §4.1",
    """It is left over from an earlier provider, or misspelt. Somebody else can take over an abandoned name and then
receive your mail. Remove the pattern, unless you are moving to that host.""",
)
PATTERN_WIDE = Rule(
    "MTS403",
    "A wildcard covers the whole domain",
    Severity.WARNING,
    "RFC 8461 §4.1",
    """`*.<domain>` allows every host of the domain to receive its mail, even a forgotten web server. List the MX hosts
instead.""",
)


HOSTS = 50  # checked for one domain
PATTERNS = 100  # of a policy, searched for a misspelt one
PROBES = 100  # addresses of all hosts: a domain decides where this machine connects, but not how often


@dataclass(frozen=True)
class Host:
    """An MX host: its addresses, and what each answered. meant: its name without the zone's, if that has an address."""

    name: str
    answers: tuple[Answer, ...]
    probes: tuple[Spoken | Failed, ...]
    meant: str | None = None


@dataclass(frozen=True)
class Observed:
    """The answer to MX, and the hosts in the order of preference. more: those that were not checked."""

    answer: Answer
    hosts: tuple[Host, ...]
    more: tuple[str, ...] = ()

    @property
    def unreached(self) -> tuple[str, ...]:
        """The addresses that this machine has no route to."""
        failed = (probe for host in self.hosts for probe in host.probes if isinstance(probe, Failed))
        return tuple(probe.address for probe in failed if probe.fault is Fault.NO_ROUTE)

    @property
    def unchecked(self) -> str:
        """What was not checked, as two sentences; empty if everything was."""
        found = sum(len(answer.values) for host in self.hosts for answer in host.answers)
        left = found - sum(len(host.probes) for host in self.hosts)
        counts = {"MX hosts": len(self.more), "addresses": left}
        what = " and ".join(f"{number} {name}" for name, number in counts.items() if number)
        return what and f"{what} were not checked; the limit is {HOSTS} hosts and {PROBES} addresses. Publish fewer."


async def observe(domain: str, network: Network) -> Observed:
    """Ask for the MX hosts, and connect to each of their addresses."""
    answer = await network.lookup(domain, "MX")
    found = names(domain, answer)
    checked = found[:HOSTS]
    most = PROBES // max(1, len(checked))
    hosts = await asyncio.gather(*(_observe_host(domain, name, network, most) for name in checked))
    return Observed(answer, tuple(hosts), tuple(found[HOSTS:]))


def names(domain: str, answer: Answer) -> list[str]:
    """Return the MX hosts in the order of preference: the domain itself if it has no MX record (RFC 5321 §5.1)."""
    if answer.status in (Status.NO_DATA, Status.NO_NAME):
        return [domain]
    pairs = sorted((int(number), name) for number, _, name in (value.partition(" ") for value in answer.values))
    return [name for _, name in pairs if name not in ("", ".")]


async def _observe_host(domain: str, name: str, network: Network, most: int) -> Host:
    answers = await resolved(name, network)
    found = addresses(answers, most)
    short = dns_mistakes.undoubled(name, domain) if not found and not first_fault(answers) else None
    meant = short if short and any(answer.values for answer in await resolved(short, network)) else None
    probes = await asyncio.gather(*(network.probe(name, address) for address in found))
    return Host(name, answers, tuple(probes), meant)


def evaluate(domain: str, observed: Observed, policy: Policy | None) -> Section:
    """Say what enforce would do at each host, and which patterns of the policy are unused.

    In mode none there is nothing to say: senders do not check the MX hosts, so no fault there loses mail.
    """
    if policy and policy.mode is Mode.NONE:
        return Section("MX", ("mode none: senders do not compare the MX hosts or verify their TLS",))
    items: list[str | Finding | Unseen] = list(_evaluate_answer(domain, observed))
    for host in observed.hosts:
        items += evaluate_host(host, policy)
    items += _evaluate_more(domain, observed, policy)
    if policy and observed.hosts:
        items += _evaluate_patterns(domain, policy, [*(host.name for host in observed.hosts), *observed.more])
    return Section("MX", tuple(items), observed.unreached)


def _evaluate_answer(domain: str, observed: Observed) -> Iterator[Finding | Unseen]:
    if fault := lookup_fault(observed.answer):
        yield fault
    elif not observed.answer.values:
        message = f"{domain} has no MX record, so senders deliver to {domain} itself. Publish the MX hosts."
        yield Finding(MX_NONE, message)
    elif not observed.hosts:
        yield Finding(MX_NULL, f"{domain} does not accept mail (null MX). Retire the policy.")


def evaluate_host(host: Host, policy: Policy | None) -> Iterator[str | Finding | Unseen]:
    """Yield what is fine and what is wrong with one host."""
    if host.meant:
        message = f"{quote(host.name, 253)} has no address, but {quote(host.meant, 253)} has one: the zone's name was "
        message += f"added to it. Write '{host.meant}.' in the MX record, with a dot at the end."
        yield Finding(MX_HOST_NONE, message)
        return
    if policy and not policy.matches(host.name):
        message = f"The policy's mx does not cover {quote(host.name)}. {_correction(host.name, policy)} {NO_DELIVERY}; "
        message += "Exchange Online bounces with 5.4.8."
        yield Finding(UNLISTED, message, result_type="validation-failure")
    if not host.probes:
        yield first_fault(host.answers) or Finding(
            MX_HOST_NONE, f"{quote(host.name)} has no address. Publish one, or correct the MX records."
        )
    covered = bool(policy and policy.matches(host.name))
    for probe in host.probes:
        yield from mx_answers.evaluate(host.name, probe, covered)


def _correction(host: str, policy: Policy) -> str:
    """Return why no mx covers a host, and what to do."""
    if fault := mx_patterns.host_fault(host):
        return f"The host name {fault}"
    offered = next((each for each in mx_patterns.patterns([host]) if each.matches(host)), host)
    searched = policy.mx[:PATTERNS]
    found = (_malformed(host, each) or _other_level(host, each, offered) for each in searched)
    return (
        next(filter(None, found), None)
        or _misspelt(host, searched)
        or f"Add {quote(offered)} to mx, or correct the MX record."
    )


def _malformed(host: str, pattern: str) -> str | None:
    """Return what to do about a malformed pattern that was meant to cover the host."""
    if len(names := re.split(r"[\s,;]+", pattern.lower())) > 1 and host.lower() in names:
        return f"It is part of {quote(pattern)}, which matches no host: write each name on its own line."
    better = MxPattern(corrections.mx_pattern(pattern))
    if better == pattern or not better.matches(host):
        return None
    return f"The policy has {quote(pattern)}, which matches no host: write {quote(better)}."


def _other_level(host: str, pattern: str, offered: str) -> str | None:
    """Return what to do about a pattern with a label too many or too few: `*` is one label (RFC 8461 §4.1)."""
    parent = pattern.removeprefix("*.").lower()
    if not f".{host.lower()}".endswith(f".{parent}"):
        return None
    if not pattern.startswith("*."):
        return f"{quote(pattern)} matches only that name, not the hosts below it: write {quote(offered)}."
    if host.lower() == parent:
        return f"{quote(pattern)} matches only names below {quote(host)}: add {quote(host)}."
    wanted = f"*.{host.lower().partition('.')[2]}"
    return f"The `*` in {quote(pattern)} stands for exactly one label: write {quote(wanted)}."


def _misspelt(host: str, patterns: Sequence[str]) -> str | None:
    """Return what to do about a pattern with a typing error. mx1 and mx2 are not one: they are two hosts."""
    for similar in difflib.get_close_matches(host.lower(), [each.lower() for each in patterns], 1, 0.9):
        if re.sub("[0-9]", "", similar) != re.sub("[0-9]", "", host.lower()):
            return (
                f"If {quote(similar)} in mx is a typing error, write {quote(host)} instead. Or correct the MX record."
            )
    return None


def _evaluate_more(domain: str, observed: Observed, policy: Policy | None) -> Iterator[Finding]:
    """Yield the findings about what was not checked."""
    uncovered = [quote(name) for name in observed.more if policy and not policy.matches(name)]
    if uncovered:
        message = f"The policy's mx does not cover {listed(uncovered)}. Add what is missing to mx. {NO_DELIVERY}; "
        message += "Exchange Online bounces with 5.4.8."
        yield Finding(UNLISTED, message)
    if observed.unchecked:
        yield Finding(ADDRESSES_MANY, f"{domain}: {observed.unchecked}")


def _evaluate_patterns(domain: str, policy: Policy, hosts: Sequence[str]) -> Iterator[Finding]:
    for pattern in policy.mx:
        if not any(map(pattern.matches, hosts)) and not pattern_fault(pattern):
            message = f"mx {quote(pattern)} matches none of the MX hosts. Remove it, unless you are moving there."
            yield Finding(PATTERN_UNUSED, message)
        if f".{domain}".endswith(pattern[1:].lower()) and pattern.startswith("*."):
            message = f"mx {quote(pattern)} allows every host of the domain to receive its mail. List the MX hosts."
            yield Finding(PATTERN_WIDE, message)
