"""What has to be so before a policy is announced (RFC 8461 §8.1).

A sender that sees a new id fetches the policy at once, and keeps what it gets.
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
    """A sender that sees a new id fetches the policy at once, and keeps what it gets. So `publish announcement --doit`
looks itself before it makes or changes a record: HTTPS has to serve exactly this policy, at one address at least and
another policy at none, and with `enforce` the policy has to cover each MX host. If that is not so, or cannot be seen
from here, the domain is left as it is, and the others are announced. An old run that is run again ends so too. Correct
what the message says. `--no-check` announces without looking, if you know that it is right.""",
)


_LEFT = "What DNS has stays as it is. Correct that, and run this again; --no-check announces it all the same."


@dataclass(frozen=True)
class Observed:
    """The policy host, and with enforce the answer to MX and the hosts that take the domain's mail."""

    host: policy_host.Observed
    exchange: Answer | None = None
    takers: tuple[str, ...] = ()


def look(
    domains: Sequence[Domain],
    clients: Clients,
    timeout: float,
    jobs: int,
    done: Callable[[str], object] = lambda _: None,
) -> list[Finding]:
    """Look at many domains at a time. Return an error for each that must not be announced, and warnings of the run."""

    async def one(domain: Domain, network: Network) -> Observed | Exception:
        try:
            return await observe(domain, network)
        except Exception as error:  # whatever it is, the other domains go on
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
    """Look at what HTTPS serves; where the policy is enforced, also at which hosts take the mail."""
    if domain.policy.mode is not Mode.ENFORCE:
        return Observed(await policy_host.observe(domain.name, network))
    host, exchange = await asyncio.gather(policy_host.observe(domain.name, network), network.lookup(domain.name, "MX"))
    takers = mx_hosts.names(domain.name, exchange)
    if not exchange.values and takers:  # without an MX record mail goes to the domain's own address, if it has one
        takers = takers if any(answer.values for answer in await resolved(domain.name, network)) else []
    return Observed(host, exchange, tuple(takers))


def evaluate(domain: Domain, observed: Observed | Exception) -> Iterator[Finding]:
    """Yield what speaks against announcing a domain's policy, in one finding."""
    if isinstance(observed, Exception):
        found = [f"The look at it broke off: {type(observed).__name__} {quote(observed)}."]
    else:
        found = [*_served(domain, observed.host), *_covered(domain, observed)]
    if found:
        message = f"{domain.name} is not announced. {' '.join(found)} {_LEFT}"
        yield Finding(NOT_ANNOUNCED, message, domain=domain.name)


def _served(domain: Domain, host: policy_host.Observed) -> Iterator[str]:
    """Say why senders may not get exactly the policy that the new id stands for."""
    expected = domain.policy.render()
    if serves(host, expected):
        return
    if host.unseen:
        shown = listed(list(host.unreached))
        yield f"What {host.host} serves cannot be told from here: this machine has no way to {shown}."
        return
    found = policy_host.evaluate(host, expected).findings
    errors = [each for each in found if each.rule.severity is Severity.ERROR]
    # Another policy is what matters most; without an error this machine could not look.
    yield min(errors or found, key=lambda each: each.rule is not DRIFT).message


def serves(host: policy_host.Observed, expected: str) -> bool:
    """Tell whether senders get exactly this policy: one address serves it, and none that can be reached another."""
    fine = {one.address for one in host.fetched if isinstance(one, Fetched) and not answer_fault(one)}
    same = {address for address, text in host.texts.items() if text.splitlines() == expected.splitlines()}
    return bool(fine & same) and same == host.texts.keys()


def _covered(domain: Domain, observed: Observed) -> Iterator[str]:
    """Say which MX hosts enforce would take the mail from. A record that only proves the domain takes none."""
    fault = lookup_fault(observed.exchange) if observed.exchange else None
    if fault:
        yield f"Which MX hosts there are is unknown. {fault.message}"
    lost = [name for name in observed.takers if not domain.policy.matches(name) and not is_verification(name)]
    if lost:
        shown = listed([quote(name) for name in lost])
        yield f"Mail goes to {shown}, which no mx of the policy covers, and enforce stops it there. Add it to mx."
