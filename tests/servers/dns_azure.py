"""Azure DNS as its REST API has it (2018-05-01): record sets in zones of one resource group.

Names of groups, zones and types mean the same in any case, as everywhere in Azure Resource Manager.
"""

from __future__ import annotations

import copy
import json
import uuid
from pathlib import Path
from typing import Any

from servers.api import Api, RefusalError, Reply, Request, zone_of
from servers.tls import Authority, context

TOKEN = "a-token-of-azure"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = "dns-group"
PAGE = 100  # the default of $top, and 500 the most

_AZ = """#!/bin/sh
echo '{"accessToken": "%s", "expires_on": 4102444800, "tokenType": "Bearer"}'
"""
_KEYS = {
    "A": ("ARecords", ["ipv4Address"]),
    "AAAA": ("AAAARecords", ["ipv6Address"]),
    "CAA": ("caaRecords", ["flags", "tag", "value"]),
    "CNAME": ("CNAMERecord", ["cname"]),
    "DS": ("DSRecords", ["keyTag", "algorithm", "digest"]),
    "MX": ("MXRecords", ["preference", "exchange"]),
    "NS": ("NSRecords", ["nsdname"]),
    "TXT": ("TXTRecords", ["value"]),
}


class Azure(Api):
    """A subscription with one resource group. folder: for an `az` that signs in, and for its certificate."""

    provider = "azure-dns"
    RIGHTS = frozenset(
        {
            "Microsoft.Network/dnszones/recordsets/read",
            *(f"Microsoft.Network/dnszones/{kind}/{verb}" for kind in ("CNAME", "TXT") for verb in ("write", "delete")),
        }
    )

    def __init__(self, folder: Path) -> None:
        authority = Authority()
        super().__init__(context(authority.valid("127.0.0.1")))
        self._sets: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self._private: list[str] = []
        az = folder / "az"
        az.write_text(_AZ % TOKEN, encoding="ascii")
        az.chmod(0o755)
        self.options = f"base_url: {self.url}"
        self.environment = {
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZURE_TENANT_ID": "66666666-7777-8888-9999-aaaaaaaaaaaa",
            "AZURE_DNS_RESOURCE_GROUP": GROUP,
            "REQUESTS_CA_BUNDLE": str(authority.write(folder / "ca.pem")),
            "PATH": f"{folder}:/usr/bin:/bin",
        }

    def add_zone(self, zone: str, private: bool = False) -> None:
        """Make a zone; a private one is a resource of another type."""
        if private:
            self._private.append(zone)
            return
        self._sets[zone] = {}
        self.put(zone, "NS", ["ns1-01.azure-dns.com."], 172800)

    def clear(self) -> None:
        """Forget all zones."""
        self._sets.clear()
        self._private.clear()

    def zones(self) -> list[str]:
        """Return the names of all zones."""
        return sorted([*self._sets, *self._private])

    def put(self, name: str, kind: str, values: list[str], ttl: int = 3600, **more: Any) -> None:
        """Write a record set. more: further properties, as metadata."""
        key, fields = _KEYS[kind]
        found: Any = [dict(zip(fields, value.split(" ", len(fields) - 1), strict=True)) for value in values]
        if kind == "TXT":  # text as it is, in strings of 255
            found = [{"value": [value[at : at + 255] for at in range(0, max(len(value), 1), 255)]} for value in values]
        found = found[0] if kind == "CNAME" else found
        self._store(name, kind, {"TTL": ttl, key: found, "targetResource": {}, **more})

    def alias(self, name: str, kind: str) -> None:
        """Write an alias record set, as Microsoft advises for a Static Web App at a zone's apex."""
        target = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Web/staticSites/site"
        self._store(name, kind, {"TTL": 3600, "targetResource": {"id": target}})

    def empty(self, name: str, kind: str) -> None:
        """Write a record set without records, as the portal can leave one."""
        self._store(name, kind, {"TTL": 3600, "targetResource": {}})

    def all(self) -> list[str]:
        """Return the records of all public zones."""
        return sorted(
            f"{name} {properties['TTL']} {kind} {value}"
            for zone in self._sets.values()
            for (name, kind), properties in zone.items()
            for value in _values(kind, properties)
        )

    def metadata(self, name: str, kind: str) -> Any:
        """Return the metadata of a record set."""
        zone = self._sets[zone_of(name, self._sets)]
        return zone[name, kind].get("metadata")

    def answer(self, request: Request) -> Reply:
        """Take the resource manager's path apart: /subscriptions/S/resourceGroups/G/providers/Microsoft.Network/…"""
        if request.credential != f"Bearer {TOKEN}":
            raise RefusalError(_error(401, "InvalidAuthenticationToken", "The access token is invalid."))
        _, subscription, _, group, *_, kind = (*request.parts[:6], request.parts[6].lower())
        rest = request.parts[7:]
        if kind != "dnszones":
            self.need(f"Microsoft.Network/{kind}/read", group)
            return _json({"value": []})
        if len(rest) < 2:
            return self._zone(request.method, subscription, group, *rest)
        zone = rest[0].lower()
        if rest[1].lower() == "recordsets":
            self.need("Microsoft.Network/dnszones/recordsets/read", zone)
            return self._list(request, self._of(zone, subscription, group))
        name = zone if rest[2] == "@" else f"{rest[2]}.{zone}".lower()
        right = {"PUT": "write", "DELETE": "delete", "GET": "read"}[request.method]
        self.need(f"Microsoft.Network/dnszones/{rest[1].upper()}/{right}", name)
        return self._record(request, self._of(zone, subscription, group), name, rest[1].upper())

    def denied(self, right: str, what: str) -> Reply:
        """Return the error of a caller without a role."""
        message = (
            f"The client '{'0' * 36}' with object id '{'0' * 36}' does not have authorization to perform action"
            f" '{right}' over scope '/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/{what}' or the scope is"
            " invalid. If access was recently granted, please refresh your credentials."
        )
        return _error(403, "AuthorizationFailed", message)

    def _zone(self, method: str, subscription: str, group: str, *name: str) -> Reply:
        right = "write" if method == "PUT" else "read"
        self.need(f"Microsoft.Network/dnszones/{right}", *(name or [group]))
        self._of(None, subscription, group)
        if method == "PUT":
            self._sets.setdefault(name[0], {})
            return _json({"name": name[0], "properties": {"nameServers": []}})
        return _json({"value": [{"name": zone} for zone in self._sets]})

    def _of(self, zone: str | None, subscription: str, group: str) -> dict[tuple[str, str], dict[str, Any]]:
        if subscription != SUBSCRIPTION:
            raise RefusalError(_error(404, "SubscriptionNotFound", f"The subscription '{subscription}' was not found."))
        if group.lower() != GROUP:
            raise RefusalError(_error(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found."))
        found = {name.lower(): sets for name, sets in self._sets.items()}
        if zone is not None and zone not in found:
            message = f"The Resource 'Microsoft.Network/dnszones/{zone}' under resource group '{group}' was not found."
            raise RefusalError(_error(404, "ResourceNotFound", message))
        return found.get(zone or "", {})

    def _list(self, request: Request, sets: dict[tuple[str, str], dict[str, Any]]) -> Reply:
        size, start = min(request.whole("top", PAGE), 500), request.whole("skiptoken", 0)
        found: dict[str, Any] = {"value": [_shown(*key, of) for key, of in sorted(sets.items())[start : start + size]]}
        if start + size < len(sets):
            query = f"$top={size}&$skipToken={start + size}&api-version=2018-05-01"
            found["nextLink"] = f"{self.url}/{'/'.join(request.parts)}?{query}"
        return _json(found)

    def _record(self, request: Request, sets: dict[tuple[str, str], dict[str, Any]], name: str, kind: str) -> Reply:
        etag = _etag(sets[name, kind]) if (name, kind) in sets else None
        if (request.match and request.match != etag) or (request.none_match == "*" and etag):
            message = "The condition in the If-Match or If-None-Match header was not satisfied."
            raise RefusalError(_error(412, "PreconditionFailed", message))
        if request.method == "DELETE":
            return Reply(200 if sets.pop((name, kind), None) else 204)
        others = {other for at, other in sets if at == name and other != kind}
        if "CNAME" in others or (kind == "CNAME" and others):
            message = "The record could not be created because a CNAME record with the same name already exists."
            raise RefusalError(_error(400, "BadRequest", message))
        properties = json.loads(request.body)["properties"]
        self._store(name, kind, {"targetResource": {}, **properties})
        return _json(_shown(name, kind, sets[name, kind]), 201)

    def _store(self, name: str, kind: str, properties: dict[str, Any]) -> None:
        zones = {zone.lower(): zone for zone in self._sets}
        zone = zone_of(name.lower(), zones)
        self._sets[zones[zone]][name.lower(), kind] = {**properties, "fqdn": f"{name}.", "zone": zone}


def _shown(name: str, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(properties)
    relative = name.removesuffix(found.pop("zone")).removesuffix(".") or "@"
    etag = _etag(properties)
    return {"name": relative, "type": f"Microsoft.Network/dnszones/{kind}", "etag": etag, "properties": found}


def _etag(properties: dict[str, Any]) -> str:
    """Return what changes with a record set: Azure has a UUID, and each write makes another."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(properties, sort_keys=True)))


def _values(kind: str, properties: dict[str, Any]) -> list[str]:
    if target := properties["targetResource"].get("id"):
        return [f"alias {target}"]
    found = properties.get(_KEYS[kind][0], [])
    if kind == "TXT":
        return ["".join(each["value"]) for each in found]
    return [" ".join(map(str, each.values())) for each in ([found] if isinstance(found, dict) else found)] or [""]


def _json(found: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, json.dumps(found).encode())


def _error(status: int, code: str, message: str) -> Reply:
    return _json({"error": {"code": code, "message": message}}, status)
