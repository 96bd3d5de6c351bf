"""infra/ through the genuine Bicep compiler: each file builds without a word, and each hosting is as written here.

The compiler predicts a deployment offline (`bicep snapshot`). What only Azure knows stays as an expression.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bicep
from conftest import TEMPLATE, Bake
from mtasts.config import model
from mtasts.config.hosting import FRONT_DOOR_HOSTS, FUNCTION_CERTIFICATES, SWA_FREE, SWA_STANDARD
from mtasts.hosting.azure import Phase, parameters

pytestmark = pytest.mark.slow  # starts the compiler for every row

INFRA = TEMPLATE / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
GROUP = re.compile(r"/subscriptions/[-0-9a-f]+/resourceGroups/mtasts-example/providers/Microsoft\.\w+/")


@functools.cache
def predicted(kind: str, domains: int = 2, **more: Any) -> bicep.Prediction:
    """Return what a hosting is, for the first so many domains."""
    given = {"name": "mtasts-example", "location": "westeurope"}
    names = [f"example.{top}" for top in ("com", "net", "org", "info", "biz", "eu")][:domains]
    return bicep.predict(INFRA / f"{kind}.bicep", {**given, "domains": names, **more}, "mtasts-example")


def short(value: Any) -> Any:
    """Return a value with the ids in it as they read within the group and its provider."""
    return json.loads(GROUP.sub("", json.dumps(value)))


def settings(found: bicep.Prediction, kind: str) -> list[Any]:
    """Return the properties of the resources of a type."""
    return [short(each.get("properties")) for each in found.of(kind)]


@functools.cache
def compiled(path: Path) -> Any:
    """Return the template that Azure gets."""
    return json.loads(bicep.run("build", path, "--stdout").stdout)


# The compiler


def test_every_file_builds_and_lints_without_a_word_and_is_formatted(tmp_path: Path) -> None:
    """What an editor would underline, and `az` print in every run. Warnings end with exit code 0, so words count."""
    copy = shutil.copytree(INFRA, tmp_path / "infra")
    for command in ("build", "lint", "format"):
        done = bicep.run(command, "--pattern", copy / "**" / "*.bicep")
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), command
    assert len(list(copy.rglob("*.json"))) - len(list(INFRA.rglob("*.json"))) == len(FILES)  # each was built
    for path in FILES:
        assert (copy / path.relative_to(INFRA)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("entry", ["bootstrap", "function", "static-web-app", "front-door"])
class TestEveryEntry:
    """What is deployed, with the modules in it."""

    def test_every_parameter_and_output_is_described(self, entry: str) -> None:
        """The description is what an editor and `az` show."""
        for template in templates(compiled(INFRA / f"{entry}.bicep")):
            described = {**template["parameters"], **template.get("outputs", {})}
            assert [name for name, each in described.items() if not each.get("metadata", {}).get("description")] == []

    def test_no_output_opens_a_door(self, entry: str) -> None:
        """Outputs stay in Azure's history for all to read."""
        secret = ("key", "secret", "token", "password", "connection")
        for template in templates(compiled(INFRA / f"{entry}.bicep")):
            assert [name for name in template.get("outputs", {}) if any(word in name.lower() for word in secret)] == []
            assert re.findall(r"\blist\w*\(", json.dumps(template)) == []


def templates(template: Any) -> Iterator[Any]:
    """Yield a template and those of its modules."""
    yield template
    resources = template["resources"]
    for each in resources.values() if isinstance(resources, dict) else resources:
        if "template" in each.get("properties", {}):
            yield from templates(each["properties"]["template"])


def test_one_warning_is_silenced() -> None:
    """The published types of Microsoft.Web lack siteScopedCertificatesEnabled; nothing else is left unchecked."""
    silenced = set()
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = itertools.pairwise(lines)
        silenced |= {(path.name, line.strip(), below.split(":")[0].strip()) for line, below in pairs if "#" in line}
    warning = "#disable-next-line BCP037 // the published types lack it"
    assert silenced == {("function.bicep", warning, "siteScopedCertificatesEnabled")}


