"""infra/bootstrap.bicep with the README's parameters: groups, identities, roles and who has them.

The compiler predicts it, and lets nonsense pass as an action: so actions are compared with Azure's list, actions.txt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import bicep
from bicep import DNS_SUBSCRIPTION, SUBSCRIPTION, Prediction
from conftest import Bake
from granted import Bootstrap, granted, scope_of
from readme import Walk

pytestmark = pytest.mark.slow  # starts the compiler for every row

HERE = Path(__file__).parent
KNOWN = {line.lower() for line in (HERE / "actions.txt").read_text(encoding="utf-8").split("\n") if line[:1] in "Mm"}
APP, PIPELINES = "mtasts-example-com", "mtasts-example-com-pipelines"
PREFIX = "repo:octo@1/mta-sts@2"
FILLED = {"PREFIX": PREFIX, "DNS_GROUP": "zones", "DNS_SUBSCRIPTION": DNS_SUBSCRIPTION}

HOSTINGS = ["function", "static-web-app", "front-door"]
DEPLOYMENTS = [
    "Microsoft.Resources/deployments/operationStatuses/read",
    "Microsoft.Resources/deployments/read",
    "Microsoft.Resources/deployments/validate/action",
    "Microsoft.Resources/deployments/whatIf/action",
    "Microsoft.Resources/deployments/write",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
]
SEEN = "Microsoft.Resources/subscriptions/resourceGroups/read"  # without it `az login` finds no subscription
STORAGE = [
    "Microsoft.Storage/storageAccounts/blobServices/read",
    "Microsoft.Storage/storageAccounts/blobServices/write",
    "Microsoft.Storage/storageAccounts/read",
    "Microsoft.Storage/storageAccounts/write",
]
PROVISION = {
    "function": [
        *DEPLOYMENTS,
        *STORAGE,
        "Microsoft.Insights/components/read",
        "Microsoft.Insights/components/write",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        "Microsoft.OperationalInsights/workspaces/read",
        "Microsoft.OperationalInsights/workspaces/write",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        "Microsoft.Storage/storageAccounts/blobServices/containers/write",
        "Microsoft.Web/serverfarms/join/action",
        "Microsoft.Web/serverfarms/read",
        "Microsoft.Web/serverfarms/write",
        "Microsoft.Web/sites/*/read",
        "Microsoft.Web/sites/*/write",
        "Microsoft.Web/sites/read",
        "Microsoft.Web/sites/write",
    ],
    "static-web-app": [
        *DEPLOYMENTS,
        "Microsoft.Web/staticSites/customDomains/read",
        "Microsoft.Web/staticSites/customDomains/write",
        "Microsoft.Web/staticSites/read",
        "Microsoft.Web/staticSites/write",
    ],
    "front-door": [
        *DEPLOYMENTS,
        *STORAGE,
        "Microsoft.Cdn/operationresults/*/read",
        *(
            f"Microsoft.Cdn/profiles/{kind}{verb}"
            for kind in ("", "afdendpoints/", "afdendpoints/routes/", "customdomains/", "origingroups/")
            for verb in ("read", "write")
        ),
        "Microsoft.Cdn/profiles/origingroups/origins/read",
        "Microsoft.Cdn/profiles/origingroups/origins/write",
        "Microsoft.Cdn/profiles/rulesets/read",
        "Microsoft.Cdn/profiles/rulesets/rules/read",
        "Microsoft.Cdn/profiles/rulesets/rules/write",
        "Microsoft.Cdn/profiles/rulesets/write",
    ],
}
DEPLOY = {
    "function": [
        SEEN,
        "Microsoft.Web/sites/config/list/action",
        "Microsoft.Web/sites/config/read",
        "Microsoft.Web/sites/publish/action",
        "Microsoft.Web/sites/publishxml/action",
        "Microsoft.Web/sites/read",
    ],
    "static-web-app": [
        SEEN,
        "Microsoft.Web/staticSites/customDomains/read",
        "Microsoft.Web/staticSites/listSecrets/action",
    ],
    "front-door": [
        "Microsoft.Cdn/profiles/afdendpoints/routes/read",
        "Microsoft.Cdn/profiles/customdomains/read",
        SEEN,
    ],
}
PUBLISH = [
    "Microsoft.Network/dnszones/CNAME/delete",
    "Microsoft.Network/dnszones/CNAME/write",
    "Microsoft.Network/dnszones/TXT/delete",
    "Microsoft.Network/dnszones/TXT/write",
    "Microsoft.Network/dnszones/recordsets/read",
    SEEN,
]
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
CONDITION = (
    f"((!(ActionMatches{{'{WRITE}'}})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals '$web'))"
)
OWNER_OF_BLOBS = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"  # Storage Blob Data Owner
WRITER_OF_METRICS = "3913510d-42f4-4e42-8a64-420c390055eb"  # Monitoring Metrics Publisher

Made = Callable[..., Prediction]


@pytest.fixture
def made(bake: Bake) -> Made:
    """Return what the README's command makes for some answers."""

    def predicted(hosting: str, pipelines: str = "github", dns: str = "azure-dns") -> Prediction:
        folder = bake(domain="example.com", app_name=APP, hosting=hosting, pipelines=pipelines, dns_provider=dns)
        words = Walk(folder, FILLED).bootstrap()
        given = bicep.parameters_of(words[words.index("--parameters") + 1 :], folder)
        return bicep.predict(folder / "infra" / "bootstrap.bicep", given)

    return predicted


