"""The kinds of hosting, and their limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mtasts.findings import Finding, Rule, Severity
from mtasts.sts.policy import Policy

FUNCTION_DOMAINS = Rule(
    "MTS150",
    "Too many domains for a Function App",
    Severity.ERROR,
    "Azure Functions, Flex Consumption",
    """A Flex Consumption app can hold three site-scoped certificates, and each domain needs one. Choose another
kind of hosting, or split the domains over several repositories.""",
)
SWA_DOMAINS = Rule(
    "MTS151",
    "Too many domains for a Static Web App",
    Severity.ERROR,
    "Azure Static Web Apps quotas",
    """A Static Web App accepts two custom domains on the Free plan and five on Standard. Choose another kind of
hosting, or split the domains over several repositories.""",
)
SWA_PLAN = Rule(
    "MTS152",
    "The domains need the Standard plan",
    Severity.WARNING,
    "Azure Static Web Apps quotas",
    """A Static Web App on the Free plan accepts two custom domains; three to five need the Standard plan, which
costs money every month.""",
)
ONE_POLICY = Rule(
    "MTS153",
    "The hosting can serve only one policy",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """A Static Web App serves the same files under every name, so every domain would get the policy of the
first. Give all domains the same policy, or choose another kind of hosting.""",
)
SWA_PUNYCODE = Rule(
    "MTS154",
    "A Static Web App does not accept an internationalised domain",
    Severity.ERROR,
    "Azure Static Web Apps custom domains",
    """Azure does not accept a custom domain with an A-label (`xn--…`) on a Static Web App. Choose another kind
of hosting.""",
)
FRONT_DOOR_DOMAINS = Rule(
    "MTS158",
    "Too many domains for Front Door",
    Severity.ERROR,
    "Azure Front Door limits",
    """A Front Door profile of the Standard tier accepts 100 custom domains. Split the domains over several
repositories, or choose another kind of hosting.""",
)


FUNCTION_CERTIFICATES = 3
SWA_FREE, SWA_STANDARD = 2, 5
FRONT_DOOR_HOSTS = 100


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
        return self is Kind.STATIC_WEB_APP


@dataclass(frozen=True)
class Hosting:
    """Where the policies are served.

    hostname: the target of the CNAMEs, None until it is known. verification: the value that proves domains to Azure.
    name, region: of the Azure resource that serves them.
    """

    kind: Kind
    hostname: str | None = None
    verification: str | None = None
    name: str | None = None
    region: str | None = None


def limits(kind: Kind, policies: Mapping[str, Policy]) -> Iterator[Finding]:
    """Yield what is beyond the limits of this kind of hosting; errors name the kinds that are able."""
    names, others = list(policies), ""
    for finding in _limits(kind, names, policies):
        if finding.rule is SWA_PLAN:
            yield finding
            continue
        others = others or _others(names, policies)  # once: there may be a finding for each domain
        yield Finding(finding.rule, f"{finding.message} Change hosting.kind to {others}.", domain=finding.domain)


def _others(names: Sequence[str], policies: Mapping[str, Policy]) -> str:
    able = [kind.value for kind in Kind if all(f.rule is SWA_PLAN for f in _limits(kind, names, policies))]
    return " or ".join(filter(None, [", ".join(able[:-1]), able[-1]]))


def _limits(kind: Kind, names: Sequence[str], policies: Mapping[str, Policy]) -> Iterator[Finding]:
    number = len(names)
    if kind is Kind.FUNCTION and number > FUNCTION_CERTIFICATES:
        message = f"A Function App can have {FUNCTION_CERTIFICATES} domains, and policy.yaml lists {number}."
        yield Finding(FUNCTION_DOMAINS, message)
    if kind is Kind.FRONT_DOOR and number > FRONT_DOOR_HOSTS:
        message = f"Front Door can have {FRONT_DOOR_HOSTS} domains, and policy.yaml lists {number}."
        yield Finding(FRONT_DOOR_DOMAINS, message)
    if kind is Kind.STATIC_WEB_APP:
        yield from _static_web_app_limits(names)
    if kind.one_policy:
        first = next(iter(policies.values()), None)
        for name, policy in policies.items():
            if policy != first:
                message = f"{name} has a different policy, but {kind} serves one policy for all domains."
                yield Finding(ONE_POLICY, message, domain=name)


def _static_web_app_limits(names: Sequence[str]) -> Iterator[Finding]:
    number = len(names)
    if number > SWA_STANDARD:
        message = f"A Static Web App can have {SWA_STANDARD} domains, and policy.yaml lists {number}."
        yield Finding(SWA_DOMAINS, message)
    elif number > SWA_FREE:
        message = f"{number} domains need the paid Standard plan: the Free plan includes {SWA_FREE}."
        yield Finding(SWA_PLAN, message)
    for name in names:
        if "xn--" in name:
            yield Finding(
                SWA_PUNYCODE, f"A Static Web App does not accept {name}, since it has an A-label (xn--).", domain=name
            )
