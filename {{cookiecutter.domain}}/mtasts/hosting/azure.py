"""The parameters of the deployment of infra/, from policy.yaml, and its outputs, for policy.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from mtasts.config.hosting import Hosting, Kind
from mtasts.config.model import Config
from mtasts.config.yaml_edit import EditError, with_values
from mtasts.findings import UserError

BYTES = 1024 * 1024  # of a file with outputs

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
_PHASED = (Kind.FUNCTION, Kind.STATIC_WEB_APP)  # Front Door takes its host names before they are in DNS
_NEEDED = {"name": "name (the app's, which nobody else may have)", "region": "region (such as westeurope)"}

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")
_VERIFICATION = re.compile(r"[A-Za-z0-9_-]{1,128}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_HELP = "Create it with: az deployment group show --name mta-sts --resource-group GROUP --query properties.outputs"


class Phase(str, Enum):
    """What is deployed: the app alone, or its host names and certificates too."""

    APP = "app"
    DOMAINS = "domains"

    __str__ = str.__str__


def parameters(config: Config, phase: Phase) -> dict[str, object]:
    """Return the parameters document of the hosting's Bicep file. Raises UserError if policy.yaml lacks a value."""
    hosting = config.hosting
    _require(hosting)
    values = {"name": hosting.name, "location": hosting.region, "domains": [domain.name for domain in config.domains]}
    if hosting.kind in _PHASED:
        values["phase"] = phase.value
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {name: {"value": value} for name, value in values.items()},
    }


def _require(hosting: Hosting) -> None:
    if hosting.kind is Kind.WEB_SERVER:
        raise UserError(
            "hosting.kind is web-server, so there is nothing to deploy to Azure. "
            "Serve build/static with your own server, or choose another kind."
        )
    missing = [key for key in _NEEDED if not getattr(hosting, key)]
    if missing:
        raise UserError(
            f"hosting lacks {' and '.join(missing)}, which Azure needs to create it. "
            f"Add under hosting: {' and '.join(_NEEDED[key] for key in missing)}."
        )


@dataclass(frozen=True)
class Outputs:
    """What a deployment of infra/ gives. verifications: by domain, for Front Door. storage_account: likewise."""

    hostname: str
    verification: str | None = None
    verifications: Mapping[str, str] | None = None
    storage_account: str | None = None


def read_outputs(path: Path) -> Outputs:
    """Return what `az deployment group … --query properties.outputs` has written. Raises UserError."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(BYTES))  # as bytes: Windows PowerShell writes UTF-16
        return _outputs({name: output["value"] for name, output in found.items()})
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. {_HELP}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} does not contain the outputs of a deployment. {_HELP}") from None


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


def with_outputs(text: str, config: Config, outputs: Outputs) -> str:
    """Return the text of policy.yaml, whose config is given, with the outputs in it. Raises UserError."""
    kind = config.hosting.kind
    proofs = {Kind.FUNCTION: outputs.verification, Kind.FRONT_DOOR: outputs.verifications}
    if [of for of, proof in proofs.items() if proof] != [of for of in proofs if of is kind]:
        raise UserError(f"hosting.kind is {kind}, but these outputs are of another kind. {_HELP}")
    values = dict(_values(config, outputs))
    try:
        return with_values(text, values) if values else text
    except EditError as error:
        raise UserError(f"policy.yaml {error}") from None


def _values(config: Config, outputs: Outputs) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the values that policy.yaml lacks or has different, with their path."""
    if config.hosting.hostname != outputs.hostname:
        yield ("hosting", "hostname"), outputs.hostname
    if outputs.verification and config.hosting.verification != outputs.verification:
        yield ("hosting", "verification"), outputs.verification
