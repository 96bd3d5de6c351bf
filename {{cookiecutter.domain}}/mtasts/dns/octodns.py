"""The classes that dns/*.yaml names for octoDNS: a source that reads policy.yaml, and a guard of all other records."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from octodns.processor.base import BaseProcessor, ProcessorException
from octodns.record import Record
from octodns.source.base import BaseSource

from mtasts.config import model
from mtasts.config.hosting import Kind
from mtasts.config.model import Config
from mtasts.dns.names import Name, names
from mtasts.dns.records import DnsRecord, Stage, proven, records
from mtasts.dns.recordset import Past, Settled, Value, canonical, settle
from mtasts.findings import UserError, listed, quote

# What octoDNS and its providers read and write back unchanged. Some of them change a quotation mark, a backslash or a
# letter outside ASCII, and drop an empty value.
_KEPT = re.compile(r"[ !#-\[\]-~]+")
_TOKEN = re.compile("[A-Za-z0-9_-]{1,128}")  # of Front Door, as policy.yaml allows it


class MissingZoneError(ProcessorException):  # type: ignore[misc]
    """The provider does not have the zone, so octoDNS would create it."""


class PolicySource(BaseSource):  # type: ignore[misc]
    """The records of one stage, hosting or announcement, of every domain in policy.yaml."""

    SUPPORTS_GEO = False
    SUPPORTS = frozenset(("CNAME", "TXT"))

    def __init__(self, id: str, records: str, file: str = "policy.yaml") -> None:  # noqa: A002 - octoDNS's own
        self.log = logging.getLogger(f"PolicySource[{id}]")
        super().__init__(id)
        self._config, self._stage = _load(file), Stage(records)
        self.prove({})

    def prove(self, tokens: Mapping[str, str]) -> None:
        """Use Front Door's current validation tokens, by domain."""
        config = proven(self._config, tokens)
        self._zones = {zone: [] for zone in names(config, self._stage)}
        for record in records(config, self._stage):
            self._zones[record.zone].append(record)

    _zones: dict[str, list[DnsRecord]]

    def list_zones(self) -> list[str]:
        """Return the zones that hold the domains, with the final dot."""
        return sorted(f"{zone}." for zone in self._zones)

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> None:  # noqa: ARG002
        """Add the records of a zone."""
        for record in self._zones.get(zone.name[:-1], ()):
            # octoDNS keeps the semicolons in TXT escaped, and its providers unescape them.
            value = record.value.replace(";", "\\;") if record.type == "TXT" else record.value
            data = {"type": record.type, "ttl": record.ttl, "value": value}
            zone.add_record(Record.new(zone, record.host, data, source=self, lenient=lenient), lenient=lenient)


