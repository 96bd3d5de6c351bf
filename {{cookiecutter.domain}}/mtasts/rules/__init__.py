"""The catalogue of rules: MTS1xx policy file, 2xx DNS, 3xx HTTPS, 4xx MX hosts, 5xx changes.

`python -m mtasts explain` and the README's table are made from it.
"""

from __future__ import annotations

from mtasts.findings import Rule
from mtasts.rules import changes, dns, https, mx, policy_file

CATALOGUE: dict[str, Rule] = {
    rule.id: rule
    for module in (policy_file, dns, https, mx, changes)
    for rule in vars(module).values()
    if isinstance(rule, Rule)
}


def explanation(rule: Rule) -> str:
    """Return all there is to say about a rule, for people."""
    return f"{rule.id}: {rule.title}\n\n{rule.severity.value}, {rule.section}\n\n{rule.explanation}"


def catalogue_table() -> str:
    """Return the Markdown table of all rules."""
    rows = [f"| {rule.id} | {rule.severity.value} | {rule.title} | {rule.section} |" for rule in CATALOGUE.values()]
    return "\n".join(["| rule | severity | what | stands on |", "|---|---|---|---|", *rows])
