"""README.md's *The first deployment*, word for word, until the pipeline *provision* has shown what it would make.

Genuine are the README, the Azure CLI, the Bicep compiler and the pipelines. Azure is the stand-in of servers/cloud.py.
One word is put in: `az login` opens a browser, so the owner signs in with a password here.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from azure_steps import bash, prepare
from bicep import DNS_SUBSCRIPTION, SUBSCRIPTION, parameters_of
from conftest import Bake
from granted import bootstrap
from pipeline_files import HOSTINGS, SYSTEMS, bash_only, pipeline
from readme import Walk
from servers.api import Reply
from servers.cli import signed_out
from servers.cloud import TENANT, Cloud, failure, half_done
from servers.dns_azure import GROUP
from servers.rights import Grant
from signed_in import APP, CONNECTIONS, PREFIX, SignedIn

pytestmark = [pytest.mark.slow, bash_only]  # runs the Azure CLI

OWNER = [Grant("owner", "Owner", f"/subscriptions/{each}", ("*",)) for each in (SUBSCRIPTION, DNS_SUBSCRIPTION)]
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
BLOBS = Grant("owner", "Storage Blob Data Contributor", f"/subscriptions/{SUBSCRIPTION}", (), (WRITE,))
SIGNED_IN = f"az login --service-principal --username owner --password secret --tenant {TENANT}"
MADE = {"tenantId": TENANT, "provisionClientId": "client-of-provision", "deployClientId": "client-of-deploy"}
NAME = f"{APP}-bootstrap"
ZONES = {"here": SUBSCRIPTION, "elsewhere": DNS_SUBSCRIPTION, "nowhere": ""}


class Reader(NamedTuple):
    """Who follows a repository's README, on a machine where nobody has signed in, with an empty Azure."""

    folder: Path
    repository: Path
    system: str
    walk: Walk
    cloud: Cloud
    az: Mapping[str, str]
    machine: Mapping[str, str]
    subscription: str  # where the deployment is

    def run(self, command: str) -> tuple[int, str, str]:
        """Run a command as it stands in the README, and return its exit code and what it printed."""
        done = bash(SIGNED_IN if command == "az login" else self.walk.filled(command), self.repository, self.machine)
        return done.returncode, done.stdout, done.stderr

    def owner(self) -> list[str]:
        """Return the commands of the owner, in order: up to the one that makes everything."""
        found = self.walk.commands("az ")
        ends = [index for index, command in enumerate(found) if command.startswith("az deployment sub create")]
        return found[: ends[0] + 1] if ends else []

    def bootstrap(self, more: str = "") -> tuple[int, str, str]:
        """Run the last of them. If it went well, Azure has what it made."""
        code, printed, said = self.run(f"{self.owner()[-1]} {more}")
        if code == 0:
            words = self.walk.bootstrap()
            words = words[words.index("--parameters") + 1 :]
            assert self.cloud.given[NAME] == parameters_of([*words, *more.split()], self.repository)
            made = bootstrap(self.repository / "infra", [each.removeprefix("infra/") for each in words])
            self.cloud.grants[len(OWNER) :] = made.grants
            self.cloud.credentials = made.credentials if self.system == "github" else CONNECTIONS
        return code, printed, said

    def provision(self, name: str, variables: Mapping[str, str], **inputs: str) -> tuple[dict[str, str], str]:
        """Run the pipeline *provision*, and return how its jobs ended, with what the failed step said."""
        (self.folder / name).mkdir()
        played = SignedIn(self.folder / name, self.repository, self.cloud, self.az, variables)
        ended = played.play(pipeline(self.system, "provision"), **inputs)
        shutil.copy(played.work / "policy.yaml", self.repository)  # as a person commits it
        return ended, played.said

    def deploy(self, name: str, hosting: str, variables: Mapping[str, str]) -> tuple[dict[str, str], str]:
        """Run the pipeline *deploy*, and return how its jobs ended, with what the failed step said."""
        (self.folder / name).mkdir()
        played = SignedIn(self.folder / name, self.repository, self.cloud, self.az, variables)
        return played.play(pipeline(self.system, f"deploy-{hosting}")), played.wrong