def place(scope: str) -> str:
    """Return a scope in short: SUBSCRIPTION, or the name of a group; with / before it in the zones' subscription."""
    _, _, subscription, *group = scope.split("/")
    return f"{'/' if subscription == DNS_SUBSCRIPTION else ''}{group[-1] if group else 'SUBSCRIPTION'}"


def short(role: str) -> str:
    """Return the name of a role without what makes it the only one of that name in the tenant."""
    found = re.fullmatch(r"(MTA-STS \w+ of mtasts-example-com) [a-z0-9]{13}", role)
    assert found, role
    return found[1]


def roles(found: Bootstrap) -> dict[tuple[str, str], list[str]]:
    """Return the actions of the roles by their names and places."""
    data = {each: [f"data: {action}" for action in each.data] for each in found.grants}
    return {(short(each.role), place(each.scope)): sorted([*each.actions, *data[each]]) for each in found.grants}


def assigned(found: Bootstrap) -> list[tuple[str, str, str, str | None]]:
    """Return who has which role where, and under which condition."""
    own = [(each.identity, short(each.role), place(each.scope), each.condition or None) for each in found.grants]
    return sorted([*own, *((who, role, place(scope), None) for who, role, scope in found.built_in)], key=str)


def others(found: Prediction) -> list[tuple[str, str]]:
    """Return all other resources."""
    return sorted(
        (
            each["type"].rpartition("/")[2],
            f"{place(scope_of(each))}/{each['name']}" if "providers" in each["id"] else each["name"],
        )
        for each in found.resources
        if "Authorization" not in each["type"]
    )


# What is made


@pytest.mark.parametrize("dns", ["azure-dns", "cloudflare"])
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_roles_and_who_has_them(made: Made, hosting: str, dns: str) -> None:
    """Each identity has its own role in one group: deploy deletes nothing but records, and nobody grants anything."""
    found = granted(made(hosting, dns=dns))
    data = [f"data: {WRITE}"] if hosting == "front-door" else []
    expected = {
        ("MTA-STS provision of mtasts-example-com", APP): sorted(PROVISION[hosting]),
        ("MTA-STS deploy of mtasts-example-com", APP): sorted([*DEPLOY[hosting], *data]),
    }
    condition = CONDITION if data else None
    who: list[tuple[str, str, str, str | None]] = [
        ("provision", "MTA-STS provision of mtasts-example-com", APP, None),
        ("deploy", "MTA-STS deploy of mtasts-example-com", APP, condition),
    ]
    if hosting == "static-web-app":
        expected["MTA-STS provision of mtasts-example-com", "SUBSCRIPTION"] = ["Microsoft.Web/locations/*/read"]
        who.append(("provision", "MTA-STS provision of mtasts-example-com", "SUBSCRIPTION", None))
    if hosting == "function":
        who.append(("mtasts-example-com-identity", OWNER_OF_BLOBS, APP, None))
        who.append(("mtasts-example-com-identity", WRITER_OF_METRICS, APP, None))
    if dns == "azure-dns":
        expected["MTA-STS publish of mtasts-example-com", "/zones"] = PUBLISH
        who.append(("deploy", "MTA-STS publish of mtasts-example-com", "/zones", None))
    assert roles(found) == expected
    assert assigned(found) == sorted(who, key=str)


