"""What the resource manager does for a deployment, in the name of who asked for it: the actions that this needs.

A resource is read and written. Beside that, by its type, with the source of each: see ALSO.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DEPLOYMENT = "Microsoft.Resources/deployments"
_FORMS: dict[str, Callable[..., bool]] = {
    r"\[parameters\('(\w+)'\)\]": lambda given, name: given.get(name),
    r"\[not\(parameters\('(\w+)'\)\)\]": lambda given, name: not given.get(name),
    r"\[equals\(parameters\('(\w+)'\), '(\w*)'\)\]": lambda given, name, value: given.get(name) == value,
}

# By type: what its writing needs of others. `at` is where: the subscription, or the resource group.
ALSO: dict[str, list[tuple[str, str]]] = {
    # Microsoft's list by provider: the plan is joined. aad-pod-identity#613: the identity is assigned.
    "microsoft.web/sites": [
        ("group", "Microsoft.Web/serverfarms/join/action"),
        ("group", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"),
    ],
    # terraform-provider-azurerm#28451: a host name is followed at the subscription. The action's own name is not known.
    "microsoft.web/staticsites/customdomains": [("subscription", "Microsoft.Web/locations/operationResults/read")],
    # Microsoft's list by provider: writing is followed by its results.
    "microsoft.cdn/profiles": [("group", "Microsoft.Cdn/operationresults/profileresults/read")],
}


def needs(template: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a template needs, as (where, action). given: the values of its parameters."""
    values = {name: each.get("defaultValue") for name, each in template.get("parameters", {}).items()} | dict(given)
    for resource in _resources(template):
        if not _holds(resource.get("condition", True), values):
            continue
        if resource["type"] == DEPLOYMENT:
            yield from _module(resource["properties"], values)
        else:
            yield from _resource(resource)


def outputs(template: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deployment's outputs. made: what Azure made up, by the output's name."""
    found = template.get("outputs", {})
    return {name: {"type": each["type"].title(), "value": made.get(name, "")} for name, each in found.items()}


def _resources(template: Mapping[str, Any]) -> list[Any]:
    found = template["resources"]
    return list(found.values()) if isinstance(found, dict) else found


def _resource(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind, types = resource["type"], [resource["type"]]
    if kind.lower().endswith("/basicpublishingcredentialspolicies"):  # its names are types to Azure
        types = [f"{kind}/{name}" for name in re.findall(r"\b(ftp|scm)\b", resource["name"])]
    yield from (("group", f"{each}/read") for each in types)
    if not resource.get("existing"):
        yield from (("group", f"{each}/write") for each in types)
        yield from ALSO.get(kind.lower(), [])


def _module(properties: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a module needs: it is a deployment of its own."""
    yield from (("group", f"{DEPLOYMENT}/{verb}") for verb in ("read", "write"))
    # A value that depends on another one is an expression as a whole: if(…, createObject('value', …), …).
    known = {name: each for name, each in properties.get("parameters", {}).items() if isinstance(each, dict)}
    given = {name: _value(each.get("value"), values) for name, each in known.items()}
    yield from needs(properties["template"], given)


def _value(expression: Any, values: Mapping[str, Any]) -> Any:
    """Return what an expression means, or None: only a run in Azure can tell."""
    if not isinstance(expression, str) or not expression.startswith("["):
        return expression
    for form, meaning in _FORMS.items():
        if found := re.fullmatch(form, expression):
            return meaning(values, *found.groups())
    return None


def _holds(condition: Any, values: Mapping[str, Any]) -> bool:
    """Tell whether a resource may be made: what is not known here counts as yes."""
    return _value(condition, values) is not False
