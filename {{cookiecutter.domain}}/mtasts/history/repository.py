"""The git repository that holds a policy file: its revisions, their files, and what changed them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mtasts.findings import quote
from mtasts.history import git
from mtasts.history.git import GitError

COMMITS = 1000  # whose messages are read
MESSAGE = 65_536  # bytes of each
AT_ONCE = 100  # contents that one run of git gives

_SHALLOW = (
    "The clone in {} is shallow: it lacks the history that shows how long a policy has been in force. "
    "Run git fetch --unshallow. In GitHub Actions, set fetch-depth: 0 for actions/checkout; "
    "in Azure Pipelines, set fetchDepth: 0 for checkout."
)
_REVISION = re.compile(r"(?![-^])(?!.*\.\.).{1,1000}")
_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


class NoRepositoryError(GitError):
    """A file is not in a git repository."""


@dataclass(frozen=True)
class Change:
    """A commit that changed a file. seconds: its committer's clock, -1 if it shows no time; parent: None for a root.

    path: of the file in this commit. blob: its content, None if it was deleted, or is not a regular file.
    """

    commit: str
    seconds: int
    parent: str | None
    path: str
    status: str
    mode: str
    blob: str | None


@dataclass(frozen=True)
class Message:
    """The message of a commit."""

    commit: str
    text: str


@dataclass(frozen=True)
class Repository:
    """A repository with its whole history. folder: the top of its work tree; path: of the policy file from there."""

    folder: Path
    path: str

    @classmethod
    def of(cls, file: Path) -> Repository:
        """Find the repository of a policy file. Raises GitError if there is none, or if it is shallow."""
        answer = git.ask(file.parent, "rev-parse", "--is-shallow-repository", "--show-prefix")
        where = quote(file.parent.as_posix(), 200)
        if "not a git repository" in answer.error:
            folder = "This folder" if file.parent == Path() else where
            raise NoRepositoryError(
                f"{folder} is not in a git repository, but plan needs the git history. Run it inside a repository, or "
                "create one first: git init, git add ., git commit."
            )
        if answer.code:
            raise git.failed(file.parent, "rev-parse", answer.error)
        shallow, _, prefix = os.fsdecode(answer.output).removesuffix("\n").partition("\n")
        if shallow != "false":
            raise GitError(_SHALLOW.format(where))
        # By itself: a folder's name may hold a line end.
        top = os.fsdecode(git.run(file.parent, "rev-parse", "--show-toplevel")).removesuffix("\n")
        return cls(Path(top), prefix + file.name)

    def resolve(self, revision: str) -> str:
        """Return the full id of the commit that a revision names. Raises GitError if it names none."""
        shown = quote(revision)
        if not _REVISION.fullmatch(revision) or not revision.isprintable():
            raise GitError(f"{shown} is not a valid revision. Name a branch, a tag or a commit.")
        found = self._commit(revision)
        if not found and revision == "HEAD":
            raise GitError(f"{quote(self.folder.as_posix(), 200)} has no commits yet. Commit the policy first.")
        if not found:
            raise GitError(f"{shown} is not a commit in this repository. Run git fetch, or name another one.")
        return found

    def _commit(self, revision: str) -> str | None:
        # By its full name: git itself takes a tag `origin/main` first, and who can push tags must not choose the base.
        full = f"refs/remotes/{revision}" if revision.startswith("origin/") else revision
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{full}^{{commit}}")
        found = git.ask(self.folder, *words).output.decode("ascii", "replace").strip()
        return found if _ID.fullmatch(found) else None

    def merge_base(self, revision: str) -> str:
        """Return the commit in which a revision and HEAD parted. Raises GitError if they have none in common."""
        answer = git.ask(self.folder, "merge-base", self.resolve(revision), self.resolve("HEAD"))
        if answer.code > 1:
            raise git.failed(self.folder, "merge-base", answer.error)
        if answer.code:
            raise GitError(
                f"{quote(revision)} and HEAD have no commit in common: the histories are unrelated, or a force push "
                "replaced the base. Rebase your branch onto it, or name another base with --base."
            )
        return answer.output.decode().split()[0]

    def default_base(self, environment: Mapping[str, str]) -> str:
        """Return the branch that a change will be merged into: the pull request's in CI, else the main one."""
        named = environment.get("GITHUB_BASE_REF") or environment.get("SYSTEM_PULLREQUEST_TARGETBRANCH")
        if named:
            base = f"origin/{named.removeprefix('refs/heads/')}"
            self.resolve(base)
            return base
        for base in ("origin/HEAD", "origin/main", "main"):
            if self._commit(base):
                return base
        raise GitError("There is no origin/HEAD, origin/main or main to compare with. Add --base REVISION.")

    def messages(self, base: str, head: str) -> tuple[Message, ...]:
        """Return the messages of the commits in head and not in base, the newest, and their beginnings."""
        words = ("log", "-z", f"--max-count={COMMITS}", "--encoding=UTF-8", "--format=tformat:%H%n%B")
        found = []
        for item in git.run(self.folder, *words, f"{base}..{head}", "--").split(b"\0")[:-1]:
            commit, _, text = item.partition(b"\n")
            found.append(Message(commit.decode(), text[:MESSAGE].decode("utf-8", "replace").strip()))
        return tuple(found)

    def path_at(self, commit: str) -> str | None:
        """Return the path that the file of the work tree had in a commit, None if it was not there."""
        if self._blob(commit, self.path):
            return self.path
        words = ("diff-index", "-z", "--find-renames", "--diff-filter=R", "--name-status", "--ignore-submodules")
        return _source(git.run(self.folder, *words, commit, "--"), self.path)

    def contents(self, blobs: Iterable[str], most: int) -> Iterator[bytes]:
        """Yield the content of each blob, up to `most` bytes. They are read in portions: few may be needed."""
        wanted = list(blobs)
        for start in range(0, len(wanted), AT_ONCE):
            yield from git.blobs(self.folder, wanted[start : start + AT_ONCE], most)

    def _blob(self, commit: str, path: str) -> str | None:
        entry = git.run(self.folder, "ls-tree", "-z", "--full-tree", commit, "--", path).split(b"\t")[0].split()
        return entry[2].decode() if entry and entry[0] in _FILES else None

    def changes(self, commit: str, path: str) -> Iterator[Change]:
        """Yield the commits on the branch that changed a file, the newest first, and follow it through renames.

        On the branch are a commit's first parents: a merge counts, and what it merged does not. `git log --follow`
        would continue with any file that this one was copied from, which was never the policy.
        """
        start: tuple[str, str] | None = (commit, path)
        while start:
            log, start = self._log(*start), None
            for change in log:
                yield change
                if start := self._before(change):
                    break

    def _before(self, change: Change) -> tuple[str, str] | None:
        """Return the commit and the path to continue with, if the file got its path through a rename."""
        if change.status != "A" or not change.parent:
            return None
        words = ("diff-tree", "-r", "-z", "--find-renames", "--diff-filter=R", "--name-status")
        source = _source(git.run(self.folder, *words, change.parent, change.commit, "--"), change.path)
        return (change.parent, source) if source else None

    def _log(self, commit: str, path: str) -> Iterator[Change]:
        words = ("log", "--first-parent", "-m", "--raw", "--no-abbrev", "-z", "--no-renames", "--no-ext-diff")
        output = git.run(self.folder, *words, "--format=tformat:%H,%ct,%P", commit, "--", path)
        items = iter(os.fsdecode(output).split("\0"))
        header = ["", "", ""]
        for item in items:
            if not item.startswith(("\n:", ":")):
                header = item.split(",")
            elif next(items) == path:  # else it lies in a folder that once was a file, or became one
                yield _change(header, item.split(), path)


_CLOCK = re.compile("[0-9]{1,18}")
_FILES = (b"100644", b"100755", b"100664")


def _change(header: list[str], entry: list[str], path: str) -> Change:
    commit, clock, parents = header
    seconds = int(clock) if _CLOCK.fullmatch(clock) else -1  # git prints nothing for a date that it cannot read
    _, mode, _, blob, status = entry
    regular = mode.encode() in _FILES
    parent = parents.split()[0] if parents.strip() else None
    return Change(commit.strip(), seconds, parent, path, status, mode, blob if regular else None)


def _source(renames: bytes, path: str) -> str | None:
    """Return what a path was renamed from, by git's list of status, old name and new name."""
    items = os.fsdecode(renames).split("\0")[:-1]
    return next((old for old, new in zip(items[1::3], items[2::3], strict=True) if new == path), None)
