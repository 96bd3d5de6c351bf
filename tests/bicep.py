"""The Bicep compiler, and what it predicts: the resources that a deployment would make, without asking Azure."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import NO_COMPILER, ROOT

TENANT = "00000000-0000-0000-0000-000000000000"
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
DNS_SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"


@dataclass(frozen=True)
class Prediction:
    """What a deployment would make: resources in the order of their ids, outputs by name. Each is plain data."""

    resources: list[dict[str, Any]]
    outputs: dict[str, Any]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the resources of a type, such as Microsoft.Web/sites."""
        return [each for each in self.resources if each["type"].lower() == kind.lower()]


@functools.cache
def compiler() -> str:
    """Return the path of the compiler, or skip the test: these tests alone may skip, and the run names them."""
    own = Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure", "bin", "bicep")
    found = os.environ.get("MTASTS_BICEP") or shutil.which("bicep") or shutil.which(own)
    if not found or not _predicts(found):
        pytest.skip(NO_COMPILER)
    return found


def _predicts(program: str) -> bool:
    """Tell whether a compiler can predict: older ones cannot."""
    return b"snapshot" in subprocess.run([program, "--help"], env=_environment(), stdout=subprocess.PIPE).stdout


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the compiler."""
    return subprocess.run(
        [compiler(), *words], env=_environment(), capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def _environment() -> dict[str, str]:
    """Return what the compiler needs: a folder to unpack itself into, and no library of Unicode."""
    unpacked = {"DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(ROOT / ".cache" / "bicep")}
    return {**os.environ, **unpacked, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}


def predict(template: Path, parameters: Mapping[str, Any], group: str | None = None) -> Prediction:
    """Return what a deployment would make, in a resource group, or in the subscription."""
    folder = template.parent
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    lines = [f"using '{template.name}'", *(f"param {name} = {literal(parameters[name])}" for name in parameters)]
    found = json.loads(_snapshot(tuple(sorted(files.items())), "\n".join(lines), group))
    assert found["diagnostics"] == []
    return Prediction(sorted(found["predictedResources"], key=lambda each: str(each["id"])), found["outputs"])


@functools.cache  # the compiler takes a second or two, and many tests ask the same
def _snapshot(files: tuple[tuple[Path, bytes], ...], parameters: str, group: str | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:  # with all of infra/: a path in `using` is relative
        for path, content in files:
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, path).write_bytes(content)
        file = Path(folder, "snapshot.bicepparam")
        file.write_text(parameters, encoding="utf-8")
        where = ["--resource-group", group] if group else []
        ids = ["--tenant-id", TENANT, "--subscription-id", SUBSCRIPTION, "--location", "westeurope"]
        done = run("snapshot", file, *ids, *where)
        assert done.returncode == 0, done.stdout + done.stderr
        return file.with_suffix(".snapshot.json").read_bytes()


def literal(value: Any) -> str:
    """Return a value as Bicep writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(name)}: {literal(value[name])}" for name in value) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${") + "'"
    return json.dumps(value)


def parameters_of(words: list[str], folder: Path) -> dict[str, Any]:
    """Return the values that `az deployment … --parameters` takes from such words: files, and NAME=VALUE."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
        else:
            document = json.loads((folder / word).read_bytes())["parameters"]
            found |= {each: document[each]["value"] for each in document}
    return found
