"""The roles of infra/bootstrap.bicep are enough for all that the pipelines do in Azure, and have nothing to spare.

Genuine are the pipelines' scripts, the Azure CLI, the Bicep compiler and octoDNS. Azure is the stand-in of
servers/cloud.py. Which actions a call needs is read in Microsoft's list by resource provider, and where that is silent,
in the sources that servers/deployments.py and servers/actions.py name. None of it was tried in Azure itself.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

import pipeline_files
from azure_steps import APP_GROUP, STORAGE, bash, commands, prepare, steps
from bicep import DNS_SUBSCRIPTION, SUBSCRIPTION
from conftest import TEMPLATE, Bake
from granted import Bootstrap, bootstrap
from pipeline_files import HOSTINGS, SYSTEMS, bash_only, pipeline
from servers.cli import signed_out
from servers.cloud import TENANT
from servers.dns_azure import GROUP
from servers.hosting import HOSTNAMES, Hosting
from servers.rights import Need, allowed
from signed_in import APP, CONNECTIONS, PREFIX, SignedIn

pytestmark = [bash_only]

ZONE = f"/subscriptions/{DNS_SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network/dnsZones/example.com"
MADE = {
    "verification": "A1B2",
    "verifications": [{"domain": "example.com", "verification": "_token"}],
    "storageAccount": STORAGE,
}
# Asked for by the actions, which go on without: they take the token in place of the password that the policy may allow.
POLICY = "Microsoft.Web/sites/basicPublishingCredentialsPolicies/scm/read"
DONE_WITHOUT = {
    ("function", "github"): [POLICY],
    ("function", "azure-devops"): [POLICY, "Microsoft.Web/sites/config/write"],
}
ANSWERS = {"domain": "example.com", "mail_provider": "other", "app_name": APP, "dns_provider": "azure-dns"}


Bootstrapped = Callable[[str, str, str], Bootstrap]
Begin = Callable[..., tuple[Path, Hosting]]


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory) -> Bootstrapped:
    """Return what the bootstrap of a hosting and a system makes, for zones in a subscription: each predicted once."""
    infra = shutil.copytree(TEMPLATE / "infra", tmp_path_factory.mktemp("infra") / "infra")

    @functools.cache
    def made(hosting: str, system: str, zones_in: str) -> Bootstrap:
        words = [f"{name}.rights.json" for name in (hosting, "azure-dns") if name != "web-server"]
        words += [f"name={APP}", f"dnsGroup={GROUP}", f"dnsSubscription={zones_in}"]
        words += [f"subjectPrefix={PREFIX}"] if system == "github" else []
        return bootstrap(infra, words)

    return made


@pytest.fixture
def begin(bake: Bake, bootstrapped: Bootstrapped, tmp_path: Path) -> Iterator[Begin]:
    """Return a repository for a hosting and a system, and an Azure where its bootstrap has run."""
    with ExitStack() as running:

        def begun(hosting: str, system: str, zones_in: str = DNS_SUBSCRIPTION) -> tuple[Path, Hosting]:
            made = bootstrapped(hosting, system, zones_in)
            credentials = made.credentials if system == "github" else CONNECTIONS
            cloud = Hosting(tmp_path / "cloud", hosting, made.grants, credentials, lambda: cloud.dns.all())
            running.enter_context(cloud)
            group = f"{APP_GROUP}/providers"
            cloud.resources = [
                f"{group}/Microsoft.Web/sites/{APP}",
                f"{group}/Microsoft.Storage/storageAccounts/{STORAGE}",
            ]
            cloud.made, cloud.zones_in = {**MADE, "hostname": HOSTNAMES[hosting]}, zones_in
            cloud.dns.add_zone("example.com")
            return bake(hosting=hosting, pipelines=system, **ANSWERS), cloud

        yield begun


def variables(zones_in: str, hosting: str) -> dict[str, str]:
    """Return what the README says to set."""
    another = {"AZURE_DNS_SUBSCRIPTION_ID": zones_in} if zones_in != SUBSCRIPTION and hosting != "web-server" else {}
    return {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_SUBSCRIPTION_ID": zones_in if hosting == "web-server" else SUBSCRIPTION,
        "AZURE_RESOURCE_GROUP": APP,
        "AZURE_FUNCTIONAPP_NAME": APP,
        "AZURE_STATICWEBAPP_NAME": APP,
        "AZURE_STORAGE_ACCOUNT": STORAGE,
        "AZURE_DNS_RESOURCE_GROUP": GROUP,
        **another,
    }


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_the_pipelines_may_do_all_that_they_do(
    hosting: str,
    system: str,
    az: Mapping[str, str],
    begin: Begin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prove that *provision* with *create*, and then *deploy*, end well with the roles that the bootstrap gives."""
    zones_in = DNS_SUBSCRIPTION if system == "github" else SUBSCRIPTION
    repository, cloud = begin(hosting, system, zones_in)
    prepare(repository)
    if system == "azure-devops":
        # The repository's own steps: with Azure DNS they sign in, and the template's have those of each provider.
        monkeypatch.setattr(pipeline_files, "AZURE", repository / ".azuredevops")
    for name in ([] if hosting == "web-server" else ["provision"]) + [f"deploy-{hosting}"]:
        (tmp_path / name).mkdir()
        played = SignedIn(tmp_path / name, repository, cloud, az, variables(zones_in, hosting))
        ended = played.play(pipeline(system, name), create="true")
        assert "failure" not in ended.values(), (ended, played.all_said, cloud.refused)
        made = {"front-door": "skipped", "web-server": None}.get(
            hosting, "success"
        )  # Front Door's came with the profile
        assert name == "provision" or ended.get("domains") == made
        if name == "provision":
            shutil.copy(played.work / "policy.yaml", repository)  # as a person commits it
    assert [need.action for need in cloud.refused] == DONE_WITHOUT.get((hosting, system), [])


