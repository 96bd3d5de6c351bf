"""policy.yaml as the rest of the toolkit sees it: domains with their policies, reporting, hosting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mtasts.config import schema, yaml_file
from mtasts.config import values as meaning
from mtasts.config.hosting import Hosting, Kind, limits
from mtasts.config.yaml_file import Document, DocumentError
from mtasts.findings import Finding, has_errors
from mtasts.sts.lint import size_fault
from mtasts.sts.policy import Mode, MxPattern, Policy, unique

TTL = 3600  # seconds


@dataclass(frozen=True)
class Domain:
    """A mail domain, in lower case, and the policy that it publishes.

    zone: the DNS zone that holds its records. verification: what proves the domain to Azure Front Door.
    """

    name: str
    policy: Policy
    zone: str
    verification: str | None = None


@dataclass(frozen=True)
class Config:
    """A policy.yaml without errors.

    retired: the domains that publish nothing any more, and whose records are to go. rua: where TLS reports go,
    empty if nowhere. ttl: of the DNS records, in seconds.
    """

    domains: tuple[Domain, ...]
    rua: tuple[str, ...]
    hosting: Hosting
    retired: tuple[Domain, ...] = ()
    ttl: int = TTL


def load(path: Path) -> tuple[Config | None, list[Finding]]:
    """Read a policy.yaml. Returns the config, None where there are errors, and every finding with its place."""
    try:
        config, findings = read(yaml_file.read_text(path))
    except DocumentError as error:
        config, findings = None, [error.finding]
    return config, [finding.at(file=path.as_posix()) for finding in findings]


def read(text: str) -> tuple[Config | None, list[Finding]]:
    """Read the text of a policy.yaml, as `load` does."""
    config, findings = _read(text)
    return config, list(findings)


@lru_cache(maxsize=1)  # a plan reads a draft with errors for its first one, and then for all
def _read(text: str) -> tuple[Config | None, tuple[Finding, ...]]:
    try:
        parsed = yaml_file.parse(text)
    except DocumentError as error:
        return None, (error.finding,)
    config, findings = judge(parsed)
    if config:
        findings += _limits(config, parsed)
    return (None if has_errors(findings) else config), tuple(sorted(findings, key=_place))


def judge(parsed: Document) -> tuple[Config | None, list[Finding]]:
    """Return the config where one can be made, and the findings in no order: all but what its hosting cannot carry."""
    findings = [*parsed.findings, *schema.check(parsed), *meaning.check(parsed)]
    config = None if has_errors(findings) else _config(parsed.data)
    return config, findings + (list(_sizes(config, parsed)) if config else [])


def _limits(config: Config, parsed: Document) -> Iterator[Finding]:
    policies = {domain.name: domain.policy for domain in config.domains}
    keys = {name.lower(): name for name in parsed.data["domains"]}  # as they are written, maybe in other case
    for finding in limits(config.hosting.kind, policies):
        steps = ("domains", keys[finding.domain]) if finding.domain else ("hosting", "kind")
        line, column = parsed.place(steps)
        yield finding.at(line=line, column=column)


def _sizes(config: Config, parsed: Document) -> Iterator[Finding]:
    for policy in dict.fromkeys(domain.policy for domain in config.domains):
        if fault := size_fault(policy):
            line, column = parsed.place(("mx",))
            yield fault.at(line=line, column=column)


def _place(finding: Finding) -> tuple[int, int]:
    return finding.line or 0, finding.column or 0


def _config(data: Mapping[str, Any]) -> Config:
    policies = _policies(data)
    made: dict[bool, list[Domain]] = {False: [], True: []}
    for name, entry in data["domains"].items():
        own, lower = entry or {}, name.lower()
        zone = str(own.get("zone", lower)).lower()
        made[own.get("retired", False)].append(Domain(lower, policies[lower], zone, own.get("verification")))
    hosting = data["hosting"]
    return Config(
        tuple(made[False]),
        tuple(data.get("tls_reporting", {}).get("rua", ())),
        Hosting(**{**hosting, "kind": Kind(hosting["kind"])}),
        tuple(made[True]),
        data.get("dns", {}).get("ttl", TTL),
    )


def _policies(data: Mapping[str, Any]) -> dict[str, Policy]:
    """Return each domain's policy: the one at the top, with what the domain has of its own."""
    made: dict[str, Policy] = {}
    known: dict[tuple[str, int, int], Policy] = {}  # most domains have the one at the top: it is made once, and shared
    for name, own in data["domains"].items():
        values = {**data, **(own or {})}
        mode, max_age, mx = values["mode"], values["max_age"], values.get("mx", ())
        key = mode, max_age, id(mx)
        if key not in known:
            known[key] = Policy(Mode(mode), unique(MxPattern(pattern.lower()) for pattern in mx), max_age)
        made[name.lower()] = known[key]
    return made
