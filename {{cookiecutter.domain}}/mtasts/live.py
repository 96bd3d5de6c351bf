"""What is in force beside the change: the policy that HTTPS serves, the id in DNS, and the MX hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from mtasts import machine
from mtasts.change import DomainChange
from mtasts.check import Edges, reach_all
from mtasts.findings import Finding, Rule, listed, quote
from mtasts.gate import Danger
from mtasts.lookup import Answer
from mtasts.policy import Policy
from mtasts.record import StsRecord, policy_id
from mtasts.rules import changes as rules
from mtasts.steps import Reach, dns, https, mx, policy


@dataclass(frozen=True)
class Live:
    """What was seen of a domain. exchange: its MX hosts, None where they were not to be looked at."""

    record: Answer
    host: https.Seen
    exchange: mx.Seen | None


def look(
    domains: Mapping[str, bool],
    edges: Edges,
    timeout: float,
    jobs: int,
    done: Callable[[str], object] = lambda _: None,
) -> dict[str, Callable[[DomainChange], Iterator[Danger]]]:
    """Look at many domains at a time, and return what can be said of each. domains: whether at the MX hosts too."""

    async def one(name: str, reach: Reach) -> Live | Exception:
        try:
            return await _look(name, domains[name], reach)
        except Exception as error:  # whatever it is, the other domains go on
            return error
        finally:
            done(name)

    found = asyncio.run(reach_all(list(domains), one, edges, timeout, jobs))
    return {name: partial(dangers, live=live) for name, live in zip(domains, found, strict=True)}


async def _look(name: str, exchange: bool, reach: Reach) -> Live:
    record, host = dns.see(name, reach), https.see(name, reach)
    if exchange:
        return Live(*await asyncio.gather(record, host, mx.see(name, reach)))
    return Live(*await asyncio.gather(record, host), None)


def dangers(domain: DomainChange, live: Live | Exception) -> Iterator[Danger]:
    """Yield what the look at a domain says of its change, or of its state where nothing changes."""
    unknown = rules.ENFORCE_UNSEEN if domain.enforcing else rules.LIVE_UNKNOWN
    if isinstance(live, Exception) and machine.at_limit(live):
        found = [Finding(unknown, f"{machine.FULL}, so it was not looked at. Run this again with fewer --jobs.")]
    elif isinstance(live, Exception):
        found = [Finding(unknown, f"The look at it broke off: {type(live).__name__} {quote(live)}. Report it.")]
    else:
        found = [*_drift(domain, live, unknown), *_exchange(domain, live.exchange, unknown)]
    for finding in found:
        yield Danger(Finding(finding.rule, f"{domain.name}: {finding.message}", domain=domain.name))


def _drift(domain: DomainChange, live: Live, unknown: Rule) -> Iterator[Finding]:
    """Say where HTTPS or DNS has neither what the branch had nor what the change brings."""
    known = [each for each in (domain.before, domain.after) if each]
    served = policy.read(live.host.text)
    if not served and domain.before:
        fault = next(iter(https.judge(live.host, None).findings), None)
        fault = fault or https.unreached(live.host.unreached)
        said = fault.message if fault else "HTTPS serves no valid policy. See it with: python -m mtasts check"
        yield Finding(unknown, f"What HTTPS serves is unknown. {said}")
    elif served and served not in known:
        yield Finding(rules.DRIFT, f"HTTPS serves {_shown(served)}. {_than_known(domain)}")
    yield from _record_drift(domain, live.record, known, unknown)


def _record_drift(domain: DomainChange, record: Answer, known: list[Policy], unknown: Rule) -> Iterator[Finding]:
    if fault := dns.lookup_fault(record):
        yield Finding(unknown, f"Which id DNS has is unknown. {fault.message}")
        return
    found = StsRecord.select(record.values)
    if found and found.id not in map(policy_id, known):
        yield Finding(rules.DRIFT, f"DNS has the id {found.id}. {_than_known(domain)}")
    if not found and domain.before:
        yield Finding(rules.DRIFT, "DNS announces no policy, and this branch has one. See its last deployment.")


def _than_known(domain: DomainChange) -> str:
    if not domain.before:
        return f"This change brings {_shown(domain.after)}." if domain.after else "This branch has none."
    return f"This branch has {_shown(domain.before)}, id {policy_id(domain.before)}. See its last deployment."


def _shown(known: Policy | None) -> str:
    if not known:
        return "no policy"
    return f"mode {known.mode}, max_age {known.max_age}, mx {listed(known.mx) or 'none'}"


def _exchange(domain: DomainChange, seen: mx.Seen | None, unknown: Rule) -> Iterator[Finding]:
    after = domain.after
    if not seen or not after:
        return
    if fault := dns.lookup_fault(seen.answer):
        yield Finding(unknown, f"Which MX hosts there are is unknown. {fault.message}")
    lead = "The MX records lead to" if seen.answer.values else "Without an MX record, mail goes to"
    for name in seen.more:
        if not after.matches(name):
            yield _uncovered(domain, f"{lead} {quote(name)}", name)
    if domain.enforcing and seen.unseen:
        yield Finding(rules.ENFORCE_UNSEEN, seen.unseen)
    for host in seen.hosts:
        if not after.matches(host.name):
            yield _uncovered(domain, f"{lead} {quote(host.name)}", host.name)
        elif domain.enforcing:
            yield from _enforced(host, after)


def _uncovered(domain: DomainChange, leads: str, host: str) -> Finding:
    before = domain.before
    lost = next((pattern for pattern in before.mx if pattern.matches(host)), None) if before else None
    if lost:
        message = f"{leads}, and only {quote(lost)} covers it. Move the MX records first."
        return Finding(rules.MX_NEEDED, message)
    message = f"{leads}, which no mx covers. Add it to mx, or correct the MX records."
    return Finding(rules.ENFORCE_FAILS if domain.enforcing else rules.MX_UNCOVERED, message)


def _enforced(host: mx.Host, after: Policy) -> Iterator[Finding]:
    """Say what stops enforce at a host that the policy covers."""
    found = mx.outcome(host, after)
    if found is mx.Outcome.DELIVERS:
        return
    fault = next(item for item in mx.judge_host(host, after) if isinstance(item, Finding))
    yield Finding(rules.ENFORCE_FAILS if found is mx.Outcome.FAILS else rules.ENFORCE_UNSEEN, fault.message)
