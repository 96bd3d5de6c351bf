"""Update the zones to match policy.yaml, with octoDNS. If one zone fails, the others are still updated."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtasts.dns import providers
from mtasts.dns.recordset import Past
from mtasts.findings import Finding, Rule, Severity, has_errors
from mtasts.findings.report import Report, Section, Table, count
from mtasts.system import credentials

if TYPE_CHECKING:
    from octodns.manager import Manager

ZONE_FAILED = Rule(
    "MTS230",
    "A zone could not be updated",
    Severity.ERROR,
    "octoDNS",
    """The DNS provider refused, did not answer, or does not have the zone; the message quotes its answer. Or the zone
is wrong after the change: a name server silently dropped a record, or somebody else changed the zone at the same time.
The other zones are done. Correct what the message says and run the command again.""",
)
ZONE_FOREIGN = Rule(
    "MTS231",
    "A record that is not ours is in the way",
    Severity.ERROR,
    "octoDNS",
    """At a name that this repository publishes, DNS has a record that the repository did not create: a vendor's report
record, somebody's earlier policy, another service or another type. `publish` left the domain unchanged. A value
belongs to this repository if policy.yaml has it now, or if a revision of this branch had it within the last year
(31557600 seconds, the longest max_age); at `_dnsauth`, every token of Front Door does. So `publish` needs the whole
git history: run `git fetch --unshallow` in a shallow clone, and set `fetch-depth: 0` in a pipeline. Find out what the
record is for. Then remove it by hand, or run `publish` with `--force`, which replaces only what is in the way.""",
)


# Checks domains before they are announced. A domain with an error is left unchanged.
Look = Callable[[Collection[str]], list[Finding]]

_PROVIDER = "dns/provider.yaml"
_COLUMNS = ("change", "name", "TTL", "type", "value")


@dataclass
class Published:
    """What octoDNS would change, or has changed, and the zones that failed."""

    plans: list[tuple[Any, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unplanned: str = ""  # why there is no plan

    def run(self, plans: list[tuple[Any, Any]], **_: object) -> None:
        """Collect octoDNS's plans: octoDNS calls this as a plan output."""
        self.plans += plans

    def report(self) -> Report:
        """Return the report: the changes, or only the failures if something failed before there was a plan."""
        rows = [row for _, plan in self.plans for row in _changes(plan)]
        table = Table(_COLUMNS, rows, f"no plan: {self.unplanned}" if self.unplanned else "no changes")
        sections = [Section(table=table)] if self.plans or not has_errors(self.findings) else []
        return Report(count(self.findings) if self.findings else "", self.findings, sections=sections)


def publish(
    config_file: Path,
    doit: bool,
    force: bool,
    past: Callable[[], Past] = Past,
    look: Look | None = None,
    tokens: Mapping[str, str] | None = None,
    only_remove: bool = False,
) -> Published:
    """Plan all zones, and with doit apply the plans. If a zone fails, that is a finding, and the others go on.

    force: replace records that conflict with ours. past: returns what this repository published before, called only if
    needed. look: called before records are created or changed, but not before they are removed. tokens: Front Door's
    current validation tokens. only_remove: leave every domain unchanged that needs records created or changed.
    Without the provider's credentials there is no plan: with doit this is a finding, otherwise a remark.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # what octoDNS logs is in the plans and the findings
    credentials.hide(os.environ)
    try:
        providers.prepare(os.environ)
        read = _variables(config_file)
        credentials.hide(os.environ, read)
        if missing := [name for name, default in read.items() if default is None and name not in os.environ]:
            return _without(missing, doit)
        if bad := [*_faults(read)]:
            return Published(findings=bad)
        return _published(lambda: _manager(config_file, force, past, tokens or {}), doit, look, only_remove)
    except _StartError as error:
        return Published(findings=[Finding(ZONE_FAILED, str(error))])


class _StartError(Exception):
    """octoDNS cannot start. The message says why, and what to do."""


def _manager(config_file: Path, force: bool, past: Callable[[], Past], tokens: Mapping[str, str]) -> Manager:
    from octodns.manager import Manager  # here, since `explain` lists the rules of this file without octoDNS

    try:
        manager = Manager(str(config_file))
        for each in (manager.providers["policy"], manager.processors["ours"]):
            each.prove(tokens)
        providers.confine(manager.providers["zone"], manager.processors["ours"].names)
    except Exception as error:  # a variable, an option or a package: octoDNS and its providers raise all kinds
        if isinstance(error.__context__, ModuleNotFoundError):
            raise error.__context__ from None
        message = f"octoDNS cannot start: {_reason(error)}. Correct this, and run the command again."
        raise _StartError(message) from None
    manager.processors["ours"].force = force
    manager.processors["ours"].past = past
    return manager


def _published(begin: Callable[[], Manager], doit: bool, look: Look | None, only_remove: bool) -> Published:
    manager = begin()
    ours = manager.processors["ours"]
    ours.only_remove = only_remove
    planned = _plan_all(manager)
    if not doit or not planned.plans:
        return Published(planned.plans, [*planned.findings, *_refusals(ours.refusals)])
    said = look(sorted(ours.made)) if look and ours.made else []
    if look:
        ours.allowed = ours.made.difference(each.domain for each in said if each.rule.severity is Severity.ERROR)
    done = _one_by_one(manager, sorted(_zones(planned)), doit=True)
    again = begin()  # anew, since a provider can remember what it has read
    again.processors["ours"].allowed, again.processors["ours"].only_remove = ours.allowed, only_remove
    left = _one_by_one(again, _zones(done), doit=False)
    wrong = set(_zones(left))
    refused = {**ours.refusals, **again.processors["ours"].refusals}
    findings = [*planned.findings, *said, *done.findings, *left.findings, *map(_unlike_the_plan, sorted(wrong))]
    plans = [(target, plan) for target, plan in done.plans if plan.desired.name not in wrong]
    return Published(plans, [*findings, *_refusals(refused)])


def _plan_all(manager: Manager) -> Published:
    """Return the plans of all zones. If a zone fails, the others are still planned."""
    done = Published()
    manager.plan_outputs = {"collect": done}
    try:
        manager.sync(dry_run=True, force=True)  # force: octoDNS refuses many changes, but OnlyOurs allows only ours
    except Exception:  # providers raise all kinds; the next line finds out which zone failed
        return _one_by_one(manager, manager.providers["policy"].list_zones(), doit=False)
    return done


def _zones(found: Published) -> list[str]:
    return [plan.desired.name for _, plan in found.plans]


def _unlike_the_plan(zone: str) -> Finding:
    """Return the finding for a zone that still needs changes right after they were applied."""
    message = (
        f"The zone {zone} is not as planned after the change: the name server dropped a record, or somebody else "
        "changed the zone at the same time. Check the records at these names, and run the command again."
    )
    return Finding(ZONE_FAILED, message, domain=zone[:-1])


def _refusals(refused: Mapping[str, str]) -> list[Finding]:
    return [Finding(ZONE_FOREIGN, why, domain=domain) for domain, why in refused.items()]


def _variables(config_file: Path) -> dict[str, str | None]:
    """Return the variables that the provider reads, with their defaults. Remove unset ones from the environment."""
    from octodns.yaml import safe_load

    try:
        with config_file.open(encoding="utf-8") as file:
            read = dict(_read(safe_load(file, enforce_order=False)["providers"]["zone"]))
    except Exception as error:  # an unreadable file, malformed YAML or an unexpected content
        message = f"octoDNS cannot start: {_reason(error)}. Correct the files in dns/, and run the command again."
        raise _StartError(message) from None
    for name in read:
        # GitHub sets an undefined variable to an empty text, Azure DevOps to the name of its macro.
        if os.environ.get(name, "").strip() in ("", f"$({name})"):
            os.environ.pop(name, None)
    return read


def _read(part: Any) -> Iterator[tuple[str, str | None]]:
    """Yield the variables in a part of octoDNS's configuration, as env/NAME or env/NAME/DEFAULT."""
    if isinstance(part, dict):
        for value in part.values():
            yield from _read(value)
    elif isinstance(part, str) and part.startswith("env/"):
        name, slash, default = part[len("env/") :].partition("/")
        yield name, default if slash else None


