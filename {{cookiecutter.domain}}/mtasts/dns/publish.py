"""Let octoDNS bring the zones in line with policy.yaml. No zone is left out because another fails."""

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
    "A zone could not be brought in line",
    Severity.ERROR,
    "octoDNS",
    """The DNS provider refused, did not answer, or does not have the zone. The message has its own words. Or after the
change the zone is not as it should be: a name server dropped a record in silence, or someone else changed it at the
same time. The other zones are done; running this again completes it.""",
)
ZONE_FOREIGN = Rule(
    "MTS231",
    "A record that is not ours stands in the way",
    Severity.ERROR,
    "octoDNS",
    """At one of the names that this repository publishes stands a record that it did not make: a vendor's record for
reports, an earlier policy of somebody else's, another service, another type. The domain was left as it is. A value is
this repository's if policy.yaml gives it now, or if a revision of this branch gave it within the last year (31557600
seconds, the longest max_age); at `_dnsauth` any token of Front Door is. So `publish` needs the whole git history: in a
shallow clone run `git fetch --unshallow`, and set `fetch-depth: 0` in a pipeline. Remove the record by hand, or run
`publish` with `--force` once you know what it is for: that replaces what is in the way, and nothing else.""",
)


# Says of domains that are to be announced what speaks against it. With an error, a domain is left as it is.
Look = Callable[[Collection[str]], list[Finding]]

_PROVIDER = "dns/provider.yaml"
_COLUMNS = ("change", "name", "TTL", "type", "value")


