"""The TXT record of RFC 8460 §3 (`_smtp._tls`)."""

from __future__ import annotations

from dataclasses import dataclass

from mtasts.sts.record import SPACE, RecordError, fields
from mtasts.tlsrpt.rua import rua_fault


@dataclass(frozen=True)
class TlsRptRecord:
    """The record at `_smtp._tls.<domain>`. rua: the URIs that take reports."""

    rua: tuple[str, ...]

    PREFIX = "v=TLSRPTv1;"

    @classmethod
    def parse(cls, txt: str) -> TlsRptRecord:
        """Read one TXT value, its strings joined. Of several rua fields each counts. Raises RecordError."""
        all_fields = fields(txt, cls.PREFIX, uris=True)
        found = [uri for at, field in all_fields if field.startswith("rua=") for uri in _uris(field[4:], at + 4)]
        if not found:
            raise RecordError("rua is missing", len(txt))
        return cls(tuple(found))

    def render(self) -> str:
        """Return the TXT value to publish."""
        return f"{self.PREFIX} rua={','.join(self.rua)};"


def _uris(value: str, position: int) -> tuple[str, ...]:
    # White space belongs to a comma, not to the ends. An expression that says so would take the square of its length.
    first, *others = value.split(",")
    uris = [first, *(uri.lstrip(SPACE) for uri in others)]
    uris = [*(uri.rstrip(SPACE) for uri in uris[:-1]), uris[-1]]
    for uri in uris:
        if fault := rua_fault(uri):
            raise RecordError(fault.message, position + value.index(uri))
    return tuple(uris)
