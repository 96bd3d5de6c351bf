"""Cloudflare, through octodns-cloudflare."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mtasts.dns.providers._text import escaped, reescaped

PACKAGE = "octodns_cloudflare"
REFUSAL = re.compile("Authentication error|Unauthorized")  # errors 10000 and 9109


def confine(provider: Any, ours: Callable[[str], bool]) -> None:
    """Let the provider see only records with our names, and change only what is ours."""
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
        content = reescaped(content) if content.startswith('"') else escaped(content)
    return {**record, "content": content, "comment": None, "tags": []}
