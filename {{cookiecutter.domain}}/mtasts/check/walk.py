"""All steps of a sending server, from the TXT record to the MX hosts' TLS, for one domain or many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from mtasts.check import caa, mx_hosts, outcome, policy_host, served_policy, tls_reporting, txt_record
from mtasts.check.caa import Caa
from mtasts.check.clients.https import Failed, Fetch, Fetched
from mtasts.check.clients.resolver import Answer, Lookup
from mtasts.check.clients.smtp import Probe
from mtasts.check.clients.tls import Fault
from mtasts.check.outcome import Cached, Group, Seen
from mtasts.check.policy_answers import answer_fault
from mtasts.check.steps import FEWER_JOBS, MACHINE_LIMIT, NAMES, Network, Section, Unseen, lookup_fault
from mtasts.config.hosting import Kind
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.policy import Policy
from mtasts.sts.record import StsRecord, policy_id
from mtasts.sts.senders import Reading, read
from mtasts.system import limits
from mtasts.system.deadline import Deadline

CHECK_FAILED = Rule(
    "MTS299",
    "The check of a domain failed",
    Severity.ERROR,
    "this toolkit",
    """An error occurred that the toolkit does not handle. This is a bug in the toolkit: report it with the message.
The other domains were checked as usual.""",
)


THREADS = 1024  # at most, started only when needed: a domain with many MX hosts needs many
THREADS_EACH = 4  # for each domain that is being checked

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Wanted:
    """A domain to check. policy and rua: what the repository would publish, None if that is unknown.

    hosting: the kind of hosting, None if that is unknown.
    """

    name: str
    policy: Policy | None = None
    rua: tuple[str, ...] | None = None
    hosting: Kind | None = None


@dataclass(frozen=True)
class Clients:
    """The clients for DNS, HTTPS and SMTP."""

    lookup: Lookup
    fetch: Fetch
    probe: Probe


@dataclass(frozen=True)
class Checked:
    """What was seen of a domain. seen: what the verdict is based on, None if steps that it needs were left out.

    blind: whether this machine could not see DNS or the policy host.
    """

    domain: str
    sections: tuple[Section, ...]
    seen: Seen | None = None
    blind: bool = False

    def groups(self, cached: Cached | None = None) -> list[Group]:
        """Return what senders do. cached: a policy that some can still have in their caches."""
        return outcome.groups(self.seen, cached) if self.seen else []

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order of the steps."""
        return [finding.at(domain=self.domain) for section in self.sections for finding in section.findings]


async def walk(wanted: Wanted, network: Network, only: Collection[str] = NAMES) -> Checked:
    """Check one domain. The steps use the network concurrently, and are evaluated in their order."""
    name, ours = wanted.name, wanted.policy
    issued = "https" in only and wanted.hosting in caa.ISSUED
    record, host, exchange, reporting, allowed = await asyncio.gather(
        _if("dns" in only, txt_record.observe, name, network),
        _if({"https", "policy", "mx"} & set(only), policy_host.observe, name, network),
        _if("mx" in only, mx_hosts.observe, name, network),
        _if("tlsrpt" in only, tls_reporting.observe, name, network),
        _if(issued, caa.observe, name, network),
    )
    elsewhere = await txt_record.misplaced(name, record, network) if record else None
    reading = _reading(host) if host else None
    served = reading.strongest if reading else None
    sections = {
        "dns": lambda: txt_record.evaluate(record, policy_id(ours) if ours else None, elsewhere),
        "https": lambda: policy_host.evaluate(host, ours.render() if ours else None).and_more(
            _allowed(allowed, wanted)
        ),
        "policy": lambda: served_policy.evaluate(name, host.text),
        "mx": lambda: mx_hosts.evaluate(name, exchange, served),
        "tlsrpt": lambda: tls_reporting.evaluate(reporting, wanted.rua),
    }
    evaluated = tuple(sections[step]() for step in NAMES if step in only)
    asked = [answer for answer in (record, exchange.answer if exchange else None) if answer]
    blind = bool(host and host.unseen) or any(lookup_fault(answer) for answer in asked)
    if not {"dns", "mx"} <= set(only):
        return Checked(name, evaluated, Seen(True, host_unseen=True) if host and host.unseen else None, blind)
    return Checked(name, evaluated, _seen(record, host, reading, exchange), blind)


