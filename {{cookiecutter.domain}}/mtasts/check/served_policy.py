"""The policy that HTTPS serves, checked by the same rules as policies in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mtasts.check.steps import Section
from mtasts.findings import Finding
from mtasts.sts.lint import lint_policy
from mtasts.sts.policy import Policy, PolicyError, policy_url


def read(text: str | None) -> Policy | None:
    """Return the policy that a sender reads from the served text, None if it is not a policy."""
    try:
        return Policy.parse(text) if text is not None else None
    except PolicyError:
        return None


def evaluate(domain: str, text: str | None) -> Section:
    """Say what the served text contains, with the line of each finding."""
    return Section("Policy", tuple(_items(domain, text)))


def _items(domain: str, text: str | None) -> Iterator[str | Finding]:
    policy = read(text)
    if policy:
        yield f"mode {policy.mode}, max_age {policy.max_age} s ({policy.max_age / 86_400:.0f} days)"
        yield f"mx {', '.join(policy.mx) or 'none'}"
    for finding in lint_policy(text) if text is not None else ():
        placed = finding.at(file=policy_url(domain))
        yield replace(placed, result_type="sts-policy-invalid") if policy is None else placed