@pytest.mark.parametrize("hosting", ["function", "static-web-app", "front-door", "web-server"])
def test_what_a_repository_has_builds(bake: Bake, hosting: str) -> None:
    """Nothing is missing that another file there needs."""
    infra = bake(hosting=hosting) / "infra"
    done = bicep.run("build", "--pattern", infra / "**" / "*.bicep")
    assert (done.returncode, done.stderr) == (0, "")


# The verb and Bicep


@pytest.mark.parametrize("kind", ["function", "static-web-app", "front-door"])
@pytest.mark.parametrize("phase", list(Phase))
def test_bicep_takes_what_the_verb_writes(tmp_path: Path, kind: str, phase: Phase) -> None:
    """Else the deployment fails, long after the merge: the compiler refuses what is missing, and what is unknown."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx1.example.com]\ndomains: {example.com: }\n"
        f"hosting: {{kind: {kind}, name: mtasts-example, region: westeurope}}\n"
    )
    config, _ = model.load(policy)
    assert config
    document: Any = parameters(config, phase)
    given = {name: each["value"] for name, each in document["parameters"].items()}
    found = bicep.predict(INFRA / f"{kind}.bicep", given, "mtasts-example")
    named = [each["name"] for each in found.resources if "mta-sts.example.com" in json.dumps(each)]
    assert bool(named) == (phase is Phase.DOMAINS or kind == "front-door")


def test_the_limits_are_those_that_lint_knows() -> None:
    """Lint refuses first; Azure would later."""
    limits = {
        kind: compiled(INFRA / f"{kind}.bicep")["parameters"]["domains"].get("maxLength")
        for kind in ("function", "static-web-app", "front-door")
    }
    assert limits == {"function": FUNCTION_CERTIFICATES, "static-web-app": SWA_STANDARD, "front-door": FRONT_DOOR_HOSTS}
    assert limits == {"function": 3, "static-web-app": 5, "front-door": 100}
    plans = [predicted("static-web-app", count).of("Microsoft.Web/staticSites")[0]["sku"] for count in (2, 3)]
    assert (plans, SWA_FREE) == ([{"name": "Free", "tier": "Free"}, {"name": "Standard", "tier": "Standard"}], 2)


# What each hosting is

FUNCTION = [
    "Microsoft.Storage/storageAccounts mtastszumrky6l5u4fg",
    "Microsoft.Storage/storageAccounts/blobServices mtastszumrky6l5u4fg/default",
    "Microsoft.Storage/storageAccounts/blobServices/containers mtastszumrky6l5u4fg/default/package",
    "Microsoft.Web/serverfarms mtasts-example-plan",
    "Microsoft.Web/sites mtasts-example",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies mtasts-example/ftp",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies mtasts-example/scm",
]
FUNCTION_DOMAINS = [
    "Microsoft.Web/sites/certificates mtasts-example/mta-sts-example-com-x43mjkmqs7elq",
    "Microsoft.Web/sites/certificates mtasts-example/mta-sts-example-net-f5oktvf57yqzw",
    "Microsoft.Web/sites/hostNameBindings mtasts-example/mta-sts.example.com",
    "Microsoft.Web/sites/hostNameBindings mtasts-example/mta-sts.example.com",
    "Microsoft.Web/sites/hostNameBindings mtasts-example/mta-sts.example.net",
    "Microsoft.Web/sites/hostNameBindings mtasts-example/mta-sts.example.net",
]
INSIGHTS = [
    "Microsoft.Insights/components mtasts-example-insights",
    "Microsoft.OperationalInsights/workspaces mtasts-example-logs",
]
SITE = ["Microsoft.Web/staticSites mtasts-example"]
SITE_DOMAINS = [
    "Microsoft.Web/staticSites/customDomains mtasts-example/mta-sts.example.com",
    "Microsoft.Web/staticSites/customDomains mtasts-example/mta-sts.example.net",
]
FRONT_DOOR = [
    "Microsoft.Cdn/profiles mtasts-example",
    "Microsoft.Cdn/profiles/afdEndpoints mtasts-example/mtasts-example",
    "Microsoft.Cdn/profiles/afdEndpoints/routes mtasts-example/mtasts-example/policy",
    "Microsoft.Cdn/profiles/customDomains mtasts-example/example-com-km65ilp7qm4og",
    "Microsoft.Cdn/profiles/customDomains mtasts-example/example-net-hqmp6ucxdq7s4",
    "Microsoft.Cdn/profiles/originGroups mtasts-example/storage",
    "Microsoft.Cdn/profiles/originGroups/origins mtasts-example/storage/storage",
    "Microsoft.Cdn/profiles/ruleSets mtasts-example/policies",
    "Microsoft.Cdn/profiles/ruleSets/rules mtasts-example/policies/folder",
    "Microsoft.Storage/storageAccounts mtastszumrky6l5u4fg",
    "Microsoft.Storage/storageAccounts/blobServices mtastszumrky6l5u4fg/default",
]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("function", {"phase": "app"}, FUNCTION),
        ("function", {"phase": "domains"}, FUNCTION + FUNCTION_DOMAINS),
        ("function", {"phase": "domains", "applicationInsights": True}, INSIGHTS + FUNCTION + FUNCTION_DOMAINS),
        ("static-web-app", {"phase": "app"}, SITE),
        ("static-web-app", {"phase": "domains"}, SITE + SITE_DOMAINS),
        ("front-door", {}, FRONT_DOOR),
    ],
    ids=["function", "function-domains", "insights", "static-web-app", "static-web-app-domains", "front-door"],
)
def test_these_resources_are_made(kind: str, more: dict[str, Any], expected: list[str]) -> None:
    """And no others: no role, since the pipeline may grant none, and no identity."""
    assert sorted(f"{each['type']} {each['name']}" for each in predicted(kind, **more).resources) == sorted(expected)


@pytest.mark.parametrize("kind", ["function", "front-door"])
def test_storage_knows_no_keys_and_only_https(kind: str) -> None:
    """No key can leak."""
    found = predicted(kind)
    assert settings(found, "Microsoft.Storage/storageAccounts") == [
        {
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": True,
        }
    ]
    website = {"staticWebsite": {"enabled": True, "indexDocument": "index.html"}} if kind == "front-door" else None
    assert settings(found, "Microsoft.Storage/storageAccounts/blobServices") == [website]


IDENTITY = "userAssignedIdentities/mtasts-example-identity"
ACCOUNT = "storageAccounts/mtastszumrky6l5u4fg"
APP_SETTINGS = {
    "AzureWebJobsDisableHomepage": "true",
    "AzureWebJobsStorage__accountName": "mtastszumrky6l5u4fg",
    "AzureWebJobsStorage__clientId": f"[reference('{IDENTITY}', '2024-11-30').clientId]",
    "AzureWebJobsStorage__credential": "managedidentity",
}
LOG_SETTINGS = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING": (
        "[reference('components/mtasts-example-insights', '2020-02-02').ConnectionString]"
    ),
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": (
        f"[format('ClientId={{0}};Authorization=AAD', reference('{IDENTITY}', '2024-11-30').clientId)]"
    ),
}


def test_the_function_app() -> None:
    """HTTPS from TLS 1.2 on, Python, always an instance (senders give up before a cold start ends), and no keys."""
    found = predicted("function")
    (app,) = found.of("Microsoft.Web/sites")
    assert (app["kind"], short(app["identity"])) == (
        "functionapp,linux",
        {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
    )
    properties = short(app["properties"])
    given = {each["name"]: each["value"] for each in properties["siteConfig"].pop("appSettings")}
    assert given == APP_SETTINGS
    assert properties == {
        "serverFarmId": "serverfarms/mtasts-example-plan",
        "siteScopedCertificatesEnabled": True,
        "httpsOnly": True,
        "functionAppConfig": {
            "runtime": {"name": "python", "version": "3.13"},
            "deployment": {
                "storage": {
                    "type": "blobContainer",
                    "value": (
                        f"[format('{{0}}{{1}}', reference('{ACCOUNT}', '2025-08-01').primaryEndpoints.blob, 'package')]"
                    ),
                    "authentication": {
                        "type": "UserAssignedIdentity",
                        "userAssignedIdentityResourceId": IDENTITY,
                    },
                }
            },
            "scaleAndConcurrency": {
                "alwaysReady": [{"name": "http", "instanceCount": 1}],
                "instanceMemoryMB": 512,
                "maximumInstanceCount": 40,
                "triggers": {"http": {"perInstanceConcurrency": 16}},
            },
        },
        "siteConfig": {"minTlsVersion": "1.2", "ftpsState": "Disabled"},
    }
    (plan,) = found.of("Microsoft.Web/serverfarms")
    assert (plan["sku"], plan["properties"]) == ({"name": "FC1", "tier": "FlexConsumption"}, {"reserved": True})
    assert settings(found, "Microsoft.Web/sites/basicPublishingCredentialsPolicies") == [{"allow": False}] * 2


def test_the_function_app_on_request() -> None:
    """No instance that waits, or logs: both cost. Without its identity the connection string writes nothing."""
    found = predicted("function", alwaysReady=0, applicationInsights=True)
    (app,) = found.of("Microsoft.Web/sites")
    assert app["properties"]["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"] == []
    given = {each["name"]: each["value"] for each in short(app["properties"]["siteConfig"]["appSettings"])}
    assert given == {**APP_SETTINGS, **LOG_SETTINGS}
    assert settings(found, "Microsoft.Insights/components") == [
        {
            "Application_Type": "web",
            "DisableLocalAuth": True,
            "WorkspaceResourceId": "workspaces/mtasts-example-logs",
        }
    ]


def test_a_host_name_of_the_function_app_comes_in_three_steps() -> None:
    """Name, certificate, both; one domain after the other; and a name that is served keeps its certificate."""
    found = predicted("function", 1, phase="domains")
    without, served = found.of("Microsoft.Web/sites/hostNameBindings")
    name = {"customHostNameDnsRecordType": "CName", "hostNameType": "Verified"}
    assert without["properties"] == {**name, "sslState": "Disabled"}
    assert short(without["condition"]) == (
        "[and(true(), not(contains(reference('sites/mtasts-example', '2024-11-01').hostNames, 'mta-sts.example.com')))]"
    )
    assert settings(found, "Microsoft.Web/sites/certificates") == [{"canonicalName": "mta-sts.example.com"}]
    certificate = "sites/mtasts-example/certificates/mta-sts-example-com-x43mjkmqs7elq"
    thumbprint = f"[reference('{certificate}', '2024-11-01').thumbprint]"
    assert short(served["properties"]) == {**name, "sslState": "SniEnabled", "thumbprint": thumbprint}
    assert "condition" not in served

    hosts = compiled(INFRA / "function.bicep")["resources"]["hosts"]
    assert (hosts["copy"]["mode"], hosts["copy"]["batchSize"], hosts["dependsOn"]) == (
        "serial",
        1,
        ["app", "ftp", "scm"],
    )
    binding, certificate, served = hosts["properties"]["template"]["resources"]
    after = [binding.get("dependsOn"), certificate["dependsOn"][0][:50], served["dependsOn"][0][:50]]
    assert after == [
        None,
        "[resourceId('Microsoft.Web/sites/hostNameBindings'",
        "[resourceId('Microsoft.Web/sites/certificates', pa",
    ]


def test_the_static_web_app_takes_its_host_names_by_cname() -> None:
    """Once the records are there, one after the other. Azure looks at no repository."""
    found = predicted("static-web-app", phase="domains")
    assert settings(found, "Microsoft.Web/staticSites") == [
        {"provider": "Custom", "stagingEnvironmentPolicy": "Disabled"}
    ]
    assert settings(found, "Microsoft.Web/staticSites/customDomains") == [
        {"validationMethod": "cname-delegation"},
        {"validationMethod": "cname-delegation"},
    ]
    hosts = compiled(INFRA / "static-web-app.bicep")["resources"]["hosts"]
    assert (hosts["copy"]["mode"], hosts["copy"]["batchSize"]) == ("serial", 1)


def test_front_door_serves_https_without_redirect_and_without_a_cache() -> None:
    """Either would break MTA-STS: RFC 8461 §3.3 forbids redirects, and a cache serves an old policy."""
    found = predicted("front-door", 1)
    assert settings(found, "Microsoft.Cdn/profiles/afdEndpoints/routes") == [
        {
            "customDomains": [{"id": "profiles/mtasts-example/customDomains/example-com-km65ilp7qm4og"}],
            "originGroup": {"id": "profiles/mtasts-example/originGroups/storage"},
            "ruleSets": [{"id": "profiles/mtasts-example/ruleSets/policies"}],
            "patternsToMatch": ["/*"],
            "supportedProtocols": ["Https"],
            "httpsRedirect": "Disabled",
            "forwardingProtocol": "HttpsOnly",
            "linkToDefaultDomain": "Enabled",
        }
    ]
    assert found.of("Microsoft.Cdn/profiles")[0]["sku"] == {"name": "Standard_AzureFrontDoor"}
    route = compiled(INFRA / "front-door.bicep")["resources"]["route"]
    assert "origin" in route["dependsOn"]  # Azure refuses a route to a group without an origin
    assert "rule" in route["dependsOn"]  # without it, no file is found


def test_front_door_asks_for_the_folder_of_the_host_name() -> None:
    """So each domain has its own policy. {hostname} is a server variable, which the Standard tier has too."""
    found = predicted("front-door", 1)
    assert settings(found, "Microsoft.Cdn/profiles/ruleSets/rules") == [
        {
            "order": 1,
            "actions": [
                {
                    "name": "UrlRewrite",
                    "parameters": {
                        "typeName": "DeliveryRuleUrlRewriteActionParameters",
                        "sourcePattern": "/",
                        "destination": "/{hostname}/",
                        "preserveUnmatchedPath": True,
                    },
                }
            ],
        }
    ]


def test_front_door_asks_the_website_by_its_own_name_and_has_certificates() -> None:
    """Storage serves no other name. Azure manages a certificate for each domain, from TLS 1.2 on."""
    found = predicted("front-door", 1)
    website = f"[split(reference('{ACCOUNT}', '2025-08-01').primaryEndpoints.web, '/')[2]]"
    assert settings(found, "Microsoft.Cdn/profiles/originGroups/origins") == [
        {
            "hostName": website,
            "originHostHeader": website,
            "enforceCertificateNameCheck": True,
            "httpPort": 80,
            "httpsPort": 443,
            "priority": 1,
            "weight": 1000,
        }
    ]
    assert settings(found, "Microsoft.Cdn/profiles/customDomains") == [
        {
            "hostName": "mta-sts.example.com",
            "tlsSettings": {"certificateType": "ManagedCertificate", "minimumTlsVersion": "TLS12"},
        }
    ]


def test_the_outputs_are_what_policy_yaml_and_the_pipelines_need() -> None:
    """By the names that policy.yaml has for them."""
    app, site = "sites/mtasts-example", "staticSites/mtasts-example"
    assert short(predicted("function").outputs) == {
        "hostname": f"[reference('{app}', '2024-11-01').defaultHostName]",
        "verification": f"[reference('{app}', '2024-11-01').customDomainVerificationId]",
    }
    assert short(predicted("static-web-app").outputs) == {
        "hostname": f"[reference('{site}', '2024-11-01').defaultHostname]"
    }
    profile = "profiles/mtasts-example"
    host = f"reference('{profile}/customDomains/example-com-km65ilp7qm4og', '2025-06-01').validationProperties"
    assert short(predicted("front-door", 1).outputs) == {
        "hostname": f"[reference('{profile}/afdEndpoints/mtasts-example', '2025-06-01').hostName]",
        "storageAccount": "mtastszumrky6l5u4fg",
        "verifications": (
            f"[createArray(createObject('domain', 'example.com', 'verification', {host}.validationToken))]"
        ),
    }