@dataclass
class Published:
    """What octoDNS means to change, or has changed, and the zones that failed."""

    plans: list[tuple[Any, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unplanned: str = ""  # why there is no plan

    def run(self, plans: list[tuple[Any, Any]], **_: object) -> None:
        """Take octoDNS's plans, as a plan output of its."""
        self.plans += plans

    def report(self) -> Report:
        """Return the report: the changes, but if something failed before there was a plan, the failures alone."""
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
    """Plan all zones, and with doit apply. Where one fails, each is done by itself, and the failures are findings.

    force: replace what is in the way of our records. past: what this repository published before, asked for if it is
    needed. look: asked before a record is made or changed, but not before one is removed. tokens: what proves domains
    to Front Door now. only_remove: leave every domain as it is that has records to be made or changed.
    Without the provider's credentials there is no plan. That is a finding with doit, and else a remark.
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
    except _BeginError as error:
        return Published(findings=[Finding(ZONE_FAILED, str(error))])


class _BeginError(Exception):
    """octoDNS does not take its configuration. The message says why, and what to do."""


def _manager(config_file: Path, force: bool, past: Callable[[], Past], tokens: Mapping[str, str]) -> Manager:
    from octodns.manager import Manager  # here, since `explain` lists the rules of this file without octoDNS

    try:
        manager = Manager(str(config_file))
        for each in (manager.providers["policy"], manager.processors["ours"]):
            each.prove(tokens)
        providers.confine(manager.providers["zone"], manager.processors["ours"].names)
    except Exception as error:  # a variable, an option or a package: octoDNS and its providers raise what they like
        if isinstance(error.__context__, ModuleNotFoundError):
            raise error.__context__ from None
        message = f"octoDNS cannot begin: {_reason(error)}. Correct that, and run this again."
        raise _BeginError(message) from None
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
    """Return the plans of all zones. Where a zone fails, the others are planned all the same."""
    done = Published()
    manager.plan_outputs = {"collect": done}
    try:
        manager.sync(dry_run=True, force=True)  # octoDNS fears many changes; OnlyOurs knows which are ours
    except Exception:  # providers raise what they like, and the next line finds out which zone it was
        return _one_by_one(manager, manager.providers["policy"].list_zones(), doit=False)
    return done


def _zones(found: Published) -> list[str]:
    return [plan.desired.name for _, plan in found.plans]


def _unlike_the_plan(zone: str) -> Finding:
    """Return the finding for a zone in which there is something left to do right after it was done."""
    message = (
        f"The zone {zone} is not as planned after the change: the name server did not take a record, or someone else "
        "changed it at the same time. See what stands at these names, and run this again."
    )
    return Finding(ZONE_FAILED, message, domain=zone[:-1])


def _refusals(refused: Mapping[str, str]) -> list[Finding]:
    return [Finding(ZONE_FOREIGN, why, domain=domain) for domain, why in refused.items()]


def _variables(config_file: Path) -> dict[str, str | None]:
    """Return the variables that the provider reads, and the default of each. Those that are not set are taken away."""
    from octodns.yaml import safe_load

    try:
        with config_file.open(encoding="utf-8") as file:
            read = dict(_read(safe_load(file, enforce_order=False)["providers"]["zone"]))
    except Exception as error:  # of reading, of YAML, or of what a person has written there
        raise _BeginError(f"octoDNS cannot begin: {_reason(error)}. Correct dns/, and run this again.") from None
    for name in read:
        # Of a variable that is not set GitHub makes an empty one, and Azure DevOps one that holds its own macro.
        if os.environ.get(name, "").strip() in ("", f"$({name})"):
            os.environ.pop(name, None)
    return read


def _read(part: Any) -> Iterator[tuple[str, str | None]]:
    """Yield the variables that stand in a part of octoDNS's configuration, as env/NAME or env/NAME/DEFAULT."""
    if isinstance(part, dict):
        for value in part.values():
            yield from _read(value)
    elif isinstance(part, str) and part.startswith("env/"):
        name, slash, default = part[len("env/") :].partition("/")
        yield name, default if slash else None


def _faults(read: Iterable[str]) -> Iterator[Finding]:
    """Yield what is wrong with the variables, before anything is done with them that could print them."""
    for name in read:
        if found := fault(os.environ.get(name, "")):
            message = f"{name} {found}. Store it again without, and run this again."
            yield Finding(ZONE_FAILED, message, file=_PROVIDER)


def fault(value: str) -> str | None:
    """Return what keeps a variable's value from being used, without the value: `holds …`. None if nothing does.

    A pasted line end would become part of a header, and libraries put a header that they refuse into their errors.
    """
    if _is_clean(value):
        return None
    where = "at its beginning or end" if _is_clean(value.strip()) else "within it"
    return f"holds white space, a line end or a character that does not show, {where}"


def _is_clean(value: str) -> bool:
    return all(char.isprintable() and not char.isspace() for char in value)


def _without(missing: list[str], doit: bool) -> Published:
    names = (re.sub(r"\W", "?", name) for name in missing)  # a branch can write anything there
    message = (
        f"Not set: {', '.join(names)}. The DNS provider needs what dns/provider.yaml reads from the environment."
        " Set it on GitHub under Settings → Environments, in Azure DevOps in the variable group mta-sts-dns, and"
        " run this again."
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
    advice = "Give the rights that README.md lists" if providers.is_refusal(reason) else "Correct that"
    message = f"The zone {zone} could not be brought in line: {reason}. {advice}, and run this again."
    return Finding(ZONE_FAILED, message, domain=zone[:-1])


def _reason(error: Exception) -> str:
    # Masked before it is cut: a part of a secret is one, too.
    return credentials.masked(" ".join(credentials.masked(str(error)).split()) or type(error).__name__)[:300]


def _changes(plan: Any) -> Iterator[tuple[str, ...]]:
    for change in plan.changes:
        record = change.new or change.existing
        shown = dict.fromkeys(_values(each) for each in (change.existing, change.new) if each)
        yield type(change).__name__.lower(), record.fqdn, str(record.ttl), record._type, " → ".join(shown)


def _values(record: Any) -> str:
    values = getattr(record, "values", None) or [record.value]
    return " ".join(str(value).replace("\\;", ";") for value in values)
