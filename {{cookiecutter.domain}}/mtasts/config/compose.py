"""Entries of domains merged into a policy.yaml. What is there already is neither lost nor changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mtasts.config import model, yaml_file
from mtasts.config.hosting import Kind, limits
from mtasts.config.values import POLICY_KEYS, inherited
from mtasts.config.yaml_edit import EditError, Path, Value, scalar, with_values
from mtasts.findings import Finding, Severity, has_errors, listed, quote
from mtasts.sts.policy import Policy

ADDRESSES = 16  # the most that policy.schema.json takes


@dataclass(frozen=True)
class Entry:
    """What a policy.yaml should say about a domain. rua: where its TLS reports go today."""

    domain: str
    policy: Policy
    rua: tuple[str, ...] = ()


@dataclass(frozen=True)
class Merged:
    """A policy.yaml's text, None if no domain could be taken into a new one.

    kept: domains whose entry was there and stays. notes, refused: by domain, what a person should read about its entry,
    and why it has none.
    """

    text: str | None
    kept: frozenset[str] = frozenset()
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def merged(text: str | None, entries: Sequence[Entry], force: bool) -> Merged:
    """Merge entries into the text of a policy.yaml without errors, or into a new one.

    An entry that is already there stays, and the difference is noted, unless force: then only that entry is replaced. A
    domain that would cause an error in the file is refused, and the others are added.
    """
    refused: dict[str, tuple[str, ...]] = {}
    taken: list[Entry] = list(entries)
    whole = _attempt(text, taken, force)
    if not isinstance(whole, Merged):
        taken = []
        for entry in entries:  # one by one, since one of them must not cost the others
            one = _attempt(text, [*taken, entry], force)
            if isinstance(one, Merged):
                taken.append(entry)
            else:
                refused[entry.domain] = one
        whole = _attempt(text, taken, force)
    if not isinstance(whole, Merged):  # nothing is left
        return Merged(text, refused=refused)
    return Merged(whole.text, whole.kept, whole.notes, refused)


def _attempt(text: str | None, entries: Sequence[Entry], force: bool) -> Merged | tuple[str, ...]:
    """Return the merged file, or why it cannot be merged."""
    if not entries:
        return Merged(text)
    start = new(entries[0], _kind(entries)) if text is None else text
    try:
        found = _Merge(start, entries, force or text is None).result()
    except EditError as error:
        return (f"policy.yaml {error}",)
    errors = [finding for finding in model.read(found.text or "")[1] if finding.rule.severity is Severity.ERROR]
    return tuple(f"With this domain, policy.yaml would not pass lint: {_shown(error)}" for error in errors[:3]) or found


def _shown(finding: Finding) -> str:
    return f"{finding.rule.id} {finding.message}"


def _kind(entries: Sequence[Entry]) -> Kind:
    """Return the first kind of hosting that can carry the domains."""
    policies = {entry.domain: entry.policy for entry in entries}
    return next((kind for kind in Kind if not has_errors(limits(kind, policies))), Kind.WEB_SERVER)


def new(entry: Entry, kind: Kind) -> str:
    """Return the text of a policy.yaml for one domain."""
    policy, domain = entry.policy, entry.domain
    none = [f"# tls_reporting: {{rua: [mailto:tls-reports@{domain}]}}"]
    addresses = ["tls_reporting:", "  rua:", *(f"    - {scalar(uri)}" for uri in entry.rua[:ADDRESSES])]
    lines = [
        "# yaml-language-server: $schema=./policy.schema.json",
        f"version: {policy.version}",
        f"mode: {policy.mode}",
        f"max_age: {policy.max_age}",
        *(["mx:", *(f"  - {scalar(pattern)}" for pattern in policy.mx)] if policy.mx else []),
        "",
        "domains:",
        f"  {scalar(domain)}:",
        "",
        *(addresses if entry.rua else none),
        "",
        "hosting:",
        f"  kind: {kind}",
        f"  # hostname: the name that mta-sts.{domain} points to",
    ]
    return "".join(f"{line}\n" for line in lines)


class _Merge:
    """One merge. values: the values to set, by path; notes: the notes to show, by domain."""

    def __init__(self, text: str, entries: Sequence[Entry], force: bool) -> None:
        self._text, self._force = text, force
        self._data: dict[str, Any] = yaml_file.parse(text).data
        self._names = {name.lower(): name for name in self._data["domains"]}
        self._taken = [entry for entry in entries if force or entry.domain not in self._names]
        self._kept = [entry for entry in entries if entry not in self._taken]
        # If no other domain is in the file, nobody else inherits from its top.
        self._alone = self._names.keys() <= {entry.domain for entry in self._taken}
        self._values: dict[Path, Value] = {}
        self._notes: dict[str, list[str]] = {entry.domain: [] for entry in entries}

    def result(self) -> Merged:
        """Return what comes out. Raises EditError."""
        top = self._set_top() if self._alone else self._data
        for entry in self._taken:
            self._set_entry(entry, top)
        self._set_rua()
        for entry in self._kept:
            self._notes[entry.domain] += _differences(entry, self._entry(entry.domain, self._data), self._rua)
        notes = {domain: tuple(said) for domain, said in self._notes.items()}
        text = with_values(self._text, self._values) if self._values else self._text
        return Merged(text, frozenset(entry.domain for entry in self._kept), notes)

    @property
    def _rua(self) -> list[str]:
        return list((self._data.get("tls_reporting") or {}).get("rua", ()))

    def _entry(self, domain: str, top: Mapping[str, Any]) -> dict[str, Any]:
        """Return a domain's entry with what it has from the top, or would have."""
        return inherited(top, self._data["domains"].get(self._names.get(domain, domain)))

    def _set_top(self) -> Mapping[str, Any]:
        """Write the policy that most of the domains have to the top, as in a repository for one domain."""
        common = Counter(entry.policy for entry in self._taken).most_common(1)[0][0]
        own = [self._data["domains"].get(self._names.get(entry.domain)) or {} for entry in self._taken]
        from_top = {key for key in POLICY_KEYS if not all(key in each for each in own)}
        changed = {key: value for key, value in _changes(common, self._data).items() if key in from_top}
        self._values.update({(key,): value for key, value in changed.items()})
        return {**self._data, **changed}

    def _set_entry(self, entry: Entry, top: Mapping[str, Any]) -> None:
        name = self._names.get(entry.domain, entry.domain)
        now = self._entry(entry.domain, top)
        changed = _changes(entry.policy, now)
        if now.get("retired"):
            changed["retired"] = False
            self._notes[entry.domain].append("It was retired in policy.yaml, and is active again.")
        if self._data["domains"].get(name):
            self._values.update({("domains", name, key): value for key, value in changed.items()})
        elif changed or entry.domain not in self._names:
            self._values["domains", name] = changed or None

    def _set_rua(self) -> None:
        """Take over where reports go, if that concerns no other domain: tls_reporting counts for the whole file."""
        now = self._rua
        owner = next((entry for entry in self._taken if entry.rua), None)
        if self._alone and owner and not set(owner.rua) <= set(now):
            more = [uri for uri in owner.rua if uri not in now][: ADDRESSES - len(now)]
            # Some senders report only to the first address, so those that get the reports today come first.
            wanted = [uri for uri in owner.rua if uri in [*now, *more]] + [uri for uri in now if uri not in owner.rua]
            path: Path = ("tls_reporting", "rua") if now else ("tls_reporting",)
            self._values[path] = wanted if now else {"rua": wanted}
            self._note_rest(owner, wanted)
            now = wanted
        for entry in self._taken:
            if missing := [uri for uri in entry.rua if uri not in now]:
                self._notes[entry.domain].append(_not_taken(missing, full=len(now) == ADDRESSES))

    def _note_rest(self, owner: Entry, now: Sequence[str]) -> None:
        if rest := [quote(uri) for uri in now if uri not in owner.rua]:
            message = (
                f"policy.yaml also sends TLS reports to {listed(rest, ADDRESSES)}. Remove addresses that nobody reads."
            )
            self._notes[owner.domain].append(message)


