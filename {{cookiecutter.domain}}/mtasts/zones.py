"""What octoDNS loads by the names in dns/*.yaml: a source that reads policy.yaml, and a guard over all else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from octodns.processor.base import BaseProcessor, ProcessorException
from octodns.record import Record
from octodns.source.base import BaseSource

from mtasts import config as configuration
from mtasts.config import Config
from mtasts.findings import quote
from mtasts.record import StsRecord
from mtasts.records import DnsRecord, Stage, names, records


class PolicyFileError(Exception):
    """policy.yaml has findings: nothing of it may reach a provider."""


class ForeignRecordError(ProcessorException):  # type: ignore[misc]
    """A record that this repository did not make stands in the way."""


class MissingZoneError(ProcessorException):  # type: ignore[misc]
    """The provider does not have the zone, and octoDNS would make it."""


class PolicySource(BaseSource):  # type: ignore[misc]
    """The records of one stage, hosting or announcement, of every domain in policy.yaml."""

    SUPPORTS_GEO = False
    SUPPORTS = frozenset(("CNAME", "TXT"))

    def __init__(self, id: str, records: str, file: str = "policy.yaml") -> None:  # noqa: A002 - octoDNS's own
        self.log = logging.getLogger(f"PolicySource[{id}]")
        super().__init__(id)
        config, stage = _load(file), Stage(records)
        self._zones = {zone: [] for zone in names(config, stage)}
        self._fill(config, stage)

    def _fill(self, config: Config, stage: Stage) -> None:
        for record in records(config, stage):
            self._zones[record.zone].append(record)

    _zones: dict[str, list[DnsRecord]]

    def list_zones(self) -> list[str]:
        """Return the zones that hold the domains, with the final dot."""
        return sorted(f"{zone}." for zone in self._zones)

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> None:  # noqa: ARG002
        """Add the records of a zone."""
        for record in self._zones.get(zone.name[:-1], ()):
            # octoDNS holds the semicolons of TXT escaped, and its providers undo that.
            value = record.value.replace(";", "\\;") if record.type == "TXT" else record.value
            data = {"type": record.type, "ttl": record.ttl, "value": value}
            zone.add_record(Record.new(zone, record.host, data, source=self, lenient=lenient), lenient=lenient)


class OnlyOurs(BaseProcessor):  # type: ignore[misc]
    """Hides every name that is not ours from octoDNS, and stops it before a record that we did not make.

    force: write over such a record all the same.
    """

    def __init__(self, id: str, records: str, file: str = "policy.yaml", force: bool = False) -> None:  # noqa: A002
        super().__init__(id)
        config = _load(file)
        self.names = names(config, Stage(records))
        self._target = f"{config.hosting.hostname}."
        self.force = force

    def process_target_zone(self, existing: Any, target: Any, lenient: bool = False) -> Any:  # noqa: ARG002
        """Leave in a zone what has one of our names."""
        ours = self.names.get(existing.name[:-1], set())
        for record in existing.records:
            if record.name not in ours:
                existing.remove_record(record)
        return existing

    def process_plan(self, plan: Any, sources: Any, target: Any, lenient: bool = False) -> Any:  # noqa: ARG002
        """Raise ForeignRecordError where a change would take another's record away, MissingZoneError without a zone."""
        if plan and not plan.exists:
            raise MissingZoneError(_MISSING)
        for change in plan.changes if plan and not self.force else ():
            if change.existing and not _is_ours(change.existing, self._target):
                raise ForeignRecordError(_foreign(change.existing))
        return plan


_MISSING = (
    "it is not in the account, subscription or resource group that dns/provider.yaml leads to, and publish never makes"
    " a zone. If the records belong in a parent zone, name that with zone: in policy.yaml"
)


def _is_ours(record: Any, target: str) -> bool:
    """Tell whether a record can only have come from here. target: of this repository's CNAMEs."""
    first = record.name.split(".")[0]
    if record._type != "TXT":
        return bool(record._type == "CNAME" and record.value.lower() == target.lower())
    if first == "_mta-sts":
        return all(value.replace("\\;", ";").startswith(StsRecord.PREFIX) for value in record.values)
    return first in ("asuid", "_dnsauth") or all(value.startswith("v=TLSRPT") for value in record.values)


def _foreign(record: Any) -> str:
    values = [record.value] if hasattr(record, "value") else record.values
    shown = ", ".join(quote(str(value)) for value in values[:3])
    return f"{record.fqdn} has {record._type} {shown}, which this repository did not make."


def _load(file: str) -> Config:
    config, findings = configuration.load(Path(file))
    if config is None:
        raise PolicyFileError(f"{file} has findings, the first: {findings[0].message}")
    return config
