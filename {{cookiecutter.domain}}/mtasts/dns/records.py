"""The DNS records of each domain: hosting before the certificate, announcement after HTTPS serves the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from mtasts.config.hosting import Kind
from mtasts.config.model import Config, Domain
from mtasts.sts.policy import policy_host
from mtasts.sts.record import StsRecord, policy_id
from mtasts.tlsrpt.record import TlsRptRecord


class Stage(str, Enum):
    """When a record is published."""

    HOSTING = "hosting"
    ANNOUNCEMENT = "announcement"

    __str__ = str.__str__


@dataclass(frozen=True)
class DnsRecord:
    """One record. name and a CNAME's value are absolute and end with a dot; zone does not. ttl is in seconds."""

    zone: str
    name: str
    type: str
    ttl: int
    value: str

    @property
    def host(self) -> str:
        """The name relative to its zone, as DNS providers' forms expect it."""
        return self.name.removesuffix(f".{self.zone}.")


def proven(config: Config, tokens: Mapping[str, str]) -> Config:
    """Return the config with Front Door's current validation tokens, by domain, instead of those in policy.yaml.

    Azure renews these tokens, so an old one in policy.yaml is worthless. Other hostings have no tokens.
    """
    if config.hosting.kind is not Kind.FRONT_DOOR:
        return config
    domains, retired = (
        tuple(replace(domain, verification=tokens.get(domain.name)) for domain in each)
        for each in (config.domains, config.retired)
    )
    return replace(config, domains=domains, retired=retired)


def records(config: Config, stage: Stage | None = None) -> list[DnsRecord]:
    """Return every domain's records, or those of one stage, in the order in which to publish them."""
    return [record for domain in config.domains for record in records_of(domain, config, stage)]


def records_of(domain: Domain, config: Config, stage: Stage | None = None) -> list[DnsRecord]:
    """Return one domain's records, or those of one stage."""
    stages = [stage] if stage else list(Stage)
    return [record for each in stages for record in _MADE[each](domain, config)]


def _hosting(domain: Domain, config: Config) -> Iterator[DnsRecord]:
    """Yield the record of the policy host (RFC 8461 §3.3), and the one that verifies the domain for Azure."""
    host, hosting = policy_host(domain.name), config.hosting
    if hosting.hostname:
        yield _record(domain, config, host, "CNAME", f"{hosting.hostname}.")
    value = domain.verification or hosting.verification
    if value and hosting.kind in VERIFICATION:
        yield _record(domain, config, f"{VERIFICATION[hosting.kind]}.{host}", "TXT", value)


def _announcement(domain: Domain, config: Config) -> Iterator[DnsRecord]:
    """Yield the records that announce the policy (RFC 8461 §3.1) and where to send reports (RFC 8460 §3)."""
    sts = StsRecord(policy_id(domain.policy))
    yield _record(domain, config, f"_mta-sts.{domain.name}", "TXT", sts.render())
    if config.rua:
        yield _record(domain, config, f"_smtp._tls.{domain.name}", "TXT", TlsRptRecord(config.rua).render())


def _record(domain: Domain, config: Config, name: str, kind: str, value: str) -> DnsRecord:
    return DnsRecord(domain.zone, f"{name}.", kind, config.ttl, value)


_MADE = {Stage.HOSTING: _hosting, Stage.ANNOUNCEMENT: _announcement}
VERIFICATION = {Kind.FUNCTION: "asuid", Kind.FRONT_DOOR: "_dnsauth"}
