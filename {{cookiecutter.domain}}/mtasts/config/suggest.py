"""A value that passes, for a value of policy.yaml that does not.

Each suggestion has gone through the rules of its key before it is offered, so none is refused when it is put in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import reduce
from typing import Any

from mtasts.config.yaml_file import OddNumber, Steps
from mtasts.findings import Finding
from mtasts.sts import corrections
from mtasts.sts.lint import MAX_AGE_SENSE, value_findings
from mtasts.sts.names import domain_fault, name_fault
from mtasts.sts.policy import VERSION, Mode, policy_host
from mtasts.tlsrpt import corrections as tlsrpt
from mtasts.tlsrpt.rua import rua_fault


def suggested(data: Any, steps: Steps, finding: Finding) -> Finding:
    """Return a finding with a suggestion, if there is one. data: the whole file; steps: the way to the value."""
    return finding if finding.suggestion is not None else finding.offering(_better(data, steps, finding))


def _better(data: Any, steps: Steps, finding: Finding) -> str | int | None:
    key = next((str(step) for step in reversed(steps) if isinstance(step, str)), "")
    if len(steps) == 2 and steps[0] == "domains":
        return _domain(str(steps[1]), data)
    value = _at(data, steps)
    if value is None or isinstance(value, (dict, list)) or key not in _CORRECTIONS:
        return None
    if finding.rule is MAX_AGE_SENSE:
        return _sensible(data, steps)
    return _CORRECTIONS[key](value, data, steps)


def _at(data: Any, steps: Steps) -> Any:
    try:
        return reduce(lambda inner, step: inner[step], steps, data)
    except (KeyError, IndexError, TypeError):
        return None


def _domain(name: str, data: Any) -> str | None:
    if not domain_fault(name):
        return None
    better = corrections.passing(name, corrections.domain, domain_fault)
    taken = {str(each).lower() for each in data["domains"]} - {name.lower()}
    return None if better in taken else better


def _mode(value: Any, *_: object) -> str | None:
    return _nearest(value, [mode.value for mode in Mode])


def _version(value: Any, *_: object) -> str | None:
    return None if value == VERSION else VERSION


def _nearest(value: Any, known: list[str]) -> str | None:
    """Return the nearest of the known words. YAML's on and off are no words: they would look like none."""
    if not isinstance(value, str) or value in known:
        return None
    word = value.strip(" \t'\"`.,;:").lower()
    close = get_close_matches(word, known, 1, 0.65)
    if close == ["none"] and word != "none":
        return None  # it withdraws the policy: what is merely near, as `no` or `nope`, may mean something else
    return close[0] if close else None


def _max_age(value: Any, *_: object) -> int | None:
    text = str(value) if isinstance(value, (str, OddNumber)) or type(value) is int else ""
    better = corrections.seconds(text)
    if not better or len(better) > 12:
        return None
    number = min(int(better), 31_557_600)
    if number == value or any(value_findings(None, number, [])):
        return None
    return number


def _sensible(data: Any, steps: Steps) -> int | None:
    """Return the nearest max_age that suits the mode."""
    mode, value = _at(data, (*steps[:-1], "mode")) or _at(data, ("mode",)), _at(data, (*steps[:-1], "max_age"))
    bounds = {"testing": (86_400, 1_209_600), "enforce": (604_800, 31_557_600)}.get(str(mode))
    if not bounds or type(value) is not int or steps[-1] != "max_age":
        return None
    least, most = bounds
    return least if value < least else most


def _zone(value: Any, _: Any, steps: Steps) -> str | None:
    if not isinstance(value, str) or len(steps) < 3:
        return None
    name = str(steps[1]).lower()
    return corrections.passing(
        value, corrections.domain, lambda zone: name_fault(zone, "zone") or not f".{name}".endswith(f".{zone}")
    )


def _hostname(value: Any, data: Any, _: Steps) -> str | None:
    if not isinstance(value, str):
        return None
    own = {policy_host(str(name).lower()) for name in data.get("domains") or ()}
    return corrections.passing(
        value, corrections.bare_name, lambda host: name_fault(host, "hostname") or host in own or "." not in host
    )


def _rua(value: Any, *_: object) -> str | None:
    return corrections.passing(value, tlsrpt.rua, rua_fault) if isinstance(value, str) else None


def _kind(value: Any, *_: object) -> str | None:
    return _nearest(value, ["function", "static-web-app", "front-door", "web-server"])


_CORRECTIONS: Mapping[str, Callable[[Any, Any, Steps], str | int | None]] = {
    "mode": _mode,
    "version": _version,
    "max_age": _max_age,
    "zone": _zone,
    "hostname": _hostname,
    "rua": _rua,
    "kind": _kind,
}