def _faults(read: Iterable[str]) -> Iterator[Finding]:
    """Yield what is wrong with the variables, before anything uses them that could print them."""
    for name in read:
        if found := fault(os.environ.get(name, "")):
            message = f"{name} {found}. Store it again without that, and run the command again."
            yield Finding(ZONE_FAILED, message, file=_PROVIDER)


def fault(value: str) -> str | None:
    """Return why a variable's value cannot be used, without the value: `contains …`. None if it can.

    A pasted line end would become part of a header, and libraries print a header that they refuse in their errors.
    """
    if _is_clean(value):
        return None
    where = "at its beginning or end" if _is_clean(value.strip()) else "in the middle"
    return f"contains white space, a line break or an invisible character {where}"


def _is_clean(value: str) -> bool:
    return all(char.isprintable() and not char.isspace() for char in value)


def _without(missing: list[str], doit: bool) -> Published:
    names = (re.sub(r"\W", "?", name) for name in missing)  # a branch can write anything in the file
    message = (
        f"Not set: {', '.join(names)}. dns/provider.yaml reads this from the environment for the DNS provider. Set it"
        " in your shell, in GitHub under Settings → Environments, or in Azure DevOps in the variable group mta-sts-dns,"
        " and run the command again."
    )
    if not doit:
        return Published(unplanned=message)
    return Published(findings=[Finding(ZONE_FAILED, message, file=_PROVIDER)])


def _one_by_one(manager: Manager, zones: Iterable[str], doit: bool) -> Published:
    done = Published()
    manager.plan_outputs = {"collect": done}
    for zone in zones:
        before = len(done.plans)
        try:
            manager.sync(eligible_zones=[zone], dry_run=not doit, force=True)
        except Exception as error:
            del done.plans[before:]
            done.findings.append(_failure(zone, error))
    return done


def _failure(zone: str, error: Exception) -> Finding:
    reason = _reason(error).rstrip(".")
    advice = "Grant the rights that README.md lists" if providers.is_refusal(reason) else "Correct this"
    message = f"The zone {zone} could not be updated: {reason}. {advice}, and run the command again."
    return Finding(ZONE_FAILED, message, domain=zone[:-1])


def _reason(error: Exception) -> str:
    # Mask before shortening: a part of a secret is still secret.
    return credentials.masked(" ".join(credentials.masked(str(error)).split()) or type(error).__name__)[:300]


def _changes(plan: Any) -> Iterator[tuple[str, ...]]:
    for change in plan.changes:
        record = change.new or change.existing
        shown = dict.fromkeys(_values(each) for each in (change.existing, change.new) if each)
        yield type(change).__name__.lower(), record.fqdn, str(record.ttl), record._type, " → ".join(shown)


def _values(record: Any) -> str:
    values = getattr(record, "values", None) or [record.value]
    return " ".join(str(value).replace("\\;", ";") for value in values)
