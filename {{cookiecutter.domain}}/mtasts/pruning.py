"""What the template's post_gen hook removes from a new repository: files by name, and parts of YAML by marker.

The hook removes this file too: a repository has no use for it. It needs the standard library alone.

`# only: function, front-door` at the end of a key, or of the first line of a list item, keeps it only for these
answers. `# except: manual` keeps it for all other answers to the same question. The marker covers everything indented
below. The comments directly above go too, and so does a key or an item that nothing is left below. From what stays, the
marker is removed. A comment on a line of its own can have a marker for itself. No marker stands inside a block scalar,
a flow collection, or text of several lines, nor below a block scalar that keeps its last blank lines (`|+`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

HOSTINGS = ("function", "static-web-app", "front-door", "web-server")
PIPELINES = ("github", "azure-devops")
PROVIDERS = (*sorted(path.stem for path in (Path(__file__).parents[1] / "dns").glob("*.in")), "manual")
CHOICES = {*HOSTINGS, *PIPELINES, *PROVIDERS}

FOLDERS = (".github", ".azuredevops", "dns", "function", "infra", "mtasts", "static", "tests")

_AZURE = ("function", "static-web-app", "front-door")
_OCTODNS = PROVIDERS[:-1]
# What only some answers need, and is not named after one of them.
ONLY_FOR = {
    ".github": ("github",),
    ".azuredevops": ("azure-devops",),
    "dns": _OCTODNS,
    "infra": (*_AZURE, "azure-dns"),
    "infra/*.sh": _AZURE,
    "static/staticwebapp.config.json": ("static-web-app",),
    "static/nginx.conf": ("web-server",),
    "static/Caddyfile": ("web-server",),
    **{f"{folder}/provision.yml": _AZURE for folder in (".github/workflows", ".azuredevops")},
    ".github/actions/variables": _AZURE,
    **{f".azuredevops/steps/{name}.yml": _AZURE for name in ("variables", "azure")},
    **{f"mtasts/cli/verbs/{verb}.py": _AZURE for verb in ("hosts", "outputs", "parameters")},
    "mtasts/cli/verbs/comment.py": ("azure-devops",),
    "mtasts/hosting/azure.py": _AZURE,
    **{f"mtasts/hosting/{name}.py": _AZURE for name in ("hosts", "refusals")},
    "mtasts/hosting/bytecode.py": ("function",),
    "mtasts/hosting/functions_host.py": ("function",),
    "mtasts/check/announcing.py": _OCTODNS,
    **{f"mtasts/cli/{name}.py": _OCTODNS for name in ("_announced", "_octodns")},
    **{
        f"mtasts/dns/{name}": _OCTODNS for name in ("names.py", "octodns.py", "providers", "publish.py", "recordset.py")
    },
    "mtasts/system/credentials.py": (*_OCTODNS, "azure-devops"),
    "mtasts/pruning.py": (),
}
# The lines of .gitignore for files that only some verbs and scripts write.
IGNORED = {
    "/.wheels/": ("function",),
    **{f"/{name}": _AZURE for name in ("parameters.json", "outputs.json", "hosts.json", "page.json", "refusal.txt")},
}

# Files


def prune(root: Path, answers: Collection[str]) -> None:
    """Remove what only other answers need: files and folders, what is marked in the pipelines, lines of .gitignore.

    What is named after an answer is for that alone: deploy-function.yml, test_function.py, azure_dns.py.
    """
    for pattern, needed in ONLY_FOR.items():
        for path in sorted(root.glob(pattern)) if not set(needed) & set(answers) else ():
            remove(path)
    for folder in FOLDERS:
        for path in sorted([root / folder, *(root / folder).rglob("*")], reverse=True):  # what is in it before a folder
            if _choice(path.name) in CHOICES - set(answers) or _is_left_empty(path):
                remove(path)
    for path in (*root.glob(".github/**/*.yml"), *root.glob(".azuredevops/**/*.yml")):
        _prune_yaml(path, answers)
    for path in root.glob(".gitignore"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if _stays_ignored(line, answers)))


def _stays_ignored(line: bytes, answers: Collection[str]) -> bool:
    """Tell whether a line of .gitignore stays."""
    needed = IGNORED.get(line.decode().strip())
    return needed is None or bool(set(needed) & set(answers))


def _choice(name: str) -> str:
    """Return the choice that a file or folder may be named after."""
    return re.sub("^(deploy-|test_)", "", name.partition(".")[0]).replace("_", "-")


def _is_left_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _prune_yaml(path: Path, answers: Collection[str]) -> None:
    before = path.read_bytes()
    after = pruned(before.decode("utf-8"), answers).encode("utf-8")
    if after != before and after.strip():
        path.write_bytes(after)
    elif after != before:
        remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# Markers


class UnknownAnswerError(Exception):
    """A marker names an answer that the template does not have."""


class _Comment(str):
    """A blank line or a comment, which can have a marker."""

    __slots__ = ()


class _Node:
    """A key or a list item. What stands below it has a higher rank.

    line: its first line, or, of an item that begins with a key, what stands before that key. is_open: its value is what
    stands below it. lead: blank lines and comments above it. parts: what stands below it, also text of its own.
    """

    def __init__(self, column: int, rank: int, line: str = "", is_open: bool = True) -> None:
        self.column, self.rank, self.line, self.is_open = column, rank, line, is_open
        self.has_key = False  # whether an item's first key stands on its own line
        self.only: Collection[str] = ()
        self.lead: list[str] = []
        self.parts: list[str | _Node] = []


def pruned(text: str, answers: Collection[str]) -> str:
    """Return YAML without what only other answers need, and without markers. Its line ends stay."""
    if "# only:" not in text and "# except:" not in text:
        return text
    return "".join(_below(_Tree(re.findall(r"[^\n]*\n|[^\n]+", text)).root, answers))


def _kept(node: _Node, answers: Collection[str]) -> list[str] | None:
    """Return the lines of a node, None if nothing of it is left."""
    if node.only and not set(node.only) & set(answers):
        return None
    below = _below(node, answers)
    if node.is_open and any(isinstance(part, _Node) for part in node.parts) and not any(map(_has_content, below)):
        return None
    if not node.has_key:
        return [node.line, *below]
    first = next(number for number, line in enumerate(below) if _has_content(line))
    above = [" " * node.column + line.lstrip(" ") for line in below[:first]]
    return [*above, node.line + below[first][len(node.line) :], *below[first + 1 :]]


def _below(node: _Node, answers: Collection[str]) -> list[str]:
    """Return the lines below a node. The blank lines above what was removed go too."""
    found: list[str] = []
    blanks: list[str] | None = None  # those above the first node, if that is removed
    for part in node.parts:
        if isinstance(part, str):
            found += _comments([part], answers) if isinstance(part, _Comment) else [part]
            continue
        lines = _kept(part, answers)
        gap = [line for line in part.lead if not line.strip()]
        if lines is None:
            blanks = gap if blanks is None and not any(map(_has_content, found)) else blanks
            continue
        if blanks is not None and not any(map(_has_content, found)):
            gap = blanks
        found += [*gap, *_comments([line for line in part.lead if line.strip()], answers), *lines]
    return found


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _comments(lines: Iterable[str], answers: Collection[str]) -> Iterator[str]:
    """Yield the comments that stay, without their markers."""
    for line in lines:
        text, only = _unmarked(line)
        if not only or set(only) & set(answers):
            yield text


_MARKER = re.compile(r"(?:^|[ \t]+)# (only|except): *([^#\r\n]*?)[ \t]*(?=[\r\n]|$)")


def _unmarked(line: str) -> tuple[str, Collection[str]]:
    """Return a line without its marker, and the answers that the marker keeps it for."""
    start = _comment(line)
    found = _MARKER.search(line, max(0, start - 1)) if start >= 0 else None
    if not found:
        return line, ()
    begin = len(line[: found.start()].rstrip(" \t"))
    return line[:begin] + line[found.end() :], _answers(line, found)


def _answers(line: str, marker: re.Match[str]) -> Collection[str]:
    """Return the answers that a marker keeps a line for."""
    named = re.split(r" *, *", marker[2])
    if unknown := [word for word in named if word not in CHOICES]:
        raise UnknownAnswerError(f"{line.strip()!r} names {unknown[0]!r}, which is not an answer.")
    if marker[1] == "only":
        return named
    question = next((each for each in (HOSTINGS, PIPELINES, PROVIDERS) if set(named) <= set(each)), ())
    if others := set(question) - set(named):
        return others
    raise UnknownAnswerError(f"{line.strip()!r} must leave some answers to one question.")


_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""


def _comment(line: str) -> int:
    """Return where the comment of a line begins, -1 if it has none. Text in quotes has none."""
    value = re.match(rf"[ \t]*(?:-[ \t]+)*(?:{_KEY}[ \t]*)?", line)
    start = value.end() if value else 0
    rest = re.sub(rf"(?:^|(?<=[\[{{,: \t]))(?:{_QUOTED})", lambda quoted: "_" * len(quoted[0]), line[start:])
    if rest.startswith(('"', "'")):  # it goes on below
        return -1
    found = re.search(r"(?:^|(?<=[ \t]))#", line[:start][-1:] + rest)
    return found.start() + start - len(line[:start][-1:]) if found else -1


# The lines of a file as a tree

_KEY = rf"(?:{_QUOTED}|[^\s\"'#\[\]{{}},&*!|>%@`](?:(?![ \t]#)[^\r\n])*?)[ \t]*:(?=\s|$)"
_START = re.compile(rf"(?P<blank> *)(?P<dashes>(?:-(?:[ \t]+|(?=[\r\n]|$)))*)(?P<key>{_KEY})?")
_BLOCK_SCALAR = re.compile(r"(?:^|[ \t])[|>](?P<how>[0-9+-]{0,2})$")


class _Tree:
    """The keys and list items of a file, by their columns."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.root = _Node(-1, -1)
        self._open = [self.root]
        self._waiting: list[str] = []  # blank lines and comments: what comes next tells whose they are
        self._scalar: tuple[int, str] | None = None  # the column of a block scalar, and how it ends
        for line in lines:
            self._add(line)
        self._settle(1)

    def _add(self, line: str) -> None:
        text = line.strip()
        if self._in_scalar(line, text):
            return
        if not text or text.startswith("#"):
            self._waiting.append(line)
        elif line.startswith(("---", "...", "%")):
            self._settle(1)
            self._open = [self.root]
            self.root.parts.append(line)
        else:
            self._scalar = None
            self._add_nodes(line)

    def _in_scalar(self, line: str, text: str) -> bool:
        if self._scalar is None:
            return False
        column, how = self._scalar
        inside = len(line) - len(line.lstrip(" ")) > column if text else "+" in how
        if inside:
            self._open[-1].parts += [*self._waiting, line]
            self._waiting = []
        return inside

    def _add_nodes(self, line: str) -> None:
        nodes = _nodes(line)
        if not nodes:
            self._settle(len(self._open))
            self._open[-1].parts.append(line)
            return
        self._give_lead(nodes[0])
        for node in nodes:
            while self._open[-1].rank >= node.rank:
                self._open.pop()
            self._open[-1].parts.append(node)
            self._open.append(node)
        value = _value(line)
        if found := _BLOCK_SCALAR.search(value):
            self._scalar = nodes[-1].column, found["how"]

    def _give_lead(self, node: _Node) -> None:
        """Give a node the comments directly above it, and the blank lines above those."""
        lines, number = self._waiting, len(self._waiting)
        while number and lines[number - 1].strip() and _column(lines[number - 1]) == node.column:
            number -= 1
        while number and not lines[number - 1].strip():
            number -= 1
        node.lead, self._waiting = lines[number:], lines[:number]
        self._settle(sum(each.rank < node.rank for each in self._open))

    def _settle(self, least: int) -> None:
        """Put what waits below the node whose column says so, among those that what comes next does not close.

        least: how many of the open nodes what comes next stands below.
        """
        gap: list[str] = []
        for line in self._waiting:
            gap.append(line)
            if line.strip():
                above = sum(node.column < _column(line) for node in self._open)
                self._open[max(above, least) - 1].parts += map(_Comment, gap)
                gap = []
        self._open[least - 1].parts += map(_Comment, gap)
        self._waiting = []


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _value(line: str) -> str:
    """Return what stands behind the key or the dashes of a line, without its comment."""
    start, comment = _START.match(line), _comment(line)
    return (line if comment < 0 else line[:comment])[start.end() if start else 0 :].strip()


def _nodes(line: str) -> list[_Node]:
    """Return the list items and the key that begin on a line, the outermost first."""
    start = _START.match(line)
    if not start or not (start["dashes"] or start["key"]):
        return []
    text, only = _unmarked(line)
    is_open = not _value(line)
    found = [_Node(start.start() + dash.start(), 2 * dash.start() + 1) for dash in _dashes(start)]
    if start["key"]:
        column = start.end("dashes")
        found.append(_Node(column, 2 * column, " " * column + text[column:], is_open))
    for node, inner in pairwise(found):
        node.line, node.has_key = " " * node.column + text[node.column : inner.column], True
    if not start["key"]:
        last = found[-1]
        last.line, last.is_open = " " * last.column + text[last.column :], is_open
    found[0].only = only
    return found


def _dashes(start: re.Match[str]) -> Iterator[re.Match[str]]:
    return re.compile("-").finditer(start.string, start.start("dashes"), start.end("dashes"))
