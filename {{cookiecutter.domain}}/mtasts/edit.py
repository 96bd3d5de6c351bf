"""Values set in a YAML file that people write: its comments, order and quotes stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from mtasts import document

Path = tuple[str, ...]


def with_values(text: str, values: Mapping[Path, str]) -> str:
    """Return the text with a value at each path of keys. What is above the last key has to be there.

    Raises KeyError for a path that leads nowhere. text is YAML that mtasts.document could read.
    """
    root = document.compose(text)
    edits = [edit for path, value in values.items() for edit in _edit(text, _parent(root, path), path[-1], value)]
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    return text


def _parent(node: Any, path: Path) -> Any:
    for step in path[:-1]:
        node = {key.value: value for key, value in node.value}[step]
    return node


def _edit(text: str, parent: Any, key: str, value: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and what is to stand between them."""
    written = json.dumps(value, ensure_ascii=False)  # a string in JSON is one in YAML
    items = parent.value if isinstance(parent, yaml.MappingNode) else []
    found = next((node for name, node in items if name.value == key), None)
    if found:
        start, end = found.start_mark.index, found.end_mark.index
        yield start, end, written if end > start else f" {written}"
    elif not items:  # nothing, `{}` or `null`
        start, end = parent.start_mark.index, parent.end_mark.index
        yield start, end, f"{'' if end > start else ' '}{{{key}: {written}}}"
    elif parent.flow_style:
        start = items[0][0].start_mark.index
        yield start, start, f"{key}: {written}, "
    else:
        last = max((node for _, node in items if isinstance(node, yaml.ScalarNode)), key=_end, default=None)
        start = _line_end(text, _end(last)) if last else items[0][0].start_mark.index
        indent = " " * items[0][0].start_mark.column
        newline = "\r\n" if "\r\n" in text else "\n"
        yield start, start, f"{newline}{indent}{key}: {written}" if last else f"{key}: {written}{newline}{indent}"


def _end(node: Any) -> int:
    return int(node.end_mark.index)


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    end = len(text) if found < 0 else found
    return end - 1 if text[start:end].endswith("\r") else end
