"""Cloudflare DNS as its API v4 has it: single records with ids, in zones that a token may see."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

from servers.api import Api, RefusalError, Reply, Request, quoted, unquoted, zone_of

TOKEN = "a-token-of-cloudflare"
ZONES, RECORDS = 50, 5_000_000  # the most on a page


class Cloudflare(Api):
    """An account. A token sees the zones that it has any right in; to edit DNS is to read it, too."""

    provider = "cloudflare"
    RIGHTS = frozenset({"DNS Read", "DNS Write"})  # both are *Zone → DNS → Edit*

    def __init__(self) -> None:
        super().__init__()
        self._zones: dict[str, dict[str, Any]] = {}  # by id
        self._records: dict[str, dict[str, Any]] = {}  # by id
        self._numbers = itertools.count(1)
        self.options = f"api_url: {self.url}"
        self.environment = {"CLOUDFLARE_TOKEN": TOKEN}

    def add_zone(self, zone: str, private: bool = False, status: str = "active") -> None:
        """Make a zone. private: an internal one, which only Gateway resolves. status: moved, pending or active."""
        number = self._number()
        kind = "internal" if private else "full"
        self._zones[number] = {"id": number, "name": zone, "type": kind, "status": status, "name_servers": []}

    def clear(self) -> None:
        """Forget all zones."""
        self._zones.clear()
        self._records.clear()

    def zones(self) -> list[str]:
        """Return the names of all zones."""
        return sorted(zone["name"] for zone in self._zones.values())

    def put(self, name: str, kind: str, values: list[str], ttl: int = 3600, **more: Any) -> None:
        """Write records. more: further keys of each, as comment or proxied."""
        for value in values:
            first, _, rest = value.partition(" ") if kind == "MX" else ("", "", value)
            content = quoted(rest) if kind == "TXT" else rest
            record: dict[str, Any] = {"name": name, "type": kind, "content": content, "ttl": ttl, **more}
            if first:
                record["priority"] = int(first)
            if kind not in ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT"):
                record["data"] = {}  # of the parts that octoDNS reads there is none: what is not ours is not read
            if kind == "CAA":
                record["data"] = dict(zip(("flags", "tag", "value"), value.split(" ", 2), strict=True))
            zones = {zone["name"]: zone["id"] for zone in self._zones.values() if _is_public(zone)}
            self._store(zones[zone_of(name, zones)], record)

    def alias(self, name: str, kind: str) -> None:
        """Write a proxied record: it is served from addresses of Cloudflare's own, a CNAME flattened."""
        value = "192.0.2.9" if kind == "A" else "site.example.net."
        self.put(name, kind, [value], 1, proxied=True, settings={"flatten_cname": kind == "CNAME"})

    def all(self) -> list[str]:
        """Return the records of all public zones."""
        return sorted(
            f"{each['name']} {each['ttl']} {each['type']} {_value(each)}"
            for each in self._records.values()
            if _is_public(self._zones[each["zone_id"]])
        )

    def records(self) -> list[dict[str, Any]]:
        """Return the records with all that they have."""
        return list(self._records.values())

    def answer(self, request: Request) -> Reply:
        """Take the path apart: /zones[/ID[/dns_records[/ID]]]"""
        if request.credential != f"Bearer {TOKEN}":
            raise RefusalError(_error(403, 9109, "Invalid access token"))
        if len(request.parts) == 1:
            return self._zone_list(request)
        _, zone, kind, *record = request.parts
        if kind != "dns_records":
            self.need("Page Rules Read", self._zones[zone]["name"])
            return _json([])
        if request.method == "GET":
            self.need("DNS Read", self._zones[zone]["name"])
            return _page(request, [each for each in self._records.values() if each["zone_id"] == zone], RECORDS, 100)
        return self._write(request, zone, *record)

    def denied(self, right: str, what: str) -> Reply:  # noqa: ARG002
        """Return the error of a token without a permission."""
        if right == "Page Rules Read":
            return _error(403, 9109, "Unauthorized to access requested resource")
        return _error(403, 10000, "Authentication error")

    def _zone_list(self, request: Request) -> Reply:
        if request.method == "POST":
            self.need("Zone Write", "account")
            self.add_zone(json.loads(request.body)["name"])
            return _json(list(self._zones.values())[-1])
        self.calls.append("GET zones")
        return _page(request, list(self._zones.values()), ZONES, 20)

    def _write(self, request: Request, zone: str, *record: str) -> Reply:
        old = self._records.get(record[0]) if record else None
        new = json.loads(request.body) if request.body else {}
        self.need("DNS Write", (old or new)["name"])
        if request.method == "DELETE":
            del self._records[record[0]]
            return _json({"id": record[0]})
        if request.method == "PATCH":
            new = {**(old or {}), **new}
        self._refuse_conflict(new, zone, *record)
        return _json(self._store(zone, new, *record))

    def _refuse_conflict(self, new: dict[str, Any], zone: str, *record: str) -> None:
        beside = [
            each
            for each in self._records.values()
            if (each["zone_id"], each["name"]) == (zone, new["name"]) and each["id"] not in record
        ]
        if any((each["type"], each["content"]) == (new["type"], _content(new)) for each in beside):
            raise RefusalError(_error(400, 81058, "An identical record already exists."))
        if beside and "CNAME" in (new["type"], *(each["type"] for each in beside)):
            raise RefusalError(_error(400, 81053, "An A, AAAA, or CNAME record with that host already exists."))

    def _store(self, zone: str, record: dict[str, Any], number: str | None = None) -> dict[str, Any]:
        number = number or self._number()
        self._records[number] = {**record, "content": _content(record), "id": number, "zone_id": zone}
        return self._records[number]

    def _number(self) -> str:
        return f"{next(self._numbers):032x}"


def _content(record: dict[str, Any]) -> str:
    """Return the content as Cloudflare keeps it: TXT in quotes, and names without the final dot."""
    content = str(record["content"])
    if record["type"] == "TXT":
        return content if content.startswith('"') else f'"{content}"'
    return content.removesuffix(".")


def _value(record: dict[str, Any]) -> str:
    content = str(record["content"])
    if record["type"] == "TXT":
        return unquoted(content)
    dot = "." if record["type"] in ("CNAME", "MX", "NS", "PTR") else ""
    first = f"{record['priority']} " if "priority" in record else ""
    return f"{first}{content}{dot}{' proxied' if record.get('proxied') else ''}"


def _is_public(zone: dict[str, Any]) -> bool:
    return bool(zone["type"] != "internal" and zone["status"] == "active")


def _page(request: Request, items: Sequence[Any], most: int, usual: int) -> Reply:
    size, page = request.whole("per_page", usual), request.whole("page", 1)
    if not 1 <= size <= most:
        raise RefusalError(_error(400, 1004, f"per_page must be between 1 and {most}"))
    found = items[(page - 1) * size : page * size]
    info = {"page": page, "per_page": size, "count": len(found), "total_count": len(items)}
    return _json(found, result_info=info)


def _json(result: Any, **more: Any) -> Reply:
    return Reply(200, json.dumps({"success": True, "errors": [], "messages": [], "result": result, **more}).encode())


def _error(status: int, code: int, message: str) -> Reply:
    errors = [{"code": code, "message": message}]
    return Reply(status, json.dumps({"success": False, "errors": errors, "messages": [], "result": None}).encode())
