"""policy.schema.json as a judge of form: keys, types, ranges. What the values mean is judged elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from mtasts.config.suggest import suggested
from mtasts.config.yaml_file import Document, Steps
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.policy import MAX_AGE, MODE, VERSION_UNKNOWN, missing

UNKNOWN_KEY = Rule(
    "MTS104",
    "A key is not known",
    Severity.ERROR,
    "policy.schema.json",
    """A misspelt key would be ignored without a word, and the policy would not be the one that you meant. The keys
are described in policy.schema.json; an editor that knows JSON Schema completes them.""",
)
WRONG_VALUE = Rule(
    "MTS105",
    "A value is missing, or of the wrong type",
    Severity.ERROR,
    "policy.schema.json",
    """The message names the key and what belongs there. A list is written as one `- item` per line, a number
without quotes. policy.schema.json describes every key.

A number is written in digits, and does not begin with 0: `0604700`, `1_000`, `0x1f`, `604:30:00` and `1e6` are one
number to some readers of YAML, and another one, or text, to others. Write text that looks so in quotes.""",
)


FILE = Path(__file__).parent.parent.parent / "policy.schema.json"

# What has rules of its own, which say more than the schema can: the key, and the part of the schema.
_JUDGED_BY_MEANING = {
    *((key, "pattern") for key in ("mx", "rua")),
    *((key, "maxLength") for key in ("hostname", "zone")),
    ("domains", "propertyNames"),
    ("domains", "maxLength"),
    ("max_age", "minimum"),
}
_RULES = {"version": VERSION_UNKNOWN, "mode": MODE, "max_age": MAX_AGE}
_NUMBER = "That is too few, or too many."
_TYPES = {
    "integer": "a whole number without quotes: digits only, and no leading 0",
    "array": "a list, one `- item` per line",
    "boolean": "true or false, without quotes",
    "object": "a block of `key: value` lines",
    "string": "text, in quotes if YAML takes it for something else",
}


def check(document: Document) -> list[Finding]:
    """Return what the schema finds wrong with a document, each with its place."""
    found: list[Finding] = []
    for error in _validator().iter_errors(document.data):
        keys = [step for step in error.absolute_path if isinstance(step, str)]
        if (keys[-1] if keys else None, error.validator) not in _JUDGED_BY_MEANING:
            found += [_placed(document, *each) for each in _findings(document, error)]
    return list(dict.fromkeys(found))


@cache
def _validator() -> Any:
    # jsonschema takes 1.0 for an integer, and true for 1 in older drafts: a policy's text would show it.
    whole = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    validator: Any = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=whole)  # type: ignore[no-untyped-call]
    return validator(json.loads(FILE.read_text(encoding="utf-8")))


def _placed(document: Document, steps: Steps, finding: Finding) -> Finding:
    line, column = document.place(steps)
    domain = str(steps[1]) if len(steps) > 1 and steps[0] == "domains" else None
    return finding.at(line=line, column=column, domain=domain)


def _findings(document: Document, error: Any) -> Iterator[tuple[Steps, Finding]]:
    steps: Steps = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        for key in error.instance.keys() - error.schema["properties"].keys():
            yield (*steps, key), _unknown(key, list(error.schema["properties"]))
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance and not _misspelt(key, error):
                yield steps, missing(key) if key in _RULES else _absent(key, error)
    else:
        written = document.written(steps) if isinstance(error.instance, bool) else None
        yield steps, suggested(document.data, steps, Finding(_rule(steps), _wrong(steps, error, written)))


def _misspelt(key: str, error: Any) -> bool:
    """Tell whether a key that is missing is there under a name that is nearly its own: that finding says it all."""
    known = error.schema["properties"]
    unknown = [name for name in error.instance if name not in known]
    return any(get_close_matches(name.lower(), known, 1) == [key] for name in unknown)


def _unknown(key: str, known: list[str]) -> Finding:
    close = get_close_matches(key.lower(), known, 1)
    hint = f"Did you mean {quote(close[0])}?" if close else f"Write one of {', '.join(known)}, or remove it."
    return Finding(UNKNOWN_KEY, f"{quote(key)} is no key here. {hint}")


def _absent(key: str, error: Any) -> Finding:
    return Finding(WRONG_VALUE, f"{key} is missing. {error.schema['properties'][key]['description']}")


def _wrong(steps: Steps, error: Any, written: str | None = None) -> str:
    what = " ".join(str(step) if isinstance(step, str) else f"item {step + 1}" for step in steps[-2:]) or "The file"
    shown = f"{written}, which YAML reads as {str(error.instance).lower()}" if written else _shown(error.instance)
    return f"{what} is {shown}. {_wanted(error)} {error.schema.get('description', '')}".strip()


def _wanted(error: Any) -> str:
    value = error.validator_value
    if error.validator == "type":
        return f"Write {_TYPES[value if isinstance(value, str) else value[0]]}."
    if error.validator in ("enum", "const"):
        known = value if isinstance(value, list) else [value]
        close = get_close_matches(str(error.instance).lower(), known, 1)
        return f"Did you mean {close[0]}?" if close else f"Possible: {', '.join(known)}."
    if error.validator == "pattern":
        return ""
    return f"{value} is the most." if error.validator == "maximum" else _NUMBER


def _shown(value: object) -> str:
    if value is None or value in ([], {}):
        return "empty"
    if isinstance(value, (dict, list)):
        return "a block of keys" if isinstance(value, dict) else "a list"
    return f"the text {quote(value)}" if isinstance(value, str) else quote(value).strip("'")


def _rule(steps: Steps) -> Rule:
    return _RULES.get(str(steps[-1]), WRONG_VALUE) if steps else WRONG_VALUE
