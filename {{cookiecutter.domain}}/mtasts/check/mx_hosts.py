"""The hosts that take the domain's mail, as a sender with the policy meets them (RFC 8461 §4)."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtasts.check import mx_answers, slips
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
    """Senders then deliver to the domain's own address, so the domain itself is its MX host. Where it takes mail
elsewhere, publish the MX records.""",
)
MX_NULL = Rule(
    "MTS211",
    "The domain takes no mail",
    Severity.WARNING,
    "RFC 7505 §3",
    """A null MX (`0 .`) says that no mail is taken, so there is nothing for a policy to protect. Retire the policy,
or publish the MX hosts.""",
)
MX_HOST_NONE = Rule(
    "MTS212",
    "An MX host has no address",
    Severity.ERROR,
    "RFC 5321 §5.1",
    """The MX record names a host that has neither an A nor an AAAA record, so no mail can reach it. Correct the
name, or remove the record.""",
)
UNLISTED = Rule(
    "MTS401",
    "An MX host is not in the policy",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """Under `enforce` senders do not deliver to it; Exchange Online bounces with 5.4.8, or 4.4.8 while it tries
again. Add the host to `mx`, publish, and wait for the old policy to run out of caches before mail must go there.""",
)
PATTERN_UNUSED = Rule(
    "MTS402",
    "An mx pattern matches no MX host",
    Severity.WARNING,
    "RFC 8461 §4.1",
    """It is left from an earlier provider, or misspelt. A name that nobody watches can be taken over, and then
takes your mail: remove it, unless you are moving there.""",
)
PATTERN_WIDE = Rule(
    "MTS403",
    "A wildcard covers the whole domain",
    Severity.WARNING,
    "RFC 8461 §4.1",
    """`*.<domain>` lets every host of the domain take its mail, the forgotten web server too. List the MX hosts.""",
)


HOSTS = 50  # looked at, of one domain
PATTERNS = 100  # of a policy, looked at for a near miss
PROBES = 100  # of their addresses: the domain chooses whom this machine speaks to, and not how often


@dataclass(frozen=True)
class Host:
    """An MX host: its addresses, and what each said. meant: the name that has one, if the zone's was added to it."""

    name: str
    answers: tuple[Answer, ...]
    probes: tuple[Spoken | Failed, ...]
    meant: str | None = None


@dataclass(frozen=True)
class Observed:
    """The answer to MX, and the hosts in the order of preference. more: those that were not looked at."""

    answer: Answer
    hosts: tuple[Host, ...]
    more: tuple[str, ...] = ()

    @property
    def unreached(self) -> tuple[str, ...]:
        """The addresses that this machine has no way to."""
        failed = (probe for host in self.hosts for probe in host.probes if isinstance(probe, Failed))
        return tuple(probe.address for probe in failed if probe.fault is Fault.NO_ROUTE)

    @property
    def unseen(self) -> str:
        """What was not looked at, in two sentences; empty if all was."""
        found = sum(len(answer.values) for host in self.hosts for answer in host.answers)
        left = found - sum(len(host.probes) for host in self.hosts)
        counts = {"MX hosts": len(self.more), "addresses": left}
        what = " and ".join(f"{number} {name}" for name, number in counts.items() if number)
        return what and f"{what} were not looked at: {HOSTS} hosts and {PROBES} addresses are the most. Publish fewer."


async def observe(domain: str, network: Network) -> Observed:
    """Ask for the MX hosts, and speak to each of their addresses."""
    answer = await network.lookup(domain, "MX")
    found = names(domain, answer)
    looked = found[:HOSTS]
    most = PROBES // max(1, len(looked))
    hosts = await asyncio.gather(*(_observe_host(domain, name, network, most) for name in looked))
    return Observed(answer, tuple(hosts), tuple(found[HOSTS:]))


def names(domain: str, answer: Answer) -> list[str]:
    """Return the MX hosts in the order of preference: the domain itself where it has no MX record (RFC 5321 §5.1)."""
    if answer.status in (Status.NO_DATA, Status.NO_NAME):
        return [domain]
    pairs = sorted((int(number), name) for number, _, name in (value.partition(" ") for value in answer.values))
    return [name for _, name in pairs if name not in ("", ".")]


async def _observe_host(domain: str, name: str, network: Network, most: int) -> Host:
    answers = await resolved(name, network)
    found = addresses(answers, most)
    full = slips.full(name, domain) if not found and not first_fault(answers) else None
    meant = full if full and any(answer.values for answer in await resolved(full, network)) else None
    probes = await asyncio.gather(*(network.probe(name, address) for address in found))
    return Host(name, answers, tuple(probes), meant)


