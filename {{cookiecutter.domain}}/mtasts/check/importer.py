"""What a domain publishes today, for a policy.yaml: what can be imported, and why the rest cannot."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mtasts.check import policy_host as https
from mtasts.check import tls_reporting
from mtasts.check.clients.https import BYTES, Fetched
from mtasts.check.clients.resolver import Answer
from mtasts.check.clients.tls import CERTIFICATE, Fault
from mtasts.check.policy_host import HOST_NONE
from mtasts.check.steps import Network, lookup_fault
from mtasts.check.tls_reporting import REPORTING_NONE
from mtasts.config.compose import Entry
from mtasts.findings import Finding, Severity, listed, quote
from mtasts.sts import mx_patterns, senders
from mtasts.sts.lint import EXTENSION, lint_policy
from mtasts.sts.names import pattern_fault, public_suffix_fault
from mtasts.sts.policy import MAX_AGE_LIMIT, Mode, MxPattern, Policy, policy_host, policy_url, unique
from mtasts.sts.record import RecordError, in_force
from mtasts.sts.senders import Reading
from mtasts.tlsrpt.record import TlsRptRecord
from mtasts.tlsrpt.rua import rua_fault

MAX_AGE = 604_800  # seconds, for a domain that had none
NAMED = 20  # things of one kind that are named; of the rest only the number is given
ADDRESS = 2000  # characters of one report address

# How a policy host fails for every sender. Other failures, such as a timeout, can be due to this machine's network.
_FAILS = (
    *(Fault.REFUSED, Fault.HANDSHAKE, Fault.VERSION, Fault.INCOMPLETE),
    *CERTIFICATE,
)

Note = str | Finding


@dataclass(frozen=True)
class Published:
    """The answers of a policy host, and the DNS answers for MX and for the TLS reporting record."""

    host: https.Observed
    exchange: Answer
    reporting: tls_reporting.Observed


@dataclass(frozen=True)
class Found:
    """What a policy.yaml can contain for a domain. entry: None if nothing; source: where its policy comes from.

    notes: what a person should read; a finding is about what is published now. unseen: whether this machine could not
    see the policy host.
    """

    domain: str
    entry: Entry | None
    source: str
    notes: tuple[Note, ...]
    unseen: bool = False


async def observe(domain: str, network: Network) -> Published:
    """Look up the domain as a sender does."""
    return Published(
        *await asyncio.gather(
            https.observe(domain, network), network.lookup(domain, "MX"), tls_reporting.observe(domain, network)
        )
    )


def evaluate(domain: str, observed: Published) -> Found:
    """Say what can be imported of what a domain publishes."""
    hosts = _mx_hosts(observed.exchange)
    read = _reading(observed.host)
    notes: list[Note] = [*_findings(domain, observed, read)]
    source, policy = "", None
    if read:
        source, policy = _policy(domain, read, hosts, notes)
    unseen = _unseen(observed.host)
    if not policy and not unseen:
        source, policy = "the MX hosts (it has no readable policy)", _testing(hosts)
    notes += [*_named(mx_patterns.refusals(hosts)), *_uncovered(policy, hosts)]
    rua = _addresses(observed.reporting.right, notes)
    return Found(domain, Entry(domain, policy, rua) if policy else None, source, tuple(notes), unseen)


def _mx_hosts(answer: Answer) -> list[str]:
    """Return the MX hosts in the order of preference, in lower case."""
    pairs = sorted((int(number), name) for number, _, name in (value.partition(" ") for value in answer.values))
    return list(dict.fromkeys(name.lower() for _, name in pairs if name not in ("", ".")))


def _reading(host: https.Observed) -> Reading | None:
    """Read what the first address serves, whatever it is."""
    for one in host.fetched:
        if isinstance(one, Fetched) and one.status == 200 and one.body.strip():
            return senders.read(_unpacked(one), one.headers.get("content-type"))
    return None


def _unpacked(one: Fetched) -> bytes:
    """Return a body decompressed, as some senders' HTTP clients do although they did not ask for compression."""
    if one.headers.get("content-encoding", "").lower() not in ("gzip", "x-gzip", "deflate"):
        return one.body
    try:
        return zlib.decompressobj(wbits=47).decompress(one.body, BYTES + 1)
    except zlib.error:
        return one.body


