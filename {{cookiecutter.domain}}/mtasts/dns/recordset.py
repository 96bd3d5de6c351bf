"""Whose each value of a name in DNS is, and what may become of it: only what this repository made is its to change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

Value = tuple[str, str]  # the type of a record, and one value of it


def canonical(name: str, kind: str, value: str) -> tuple[str, str, str]:
    """Return a value and its name as they are compared: the case of names means nothing (RFC 4343)."""
    return name.lower(), kind, value.lower() if kind == "CNAME" else value


@dataclass(frozen=True)
class Past:
    """What this repository published before. published: name, type and value, in canonical form.

    unknown: why that cannot be told, and what to do; empty where it is known.
    """

    published: Collection[tuple[str, str, str]] = frozenset()
    unknown: str = ""


@dataclass(frozen=True)
class Settled:
    """What a name is to have, by type; and what of others is in the way. If anything is, nothing may change."""

    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_the_way: tuple[Value, ...] = ()


def settle(
    there: Mapping[str, Sequence[str]],
    wanted: Value | None,
    is_ours: Callable[[Value], bool],
    alone: bool,
    force: bool,
) -> Settled:
    """Say what becomes of all that stands at a name.

    there: the values by type. wanted: what this repository publishes at the name, None for nothing any more. alone:
    whether nothing may stand beside it; else others' values can, but for a CNAME. force: replace what is in the way.
    Where nothing is wanted nothing is in the way, so force takes nothing of others either.
    """
    others = [(kind, value) for kind, values in there.items() for value in values if not is_ours((kind, value))]
    in_the_way = [each for each in others if wanted and (alone or each[0] == "CNAME")]
    if in_the_way and not force:
        return Settled(in_the_way=tuple(in_the_way))
    after: dict[str, tuple[str, ...]] = {}
    for kind, value in (each for each in (*others, wanted) if each and each not in in_the_way):
        after[kind] = (*after.get(kind, ()), value)
    return Settled(after)
