"""The one line that it comes to: what a sender would do."""

from __future__ import annotations

from mtasts.check.mx_hosts import Host, Outcome, outcome
from mtasts.findings import listed
from mtasts.sts.policy import Mode, Policy

_WOULD = {
    Mode.ENFORCE: "A sender with enforce",
    Mode.TESTING: "The policy is testing. With enforce, a sender",
    Mode.NONE: "The policy is none. With enforce, a sender",
}

_NOT_PROTECTED = "Senders see no {}, so they deliver without the protection of MTA-STS."

UNSEEN = "What senders do cannot be told from here: this machine has no way to any address of the policy host."


def verdict(policy: Policy | None, announced: bool | None, hosts: tuple[Host, ...], unseen: bool = False) -> str:
    """Return what a sender does.

    announced: whether the TXT record leads it to the policy. unseen: whether the policy could not be looked at.
    """
    if announced is None:
        return "What senders do cannot be told: DNS gives no answer at _mta-sts."
    if unseen:
        return UNSEEN if announced else _NOT_PROTECTED.format("record at _mta-sts")
    if not policy or not announced:
        missing = "policy" if announced else "record at _mta-sts" if policy else "policy and no record"
        return _NOT_PROTECTED.format(missing)
    would = _WOULD[policy.mode]
    if not hosts:
        return f"{would} would find no MX host to deliver to."
    outcomes = {host.name: outcome(host, policy) for host in hosts}
    failing = [name for name, found in outcomes.items() if found is Outcome.FAILS]
    unknown = [name for name, found in outcomes.items() if found is Outcome.UNKNOWN]
    if len(failing) == len(hosts):
        return f"{would} would not deliver: mail bounces."
    if failing and len(failing) + len(unknown) == len(hosts):
        return f"{would} would not deliver to {listed(failing)}; no TLS was seen of {listed(unknown)}."
    if failing:
        return f"{would} would deliver, but not to {listed(failing)}: mail that has to go there bounces."
    if unknown:
        return f"{would}: cannot be told from here, since no TLS was seen of {listed(unknown)}."
    ready = " It is ready for enforce." if policy.mode is Mode.TESTING else ""
    return f"{would} would deliver to every MX host.{ready}"
