"""Which values at a DNS name this repository may change: only those that it published itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

Value = tuple[str, str]  # the type of a record, and one value of it


def canonical(name: str, kind: str, value: str) -> tuple[str, str, str]:
    """Return a value and its name in a form to compare: names are case-insensitive (RFC 4343)."""
    return name.lower(), kind, value.lower() if kind == "CNAME" else value


@dataclass(frozen=True)
class Past:
    """What this repository published before. published: name, type and value, in canonical form.

    unknown: why that is unknown, and what to do; empty if it is known.
    """

    published: Collection[tuple[str, str, str]] = frozenset()
    unknown: str = ""


@dataclass(frozen=True)
class Settled:
    """The values that a name must have, by type; and other people's values that conflict: then change nothing."""

    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[Value, ...] = ()


def settle(
    there: Mapping[str, Sequence[str]],
    wanted: Value | None,
    is_ours: Callable[[Value], bool],
    alone: bool,
    force: bool,
) -> Settled:
    """Decide what happens to all values at a name.

    there: the values by type. wanted: what this repository publishes at the name, None if nothing any more. alone:
    whether no other value may exist there; otherwise others are fine, except a CNAME. force: replace what conflicts.
    If nothing is wanted, nothing conflicts, so even force removes no one else's value.
    """
    others = [(kind, value) for kind, values in there.items() for value in values if not is_ours((kind, value))]
    conflicts = [each for each in others if wanted and (alone or each[0] == "CNAME")]
    if conflicts and not force:
        return Settled(conflicts=tuple(conflicts))
    after: dict[str, tuple[str, ...]] = {}
    for kind, value in (each for each in (*others, wanted) if each and each not in conflicts):
        after[kind] = (*after.get(kind, ()), value)
    return Settled(after)
