"""One file in, all findings out: a policy.yaml, or a policy as it is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtasts import config, document, files
from mtasts.document import DocumentError
from mtasts.findings import Finding, quote
from mtasts.judge import BYTES, judge
from mtasts.policy import KEYS, Field, read
from mtasts.rules import policy_file as rules


def lint(path: Path) -> list[Finding]:
    """Return every finding in a file. By its name it is YAML (.yaml, .yml) or the text of a policy (all else)."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return config.load(path)[1]
    try:
        text = document.read_text(path, files.read_any)
    except DocumentError as error:
        return [error.finding.at(file=path.as_posix())]
    return [finding.at(file=path.as_posix()) for finding in lint_policy(text)]


def lint_policy(text: str) -> list[Finding]:
    """Return every finding in the text of a policy, in the order of its lines."""
    fields, found = read(text)
    for part in (_keys(fields), _sense(fields), _size(text)):
        found += part
    return sorted(dict.fromkeys(found), key=lambda finding: finding.line or 0)


def _keys(fields: list[Field]) -> Iterator[Finding]:
    first: dict[str, Field] = {}
    for field in fields:
        if field.key not in KEYS:
            message = f"{quote(field.key)} is not a key of a policy, so senders ignore the line. Correct or remove it."
            yield Finding(rules.EXTENSION, message, line=field.line, column=1)
        elif field.key != "mx" and field.key in first:
            message = f"{field.key} stands in line {first[field.key].line} already. Remove one of the two."
            yield Finding(rules.DUPLICATE_KEY, message, line=field.line, column=1)
        first.setdefault(field.key, field)


def _sense(fields: list[Field]) -> Iterator[Finding]:
    first = {field.key: field for field in reversed(fields)}
    hosts = [field for field in fields if field.key == "mx"]
    age = first["max_age"].value if "max_age" in first else ""
    max_age = int(age) if age.isascii() and age.isdigit() and len(age) <= 10 else None
    mode = first["mode"].value if "mode" in first else None
    for (key, *number), finding in judge(mode, max_age, [field.value for field in hosts]):
        field = hosts[int(number[0])] if number else first[str(key)]
        yield finding.at(line=field.line, column=field.column)


def _size(text: str) -> Iterator[Finding]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > BYTES:
        message = f"The file has {size} bytes, and senders read at most {BYTES}. Use a wildcard for many hosts."
        yield Finding(rules.TOO_LARGE, message, line=1, column=1)
