"""The version of the template that created this repository."""

from __future__ import annotations

import json
import re
from pathlib import Path

import mtasts
from mtasts.system import files

BYTES = 1024 * 1024
LETTERS = 12  # of a commit


def version(repository: Path) -> str:
    """Return the template's version, and its commit if cruft's file .cruft.json names one."""
    commit = _commit(repository)
    return f"mtasts {mtasts.__version__}{f' (commit {commit[:LETTERS]} of the template)' if commit else ''}"


def _commit(repository: Path) -> str | None:
    """Return the commit in .cruft.json; None if there is none, or if cruft did not write the file."""
    try:
        found = json.loads(files.read(repository / ".cruft.json", BYTES, repository))["commit"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", found) else None
