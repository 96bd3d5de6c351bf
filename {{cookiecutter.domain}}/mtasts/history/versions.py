"""Many versions of one policy.yaml: a domain's entry that was read in one of them is not read again in the next.

Versions differ by little. So each is cut into the text before the domains, an entry for each domain, and the text
after. Entries that are new are read as a file of their own, between the same lines, by the same parser and rules as any
file. What cannot be cut, or has an error, is read whole.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mtasts.config import model, yaml_file
from mtasts.config.hosting import limits
from mtasts.config.model import Config, Domain
from mtasts.config.values import leads_to
from mtasts.config.yaml_file import Document, DocumentError
from mtasts.findings import Finding, Severity, has_errors

_COMMENT = r" *(?:#[^\n]*)?\n"
_HEAD = re.compile(rf"^domains:{_COMMENT}(?:{_COMMENT})*(?P<indent> +)(?=[A-Za-z0-9])", re.MULTILINE)
_TAIL = re.compile(r"\n(?=[^ #\n])")
_KEY = re.compile(r"([a-z_]+):[ \n]")


class _Frame(NamedTuple):
    """The text around the entries. indent: of each entry."""

    head: str
    indent: str
    tail: str

    def text(self, entries: Sequence[str]) -> str:
        """Return the text of a file with these entries."""
        return self.head + "".join(f"{entry}\n" for entry in entries) + self.tail

    def name(self, entry: str) -> str:
        """Return the name of an entry's domain, as it is written."""
        return entry[len(self.indent) :].partition(":")[0]


@dataclass
class _Known:
    """What is known of the entries in one frame. config: of the rest of the file."""

    config: Config | None = None
    active: dict[str, Domain] = field(default_factory=dict)
    retired: dict[str, Domain] = field(default_factory=dict)

    def domains(self, entries: Sequence[str]) -> tuple[tuple[Domain, ...], tuple[Domain, ...]]:
        """Return the domains of the entries that are known: the active ones, and those that are retired."""
        active, retired = (tuple(filter(None, map(known.get, entries))) for known in (self.active, self.retired))
        return active, retired


class Versions:
    """Reads versions of one file, one after the other, in any order."""

    def __init__(self) -> None:
        self._known: dict[_Frame, _Known] = {}
        self._shared: dict[Domain, Domain] = {}

    def read(self, content: bytes) -> Config | Finding:
        """Return what `config.model.read` makes of a content: the config, or its first error. Domains are shared."""
        try:
            text = yaml_file.decode(content)
        except DocumentError as error:
            return error.finding
        return self._from_entries(text.replace("\r\n", "\n")) or self._whole(text)

    def _whole(self, text: str) -> Config | Finding:
        config, findings = model.read(text)
        if config is None:
            return next(finding for finding in findings if finding.rule.severity is Severity.ERROR)
        return _without_places(config, self._same(config.domains), self._same(config.retired))

    def _same(self, domains: Sequence[Domain]) -> tuple[Domain, ...]:
        """Return the domains, each as the object that every version shares."""
        return tuple(self._shared.setdefault(domain, domain) for domain in domains)

    def _from_entries(self, text: str) -> Config | None:
        """Return the config by its entries. None if the text cannot be cut, or has an error."""
        frame, entries = _cut(text)
        if frame is None:
            return None
        known = self._known.setdefault(frame, _Known())
        active, retired = known.domains(entries)
        if len(active) + len(retired) < len(entries):
            new = [entry for entry in entries if entry not in known.active and entry not in known.retired]
            if not self._learn(frame, new, known):
                return None
            active, retired = known.domains(entries)
        return _assembled(known.config, active, retired)

    def _learn(self, frame: _Frame, entries: Sequence[str], known: _Known) -> bool:
        """Read entries that are new. False if one has an error, or the parser does not see them where they were cut."""
        try:
            document = yaml_file.parse(frame.text(entries))
        except DocumentError:
            return False
        config, findings = model.evaluate(document)
        if config is None or has_errors(findings) or not _is_seen(document, frame, entries):
            return False
        written = {frame.name(entry).lower(): entry for entry in entries}
        known.config = _without_places(config, (), ())
        known.active.update({written[domain.name]: domain for domain in self._same(config.domains)})
        known.retired.update({written[domain.name]: domain for domain in self._same(config.retired)})
        return True


def _cut(text: str) -> tuple[_Frame | None, Sequence[str]]:
    """Cut a text at the keys of `domains`. No frame if it is not written with a line for each."""
    found = _HEAD.search(text)
    if not found or "\r" in text:  # alone it ends a line, too
        return None, ()
    end = _TAIL.search(text, found.end())
    stop = end.end() if end else len(text)
    tail = text[stop:]
    if text[stop - 1] != "\n" or (tail and not _KEY.match(tail)):
        return None, ()
    start, indent = found.start("indent"), found["indent"]
    entries = re.split(rf"\n(?={indent}[A-Za-z0-9])", text[start : stop - 1])
    return _Frame(text[:start], indent, tail), entries


def _is_seen(document: Document, frame: _Frame, entries: Sequence[str]) -> bool:
    """Tell whether the parser saw exactly these entries, where they are cut.

    Then each is between two keys, and means the same between any other two.
    """
    line = frame.head.count("\n") + 1
    places = {}
    for entry in entries:
        places["domains", frame.name(entry)] = line, len(frame.indent) + 1
        line += entry.count("\n") + 1
    seen = {steps: place for steps, place in document.places.items() if len(steps) == 2 and steps[0] == "domains"}
    key = _KEY.match(frame.tail)
    return seen == places and (key is None or document.places.get((key[1],)) == (line, 1))


def _assembled(config: Config | None, active: tuple[Domain, ...], retired: tuple[Domain, ...]) -> Config | None:
    """Return a config with these domains. None if together they have an error."""
    names = {domain.name for domain in (*active, *retired)}
    if config is None or len(names) < len(active) + len(retired) or leads_to(config.hosting.hostname or "", names):
        return None
    if has_errors(limits(config.hosting.kind, {domain.name: domain.policy for domain in active})):
        return None
    return _without_places(config, active, retired)


def _without_places(config: Config, active: tuple[Domain, ...], retired: tuple[Domain, ...]) -> Config:
    """Return a config with these domains, without the places of its keys: nobody asks for those of an old version."""
    return dataclasses.replace(config, domains=active, retired=retired, places={})
