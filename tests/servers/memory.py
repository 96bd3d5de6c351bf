"""A DNS provider of octoDNS's that keeps its zones in this process, and writes whole record sets, as Azure and AWS do.

It can break off at any call, as a killed run does, and let somebody else in between two calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from octodns.provider.base import BaseProvider
from octodns.record import Record

RecordSets = dict[tuple[str, str], tuple[int, tuple[str, ...]]]  # by name and type: the TTL, and the values in order

CONFIG = "class: servers.memory.MemoryProvider\n"  # of dns/provider.yaml


class KilledError(BaseException):
    """The run is over in the middle of its work. Nothing catches it, as nothing catches SIGKILL."""


class Memory:
    """The zones, as whoever stands outside sees them. A name is relative to its zone."""

    zones: ClassVar[dict[str, RecordSets]] = {}
    calls: ClassVar[int] = 0
    killed_at: ClassVar[int | None] = None
    between: ClassVar[Callable[[int], object]] = lambda _: None

    @classmethod
    def begin(cls, zones: dict[str, RecordSets]) -> None:
        """Hold these zones and no others."""
        cls.zones = {zone: dict(records) for zone, records in zones.items()}
        cls.calls, cls.killed_at, cls.between = 0, None, lambda _: None

    @classmethod
    def kill_at(cls, call: int | None) -> None:
        """Break off at this call, counted from 0 and from `begin` on; None: never."""
        cls.killed_at = call

    @classmethod
    def meanwhile(cls, happens: Callable[[int], object]) -> None:
        """Let something happen before each call, by its number."""
        cls.between = happens

    @classmethod
    def call(cls) -> None:
        """Note that the provider is called."""
        if cls.calls == cls.killed_at:
            raise KilledError
        cls.between(cls.calls)
        cls.calls += 1


class MemoryProvider(BaseProvider):  # type: ignore[misc]
    """What dns/provider.yaml names."""

    SUPPORTS_GEO = False
    SUPPORTS_ROOT_NS = True
    SUPPORTS: ClassVar[set[str]] = {"A", "AAAA", "CAA", "CNAME", "MX", "NS", "TXT"}

    def __init__(self, id: str) -> None:  # noqa: A002 - octoDNS's own
        import logging

        self.log = logging.getLogger("MemoryProvider")
        super().__init__(id)

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool:  # noqa: ARG002
        """Add what a zone holds."""
        Memory.call()
        for (name, kind), (ttl, values) in Memory.zones[zone.name[:-1]].items():
            data = {"type": kind, "ttl": ttl, **_data(kind, values)}
            zone.add_record(Record.new(zone, name, data, source=self, lenient=True), lenient=True)
        return True

    def _apply(self, plan: Any) -> None:
        sets = Memory.zones[plan.desired.name[:-1]]
        for change in sorted(plan.changes, key=lambda change: bool(change.new)):  # what goes goes first
            Memory.call()
            record = change.record
            if change.new:
                sets[record.name, record._type] = record.ttl, tuple(sorted(_texts(record)))
            else:
                del sets[record.name, record._type]


def _data(kind: str, values: Iterable[str]) -> dict[str, Any]:
    if kind == "CNAME":
        return {"value": next(iter(values))}
    if kind == "TXT":
        escaped = (value.replace("\\", "\\\\").replace('"', '\\"').replace(";", "\\;") for value in values)
        return {"values": [f'"{value}"' for value in escaped]}  # as most of octoDNS's providers read it
    if kind == "MX":
        pairs = (value.split() for value in values)
        return {"values": [{"preference": int(number), "exchange": host} for number, host in pairs]}
    if kind == "CAA":
        parts = (value.split(" ", 2) for value in values)
        return {"values": [{"flags": int(flags), "tag": tag, "value": value.strip('"')} for flags, tag, value in parts]}
    return {"values": list(values)}


def _texts(record: Any) -> list[str]:
    if record._type == "CNAME":
        return [str(record.value)]
    return [str(value).replace("\\;", ";") for value in record.values]
