"""Names that a form or a zone file made: it added the zone's name to one that had it already, or that was full."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.sts.names import registrable


def doubled(label: str, domain: str) -> dict[str, str]:
    """Return the names that a form makes of a full name, to which it adds the zone's, and what mends each."""
    return {
        f"{label}.{domain}.{zone}": "The zone's name stands twice in that name, since the form adds it: enter "
        f"{f'{label}.{domain}'.removesuffix(f'.{zone}')} alone."
        for zone in _zones(domain)
    }


def full(name: str, domain: str) -> str | None:
    """Return the name that a target was to be if its final dot was forgotten: then the zone's name was added to it."""
    rests = (name.removesuffix(f".{zone}") for zone in _zones(domain))
    return next((rest for rest in rests if rest != name and "." in rest), None)


def _zones(domain: str) -> Iterator[str]:
    """Yield the zones that a domain may be in: its own, and that of the name that was registered."""
    yield from dict.fromkeys(filter(None, (domain, registrable(domain))))
