"""The rights that the generated README gives are those that the pipelines' calls need, in commands that can be pasted.

Sources of the actions: Microsoft's list by resource provider, azure-cli (`staticwebapp`), octodns-azure and
octodns-route53 (what they call), terraform-provider-azurerm#28451 (host names of a Static Web App).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from conftest import Bake

pytestmark = pytest.mark.slow  # bakes for every hosting and DNS provider

ONCE = {"mail_provider": "other", "domain": "example.com", "app_name": "mtasts-example-com"}
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def readme(bake: Bake, **answers: str) -> str:
    """Return the README of a repository with these answers."""
    return (bake(**{**ONCE, **answers}) / "README.md").read_text(encoding="utf-8")


def commands(text: str, start: str) -> list[str]:
    """Return the commands in the README that begin so, in order."""
    blocks = [body for _, language, body in BLOCK.findall(text) if not language]
    return [line.strip() for body in blocks for line in body.splitlines() if line.strip().startswith(start)]


def documents(text: str) -> list[Any]:
    """Return what the README says to save as JSON, in order."""
    return [json.loads(body) for _, language, body in BLOCK.findall(text) if language == "json"]


def assigned(text: str) -> list[tuple[str, str, str]]:
    """Return role, identity and scope of each assignment, in order."""
    form = re.compile(
        r'az role assignment create --role (?:"([^"]+)"|(\S+)) --assignee-principal-type ServicePrincipal'
        r" --assignee-object-id (\w+)_PRINCIPAL --scope (\S+)"
    )
    found = [form.fullmatch(line) for line in commands(text, "az role assignment")]
    assert all(found)
    return [(each[1] or each[2], each[3], each[4]) for each in found if each]


GROUP = "/subscriptions/SUBSCRIPTION/resourceGroups/mtasts-example-com"
ASSIGNED = {
    "function": [
        ("Contributor", "PROVISION", GROUP),
        ("Role Based Access Control Administrator", "PROVISION", GROUP),
        ("Website Contributor", "DEPLOY", f"{GROUP}/providers/Microsoft.Web/sites/mtasts-example-com"),
    ],
    "static-web-app": [
        ("Contributor", "PROVISION", GROUP),
        ("Follow host names of mtasts-example-com", "PROVISION", "/subscriptions/SUBSCRIPTION"),
        ("Deploy mtasts-example-com", "DEPLOY", f"{GROUP}/providers/Microsoft.Web/staticSites/mtasts-example-com"),
    ],
    "front-door": [
        ("Contributor", "PROVISION", GROUP),
        (
            "Storage Blob Data Contributor",
            "DEPLOY",
            f"{GROUP}/providers/Microsoft.Storage/storageAccounts/STORAGE_ACCOUNT",
        ),
    ],
    "web-server": [],
}
REGISTERED = {
    "function": ["ManagedIdentity", "Web", "Storage", "Insights", "OperationalInsights"],
    "static-web-app": ["ManagedIdentity", "Web"],
    "front-door": ["ManagedIdentity", "Storage", "Cdn"],
    "web-server": [],
}
OWN_ROLES = {
    "static-web-app": [
        ("Follow host names of mtasts-example-com", ["Microsoft.Web/locations/*/read"], "/subscriptions/SUBSCRIPTION"),
        (
            "Deploy mtasts-example-com",
            ["Microsoft.Web/staticSites/read", "Microsoft.Web/staticSites/listSecrets/action"],
            GROUP,
        ),
    ],
}


@pytest.mark.parametrize("pipelines", ["github", "azure-devops"])
@pytest.mark.parametrize("hosting", ASSIGNED)
def test_the_rights_of_a_hosting(hosting: str, pipelines: str, bake: Bake) -> None:
    """Prove that each identity gets these roles at these scopes and no other, after the roles are defined."""
    text = readme(bake, hosting=hosting, pipelines=pipelines, dns_provider="cloudflare")
    assert assigned(text) == ASSIGNED[hosting]
    roles = [(role["Name"], role["Actions"], *role["AssignableScopes"]) for role in documents(text)]
    assert roles == OWN_ROLES.get(hosting, [])
    assert commands(text, "az role definition") == ['az role definition create --role-definition "@role.json"'] * len(
        roles
    )


@pytest.mark.parametrize("hosting", REGISTERED)
def test_the_resource_providers_are_registered_first(hosting: str, bake: Bake) -> None:
    """Prove that a new subscription takes what infra/ makes: the pipelines may not register (MissingSubscription…)."""
    folder = bake(**ONCE, hosting=hosting, dns_provider="cloudflare")
    text = (folder / "README.md").read_text(encoding="utf-8")
    expected = [f"Microsoft.{name}" for name in REGISTERED[hosting]]
    lines = commands(text, "az provider register")
    assert lines == [f"az provider register --wait --namespace {name}" for name in expected]
    if lines:
        assert text.index(lines[-1]) < text.index("az group create") < text.index("az identity create")
    bicep = "".join(path.read_text(encoding="utf-8") for path in (folder / "infra").rglob("*.bicep"))
    made = set(re.findall(r"'(Microsoft\.\w+)/[\w/]+@", bicep)) - {"Microsoft.Authorization"}  # which needs no one
    assert made <= set(expected)


ZONE_ROLE = {
    "Name": "Publish MTA-STS in example.com",
    "Description": "Read a DNS zone's records, and change its TXT and CNAME records",
    "Actions": [
        "Microsoft.Network/dnszones/recordsets/read",
        "Microsoft.Network/dnszones/CNAME/read",
        "Microsoft.Network/dnszones/CNAME/write",
        "Microsoft.Network/dnszones/CNAME/delete",
        "Microsoft.Network/dnszones/TXT/read",
        "Microsoft.Network/dnszones/TXT/write",
        "Microsoft.Network/dnszones/TXT/delete",
    ],
    "AssignableScopes": ["/subscriptions/DNS_SUBSCRIPTION/resourceGroups/DNS_GROUP"],
}
ZONE = "/subscriptions/DNS_SUBSCRIPTION/resourceGroups/DNS_GROUP/providers/Microsoft.Network/dnszones/example.com"


@pytest.mark.parametrize("hosting", ["front-door", "web-server"])
def test_the_right_to_publish_in_azure_dns(hosting: str, bake: Bake) -> None:
    """Prove that it reads one zone's records and changes TXT and CNAME alone: no other record, and no zone."""
    text = readme(bake, hosting=hosting, dns_provider="azure-dns")
    assert documents(text) == [ZONE_ROLE]
    assert assigned(text)[len(ASSIGNED[hosting]) :] == [("Publish MTA-STS in example.com", "DEPLOY", ZONE)]
    assert "confine it" not in text
    assert ("`AZURE_DNS_SUBSCRIPTION_ID` (DNS_SUBSCRIPTION)" in text) == (hosting != "web-server")
    if hosting == "web-server":
        assert commands(text, "az provider register") == [
            "az provider register --wait --namespace Microsoft.ManagedIdentity"
        ]