# Each action by itself


@pytest.mark.slow
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_without_any_one_action_something_fails(
    hosting: str, az: Mapping[str, str], begin: Begin, tmp_path: Path
) -> None:
    """Prove that no action is missing and none too many: each is taken away by itself, and what needed it must fail."""
    repository, cloud = begin(hosting, "github")
    cloud.looks = False  # the records come last here
    usual = {**az, **cloud.environment, "PAUSE": "0"}
    identities = ["deploy"] if hosting == "web-server" else ["provision", "deploy"]
    machines = {each: signed_out(usual, tmp_path / each) for each in identities}
    prepare(repository)
    needed = []
    for step in steps(hosting, repository, machines, cloud):
        cloud.done.clear()
        assert step.take(), cloud.refused
        needed.append((step, [need for need in cloud.done if need not in cloud.refused]))
    granted, idle = list(cloud.grants), []
    for grant in granted:
        for action in (*grant.actions, *grant.data):
            cloud.grants = [each.without(action) if each is grant else each for each in granted]
            broken = [step for step, needs in needed if not all(allowed(cloud.grants, need) for need in needs)]
            if not broken:
                idle.append(action)
            elif broken[0].take():
                pytest.fail(f"{grant.identity} goes on without {action}")
    assert idle == []


# What nobody may do

GRANTING = [
    "Microsoft.Authorization/elevateAccess/action",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/write",
]
BREAKING = [
    "Microsoft.Cdn/profiles/afdendpoints/routes/write",
    "Microsoft.Cdn/profiles/customdomains/write",
    "Microsoft.Network/dnszones/MX/write",
    "Microsoft.Network/dnszones/NS/write",
    "Microsoft.Network/dnszones/write",
    "Microsoft.Resources/deployments/write",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Web/sites/config/write",
    "Microsoft.Web/sites/hostNameBindings/write",
    "Microsoft.Web/sites/write",
    "Microsoft.Web/staticSites/customDomains/write",
    "Microsoft.Web/staticSites/write",
]
DELETES = ["Microsoft.Network/dnszones/CNAME/delete", "Microsoft.Network/dnszones/TXT/delete"]


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_no_identity_can_grant_or_delete(hosting: str, bootstrapped: Bootstrapped) -> None:
    """Prove that what a role allows deletes records alone, and that *deploy* makes neither host names nor resources."""
    grants = bootstrapped(hosting, "github", DNS_SUBSCRIPTION).grants
    deletes = [
        (each.identity, action)
        for each in grants
        for action in (*each.actions, *each.data)
        if action.endswith(("/delete", "*"))
    ]
    assert deletes == [("deploy", action) for action in DELETES]
    scopes = {each.scope for each in grants}
    wanted = [
        Need(who, action, scope)
        for who, actions in (("provision", GRANTING), ("deploy", GRANTING + BREAKING))
        for action in actions
        for scope in scopes
    ]
    assert [need for need in wanted if allowed(grants, need)] == []


SITE = f"{APP_GROUP}/providers/Microsoft.Web/sites/{APP}"
ROLES = f"{APP_GROUP}/providers/Microsoft.Authorization"
REFUSED = [
    ("deploy", f"az group delete --yes --name {APP}"),
    ("deploy", f"az rest --method delete --url {SITE}?api-version=2024-11-01"),
    ("deploy", f"az rest --method delete --url {ZONE}?api-version=2018-05-01"),
    ("deploy", f"az rest --method put --url {ZONE}/MX/@?api-version=2018-05-01 --body {{}}"),
    (
        "deploy",
        f"az rest --method put --url {SITE}/hostNameBindings/mta-sts.example.com?api-version=2024-11-01 --body {{}}",
    ),
    ("provision", f"az rest --method put --url {ROLES}/roleAssignments/1?api-version=2022-04-01 --body {{}}"),
    ("provision", f"az rest --method put --url {ROLES}/roleDefinitions/1?api-version=2022-04-01 --body {{}}"),
]


@pytest.mark.slow
def test_azure_refuses_what_no_role_allows(az: Mapping[str, str], begin: Begin, tmp_path: Path) -> None:
    """Prove with the genuine CLI that a try ends in AuthorizationFailed, and that files go nowhere but into $web."""
    repository, cloud = begin("front-door", "github")
    usual = {**az, **cloud.environment}
    machines = {each: signed_out(usual, tmp_path / each) for each in ("provision", "deploy")}
    prepare(repository)
    for step in steps("front-door", repository, machines, cloud)[:2]:
        assert step.take()
    (upload,) = (command for identity, command in commands("front-door") if "upload-batch" in command)
    for identity, command in (*REFUSED, ("deploy", upload.replace("$web", "package"))):
        done = bash(command, repository, machines[identity])
        assert done.returncode != 0 and re.search("AuthorizationFailed|required permissions", done.stderr), (
            command,
            done,
        )
    assert bash(upload, repository, machines["deploy"]).returncode == 0
