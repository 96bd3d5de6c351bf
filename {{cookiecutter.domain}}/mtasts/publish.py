"""Let octoDNS bring the zones in line with policy.yaml. No zone is left out because another fails."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octodns.manager import Manager
from octodns.yaml import safe_load

from mtasts import providers
from mtasts.findings import Finding
from mtasts.report import markdown, plain
from mtasts.rules import dns as rules
from mtasts.zones import ForeignRecordError


@dataclass
class Published:
    """What octoDNS means to change, or has changed, and the zones that failed."""

    plans: list[tuple[Any, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unplanned: str = ""  # why there is no plan

    def run(self, plans: list[tuple[Any, Any]], **_: object) -> None:
        """Take octoDNS's plans, as a plan output of its."""
        self.plans += plans

    def as_text(self) -> str:
        """Return a line per change."""
        return "\n".join(plain(" ".join(row)) for row in self._rows()) or self._nothing()

    def as_markdown(self) -> str:
        """Return a table with a row per change."""
        rows = [f"| {' | '.join(map(markdown, row))} |" for row in self._rows()]
        head = ["| change | name | TTL | type | value |", "|---|---|---|---|---|"]
        return "\n".join([*head, *rows]) if rows else self._nothing()

    def _rows(self) -> list[tuple[str, ...]]:
        return [row for _, plan in self.plans for row in _changes(plan)]

    def _nothing(self) -> str:
        return f"no plan: {self.unplanned}" if self.unplanned else "no changes"


def publish(config_file: Path, doit: bool, force: bool) -> Published:
    """Plan all zones, and with doit apply. Where one fails, each is done by itself, and the failures are findings.

    Without the provider's credentials there is no plan. That is a finding with doit, and else a remark.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # what octoDNS logs is in the plans and the findings
    try:
        providers.choose_subscription(os.environ)
        if missing := _missing(config_file):
            return _without(missing, doit)
        manager = Manager(str(config_file))
        providers.confine(manager.providers["zone"], manager.processors["ours"].names)
    except Exception as error:  # a variable, an option or a package: octoDNS and its providers raise what they like
        if isinstance(error.__context__, ModuleNotFoundError):
            raise error.__context__ from None
        message = f"octoDNS cannot begin: {_reason(error)}. Correct that, and run this again."
        return Published(findings=[Finding(rules.ZONE_FAILED, message)])
    manager.processors["ours"].force = force
    done = Published()
    manager.plan_outputs = {"collect": done}
    try:
        manager.sync(dry_run=True, force=True)  # octoDNS fears many changes; OnlyOurs knows which are ours
    except Exception:  # providers raise what they like, and the next line finds out which zone it was
        return _one_by_one(manager, doit)
    if doit and done.plans:
        return _one_by_one(manager, doit)
    return done


def _missing(config_file: Path) -> list[str]:
    """Return the variables that the provider needs and that are not set."""
    with config_file.open(encoding="utf-8") as file:
        provider = safe_load(file, enforce_order=False)["providers"]["zone"]
    read = [value.split("/", 2)[1:] for value in provider.values() if str(value).startswith("env/")]
    for name, *_ in read:
        # Of a variable that is not set GitHub makes an empty one, and Azure DevOps one that holds its own macro.
        if os.environ.get(name, "").strip() in ("", f"$({name})"):
            os.environ.pop(name, None)
    return [name for name, *default in read if not default and name not in os.environ]


def _without(missing: list[str], doit: bool) -> Published:
    message = (
        f"Not set: {', '.join(missing)}. The DNS provider needs what dns/provider.yaml reads from the environment."
        " Set it on GitHub under Settings → Environments, in Azure DevOps under Pipelines → this pipeline → Edit →"
        " Variables, and run this again."
    )
    if not doit:
        return Published(unplanned=message)
    return Published(findings=[Finding(rules.ZONE_FAILED, message, file="dns/provider.yaml")])


def _one_by_one(manager: Manager, doit: bool) -> Published:
    done = Published()
    manager.plan_outputs = {"collect": done}
    for zone in manager.providers["policy"].list_zones():
        before = len(done.plans)
        try:
            manager.sync(eligible_zones=[zone], dry_run=not doit, force=True)
        except Exception as error:
            del done.plans[before:]
            done.findings.append(_failure(zone, error))
    return done


def _failure(zone: str, error: Exception) -> Finding:
    if isinstance(error, ForeignRecordError):
        message = f"{error} Remove it, or write over it with --force."
        return Finding(rules.ZONE_FOREIGN, message, domain=zone[:-1])
    reason = _reason(error).rstrip(".")
    advice = "Give the rights that README.md lists" if providers.is_refusal(reason) else "Correct that"
    message = f"The zone {zone} could not be brought in line: {reason}. {advice}, and run this again."
    return Finding(rules.ZONE_FAILED, message, domain=zone[:-1])


def _reason(error: Exception) -> str:
    return _without_secrets(" ".join(str(error).split()) or type(error).__name__)[:300]


def _without_secrets(text: str) -> str:
    for name, value in os.environ.items():
        if re.search("(TOKEN|SECRET|KEY|PASSWORD)$", name) and len(value) > 5:
            text = text.replace(value, "***")
    return text


def _changes(plan: Any) -> Iterator[tuple[str, ...]]:
    for change in plan.changes:
        record = change.new or change.existing
        shown = dict.fromkeys(_values(each) for each in (change.existing, change.new) if each)
        yield type(change).__name__.lower(), record.fqdn, str(record.ttl), record._type, " → ".join(shown)


def _values(record: Any) -> str:
    values = getattr(record, "values", None) or [record.value]
    return " ".join(str(value).replace("\\;", ";") for value in values)
