"""The hosts that take the domain's mail, as a sender with the policy meets them (RFC 8461 §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from mtasts.check.https import Failed
from mtasts.check.policy_host import ADDRESSES_MANY, SOON, days, resolved
from mtasts.check.resolver import Answer, Status
from mtasts.check.smtp import Spoken
from mtasts.check.steps import Reach, Section, addresses
from mtasts.check.tls import Fault
from mtasts.check.txt_record import MACHINE_LIMIT, lookup_fault
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.sts.policy import Policy

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
NOT_REACHED = Rule(
    "MTS410",
    "An MX host could not be reached from here",
    Severity.WARNING,
    "RFC 8461 §4.2",
    """The connection to port 25 got no answer, or there is no way there. Many networks, and the CI systems' own
machines, block port 25: that says nothing about the host. Run `check --only mx` from a mail server or a network
that may send mail.""",
)
REFUSED = Rule(
    "MTS411",
    "An MX host refuses the connection",
    Severity.ERROR,
    "RFC 8461 §8.4",
    """The address answers, and nothing listens at port 25. Mail that comes to this host waits or fails. Look at
every address of the host, IPv6 too.""",
)
TURNED_AWAY = Rule(
    "MTS412",
    "An MX host turns this machine away",
    Severity.WARNING,
    "RFC 5321 §3.1",
    """It greeted with 4xx or 5xx, or would not go on. Hosts do so when they are busy, or to addresses that send no
mail. Its TLS could not be judged: run `check --only mx` from a mail server.""",
)
SILENT = Rule(
    "MTS413",
    "An MX host says nothing",
    Severity.ERROR,
    "RFC 5321 §4.5.3.2",
    """The connection stands, and no greeting or answer comes within the time that `--timeout` gives. Senders give
