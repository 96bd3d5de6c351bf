"""octoDNS's providers, confined to our names: they neither read nor do more than publishing a policy needs.

octoDNS manages whole zones. It parses every record before it compares any, so that one which it cannot parse stops all
of them; it makes a zone that it misses; and it looks after what its other features may have left. For that it needs
rights, too. Here the one object that talks to a provider is changed in those places alone; the rest is octoDNS's own.
tests/dns/test_providers.py of the template holds this against octoDNS's classes, at the versions that dns/ takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from octodns.idna import IdnaError, idna_encode
from octodns.record import Create, Delete, Update

Ours = Callable[[str], bool]

_REFUSALS = re.compile(r"\(AuthorizationFailed\)|\(AccessDenied\)|Authentication error|Unauthorized")


def choose_subscription(environment: MutableMapping[str, str]) -> None:
    """Take the subscription of the DNS zones, if they have one of their own. octoDNS knows no second variable."""
    own = environment.get("AZURE_DNS_SUBSCRIPTION_ID", "").strip()
    if own not in ("", "$(AZURE_DNS_SUBSCRIPTION_ID)"):  # what is not set on GitHub, and in Azure DevOps
        environment["AZURE_SUBSCRIPTION_ID"] = own


def is_refusal(reason: str) -> bool:
    """Tell whether a provider said that a right is missing: Azure, Route 53, Cloudflare (errors 10000 and 9109)."""
    return bool(_REFUSALS.search(reason))


def confine(provider: Any, names: Mapping[str, Collection[str]]) -> None:
    """Let a provider see only records with our names. names: by zone, relative to it.

    A provider that is not known here stays as it is: what it does is its own matter, and OnlyOurs guards the rest.
    """
    full = {f"{name}.{zone}".lower() for zone, inside in names.items() for name in inside}

    def ours(name: str) -> bool:
        with suppress(IdnaError):
            return idna_encode(name).rstrip(".") in full
        return False

    packages = {kind.__module__.partition(".")[0] for kind in type(provider).__mro__}
    for package in packages & _CONFINED.keys():
        _CONFINED[package](provider, ours)


def _azure(provider: Any, ours: Ours) -> None:
    from octodns_azure import _AzureRecord

    read = provider._zone_records
    seen: dict[str, dict[tuple[str, str], Any]] = {}  # by zone, then by name and type

    def records(group: str, zone: str, top: int) -> list[Any]:
        found = [_readable(record) for record in read(group, zone, top) if ours(f"{record.name}.{zone}")]
        seen[zone] = {(record.name.lower(), record.type.rpartition("/")[2]): record for record in found}
        return found

    def written(change: Any) -> None:
        record = _AzureRecord(provider._resource_group, change.new)
        old = seen[record.zone_name].get((change.new.name, change.new._type))
        provider.dns_client.record_sets.create_or_update(
            resource_group_name=record.resource_group,
            zone_name=record.zone_name,
            relative_record_set_name=record.relative_record_set_name,
            record_type=record.record_type,
            parameters={**record.params, "metadata": old.metadata if old else None},
            # What somebody else wrote since it was read stays, and this is refused.
            if_match=old.etag if old else None,
            if_none_match=None if old else "*",
        )

    def deleted(group: str, zone: str, name: str, kind: str) -> None:
        etag = seen[zone][name, kind].etag
        provider.dns_client.record_sets.delete(group, zone, name, kind, if_match=etag)

    provider._zone_records = records
    # Its own leaves the metadata of a record set out, and they would be gone.
    provider._apply_Create = provider._apply_Update = written
    provider._delete_record = deleted
    # It lists the zones of the group, and makes one that is not among them, or is written in other case.
    provider._check_zone = lambda name, create=False: name  # noqa: ARG005
    # It lists the Traffic Manager profiles of the group. No record of ours has one.
    provider._get_tm_for_dynamic_record = lambda record: None  # noqa: ARG005


def _readable(record: Any) -> Any:
    """Give octoDNS a record set as it can read it: an alias, an empty one, and text as it is.

    An alias has what it points to as its value: octoDNS takes each for a Traffic Manager of its own.
    """
    target = getattr(record.target_resource, "id", None)
    record.cname_record = record.cname_record or SimpleNamespace(cname=target or "")
    record.a_records = record.a_records or [SimpleNamespace(ipv4_address="")]  # octoDNS takes addresses alone
    record.aaaa_records = record.aaaa_records or [SimpleNamespace(ipv6_address="")]
    for kind in ("caa", "mx", "ns", "ptr", "srv", "txt"):
        setattr(record, f"{kind}_records", getattr(record, f"{kind}_records") or [])
    for text in record.txt_records:
        text.value = [_escaped("".join(text.value or []))]
    return record


def _cloudflare(provider: Any, ours: Ours) -> None:
    read, populate = provider._paginated_get, provider.populate
    update, ask = provider._apply_Update, provider._try_request

    def found(path: str, params: Any = None, per_page: int | None = None) -> list[Any]:
        items = read(path, params, per_page)
        if path != "/zones":
            return [_without_remarks(record) for record in items if ours(record["name"])]
        # Of several zones with one name octoDNS takes the last: that must be the one that the Internet sees.
        public = (zone for zone in items if zone.get("type") != "internal")
        return sorted(public, key=lambda zone: zone.get("status") == "active")

    def populated(zone: Any, target: bool = False, lenient: bool = False) -> bool:
        provider._zone_records.clear()  # as it was read for the plan, before any zone was changed
        populate(zone, target=target, lenient=lenient)
        return zone.name in provider.zones  # octoDNS says no as well if there is a zone and it holds nothing

    def updated(change: Any) -> None:
        # It writes each record of the set again: with one TTL for all, and without the comment and tags of each.
        old, new = ({each["content"] for each in provider._gen_data(of)} for of in (change.existing, change.new))
        kept = old & new if old != new and change.existing.ttl == change.new.ttl else ()

        def asked(method: str, path: str, **options: Any) -> Any:
            if method == "PUT" and options["data"]["content"] in kept:
                return None
            return ask("PATCH" if method == "PUT" else method, path, **options)

        provider._try_request = asked
        try:
            update(change)
        finally:
            provider._try_request = ask

    provider._paginated_get, provider.populate, provider._apply_Update = found, populated, updated


def _without_remarks(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what people noted about it, which octoDNS would take away, and with its text as it is."""
    content = record.get("content", "")
    if record["type"] == "TXT":
        content = _reescaped(content) if content.startswith('"') else _escaped(content)
    return {**record, "content": content, "comment": None, "tags": []}