def _allowed(found: Caa | None, wanted: Wanted) -> Iterator[str | Finding | Unseen]:
    """Yield what CAA means for the hosting's certificates."""
    return caa.evaluate(found, caa.ISSUED[wanted.hosting]) if found else iter(())


def _reading(host: policy_host.Observed) -> Reading | None:
    """Return the policy as senders read it, from the first address that serves one."""
    taken = next((one for one in host.fetched if one.address in host.texts), None)
    return read(taken.body, taken.headers.get("content-type")) if isinstance(taken, Fetched) else None


def _seen(record: Answer, host: policy_host.Observed, reading: Reading | None, exchange: mx_hosts.Observed) -> Seen:
    """Return what the verdict is based on. If addresses differ, assume the worst of those that serve a policy."""
    serving = [one for one in host.fetched if isinstance(one, Fetched) and one.address in host.texts]
    return Seen(
        announced=outcome.announced(record),
        doubtful=not any(txt.startswith(StsRecord.PREFIX) for txt in record.values),
        reading=reading,
        host_unseen=host.unseen,
        plain=all(answer_fault(one) is None for one in serving),
        seconds=max((one.seconds for one in serving), default=0),
        failing=tuple(one.address for one in host.fetched if one not in serving and _answers(one)),
        exchange=lookup_fault(exchange.answer) is None,
        hosts=exchange.hosts,
        more=len(exchange.more),
    )


def _answers(one: Fetched | Failed) -> bool:
    """Tell whether a sender stops at this address: it tries another one only if it gets no connection."""
    silent = (Fault.REFUSED, Fault.UNREACHABLE, Fault.NO_ROUTE, Fault.NOT_TRIED, Fault.TIMEOUT)
    return isinstance(one, Fetched) or one.fault not in silent


async def walk_all(
    domains: Sequence[Wanted],
    clients: Clients,
    only: Collection[str] = NAMES,
    timeout: float = 60,
    jobs: int = 256,
    done: Callable[[Checked], object] = lambda _: None,
) -> list[Checked]:
    """Check many domains, jobs at a time, each within timeout seconds. done is called with each result."""

    async def one(wanted: Wanted, network: Network) -> Checked:
        try:
            checked = await walk(wanted, network, only)
        except Exception as error:  # whatever it is, check the other domains
            checked = Checked(wanted.name, (_failed(wanted.name, error),), blind=True)
        done(checked)
        return checked

    return await observe_all(domains, one, clients, timeout, jobs)


async def observe_all(
    items: Sequence[Item],
    observe: Callable[[Item, Network], Awaitable[Result]],
    clients: Clients,
    timeout: float,
    jobs: int,
) -> list[Result]:
    """Call a function for many items, jobs at a time, each within timeout seconds."""
    threads = limits.connections(THREADS)
    turns = asyncio.Semaphore(max(1, min(jobs, threads // THREADS_EACH)))
    with _threads(threads) as pool:

        async def one(item: Item) -> Result:
            async with turns:
                return await observe(item, _network(clients, Deadline(timeout), pool))

        return await asyncio.gather(*map(one, items))


@contextmanager
def _threads(most: int) -> Iterator[ThreadPoolExecutor]:
    """Provide threads, and do not wait for them at the end: after Ctrl+C they could take a minute to finish."""
    pool = ThreadPoolExecutor(most, thread_name_prefix="check")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _failed(domain: str, error: Exception) -> Section:
    if limits.at_limit(error):
        return Section("All", (Unseen(MACHINE_LIMIT, domain, limits.FULL[0].lower() + limits.FULL[1:], FEWER_JOBS),))
    message = f"The check of this domain failed: {type(error).__name__} {quote(error)}. Please report this."
    return Section("All", (Finding(CHECK_FAILED, message),))


def _network(clients: Clients, deadline: Deadline, pool: ThreadPoolExecutor) -> Network:
    async def call(client: Callable[..., Any], *words: str) -> Any:
        come = deadline.turn()
        return await asyncio.get_running_loop().run_in_executor(pool, lambda: client(*words, come()))

    return Network(partial(call, clients.lookup), partial(call, clients.fetch), partial(call, clients.probe))


async def _if(chosen: object, observe: Callable[[str, Network], Any], name: str, network: Network) -> Any:
    return await observe(name, network) if chosen else None
