"""What infra/bootstrap.bicep grants, as the compiler predicts it: roles, assignments, and who may sign in with what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from bicep import parameters_of, predict
from servers.cloud import Credential
from servers.rights import Grant

_ROLE, _ASSIGNMENT = (f"Microsoft.Authorization/role{kind}" for kind in ("Definitions", "Assignments"))
_AT = re.compile(r"\[(?:subscriptionR|r)esourceId\('([^']+)'(?:, '([^']+)')?, 'Microsoft\.Authorization/roleAss")
_IDENTITY = re.compile(r"userAssignedIdentities/([\w-]+)'")


class Bootstrap(NamedTuple):
    """What the bootstrap makes. built_in: Azure's own roles that it assigns, as (identity, id of the role, scope)."""

    grants: list[Grant]
    credentials: list[Credential]
    built_in: list[tuple[str, str, str]]


def bootstrap(infra: Path, words: list[str]) -> Bootstrap:
    """Predict what the bootstrap makes. words: files of parameters, and NAME=VALUE, as `az` takes them."""
    return _read(predict(infra / "bootstrap.bicep", parameters_of(words, infra)).resources)


def _read(resources: list[Any]) -> Bootstrap:
    roles = {each["name"]: each["properties"] for each in resources if each["type"] == _ROLE}
    grants, built_in = [], []
    for each in (each for each in resources if each["type"] == _ASSIGNMENT):
        role, identity, scope = _assigned(each)
        if role in roles:
            grants.append(_grant(identity, scope, roles[role], each["properties"].get("condition") or ""))
        else:
            built_in.append((identity, role, scope))
    return Bootstrap(
        grants, [_credential(each) for each in resources if "issuer" in each.get("properties", {})], built_in
    )


def _assigned(assignment: Any) -> tuple[str, str, str]:
    """Return role, identity and scope of an assignment."""
    properties, at = assignment["properties"], _AT.match(assignment["id"])
    (identity,) = _IDENTITY.findall(properties["principalId"])
    assert at, assignment["id"]
    group = f"/resourceGroups/{at[2]}" if at[2] else ""
    return properties["roleDefinitionId"].rpartition("/")[2], identity, f"/subscriptions/{at[1]}{group}"


def _grant(identity: str, scope: str, role: Any, condition: str) -> Grant:
    assert scope in role["assignableScopes"]
    (permissions,) = role["permissions"]
    assert (permissions["notActions"], permissions["notDataActions"]) == ([], [])
    data = tuple(permissions["dataActions"])
    return Grant(identity, role["roleName"], scope, tuple(permissions["actions"]), data, condition)


def _credential(resource: Any) -> Credential:
    """Return a credential. The id of a client is Azure's: here it is made of the identity's name."""
    identity, _, _ = resource["name"].partition("/")
    properties = resource["properties"]
    assert properties["audiences"] == ["api://AzureADTokenExchange"]
    return Credential(f"client-of-{identity}", identity, properties["issuer"], properties["subject"])
