"""What infra/ is deployed with: the values of policy.yaml as an ARM parameters document."""

from __future__ import annotations

from enum import Enum

from mtasts.config.hosting import Hosting, Kind
from mtasts.config.model import Config
from mtasts.findings import UserError

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
_PHASED = (Kind.FUNCTION, Kind.STATIC_WEB_APP)  # Front Door takes its host names before they are in DNS
_NEEDED = {"name": "name (the app's, not taken by anyone else)", "region": "region (such as westeurope)"}


class Phase(str, Enum):
    """What is deployed: the app alone, or its host names and certificates too."""

    APP = "app"
    DOMAINS = "domains"

    __str__ = str.__str__


def parameters(config: Config, phase: Phase) -> dict[str, object]:
    """Return the parameters document of the hosting's Bicep file. Raises UserError if it lacks a value."""
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
            "hosting.kind is web-server, and Azure has no part in that. "
            "Serve build/static with your own server, or choose another kind."
        )
    missing = [key for key in _NEEDED if not getattr(hosting, key)]
    if missing:
        raise UserError(
            f"hosting has no {' and no '.join(missing)}, so it is open what Azure is to make, or where. "
            f"Write under hosting: {' and '.join(_NEEDED[key] for key in missing)}."
        )