def test_a_web_server_gets_what_its_dns_needs(made: Made) -> None:
    """One identity beside the zones, with one role: no group, no provision."""
    found = made("web-server")
    given = granted(found)
    assert roles(given) == {("MTA-STS publish of mtasts-example-com", "zones"): PUBLISH}
    assert assigned(given) == [("deploy", "MTA-STS publish of mtasts-example-com", "zones", None)]
    assert others(found) == [
        ("federatedIdentityCredentials", "zones/deploy/github"),
        ("userAssignedIdentities", "zones/deploy"),
    ]
    assert found.outputs["provisionClientId"] == ""
    assert found.outputs["deployClientId"].endswith(
        "/resourceGroups/zones/providers/"
        "Microsoft.ManagedIdentity/userAssignedIdentities/deploy', '2024-11-30').clientId]"
    )


@pytest.mark.parametrize("pipelines", ["github", "azure-devops"])
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_groups_identities_and_credentials(made: Made, hosting: str, pipelines: str) -> None:
    """By the names that older READMEs gave them. Azure DevOps makes the credentials itself."""
    found = made(hosting, pipelines)
    app = [("userAssignedIdentities", f"{APP}/mtasts-example-com-identity")] if hosting == "function" else []
    credentials = [
        ("federatedIdentityCredentials", f"{PIPELINES}/deploy/github"),
        ("federatedIdentityCredentials", f"{PIPELINES}/provision/github"),
    ]
    assert others(found) == sorted(
        [
            *(credentials if pipelines == "github" else []),
            ("resourceGroups", APP),
            ("resourceGroups", PIPELINES),
            ("userAssignedIdentities", f"{PIPELINES}/deploy"),
            ("userAssignedIdentities", f"{PIPELINES}/provision"),
            *app,
        ]
    )


def test_github_signs_in_by_environment(made: Made) -> None:
    """No other environment or repository can. New repositories send their ids: else AADSTS700213."""
    found = made("function")
    given = {each.identity: (each.issuer, each.subject) for each in granted(found).credentials}
    assert given == {
        "deploy": ("https://token.actions.githubusercontent.com", "repo:octo@1/mta-sts@2:environment:production"),
        "provision": ("https://token.actions.githubusercontent.com", "repo:octo@1/mta-sts@2:environment:provision"),
    }
    assert (found.outputs["tenantId"], found.outputs["subscriptionId"]) == (bicep.TENANT, SUBSCRIPTION)
    for name in ("deploy", "provision"):
        assert f"{PIPELINES}/" in found.outputs[f"{name}ClientId"]
        assert found.outputs[f"{name}ClientId"].endswith(f"/{name}', '2024-11-30').clientId]")


# What Azure takes


def every_action() -> list[str]:
    """Return every action of every role."""
    every = [*PUBLISH, WRITE, "Microsoft.Web/locations/*/read"]
    return sorted({action for group in (*PROVISION.values(), *DEPLOY.values(), every) for action in group})


@pytest.mark.parametrize("action", every_action())
def test_azure_knows_the_action(action: str) -> None:
    """Azure refuses a role with one that it does not know (InvalidActionOrNotAction), or with two stars in one."""
    assert action.count("*") < 2
    assert [known for known in KNOWN if fnmatchcase(known, action.lower())] != []


def test_what_is_not_in_azures_list_is_covered_by_a_wildcard() -> None:
    """sites/certificates has no action there, and host names of a Static Web App are refused without the wildcard.

    terraform-provider-azurerm#28451. Front Door's results are nested below the profile's.
    """
    assert [action for action in every_action() if "*" in action] == [
        "Microsoft.Cdn/operationresults/*/read",
        "Microsoft.Web/locations/*/read",
        "Microsoft.Web/sites/*/read",
        "Microsoft.Web/sites/*/write",
    ]
    assert [known for known in KNOWN if "certificates" in known] == []


def test_nothing_can_be_deleted_but_records_and_nothing_granted() -> None:
    """By any role: no app, no zone, no group, no role."""
    assert [action for action in every_action() if action.endswith(("/delete", "/*"))] == PUBLISH[:4:2]
    assert [action for action in every_action() if "Authorization" in action or "federated" in action] == []
    everyday = [action for group in DEPLOY.values() for action in group]
    assert [action for action in everyday if action.endswith("/write") or "*" in action] == []


def test_the_description_lists_the_old_roles_that_can_go(bake: Bake) -> None:
    """Those that the README of November 2026 had people assign."""
    text = (bake() / "infra" / "bootstrap.bicep").read_text(encoding="utf-8").split("targetScope")[0]
    for role in (
        *("Contributor", "Role Based Access Control Administrator", "Website Contributor", "DNS Zone Contributor"),
        *("Storage Blob Data Contributor", "Storage Blob Data Owner", "Monitoring Metrics Publisher"),
        *('"Follow host names of NAME"', '"Deploy NAME"', '"Publish MTA-STS in DOMAIN"'),
    ):
        assert role in text