def evaluate(domain: str, observed: Observed, policy: Policy | None) -> Section:
    """Say what enforce would do with each host, and what each pattern of the policy is for.

    In mode none there is nothing to say: senders look at no MX host, so whatever is wrong there loses no mail.
    """
    if policy and policy.mode is Mode.NONE:
        return Section("MX", ("mode none: senders do not compare the MX hosts, and do not verify their TLS",))
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
        yield Finding(MX_NULL, f"{domain} says that it takes no mail (null MX). Retire the policy.")


def evaluate_host(host: Host, policy: Policy | None) -> Iterator[str | Finding | Unseen]:
    """Yield what is to be said of one host."""
    if host.meant:
        message = f"{quote(host.name, 253)} has no address, and {quote(host.meant, 253)} has one: the zone's name was "
        message += f"added to it. Write '{host.meant}.' into the MX record, with a dot at its end."
        yield Finding(MX_HOST_NONE, message)
        return
    if policy and not policy.matches(host.name):
        message = f"{quote(host.name)} is in no mx of the policy. {_mend(host.name, policy)} {NO_DELIVERY}; Exchange "
        message += "Online bounces with 5.4.8."
        yield Finding(UNLISTED, message, result_type="validation-failure")
    if not host.probes:
        yield first_fault(host.answers) or Finding(
            MX_HOST_NONE, f"{quote(host.name)} has no address. Correct the MX record."
        )
    covered = bool(policy and policy.matches(host.name))
    for probe in host.probes:
        yield from mx_answers.evaluate(host.name, probe, covered)


def _mend(host: str, policy: Policy) -> str:
    """Return why a host is in no mx, and what mends it."""
    if fault := mx_patterns.host_fault(host):
        return f"It {fault}"
    offered = next((each for each in mx_patterns.patterns([host]) if each.matches(host)), host)
    looked = policy.mx[:PATTERNS]
    near = (_misspelt(host, each) or _other_level(host, each, offered) for each in looked)
    return next(filter(None, near), None) or _typed(host, looked) or f"Add {quote(offered)} to mx. {_OR}"


_OR = "Or correct the MX record."


def _misspelt(host: str, pattern: str) -> str | None:
    """Return what mends a pattern that was to cover the host, and is no pattern."""
    if len(names := re.split(r"[\s,;]+", pattern.lower())) > 1 and host.lower() in names:
        return f"The policy has it in {quote(pattern)}, which matches no host: write each name in a line of its own."
    better = MxPattern(corrections.mx_pattern(pattern))
    if better == pattern or not better.matches(host):
        return None
    return f"The policy has {quote(pattern)} for it, which matches no host: write {quote(better)}."


def _other_level(host: str, pattern: str, offered: str) -> str | None:
    """Return what mends a pattern that is a label too high or too low: a `*` is one label (RFC 8461 §4.1)."""
    parent = pattern.removeprefix("*.").lower()
    if not f".{host.lower()}".endswith(f".{parent}"):
        return None
    if not pattern.startswith("*."):
        return f"{quote(pattern)} is another name, and not for the hosts below it: write {quote(offered)}."
    if host.lower() == parent:
        return f"{quote(pattern)} is for names below it: add {quote(host)}."
    wanted = f"*.{host.lower().partition('.')[2]}"
    return f"In {quote(pattern)} the `*` stands for one label: write {quote(wanted)}."


def _typed(host: str, patterns: Sequence[str]) -> str | None:
    """Return what mends a pattern with a typing error; mx1 and mx2 are two hosts."""
    for near in difflib.get_close_matches(host.lower(), [each.lower() for each in patterns], 1, 0.9):
        if re.sub("[0-9]", "", near) != re.sub("[0-9]", "", host.lower()):
            return f"{quote(near)} is nearly the same: write {quote(host)} there, if that was meant. {_OR}"
    return None


def _evaluate_more(domain: str, observed: Observed, policy: Policy | None) -> Iterator[Finding]:
    """Yield what is to be said of what was not looked at."""
    uncovered = [quote(name) for name in observed.more if policy and not policy.matches(name)]
    if uncovered:
        message = f"{listed(uncovered)}: in no mx of the policy. {NO_DELIVERY}; Exchange Online bounces with 5.4.8."
        yield Finding(UNLISTED, message)
    if observed.unseen:
        yield Finding(ADDRESSES_MANY, f"{domain}: {observed.unseen}")


def _evaluate_patterns(domain: str, policy: Policy, hosts: Sequence[str]) -> Iterator[Finding]:
    for pattern in policy.mx:
        if not any(map(pattern.matches, hosts)) and not pattern_fault(pattern):
            message = f"mx {quote(pattern)} matches none of the MX hosts. Remove it, unless you are moving there."
            yield Finding(PATTERN_UNUSED, message)
        if f".{domain}".endswith(pattern[1:].lower()) and pattern.startswith("*."):
            message = f"mx {quote(pattern)} lets every host of the domain take its mail. List the MX hosts."
            yield Finding(PATTERN_WIDE, message)
