"""The rights that the generated README gives are those that the pipelines' calls need, in commands that can be pasted.

test_bootstrap.py has what its command makes in Azure. Source of Route 53's actions: octodns-route53 (what it calls).
"""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

from conftest import Bake
from readme import BLOCK, Walk

pytestmark = pytest.mark.slow  # bakes for every hosting and DNS provider

ONCE = {"mail_provider": "other", "domain": "example.com", "app_name": "mtasts-example-com", "region": "westeurope"}
HOSTINGS = ["function", "static-web-app", "front-door"]


def walk(bake: Bake, **answers: str) -> Walk:
    """Return the README of a repository with these answers, as it is written."""
    return Walk(bake(**{**ONCE, **answers}), {})


def documents(text: str) -> list[Any]:
    """Return what the README says to save as JSON, in order."""
    return [json.loads(body) for _, language, body in BLOCK.findall(text) if language == "json"]


REGISTERED = {
    "function": ["ManagedIdentity", "Web", "Storage", "Insights", "OperationalInsights"],
    "static-web-app": ["ManagedIdentity", "Web"],
    "front-door": ["ManagedIdentity", "Storage", "Cdn"],
}
BOOTSTRAP = (
    "az deployment sub create --name mtasts-example-com-bootstrap --location westeurope "
    "--template-file infra/bootstrap.bicep --query properties.outputs --parameters "
)
ZONES = " dnsGroup=DNS_GROUP dnsSubscription=DNS_SUBSCRIPTION"


@pytest.mark.parametrize("dns", ["azure-dns", "manual"])
@pytest.mark.parametrize("pipelines", ["github", "azure-devops"])
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_an_owner_has_three_commands(hosting: str, pipelines: str, dns: str, bake: Bake) -> None:
    """Sign in, register what a new subscription lacks (MissingSubscriptionRegistration), and make all in one go."""
    section = walk(bake, hosting=hosting, pipelines=pipelines, dns_provider=dns)
    section.text = section.text.split("## The first deployment")[1].split("Without the pipeline")[0]
    files = f"infra/{hosting}.rights.json" + (" infra/azure-dns.rights.json" if dns == "azure-dns" else "")
    prefix = " subjectPrefix=PREFIX" if pipelines == "github" else ""
    assert section.commands("az ") == [
        "az login",
        *(f"az provider register --wait --namespace Microsoft.{name}" for name in REGISTERED[hosting]),
        f"{BOOTSTRAP}{files} name=mtasts-example-com{prefix}{ZONES if dns == 'azure-dns' else ''}",
    ]


@pytest.mark.parametrize("pipelines", ["github", "azure-devops"])
def test_a_web_server_has_the_same_three_for_its_zones(pipelines: str, bake: Bake) -> None:
    """In the zones' subscription. Without Azure DNS it has none."""
    prefix = " subjectPrefix=PREFIX" if pipelines == "github" else ""
    made = BOOTSTRAP.replace("create", "create --subscription DNS_SUBSCRIPTION")
    assert walk(bake, hosting="web-server", pipelines=pipelines, dns_provider="azure-dns").commands("az ") == [
        "az login",
        "az provider register --wait --namespace Microsoft.ManagedIdentity --subscription DNS_SUBSCRIPTION",
        f"{made}infra/azure-dns.rights.json name=mtasts-example-com{prefix} dnsGroup=DNS_GROUP",
    ]


def test_a_web_server_without_azure_dns_has_no_azure(bake: Bake) -> None:
    """Neither a command nor a file."""
    folder = bake(**ONCE, hosting="web-server", dns_provider="cloudflare")
    assert Walk(folder, {}).commands("az ") == []
    assert not (folder / "infra").exists()


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_what_is_registered_is_what_infra_makes(hosting: str, bake: Bake) -> None:
    """Neither more nor less. Resource groups, roles and DNS zones need none."""
    infra = bake(**ONCE, hosting=hosting, dns_provider="azure-dns") / "infra"
    bicep = "".join(path.read_text(encoding="utf-8") for path in infra.rglob("*.bicep"))
    made = set(re.findall(r"'Microsoft\.(\w+)/[\w/]+@", bicep)) - {"Authorization", "Resources"}
    assert made == set(REGISTERED[hosting])


def test_no_code_is_fetched_beside_a_token(bake: Bake) -> None:
    """`az extension add` takes what is newest, and `az afd` is no part of az any more: core commands and `az rest`."""
    for hosting in [*HOSTINGS, "web-server"]:
        for pipelines in ("github", "azure-devops"):
            folder = bake(**ONCE, hosting=hosting, pipelines=pipelines)
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                assert re.findall(rb"az (?:extension|afd|cdn) ", path.read_bytes()) == [], path
            shutil.rmtree(folder)


PREFIX = "`gh api repos/OWNER/REPOSITORY/actions/oidc/customization/sub --jq .sub_claim_prefix`"


@pytest.mark.parametrize("hosting", ["function", "web-server"])
@pytest.mark.parametrize("pipelines", ["github", "azure-devops"])
def test_the_subject_is_the_one_that_github_sends(hosting: str, pipelines: str, bake: Bake) -> None:
    """It is asked of GitHub: new and renamed repositories send their ids too, and the old form fails.

    azure-login, since 2026-07-15: AADSTS700213.
    """
    text = walk(bake, hosting=hosting, pipelines=pipelines, dns_provider="azure-dns").text
    assert (PREFIX in text) == (pipelines == "github")
    assert ("PREFIX is `repo:OWNER/REPOSITORY`" in text) == (pipelines == "github")


def test_what_can_go_wrong_is_said_with_the_command(bake: Bake) -> None:
    """By the code that Azure answers with."""
    for hosting in ("function", "web-server"):
        folder = bake(**{**ONCE, "domain": f"{hosting}.example"}, hosting=hosting, dns_provider="azure-dns")
        text = Walk(folder, {}).text
        for code in (
            *("RoleDefinitionDoesNotExist", "PrincipalNotFound", "ResourceGroupNotFound", "AuthorizationFailed"),
            *("InvalidResourceGroupLocation", "InvalidDeploymentLocation", "RoleDefinitionWithSameNameExists"),
        ):
            assert f"`{code}`" in text


def test_the_right_to_publish_in_route_53(bake: Bake) -> None:
    """Prove that the policy has what octoDNS calls, and lets only our names be changed."""
    (policy,) = documents(walk(bake, hosting="web-server", dns_provider="route53").text)
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
    text = walk(bake, hosting="web-server", dns_provider="cloudflare").text
    assert "*Zone → Zone → Read* and *Zone → DNS → Edit*" in text
    assert "Page Rules" not in text
