"""The edge to git: the program itself, run without a shell, within bounds, and deaf to the user's habits."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO, NamedTuple, cast

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
_WORDS = ("git", "--no-pager", "--no-replace-objects", "--literal-pathspecs")
_COMMAND = (*_WORDS, *(word for item in _SETTINGS.items() for word in ("-c", "=".join(item))))
# The repository is the one that holds the policy, also where a hook of another one calls.
_FOREIGN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF"}
_PIECE = 1024 * 1024


class GitError(UserError):
    """The history cannot be read. The message says where, why, and what to do."""


class Answer(NamedTuple):
    """What one run of git ended with. code: its exit code; output: at most BYTES; error: its first words."""

    code: int
    output: bytes
    error: str


def ask(folder: Path, *words: str) -> Answer:
    """Run git in a folder, and return what it says. Raises GitError where it cannot run, or goes beyond the bounds."""
    with _temporary() as errors:
        with _started(folder, words, subprocess.DEVNULL, errors) as output:
            content = output.stream.read(BYTES + 1)
            if len(content) > BYTES:
                raise GitError(f"git {words[0]} in {_shown(folder)} gives more than {BYTES >> 20} MiB. {_LOOK}")
            code = output.ended()
        errors.seek(0)
        return Answer(code, content, errors.read(1000).decode("utf-8", "replace").strip())


def run(folder: Path, *words: str) -> bytes:
    """Return what git prints. Raises GitError also where git does not end well."""
    answer = ask(folder, *words)
    if answer.code:
        raise failed(folder, words[0], answer)
    return answer.output


def failed(folder: Path, word: str, answer: Answer) -> GitError:
    """Return the error for a run that did not end well."""
    return GitError(f"git {word} failed in {_shown(folder)}: {quote(answer.error, 300)}. {_LOOK}")


def blobs(folder: Path, names: Iterable[str], most: int) -> Iterator[bytes]:
    """Yield the content of each blob in turn, by one process; of a blob beyond `most` bytes the first of them."""
    command = ("cat-file", "--batch", "--buffer")
    with _temporary("".join(f"{name}\n" for name in names).encode()) as wanted, _temporary() as errors:  # noqa: SIM117
        with _started(folder, command, wanted, errors) as output:
            while header := output.stream.readline():
                yield _blob(output.stream, header.decode().split(), most)
            if code := output.ended():
                errors.seek(0)
                raise failed(folder, "cat-file", Answer(code, b"", errors.read(1000).decode("utf-8", "replace")))


def _blob(stream: IO[bytes], header: list[str], most: int) -> bytes:
    if len(header) != 3 or header[1] != "blob":
        raise GitError(f"The repository lacks {quote(' '.join(header))}. Run git fsck there, or clone it anew.")
    size = int(header[2])
    content = stream.read(min(size, most))
    left = size - len(content) + 1  # with the line end that git sets after each
    while left > 0 and (passed := stream.read(min(left, _PIECE))):
        left -= len(passed)
    if left:
        raise GitError(f"git broke off within {header[0]}. Try again.")
    return content


@contextmanager
def _temporary(content: bytes = b"") -> Iterator[IO[bytes]]:
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - what happens in it is not its own error
        file.write(content)
        file.seek(0)
    except OSError as error:
        raise GitError(f"No temporary file can be written: {error.strerror}. Free some space, or set TMPDIR.") from None
    with file:
        yield file


class _Output:
    """What a running git prints, and how it ends."""

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes], timer: Timer, what: str) -> None:
        self.stream = stream
        self._process, self._timer, self._what = process, timer, what

    def ended(self) -> int:
        """Return the exit code. Raises GitError where the time ran out."""
        code = self._process.wait()
        if self._timer.finished.is_set():
            raise GitError(f"{self._what} took longer than {SECONDS} seconds. {_LOOK}")
        return code


@contextmanager
def _started(folder: Path, words: tuple[str, ...], source: int | IO[bytes], errors: IO[bytes]) -> Iterator[_Output]:
    command = [*_COMMAND, "-C", str(folder), *words]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own words, without a shell
            command, stdin=source, stdout=subprocess.PIPE, stderr=errors, env=_environment()
        )
    except OSError as error:
        missing = "not installed" if isinstance(error, FileNotFoundError) else f"not to be started ({error.strerror})"
        raise GitError(f"git is {missing}, and the history is read with it. Install git, or set PATH.") from None
    timer = Timer(SECONDS, process.kill)
    timer.start()
    with process:
        try:
            yield _Output(process, cast(IO[bytes], process.stdout), timer, f"git {words[0]} in {_shown(folder)}")
        finally:
            timer.cancel()
            process.kill()


def _environment() -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
    return {**inherited, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _shown(folder: Path) -> str:
    return quote(folder.as_posix(), 200)


_LOOK = "Run it there by hand to see more."