PREFIX = "gh api repos/OWNER/REPOSITORY/actions/oidc/customization/sub --jq .sub_claim_prefix"


@pytest.mark.parametrize(
    ("hosting", "pipelines", "subjects"),
    [
        ("function", "github", ["PREFIX:environment:provision", "PREFIX:environment:production"]),
        ("web-server", "github", ["PREFIX:environment:production"]),
        ("function", "azure-devops", []),
        ("web-server", "azure-devops", []),
    ],
)
def test_the_subject_is_the_one_that_github_sends(
    hosting: str, pipelines: str, subjects: list[str], bake: Bake
) -> None:
    """Prove that it is asked of GitHub: new and renamed repositories send their ids too, and the old form fails.

    azure-login, since 2026-07-15: AADSTS700213.
    """
    text = readme(bake, hosting=hosting, pipelines=pipelines, dns_provider="azure-dns")
    lines = commands(text, "az identity federated-credential create")
    assert [line.partition(" --subject ")[2] for line in lines] == subjects
    assert commands(text, "gh api") == ([PREFIX] if subjects else [])
    assert ("PREFIX is `repo:OWNER/REPOSITORY`" in text) == bool(subjects)


def test_the_right_to_publish_in_route_53(bake: Bake) -> None:
    """Prove that the policy has what octoDNS calls, and lets only our names be changed."""
    (policy,) = documents(readme(bake, hosting="web-server", dns_provider="route53"))
    zone = "arn:aws:route53:::hostedzone/ZONE_ID"
    names = [
        f"{name}.example.com" for name in ("mta-sts", "asuid.mta-sts", "_dnsauth.mta-sts", "_mta-sts", "_smtp._tls")
    ]
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "route53:ListHostedZones", "Resource": "*"},
            {"Effect": "Allow", "Action": "route53:ListResourceRecordSets", "Resource": zone},
            {
                "Effect": "Allow",
                "Action": "route53:ChangeResourceRecordSets",
                "Resource": zone,
                "Condition": {"ForAllValues:StringEquals": {key: names}},
            },
        ],
    }


def test_the_right_to_publish_at_cloudflare(bake: Bake) -> None:
    """Prove that the token has what octodns-cloudflare documents for DNS, and no right for Page Rules."""
    text = readme(bake, hosting="web-server", dns_provider="cloudflare")
    assert "*Zone → Zone → Read* and *Zone → DNS → Edit*" in text
    assert "Page Rules" not in text
