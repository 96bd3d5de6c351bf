"""One file in, all findings out: a policy.yaml, or a policy as it is served."""

from __future__ import annotations

from pathlib import Path

from mtasts.config import model, yaml_file
from mtasts.config.yaml_file import DocumentError
from mtasts.findings import Finding
from mtasts.sts.lint import lint_policy
from mtasts.system import files


def lint(path: Path) -> list[Finding]:
    """Return every finding in a file. By its name it is YAML (.yaml, .yml) or the text of a policy (all else)."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return model.load(path)[1]
    try:
        text = yaml_file.read_text(path, files.read_any)
    except DocumentError as error:
        return [error.finding.at(file=path.as_posix())]
    return [finding.at(file=path.as_posix()) for finding in lint_policy(text)]
