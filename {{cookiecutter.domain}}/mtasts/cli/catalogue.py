"""The rules of all packages, for `explain`, the README and the tests: each stands beside the check that raises it.

MTS1xx policy file, 2xx DNS, 3xx HTTPS, 4xx MX hosts, 5xx changes.
"""

from __future__ import annotations

from mtasts.check import (
    announcing,
    caa,
    mx_answers,
    mx_hosts,
    policy_answers,
    policy_host,
    steps,
    tls_reporting,
    txt_record,
    waiting,
    walk,
)
from mtasts.config import hosting, schema, values, yaml_file
from mtasts.dns import publish
from mtasts.findings import Rule
from mtasts.plan import observed, overrides, plan, safety
from mtasts.sts import lint, names, policy, policy_lines
from mtasts.tlsrpt import rua

_MODULES = (
    *(lint, names, policy, policy_lines, rua),
    *(hosting, schema, values, yaml_file),
    *(
        announcing,
        caa,
        mx_answers,
        mx_hosts,
        policy_answers,
        policy_host,
        steps,
        tls_reporting,
        txt_record,
        waiting,
        walk,
    ),
    *(observed, overrides, plan, safety),
    publish,
)


def _collected() -> dict[str, Rule]:
    found = {rule.id: rule for module in _MODULES for rule in vars(module).values() if isinstance(rule, Rule)}
    return dict(sorted(found.items()))


CATALOGUE = _collected()


def explanation(rule: Rule) -> str:
    """Return all there is to say about a rule, for people."""
    return f"{rule.id}: {rule.title}\n\n{rule.severity.value}, {rule.section}\n\n{rule.explanation}"


def catalogue_table() -> str:
    """Return the Markdown table of all rules."""
    rows = [f"| {rule.id} | {rule.severity.value} | {rule.title} | {rule.section} |" for rule in CATALOGUE.values()]
    return "\n".join(["| rule | severity | what | stands on |", "|---|---|---|---|", *rows])
