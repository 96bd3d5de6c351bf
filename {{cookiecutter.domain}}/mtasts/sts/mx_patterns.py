"""What an MX host is for a policy: a provider's host, a host of its own, or one that no policy can name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mtasts.findings import quote
from mtasts.sts.names import NAME_ADDRESS, is_verification, name_fault
from mtasts.sts.policy import MxPattern, unique

# Providers whose MX hosts are better named by a pattern; for all others the hosts themselves are right.
_PROVIDERS = (
    (r"(.+\.)?mail\.protection\.outlook\.com", ("*.mail.protection.outlook.com",)),
    (
        r"smtp\.google\.com|(.+\.)?aspmx\.l\.google\.com|aspmx\d\.googlemail\.com",
        ("smtp.google.com", "aspmx.l.google.com", "*.aspmx.l.google.com"),
    ),
)
_GOOGLEMAIL = re.compile(r"aspmx\d\.googlemail\.com", re.IGNORECASE)
_CLOUDFLARE = re.compile(r"_dc-mx\.", re.IGNORECASE)


def host_fault(host: str) -> str | None:
    """Return why no policy can name an MX host, and what to do, or None. It completes a sentence about the host."""
    if is_verification(host) or host.lower().endswith(".invalid"):  # where no host can be (RFC 6761 §6.4)
        return "is a verification record, not a mail server. Remove it from DNS once the domain is verified."
    if _CLOUDFLARE.match(host):
        return (
            "was created by Cloudflare, because its proxy is on for the mail server's own name. No certificate and no "
            "policy can name it. In Cloudflare's DNS, switch the proxy off for that name (DNS only)."
        )
    fault = name_fault(host, "MX host")
    if fault and fault.rule is NAME_ADDRESS:
        return "is an IP address. Write the server's host name, as in its certificate, into the MX record."
    if "_" in host:
        return (
            "contains an underscore, so no public certificate and no policy can name it. Rename the server: use only "
            "letters, digits and hyphens."
        )
    return "is not a host name, so no policy can name it. Correct the MX record." if fault else None


def patterns(hosts: Iterable[str]) -> tuple[MxPattern, ...]:
    """Return the mx patterns for MX hosts: the provider's, else the hosts that a policy can name."""
    found: list[str] = []
    for host in hosts:
        if host_fault(host):
            continue
        provider = next((known for pattern, known in _PROVIDERS if re.fullmatch(pattern, host, re.IGNORECASE)), None)
        found += provider or ()
        if not provider or _GOOGLEMAIL.fullmatch(host):
            found.append(host)
    return unique(MxPattern(name) for name in found)


def refusals(hosts: Iterable[str]) -> list[str]:
    """Return a sentence for each MX host that no policy can name."""
    return [f"MX host {quote(host)} was left out: it {fault}" for host in hosts if (fault := host_fault(host))]
