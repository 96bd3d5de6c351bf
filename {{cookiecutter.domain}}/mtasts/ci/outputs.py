"""What a pipeline step outputs for later jobs, and what it shows on the run's summary page, on either CI system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mtasts.findings.forms import format_for, plain
from mtasts.system import output


def set_output(environment: Mapping[str, str], name: str, value: str) -> None:
    """Set an output of this step. Outside a pipeline, do nothing."""
    system = format_for(environment)
    if system == "github":
        _append(environment.get("GITHUB_OUTPUT"), f"{name}={plain(value)}\n")
    elif system == "azure-devops":
        output.command(f"##vso[task.setvariable variable={name};isOutput=true]{plain(value)}")


def write_summary(environment: Mapping[str, str], name: str, text: str) -> None:
    """Add Markdown to the run's summary page. name: of the file that Azure Pipelines reads it from."""
    system = format_for(environment)
    if system == "github":
        _append(environment.get("GITHUB_STEP_SUMMARY"), f"{text}\n")
    elif system == "azure-devops":
        path = Path(environment.get("AGENT_TEMPDIRECTORY") or ".", f"{name}.md").absolute()
        path.write_text(f"{text}\n", encoding="utf-8")
        output.command(f"##vso[task.uploadsummary]{plain(str(path))}")


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
