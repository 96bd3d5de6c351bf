"""What must be true before a policy is announced (RFC 8461 §8.1).

A sender that sees a new id fetches the policy immediately and caches what it gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from mtasts.check import mx_hosts, policy_host
from mtasts.check.clients.https import Fetched
from mtasts.check.clients.resolver import Answer
from mtasts.check.policy_answers import answer_fault
from mtasts.check.policy_host import DRIFT
from mtasts.check.steps import Network, lookup_fault, resolved
from mtasts.check.walk import Clients, observe_all
from mtasts.config.model import Domain
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.sts.names import is_verification
from mtasts.sts.policy import Mode

NOT_ANNOUNCED = Rule(
    "MTS232",
    "The policy is not announced yet",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """A sender that sees a new id fetches the policy immediately and caches what it gets. So before `publish
announcement --doit` creates or changes a record, it checks that HTTPS serves exactly this policy: at least one address
must serve it, and no address may serve a different one. With `enforce`, the policy must also cover every MX host. If
one of these is not true, or this machine cannot see it, the domain's records stay as they are; the other domains are
announced. This also happens if you rerun an old pipeline run. Correct what the message says. If you know that the
policy is right, `--no-check` announces it without these checks.""",
)


_UNCHANGED = "Its DNS records are unchanged. Correct this and run publish again, or announce it anyway with --no-check."


@dataclass(frozen=True)
class Observed:
    """The policy host and, with enforce, the answer to MX and the hosts that receive the domain's mail."""

    host: policy_host.Observed
    exchange: Answer | None = None
    receivers: tuple[str, ...] = ()


def look(
    domains: Sequence[Domain],
    clients: Clients,
    timeout: float,
    jobs: int,
    done: Callable[[str], object] = lambda _: None,
) -> list[Finding]:
    """Check domains, many at a time. Return an error for each that must not be announced, and the run's warnings."""

    async def one(domain: Domain, network: Network) -> Observed | Exception:
        try:
            return await observe(domain, network)
        except Exception as error:  # whatever it is, check the other domains
            return error
        finally:
            done(domain.name)

    observed = asyncio.run(observe_all(domains, one, clients, timeout, jobs))
    faults = chain.from_iterable(map(evaluate, domains, observed))
    warning = policy_host.unreached(
        address for each in observed if isinstance(each, Observed) for address in each.host.unreached
    )
    return [*faults, *([warning] if warning else [])]


async def observe(domain: Domain, network: Network) -> Observed:
    """Fetch what HTTPS serves; with enforce, also look up which hosts receive the mail."""
    if domain.policy.mode is not Mode.ENFORCE:
        return Observed(await policy_host.observe(domain.name, network))
    host, exchange = await asyncio.gather(policy_host.observe(domain.name, network), network.lookup(domain.name, "MX"))
    receivers = mx_hosts.names(domain.name, exchange)
    if not exchange.values and receivers:  # without an MX record, mail goes to the domain's own address, if it has one
        receivers = receivers if any(answer.values for answer in await resolved(domain.name, network)) else []
    return Observed(host, exchange, tuple(receivers))


def evaluate(domain: Domain, observed: Observed | Exception) -> Iterator[Finding]:
    """Yield one finding with all reasons not to announce a domain's policy, if there are any."""
    if isinstance(observed, Exception):
        found = [f"The check failed: {type(observed).__name__} {quote(observed)}. Please report this."]
    else:
        found = [*_served(domain, observed.host), *_covered(domain, observed)]
    if found:
        message = f"{domain.name} is not announced. {' '.join(found)} {_UNCHANGED}"
        yield Finding(NOT_ANNOUNCED, message, domain=domain.name)


def _served(domain: Domain, host: policy_host.Observed) -> Iterator[str]:
    """Say why senders might not get exactly the policy that the new id announces."""
    expected = domain.policy.render()
    if serves(host, expected):
        return
    if host.unseen:
        shown = listed(list(host.unreached))
        yield f"This machine cannot see what {host.host} serves: it has no route to {shown}."
        return
    found = policy_host.evaluate(host, expected).findings
    errors = [each for each in found if each.rule.severity is Severity.ERROR]
    # A different policy matters most. If there is no error, this machine could not look.
    yield min(errors or found, key=lambda each: each.rule is not DRIFT).message


def serves(host: policy_host.Observed, expected: str) -> bool:
    """Tell whether senders get exactly this policy: an address serves it, and no reachable one serves another."""
    fine = {one.address for one in host.fetched if isinstance(one, Fetched) and not answer_fault(one)}
    same = {address for address, text in host.texts.items() if text.splitlines() == expected.splitlines()}
    return bool(fine & same) and same == host.texts.keys()


def _covered(domain: Domain, observed: Observed) -> Iterator[str]:
    """Say to which MX hosts enforce would stop the mail. MX records that only verify the domain do not count."""
    fault = lookup_fault(observed.exchange) if observed.exchange else None
    if fault:
        yield f"The MX hosts are unknown. {fault.message}"
    lost = [name for name in observed.receivers if not domain.policy.matches(name) and not is_verification(name)]
    if lost:
        shown = listed([quote(name) for name in lost])
        yield f"Mail goes to {shown}, which no mx pattern covers: enforce would stop that mail. Add it to mx."
