"""infra/: what Bicep makes in Azure, read by its grammar, and the parameters that the verb writes for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tree_sitter import Language, Node, Parser
from tree_sitter_bicep import language

from conftest import TEMPLATE, Bake, verb
from mtasts.config import model
from mtasts.config.hosting import FUNCTION_CERTIFICATES, SWA_FREE, SWA_STANDARD
from mtasts.findings import UserError
from mtasts.hosting.azure import Phase, parameters

INFRA = TEMPLATE / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
ENTRIES = ["function", "static-web-app", "front-door"]
PARSER = Parser(Language(language()))

POLICY = """\
version: STSv1
mode: testing
max_age: 604800
mx: [mx1.example.com]
domains:
  Example.com:
  example.net: {verification: _token}
  example.org: {retired: true}
tls_reporting: {rua: [mailto:tls@example.com]}
hosting: {kind: KIND, name: mtasts-example, region: westeurope, hostname: mtasts.example.com}
"""


@dataclass(frozen=True)
class Source:
    """An expression that is no literal, as it stands in the file."""

    text: str


@dataclass(frozen=True)
class Declaration:
    """A parameter, variable, resource, module or output. guards: the conditions and loops around its value."""

    kind: str
    name: str
    type: str
    value: Any
    guards: tuple[str, ...]
    decorators: dict[str, Any]

    @property
    def required(self) -> bool:
        """Whether a parameter has no default."""
        return self.value is None


def text(node: Node) -> str:
    """Return what stands in the file."""
    return (node.text or b"").decode()


def value(node: Node) -> Any:
    """Return a literal as Python has it, and anything else as its source."""
    children = [child for child in node.named_children if child.type != "comment"]
    if node.type == "string" and all(child.type == "string_content" for child in children):
        return "".join(map(text, children))
    if node.type == "object":
        return {
            text(item.named_children[0]).strip("'"): value(item.named_children[-1])
            for item in children
            if item.type == "object_property"
        }
    if node.type == "array":
        return [value(child) for child in children]
    if node.type in ("boolean", "number"):
        return json.loads(text(node))
    return Source(text(node))


def declarations(path: Path) -> Iterator[Declaration]:
    """Yield what a file declares."""
    decorators: dict[str, Any] = {}
    for node in PARSER.parse(path.read_bytes()).root_node.named_children:
        if node.type == "decorators":
            calls = [decorator.named_children[0].named_children for decorator in node.named_children]
            decorators = {text(name): value(words.named_children[0]) for name, words in calls}
        elif node.type.endswith("_declaration"):
            yield declaration(node, decorators)
            decorators = {}


def declaration(node: Node, decorators: dict[str, Any]) -> Declaration:
    """Return one declaration: its value stands behind the equals sign, inside loops and conditions."""
    signs = [index for index, child in enumerate(node.children) if child.type == "="]
    body, guards = node.children[signs[0] + 1] if signs else None, []
    while body is not None and body.type in ("for_statement", "if_statement"):
        inner = body.named_children[-1]
        guards.append(text(body).split(text(inner))[0].strip("[: \n"))
        body = inner
    kind, (name, *others) = node.type.removesuffix("_declaration"), node.named_children
    typed = text(others[0]).strip("'") if kind != "variable" else ""
    return Declaration(kind, text(name), typed, value(body) if body else None, tuple(guards), decorators)


def of_kind(path: Path, kind: str) -> dict[str, Declaration]:
    """Return a file's parameters, resources, modules or outputs by name."""
    return {found.name: found for found in declarations(path) if found.kind == kind}


def resource(name: str, symbol: str) -> dict[str, Any]:
    """Return what a file says of a resource."""
    body: dict[str, Any] = of_kind(INFRA / f"{name}.bicep", "resource")[symbol].value
    return body


