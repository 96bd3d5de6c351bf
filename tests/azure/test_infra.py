"""infra/: the parameters that the verb writes for it, and what each answer leaves there. test_bicep.py compiles it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Bake, verb
from mtasts.config import model
from mtasts.findings import UserError
from mtasts.hosting.azure import Phase, parameters

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


def sample(tmp_path: Path, kind: str, policy: str = POLICY) -> model.Config:
    """Return what the sample policy.yaml says, for a kind of hosting."""
    path = tmp_path / "policy.yaml"
    path.write_text(policy.replace("KIND", kind), encoding="utf-8")
    loaded, findings = model.load(path)
    assert loaded, findings
    return loaded


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
        ("name: mtasts-example, ", "", "hosting lacks name, which Azure needs"),
        ("region: westeurope, ", "", "hosting lacks region, which Azure needs"),
        ("name: mtasts-example, region: westeurope, ", "", "hosting lacks name and region, which Azure needs"),
        ("kind: KIND", "kind: web-server", "hosting.kind is web-server, so there is nothing to deploy to Azure."),
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
        "Error: policy.yaml: hosting lacks region, which Azure needs to create it. "
        "Add under hosting: region (such as westeurope)."
    )
    assert file.read_bytes() == written


BOOTSTRAP = [
    "bootstrap.bicep",
    "bootstrap/built-in-roles.bicep",
    "bootstrap/identity.bicep",
    "bootstrap/role.bicep",
    "bootstrap/subscription-role.bicep",
]
OWN = {
    "function": ["function.bicep", "function/binding.bicep", "function/domain.bicep", "function/insights.bicep"],
    "static-web-app": ["static-web-app.bicep"],
    "front-door": ["front-door.bicep"],
}


@pytest.mark.parametrize(
    ("hosting", "dns", "files"),
    [
        *((kind, "azure-dns", [*BOOTSTRAP, *OWN[kind], "azure-dns.rights.json"]) for kind in OWN),
        *((kind, "manual", [*BOOTSTRAP, *OWN[kind]]) for kind in OWN),
        ("web-server", "azure-dns", [*BOOTSTRAP, "azure-dns.rights.json"]),
        ("web-server", "cloudflare", []),
    ],
)
def test_a_repository_has_what_its_answers_need(bake: Bake, hosting: str, dns: str, files: list[str]) -> None:
    """And a name that YAML would take for a number stays a name."""
    folder = bake(hosting=hosting, dns_provider=dns, app_name="107")
    own = [] if hosting == "web-server" else ["deploy.sh", "hosts.sh", f"{hosting}.rights.json"]
    infra = folder / "infra"
    found = [path.relative_to(infra).as_posix() for path in infra.rglob("*") if path.is_file()]
    assert sorted(found) == sorted([*files, *own])
    loaded, findings = model.load(folder / "policy.yaml")
    assert loaded, findings
    assert loaded.hosting.name == ("107" if own else None)
