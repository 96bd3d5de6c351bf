"""MTA-STS (RFC 8461) as data: policies, patterns, records. No I/O."""

from mtasts.sts.policy import MxPattern, Policy, PolicyError
from mtasts.sts.record import RecordError, StsRecord

__all__ = ["MxPattern", "Policy", "PolicyError", "RecordError", "StsRecord"]
