"""The pipelines, run on a stand-in: deployment, provisioning and pull request, in their order, and where they fail."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from conftest import Bake, verb
from mtasts.dns import publish
from mtasts.findings.forms import as_markdown, as_text
from mtasts.pruning import pruned
from pipeline_files import (
    ANNOUNCING,
    AZURE,
    BEFORE,
    BUILDING,
    DEPLOYED,
    GENERATED,
    GIVEN,
    HOSTED,
    HOSTINGS,
    LOOKED,
    SAYS,
    SECRETS,
    SYSTEMS,
    WAITED,
    Stage,
    bash_only,
    compiled,
    pipeline,
    run,
    steps_of,
    what,
)

pytestmark = pytest.mark.slow  # runs whole pipelines


# What is left out where there is nothing new, and nothing went wrong.
NEW = {
    **{hosting: ["dns", "domains", "azure"] for hosting in HOSTINGS[:2]},
    "front-door": ["domains", "dns", "certificate", "route", "propagation", "azure"],
    "web-server": [],
}


def left_out(ended: Mapping[str, str]) -> list[str]:
    """Return the jobs that did not run."""
    return [name for name, result in ended.items() if result == "skipped"]


def red(ended: Mapping[str, str]) -> list[str]:
    """Return the jobs that failed."""
    return [name for name, result in ended.items() if result == "failure"]


@bash_only
@pytest.mark.parametrize(("hosting", "system"), DEPLOYED)
def test_a_deployment_step_by_step(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove the order: build, records, deploy, HTTPS, announcement, all; and which commands see the DNS credentials."""
    stage = Stage(tmp_path, GIVEN)
    ended = stage.play(pipeline(system, f"deploy-{hosting}"))
    assert (red(ended), left_out(ended)) == ([], NEW[hosting])
    assert stage.noted() == [
        *(*BUILDING, *BEFORE[hosting, system], *DEPLOYED[hosting, system], WAITED[hosting], *ANNOUNCING)
    ]


class Newcomer(Stage):
    """A stand-in where Azure lacks the host name of a domain, and Front Door takes more than the first wait."""

    AZURE_HAS: ClassVar[Mapping[str, str]] = {
        "MISSING": "new.example",
        "AWAITED": "new.example old.example",
        "OLD": "",
        "SERVED": "false",
    }


def made(system: str) -> list[str]:
    """Return how host names and certificates are made."""
    return [*SIGNED_IN[system], *deployed("create", "domains")]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS[:2])
