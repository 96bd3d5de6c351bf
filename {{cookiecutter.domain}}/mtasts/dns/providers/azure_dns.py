"""Azure DNS, through octodns-azure."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from types import SimpleNamespace
from typing import Any

from mtasts.dns.providers._text import escaped

PACKAGE = "octodns_azure"
REFUSAL = re.compile(r"\(AuthorizationFailed\)")


def prepare(environment: MutableMapping[str, str]) -> None:
    """Use the subscription of the DNS zones, if they have a separate one. octoDNS reads only one variable."""
    own = environment.get("AZURE_DNS_SUBSCRIPTION_ID", "").strip()
    if own not in ("", "$(AZURE_DNS_SUBSCRIPTION_ID)"):  # an undefined variable, in GitHub and in Azure DevOps
        environment["AZURE_SUBSCRIPTION_ID"] = own


def confine(provider: Any, ours: Callable[[str], bool]) -> None:
    """Let the provider see only records at our names, and change only what is ours."""
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
            # If somebody else has changed the record set since, Azure refuses this.
            if_match=old.etag if old else None,
            if_none_match=None if old else "*",
        )

    def deleted(group: str, zone: str, name: str, kind: str) -> None:
        etag = seen[zone][name, kind].etag
        provider.dns_client.record_sets.delete(group, zone, name, kind, if_match=etag)

    provider._zone_records = records
    # octoDNS's methods leave out the metadata of a record set, which would be lost.
    provider._apply_Create = provider._apply_Update = written
    provider._delete_record = deleted
    # octoDNS's method lists the zones of the group, and creates one that is missing or differs only in case.
    provider._check_zone = lambda name, create=False: name  # noqa: ARG005
    # octoDNS's method lists the Traffic Manager profiles of the group. No record of ours has one.
    provider._get_tm_for_dynamic_record = lambda record: None  # noqa: ARG005


def _readable(record: Any) -> Any:
    """Make an alias, an empty record set or a text readable for octoDNS.

    An alias gets its target as value: octoDNS would read it as one of its own Traffic Managers.
    """
    target = getattr(record.target_resource, "id", None)
    record.cname_record = record.cname_record or SimpleNamespace(cname=target or "")
    record.a_records = record.a_records or [SimpleNamespace(ipv4_address="")]  # octoDNS expects addresses
    record.aaaa_records = record.aaaa_records or [SimpleNamespace(ipv6_address="")]
    for kind in ("caa", "mx", "ns", "ptr", "srv", "txt"):
        setattr(record, f"{kind}_records", getattr(record, f"{kind}_records") or [])
    for text in record.txt_records:
        text.value = [escaped("".join(text.value or []))]
    return record
