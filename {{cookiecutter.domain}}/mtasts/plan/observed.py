"""What is in force now: the policy that HTTPS serves, the id in DNS, and the MX hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mtasts.check import caa, mx_hosts, policy_host, served_policy, txt_record
from mtasts.check.caa import Caa
from mtasts.check.clients.resolver import Answer
from mtasts.check.outcome import Does, at_host
from mtasts.check.steps import Network, lookup_fault
from mtasts.check.walk import Clients, observe_all
from mtasts.config.hosting import Kind
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.plan.diff import DomainChange
from mtasts.plan.safety import ENFORCE_SOON, MX_AT_ONCE, Danger, removed_in_enforce
from mtasts.sts.policy import Policy
from mtasts.sts.record import StsRecord, policy_id
from mtasts.system import limits

ENFORCE_FAILS = Rule(
    "MTS501",
    "Enforce although an MX host would fail",
    Severity.ERROR,
    "RFC 8461 §5",
    """With `mode: enforce` senders do not deliver to an MX host that no `mx` covers, that offers no STARTTLS,
or whose certificate is not valid for its name. `plan --live` has found such a host. Correct it first:
`python -m mtasts check` shows everything that is wrong. Until then, the testing policy that senders have cached
does no harm.""",
)
MX_NEEDED = Rule(
    "MTS503",
    "An mx is removed that the MX records still need",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """The domain's MX records still name a host that only this `mx` covers. To move: add the new host's `mx`,
wait until the TTL of the `_mta-sts` record is over, change the MX records, wait until their TTL is over, then
remove the old `mx`.""",
)
MX_UNCOVERED = Rule(
    "MTS504",
    "No mx covers an MX host in DNS",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """The domain's MX records name a host that the policy does not cover. In `enforce` senders do not deliver
to it; in `testing` they report it. Add it to `mx`, or remove the MX record.""",
)
ENFORCE_UNSEEN = Rule(
    "MTS510",
    "Enforce without a complete check",
    Severity.ERROR,
    "RFC 8461 §5",
    """`plan --live` got no answer from DNS or from an MX host, so it cannot tell whether enforce would lose
mail. Most networks of CI systems block port 25: run `python -m mtasts plan --live` from a network that may send
mail. If that finds no error, or the TLS reports from testing show no failures, allow it by name, with a line
`Allow: MTS510 example.com` in a commit message.""",
)
LIVE_UNKNOWN = Rule(
    "MTS520",
    "Part of the check got no answer",
    Severity.WARNING,
    "RFC 8461 §3.1",
    """`plan --live` got no answer, so it cannot tell what is in force. The change is judged by the history of
this branch only. `python -m mtasts check` says more.""",
)
NOT_IN_FORCE = Rule(
    "MTS521",
    "What is published is not what this branch has",
    Severity.WARNING,
    "RFC 8461 §8.1",
    """HTTPS or DNS serves something other than the revision that this change starts from. A deployment failed
or is running, or someone changed it by hand. This change will replace it, so find out why it differs before you
merge.""",
)


@dataclass(frozen=True)
class Seen:
    """A domain that was looked at. live: what was seen, or the error that ended it."""

    live: Live | Exception

    def dangers(self, domain: DomainChange) -> Iterator[Danger]:
        """Yield what was found about the domain's change."""
        return dangers(domain, self.live)

    def shows(self, policy: Policy) -> bool | None:
        """Tell whether DNS shows the id of a policy; None if that could not be seen."""
        if isinstance(self.live, Exception) or lookup_fault(self.live.record):
            return None
        found = StsRecord.select(self.live.record.values)
        return found is not None and found.id == policy_id(policy)

    @property
    def facts(self) -> list[str]:
        """What CAA allows, if it is not known which authority the hosting uses."""
        if isinstance(self.live, Exception) or not self.live.allowed or self.live.certain:
            return []
        return [item for item in caa.evaluate(self.live.allowed, False) if isinstance(item, str)]


@dataclass(frozen=True)
class Live:
    """What was seen of a domain. exchange, allowed: its MX hosts and CAA, None if they were not needed.

    certain: whether it is known which authority the hosting uses.
    """

    record: Answer
    host: policy_host.Observed
    exchange: mx_hosts.Observed | None = None
    allowed: Caa | None = None
    certain: bool = True


def look(
    domains: Mapping[str, bool],
    clients: Clients,
    timeout: float,
    jobs: int,
    done: Callable[[str], object] = lambda _: None,
    hosting: Kind | None = None,
) -> dict[str, Seen]:
    """Look at many domains at a time, and return what can be said of each. domains: whether at the MX hosts too.

    hosting: what serves them after the change: at CAA too, if Azure gets its certificates.
    """

    async def one(name: str, network: Network) -> Live | Exception:
        try:
            return await _look(name, domains[name], hosting, network)
        except Exception as error:  # whatever it is, the other domains go on
            return error
        finally:
            done(name)

    found = asyncio.run(observe_all(list(domains), one, clients, timeout, jobs))
    return {name: Seen(live) for name, live in zip(domains, found, strict=True)}


async def _look(name: str, exchange: bool, hosting: Kind | None, network: Network) -> Live:
    async def nothing() -> None:
        return None

    seen = await asyncio.gather(
        txt_record.observe(name, network),
        policy_host.observe(name, network),
        mx_hosts.observe(name, network) if exchange else nothing(),
        caa.observe(name, network) if hosting in caa.ISSUED else nothing(),
    )
    return Live(*seen, certain=caa.ISSUED.get(hosting, True))


