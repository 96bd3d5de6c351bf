"""Route 53 as its REST API has it (2013-04-01): record sets in hosted zones, changed in batches, all in XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from servers.api import Api, RefusalError, Reply, Request, quoted, unquoted, zone_of

XMLNS = "https://route53.amazonaws.com/doc/2013-04-01/"
ZONES, RECORDS = 100, 300  # the most on a page
SECRET = "a-secret/of+aws"

Key = tuple[str, str]


@dataclass
class RecordSet:
    """A record set. alias: the XML of what it points to in AWS, in place of values and a TTL."""

    ttl: int = 0
    values: list[str] = field(default_factory=list)
    alias: str = ""


@dataclass
class HostedZone:
    """A hosted zone, and its record sets by name (without a final dot) and type."""

    name: str
    private: bool
    sets: dict[Key, RecordSet] = field(default_factory=dict)


class Route53(Api):
    """An account. names: the only names whose records its caller may change, where not None (a condition of IAM)."""

    provider = "route53"
    RIGHTS = frozenset(
        f"route53:{right}" for right in ("ListHostedZones", "ListResourceRecordSets", "ChangeResourceRecordSets")
    )

    def __init__(self) -> None:
        super().__init__()
        self._zones: dict[str, HostedZone] = {}  # by id
        self.names: set[str] | None = None
        self.environment = {
            "AWS_ENDPOINT_URL_ROUTE_53": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",  # only for the other endpoint: AWS's own needs none
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def add_zone(self, zone: str, private: bool = False) -> None:
        """Make a hosted zone. private: one that a VPC alone sees."""
        self._zones[f"Z{len(self._zones):03}"] = HostedZone(zone, private)

    def clear(self) -> None:
        """Forget all zones."""
        self._zones.clear()

    def zones(self) -> list[str]:
        """Return the names of all hosted zones."""
        return sorted(zone.name for zone in self._zones.values())

    def put(self, name: str, kind: str, values: list[str], ttl: int = 3600) -> None:
        """Write a record set."""
        self._at(name)[name, kind] = RecordSet(
            ttl, [_octal(quoted(value)) for value in values] if kind == "TXT" else values
        )

    def alias(self, name: str, kind: str) -> None:
        """Write an alias to a CloudFront distribution."""
        parts = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d111.cloudfront.net.", "EvaluateTargetHealth": "false"}
        self._at(name)[name, kind] = RecordSet(alias=_xml("AliasTarget", **parts))

    def all(self) -> list[str]:
        """Return the records of all public zones."""
        return sorted(
            f"{name} {found.ttl} {kind} {_plain(kind, value)}"
            for zone in self._zones.values()
            if not zone.private
            for (name, kind), found in zone.sets.items()
            for value in found.values or [found.alias]
        )

    def answer(self, request: Request) -> Reply:
        """Take the path apart: /2013-04-01/hostedzone[/ID/rrset]"""
        _, kind, *rest = request.parts
        if SECRET in request.credential:
            raise AssertionError("The secret itself went over the wire.")
        if kind == "healthcheck":
            self.need("route53:ListHealthChecks", "*")
            return _reply(_xml("ListHealthChecksResponse", HealthChecks=[], IsTruncated="false", MaxItems="100"))
        if not rest:
            return self._create(request) if request.method == "POST" else self._list_zones(request)
        if request.method == "POST":
            return self._change(request, rest[0])
        self.need("route53:ListResourceRecordSets", rest[0])
        return self._list_sets(request, self._zones[rest[0]])

    def denied(self, right: str, what: str) -> Reply:
        """Return the error of a caller without a policy."""
        message = (
            f"User: arn:aws:iam::123456789012:user/mtasts is not authorized to perform: {right} on resource:"
            f" arn:aws:route53:::hostedzone/{what} because no identity-based policy allows the {right} action"
        )
        return _error(403, "AccessDenied", message)

    def _list_zones(self, request: Request) -> Reply:
        self.need("route53:ListHostedZones", "*")
        keys = [key for key in sorted(self._zones) if key >= request.query.get("marker", "")]
        shown = [
            _xml(
                "HostedZone",
                Id=f"/hostedzone/{key}",
                Name=f"{self._zones[key].name}.",
                CallerReference=key,
                Config=[f"<PrivateZone>{str(self._zones[key].private).lower()}</PrivateZone>"],
            )
            for key in keys[:ZONES]
        ]
        more = {"NextMarker": keys[ZONES]} if len(keys) > ZONES else {}
        return _reply(_xml("ListHostedZonesResponse", HostedZones=shown, **_cut(len(keys) > ZONES, ZONES), **more))

    def _create(self, request: Request) -> Reply:
        self.need("route53:CreateHostedZone", "*")
        self.add_zone(_text(ET.fromstring(request.body), "Name").rstrip("."))
        return _error(500, "InternalError", "The stand-in makes no more of it.")

    def _list_sets(self, request: Request, zone: HostedZone) -> Reply:
        keys = sorted(zone.sets, key=lambda key: (key[0].split(".")[::-1], key[1]))
        first = (request.query.get("name", "").rstrip("."), request.query.get("type", ""))
        keys = keys[keys.index(first) :] if first[0] else keys
        shown = [_record_set(*key, zone.sets[key]) for key in keys[:RECORDS]]
        more: dict[str, Any] = {}
        if len(keys) > RECORDS:
            more = {"NextRecordName": f"{keys[RECORDS][0]}.", "NextRecordType": keys[RECORDS][1]}
        response = "ListResourceRecordSetsResponse"
        return _reply(_xml(response, ResourceRecordSets=shown, **_cut(len(keys) > RECORDS, RECORDS), **more))

    def _change(self, request: Request, zone: str) -> Reply:
        changes = list(ET.fromstring(request.body).iter(f"{{{XMLNS}}}Change"))
        names = [_text(change, "Name").rstrip(".") for change in changes]
        for name in names:
            self.need("route53:ChangeResourceRecordSets", name)
            if self.names is not None and name not in self.names:
                raise RefusalError(self.denied("route53:ChangeResourceRecordSets", zone))
        made = dict(self._zones[zone].sets)
        for name, change in zip(names, changes, strict=True):
            _apply(made, _text(change, "Action"), (name, _text(change, "Type")), change)
        self._zones[zone].sets = made  # all of a batch, or nothing
        info = {"Id": "/change/C1", "Status": "PENDING", "SubmittedAt": "2026-11-25T00:00:00Z"}
        inside = [f"<{key}>{value}</{key}>" for key, value in info.items()]
        return _reply(_xml("ChangeResourceRecordSetsResponse", ChangeInfo=inside))

    def _at(self, name: str) -> dict[Key, RecordSet]:
        zones = {zone.name: zone for zone in self._zones.values() if not zone.private}
        return zones[zone_of(name, zones)].sets


def _apply(sets: dict[Key, RecordSet], action: str, key: Key, change: ET.Element) -> None:
    values = [str(value.text) for value in change.iter(f"{{{XMLNS}}}Value")]
    old, new = sets.get(key), RecordSet(int(_text(change, "TTL") or 0), values)
    shown = f"[name='{key[0]}.', type='{key[1]}']"
    if action == "DELETE":
        if old is None or (not old.alias and _of(old, key) != _of(new, key)):
            raise _invalid(f"Tried to delete resource record set {shown} but the values provided do not match")
        del sets[key]
        return
    if action == "CREATE" and old:
        raise _invalid(f"Tried to create resource record set {shown} but it already exists")
    others = {kind for name, kind in sets if name == key[0] and kind != key[1]}
    if "CNAME" in others or (key[1] == "CNAME" and others):
        raise _invalid(f"RRSet of type {key[1]} with DNS name {key[0]}. is not permitted as it conflicts with others")
    sets[key] = new


def _of(found: RecordSet, key: Key) -> tuple[int, list[str]]:
    return found.ttl, sorted(_plain(key[1], value) for value in found.values)


def _invalid(message: str) -> RefusalError:
    return RefusalError(_error(400, "InvalidChangeBatch", message))


def _record_set(name: str, kind: str, found: RecordSet) -> str:
    inside = [found.alias] if found.alias else [f"<TTL>{found.ttl}</TTL>"]
    if not found.alias:
        values = [f"<ResourceRecord><Value>{escape(value)}</Value></ResourceRecord>" for value in found.values]
        inside.append(f"<ResourceRecords>{''.join(values)}</ResourceRecords>")
    head = f"<Name>{escape(name)}.</Name><Type>{kind}</Type>"
    return f"<ResourceRecordSet>{head}{''.join(inside)}</ResourceRecordSet>"


def _plain(kind: str, value: str) -> str:
    """Return a value as DNS has it. A backslash before a semicolon is not part of it (octodns-route53#144)."""
    return unquoted(_without_octal(value)) if kind == "TXT" else value


def _octal(text: str) -> str:
    """Return text as Route 53 shows it: outside of printable ASCII in octal."""
    return re.sub("[^ -~]", lambda found: "".join(f"\\{octet:03o}" for octet in found[0].encode()), text)


def _without_octal(text: str) -> str:
    return re.sub(r"(\\\d{3})+", lambda found: bytes(int(each, 8) for each in found[0].split("\\")[1:]).decode(), text)


def _text(element: ET.Element, name: str) -> str:
    return next((str(found.text) for found in element.iter(f"{{{XMLNS}}}{name}")), "")


def _cut(truncated: bool, most: int) -> dict[str, str]:
    return {"IsTruncated": str(truncated).lower(), "MaxItems": str(most)}


def _xml(element: str, **inside: str | list[str]) -> str:
    """Return an element. Of what is inside it, a text is escaped, and a list holds elements."""
    parts = [f"<{key}>{''.join(of) if isinstance(of, list) else escape(of)}</{key}>" for key, of in inside.items()]
    return f"<{element}>{''.join(parts)}</{element}>"


def _reply(xml: str, status: int = 200) -> Reply:
    name, _, rest = xml[1:].partition(">")
    return Reply(status, f'<?xml version="1.0"?><{name} xmlns="{XMLNS}">{rest}'.encode(), "text/xml")


def _error(status: int, code: str, message: str) -> Reply:
    inside = _xml("Error", Type="Sender", Code=code, Message=message)
    return _reply(f"<ErrorResponse>{inside}<RequestId>1</RequestId></ErrorResponse>", status)