def _unseen(host: https.Observed) -> bool:
    """Tell whether this machine could not see the policy host, so that nobody knows whether there is a policy."""
    if any(isinstance(one, Fetched) or one.fault in _FAILS for one in host.fetched):
        return False
    return bool(host.fetched) or any(map(lookup_fault, host.answers))


def _findings(domain: str, observed: Published, read: Reading | None) -> Iterator[Note]:
    """Yield what is wrong with what is published now: why senders see no policy, or a different one."""
    found = [finding for finding in https.evaluate(observed.host, None).findings if _matters(finding)]
    if read and not read.text.lstrip("\ufeff \t\r\n").startswith("<"):
        found += [finding.at(file=policy_url(domain)) for finding in lint_policy(read.text) if _matters(finding)]
    if fault := lookup_fault(observed.exchange):
        found.append(fault if isinstance(fault, Finding) else Finding(fault.rule, fault.message))
    found += [
        finding
        for finding in tls_reporting.evaluate(observed.reporting, None).findings
        if finding.rule is not REPORTING_NONE
    ]
    yield from found[:NAMED]
    if len(found) > NAMED:
        yield f"There are {len(found) - NAMED} more findings: run python -m mtasts check {domain}"


def _matters(finding: Finding) -> bool:
    if finding.rule is HOST_NONE:  # true of most domains
        return False
    return finding.rule.severity is Severity.ERROR or finding.rule is EXTENSION


def _testing(hosts: Sequence[str]) -> Policy | None:
    """Return a policy for the MX hosts that the domain has now."""
    found = mx_patterns.patterns(hosts)
    return Policy(Mode.TESTING, found, MAX_AGE) if found else None


def _policy(domain: str, read: Reading, hosts: Sequence[str], notes: list[Note]) -> tuple[str, Policy | None]:
    """Return where a policy comes from, and the policy, if one can be made of what is served."""
    if read.policy:
        notes += _who_reads(read)
        return "the published policy", _fit(read.policy.mode, read.policy.max_age, read.policy.mx, hosts, notes)
    left = senders.remnants(read.text)
    if sum(map(bool, left.values())) < 2:
        return "", None
    shown = "; ".join(f"{key} {listed(list(map(quote, values)), NAMED)}" for key, values in left.items() if values)
    notes.append(f"No sender accepts what {policy_host(domain)} serves as a policy. It contains: {shown}.")
    source = "the readable parts of the published policy"
    return source, _fit(_one_mode(left["mode"], notes), _one_age(left["max_age"], notes), left["mx"], hosts, notes)


def _who_reads(read: Reading) -> Iterator[str]:
    if read.some_only and read.policy:
        yield (
            f"Strict senders see no policy today. Others ({listed(list(read.lenient))}) see one with mode "
            f"{read.policy.mode}. When you publish this file, all senders will follow mode {read.policy.mode}."
        )
    if read.policy and read.others:
        others = listed([f"{name} mode {other.mode}" for name, other in read.others.items()])
        yield f"Not all senders read mode {read.policy.mode} in the policy: {others}. Check which mode you want."


def _one_mode(values: Sequence[str], notes: list[Note]) -> Mode:
    """Return the mode, if there is only one; else testing, with which a wrong guess holds up no mail."""
    modes = {value.lower() for value in values}
    if len(modes) == 1 and modes <= set(Mode):
        mode = Mode(modes.pop())
        notes.append(
            f"mode is set to {mode}, as in the served text. No sender follows it today, but all will when you publish "
            "this file. If you are not sure that every MX host is ready, write testing."
        )
        return mode
    notes.append("mode is set to testing, because the served text does not say which mode is meant. Check it.")
    return Mode.TESTING


def _one_age(values: Sequence[str], notes: list[Note]) -> int:
    if len(values) == 1 and re.fullmatch("[0-9]{1,10}", values[0]) and int(values[0]) <= MAX_AGE_LIMIT:
        return int(values[0])
    notes.append(f"max_age is set to {MAX_AGE}, because the served text does not say which max_age is meant.")
    return MAX_AGE


