"""A YAML file as plain data, with the line and column of every value.

Only plain YAML is read: no anchors, no aliases, no tags, no deep nesting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import yaml

from mtasts.config import yaml_causes
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.lint import DUPLICATE_KEY
from mtasts.system import files
from mtasts.system.files import NotAFileError

FILE_UNREADABLE = Rule(
    "MTS101",
    "The file cannot be read",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """The file is missing, empty, larger than 8 MiB, not UTF-8 text, or not a regular file. Save it as UTF-8
without a byte order mark, and run lint in the repository's own folder.

A symbolic link is not accepted: git stores the path that it points to, not the content, so `plan` could not see
what a change does.""",
)
YAML_SYNTAX = Rule(
    "MTS102",
    "The file cannot be read as YAML",
    Severity.ERROR,
    "YAML 1.1",
    """Indentation, a colon with a space, and a value that starts with `*` have a meaning in YAML: put a
wildcard in quotes, as `- "*.example.com"`. Indent with spaces, not with tabs.

Anchors, aliases and tags (`&x`, `*x`, `!x`) and nesting deeper than 16 levels are not accepted: a policy does
not need them, and with them a small file can expand into a huge one.""",
)


BYTES = 8 * 1024 * 1024
DEPTH = 16
SCALAR = 4000  # characters in one value

Steps = tuple[str | int, ...]
Place = tuple[int, int]

_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times faster
_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}bool", f"{_TAG}null"}
_NUMBER = re.compile("0|[1-9][0-9]{0,17}")  # the only form that every reader takes for the same number
# All that YAML 1.1 or 1.2 takes for a number: signs, binary, octal, hexadecimal, base 60, `_`, fractions, powers.
_NUMERIC = r"""(?xi) [-+]?(?: 0b[01_]+ | 0x[0-9a-f_]+ | 0o[0-7_]+ | \.inf
    | (?:[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)? | \.[0-9][0-9_]*)(?:e[-+]?[0-9]+)? ) | \.nan"""
# Some readers end a line there, and some do not: what is a comment to one is a key to another.
_CORRECT = "Correct this line or the one above"
_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


@dataclass(frozen=True)
class OddNumber:
    """What some readers of YAML read as a number, as it is written. Here it is neither a number nor text.

    YAML 1.1 reads `0604700` as octal, `604:30:00` in base 60 and `1_2` as 12; YAML 1.2 reads each of them otherwise.
    """

    text: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.text


class _Loader(_Fastest):  # type: ignore[misc]
    """YAML with JSON's types: a date is text, `<<` is a key like any other, and a number is its digits."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _PLAIN]
        for first, resolvers in _Fastest.yaml_implicit_resolvers.items()
    }


class _Numeric:
    """Tells PyYAML whether a text is a number. Most are plain digits, which need no long expression."""

    @staticmethod
    def match(text: str) -> re.Match[str] | None:
        """Match the whole of a number."""
        return _NUMBER.fullmatch(text) or re.fullmatch(_NUMERIC, text)


def is_number(text: str) -> bool:
    """Tell whether some reader of YAML takes a text without quotes for a number."""
    return _Numeric.match(text) is not None


def _number(loader: Any, node: Any) -> int | OddNumber:
    text = loader.construct_scalar(node)
    return int(text) if _NUMBER.fullmatch(text) else OddNumber(text)


_Loader.add_implicit_resolver(f"{_TAG}int", _Numeric, list("-+.0123456789"))
_Loader.add_constructor(f"{_TAG}int", _number)


class DocumentError(Exception):
    """A file cannot be read as data at all. finding: why, and where."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.message)


@dataclass
class Document:
    """data: dicts, lists and scalars. root: PyYAML's nodes, of which it was made.

    places: the line and column of each path, of its key for a dict's items.
    """

    data: Any
    root: Any = None
    places: dict[Steps, Place] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def written(self, path: Sequence[str | int]) -> str | None:
        """Return a scalar as it is written: `on`, which YAML reads as true. None if there is no scalar."""
        node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                node = next((value for key, value in node.value if key.value == step), None)
            else:
                node = node.value[step] if isinstance(node, yaml.SequenceNode) and isinstance(step, int) else None
        return node.value if isinstance(node, yaml.ScalarNode) else None

    def place(self, path: Sequence[str | int]) -> Place:
        """Return line and column of a path, or of the nearest thing above it in the file."""
        steps = tuple(path)
        while steps not in self.places:
            steps = steps[:-1]
        return self.places[steps]


def read_text(path: Path, reader: Callable[[Path, int], bytes] = files.read) -> str:
    """Return a file's text. Raises DocumentError if it is missing, no regular file, too large, empty or not UTF-8."""
    try:
        return decode(reader(path, BYTES + 1))
    except NotAFileError as error:
        raise _unreadable(f"is {error.strerror}. Replace it with the file itself.") from None
    except OSError as error:
        raise _unreadable(f"cannot be read: {error.strerror}. {_advice(path, error)}") from None


def _advice(path: Path, error: OSError) -> str:
    """Say what to do about a file that cannot be read: it may be in a parent folder, or have a similar name."""
    if isinstance(error, FileNotFoundError):
        if above := files.found_above(path):
            return f"It is in a parent folder. Add -C {above} before the verb."
        if near := files.named_alike(path):
            return f"Did you mean {quote(near, 200)}?"
    return "Give the path of a file that exists, or run this in the folder of your repository."


