"""Which names in DNS this repository may change."""

from __future__ import annotations

from dataclasses import dataclass

from mtasts.config.model import Config, Domain
from mtasts.dns.records import VERIFICATION, Stage

_PROOFS = tuple(f"{name}.mta-sts" for name in VERIFICATION.values())
_NAMES = {Stage.HOSTING: ("mta-sts", *_PROOFS), Stage.ANNOUNCEMENT: ("_mta-sts", "_smtp._tls")}


@dataclass(frozen=True)
class Name:
    """A name that this repository may change. alone: whether its record must be the only one at that name.

    With a second record at `_mta-sts` or `_smtp._tls`, senders ignore both (RFC 8461 §3.1, RFC 8460 §3), and a CNAME
    allows no other record. Only Azure's verification records can share their name with other verification records.
    """

    domain: str
    alone: bool


def names(config: Config, stage: Stage) -> dict[str, dict[str, Name]]:
    """Return the names in each zone that this repository may change, relative to the zone.

    While policy.yaml does not contain a host name or a token, its record's name is left out: a person could have
    created that record by hand.
    """
    found: dict[str, dict[str, Name]] = {domain.zone: {} for domain in (*config.domains, *config.retired)}
    said = [(domain, _unsaid(domain, config)) for domain in config.domains]
    for domain, unsaid in (*said, *((domain, ()) for domain in config.retired)):
        for name in _NAMES[stage]:
            if name not in unsaid:
                host = f"{name}.{domain.name}".removesuffix(f".{domain.zone}")
                found[domain.zone][host] = Name(domain.name, name not in _PROOFS)
    return found


def _unsaid(domain: Domain, config: Config) -> tuple[str, ...]:
    hosting = config.hosting
    unproven = hosting.kind in VERIFICATION and not (domain.verification or hosting.verification)
    proof = (f"{VERIFICATION[hosting.kind]}.mta-sts",) if unproven else ()
    return proof if hosting.hostname else ("mta-sts", *proof)
