"""The file system: read only regular files inside the repository, and write files completely or not at all.

Git does not see changes in what a symbolic link points to, so a plan would miss them. And a link out of the repository
could publish this machine's own files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

NAMES = 1000  # of files that are compared with the name of a missing one

_KINDS = (
    (stat.S_ISREG, ""),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class NotAFileError(OSError):
    """A path is not a regular file in the repository. strerror: what it is instead, as the end of a sentence."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.EINVAL, what, path.as_posix())


def read(path: Path, most: int = -1, top: Path | None = None) -> bytes:
    """Return the content of a regular file, at most `most` bytes of it. Raises OSError, also for links.

    top: the repository's folder; without it, the repository that holds the current folder.
    """
    kind = next((what for is_it, what in _KINDS if is_it(path.lstat().st_mode)), "a device")
    if kind:
        raise NotAFileError(path, kind)
    _stay_inside(path, _below(path, top), top)
    with path.open("rb") as file:
        return file.read(most)


def read_any(path: Path, most: int) -> bytes:
    """Return the content of a path that a user names, even of a link or a pipe such as /dev/stdin. Raises OSError."""
    with path.open("rb") as file:
        return file.read(most)


def write(path: Path, content: bytes) -> None:
    """Write a file completely or not at all: if the disk is full, the old file remains. Raises OSError.

    Pipes and devices are written to directly. Links are refused, except at absolute paths such as /dev/stdout.
    """
    if path.is_symlink() and not path.is_absolute():
        raise NotAFileError(path, "a symbolic link")
    _stay_inside(path, path.parents, None)
    if path.exists() and (path.is_symlink() or not path.is_file()):
        path.write_bytes(content)
        return
    fresh = path.with_name(f".{path.name}-{os.urandom(4).hex()}")
    try:
        with fresh.open("xb") as file:
            file.write(content)
        if path.exists():
            fresh.chmod(stat.S_IMODE(path.stat().st_mode))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Return why a file cannot be read or written, in a sentence or two."""
    if isinstance(error, NotAFileError):
        return f"{error.filename} is {error.strerror}. Replace it with a regular file."
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."


def found_above(path: Path) -> str | None:
    """Return the path of the nearest parent folder that has the file, such as `..`; None if none has it."""
    if path.is_absolute() or ".." in path.parts:
        return None
    here = Path.cwd()
    folder = next((each for each in here.parents if (each / path).is_file()), None)
    return os.path.relpath(folder, here) if folder else None


def named_alike(path: Path) -> str | None:
    """Return the file in the same folder with the most similar name; None if no name is similar."""
    from difflib import get_close_matches  # here, since few runs need it

    try:
        names = [each.name for each in islice(path.parent.iterdir(), NAMES) if each.is_file()]
    except OSError:
        return None
    close = get_close_matches(path.name.lower(), names, 1, 0.75)
    return path.with_name(close[0]).as_posix() if close else None


def _stay_inside(path: Path, ways: Iterable[Path], top: Path | None) -> None:
    """Raise NotAFileError if a path leads through a link out of the repository.

    An absolute path is the user's choice: links above the repository do not matter.
    """
    for link in ways if top or not path.is_absolute() else ():
        if link.is_symlink() and not _real(link).is_relative_to(_real(top) if top else _repository(link)):
            raise NotAFileError(path, f"outside the repository, through the symbolic link {link.as_posix()!r}")


def _below(path: Path, top: Path | None) -> list[Path]:
    return [folder for folder in path.parents if folder != top and not (top and folder in top.parents)]


def _repository(link: Path) -> Path:
    here = _real(link.parent)
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), Path.cwd())


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
