"""Many versions of one policy.yaml, read at once: what stands in many of them is read but once.

Versions differ by little, so each is cut into blocks, one per domain. What stands in many blocks is judged once, in a
sample: a file with one block for each, read by the same parser and rules as any other. Whatever cannot be cut, or has
an error, is read whole.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import NamedTuple

from mtasts.config import model, yaml_file
from mtasts.config.hosting import limits
from mtasts.config.model import Config, Domain
from mtasts.config.values import leads_to
from mtasts.config.yaml_file import Document, DocumentError
from mtasts.findings import Finding, Severity, has_errors
from mtasts.history.cut import Cut, Shell, cut_again, cut_up
from mtasts.sts.names import domain_fault
from mtasts.sts.policy import Policy


class _Own(NamedTuple):
    """What a block gives its domain. zone: None where it is the domain itself."""

    policy: Policy
    zone: str | None
    verification: str | None
    retired: bool


@dataclass
class _Known:
    """What is known of the blocks in a shell. empty: its config, but for the domains; retired: which blocks are."""

    empty: Config
    domains: dict[str, Domain] = field(default_factory=dict)
    policies: dict[str, tuple[str, Policy]] = field(default_factory=dict)  # with the domain's name
    retired: set[str] = field(default_factory=set)


def read(contents: Iterable[bytes]) -> list[Config | Finding]:
    """Return what config.load makes of each content: the config, or the first error. Domains are shared."""
    return _Reader().read(contents)


class _Reader:
    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._domains: dict[Domain, Domain] = {}
        self._named: dict[str, bool] = {}
        self._last: tuple[Cut, str] | None = None

    def read(self, contents: Iterable[bytes]) -> list[Config | Finding]:
        cuts = [self._cut_or_read(content) for content in contents]
        blocks: dict[Shell, dict[str, bool]] = {}  # each block, and whether it is new in the last version
        for cut in cuts:
            if isinstance(cut, Cut):
                held = blocks.setdefault(cut.shell, {})
                held.update(dict.fromkeys(cut.blocks, False) if cut is not cuts[-1] else _new(cut, held))
        known = {shell: self._learn(shell, held, len(cuts)) for shell, held in blocks.items()}
        return [self._assemble(cut, known[cut.shell]) if isinstance(cut, Cut) else cut for cut in cuts]

    def _cut_or_read(self, content: bytes) -> Cut | Config | Finding:
        try:
            text = yaml_file.decode(content)
        except DocumentError as error:
            return error.finding
        return self._cut(text.replace("\r\n", "\n") if "\r" in text else text) or self._whole(text)

    def _cut(self, text: str) -> Cut | None:
        if "\r" in text:  # alone it ends a line too, and would make one of two where a line feed follows it now
            return None
        cut = (cut_again(text, *self._last) if self._last else None) or cut_up(text)
        if cut is None:
            return None
        same = self._texts.setdefault
        shared = Cut(Shell(*(same(part, part) for part in cut.shell)), tuple(map(same, cut.blocks, cut.blocks)))
        self._last = shared, text
        return shared

    def _whole(self, text: str) -> Config | Finding:
        config, findings = model.read(text)
        if config is None:
            return next(finding for finding in findings if finding.rule.severity is Severity.ERROR)
        same = self._domains.setdefault
        active, retired = (tuple(map(same, part, part)) for part in (config.domains, config.retired))
        return dataclasses.replace(config, domains=active, retired=retired)

    def _assemble(self, cut: Cut, known: _Known | None) -> Config | Finding:
        return (_assembled(cut.blocks, known) if known else None) or self._whole(cut.text())

    def _learn(self, shell: Shell, blocks: Mapping[str, bool], versions: int) -> _Known | None:
        """Judge the blocks that stand in a shell. None where the shell itself has errors."""
        empty = _empty(shell)
        if empty is None:
            return None
        # What is new in the last version, a draft, may all be bad. Then that is read whole: nothing else is tried.
        old, new = ([block for block, is_new in blocks.items() if is_new is wanted] for wanted in (False, True))
        known, owns = _Known(empty), {**_owns(shell, new, 1, 1), **_owns(shell, old, versions, 64)}
        same = self._domains.setdefault
        for block in blocks:
            own, name = owns.get(shell.key(block)), shell.name(block)
            if own and self._is_name(name):
                domain = Domain(name.lower(), own.policy, own.zone or name.lower(), own.verification)
                known.domains[block] = same(domain, domain)
                known.policies[block] = domain.name, domain.policy
                known.retired |= {block} if own.retired else set()
        return known

    def _is_name(self, name: str) -> bool:
        if name not in self._named:
            self._named[name] = domain_fault(name) is None
        return self._named[name]


def _assembled(blocks: Sequence[str], known: _Known) -> Config | None:
    """Return the config of a cut. None where a block has errors, or together they have."""
    try:
        domains = tuple(map(known.domains.__getitem__, blocks))
    except KeyError:
        return None
    policies = dict(map(known.policies.__getitem__, blocks))
    if len(policies) < len(domains) or leads_to(known.empty.hosting.hostname or "", policies):
        return None
    retired = tuple(known.domains[block] for block in blocks if block in known.retired) if known.retired else ()
    for domain in retired:
        del policies[domain.name]
    if has_errors(limits(known.empty.hosting.kind, policies)):
        return None
    active = tuple(domain for domain in domains if domain.name in policies) if retired else domains
    return dataclasses.replace(known.empty, domains=active, retired=retired)


def _empty(shell: Shell) -> Config | None:
    """Return the config of a shell with a domain that has no errors of its own, without that domain."""
    sample = _sample(shell, [f"{shell.indent}x.example:\n{shell.indent}  mode: none"])
    return dataclasses.replace(sample[0], domains=(), retired=()) if sample else None


def _new(last: Cut, held: Mapping[str, bool]) -> dict[str, bool]:
    return {block: True for block in last.blocks if block not in held}


def _owns(shell: Shell, blocks: Sequence[str], versions: int, patience: int) -> dict[str, _Own]:
    """Return what the blocks of so many versions hold, by their keys. patience: as `_judged` takes it."""
    contents: dict[str, str] = {}
    named: dict[str, list[str]] = {}
    for block in blocks:
        key = shell.key(block)
        if key == block:
            named.setdefault(shell.name(block).lower(), []).append(block)
        else:
            contents.setdefault(key, f"{shell.indent}x{len(contents)}.example:{key}")
    held = _judged(shell, list(contents.values()), patience)
    found = {shell.key(block): own for block, own in held if not own.zone}
    # So that no name stands twice in one sample. More rounds than versions there are only where one has a name twice.
    for together in islice(zip_longest(*named.values()), versions):
        found.update(_judged(shell, [block for block in together if block], patience))
    return found


def _judged(shell: Shell, blocks: Sequence[str], patience: int) -> Iterator[tuple[str, _Own]]:
    """Yield what each block without errors holds, by halves where one among them has an error.

    patience: give up when so many times the text was parsed in vain, else many errors would take many times as long.
    """
    around = len(shell.head) + len(shell.tail)
    left = patience * (around + sum(map(len, blocks)))
    parts = deque([blocks])
    while parts and left > 0:
        part = parts.popleft()
        sample = _sample(shell, part) if part else None
        if sample:
            yield from _held(shell, part, *sample)
            continue
        left -= around + sum(map(len, part))
        half = len(part) // 2
        parts.extend((part[:half], part[half:]) if half else ())


def _held(shell: Shell, blocks: Sequence[str], config: Config, parsed: Document) -> Iterator[tuple[str, _Own]]:
    retired = {domain.name for domain in config.retired}
    domains = {domain.name: domain for domain in (*config.domains, *config.retired)}
    for block in blocks:
        yield block, _own(shell.name(block), domains, retired, parsed)


def _own(name: str, domains: Mapping[str, Domain], retired: set[str], parsed: Document) -> _Own:
    domain = domains[name.lower()]
    zone = domain.zone if "zone" in (parsed.data["domains"][name] or {}) else None
    return _Own(domain.policy, zone, domain.verification, domain.name in retired)


def _sample(shell: Shell, blocks: Sequence[str]) -> tuple[Config, Document] | None:
    """Judge blocks in a shell. None where anything has an error, or the parser did not see what was cut."""
    sample = Cut(shell, tuple(blocks))
    try:
        parsed = yaml_file.parse(sample.text())
    except DocumentError:
        return None
    config, findings = model.judge(parsed)
    if config is None or has_errors(findings) or not sample.is_seen(parsed):
        return None
    return config, parsed