def test_a_new_domain_step_by_step(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove that the records come first, since Azure looks for them, and the policy before its announcement."""
    stage = Newcomer(tmp_path, GIVEN)
    infra(stage)
    ended = stage.play(pipeline(system, f"deploy-{hosting}"))
    assert (red(ended), left_out(ended)) == ([], ["azure"])
    assert stage.noted() == [
        *(*BUILDING, *BEFORE[hosting, system], "python -m mtasts wait dns new.example old.example", *made(system)),
        *(*DEPLOYED[hosting, system], WAITED[hosting], *ANNOUNCING),
    ]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_new_domain_behind_front_door(system: str, tmp_path: Path) -> None:
    """Prove that the host name comes first, since it gives the token for DNS, and that two jobs wait for HTTPS."""
    stage = Newcomer(tmp_path, GIVEN)
    infra(stage)
    ended = stage.play(pipeline(system, "deploy-front-door"))
    looked, published = BEFORE["front-door", system][:3], BEFORE["front-door", system][3:]
    file = {"github": "hosts.json", "azure-devops": f"{tmp_path}/hosts/hosts.json"}[system]
    assert (red(ended), left_out(ended)) == ([], ["route", "azure"])
    assert stage.noted() == [
        *(*BUILDING, *looked, *made(system), *published),
        f"python -m mtasts wait dns --verification {file} new.example old.example",
        "python -m mtasts wait certificate new.example old.example",
        *(*DEPLOYED["front-door", system], WAITED["front-door"], "python -m mtasts wait policy", *ANNOUNCING),
    ]


FAULTS = [
    # What fails, the last step before Azure is asked what it says, the red job, and whether Azure is asked.
    ("mtasts lint", "python -m mtasts lint", "build", False),
    ("mtasts build", "python -m mtasts build", "build", False),
    ("mtasts hosts", "python -m mtasts hosts", "look", False),
    ("--only-remove", HOSTED[1], "hosting", True),
    ("publish hosting", HOSTED[2], "hosting", True),
    ("wait dns", "python -m mtasts wait dns new.example old.example", "dns", True),
    ("phase domains", "python -m mtasts parameters --phase domains --output parameters.json", "domains", True),
    ("wait policy", "python -m mtasts wait policy --for 600", "https", True),
    ("announcement --doit;", "python -m mtasts publish announcement --doit (t0ken)", "announce", True),
    ("mtasts check", "python -m mtasts check --wait 900", "check", True),
]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("fails", "last", "job", "asked"), FAULTS)
def test_a_failure_ends_the_run(fails: str, last: str, job: str, asked: bool, system: str, tmp_path: Path) -> None:
    """Prove that nothing follows a step that failed but the question what Azure says.

    Without HTTPS nothing is announced: the old id stays. Without the right to look, nothing is published at all.
    """
    stage = Newcomer(tmp_path, GIVEN, fails=fails)
    infra(stage)
    ended = stage.play(pipeline(system, "deploy-function"))
    assert red(ended) == [job]
    tail = LOOKED[system] if asked else []
    assert stage.noted()[-1 - len(tail) :] == [last, *tail]
    assert (ended["azure"] == "success") == asked


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("fails", "job"), [("wait certificate", "certificate"), ("wait policy --go-on", "https"), ("wait policy", "https")]
)
def test_front_door_is_asked_what_it_says(fails: str, job: str, system: str, tmp_path: Path) -> None:
    """Prove the same of a certificate that never comes: nothing is uploaded, and nothing is announced."""
    stage = Newcomer(tmp_path, GIVEN, fails=fails)
    infra(stage)
    ended = stage.play(pipeline(system, "deploy-front-door"))
    assert (red(ended), ended["announce"], ended["azure"]) == ([job], "skipped", "success")
    assert stage.noted()[-3:] == LOOKED[system]


@bash_only
@pytest.mark.parametrize(("hosting", "system"), list(DEPLOYED)[:6])
def test_a_failed_deployment_leaves_the_old_id(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove that nothing is announced where Azure does not take the new policy."""
    stage = Stage(tmp_path, GIVEN, fails=DEPLOYED[hosting, system][-1])
    ended = stage.play(pipeline(system, f"deploy-{hosting}"))
    assert (red(ended), ended["https"], ended["announce"], ended["check"]) == (["deploy"], *["skipped"] * 3)
    assert stage.noted() == [*BUILDING, *BEFORE[hosting, system], *DEPLOYED[hosting, system], *LOOKED[system]]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_dns_by_hand(system: str, tmp_path: Path) -> None:
    """Prove that without dns/ octoDNS is not installed. The verbs come all the same: they print records."""
    stage = Stage(tmp_path, {"CLOUDFLARE_TOKEN": ""}, dns=False)
    stage.play(pipeline(system, "deploy-web-server"))
    assert stage.noted() == [
        *BUILDING,
        "python -m mtasts publish announcement --doit --only-remove",
        "python -m mtasts publish hosting --doit",
        "python -m mtasts wait dns",
        "python -m mtasts wait policy --for 1800",
        "python -m mtasts publish announcement --doit",
        "python -m mtasts check --wait 900",
    ]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_foreign_records_are_written_over_only_where_someone_asked(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove that *force* reaches both publications, and never the one that only removes."""
    stage = Stage(tmp_path, GIVEN)
    stage.play(pipeline(system, f"deploy-{hosting}"), force="true")
    published = [line for line in stage.noted() if "mtasts publish" in line]
    assert [(line.split()[4], "--force" in line) for line in published] == [
        ("announcement", False),
        ("hosting", True),
        ("announcement", True),
    ]


def infra(stage: Stage) -> None:
    """Put Bicep files where the pipeline finds them. Nobody reads them."""
    for name in ("function.bicep", "bootstrap.bicep"):
        shutil.copy(GENERATED / "infra" / name, stage.work / "infra" / name)


def deployed(command: str, phase: str) -> list[str]:
    """Return what infra/deploy.sh does."""
    template = "--template-file infra/function.bicep --parameters parameters.json"
    return [
        f"python -m mtasts parameters --phase {phase} --output parameters.json",
        f"az deployment group {command} --name mta-sts --resource-group group {template}",
    ]


SIGNED_IN = {"github": ["azure/login"], "azure-devops": ["AzureCLI provision"]}
SHOWN = "az deployment group show --name mta-sts --resource-group group --query properties.outputs"


REFUSED = "python -m mtasts.hosting.refusals refusal.txt last"


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_shows_and_makes_nothing(system: str, tmp_path: Path) -> None:
    """Prove that a run without `create` ends after what-if: nothing is made by a careless click."""
    stage = Stage(tmp_path, GIVEN)
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="false")
    shown = {"github": {"what-if"}, "azure-devops": {"build", "what_if"}}[system]
    assert {name for name, result in ended.items() if result == "success"} == shown
    assert stage.noted() == ["python -m mtasts lint", *SIGNED_IN[system], *deployed("what-if", "app")]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_step_by_step(system: str, tmp_path: Path) -> None:
    """Prove that *provision* makes the app alone: records, host names and certificates come with a push."""
    stage = Stage(tmp_path, GIVEN)
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="true")
    assert set(ended.values()) == {"success"}
    assert stage.noted() == [
        *("python -m mtasts lint", *SIGNED_IN[system], *deployed("what-if", "app")),
        *(*SIGNED_IN[system], *deployed("create", "app"), SHOWN, "python -m mtasts outputs outputs.json"),
    ]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("fails", "job", "last"),
    [
        ("group what-if", "what", REFUSED),
        ("group create", "create", REFUSED),
        ("group show", "create", SHOWN),
        ("mtasts outputs", "create", "python -m mtasts outputs outputs.json"),
    ],
)
def test_a_failure_ends_provisioning(fails: str, job: str, last: str, system: str, tmp_path: Path) -> None:
    """Prove that nothing is made that what-if could not show."""
    stage = Stage(tmp_path, GIVEN, fails=fails)
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="true")
    assert stage.noted()[-1] == last
    assert [re.split("[-_]", name)[0] for name in red(ended)] == [job]


FAILS_TWICE = """#!/usr/bin/env bash
echo x >> "$NOTES"
[ "$(wc -l < "$NOTES")" -gt 2 ]
"""


@bash_only
@pytest.mark.parametrize(("phase", "code", "tries"), [("app", 1, 1), ("domains", 0, 3)])
def test_host_names_are_tried_again_until_azure_sees_their_records(
    phase: str, code: int, tries: int, tmp_path: Path
) -> None:
    """Prove that a record seen a minute later does not end the run, and that the app itself is not tried in vain."""
    stage = Stage(tmp_path, {})
    infra(stage)
    (stage.programs / "az").write_text(FAILS_TWICE)
    (stage.programs / "python").write_text("#!/bin/sh")
    variables = {"PATH": f"{stage.programs}{os.pathsep}{os.environ['PATH']}", "NOTES": str(stage.notes), "PAUSE": "0"}
    script = ["bash", "infra/deploy.sh", "create", phase]
    done = run(script, cwd=stage.work, env={**variables, "AZURE_RESOURCE_GROUP": "group"})
    assert (done.returncode, len(stage.notes.read_text().splitlines())) == (code, tries)


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("missing", ["AZURE_RESOURCE_GROUP", "AZURE_CLIENT_ID"])
def test_provision_names_what_is_not_set(system: str, missing: str, tmp_path: Path) -> None:
    """Prove that the first step says which variable lacks, before anything is asked of Azure."""
    if (missing, system) == ("AZURE_CLIENT_ID", "azure-devops"):  # service connections stand there by their names
        return
    stage = Stage(tmp_path, {name: value for name, value in GIVEN.items() if name != missing})
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="true")
    assert (stage.noted(), set(ended.values())) == ([], {"failure", "skipped"})
    assert stage.said == SAYS[system].format(missing)


# The DNS provider's credentials


AZURE_NAMES = ["AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_DNS_RESOURCE_GROUP"]
AWS_NAMES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
RFC2136_NAMES = ["RFC2136_HOST", "RFC2136_KEY_NAME", "RFC2136_KEY_SECRET"]
RFC2136_DEFAULTS = ["RFC2136_PORT", "RFC2136_KEY_ALGORITHM"]
NEEDED = {
    "azure-dns": AZURE_NAMES,
    "cloudflare": ["CLOUDFLARE_TOKEN"],
    "route53": AWS_NAMES,
    "rfc2136": RFC2136_NAMES,
}
ZONE_ELSEWHERE = "AZURE_DNS_SUBSCRIPTION_ID"  # where the zone is in another subscription than the app
READ_NAMES = sorted([*AZURE_NAMES, "CLOUDFLARE_TOKEN", *AWS_NAMES, *RFC2136_NAMES, *RFC2136_DEFAULTS])


def test_every_variable_reaches_octodns() -> None:
    """Prove that the pipelines hand over each name that a provider reads: in Azure DevOps only secrets need it."""
    text = (GENERATED / "dns" / "provider.yaml").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"env/(\w+)", text))) == READ_NAMES
    kinds = {key: "secrets" if key in SECRETS else "vars" for key in (*READ_NAMES, ZONE_ELSEWHERE)}
    given = {
        "github": {key: f"${{{{ {kind}.{key} }}}}" for key, kind in kinds.items()},
        "azure-devops": {key: f"$({key})" for key in SECRETS},
    }
    for name, times in ((f"deploy-{hosting}", 2) for hosting in HOSTINGS):
        for system, expected in given.items():
            found = [
                step["env"] for step in steps_of(pipeline(system, name)) if "CLOUDFLARE_TOKEN" in step.get("env", {})
            ]
            assert [{key: env[key] for key in env if key != "COMMAND"} for env in found] == [expected] * times


def test_azure_dns_is_asked_by_who_is_signed_in() -> None:
    """Prove that GitHub signs in only where Azure DNS is used, and that Azure DevOps lends a service connection."""
    logins = [step for step in steps_of(pipeline("github", "deploy-web-server")) if what(step) == "azure/login"]
    given = {
        "client-id": "${{ vars.AZURE_CLIENT_ID }}",
        "tenant-id": "${{ vars.AZURE_TENANT_ID }}",
        "subscription-id": "${{ vars.AZURE_DNS_SUBSCRIPTION_ID || vars.AZURE_SUBSCRIPTION_ID }}",
    }
    login = ("${{ vars.AZURE_DNS_RESOURCE_GROUP != '' }}", given)
    assert [(step["if"], step["with"]) for step in logins] == [login, login]
    text = (AZURE / "steps" / "publish.yml").read_text(encoding="utf-8")
    template = yaml.safe_load(pruned(text, ["azure-devops", "azure-dns"]))
    given = {"command": "python -m mtasts publish hosting", "condition": "succeeded()"}
    assert compiled(template["steps"], given) == [
        {
            "task": "AzureCLI@2",
            "displayName": "Publish, signed in to Azure",
            "condition": "succeeded()",
            "inputs": {
                "azureSubscription": "deploy",
                "scriptType": "bash",
                "scriptLocation": "inlineScript",
                "inlineScript": "python -m mtasts publish hosting",
            },
        }
    ]


SAID = (
    "Not set: {}. dns/provider.yaml reads this from the environment for the DNS provider. Set it in your"
    " shell, in GitHub under Settings → Environments, or in Azure DevOps in the variable group mta-sts-dns, and run the"
    " command again."
)


@pytest.mark.parametrize("left", [None, "", " ", "$({})"], ids=["unset", "GitHub", "blank", "Azure DevOps"])
@pytest.mark.parametrize("dns_provider", NEEDED)
def test_missing_credentials_are_named(
    bake: Bake, dns_provider: str, left: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prove that one run names all that is not set, whatever the system puts in its place, and no other name."""
    dns = bake(dns_provider=dns_provider) / "dns"
    for name in READ_NAMES:
        monkeypatch.delenv(name, raising=False)
        if left is not None:
            monkeypatch.setenv(name, left.format(name))
    said = SAID.format(", ".join(NEEDED[dns_provider]))
    done = publish.publish(dns / "announcement.yaml", doit=True, force=False)
    assert [(finding.rule.id, finding.file, finding.message) for finding in done.findings] == [
        ("MTS230", "dns/provider.yaml", said)
    ]
    done = publish.publish(dns / "hosting.yaml", doit=False, force=False)
    shown = done.report()
    assert (done.findings, as_text(shown), as_markdown(shown)) == ([], f"no plan: {said}", f"no plan: {said}")


def test_a_plan_without_credentials_is_no_failure(bake: Bake, tmp_path: Path) -> None:
    """Prove that a change of DNS fails with one message, and that a plan says the same and is green."""
    folder, plan, said = bake(dns_provider="cloudflare"), tmp_path / "plan.md", SAID.format("CLOUDFLARE_TOKEN")
    done = verb(folder, "publish", "announcement", "--doit", env={"CLOUDFLARE_TOKEN": ""})
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.decode() == f"dns/provider.yaml: error MTS230: {said}\n1 error\n"
    words = ("publish", "hosting", "--format", "markdown", "--output", str(plan))
    done = verb(folder, *words, env={"CLOUDFLARE_TOKEN": ""})
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"no plan: {said}\n", b"")
    assert plan.read_text(encoding="utf-8") == f"no plan: {said}\n"


@pytest.mark.parametrize("port", ["", "$(RFC2136_PORT)"], ids=["GitHub", "Azure DevOps"])
def test_what_is_not_set_has_its_default(bake: Bake, port: str, tmp_path: Path) -> None:
    """Prove that octoDNS does not take an empty port for a port. Nothing listens there: the zone is named."""
    given = {"RFC2136_HOST": "127.0.0.2", "RFC2136_KEY_NAME": "key", "RFC2136_KEY_SECRET": "c2VjcmV0"}
    environment = {**given, "RFC2136_PORT": port, "RFC2136_KEY_ALGORITHM": ""}
    plan = tmp_path / "plan.md"
    words = ("publish", "hosting", "--format", "markdown", "--output", str(plan))
    done = verb(bake(dns_provider="rfc2136"), *words, env=environment)
    assert done.returncode == 1
    assert done.stdout.startswith(b"example.com: error MTS230: The zone example.com. could not be updated: ")
    assert "| error | MTS230 | example.com | The zone example.com. could not" in plan.read_text(encoding="utf-8")