def sample(tmp_path: Path, kind: str, policy: str = POLICY) -> model.Config:
    """Return what the sample policy.yaml says, for a kind of hosting."""
    path = tmp_path / "policy.yaml"
    path.write_text(policy.replace("KIND", kind), encoding="utf-8")
    loaded, findings = model.load(path)
    assert loaded, findings
    return loaded


# Bicep itself


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(INFRA).as_posix())
class TestEveryFile:
    """What the compiler would say, as far as the grammar goes."""

    def test_it_is_bicep(self, path: Path) -> None:
        """A slip would be found in Azure only."""
        assert PARSER.parse(b"param name string =").root_node.has_error
        assert not PARSER.parse(path.read_bytes()).root_node.has_error

    def test_every_parameter_and_output_is_described(self, path: Path) -> None:
        """The description is what an editor and `az` show."""
        found = [each for each in declarations(path) if each.kind in ("parameter", "output")]
        assert found
        assert [each.name for each in found if not each.decorators.get("description")] == []

    def test_every_name_is_declared_and_every_parameter_used(self, path: Path) -> None:
        """A misspelt name is no fault of syntax."""
        declared = {each.name for each in declarations(path) if each.kind != "output"}
        used = set(names(PARSER.parse(path.read_bytes()).root_node))
        assert used - declared == set()
        assert set(of_kind(path, "parameter")) - used == set()

    def test_modules_are_there_and_get_what_they_ask_for(self, path: Path) -> None:
        """No parameter too many, none missing."""
        for module in of_kind(path, "module").values():
            asked = of_kind(path.parent / module.type, "parameter")
            given = set(module.value["params"])
            assert {name for name, each in asked.items() if each.required} <= given <= set(asked)

    def test_nothing_leaves_that_opens_a_door(self, path: Path) -> None:
        """Outputs stay in Azure's history for all to read."""
        secret = ("key", "secret", "token", "password", "connection")
        outputs = of_kind(path, "output")
        assert [name for name in outputs if any(word in name.lower() for word in secret)] == []
        assert "list" not in {name[:4] for name in called(PARSER.parse(path.read_bytes()).root_node)}


