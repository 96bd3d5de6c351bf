"""Sets values in a YAML file that people write, and keeps its comments, order, quotes and line ends."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml

from mtasts.config import yaml_file
from mtasts.config.yaml_file import DocumentError
from mtasts.findings import UserError, quote

Path = tuple[str, ...]
Value = Any  # str, int, None, a sequence of str, or a mapping of str to such values

BOM = "\ufeff"
ORDER = ("version", "mode", "max_age", "mx", "domains", "tls_reporting", "hosting")  # of new keys; others go to the end


class EditError(UserError):
    """A file has a layout that edits do not support. The message says so, and what to add by hand."""


@dataclass(frozen=True)
class _Edit:
    """The new text between two positions. depth: of two edits at one position the deeper comes first."""

    start: int
    end: int
    written: str
    depth: int = 0


def with_values(text: str, values: Mapping[Path, Value]) -> str:
    """Return the text with a value at each path of keys, and all else as it was. What is above the last key is there.

    A sequence keeps the lines of the items that stay. text is YAML that yaml_file could read. Raises EditError, so that
    a file is never changed in another way than was asked: the result is read again and compared.
    """
    if text.startswith(BOM):  # editors on Windows write it, and the parser's positions do not count it
        return BOM + with_values(text[1:], values)
    try:
        document = yaml_file.parse(text)
        editor = _Editor(text, document.root)
        changed = _applied(text, [editor.edit(path, value) for path, value in values.items()])
        same = yaml_file.parse(changed).data == _wanted(document.data, values)
    except (yaml.YAMLError, DocumentError, _UnforeseenError):
        same = False
    if not same:
        raise EditError(f"has a layout that cannot be edited automatically. Add by hand: {by_hand(values)}")
    return changed


def by_hand(values: Mapping[Path, Value]) -> str:
    """Return the values for a person to write."""
    shown = {path: quote(value) if type(value) is str else _flow(value) for path, value in values.items()}
    return "; ".join(f"{'.'.join(path)}: {value}" for path, value in shown.items())


class _UnforeseenError(Exception):
    """The YAML has a form that edits do not support."""


class _Editor:
    """Finds for each value the edit that sets it. newline, step: how the file ends lines, and how far it indents."""

    def __init__(self, text: str, root: Any) -> None:
        self._text, self._root = text, root
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._step = _step(root)

    def edit(self, path: Path, value: Value) -> _Edit:
        """Return the edit for one value."""
        parent = self._root
        for step in path[:-1]:
            parent = _items(parent)[step]
        items = _items(parent)
        if path[-1] in items:
            return self._replaced(parent, items[path[-1]], value)
        if items and not parent.flow_style:
            return self._inserted(parent, path[-1], value, len(path))
        start, end = parent.start_mark.index, parent.end_mark.index
        if items:
            start = parent.value[0][0].start_mark.index
            return _Edit(start, start, f"{_in_flow(parent, {path[-1]: value})[1:-1]}, ")
        return _Edit(start, end, f"{self._lead(start, end)}{_flow({path[-1]: value})}")  # there was nothing

    def _replaced(self, parent: Any, node: Any, value: Value) -> _Edit:
        start, end = node.start_mark.index, self._end(node)
        if isinstance(value, Mapping) and value and _is_empty(node) and not parent.flow_style:
            return self._filled(parent, start, end, value)
        if isinstance(node, yaml.SequenceNode) and not node.flow_style and value:
            return self._relisted(node, value)
        written = _in_flow(parent, value) if parent.flow_style else _flow(value)
        if isinstance(node, yaml.CollectionNode) and (not node.flow_style or "#" in self._text[start:end]):
            return self._relisted_in_flow(node, written[1:-1])
        return _Edit(start, end, f"{self._lead(start, end)}{written}")

    def _lead(self, start: int, end: int) -> str:
        """Return what belongs between a key and its value, if there is no value yet."""
        if end > start:
            return ""
        return " " if self._text.startswith(":", start - 1) else ": "

    def _filled(self, parent: Any, start: int, end: int, value: Mapping[str, Value]) -> _Edit:
        """Put lines below a key that has nothing, `{}` or `null`. A comment behind it stays there."""
        before, after = len(self._text[:start].rstrip(" ")), self._line_end(end)
        indent = " " * (parent.value[0][0].start_mark.column + self._step)
        lines = [line for key, own in value.items() for line in self._block(key, own, indent)]
        return _Edit(before, after, self._newline.join([self._text[end:after], *lines]), depth=yaml_file.DEPTH)

    def _relisted(self, node: Any, value: Sequence[str]) -> _Edit:
        """Write a block's items anew. Those that stay keep their lines, and the comments between them stay too."""
        begin = position = self._line_start(node.value[0])
        dash = self._text[begin : node.value[0].start_mark.index]
        lines = {item: [f"{dash}{scalar(item)}"] for item in value}
        above: list[str] = []  # comments: those above an item that goes stay above the next one
        for item in node.value:
            own, end = self._line_start(item), self._line_end(self._end(item))
            if not re.fullmatch(r" *- +", self._text[own : item.start_mark.index]):
                raise _UnforeseenError
            above += re.split(r"\r?\n", self._text[position:own])[:-1]
            if item.value in lines:
                lines[item.value] = [*above, self._text[own:end]]
                above = []
            position = self._text.find("\n", end) + 1
        return _Edit(begin, end, self._newline.join([line for item in value for line in lines[item]] + above))

    def _relisted_in_flow(self, node: Any, written: str) -> _Edit:
        """Write all items of a list in brackets in place of the first one, and keep the comments between them."""
        if not (isinstance(node, yaml.SequenceNode) and node.flow_style and node.value):
            raise _UnforeseenError
        ends = [item.end_mark.index for item in node.value]
        starts = [item.start_mark.index for item in node.value[1:]] + [node.end_mark.index]
        gaps = "".join(self._text[end:start] for end, start in zip(ends, starts, strict=True))
        without_commas = re.sub(r"(#[^\n]*)|,", lambda found: found[1] or "", gaps)
        return _Edit(node.value[0].start_mark.index, node.end_mark.index, written + without_commas)

    def _inserted(self, parent: Any, key: str, value: Value, depth: int) -> _Edit:
        """Put a new key among those of a block: behind the one that it follows by ORDER, or at the end."""
        column = parent.value[0][0].start_mark.column
        lines = self._block(key, value, " " * column)
        earlier = ORDER[: ORDER.index(key)] if key in ORDER else ()
        values = [node for name, node in parent.value if name.value in earlier or key not in ORDER]
        if not values:
            start = parent.value[0][0].start_mark.index
            return _Edit(start, start, self._newline.join([*lines, " " * column]).lstrip(" "), depth)
        place = self._line_end(max(map(self._end, values)))
        # A comment that is indented deeper belongs to what is above it.
        comments = re.compile(rf"(?:\r?\n {{{column + 1},}}#[^\r\n]*)*").match(self._text, place)
        place = comments.end() if comments else place
        return _Edit(place, place, "".join(f"{self._newline}{line}" for line in lines), depth)

    def _block(self, key: str, value: Value, indent: str) -> list[str]:
        """Return the lines of a key and its value in a block."""
        head, deeper = f"{indent}{scalar(key)}:", indent + " " * self._step
        if isinstance(value, Mapping):
            return [head, *(line for name, own in value.items() for line in self._block(name, own, deeper))]
        if _is_list(value) and value:
            return [head, *(f"{deeper}- {scalar(item)}" for item in value)]
        return [head if value is None else f"{head} {_flow(value)}"]

    def _end(self, node: Any) -> int:
        """Return where a node's last character is over. PyYAML takes what follows a block as part of it."""
        while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
        start = node.start_mark.index
        return int(start + len(self._text[start : node.end_mark.index].rstrip()))

    def _line_start(self, node: Any) -> int:
        return self._text.rfind("\n", 0, node.start_mark.index) + 1

    def _line_end(self, start: int) -> int:
        found = self._text.find("\n", start)
        end = len(self._text) if found < 0 else found
        return end - 1 if self._text[start:end].endswith("\r") else end


