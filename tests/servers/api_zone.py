"""A zone behind a provider's HTTP API as record sets, and octoDNS's requests to it, which can be broken off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from urllib3.connectionpool import HTTPConnectionPool

from servers.api import Api
from servers.memory import KilledError, RecordSets


class ApiZone:
    """The zone. A call is one HTTP request of a client, whichever library makes it."""

    def __init__(self, api: Api, zone: str) -> None:
        self._api, self._zone = api, zone
        self._send = HTTPConnectionPool.urlopen
        api.add_zone(zone)
        self._begin()

    def _begin(self) -> None:
        self._calls = 0
        self.kill_at(None)
        self.meanwhile(lambda _: None)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the requests, with what leads octoDNS to the API in the environment."""
        zone = self

        def urlopen(pool: HTTPConnectionPool, *words: Any, **options: Any) -> Any:
            if zone._calls == zone._killed_at:
                raise KilledError
            zone._between(zone._calls)
            zone._calls += 1
            return zone._send(pool, *words, **options)

        with (
            mock.patch.object(HTTPConnectionPool, "urlopen", urlopen),
            mock.patch.dict(os.environ, self._api.environment),
        ):
            yield

    def fill(self, sets: RecordSets) -> None:
        """Have these record sets and no others."""
        self._api.clear()
        for (name, kind), (ttl, values) in sets.items():
            self._api.put(f"{name}.{self._zone}".removeprefix("."), kind, list(values), ttl)
        self._begin()

    def read(self) -> RecordSets:
        """Return the record sets, but for those that make a zone. Of several TTLs the least: Cloudflare has them."""
        found: dict[tuple[str, str], tuple[int, list[str]]] = {}
        for line in self._api.all():
            name, ttl, kind, value = line.split(" ", 3)
            key = name.removesuffix(self._zone).removesuffix("."), kind
            if kind not in ("SOA", "NS"):
                values = found.get(key, (0, []))[1]
                found[key] = min(int(ttl), found.get(key, (int(ttl), []))[0]), [*values, value]
        return {key: (ttl, tuple(sorted(values))) for key, (ttl, values) in found.items()}

    def kill_at(self, call: int | None) -> None:
        """Break off at this call."""
        self._killed_at = call

    def meanwhile(self, happens: Callable[[int], object]) -> None:
        """Let something happen before each call."""
        self._between = happens