def _route53(provider: Any, ours: Ours) -> None:
    read, populate = provider._load_records, provider.populate

    def records(zone: str) -> list[Any]:
        return [_text_as_it_is(record) for record in read(zone) if ours(record["Name"])]

    def populated(zone: Any, target: bool = False, lenient: bool = False) -> bool:
        provider._r53_rrsets.clear()  # as it was read for the plan, before any zone was changed
        return bool(populate(zone, target=target, lenient=lenient))

    def update(change: Any, zone: str, existing: Any, collection: Any = None) -> list[Any]:
        # Its own writes over what somebody else wrote since it was read. To name what goes makes Route 53 refuse that.
        key = change.existing.fqdn, change.existing._type
        old = next(record for record in read(zone) if (record["Name"], record["Type"]) == key)
        gone = {"Action": "DELETE", "ResourceRecordSet": old}
        return [gone, *provider._mod_Create(change, zone, existing, collection)]

    provider._load_records, provider.populate, provider._mod_Update = records, populated, update
    # It lists the health checks of the account, to remove old ones of octoDNS. No record of ours has one.
    provider._gc_health_checks = lambda record, new: None  # noqa: ARG005


def _text_as_it_is(record: dict[str, Any]) -> dict[str, Any]:
    if record["Type"] != "TXT":
        return record
    values = [{"Value": _reescaped(value["Value"], "134")} for value in record.get("ResourceRecords", ())]
    return {**record, "ResourceRecords": values}  # AWS counts in octal


def _bind(provider: Any, ours: Ours) -> None:
    read, batches = provider.zone_records, provider._batch_changes

    def records(zone: Any, target: Any) -> list[Any]:
        found = [record for record in read(zone, target) if ours(record.name)]
        for record in found:
            if record._type == "TXT":  # octoDNS undoes a zone file's escapes here
                record.rdata = re.sub(r'\\(["\\])', lambda mark: f"\\\\{ord(mark[1]):03}", record.rdata)
        return found

    provider.zone_records = records
    provider._batch_changes = lambda changes: batches([part for change in changes for part in _parts(change)])


def _parts(change: Any) -> Iterator[Any]:
    """Yield what goes and what comes: octodns-bind would replace the whole set, with what came since it was read."""
    if not isinstance(change, Update) or not all(getattr(change.existing, "values", [True])):
        yield change  # octoDNS cannot name an empty value, which only force takes away
        return
    old, new = change.existing.copy(), change.new.copy()
    if old.ttl == new.ttl and old._type == "TXT":  # else all of it is ours: others' TTL stays
        kept = {*old.values} & {*new.values}
        old.values, new.values = ([value for value in each.values if value not in kept] for each in (old, new))
    yield from (made(record) for made, record in ((Delete, old), (Create, new)) if getattr(record, "values", True))


# Text. octoDNS takes a `"` at the beginning and each `" "` out of a value, as if a zone file had them, and fails on a
# value that ends in a backslash. So both marks become what a zone file may have in their place, a backslash and their
# number. OnlyOurs never writes such a value.


def _escaped(text: str) -> str:
    """Return text in which the marks stand for themselves."""
    return re.sub(r'["\\]', lambda mark: f"\\{ord(mark[0]):03}", text) or '""'


def _reescaped(text: str, number: str = "092") -> str:
    """Return a zone file's text, whose quotation marks have their backslash. number: of a backslash."""
    return text.replace(r"\\", rf"\{number}")


_CONFINED: Mapping[str, Callable[[Any, Ours], None]] = {
    "octodns_azure": _azure,
    "octodns_cloudflare": _cloudflare,
    "octodns_route53": _route53,
    "octodns_bind": _bind,
}
