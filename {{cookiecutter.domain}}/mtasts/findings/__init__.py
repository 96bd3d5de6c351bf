"""What is wrong, where, and by which rule: every verb reports findings."""

from mtasts.findings.finding import Finding, Rule, Severity, UserError, WrongUseError, has_errors, listed, quote

__all__ = ["Finding", "Rule", "Severity", "UserError", "WrongUseError", "has_errors", "listed", "quote"]