class OnlyOurs(BaseProcessor):  # type: ignore[misc]
    """Hides from octoDNS every name that is not ours, and at our names every value that we may not change.

    `publish` sets tokens, force, past, allowed and only_remove; without it, only what policy.yaml says now is ours.
    allowed: the domains that may have records created or changed, None for all of them; only_remove: none may. After
    planning, made has the domains for which the plan creates or changes records, and refused says for each domain that
    it leaves unchanged what is in the way.
    """

    def __init__(self, id: str, records: str, file: str = "policy.yaml") -> None:  # noqa: A002 - octoDNS's own
        super().__init__(id)
        self._config, self._stage = _load(file), Stage(records)
        self._tokens = self._config.hosting.kind is Kind.FRONT_DOOR
        self._retired = {domain.name for domain in self._config.retired}
        self.prove({})
        self._wanted: dict[str, dict[str, str]] = {}  # the type of what is wanted, by zone and name
        self.force = False
        self.past: Callable[[], Past] = Past
        self.allowed: Collection[str] | None = None
        self.only_remove = False
        self.made: set[str] = set()
        self.refused: dict[str, str] = {}

    @property
    def refusals(self) -> dict[str, str]:
        """Return why domains are refused; with only_remove, only those whose records would be removed."""
        return {name: why for name, why in self.refused.items() if name in self._retired or not self.only_remove}

    def prove(self, tokens: Mapping[str, str]) -> None:
        """Use Front Door's current validation tokens, by domain: this repository may publish them."""
        self.names = names(proven(self._config, tokens), self._stage)
        self._proofs = {canonical(f"_dnsauth.mta-sts.{name}.", "TXT", token) for name, token in tokens.items()}

    def process_target_zone(self, existing: Any, target: Any, lenient: bool = False) -> Any:  # noqa: ARG002
        """Keep only the records at our names."""
        ours = self.names.get(existing.name[:-1], {})
        for record in existing.records:
            if record.name not in ours:
                existing.remove_record(record)
        return existing

    def process_source_and_target_zones(
        self,
        desired: Any,
        existing: Any,
        target: Any,  # noqa: ARG002 - octoDNS's own, as lenient
        lenient: bool = False,  # noqa: ARG002
    ) -> tuple[Any, Any]:
        """Show octoDNS only those differences between the two zones that it may change."""
        ours = self.names[existing.name[:-1]]
        wanted = {record.name: record for record in desired.records}
        self._wanted[existing.name] = {host: record._type for host, record in wanted.items()}
        there: dict[str, dict[str, Any]] = {host: {} for host in ours}
        for record in existing.records:
            there[record.name][record._type] = record
        places = [_Place(ours[host], wanted.get(host), records) for host, records in there.items()]
        settled = [(place, self._settle(place)) for place in places]
        refused = self._refused(settled)
        for place, outcome in settled:
            if place.name.domain in refused:
                place.leave(desired, existing)
            else:
                place.update(desired, existing, outcome.after)
        self.refused.update(refused)
        return desired, existing

    def _settle(self, place: _Place) -> Settled:
        return settle(place.values, place.value, lambda each: self._is_ours(place, each), place.name.alone, self.force)

    def _is_ours(self, place: _Place, value: Value) -> bool:
        each = canonical(place.fqdn, *value)
        if place.value and each == canonical(place.fqdn, *place.value):
            return True
        # Front Door's tokens expire after days, and a new one replaces the old one. Without a new one, a token can
        # belong to others: certificate authorities use this name for validation too.
        replaced = place.value and self._tokens and place.fqdn.startswith("_dnsauth.")
        if replaced and value[0] == "TXT" and _TOKEN.fullmatch(value[1]):
            return True
        return each in self._proofs or each in self.past().published

    def _refused(self, settled: Iterable[tuple[_Place, Settled]]) -> dict[str, str]:
        """Return the domains that are left unchanged, and why."""
        found: dict[str, list[str]] = {}
        for place, outcome in settled:
            faults = found.setdefault(place.name.domain, [])
            if outcome.conflicts:
                faults.append(f"{place.shown(outcome.conflicts)}{self._not_ours()}")
            elif left := self._unknown(place, outcome.after):
                faults.append(f"{place.shown(left)}, but whether to remove it is unknown. {self.past().unknown}")
            elif unwritable := place.unwritable(outcome.after):
                shown = place.shown(unwritable)
                faults.append(f"{shown}, which octoDNS cannot write back unchanged. Change the records by hand.")
        return {domain: " ".join(dict.fromkeys(faults)) for domain, faults in found.items() if faults}

    def _not_ours(self) -> str:
        if unknown := self.past().unknown:
            return f", but whether this repository created it is unknown. {unknown} Or replace it with --force."
        return ", which this repository did not create. Remove it, or replace it with --force."

    def _unknown(self, place: _Place, after: Mapping[str, tuple[str, ...]]) -> list[Value]:
        """Return the values of a retired domain that stay although they can be ours: they would never be removed."""
        if place.name.domain not in self._retired or not self.past().unknown:
            return []
        return [(kind, value) for kind in ("CNAME", "TXT") for value in after.get(kind, ())]

    def process_plan(self, plan: Any, sources: Any, target: Any, lenient: bool = False) -> Any:  # noqa: ARG002
        """Remove from a plan the domains that need records created or changed, but are not allowed to.

        Raises MissingZoneError if the provider does not have the zone.
        """
        if not plan:
            return plan
        if not plan.exists:
            raise MissingZoneError(_MISSING)
        ours, wanted = self.names[plan.desired.name[:-1]], self._wanted[plan.desired.name]
        changes = [(ours[change.record.name].domain, change) for change in plan.changes if change.record.name in ours]
        made = {domain for domain, change in changes if change.new and wanted.get(change.new.name) == change.new._type}
        self.made |= made
        held = made if self.only_remove else set() if self.allowed is None else made.difference(self.allowed)
        plan.changes = [change for domain, change in changes if domain not in held]
        return plan if plan.changes else None


