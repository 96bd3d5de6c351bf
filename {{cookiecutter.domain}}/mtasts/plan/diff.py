"""What a change does, seen from outside: policies, records, reporting, hosting. safety.py tells whether it is safe."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mtasts.config.hosting import Kind
from mtasts.config.model import Config, Domain
from mtasts.dns.records import records_of
from mtasts.history.timeline import published
from mtasts.sts.policy import Mode, Policy
from mtasts.sts.record import policy_id


@dataclass(frozen=True)
class RecordChange:
    """A DNS record that is added (before None), removed (after None) or changed. before and after: TTL and value."""

    name: str
    type: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class DomainChange:
    """What changes for a domain. before and after: None if it publishes no policy.

    listed: whether policy.yaml had an entry for it before, and has one after; a retired domain's is one too.
    """

    name: str
    before: Policy | None
    after: Policy | None
    listed: tuple[bool, bool]
    records: tuple[RecordChange, ...]

    @property
    def enforcing(self) -> bool:
        """Whether the domain moves to enforce."""
        before, after = (policy is not None and policy.mode is Mode.ENFORCE for policy in (self.before, self.after))
        return after and not before

    @property
    def ids(self) -> tuple[str | None, str | None]:
        """The policy's id before and after."""
        before, after = (policy_id(policy) if policy else None for policy in (self.before, self.after))
        return before, after

    @property
    def diff(self) -> list[str]:
        """The served text as lines of a diff, with all that stays."""
        before, after = (policy.render().splitlines() if policy else [] for policy in (self.before, self.after))
        # Not difflib.ndiff, which looks for likeness within the lines, and takes hours for a thousand hosts.
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        return [line for what in matcher.get_opcodes() for line in _diff_lines(what, before, after)]

    @property
    def title(self) -> str:
        """What changes for the domain, in a few words."""
        if self.before and self.after:
            return ", ".join(_differences(self.before, self.after)) or "DNS records"
        if self.after:
            return f"new, mode {self.after.mode}"
        if self.before:
            return "retired" if self.listed[1] else f"removed, was mode {self.before.mode}"
        return {(True, False): "entry deleted", (False, True): "new, retired"}.get(self.listed, "DNS records")


@dataclass(frozen=True)
class Change:
    """All that changes. hosting and reporting: before and after, None if they do not change."""

    domains: tuple[DomainChange, ...]
    hosting: tuple[str, str] | None = None
    reporting: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        return bool(self.domains or self.hosting or self.reporting)


def change(before: Config | None, after: Config) -> Change:
    """Compare what was in force with what will be. before: None if there was no policy.yaml."""
    return Change(
        tuple(_domains(before, after)),
        _pair(_hosting(before) if before else None, _hosting(after)),
        _pair(_reporting(before) if before else None, _reporting(after)),
    )


def moved(before: Config | None, after: Config) -> bool:
    """Tell whether the policies move to another host: another kind of hosting, or another host name than the known."""
    if not before:
        return False
    old, new = before.hosting, after.hosting
    return old.kind is not new.kind or old.hostname not in (None, new.hostname)


def _domains(before: Config | None, after: Config) -> Iterator[DomainChange]:
    old, new = published(before), published(after)
    entries = [{each.name for each in _all(config)} for config in (before, after)]
    for name in dict.fromkeys(domain.name for domain in (*_all(before), *_all(after))):
        listed = name in entries[0], name in entries[1]
        policies = [found[name].policy if name in found else None for found in (old, new)]
        changed = tuple(_records(_of(old.get(name), before), _of(new.get(name), after)))
        if policies[0] != policies[1] or listed[0] != listed[1] or changed:
            yield DomainChange(name, policies[0], policies[1], listed, changed)


def _all(config: Config | None) -> tuple[Domain, ...]:
    return (*config.domains, *config.retired) if config else ()


def _of(domain: Domain | None, config: Config | None) -> dict[tuple[str, str], str]:
    """Return TTL and value of a domain's records, by name and type."""
    if not domain or not config:
        return {}
    # What proves a domain to Front Door is read in Azure by each run, so policy.yaml changes nothing of it.
    fixed = replace(domain, verification=None) if config.hosting.kind is Kind.FRONT_DOOR else domain
    found = records_of(fixed, config)
    return {(record.name, record.type): f"{record.ttl} {record.value}" for record in found}


def _records(old: Mapping[tuple[str, str], str], new: Mapping[tuple[str, str], str]) -> Iterator[RecordChange]:
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield RecordChange(*key, old.get(key), new.get(key))


def _differences(before: Policy, after: Policy) -> Iterator[str]:
    if before.mode is not after.mode:
        yield f"mode {before.mode} to {after.mode}"
    if before.max_age != after.max_age:
        yield f"max_age {before.max_age} to {after.max_age}"
    if before.mx != after.mx:
        old, new = set(before.mx), set(after.mx)
        signs = [f"+{pattern}" for pattern in after.mx if pattern not in old]
        signs += [f"-{pattern}" for pattern in before.mx if pattern not in new]
        yield f"mx {' '.join(signs) or 'in another order'}"


def _diff_lines(what: tuple[str, int, int, int, int], before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    kind, start, end, new_start, new_end = what
    if kind == "equal":
        yield from (f"  {line}" for line in before[start:end])
        return
    yield from (f"- {line}" for line in before[start:end])
    yield from (f"+ {line}" for line in after[new_start:new_end])


def _pair(before: str | None, after: str) -> tuple[str, str] | None:
    return None if before == after else (before or "none", after)


def _hosting(config: Config) -> str:
    hosting = config.hosting
    parts = (hosting.kind, hosting.name, hosting.region, hosting.hostname)
    return " ".join(str(part) for part in parts if part)


def _reporting(config: Config) -> str:
    return ", ".join(config.rua) or "none"
