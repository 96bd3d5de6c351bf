"""The kinds of hosting, and what each can carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mtasts.findings import Finding
from mtasts.policy import Policy
from mtasts.rules import policy_file as rules

FUNCTION_CERTIFICATES = 3
SWA_FREE, SWA_STANDARD = 2, 5


class Kind(str, Enum):
    """What serves the policies."""

    FUNCTION = "function"
    STATIC_WEB_APP = "static-web-app"
    FRONT_DOOR = "front-door"
    WEB_SERVER = "web-server"

    __str__ = str.__str__

    @property
    def one_policy(self) -> bool:
        """Whether one set of files answers under every domain's name."""
        return self in (Kind.STATIC_WEB_APP, Kind.FRONT_DOOR)


@dataclass(frozen=True)
class Hosting:
    """Where the policies are served.

    hostname: the target of the CNAMEs, None while it is not known. verification: what proves domains to Azure.
    name, region: of what Azure serves them with.
    """

    kind: Kind
    hostname: str | None = None
    verification: str | None = None
    name: str | None = None
    region: str | None = None


def limits(kind: Kind, policies: Mapping[str, Policy]) -> Iterator[Finding]:
    """Yield what this kind of hosting cannot carry; errors name the kinds that could."""
    names, others = list(policies), ""
    for finding in _limits(kind, names, policies):
        if finding.rule is rules.SWA_STANDARD:
            yield finding
            continue
        others = others or _others(names, policies)  # once: there may be a finding for each domain
        yield Finding(finding.rule, f"{finding.message} Choose {others}.", domain=finding.domain)


def _others(names: Sequence[str], policies: Mapping[str, Policy]) -> str:
    able = [kind.value for kind in Kind if all(f.rule is rules.SWA_STANDARD for f in _limits(kind, names, policies))]
    return " or ".join(able)


def _limits(kind: Kind, names: Sequence[str], policies: Mapping[str, Policy]) -> Iterator[Finding]:
    number = len(names)
    if kind is Kind.FUNCTION and number > FUNCTION_CERTIFICATES:
        message = f"A Function App has certificates for {FUNCTION_CERTIFICATES} domains, and here are {number}."
        yield Finding(rules.FUNCTION_DOMAINS, message)
    if kind is Kind.STATIC_WEB_APP:
        yield from _static_web_app_limits(names)
    if kind.one_policy:
        first = next(iter(policies.values()), None)
        for name, policy in policies.items():
            if policy != first:
                message = f"{name} has a policy of its own, and {kind} serves one policy to all domains."
                yield Finding(rules.ONE_POLICY, message, domain=name)


def _static_web_app_limits(names: Sequence[str]) -> Iterator[Finding]:
    number = len(names)
    if number > SWA_STANDARD:
        message = f"A Static Web App takes {SWA_STANDARD} domains at most, and here are {number}."
        yield Finding(rules.SWA_DOMAINS, message)
    elif number > SWA_FREE:
        message = f"{number} domains need the Standard plan: the Free plan takes {SWA_FREE}."
        yield Finding(rules.SWA_STANDARD, message)
    for name in names:
        if "xn--" in name:
            yield Finding(rules.SWA_PUNYCODE, f"A Static Web App does not take {name}.", domain=name)