_MISSING = (
    "it is not in the account, subscription or resource group that dns/provider.yaml names, and publish never creates a"
    " zone. If the records belong in a parent zone, name that zone with zone: in policy.yaml"
)


class _Place:
    """One of our names in a zone. wanted: its record according to policy.yaml; there: its records in DNS, by type."""

    def __init__(self, name: Name, wanted: Any, there: Mapping[str, Any]) -> None:
        self.name, self._wanted, self._there = name, wanted, there
        self.values = {kind: _texts(record) for kind, record in there.items()}
        self.value: Value | None = (wanted._type, *_texts(wanted)) if wanted else None
        self.fqdn = next((record.fqdn for record in (wanted, *there.values()) if record), "")

    def shown(self, values: Sequence[Value]) -> str:
        """Return what the name has, for a message."""
        kinds = ", ".join(dict.fromkeys(kind for kind, _ in values))
        return f"{self.fqdn} has {kinds} {listed([quote(value) for _, value in values])}"

    def leave(self, desired: Any, existing: Any) -> None:
        """Hide the name from octoDNS."""
        for record in self._there.values():
            existing.remove_record(record)
        if self._wanted:
            desired.remove_record(self._wanted)

    def update(self, desired: Any, existing: Any, after: Mapping[str, tuple[str, ...]]) -> None:
        """Show octoDNS which values the name must have. A record set with other people's values keeps its TTL."""
        for kind, record in self._there.items():
            values, ours = after.get(kind, ()), self._wanted and self._wanted._type == kind
            if ours and len(values) == 1:
                continue  # only ours: octoDNS compares the TTL too
            if set(values) != set(self.values[kind]):
                if values:
                    desired.add_record(_with_values(record, values), replace=True, lenient=True)
                continue
            existing.remove_record(record)
            if ours:
                desired.remove_record(self._wanted)

    def unwritable(self, after: Mapping[str, tuple[str, ...]]) -> list[Value]:
        """Return the values that octoDNS would have to write back because ours in the same set change, but cannot."""
        changed = [kind for kind, values in self.values.items() if set(after.get(kind, ())) != set(values)]
        return [(kind, each) for kind in changed for each in after.get(kind, ()) if not _KEPT.fullmatch(each)]


def _texts(record: Any) -> tuple[str, ...]:
    """Return the values of a record as DNS has them: octoDNS keeps the semicolons in TXT escaped."""
    values = [record.value] if hasattr(record, "value") else record.values
    return tuple(str(value).replace("\\;", ";") if record._type == "TXT" else str(value) for value in values)


def _with_values(record: Any, values: Iterable[str]) -> Any:
    """Return a TXT record with other values."""
    data = {"type": record._type, "ttl": record.ttl, "values": [value.replace(";", "\\;") for value in values]}
    made = Record.new(record.zone, record.name, data, lenient=True)
    made.octodns.update(record.octodns)  # a provider's own properties, such as Cloudflare's automatic TTL
    return made


def _load(file: str) -> Config:
    config, findings = model.load(Path(file))
    if config is None:
        raise UserError(f"{file} has errors. The first: {findings[0].message}")
    return config
