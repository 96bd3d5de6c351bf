"""policy.yaml as the rest of the toolkit sees it: domains with their policies, reporting, hosting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mtasts.config import schema, values, yaml_file
from mtasts.config.hosting import Hosting, Kind, limits
from mtasts.config.yaml_file import Document, DocumentError, Place, Steps
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
    empty if nowhere. ttl: of the DNS records, in seconds. places: the line and column of each key, by the way to it.
    """

    domains: tuple[Domain, ...]
    rua: tuple[str, ...]
    hosting: Hosting
    retired: tuple[Domain, ...] = ()
    ttl: int = TTL
    places: Mapping[Steps, Place] = field(default_factory=dict, compare=False, repr=False)

    def place(self, domain: str | None = None) -> Place:
        """Return the line and column of a domain's entry; of all of them for a domain that has none."""
        return self.places.get(("domains", self.written.get(domain or "", "")), self.places["domains",])

    @cached_property
    def written(self) -> Mapping[str, str]:
        """Return the name of each domain as the file has it, by its name in lower case."""
        names = (str(steps[1]) for steps in self.places if len(steps) == 2 and steps[0] == "domains")
        return {name.lower(): name for name in names}


def load(path: Path) -> tuple[Config | None, list[Finding]]:
    """Read a policy.yaml. Returns the config, None where there are errors, and every finding with its place."""
    try:
        config, findings = read(yaml_file.read_text(path))
    except DocumentError as error:
        config, findings = None, [error.finding]
    return config, [finding.at(file=path.as_posix()) for finding in findings]


def read(text: str) -> tuple[Config | None, list[Finding]]:
    """Read the text of a policy.yaml, as `load` does."""
    try:
        document = yaml_file.parse(text)
    except DocumentError as error:
        return None, [error.finding]
    config, findings = evaluate(document)
    if config:
        findings += _limits(config)
    return (None if has_errors(findings) else config), sorted(findings, key=_place)


def evaluate(document: Document) -> tuple[Config | None, list[Finding]]:
    """Return the config where one can be made, and the findings in no order: all but what its hosting cannot carry."""
    entries = values.entries(document)
    findings = [*document.findings, *schema.check(document), *values.check(document, entries)]
    if has_errors(findings):
        return None, findings
    config = _config(document, entries)
    return config, [*findings, *_sizes(config)]


def _limits(config: Config) -> Iterator[Finding]:
    policies = {domain.name: domain.policy for domain in config.domains}
    for finding in limits(config.hosting.kind, policies):
        line, column = config.place(finding.domain) if finding.domain else config.places["hosting", "kind"]
        yield finding.at(line=line, column=column)


def _sizes(config: Config) -> Iterator[Finding]:
    for policy in dict.fromkeys(domain.policy for domain in config.domains):
        if fault := size_fault(policy):
            line, column = config.places.get(("mx",), config.places[()])
            yield fault.at(line=line, column=column)


def _place(finding: Finding) -> tuple[int, int]:
    return finding.line or 0, finding.column or 0


def _config(document: Document, entries: Mapping[str, Mapping[str, Any]]) -> Config:
    data = document.data
    policies: dict[tuple[str, int, int], Policy] = {}  # most domains have one and the same
    made: dict[bool, list[Domain]] = {False: [], True: []}
    for name, entry in entries.items():
        key = entry["mode"], entry["max_age"], id(entry.get("mx"))
        if key not in policies:
            policies[key] = _policy(entry)
        zone = str(entry.get("zone", name)).lower()
        domain = Domain(name.lower(), policies[key], zone, entry.get("verification"))
        made[entry.get("retired", False)].append(domain)
    hosting = data["hosting"]
    return Config(
        tuple(made[False]),
        tuple(data.get("tls_reporting", {}).get("rua", ())),
        Hosting(**{**hosting, "kind": Kind(hosting["kind"])}),
        tuple(made[True]),
        data.get("dns", {}).get("ttl", TTL),
        document.places,
    )


def _policy(entry: Mapping[str, Any]) -> Policy:
    mx = unique(MxPattern(pattern.lower()) for pattern in entry.get("mx", ()))
    return Policy(Mode(entry["mode"]), mx, entry["max_age"])
