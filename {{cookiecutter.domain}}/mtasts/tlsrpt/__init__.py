"""SMTP TLS reporting (RFC 8460) as data. It asks nobody."""

from mtasts.tlsrpt.record import TlsRptRecord

__all__ = ["TlsRptRecord"]