def names(node: Node, local: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the names that expressions use, without functions, keys, properties and the variables of loops."""
    if node.type == "identifier" and text(node) not in local:
        yield text(node)
    children = node.named_children
    if node.type in ("call_expression", "object_property") or node.type.endswith("_declaration"):
        # first stands what is called, set or declared; a key in quotes may hold an expression
        children = [child for child in children if child != children[0] or child.type == "string"]
    if node.type == "for_statement":
        variables = children[0].named_children or [children[0]]
        local, children = local | {text(each) for each in variables}, children[1:]
    for child in children:
        yield from names(child, local)


def called(node: Node) -> Iterator[str]:
    """Yield the functions that are called."""
    if node.type == "call_expression":
        yield text(node.named_children[0])
    for child in node.named_children:
        yield from called(child)


# The verb and Bicep


@pytest.mark.parametrize("kind", ENTRIES)
@pytest.mark.parametrize("phase", list(Phase))
def test_the_verb_writes_what_the_bicep_asks_for(tmp_path: Path, kind: str, phase: Phase) -> None:
    """Else the deployment fails, long after the merge."""
    asked = of_kind(INFRA / f"{kind}.bicep", "parameter")
    document: Any = parameters(sample(tmp_path, kind), phase)
    written = {name: entry["value"] for name, entry in document["parameters"].items()}
    assert {name for name, each in asked.items() if each.required} <= set(written) <= set(asked)
    for name, given in written.items():
        assert asked[name].type == ("string[]" if isinstance(given, list) else "string")
        assert given in asked[name].decorators.get("allowed", [given])


def test_the_values_are_those_of_policy_yaml(tmp_path: Path) -> None:
    """The domains that publish, in their order; nothing is written twice."""
    common = {
        "name": {"value": "mtasts-example"},
        "location": {"value": "westeurope"},
        "domains": {"value": ["example.com", "example.net"]},
    }
    document = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
    }
    for kind in ("function", "static-web-app"):
        for phase in ("app", "domains"):
            expected = {**document, "parameters": {**common, "phase": {"value": phase}}}
            assert parameters(sample(tmp_path, kind), Phase(phase)) == expected
    assert parameters(sample(tmp_path, "front-door"), Phase.DOMAINS) == {**document, "parameters": common}


@pytest.mark.parametrize(
    ("words", "instead", "message"),
    [
        ("name: mtasts-example, ", "", "hosting has no name, so"),
        ("region: westeurope, ", "", "hosting has no region, so"),
        ("name: mtasts-example, region: westeurope, ", "", "hosting has no name and no region, so"),
        ("kind: KIND", "kind: web-server", "hosting.kind is web-server, and Azure has no part in that."),
    ],
)
def test_what_cannot_be_deployed_is_refused(tmp_path: Path, words: str, instead: str, message: str) -> None:
    """Before anything is asked of Azure."""
    with pytest.raises(UserError, match=message):
        parameters(sample(tmp_path, "function", POLICY.replace(words, instead)), Phase.APP)


def test_the_verb_prints_or_writes_a_file_and_a_refusal_leaves_it(bake: Bake) -> None:
    """As the pipeline calls it."""
    folder = bake(domain="example.de")
    printed = verb(folder, "parameters", "--phase", "domains")
    assert printed.returncode == 0, printed.stderr
    found = {name: entry["value"] for name, entry in json.loads(printed.stdout)["parameters"].items()}
    assert found == {
        "name": "mtasts-example-de",
        "location": "germanywestcentral",
        "domains": ["example.de"],
        "phase": "domains",
    }
    file = folder / "parameters.json"
    done = verb(folder, "parameters", "--output", file.name)
    assert (done.returncode, done.stdout) == (0, b"")
    written = file.read_bytes()
    assert json.loads(written)["parameters"]["phase"] == {"value": "app"}
    policy = folder / "policy.yaml"
    lines = policy.read_text(encoding="utf-8").splitlines(keepends=True)
    policy.write_text("".join(line for line in lines if "region:" not in line), encoding="utf-8")
    refused = verb(folder, "parameters", "--output", file.name)
    assert refused.returncode == 1
    assert refused.stderr.decode().strip() == (
        "Error: policy.yaml: hosting has no region, so it is open what Azure is to make, or where. "
        "Write under hosting: region (such as westeurope)."
    )
    assert file.read_bytes() == written


@pytest.mark.parametrize(
    ("hosting", "files"),
    [
        ("function", ["function.bicep", "function/binding.bicep", "function/domain.bicep", "function/insights.bicep"]),
        ("static-web-app", ["static-web-app.bicep"]),
        ("front-door", ["front-door.bicep"]),
        ("web-server", []),
    ],
)
def test_a_repository_has_the_bicep_of_its_hosting(bake: Bake, hosting: str, files: list[str]) -> None:
    """And a name that YAML would take for a number stays a name."""
    folder = bake(hosting=hosting, app_name="107")
    infra = folder / "infra"
    assert sorted(path.relative_to(infra).as_posix() for path in infra.rglob("*.bicep")) == files
    loaded, findings = model.load(folder / "policy.yaml")
    assert loaded, findings
    assert loaded.hosting.name == ("107" if files else None)


# What has to be so in Azure


def test_the_limits_are_those_that_lint_knows() -> None:
    """Lint refuses first; Azure would later."""
    limits = {
        name: of_kind(INFRA / f"{name}.bicep", "parameter")["domains"].decorators.get("maxLength") for name in ENTRIES
    }
    assert limits == {"function": FUNCTION_CERTIFICATES, "static-web-app": SWA_STANDARD, "front-door": None}
    plan = of_kind(INFRA / "static-web-app.bicep", "variable")["plan"].value
    assert plan == Source(f"length(domains) > {SWA_FREE} ? 'Standard' : 'Free'")
    assert resource("static-web-app", "app")["sku"] == {"name": Source("plan"), "tier": Source("plan")}


@pytest.mark.parametrize("name", ["function", "front-door"])
def test_storage_knows_no_keys_and_only_https(name: str) -> None:
    """No key can leak."""
    assert resource(name, "storage")["properties"] == {
        "allowBlobPublicAccess": False,
        "allowSharedKeyAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }


def test_the_function_app_is_closed_but_for_https() -> None:
    """HTTPS from TLS 1.2 on, no page of Microsoft's, no password for publishing."""
    app = resource("function", "app")
    assert (app["kind"], app["properties"]["httpsOnly"]) == ("functionapp,linux", True)
    site = app["properties"]["siteConfig"]
    assert (site["minTlsVersion"], site["ftpsState"]) == ("1.2", "Disabled")
    assert "{ name: 'AzureWebJobsDisableHomepage', value: 'true' }" in site["appSettings"].text
    publishing = of_kind(INFRA / "function.bicep", "resource")["publishing"]
    assert publishing.guards == ("for way in ['ftp', 'scm']",)
    assert publishing.value["properties"] == {"allow": False}


def test_the_function_app_runs_python_and_always_has_an_instance() -> None:
    """A cold start takes longer than senders wait."""
    properties = resource("function", "app")["properties"]
    assert properties["functionAppConfig"]["runtime"] == {"name": "python", "version": "3.13"}
    assert properties["functionAppConfig"]["scaleAndConcurrency"] == {
        "alwaysReady": Source("alwaysReady > 0 ? [{ name: 'http', instanceCount: alwaysReady }] : []"),
        "instanceMemoryMB": Source("instanceMemory"),
        "maximumInstanceCount": 40,
        "triggers": {"http": {"perInstanceConcurrency": 16}},
    }
    asked = of_kind(INFRA / "function.bicep", "parameter")
    defaults = {name: each.value for name, each in asked.items() if not each.required}
    assert defaults == {"phase": "app", "alwaysReady": 1, "instanceMemory": 512, "applicationInsights": False}
    assert "0 saves what they cost" in asked["alwaysReady"].decorators["description"]
    assert resource("function", "plan")["sku"] == {"name": "FC1", "tier": "FlexConsumption"}


def test_the_function_app_reaches_its_storage_by_its_identity() -> None:
    """With the role before the app, and no connection string."""
    app, role = resource("function", "app"), resource("function", "storageRole")
    storage = app["properties"]["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": Source("identity.id"),
    }
    assert role["scope"] == Source("storage")
    assert role["properties"]["principalId"] == Source("identity.properties.principalId")
    owner = of_kind(INFRA / "function.bicep", "variable")["blobDataOwner"].value
    assert owner == "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"  # Storage Blob Data Owner
    assert app["dependsOn"] == [Source("storageRole")]
    assert "{ name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }" in (
        app["properties"]["siteConfig"]["appSettings"].text
    )


def test_a_host_name_of_the_function_app_comes_in_three_steps() -> None:
    """Name, certificate, both; and a name that is served is never written without its certificate."""
    assert resource("function", "app")["properties"]["siteScopedCertificatesEnabled"] is True
    hosts = of_kind(INFRA / "function.bicep", "module")["hosts"]
    assert hosts.guards == ("for domain in domains", "if (phase == 'domains')")
    assert hosts.decorators == {"batchSize": 1}
    assert hosts.value["params"]["host"] == Source("'mta-sts.${domain}'")
    assert hosts.value["params"]["bound"] == Source("contains(app.properties.hostNames, 'mta-sts.${domain}')")

    steps = of_kind(INFRA / "function/domain.bicep", "resource")
    assert steps["binding"].guards == ("if (!bound)",)
    assert steps["binding"].value["properties"]["sslState"] == "Disabled"
    assert steps["certificate"].value["properties"] == {"canonicalName": Source("host")}
    assert steps["certificate"].value["dependsOn"] == [Source("binding")]
    served = of_kind(INFRA / "function/domain.bicep", "module")["served"]
    assert served.guards == ()
    assert served.value["params"]["thumbprint"] == Source("certificate.properties.thumbprint")
    assert resource("function/binding", "binding")["properties"] == {
        "customHostNameDnsRecordType": "CName",
        "hostNameType": "Verified",
        "sslState": "SniEnabled",
        "thumbprint": Source("thumbprint"),
    }


def test_application_insights_is_left_out_unless_asked_for() -> None:
    """It costs, and its connection string alone writes nothing."""
    insights = of_kind(INFRA / "function.bicep", "module")["insights"]
    assert insights.guards == ("if (applicationInsights)",)
    assert resource("function/insights", "insights")["properties"]["DisableLocalAuth"] is True


def test_the_static_web_app_takes_its_host_names_by_cname() -> None:
    """Once the records are there."""
    hosts = of_kind(INFRA / "static-web-app.bicep", "resource")["hosts"]
    assert hosts.guards == ("for domain in domains", "if (phase == 'domains')")
    assert hosts.value["name"] == Source("'mta-sts.${domain}'")
    assert hosts.value["properties"] == {"validationMethod": "cname-delegation"}
    assert resource("static-web-app", "app")["properties"]["stagingEnvironmentPolicy"] == "Disabled"


def test_front_door_serves_https_without_redirect_and_without_a_cache() -> None:
    """Either would break MTA-STS: RFC 8461 §3.3 forbids redirects, and a cache serves an old policy."""
    route = resource("front-door", "route")
    assert route["properties"] == {
        "customDomains": Source("[for (domain, i) in domains: { id: hosts[i].id }]"),
        "originGroup": {"id": Source("origins.id")},
        "patternsToMatch": ["/*"],
        "supportedProtocols": ["Https"],
        "httpsRedirect": "Disabled",
        "forwardingProtocol": "HttpsOnly",
        "linkToDefaultDomain": "Enabled",
    }
    assert "cacheConfiguration" not in route["properties"]
    assert route["dependsOn"] == [Source("origin")]
    assert resource("front-door", "profile")["sku"] == {"name": "Standard_AzureFrontDoor"}


def test_front_door_asks_the_website_by_its_own_name() -> None:
    """Storage serves no other."""
    website = of_kind(INFRA / "front-door.bicep", "variable")["website"].value
    assert website == Source("split(storage.properties.primaryEndpoints.web, '/')[2]")
    origin = resource("front-door", "origin")["properties"]
    assert (origin["hostName"], origin["originHostHeader"]) == (Source("website"), Source("website"))
    website = resource("front-door", "blobs")["properties"]["staticWebsite"]
    assert website == {"enabled": True, "indexDocument": "index.html"}


def test_front_door_has_a_managed_certificate_for_each_domain() -> None:
    """From TLS 1.2 on, which senders must be able to verify."""
    hosts = of_kind(INFRA / "front-door.bicep", "resource")["hosts"]
    assert hosts.guards == ("for domain in domains",)
    assert hosts.value["properties"] == {
        "hostName": Source("'mta-sts.${domain}'"),
        "tlsSettings": {"certificateType": "ManagedCertificate", "minimumTlsVersion": "TLS12"},
    }


def test_the_outputs_are_what_policy_yaml_and_the_pipelines_need() -> None:
    """By the names that policy.yaml has for them."""
    outputs = {name: list(of_kind(INFRA / f"{name}.bicep", "output")) for name in ENTRIES}
    assert outputs == {
        "function": ["hostname", "verification"],
        "static-web-app": ["hostname"],
        "front-door": ["hostname", "verifications", "storageAccount"],
    }
    tokens = of_kind(INFRA / "front-door.bicep", "output")["verifications"]
    assert tokens.guards == ("for (domain, i) in domains",)
    assert tokens.value == {
        "domain": Source("domain"),
        "verification": Source("hosts[i].properties.validationProperties.validationToken"),
    }