Begin = Callable[..., Reader]


@pytest.fixture
def begin(bake: Bake, az: Mapping[str, str], tmp_path: Path) -> Iterator[Begin]:
    """Return who follows the README of a repository for a hosting, a system and the place of the DNS zones."""
    clouds: list[Cloud] = []

    def begun(hosting: str = "function", system: str = "github", zones: str = "here") -> Reader:
        dns = "azure-dns" if ZONES[zones] else "manual"
        answers = {"hosting": hosting, "pipelines": system, "dns_provider": dns, "mail_provider": "other"}
        repository = bake(domain="example.com", app_name=APP, **answers)
        filled = {"PREFIX": PREFIX, "DNS_GROUP": GROUP, "DNS_SUBSCRIPTION": ZONES[zones]}
        cloud = Cloud(tmp_path / "cloud", OWNER, [])
        cloud.__enter__()
        clouds.append(cloud)
        where = ZONES[zones] if hosting == "web-server" else SUBSCRIPTION
        cloud.made, cloud.zones_in = {**MADE, "subscriptionId": where}, ZONES[zones]
        machine = signed_out({**az, **cloud.environment}, tmp_path / "owner")
        return Reader(tmp_path, repository, system, Walk(repository, filled), cloud, az, machine, where)

    yield begun
    for each in clouds:
        each.__exit__(None, None, None)


ROW = re.compile(
    r"^ *\| ((?:`AZURE_\w+`(?:, )?)+)(?: in the [^|]*)? \|(?:[^|]*\.yml`[^|]*\|)? ?(`[^|]*`) \|$", re.MULTILINE
)
SET = re.compile(r"`(AZURE_DNS_\w+)` to\s(DNS_\w+)")
TWO = re.compile(r"`AZURE_TENANT_ID` and `AZURE_SUBSCRIPTION_ID` to the `tenantId` and `subscriptionId`")
THREE = re.compile(
    r"`AZURE_TENANT_ID`, `AZURE_SUBSCRIPTION_ID` and `AZURE_CLIENT_ID` to the `tenantId`, `subscriptionId` and"
)