up, and try the next host.""",
)
STARTTLS_NONE = Rule(
    "MTS414",
    "An MX host does not offer STARTTLS",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """Under `enforce` senders do not deliver to it. Switch STARTTLS on, and see that no firewall strips it.""",
)
STARTTLS_REFUSED = Rule(
    "MTS415",
    "An MX host offers STARTTLS and refuses it",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It answered the command with an error, usually since its certificate or key cannot be read. See its log.""",
)
HANDSHAKE = Rule(
    "MTS416",
    "TLS with an MX host fails",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """The handshake ended before a certificate could be judged. Under `enforce` senders do not deliver to it;
Exchange Online bounces with 5.7.5, or 4.7.5 while it tries again.""",
)
TLS_VERSION = Rule(
    "MTS417",
    "An MX host speaks no TLS 1.2",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """Senders need TLS 1.2 or 1.3. Under `enforce` they do not deliver to this host. Switch these on in the mail
server, and the older versions off.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS418",
    "An MX host's certificate is not valid today",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It has expired, or is not valid yet. Under `enforce` senders do not deliver to this host; Exchange Online
bounces with 5.7.5. Renew it, and let the mail server read it again.""",
)
CERTIFICATE_NAME = Rule(
    "MTS419",
    "An MX host's certificate is for another name",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """The certificate must have the host's name, as the MX record has it, among its DNS names; the common name does
not count. Under `enforce` senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS420",
    "An MX host's certificate is not trusted",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It is self-signed, its issuer is not known to senders, or the server does not send the certificates between.
Under `enforce` senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS421",
    "An MX host's certificate ends soon",
    Severity.WARNING,
    "RFC 8461 §4.2",
    """Certificates are renewed weeks before their end. See why this one was not yet: once it has ended, senders with
enforce do not deliver.""",
)


HOSTS = 50  # looked at, of one domain
PROBES = 100  # of their addresses: the domain chooses whom this machine speaks to, and not how often

_NO_DELIVERY = "With enforce, senders do not deliver to it"
_BOUNCE = f"{_NO_DELIVERY}; Exchange Online bounces with 5.7.5."
_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (REFUSED, "See that the mail server listens there, or remove the address."),
    Fault.UNREACHABLE: (NOT_REACHED, "Run this check from a network that may send mail."),
    Fault.NOT_TRIED: (MACHINE_LIMIT, "Run this again with fewer --jobs."),
    Fault.NO_ROUTE: (NOT_REACHED, "Run this check from a network that may send mail."),
    Fault.TIMEOUT: (NOT_REACHED, "Run this check from a network that may send mail."),
    Fault.INCOMPLETE: (TURNED_AWAY, "Run this check from a mail server."),
    Fault.TURNED_AWAY: (TURNED_AWAY, "Run this check from a mail server."),
    Fault.SILENT: (SILENT, "See its log."),
    Fault.STARTTLS_NONE: (STARTTLS_NONE, f"{_NO_DELIVERY}."),
    Fault.STARTTLS_REFUSED: (STARTTLS_REFUSED, f"{_NO_DELIVERY}."),
    Fault.HANDSHAKE: (HANDSHAKE, _BOUNCE),
    Fault.VERSION: (TLS_VERSION, f"{_NO_DELIVERY}."),
    Fault.EXPIRED: (CERTIFICATE_EXPIRED, _BOUNCE),
    Fault.NAME: (CERTIFICATE_NAME, _BOUNCE),
    Fault.UNTRUSTED: (CERTIFICATE_UNTRUSTED, _BOUNCE),
}
_UNKNOWN = (NOT_REACHED, TURNED_AWAY, MACHINE_LIMIT)


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
    if any(rule not in (*_UNKNOWN, CERTIFICATE_ENDS) for rule in found):
        return Outcome.FAILS
    return Outcome.UNKNOWN if any(rule in _UNKNOWN for rule in found) else Outcome.DELIVERS


def _judge_answer(domain: str, seen: Seen) -> Iterator[Finding]:
    if fault := lookup_fault(seen.answer):
        yield fault
    elif not seen.answer.values:
        message = f"{domain} has no MX record, so senders deliver to {domain} itself. Publish the MX hosts."
        yield Finding(MX_NONE, message)
    elif not seen.hosts:
        yield Finding(MX_NULL, f"{domain} says that it takes no mail (null MX). Retire the policy.")


def judge_host(host: Host, policy: Policy | None) -> Iterator[str | Finding]:
    """Yield what is to be said of one host."""
    if policy and not policy.matches(host.name):
        message = f"{quote(host.name)} is in no mx of the policy. {_NO_DELIVERY}; Exchange Online bounces with 5.4.8."
        yield Finding(UNLISTED, message)
    if not host.probes:
        fault = next(filter(None, map(lookup_fault, host.answers)), None)
        yield fault or Finding(MX_HOST_NONE, f"{quote(host.name)} has no address. Correct the MX record.")
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
        yield Finding(CERTIFICATE_ENDS, f"{where}: the certificate ends in {left} days. Renew it.")


def _judge_more(domain: str, seen: Seen, policy: Policy | None) -> Iterator[Finding]:
    """Yield what is to be said of what was not looked at."""
    uncovered = [quote(name) for name in seen.more if policy and not policy.matches(name)]
    if uncovered:
        message = f"{listed(uncovered)}: in no mx of the policy. {_NO_DELIVERY}; Exchange Online bounces with 5.4.8."
        yield Finding(UNLISTED, message)
    if seen.unseen:
        yield Finding(ADDRESSES_MANY, f"{domain}: {seen.unseen}")


def _judge_patterns(domain: str, policy: Policy, hosts: Sequence[str]) -> Iterator[Finding]:
    for pattern in policy.mx:
        if not any(map(pattern.matches, hosts)):
            message = f"mx {quote(pattern)} matches none of the MX hosts. Remove it, unless you are moving there."
            yield Finding(PATTERN_UNUSED, message)
        if f".{domain}".endswith(pattern[1:].lower()) and pattern.startswith("*."):
            message = f"mx {quote(pattern)} lets every host of the domain take its mail. List the MX hosts."
            yield Finding(PATTERN_WIDE, message)
