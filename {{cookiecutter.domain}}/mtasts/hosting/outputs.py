"""What infra/ has made in Azure: where the hosting is and what proves the domains, for policy.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtasts.config import yaml_file
from mtasts.config.hosting import Kind
from mtasts.config.yaml_edit import EditError, with_values
from mtasts.findings import UserError

BYTES = 1024 * 1024

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")
_VERIFICATION = re.compile(r"[A-Za-z0-9_-]{1,128}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_HELP = "Write it with: az deployment group show --name mta-sts --resource-group GROUP --query properties.outputs"


@dataclass(frozen=True)
class Outputs:
    """What a deployment of infra/ gives. verifications: by domain, for Front Door. storage_account: likewise."""

    hostname: str
    verification: str | None = None
    verifications: Mapping[str, str] | None = None
    storage_account: str | None = None


def read(path: Path) -> Outputs:
    """Return what `az deployment group … --query properties.outputs` has written. Raises UserError."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(BYTES))  # as bytes: Windows PowerShell writes UTF-16
        return _outputs({name: output["value"] for name, output in found.items()})
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. {_HELP}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} does not hold the outputs of a deployment. {_HELP}") from None


def _outputs(values: Mapping[str, Any]) -> Outputs:
    proofs = values.get("verifications")
    return Outputs(
        _fitting(_HOST, values["hostname"]),
        _fitting(_VERIFICATION, values["verification"]) if "verification" in values else None,
        {each["domain"].lower(): _fitting(_VERIFICATION, each["verification"]) for each in proofs} if proofs else None,
        _fitting(_ACCOUNT, values["storageAccount"]) if "storageAccount" in values else None,
    )


def _fitting(form: re.Pattern[str], value: str) -> str:
    if not form.fullmatch(value):
        raise ValueError(value)
    return value


def written(text: str, outputs: Outputs) -> str:
    """Return policy.yaml's text with the outputs in it, and all else as it was. Raises UserError."""
    data = yaml_file.parse(text).data
    kind = Kind(data["hosting"]["kind"])
    proofs = {Kind.FUNCTION: outputs.verification, Kind.FRONT_DOOR: outputs.verifications}
    if [of for of, proof in proofs.items() if proof] != [of for of in proofs if of is kind]:
        raise UserError(f"hosting.kind is {kind}, and these are the outputs of another kind. {_HELP}")
    values = _values(data, outputs)
    try:
        return with_values(text, values)
    except EditError as error:
        raise UserError(f"policy.yaml {error}") from None


def _values(data: Mapping[str, Any], outputs: Outputs) -> dict[tuple[str, ...], str]:
    """Return the values that policy.yaml lacks or has otherwise, by their path."""
    found: dict[tuple[str, ...], str] = {("hosting", "hostname"): outputs.hostname}
    if outputs.verification:
        found["hosting", "verification"] = outputs.verification
    for name in data["domains"]:
        if name.lower() in (outputs.verifications or {}):
            found["domains", name, "verification"] = (outputs.verifications or {})[name.lower()]
    return {path: value for path, value in found.items() if _at(data, path) != value}


def _at(data: Any, path: tuple[str, ...]) -> object:
    for step in path:
        data = (data or {}).get(step)
    return data
