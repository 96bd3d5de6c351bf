"""What is wrong, where, and by which rule: every verb speaks in findings."""

from mtasts.findings.finding import Finding, Rule, Severity, has_errors, listed, quote

__all__ = ["Finding", "Rule", "Severity", "has_errors", "listed", "quote"]
