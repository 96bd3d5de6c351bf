"""The only caller of git: run without a shell, within bounds, and independent of the user's configuration."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from mtasts.findings import UserError, quote

SECONDS = 120  # for one run
BYTES = 64 * 1024 * 1024  # of what one run prints

# What a user's configuration could change in the output that is read here.
_SETTINGS = {
    "color.ui": "false",
    "core.quotepath": "off",
    "log.diffMerges": "first-parent",
    "log.follow": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
}
_WORDS = ("--no-pager", "--no-replace-objects", "--literal-pathspecs")
_ALWAYS = (*_WORDS, *(word for item in _SETTINGS.items() for word in ("-c", "=".join(item))))
# The repository is the one that holds the policy, also where a hook of another one calls.
_FOREIGN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF"}


class GitError(UserError):
    """The history cannot be read. The message says where, why, and what to do."""


class Answer(NamedTuple):
    """The result of one run of git. code: its exit code; output: at most BYTES; error: its first words."""

    code: int
    output: bytes
    error: str


def ask(folder: Path, *words: str) -> Answer:
    """Run git in a folder, and return what it says. Raises GitError if it cannot run or exceeds the bounds."""
    with _run(folder, words) as (code, output, error):
        content = output.read(BYTES + 1)
    if len(content) > BYTES:
        raise GitError(f"git {words[0]} in {_shown(folder)} prints more than {BYTES >> 20} MiB. {_LOOK}")
    return Answer(code, content, error)


def run(folder: Path, *words: str) -> bytes:
    """Return what git prints. Raises GitError also if git fails."""
    answer = ask(folder, *words)
    if answer.code:
        raise failed(folder, words[0], answer.error)
    return answer.output


def failed(folder: Path, word: str, error: str) -> GitError:
    """Return the error for a run that failed."""
    return GitError(f"git {word} failed in {_shown(folder)}: {quote(error, 300)}. {_LOOK}")


def blobs(folder: Path, names: Iterable[str], most: int) -> Iterator[bytes]:
    """Yield the content of each blob in turn; of a blob beyond `most` bytes the first of them."""
    wanted = "".join(f"{name}\n" for name in names).encode()
    with _run(folder, ("cat-file", "--batch", "--buffer"), wanted) as (code, output, error):
        if code:
            raise failed(folder, "cat-file", error)
        while header := output.readline():
            yield _blob(output, header.decode().split(), most)


def _blob(output: IO[bytes], header: list[str], most: int) -> bytes:
    if len(header) != 3 or header[1] != "blob":
        raise GitError(f"The repository lacks {quote(' '.join(header))}. Run git fsck there, or clone it again.")
    size = int(header[2])
    content = output.read(min(size, most))
    output.seek(size - len(content) + 1, os.SEEK_CUR)  # git sets a line end after each
    return content


@contextmanager
def _run(folder: Path, words: tuple[str, ...], given: bytes = b"") -> Iterator[tuple[int, IO[bytes], str]]:
    """Run git, and lend its exit code, what it printed, and the first words of its complaint.

    What it prints goes into a file, so that none of it has to fit into memory.
    """
    with _temporary() as output, _temporary() as errors:
        what = f"git {words[0]} in {_shown(folder)}"
        try:
            done = subprocess.run(  # noqa: S603 - our own words, without a shell
                [_program(), *_ALWAYS, "-C", str(folder), *words],
                input=given,
                stdout=output,
                stderr=errors,
                env=_environment(),
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitError(f"{what} took longer than {SECONDS} seconds. {_LOOK}") from None
        except OSError as error:
            absent = isinstance(error, FileNotFoundError)
            why = "is not installed" if absent else f"cannot be started ({error.strerror})"
            raise GitError(f"git {why}, but it is needed to read the history. Install git, or set PATH.") from None
        output.seek(0)
        errors.seek(0)
        yield done.returncode, output, errors.read(1000).decode("utf-8", "replace").strip()


def _temporary() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise GitError(f"Cannot write a temporary file: {error.strerror}. Free some space, or set TMPDIR.") from None


def _program() -> str:
    """Return the program. Windows would take a git.exe in the current folder first, and that may be anyone's."""
    if os.name != "nt":
        return "git"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    found = (folder / "git.exe" for folder in folders if folder.is_absolute() and (folder / "git.exe").is_file())
    return str(next(found, "git.exe: not on PATH"))


def _environment() -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
    return {**inherited, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _shown(folder: Path) -> str:
    return quote(folder.as_posix(), 200)


_LOOK = "Run it there yourself to see more."
