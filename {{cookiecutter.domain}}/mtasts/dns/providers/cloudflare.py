"""Cloudflare, through octodns-cloudflare."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mtasts.dns.providers._text import escaped, reescaped

PACKAGE = "octodns_cloudflare"
REFUSAL = re.compile("Authentication error|Unauthorized")  # errors 10000 and 9109


def confine(provider: Any, ours: Callable[[str], bool]) -> None:
    """Let the provider see only records at our names, and change only what is ours."""
    read, populate = provider._paginated_get, provider.populate
    update, ask = provider._apply_Update, provider._try_request

    def found(path: str, params: Any = None, per_page: int | None = None) -> list[Any]:
        items = read(path, params, per_page)
        if path != "/zones":
            return [_without_remarks(record) for record in items if ours(record["name"])]
        # If several zones have one name, octoDNS uses the last: this must be the one that the Internet sees.
        public = (zone for zone in items if zone.get("type") != "internal")
        return sorted(public, key=lambda zone: zone.get("status") == "active")

    def populated(zone: Any, target: bool = False, lenient: bool = False) -> bool:
        provider._zone_records.clear()  # read for the plan, before any zone was changed
        populate(zone, target=target, lenient=lenient)
        return zone.name in provider.zones  # octoDNS also returns False for an empty zone

    def updated(change: Any) -> None:
        # octoDNS's method rewrites every record of the set, with one TTL for all and without their comments and tags.
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
    """Return a record without its comment and tags, which octoDNS would remove, and with its text escaped."""
    content = record.get("content", "")
    if record["type"] == "TXT":
        content = reescaped(content) if content.startswith('"') else escaped(content)
    return {**record, "content": content, "comment": None, "tags": []}