def dangers(domain: DomainChange, live: Live | Exception) -> Iterator[Danger]:
    """Yield what was found about a domain's change, or about its state if nothing changes."""
    unknown = ENFORCE_UNSEEN if domain.enforcing else LIVE_UNKNOWN
    unseen_mx = MX_AT_ONCE if removed_in_enforce(domain) else unknown
    if isinstance(live, Exception) and limits.at_limit(live):
        found = [Finding(unseen_mx, f"{limits.FULL}, so this was not checked. Run it again with fewer --jobs.")]
    elif isinstance(live, Exception):
        found = [Finding(unseen_mx, f"The check failed: {type(live).__name__} {quote(live)}. Please report this.")]
    else:
        found = [*_drift(domain, live, unknown), *_exchange(domain, live.exchange, unseen_mx), *_forbidden(live)]
    for finding in found:
        yield Danger(Finding(finding.rule, f"{domain.name}: {finding.message}", domain=domain.name))


def _forbidden(live: Live) -> Iterator[Finding]:
    """Yield a warning if CAA keeps Azure from a certificate. What cannot be seen of it stops no change."""
    items = caa.evaluate(live.allowed, live.certain) if live.allowed else ()
    yield from (item for item in items if isinstance(item, Finding))


def _drift(domain: DomainChange, live: Live, unknown: Rule) -> Iterator[Finding]:
    """Report HTTPS or DNS that has neither the policy of the branch nor the one of the change."""
    known = [each for each in (domain.before, domain.after) if each]
    served = served_policy.read(live.host.text)
    if not served and domain.before:
        fault = next(iter(policy_host.evaluate(live.host, None).findings), None)
        fault = fault or policy_host.unreached(live.host.unreached)
        said = fault.message if fault else "HTTPS serves no valid policy. See it with: python -m mtasts check"
        yield Finding(unknown, f"Cannot tell which policy HTTPS serves. {said}")
    elif served and served not in known:
        yield Finding(NOT_IN_FORCE, f"HTTPS serves {_shown(served)}. {_than_known(domain)}")
    yield from _record_drift(domain, live.record, known, unknown)


def _record_drift(domain: DomainChange, record: Answer, known: list[Policy], unknown: Rule) -> Iterator[Finding]:
    if fault := lookup_fault(record):
        yield Finding(unknown, f"Cannot tell which id DNS has. {fault.message}")
        return
    found = StsRecord.select(record.values)
    if found and found.id not in map(policy_id, known):
        yield Finding(NOT_IN_FORCE, f"DNS has the id {found.id}. {_than_known(domain)}")
    if not found and domain.before:
        yield _unannounced(domain)


def _unannounced(domain: DomainChange) -> Finding:
    if domain.enforcing:
        message = "DNS does not announce a policy, so no sender has seen it in testing. Publish mode testing first."
        return Finding(ENFORCE_SOON, message)
    return Finding(NOT_IN_FORCE, "DNS does not announce the policy of this branch. Check its last deployment.")


def _than_known(domain: DomainChange) -> str:
    if not domain.before:
        return f"This change brings {_shown(domain.after)}." if domain.after else "This branch has none."
    return f"This branch has {_shown(domain.before)}, id {policy_id(domain.before)}. Check its last deployment."


def _shown(known: Policy | None) -> str:
    if not known:
        return "no policy"
    return f"mode {known.mode}, max_age {known.max_age}, mx {listed(known.mx) or 'none'}"


def _exchange(domain: DomainChange, observed: mx_hosts.Observed | None, unknown: Rule) -> Iterator[Finding]:
    after = domain.after
    if not observed or not after:
        return
    if fault := lookup_fault(observed.answer):
        yield Finding(unknown, f"Cannot tell which MX hosts there are. {fault.message}")
    lead = "The MX records name" if observed.answer.values else "Without an MX record, mail goes to"
    for name in observed.more:
        if not after.matches(name):
            yield _uncovered(domain, f"{lead} {quote(name)}", name)
    if domain.enforcing and observed.unchecked:
        yield Finding(ENFORCE_UNSEEN, observed.unchecked)
    if domain.enforcing and (unreached := policy_host.unreached(observed.unreached)):
        yield Finding(LIVE_UNKNOWN, unreached.message)
    for host in observed.hosts:
        if not after.matches(host.name):
            yield _uncovered(domain, f"{lead} {quote(host.name)}", host.name)
        elif domain.enforcing:
            yield from _enforced(host, after)


def _uncovered(domain: DomainChange, leads: str, host: str) -> Finding:
    before = domain.before
    lost = next((pattern for pattern in before.mx if pattern.matches(host)), None) if before else None
    if lost:
        message = f"{leads}, which only mx {quote(lost)} covers. Change the MX records first."
        return Finding(MX_NEEDED, message)
    message = f"{leads}, which no mx covers. Add it to mx, or correct the MX records."
    return Finding(ENFORCE_FAILS if domain.enforcing else MX_UNCOVERED, message)


def _enforced(host: mx_hosts.Host, after: Policy) -> Iterator[Finding]:
    """Say what stops enforce at a host that the policy covers."""
    fate = at_host(host, after)
    if fate.does is Does.DELIVERS:
        return
    items = [item.message for item in mx_hosts.evaluate_host(host, after) if not isinstance(item, str)]
    missing = policy_host.unreached(each.address for each in host.probes)
    message = next(iter(items), missing.message if missing else f"{host.name} did not answer.")
    yield Finding(ENFORCE_UNSEEN if fate.does is Does.UNKNOWN else ENFORCE_FAILS, message)
