"""Checks the form by policy.schema.json: keys, types, ranges. What the values mean is checked elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from mtasts.config.corrections import as_list
from mtasts.config.yaml_file import Document, Steps
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.policy import MAX_AGE, MODE, VERSION_UNKNOWN, missing

UNKNOWN_KEY = Rule(
    "MTS104",
    "Unknown key",
    Severity.ERROR,
    "policy.schema.json",
    """A misspelt key would be ignored silently, and the policy would not be the one that you meant.
policy.schema.json describes the keys, and an editor that supports JSON Schema completes them.""",
)
WRONG_VALUE = Rule(
    "MTS105",
    "A value is missing or has the wrong type",
    Severity.ERROR,
    "policy.schema.json",
    """The message names the key and what it needs. Write a list as one `- item` per line, and a number without
quotes. policy.schema.json describes every key.

Write a number in digits, without a leading 0: some readers of YAML read `0604700`, `1_000`, `0x1f`, `604:30:00`
or `1e6` as one number, and others as another number or as text. Put text that looks like this in quotes.""",
)


FILE = Path(__file__).parent.parent.parent / "policy.schema.json"

# Checked by other rules, which say more than the schema can: the key, and the part of the schema.
_JUDGED_BY_MEANING = {
    *((key, "pattern") for key in ("mx", "rua")),
    *((key, "maxLength") for key in ("hostname", "zone")),
    ("domains", "propertyNames"),
    ("domains", "maxLength"),
    ("max_age", "minimum"),
}
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,253}")
_SECONDS = "A week is 604800 seconds."
_RULES = {"version": VERSION_UNKNOWN, "mode": MODE, "max_age": MAX_AGE}
_BOUNDS = {
    **dict.fromkeys(("minItems", "minProperties"), "At least {} is needed."),
    "maxItems": "At most {} are allowed.",
    "minimum": "The minimum is {}.",
    "maximum": "The maximum is {}.",
}
_TYPES = {
    "integer": "a whole number, in digits without quotes or a leading 0",
    "array": "a list, one `- item` per line",
    "boolean": "true or false, without quotes",
    "object": "a block of `key: value` lines",
    "string": "text, in quotes if YAML would read it as something else",
}


def check(document: Document) -> list[tuple[Steps, Finding]]:
    """Return what the schema finds wrong with a document, each with the path of its place."""
    found: list[tuple[Steps, Finding]] = []
    for error in _validator().iter_errors(document.data):
        keys = [step for step in error.absolute_path if isinstance(step, str)]
        if (keys[-1] if keys else None, error.validator) not in _JUDGED_BY_MEANING:
            found += _findings(document, error)
    return list(dict.fromkeys(found))


@cache
def _validator() -> Any:
    # jsonschema takes 1.0 for an integer, and true for 1 in older drafts: a policy's text would show it.
    whole = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    validator: Any = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=whole)  # type: ignore[no-untyped-call]
    return validator(json.loads(FILE.read_text(encoding="utf-8")))


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
        yield steps, Finding(_rule(steps), _wrong(steps, error, written))


def _misspelt(key: str, error: Any) -> bool:
    """Tell whether a missing key is there under a similar name: the finding about that name is enough."""
    known = error.schema["properties"]
    unknown = [name for name in error.instance if name not in known]
    return any(get_close_matches(name.lower(), known, 1) == [key] for name in unknown)


def _unknown(key: str, known: list[str]) -> Finding:
    close = get_close_matches(key.lower(), known, 1)
    hint = f"Did you mean {close[0]}?" if close else f"The keys allowed here are {', '.join(known)}."
    return Finding(UNKNOWN_KEY, f"Unknown key {quote(key)}. {hint}")


def _absent(key: str, error: Any) -> Finding:
    part = error.schema["properties"][key]
    return Finding(WRONG_VALUE, f"{key} is missing. {_choices(part['enum']) if 'enum' in part else _expected(part)}")


def _wrong(steps: Steps, error: Any, written: str | None = None) -> str:
    what = " ".join(str(step) if isinstance(step, str) else f"item {step + 1}" for step in steps[-2:]) or "The file"
    value = error.instance
    if error.validator in ("enum", "const"):
        known = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return f"{_word(steps, value, written) or f'{what} is {_shown(value)}'}. {_choices(known)}"
    if isinstance(value, str) and error.validator == "type" and steps[-1:] in (("mx",), ("rua",)):
        items = as_list(str(steps[-1]), value)
        advice = f"Write {steps[-1]}: {json.dumps(items)}." if items else _wanted(error)
        return f"{what} is {_shown(value)}, but it must be a list. {advice}"
    if error.validator == "type" and steps == ("domains",):
        return (
            f"domains is {_shown(value)}. Write each domain on its own line, indented, with a colon: {_as_key(value)}."
        )
    hint = _SECONDS if steps[-1:] == ("max_age",) else _expected(error.schema) if steps else ""
    return " ".join(filter(None, (f"{what} is {_shown(value)}.", _wanted(error), hint)))


def _as_key(domains: object) -> str:
    """Return the line for the first domain of a text or a list."""
    first = domains[0] if isinstance(domains, list) and domains else domains
    return f"`  {first if isinstance(first, str) and _DOMAIN.fullmatch(first) else 'example.com'}:`"


def _expected(part: Mapping[str, str]) -> str:
    """Return the description of a part of the schema, as a sentence."""
    text = part.get("description", "")
    return f"Expected: {text[0].lower()}{text[1:]}" if text else ""


def _word(steps: Steps, value: object, written: str | None) -> str | None:
    """Return what is wrong with an unknown word; None if the value is not a word."""
    if written:
        return f"{steps[-1]} is {written}, which YAML reads as {str(value).lower()}"
    if value is None or isinstance(value, (dict, list)):
        return None
    return f"Unknown {steps[-1]} {quote(value)}{f' for {steps[1]}' if steps[0] == 'domains' else ''}"


def _choices(known: list[str]) -> str:
    if len(known) == 1:
        return f"It must be {known[0]}."
    return f"It must be {', '.join(known[:-1])} or {known[-1]}."


def _wanted(error: Any) -> str:
    value = error.validator_value
    if error.validator == "type":
        return f"Write {_TYPES[value if isinstance(value, str) else value[0]]}."
    if error.validator == "pattern":
        return ""
    return _BOUNDS[error.validator].format(value)


def _shown(value: object) -> str:
    if value is None or value in ([], {}):
        return "empty"
    if isinstance(value, (dict, list)):
        return "a block of keys" if isinstance(value, dict) else "a list"
    return quote(value) if isinstance(value, str) else quote(value).strip("'")


def _rule(steps: Steps) -> Rule:
    return _RULES.get(str(steps[-1]), WRONG_VALUE) if steps else WRONG_VALUE
