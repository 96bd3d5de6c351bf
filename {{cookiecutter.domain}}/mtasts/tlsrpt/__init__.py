"""SMTP TLS reporting (RFC 8460) as data. No I/O."""

from mtasts.tlsrpt.record import TlsRptRecord

__all__ = ["TlsRptRecord"]
