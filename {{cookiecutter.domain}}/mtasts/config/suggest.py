"""A value that passes, for a value of policy.yaml that does not: what was most likely meant, and how it is tried."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from mtasts.config import corrections
from mtasts.config.hosting import Kind
from mtasts.config.schema import UNKNOWN_KEY
from mtasts.config.values import DOMAIN_TWICE
from mtasts.config.yaml_file import Document, OddNumber, Steps, is_number
from mtasts.findings import Finding
from mtasts.findings.suggest import TRIALS, Review, suggest
from mtasts.sts import corrections as sts
from mtasts.sts.lint import MAX_AGE_SENSE, MX_COVERED, MX_DUPLICATE, sensible_max_age
from mtasts.sts.names import domain_fault, is_public_suffix
from mtasts.tlsrpt import corrections as tlsrpt

Located = Sequence[tuple[Steps, Finding]]
Offers = Mapping[Steps, "str | int"]

_MANY, _FEW = 500, 2  # domains, and how many trials are made if there are more: each reads them all
_NO_VALUE_HELPS = (UNKNOWN_KEY, DOMAIN_TWICE, MX_DUPLICATE, MX_COVERED)


def suggested(document: Document, found: Located, review: Callable[[Document], Located]) -> Located:
    """Return the findings of a file with suggestions. review: what is found in a document."""

    def reread(offers: Offers) -> Review[Steps]:
        data = _put(document.data, offers)
        return _reviewed(data, _renamed(review(dataclasses.replace(document, data=data)), offers))

    domains = document.data.get("domains") if isinstance(document.data, dict) else None
    many = isinstance(domains, dict) and len(domains) > _MANY
    return suggest(_reviewed(document.data, found), reread, _FEW if many else TRIALS)


def _reviewed(data: Any, found: Located) -> Review[Steps]:
    return Review(found, lambda steps, finding: _better(data, steps, finding))


def _put(data: Any, offers: Offers) -> Any:
    """Return the data with other values in place. A domain's name is changed unless another has it already."""
    data = copy.deepcopy(data)
    for steps, value in offers.items():
        if not _is_name(steps):
            _at(data, steps[:-1])[steps[-1]] = value
    names = {steps[1]: value for steps, value in offers.items() if _is_name(steps)}
    if names:
        domains: dict[Any, Any] = {}
        for name, own in data["domains"].items():
            better = names.get(name, name)
            domains[name if better in domains or better in data["domains"] else better] = own
        data["domains"] = domains
    return data


def _renamed(found: Located, offers: Offers) -> Located:
    """Return what is found with the ways that the file has, where a domain's name was changed."""
    names = {value: steps[1] for steps, value in offers.items() if _is_name(steps)}

    def as_written(steps: Steps) -> Steps:
        if len(steps) < 2 or steps[0] != "domains":
            return steps
        return "domains", names.get(steps[1], steps[1]), *steps[2:]

    return [(as_written(steps), finding) for steps, finding in found] if names else found


def _is_name(steps: Steps) -> bool:
    return len(steps) == 2 and steps[0] == "domains"


def _better(data: Any, steps: Steps, finding: Finding) -> str | int | None:
    if finding.rule in _NO_VALUE_HELPS:
        return None
    if _is_name(steps):
        return _domain(str(steps[1]))
    key = next((str(step) for step in reversed(steps) if isinstance(step, str)), "")
    value = _at(data, steps)
    if finding.rule is MAX_AGE_SENSE:
        mode = _at(data, (*steps[:-1], "mode")) or _at(data, ("mode",))
        return sensible_max_age(str(mode), value) if key == "max_age" and type(value) is int else None
    if key not in _CORRECTIONS or not isinstance(value, (str, int, OddNumber)) or isinstance(value, bool):
        return None
    better = _CORRECTIONS[key](str(value))
    if isinstance(better, str) and is_number(better):
        return None  # it is text in quotes alone, and a suggestion is to pass however it is put in place
    return None if better == value and type(better) is type(value) else better


def _at(data: Any, steps: Steps) -> Any:
    try:
        return reduce(lambda inner, step: inner[step], steps, data)
    except (KeyError, IndexError, TypeError):
        return None


def _domain(name: str) -> str | None:
    better = sts.domain(name) if domain_fault(name) else ""
    return better if "." in better and not domain_fault(better) and not is_public_suffix(better) else None


def _in_full(name: str) -> str | None:
    """Return a name if it has a dot: the rules take one label, and nobody means it."""
    return name if "." in name else None


def _ttl(text: str) -> int | None:
    number = sts.seconds(text)
    return min(max(int(number), 60), 86_400) if number and len(number) < 12 else None


def _retired(text: str) -> bool | None:
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(text.strip().lower())


_CORRECTIONS: Mapping[str, Callable[[str], str | int | None]] = {
    "version": lambda text: sts.of_policy("version", text),
    "mode": lambda text: sts.of_policy("mode", text),
    "mx": lambda text: sts.of_policy("mx", text),
    "max_age": sts.max_age,
    "rua": lambda text: tlsrpt.rua(text) or None,
    "zone": lambda text: _in_full(sts.domain(text)),
    "retired": _retired,
    "kind": lambda text: sts.word(text, [kind.value for kind in Kind]),
    "name": lambda text: corrections.app_name(text) or None,
    "region": lambda text: corrections.region(text) or None,
    "hostname": lambda text: _in_full(sts.bare_name(text)),
    "ttl": _ttl,
}