def _applied(text: str, edits: Sequence[_Edit]) -> str:
    ordered = sorted(enumerate(edits), key=lambda item: (item[1].start, item[1].end, -item[1].depth, item[0]))
    for _, edit in reversed(ordered):
        text = text[: edit.start] + edit.written + text[edit.end :]
    return text


def _wanted(data: Any, values: Mapping[Path, Value]) -> Any:
    """Return the data with the values in it."""
    for path, value in values.items():
        place = data
        for step in path[:-1]:
            place[step] = place[step] or {}
            place = place[step]
        place[path[-1]] = json.loads(json.dumps(value))
    return data


def _items(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _step(root: Any) -> int:
    """Return by how many columns the blocks of a file are indented."""
    for _, node in root.value if isinstance(root, yaml.MappingNode) else ():
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            return int(node.value[0][0].start_mark.column - root.value[0][0].start_mark.column)
    return 2


def _is_empty(node: Any) -> bool:
    return not node.value if isinstance(node, yaml.CollectionNode) else bool(node.tag == "tag:yaml.org,2002:null")


def _is_list(value: Value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _flow(value: Value) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(own)}" for key, own in value.items()) + "}"
    if _is_list(value):
        return "[" + ", ".join(map(scalar, value)) + "]"
    return str(value.value) if isinstance(value, Enum) else json.dumps(value, ensure_ascii=False)  # JSON is YAML, too


def _in_flow(parent: Any, value: Value) -> str:
    """Return a value for a flow mapping, as JSON in a file that is JSON."""
    return json.dumps(value, ensure_ascii=False) if parent.value[0][0].style == '"' else _flow(value)


def scalar(text: str) -> str:
    """Return a key or item as people write it, in quotes if YAML would read something else."""
    text = str(text)  # the reader takes no class made from str
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text) and yaml_file.parse(text).data == text == yaml.safe_load(text):
        return text
    return json.dumps(text, ensure_ascii=False)