def decode(content: bytes) -> str:
    """Return the text of a file's content. Raises DocumentError if it is too large, empty or not UTF-8."""
    if len(content) > BYTES:
        raise _unreadable(f"is larger than {BYTES // 1024 // 1024} MiB. Give the path of a policy file.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _unreadable(f"is not UTF-8 text (see byte {error.start + 1}). Save it as UTF-8.", line) from None
    if not text.strip():
        raise _unreadable("is empty. Write a policy into it, or restore it from git.")
    return text


def parse(text: str) -> Document:
    """Read YAML text. Findings tell of keys that appear twice. Raises DocumentError for all that is not plain data."""
    if other := yaml_causes.of_text(text):
        raise _invalid(other, 1, 1)
    try:
        _refuse_odd_line_ends(text)
        _refuse_the_unplain(text)
        loader = _Loader(text)
        root = loader.get_single_node()
        document = Document(loader.construct_document(root) if root else None, root)
    except yaml.MarkedYAMLError as error:
        raise _unread(error, text) from None
    except yaml.reader.ReaderError as error:
        raise _invalid(f"{str(error).splitlines()[0]}. Remove it", *_place_of(text, error.position)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise _invalid(f"{str(error).splitlines()[0]}. {_CORRECT}", 1, 1) from None
    if root is None:
        raise _unreadable("contains only comments. Write a policy into it, or restore it from git.")
    document.findings.extend(_walk(root, (), document.places))
    return document


def _unread(error: yaml.MarkedYAMLError, text: str) -> DocumentError:
    """Return why a text could not be read, where its cause is: the parser may see it some lines later."""
    mark = cast(Any, error.problem_mark or error.context_mark)
    begin = cast(Any, error.context_mark or mark).line
    if found := yaml_causes.of_lines(text, max(begin, mark.line - 2), mark.line):
        return _invalid(found[1], found[0] + 1, mark.column + 1 if found[0] == mark.line else 1)
    return _invalid(f"{error.problem or error.context}. {_CORRECT}", mark.line + 1, mark.column + 1)


def _refuse_odd_line_ends(text: str) -> None:
    if found := _BREAK.search(text):
        problem = f"the line ends in {quote(found[0])}, which some readers do not treat as a line end. Use a line feed"
        raise _invalid(problem, *_place_of(text, found.start()))


def _place_of(text: str, index: int) -> Place:
    line = text.count("\n", 0, index)
    return line + 1, index - text.rfind("\n", 0, index)


def _refuse_the_unplain(text: str) -> None:
    # The parser compares each directive with all before it, which takes minutes for many.
    if "%TAG" in text and (directive := re.search(r"^%TAG\b", text, re.MULTILINE)):
        line = text.count("\n", 0, directive.start()) + 1
        raise _invalid("%TAG directives are not allowed. Remove it", line, 1)
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        where = _mark(event)
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if depth > DEPTH:
            raise _invalid(f"it is nested deeper than {DEPTH} levels. Remove the inner ones", *where)
        if documents > 1:
            raise _invalid("a second document begins here. Keep one", *where)
        if len(getattr(event, "value", "")) > SCALAR:
            raise _invalid(f"a value is longer than {SCALAR} characters. Shorten it", *where)
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise _invalid("anchors, aliases and tags are not allowed. Write the value itself", *where)


def _walk(node: Any, path: Steps, places: dict[Steps, Place]) -> Iterator[Finding]:
    """Note the places of a node and all below it; yield what is wrong with the keys of mappings."""
    places.setdefault(path, _mark(node))  # a mapping's item has the place of its key already
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _walk(item, (*path, number), places)
    elif isinstance(node, yaml.MappingNode):
        yield from _walk_mapping(node, path, places)


def _walk_mapping(node: Any, path: Steps, places: dict[Steps, Place]) -> Iterator[Finding]:
    seen: dict[str, Place] = {}
    for key, value in node.value:
        line, column = _mark(key)
        if key.tag != "tag:yaml.org,2002:str":
            raise _invalid("a key is not text. Write it in quotes", line, column)
        if key.value in seen:
            message = f"{quote(key.value)} is already in line {seen[key.value][0]}. {_AGAIN.get(key.value, _ONE)}"
            yield Finding(DUPLICATE_KEY, message, line=line, column=column)
        steps = (*path, key.value)
        seen[key.value] = places[steps] = line, column
        yield from _walk(value, steps, places)


_ONE = "Remove one of the two."
_AGAIN = {  # as in the policy that is served, where each host has a line of its own
    "mx": "Write all hosts under one mx, each in a line `- host`.",
    "rua": "Write all addresses under one rua, each in a line `- mailto:…`.",
}


def _mark(node: Any) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _invalid(problem: str, line: int, column: int) -> DocumentError:
    message = f"The YAML cannot be read: {problem}."
    return DocumentError(Finding(YAML_SYNTAX, message, line=line, column=column))


def _unreadable(what: str, line: int = 1) -> DocumentError:
    return DocumentError(Finding(FILE_UNREADABLE, f"The file {what}", line=line, column=1))
