"""A policy.yaml from what a domain publishes today, or from its MX hosts where it publishes nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import yaml

from mtasts.hosting import Hosting
from mtasts.names import pattern_fault
from mtasts.policy import Mode, MxPattern, Policy, unique
from mtasts.record import RecordError, TlsRptRecord
from mtasts.steps import Reach, https, policy

MAX_AGE = 604_800  # seconds, for a domain that had none

# Providers whose MX hosts are better named by a pattern; for all others the hosts themselves are right.
_PROVIDERS = (
    (r"(.+\.)?mail\.protection\.outlook\.com", ("*.mail.protection.outlook.com",)),
    (
        r"smtp\.google\.com|(.+\.)?aspmx\.l\.google\.com|aspmx\d\.googlemail\.com",
        ("smtp.google.com", "aspmx.l.google.com", "*.aspmx.l.google.com"),
    ),
)
_GOOGLEMAIL = re.compile(r"aspmx\d\.googlemail\.com", re.IGNORECASE)


@dataclass(frozen=True)
class Published:
    """What a domain publishes: its policy, if it can be read, its MX hosts, and where its reports go."""

    policy: Policy | None
    mx: tuple[str, ...]
    rua: tuple[str, ...]


async def see(domain: str, reach: Reach) -> Published:
    """Look at the domain as a sender does."""
    host, exchange, reporting = await asyncio.gather(
        https.see(domain, reach), reach.lookup(domain, "MX"), reach.lookup(f"_smtp._tls.{domain}", "TXT")
    )
    names = (value.partition(" ")[2].lower() for value in sorted(exchange.values, key=_preference))
    return Published(
        policy.read(host.text), tuple(name for name in names if name not in ("", ".")), _rua(reporting.values)
    )


def policy_for(domain: str, published: Published) -> Policy:
    """Return the published policy, or one in testing for the MX hosts that the domain has now."""
    if published.policy:
        return published.policy
    return Policy(Mode.TESTING, patterns(published.mx or (domain,)), MAX_AGE)


def patterns(hosts: Iterable[str]) -> tuple[MxPattern, ...]:
    """Return the mx patterns for MX hosts: a provider's own, else the hosts that can stand in a policy."""
    found: list[str] = []
    for host in hosts:
        provider = next((known for pattern, known in _PROVIDERS if re.fullmatch(pattern, host, re.IGNORECASE)), None)
        found += provider or ()
        if not provider or _GOOGLEMAIL.fullmatch(host):
            found.append(host)
    return unique(MxPattern(name) for name in found if not pattern_fault(name))


def compose(domain: str, found: Policy, rua: Collection[str], hosting: Hosting) -> str:
    """Return the text of a policy.yaml."""
    hosts = ["mx:", *(f'  - "{name}"' if name.startswith("*") else f"  - {name}" for name in found.mx)]
    addresses = ["tls_reporting:", "  rua:", *(f'    - "{uri}"' for uri in rua)]
    none = [f"# tls_reporting: {{rua: [mailto:tls-reports@{domain}]}}"]
    lines = [
        "# yaml-language-server: $schema=./policy.schema.json",
        f"version: {found.version}",
        f"mode: {found.mode}",
        f"max_age: {found.max_age}",
        *(hosts if found.mx else []),
        "",
        "domains:",
        f"  {domain}:",
        "",
        *(addresses if rua else none),
        "",
        "hosting:",
        *_hosting(hosting),
        *([] if hosting.hostname else [f"  # hostname: what mta-sts.{domain} points to"]),
    ]
    return "".join(f"{line}\n" for line in lines)


def _hosting(hosting: Hosting) -> Iterator[str]:
    """Yield a line for each thing that is known, in quotes where YAML would read a number."""
    yield f"  kind: {hosting.kind}"
    for key in ("name", "region", "hostname", "verification"):
        if value := getattr(hosting, key):
            yield f"  {yaml.safe_dump({key: value}, width=1000).strip()}"


def _rua(txts: Iterable[str]) -> tuple[str, ...]:
    records = [txt for txt in txts if txt.startswith(TlsRptRecord.PREFIX)]
    try:
        return TlsRptRecord.parse(records[0]).rua if len(records) == 1 else ()
    except RecordError:
        return ()


def _preference(value: str) -> int:
    return int(value.partition(" ")[0])
