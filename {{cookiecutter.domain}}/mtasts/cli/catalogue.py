"""The rules of all packages, for `explain`, the README and the tests. Each is defined next to its check.

MTS1xx policy file, 2xx DNS, 3xx HTTPS, 4xx MX hosts, 5xx changes.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mtasts.findings import Rule

_ALL = {
    "sts": ("lint", "names", "policy", "policy_lines"),
    "tlsrpt": ("rua",),
    "config": ("hosting", "schema", "values", "yaml_file"),
    "check": (
        *("announcing", "caa", "mx_answers", "mx_hosts", "policy_answers", "policy_host", "steps", "tls_reporting"),
        *("txt_record", "waiting", "walk"),
    ),
    "plan": ("observed", "overrides", "plan", "safety"),
    "dns": ("publish",),
}
_TOOLKIT = Path(__file__).parent.parent
# A repository has only the modules that its answers require.
_MODULES = [
    import_module(f"mtasts.{package}.{name}")
    for package, names in _ALL.items()
    for name in names
    if (_TOOLKIT / package / f"{name}.py").exists()
]


def _collected() -> dict[str, Rule]:
    found = {rule.id: rule for module in _MODULES for rule in vars(module).values() if isinstance(rule, Rule)}
    return dict(sorted(found.items()))


CATALOGUE = _collected()


def explanation(rule: Rule) -> str:
    """Return the full text about a rule."""
    return f"{rule.id}: {rule.title}\n\n{rule.severity.value}, {rule.section}\n\n{rule.explanation}"


def catalogue_table() -> str:
    """Return the Markdown table of all rules."""
    rows = [f"| {rule.id} | {rule.severity.value} | {rule.title} | {rule.section} |" for rule in CATALOGUE.values()]
    return "\n".join(["| rule | severity | what | source |", "|---|---|---|---|", *rows])
