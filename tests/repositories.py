"""Real git repositories of a test's own: commits at chosen dates, and nothing of the user's configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from conftest import program


class Repository:
    """A repository with `main` checked out, made in a folder. Dates are ISO 8601; without a zone they are in UTC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str, when: str | None = None) -> str:
        """Run git as its user would, and return what it prints."""
        date = {}
        if when is not None:
            stamp = when if when.startswith("@") else f"@{int(datetime.fromisoformat(_zoned(when)).timestamp())} +0000"
            date = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        command = [program("git"), *words]
        done = subprocess.run(
            command, cwd=self.folder, env={**environment(), **date}, capture_output=True, encoding="utf-8", timeout=60
        )
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files by their paths, and remove those that are None."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: Mapping[str, str | bytes | None], when: str, message: str = "Change") -> str:
        """Write files and commit all that there is; return the commit's id."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}", when=when)
        return self.head()

    def rename(self, old: str, new: str, when: str) -> str:
        """Move a file, commit, and return the commit's id."""
        (self.folder / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)
        return self.commit({}, when, f"Move {old} to {new}")

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Make a branch and check it out."""
        self.git("switch", "--quiet", "--create", name, start)

    def switch(self, name: str) -> None:
        """Check out a branch."""
        self.git("switch", "--quiet", name)

    def merge(self, name: str, when: str) -> str:
        """Merge a branch by a merge commit, and return its id."""
        self.git("merge", "--quiet", "--no-ff", f"--message=Merge {name}", name, when=when)
        return self.head()

    def head(self) -> str:
        """Return the id of the commit that is checked out."""
        return self.git("rev-parse", "HEAD")


def environment() -> dict[str, str]:
    """Return an environment in which git has no configuration but a name."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    names = {
        f"GIT_{who}_{what}": f"{who}@test.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {**own, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "LC_ALL": "C"}


def _zoned(when: str) -> str:
    return when if "+" in when else f"{when}+00:00"
