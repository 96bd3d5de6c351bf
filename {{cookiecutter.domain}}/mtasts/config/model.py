"""policy.yaml as the rest of the toolkit sees it: domains with their policies, reporting, hosting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mtasts.config import schema, suggest, values, yaml_file
from mtasts.config.hosting import Hosting, Kind, limits
from mtasts.config.values import Located
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

    retired: the domains that no longer publish anything, and whose records are removed. rua: where TLS reports go,
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
    """Read a policy.yaml. Returns the config, None if there are errors, and every finding with its place.

    What is wrong has a suggestion, if there is one value that passes.
    """
    try:
        document = yaml_file.parse(yaml_file.read_text(path))
    except DocumentError as error:
        return None, [error.finding.at(file=path.as_posix())]
    config, found = _whole(document)
    findings = _placed(document, suggest.suggested(document, found, lambda other: _whole(other)[1]))
    return config, [finding.at(file=path.as_posix()) for finding in findings]


def read(text: str) -> tuple[Config | None, list[Finding]]:
    """Read the text of a policy.yaml, as `load` does, and suggest nothing."""
    try:
        document = yaml_file.parse(text)
    except DocumentError as error:
        return None, [error.finding]
    config, found = _whole(document)
    return config, _placed(document, found)


def evaluate(document: Document) -> tuple[Config | None, list[Finding]]:
    """Return the config if one can be made, and the findings: all but the limits of its hosting."""
    config, found = _evaluate(document)
    return config, _placed(document, found)


def _evaluate(document: Document) -> tuple[Config | None, list[Located]]:
    entries = values.entries(document)
    checked = [*schema.check(document), *values.check(document, entries)]
    # A list that was written as one key for each item: that they are no lists is no news.
    repeated = {(each.line, each.column) for each in document.findings}
    lists = {steps for steps, _ in checked if steps[-1:] in (("mx",), ("rua",)) and document.place(steps) in repeated}
    found = [(steps, finding) for steps, finding in checked if steps not in lists]
    if has_errors([*document.findings, *(finding for _, finding in found)]):
        return None, found
    config = _config(document, entries)
    return config, [*found, *_sizes(config)]


def _whole(document: Document) -> tuple[Config | None, list[Located]]:
    config, found = _evaluate(document)
    found += _limits(config) if config else ()
    return (None if has_errors(finding for _, finding in found) else config), found


def _placed(document: Document, found: Iterable[Located]) -> list[Finding]:
    """Return all findings in the order of their places: those of YAML, and each of these with its place."""
    placed = list(document.findings)
    for steps, finding in found:
        line, column = document.place(steps)
        domain = str(steps[1]) if len(steps) > 1 and steps[0] == "domains" else None
        placed.append(finding.at(line=line, column=column, domain=domain))
    return sorted(dict.fromkeys(placed), key=_place)


def _limits(config: Config) -> Iterator[Located]:
    policies = {domain.name: domain.policy for domain in config.domains}
    for finding in limits(config.hosting.kind, policies):
        domain = finding.domain
        yield ("domains", config.written.get(domain, domain)) if domain else ("hosting", "kind"), finding


def _sizes(config: Config) -> Iterator[Located]:
    for policy in dict.fromkeys(domain.policy for domain in config.domains):
        if fault := size_fault(policy):
            yield ("mx",), fault


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
