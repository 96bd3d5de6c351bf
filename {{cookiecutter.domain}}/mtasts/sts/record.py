"""The TXT record of RFC 8461 §3.1 (`_mta-sts`), and the form that it shares with RFC 8460's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mtasts.findings import quote
from mtasts.sts.policy import Policy

SPACE = " \t"
_BLANK = re.compile(r"(v=\w+)[ \t]*;")  # RFC 8461 §3.1: blanks may surround a `;`. The prose says `v=STSv1;`
_EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+")


class RecordError(ValueError):
    """A TXT value is no valid record. position: where in the text, in characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(f"at character {position + 1}: {message}")


@dataclass(frozen=True)
class StsRecord:
    """The record at `_mta-sts.<domain>`: it tells senders by its id that the policy changed."""

    id: str

    PREFIX = "v=STSv1;"

    @classmethod
    def parse(cls, txt: str) -> StsRecord:
        """Read one TXT value, its strings joined. Of a repeated id the first counts. Raises RecordError."""
        for position, field in fields(txt, cls.PREFIX):
            if not field.startswith("id="):
                continue
            if not re.fullmatch("[A-Za-z0-9]{1,32}", field[3:]):
                raise RecordError(f"id {quote(field[3:])} is not 1 to 32 letters and digits", position + 3)
            return cls(field[3:])
        raise RecordError("the id is missing", len(txt))

    @classmethod
    def select(cls, txts: Iterable[str]) -> StsRecord | None:
        """Return the record in force among a name's TXT values: the only one that begins as a record, if valid."""
        records = in_force(txts, cls.PREFIX)
        try:
            return cls.parse(records[0]) if len(records) == 1 else None
        except RecordError:
            return None

    def render(self) -> str:
        """Return the TXT value to publish."""
        return f"{self.PREFIX} id={self.id};"


def policy_id(policy: Policy) -> str:
    """Return the id of a policy: the first 32 hex digits of the SHA-256 of its text.

    It changes exactly when the policy does, and anyone can tell from DNS which policy is meant.
    """
    return _policy_id(policy.render())


@lru_cache(maxsize=1024)
def _policy_id(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def in_force(txts: Iterable[str], prefix: str) -> list[str]:
    """Return the TXT values that count as records: those that begin with a prefix such as `v=STSv1;`.

    If there is none, those with a blank before that `;`: the ABNF allows it and the prose discards it (erratum 6285).
    """
    found = list(txts)
    return [txt for txt in found if txt.startswith(prefix)] or [txt for txt in found if _version(txt) == prefix]


def is_doubtful(txt: str, prefix: str) -> bool:
    """Tell whether only some senders read a value as a record: it has a blank before its first `;`."""
    return not txt.startswith(prefix) and _version(txt) == prefix


def _version(txt: str) -> str:
    """Return how a value begins up to its first `;`, without blanks before that; empty if it is no record's."""
    begins = _BLANK.match(txt)
    return f"{begins[1]};" if begins else ""


def fields(txt: str, prefix: str, uris: bool = False) -> list[tuple[int, str]]:
    """Split a record behind its version, with each field's position. One `;` may end it. Raises RecordError.

    uris: whether a field `rua=` may hold what RFC 8461's own fields may not.
    """
    if _version(txt) != prefix:
        raise RecordError(f"it does not begin with {prefix}", 0)
    found: list[tuple[int, str]] = []
    position = txt.index(";") + 1
    *ended, last = txt[position:].split(";")
    for number, part in enumerate([*ended, last] if last.strip(SPACE) else ended):
        field = part.lstrip(SPACE)
        start = position + len(part) - len(field)
        if number < len(ended):
            field = field.rstrip(SPACE)  # white space at the end belongs to a `;`
        if not _EXTENSION.fullmatch(field) and not (uris and field.startswith("rua=")):
            raise RecordError(f"{quote(field)} is not name=value", start)
        found.append((start, field))
        position += len(part) + 1
    return found