def _not_taken(addresses: Sequence[str], full: bool) -> str:
    shown = listed(list(map(quote, addresses)), ADDRESSES)
    why = (
        f"tls_reporting accepts at most {ADDRESSES} addresses. Choose which of them to keep"
        if full
        else "tls_reporting applies to every domain in policy.yaml. Add it there if all may report to it"
    )
    return f"Its TLS reports go to {shown} today. This was not added: {why}."


def _changes(policy: Policy, now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a policy that are otherwise now, with the values to write.

    A policy in mode none may lack mx. Then those that are there stay: senders do not read them, and the next mode does.
    """
    mx = [str(pattern) for pattern in policy.mx]
    spelt = {pattern.lower(): pattern for pattern in now.get("mx", ())}
    changed: dict[str, Any] = {"mode": policy.mode} if now["mode"] != policy.mode else {}
    if now["max_age"] != policy.max_age:
        changed["max_age"] = policy.max_age
    wanted = {pattern.lower() for pattern in mx}
    if wanted and wanted != spelt.keys():
        stay = [pattern for lower, pattern in spelt.items() if lower in wanted]
        changed["mx"] = stay + [pattern for pattern in mx if pattern.lower() not in spelt]
    return changed


def _differences(entry: Entry, now: Mapping[str, Any], rua: Collection[str]) -> Iterator[str]:
    """Yield the notes about an entry that stays as it was."""
    told = list(_told(entry, now, rua))
    if now.get("retired"):
        yield "It is retired in policy.yaml, and stays retired. To replace its entry, add --force."
    elif told:
        yield f"Its entry in policy.yaml differs: {'; '.join(told)}. To replace it with what is published, add --force."


def _told(entry: Entry, now: Mapping[str, Any], rua: Collection[str]) -> Iterator[str]:
    for key, value in _changes(entry.policy, now).items():
        if key == "mx":
            yield from _mx_told([str(pattern) for pattern in entry.policy.mx], now.get("mx", ()))
        else:
            yield f"{key} is {now[key]}, but {value} is published"
    if missing := [uri for uri in entry.rua if uri not in rua]:
        yield f"TLS reports also go to {listed(list(map(quote, missing)))} today"


def _mx_told(published: Sequence[str], there: Sequence[str]) -> Iterator[str]:
    only = (
        (published, there, "only published: mx"),
        (there, published, "only in policy.yaml: mx"),
    )
    for these, those, how in only:
        lower = {name.lower() for name in those}
        if names := [quote(name) for name in these if name.lower() not in lower]:
            yield f"{how} {listed(names, 20)}"