def variables(reader: Reader, printed: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that README.md says to set, from its tables and sentences. printed: by the bootstrap."""
    found: dict[str, str] = {}
    for names, values in ROW.findall(reader.walk.text):
        pairs = zip(re.findall(r"`(\w+)`", names), re.findall(r"`([\w-]+)`", values), strict=False)
        found |= {name: printed.get(value, value) for name, value in pairs}
    if TWO.search(reader.walk.text) or THREE.search(reader.walk.text):
        found |= {"AZURE_TENANT_ID": printed["tenantId"], "AZURE_SUBSCRIPTION_ID": printed["subscriptionId"]}
    return found | {name: reader.walk.filled(value) for name, value in SET.findall(reader.walk.text)}


def outputs(printed: str) -> dict[str, str]:
    """Return what the bootstrap printed."""
    return {name: each["value"] for name, each in json.loads(printed).items()}


REGISTERED = {
    "function": ["ManagedIdentity", "Web", "Storage", "Insights", "OperationalInsights"],
    "static-web-app": ["ManagedIdentity", "Web"],
    "front-door": ["ManagedIdentity", "Storage", "Cdn"],
    "web-server": ["ManagedIdentity"],
}


@pytest.mark.parametrize("zones", ZONES)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_the_first_deployment(hosting: str, system: str, zones: str, begin: Begin) -> None:
    """Prove that who follows the README comes to a *provision* that shows its plan, with the variables it names."""
    reader = begin(hosting, system, zones)
    if hosting == "web-server" and zones == "nowhere":
        assert reader.owner() == []  # nothing of it is in Azure
        assert "az " not in reader.walk.text
        return
    owner = reader.owner()
    assert owner[0] == "az login" and len(owner) == len(REGISTERED[hosting]) + 2
    for command in owner[:-1]:
        code, _, said = reader.run(command)
        assert code == 0, (command, said)
    actions = [need.action for need in reader.cloud.done if "/register/" in need.action]
    assert actions == [f"Microsoft.{each}/register/action" for each in REGISTERED[hosting]]
    code, printed, said = reader.bootstrap()
    assert code == 0, said
    expected = {
        **(
            {"AZURE_TENANT_ID": TENANT} if system == "github" or ZONES[zones] else {}
        ),  # Azure DevOps: for octoDNS alone
        **({"AZURE_SUBSCRIPTION_ID": reader.subscription} if system == "github" or ZONES[zones] else {}),
        **({} if hosting == "web-server" else {"AZURE_RESOURCE_GROUP": APP}),
        **({"AZURE_DNS_RESOURCE_GROUP": GROUP} if ZONES[zones] else {}),
        **({"AZURE_DNS_SUBSCRIPTION_ID": ZONES[zones]} if ZONES[zones] and hosting != "web-server" else {}),
        **({"AZURE_CLIENT_ID": "client-of-deploy"} if system == "github" and hosting != "web-server" else {}),
        **({"AZURE_FUNCTIONAPP_NAME": APP} if hosting == "function" else {}),
        **({"AZURE_STATICWEBAPP_NAME": APP} if hosting == "static-web-app" else {}),
    }
    found = variables(reader, outputs(printed))
    assert found == expected
    if hosting != "web-server":  # its provision publishes one record, with the rights that test_proof.py tries
        ended, said = reader.provision("first", found, create="false")
        shown = {"github": "what-if", "azure-devops": "what_if"}[system]
        assert ended.pop(shown) == "success", (ended, said, reader.cloud.refused)
        assert ended.pop("build", "success") == "success"  # Azure DevOps has a stage of its own before what is guarded
        assert set(ended.values()) <= {"skipped"}  # Azure DevOps does not even compile the other stage


# Without the pipeline

MAKING = ["deployment group what-if", "deployment group create", "deployment group show"]
CALLS = {
    "function": [*MAKING, "deployment group create", "functionapp deployment source"],
    "static-web-app": [*MAKING, "deployment group create"],
    "front-door": [*MAKING, "rest --method get", "storage blob upload-batch", "rest --method post"],
}
PLACES = {
    "function": ("Microsoft.Web/sites", APP),
    "front-door": ("Microsoft.Storage/storageAccounts", "mtastsexample"),
}


@pytest.mark.parametrize("hosting", ["function", "static-web-app", "front-door"])
def test_the_commands_without_the_pipeline(hosting: str, begin: Begin) -> None:
    """Each `az` call of the README is one that the CLI knows, in the order that stands there, for the owner."""
    reader = begin(hosting)
    reader.walk.fill(STORAGE_ACCOUNT="mtastsexample", NAME="example-com")
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{APP}/providers"
    reader.cloud.resources = ["/".join((group, *PLACES[hosting]))] if hosting in PLACES else []
    prepare(reader.repository)
    commands = [each for each in reader.walk.commands("az ") if each not in reader.owner()]
    assert [" ".join(each.split()[1:4]) for each in commands] == CALLS[hosting]
    reader.run("az login")
    for command in ("cp app.json parameters.json", *commands):
        if "config-zip" in command:  # the CLI of Debian does not know Flex Consumption yet
            continue
        if "--auth-mode login" in command:
            assert reader.run(command)[0] == 1  # an Owner may not write blobs, as the README says
            assert "*Storage Blob Data Contributor* on the storage account" in " ".join(reader.walk.text.split())
            reader.cloud.grants.append(BLOBS)
        ended, _, said = reader.run(command)
        assert ended == 0, (command, said)


# What goes wrong, and the run after it

CONTRIBUTOR = Grant(
    "owner",
    "Contributor",
    f"/subscriptions/{SUBSCRIPTION}",
    ("Microsoft.Resources/*", "Microsoft.ManagedIdentity/*", "Microsoft.Authorization/*/read", "*/register/action"),
)
DEPLOYMENT = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/{NAME}"
GROUP_ELSEWHERE = failure(
    409,
    "InvalidResourceGroupLocation",
    "Invalid resource group location 'westeurope'. The Resource group already exists in location 'northeurope'.",
)
FAULTS: dict[str, tuple[str, Reply, str, str]] = {
    # What fails, what Azure answers, the README's word for it, and what the README says to add.
    "a group in another location": (
        f"PUT {DEPLOYMENT}",
        GROUP_ELSEWHERE,
        "InvalidResourceGroupLocation",
        "location=northeurope",
    ),
    "an identity in another location": (
        f"GET {DEPLOYMENT}/operationStatuses",
        half_done("InvalidResourceLocation", "The resource 'deploy' already exists in location 'northeurope'."),
        "InvalidResourceLocation",
        "location=northeurope",
    ),
    "a role of that name": (
        f"GET {DEPLOYMENT}/operationStatuses",
        half_done("RoleDefinitionWithSameNameExists", "A custom role with the same name already exists."),
        "RoleDefinitionWithSameNameExists",
        "",
    ),
    "another location before": (
        f"PUT {DEPLOYMENT}",
        failure(409, "InvalidDeploymentLocation", "The deployment already exists in location 'eastus'."),
        "InvalidDeploymentLocation",
        "",
    ),
    "a group that is not there": (
        f"POST {DEPLOYMENT}/validate",
        failure(404, "ResourceGroupNotFound", f"Resource group '{GROUP}' could not be found."),
        "ResourceGroupNotFound",
        "",
    ),
    "a role that spreads late": (
        f"GET {DEPLOYMENT}/operationStatuses",
        half_done("RoleDefinitionDoesNotExist", "The specified role definition does not exist."),
        "RoleDefinitionDoesNotExist",
        "",
    ),
    "an identity that spreads late": (
        f"GET {DEPLOYMENT}/operationStatuses",
        half_done("PrincipalNotFound", "Principal 1 does not exist in the directory 2."),
        "PrincipalNotFound",
        "",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bootstrap_that_stops_says_why_and_the_next_one_ends_well(name: str, begin: Begin) -> None:
    """Azure's own code is in what `az` prints, and in the README with what to do; the next run ends what was begun."""
    call, answer, code, more = FAULTS[name]
    reader = begin()
    reader.run("az login")
    reader.cloud.faults = [(call, answer)]
    ended, printed, said = reader.bootstrap()
    assert (ended != 0, printed, code in said, "Traceback" in said) == (True, "", True, False), said
    assert f"`{code}`" in reader.walk.text and (more.partition("=")[0] in reader.walk.text)
    assert reader.cloud.grants == OWNER
    for _ in range(2):  # and once more, since it can be run again at any time
        ended, _, said = reader.bootstrap(more)
        assert ended == 0, said
    made = {each.role.rpartition(" ")[0] for each in reader.cloud.grants[len(OWNER) :]}
    assert made == {f"MTA-STS {purpose} of {APP}" for purpose in ("deploy", "provision", "publish")}


def test_who_may_not_assign_roles_is_told_so(begin: Begin) -> None:
    """A Contributor gets one message with the action that is missing; an Owner then ends it."""
    reader = begin()
    reader.cloud.grants = [CONTRIBUTOR]
    reader.run("az login")
    ended, _, said = reader.bootstrap()
    assert ended == 1
    assert "AuthorizationFailed" in said and "'Microsoft.Authorization/roleDefinitions/write'" in said
    assert "`AuthorizationFailed`: you are not *Owner*" in reader.walk.text
    reader.cloud.grants = list(OWNER)
    assert reader.bootstrap()[0] == 0


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_right_that_is_not_known_everywhere_yet(system: str, begin: Begin) -> None:
    """*provision* ends red with Azure's word, which the README explains, and ends well when it is run again."""
    reader = begin("static-web-app", system)
    reader.run("az login")
    _, printed, _ = reader.bootstrap()
    found = variables(reader, outputs(printed))
    known = list(reader.cloud.grants)
    reader.cloud.grants = [each for each in known if "provision" not in each.role]
    ended, said = reader.provision("early", found, create="false")
    assert ended.pop("build", "success") == "success"  # Azure DevOps lints before it signs in
    assert "success" not in ended.values()
    assert any(
        word in said and word in reader.walk.text for word in ("AuthorizationFailed", "No subscriptions found")
    ), said
    reader.cloud.grants = known
    ended, said = reader.provision("later", found, create="false")
    assert "success" in ended.values() and "failure" not in ended.values(), said


def test_a_name_that_is_taken(begin: Begin) -> None:
    """What Azure says of it is shown, nothing is published, and with another name *provision* ends well.

    Only a Function's name is one for all of Azure: the endpoints of the other kinds get one from Azure.
    """
    reader = begin("function")
    reader.run("az login")
    found = variables(reader, outputs(reader.bootstrap()[1]))
    taken = failure(409, "Conflict", f"Website with given name {APP} already exists.")
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{APP}/providers/Microsoft.Resources/deployments/mta-sts"
    reader.cloud.faults = [(f"PUT {group}", taken)]
    ended, said = reader.provision("taken", found, create="true")
    assert "failure" in ended.values()
    assert f"Website with given name {APP} already exists." in said
    assert not [each for each in reader.cloud.done if "dnszones" in each.action.lower()]
    assert f"`already exists`, someone else has the name `{APP}`" in " ".join(reader.walk.text.split())
    policy = (reader.repository / "policy.yaml").read_text(encoding="utf-8")
    assert policy.count(APP) == 2  # the name and the host name, as the README says
    (reader.repository / "policy.yaml").write_text(policy.replace(APP, "another"), encoding="utf-8")
    code, _, said = reader.run(reader.owner()[-1].replace(APP, "another"))
    assert (code, reader.cloud.given["another-bootstrap"]["name"]) == (0, "another"), said


READ = "Microsoft.Network/dnsZones/recordsets/read' over scope '/subscriptions/"
ZONE_FAULTS: dict[str, tuple[dict[str, str], str]] = {
    # What the variables are in place of what the README says, and what the run says.
    "a zone that is not there": ({}, "it is not in the account, subscription or resource group that"),
    "another group": ({"AZURE_DNS_RESOURCE_GROUP": "others"}, f"{READ}{DNS_SUBSCRIPTION}/resourceGroups/others/"),
    "the subscription of the app": (
        {"AZURE_DNS_SUBSCRIPTION_ID": ""},
        f"{READ}{SUBSCRIPTION}/resourceGroups/{GROUP}/",
    ),
    "a subscription that is not there": (
        {"AZURE_DNS_SUBSCRIPTION_ID": TENANT},
        f"The subscription of '{TENANT}' doesn't exist",
    ),
}


@pytest.mark.parametrize("name", ZONE_FAULTS)
def test_zones_that_are_not_where_the_variables_say(name: str, begin: Begin) -> None:
    """One message says where they were looked for, nothing is written, and the next run publishes."""
    wrong, expected = ZONE_FAULTS[name]
    reader = begin("static-web-app", zones="elsewhere")
    reader.run("az login")
    found = variables(reader, outputs(reader.bootstrap()[1]))
    reader.cloud.made["hostname"] = "example.azurestaticapps.net"
    if wrong:
        reader.cloud.dns.add_zone("example.com")
    before = reader.cloud.dns.all()
    ended, said = reader.provision("made", found, create="true")
    assert set(ended.values()) == {"success"}, (ended, said)
    ended, said = reader.deploy("wrong", "static-web-app", {**found, **wrong})
    assert (ended["hosting"], ended["deploy"], ended["announce"]) == ("failure", "skipped", "skipped")
    assert expected in said and "Traceback" not in said
    assert said.count("::error") == said.count("\n1 error\n") <= 1  # the sign-in's own refusal is no finding
    assert "names the subscription and the resource group that were asked" in " ".join(reader.walk.text.split())
    assert reader.cloud.dns.all() == before
    if not wrong:
        reader.cloud.dns.add_zone("example.com")
    ended, said = reader.deploy("right", "static-web-app", found)
    assert "failure" not in ended.values(), (ended, said)
    assert "mta-sts.example.com 3600 CNAME example.azurestaticapps.net." in reader.cloud.dns.all()