def _fit(mode: Mode, max_age: int, mx: Sequence[str], hosts: Sequence[str], notes: list[Note]) -> Policy | None:
    """Return a policy with the values that policy.yaml allows. If it has no mx, use the MX hosts."""
    taken = _fitting_mx(mx, notes)
    if not taken and mode is not Mode.NONE:
        taken = mx_patterns.patterns(hosts)
        notes.append(f"No mx in the policy is usable, so mx is set to the MX hosts: {listed(taken, NAMED) or 'none'}.")
    if max_age < 1:
        notes.append(f"max_age is set to {MAX_AGE}, because no sender caches a policy with max_age {max_age}.")
    fits = bool(taken) or mode is Mode.NONE
    return Policy(mode, taken, max_age if max_age >= 1 else MAX_AGE) if fits else None


def _fitting_mx(mx: Iterable[str], notes: list[Note]) -> tuple[MxPattern, ...]:
    """Return the mx patterns that a policy can contain, without a final dot, which is certainly a mistake."""
    taken, said = [], []
    for served in dict.fromkeys(mx):
        name = served.rstrip(".") if len(served) > 1 else served
        if fault := pattern_fault(name) or public_suffix_fault(name):
            said.append(f"Not imported: {fault.message}")
            continue
        taken.append(MxPattern(name))
        if name != served:
            said.append(
                f"mx {quote(served)} matches no host because of its final dot. It is imported as {quote(name)}."
            )
    notes += _named(said)
    return unique(taken)


def _uncovered(policy: Policy | None, hosts: Sequence[str]) -> list[str]:
    """Say which MX hosts the policy does not cover."""
    out = [host for host in hosts if policy and not policy.matches(host) and not mx_patterns.host_fault(host)]
    if not out:
        return []
    names = listed(list(map(quote, out)), NAMED)
    return [f"MX records point to {names}, but mx does not cover that. Add it to mx, or remove the MX record."]


def _addresses(answer: Answer, notes: list[Note]) -> tuple[str, ...]:
    """Return the addresses for TLS reports, and say which cannot be imported."""
    records = in_force(answer.values, TlsRptRecord.PREFIX)
    records = records or [txt for txt in answer.values if re.search("tlsrp|rua *=", txt, re.IGNORECASE)]
    found = list(dict.fromkeys(uri for txt in records for uri in _uris(txt)))
    if len(records) > 1:
        shown = listed(list(map(quote, found)), NAMED)
        notes.append(
            "No address for TLS reports is imported: there are several records, so senders ignore all of them. Their "
            f"addresses: {shown}."
        )
        return ()
    faults = {uri: fault for uri in found if (fault := _address_fault(uri))}
    taken = tuple(uri for uri in found if uri not in faults)
    notes += _named([f"Not imported: {fault}" for fault in faults.values()])
    if answer.target and taken:
        notes.append(
            f"{answer.name} is a CNAME to {quote(answer.target)}, whose owner can change the report addresses today. "
            "To keep it that way, remove tls_reporting from policy.yaml."
        )
    return taken


def _address_fault(uri: str) -> str | None:
    if len(uri) > ADDRESS:
        return f"rua {quote(uri)} is longer than {ADDRESS} characters. Shorten it."
    fault = rua_fault(uri)
    return fault.message if fault else None


def _uris(txt: str) -> list[str]:
    """Return the addresses in a record, and in a malformed record those that are recognizable."""
    try:
        return list(TlsRptRecord.parse(txt).rua)
    except RecordError:
        fields = re.findall(r"(?:^|[;\s])rua[ \t]*=([^;]*)", txt, re.IGNORECASE)
        return [uri.strip() for field in fields for uri in field.split(",") if uri.strip()]


def _named(said: Sequence[str]) -> list[str]:
    """Return as many sentences as a person reads, and how many more there are."""
    more = len(said) - NAMED
    return [*said[:NAMED], *([f"{more} more notes like these are not shown."] if more > 0 else [])]
