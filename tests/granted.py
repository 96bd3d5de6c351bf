"""What infra/bootstrap.bicep grants, as the compiler predicts it: roles, assignments, and who may sign in with what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bicep import Prediction, parameters_of, predict
from servers.cloud import Credential
from servers.rights import Grant

_CREDENTIALS = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
_ROLES, _ASSIGNMENTS = (f"Microsoft.Authorization/role{kind}" for kind in ("Definitions", "Assignments"))
_PLACE = re.compile(r"\[(?:r|subscriptionR)esourceId\('([-\w]+)'(?:, '([-\w]+)')?, 'Microsoft")
_ID = re.compile(r"/subscriptions/([-\w]+)(?:/resourceGroups/([-\w]+))?")
_PRINCIPAL = re.compile(r"\[(reference\('.*/userAssignedIdentities/([\w-]+)', '[\d-]+'\)\.principalId)\]")


class Bootstrap(NamedTuple):
    """What the bootstrap makes. built_in: Azure's own roles that it assigns, as (identity, id of the role, scope)."""

    grants: list[Grant]
    credentials: list[Credential]
    built_in: list[tuple[str, str, str]]


def bootstrap(infra: Path, words: list[str]) -> Bootstrap:
    """Predict what the bootstrap makes. words: files of parameters, and NAME=VALUE, as `az` takes them."""
    return granted(predict(infra / "bootstrap.bicep", parameters_of(words, infra)))


def granted(found: Prediction) -> Bootstrap:
    """Read what a bootstrap makes, as predicted. Each role can be assigned where it is, and is, once."""
    roles = {str(each["name"]): each for each in found.of(_ROLES)}
    grants, built_in = [], []
    for each in found.of(_ASSIGNMENTS):
        role, identity, scope = _assigned(each)
        if role in roles:
            grants.append(_grant(identity, scope, roles.pop(role), each["properties"].get("condition") or ""))
        else:
            assert not each["properties"].get("condition")
            built_in.append((identity, role, scope))
    assert not roles
    return Bootstrap(grants, [_credential(each) for each in found.of(_CREDENTIALS)], built_in)


def scope_of(resource: Mapping[str, Any]) -> str:
    """Return the subscription or the group that a resource is in, by its id."""
    found = _PLACE.match(resource["id"]) or _ID.match(resource["id"])
    assert found, resource["id"]
    return f"/subscriptions/{found[1]}" + (f"/resourceGroups/{found[2]}" if found[2] else "")


def _assigned(assignment: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return role, identity and scope. An identity that is made again gets an assignment of another name."""
    given = assignment["properties"]
    principal = _PRINCIPAL.fullmatch(given["principalId"])
    assert principal and str(assignment["name"]).endswith(f"{principal[1]})]"), assignment
    assert given["principalType"] == "ServicePrincipal"
    assert given.get("conditionVersion") == ("2.0" if given.get("condition") else None)
    return given["roleDefinitionId"].rpartition("/")[2], principal[2], scope_of(assignment)


def _grant(identity: str, scope: str, role: Mapping[str, Any], condition: str) -> Grant:
    properties = role["properties"]
    assert properties["assignableScopes"] == [scope_of(role)] == [scope]
    (allowed,) = properties["permissions"]
    assert (properties["type"], allowed["notActions"], allowed["notDataActions"]) == ("CustomRole", [], [])
    data = tuple(allowed["dataActions"])
    return Grant(identity, properties["roleName"], scope, tuple(allowed["actions"]), data, condition)


def _credential(resource: Mapping[str, Any]) -> Credential:
    """Return a credential. The id of a client is Azure's: here it is made of the identity's name."""
    identity, _, _ = resource["name"].partition("/")
    properties = resource["properties"]
    assert properties["audiences"] == ["api://AzureADTokenExchange"]
    return Credential(f"client-of-{identity}", identity, properties["issuer"], properties["subject"])
