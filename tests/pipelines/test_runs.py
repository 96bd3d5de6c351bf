"""The pipelines, run on a stand-in: deployment, provisioning and pull request, in their order, and where they fail."""

import os
import re
import shutil
from pathlib import Path

import pytest

from conftest import Bake, verb
from mtasts.dns import publish
from mtasts.findings.forms import as_markdown, as_text
from pipeline_files import (
    ANNOUNCING,
    AZURE,
    BUILDING,
    DEPLOYED,
    GENERATED,
    GIVEN,
    HOSTINGS,
    PROVISIONS,
    SAYS,
    SECRETS,
    SYSTEMS,
    WAITED,
    Stage,
    bash_only,
    compiled,
    load,
    pipeline,
    run,
    steps_of,
    what,
)

pytestmark = pytest.mark.slow  # runs whole pipelines


@bash_only
@pytest.mark.parametrize(("hosting", "system"), DEPLOYED)
def test_a_deployment_step_by_step(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove the order: build, deploy, HTTPS, announcement, all; and that one command alone sees the DNS credentials."""
    stage = Stage(tmp_path, GIVEN)
    ended = stage.play(pipeline(system, f"deploy-{hosting}"))
    assert set(ended.values()) == {"success"}
    assert stage.noted() == [*BUILDING, *DEPLOYED[hosting, system], WAITED[hosting], *ANNOUNCING]


@bash_only
@pytest.mark.parametrize(("hosting", "system"), DEPLOYED)
def test_without_https_nothing_is_announced(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove that the old id stays announced where HTTPS does not serve the new policy, and that the run is red."""
    stage = Stage(tmp_path, GIVEN, fails="check --only https")
    ended = stage.play(pipeline(system, f"deploy-{hosting}"))
    assert stage.noted() == [*BUILDING, *DEPLOYED[hosting, system], WAITED[hosting]]
    assert [name for name, result in ended.items() if result == "failure"] == ["https"]
    assert [name for name, result in ended.items() if result == "skipped"] == ["announce", "check"]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("fails", "last", "red"),
    [
        ("mtasts lint", "python -m mtasts lint", "build"),
        ("mtasts build", "python -m mtasts build", "build"),
        ("mtasts publish", "python -m mtasts publish announcement --doit (t0ken)", "announce"),
        ("mtasts check --wait", "python -m mtasts check --wait 300", "check"),
    ],
)
def test_a_failure_ends_the_run(fails: str, last: str, red: str, system: str, tmp_path: Path) -> None:
    """Prove that nothing follows a step that failed, and that the run tells which it was."""
    stage = Stage(tmp_path, GIVEN, fails=fails)
    ended = stage.play(pipeline(system, "deploy-front-door"))
    assert (stage.noted()[-1], [name for name, result in ended.items() if result == "failure"]) == (last, [red])


@bash_only
@pytest.mark.parametrize(("hosting", "system"), list(DEPLOYED)[:6])
def test_a_failed_deployment_leaves_the_old_id(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove that neither HTTPS nor DNS is touched where Azure does not take the new policy."""
    stage = Stage(tmp_path, GIVEN, fails=DEPLOYED[hosting, system][-1])
    ended = stage.play(pipeline(system, f"deploy-{hosting}"))
    assert stage.noted() == [*BUILDING, *DEPLOYED[hosting, system]]
    skipped = dict.fromkeys(["https", "announce", "check"], "skipped")
    assert ended == {"build": "success", "deploy": "failure", **skipped}


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_dns_by_hand(system: str, tmp_path: Path) -> None:
    """Prove that without dns/ octoDNS is not installed. The verb comes in its place all the same: it prints records."""
    stage = Stage(tmp_path, {"CLOUDFLARE_TOKEN": ""}, dns=False)
    stage.play(pipeline(system, "deploy-web-server"))
    assert stage.noted() == [
        *BUILDING,
        "python -m mtasts check --only https --wait 1800",
        "python -m mtasts publish announcement --doit",
        "python -m mtasts check --wait 300",
    ]


FORCED = pytest.mark.parametrize(("force", "options"), [("false", ""), ("true", " --force")])
OCTODNS = "python -m pip install --require-hashes --requirement dns/cloudflare.txt"


@bash_only
@FORCED
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_for_a_web_server(system: str, force: str, options: str, tmp_path: Path) -> None:
    """Prove that the hosting records are published, over foreign ones only where someone asked for that."""
    stage = Stage(tmp_path, GIVEN)
    assert stage.play(pipeline(system, "provision-web-server"), force=force) == {"hosting": "success"}
    assert stage.noted() == [OCTODNS, f"python -m mtasts publish hosting --doit{options} (t0ken)"]


def infra(stage: Stage, *files: str) -> None:
    """Put the scripts of infra/ where the pipeline finds them, Bicep files that nobody reads, and an artifact."""
    (stage.work.parent / "policy").mkdir()
    (stage.work.parent / "policy" / "policy.yaml").write_text("completed")
    for name in ("deploy.sh", "function.bicep", "bootstrap.bicep", *files):
        (stage.work / "infra" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(GENERATED / "infra" / name, stage.work / "infra" / name)


def deployed(command: str, phase: str) -> list[str]:
    """Return what infra/deploy.sh does."""
    template = "--template-file infra/function.bicep --parameters parameters.json"
    return [
        f"python -m mtasts parameters --phase {phase} --output parameters.json",
        f"az deployment group {command} --name mta-sts --resource-group group {template}",
    ]


SIGNED_IN = {"github": ["azure/login"], "azure-devops": ["AzureCLI connection"]}
TO_MAKE = {**GIVEN, "AZURE_RESOURCE_GROUP": "group"}
SHOWN = "az deployment group show --name mta-sts --resource-group group --query properties.outputs"


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_shows_and_makes_nothing(system: str, tmp_path: Path) -> None:
    """Prove that a run without `create` ends after what-if: nothing is made by a careless click."""
    stage = Stage(tmp_path, TO_MAKE)
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="false", force="false")
    assert {name for name, result in ended.items() if result == "success"} == {
        "what-if" if system == "github" else "what_if"
    }
    assert stage.noted() == ["python -m mtasts lint", *SIGNED_IN[system], *deployed("what-if", "app")]


@bash_only
@FORCED
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_step_by_step(system: str, force: str, options: str, tmp_path: Path) -> None:
    """Prove the order that Azure needs: what-if, the app, its DNS records, then host names and certificates."""
    stage = Stage(tmp_path, TO_MAKE)
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="true", force=force)
    assert set(ended.values()) == {"success"}
    assert stage.noted() == [
        *("python -m mtasts lint", *SIGNED_IN[system], *deployed("what-if", "app")),
        *(*SIGNED_IN[system], *deployed("create", "app"), SHOWN, "python -m mtasts outputs outputs.json"),
        *(OCTODNS, f"python -m mtasts publish hosting --doit{options} (t0ken)"),
        *(*SIGNED_IN[system], *deployed("create", "domains")),
    ]
    if system == "azure-devops":
        assert (stage.work / "policy.yaml").read_text() == "completed"


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("fails", "red", "last"),
    [
        ("group what-if", "what", deployed("what-if", "app")[1]),
        ("group create", "create", deployed("create", "app")[1]),
        ("group show", "create", SHOWN),
        ("mtasts outputs", "create", "python -m mtasts outputs outputs.json"),
        ("publish hosting", "hosting", "python -m mtasts publish hosting --doit (t0ken)"),
        ("phase domains", "domains", deployed("create", "domains")[0]),
    ],
)
def test_a_failure_ends_provisioning(fails: str, red: str, last: str, system: str, tmp_path: Path) -> None:
    """Prove that no certificate is asked for without its records, and nothing made that what-if could not show."""
    stage = Stage(tmp_path, TO_MAKE, fails=fails)
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="true", force="false")
    assert stage.noted()[-1] == last
    assert [re.split("[-_]", name)[0] for name, result in ended.items() if result == "failure"] == [red]


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
@pytest.mark.parametrize("missing", ["AZURE_RESOURCE_GROUP", "AZURE_CLIENT_ID", "AZURE_SERVICE_CONNECTION"])
def test_provision_names_what_is_not_set(system: str, missing: str, tmp_path: Path) -> None:
    """Prove that the first step says which variable lacks, before anything is asked of Azure."""
    if missing in {"github": "AZURE_SERVICE_CONNECTION", "azure-devops": "AZURE_CLIENT_ID"}[system]:
        return
    stage = Stage(tmp_path, {name: value for name, value in TO_MAKE.items() if name != missing})
    infra(stage)
    ended = stage.play(pipeline(system, "provision"), create="true", force="false")
    assert (stage.noted(), set(ended.values())) == ([], {"failure", "skipped"})
    assert stage.said == SAYS[system].format(missing)


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_waits_for_front_door(system: str, tmp_path: Path) -> None:
    """Prove that the run ends when Front Door has approved every domain: before that there is no certificate."""
    stage = Stage(tmp_path, TO_MAKE)
    infra(stage, "front-door/approved.sh")
    assert set(stage.play(pipeline(system, "provision"), create="true", force="false").values()) == {"success"}
    asked, following = stage.noted()[-2:]
    assert asked.startswith(
        "az rest --method get --url /subscriptions/{subscriptionId}/resourceGroups/group/providers/"
    )
    assert following.endswith("--output tsv --query nextLink")


PAGES = """#!/usr/bin/env bash
echo x >> "$NOTES"
case "$* ${FAILS:-}" in
  *fails) echo "ERROR: AuthorizationFailed" >&2; exit 1 ;;
  *page=2*nextLink*) ;;
  *nextLink*) echo "https://management.azure.com/next?page=2" ;;
  *page=2*) if [ "$(wc -l < "$NOTES")" -lt 8 ]; then printf 'mta-sts.example.net\\tPending\\n'; fi ;;
esac
"""


@bash_only
@pytest.mark.parametrize(("fails", "code", "calls"), [("", 0, 12), ("fails", 1, 1)])
def test_front_door_is_asked_for_all_its_domains(fails: str, code: int, calls: int, tmp_path: Path) -> None:
    """A domain on the second page counts (Azure gives a page at a time), and a call that is refused is no approval."""
    stage = Stage(tmp_path, {})
    infra(stage, "front-door/approved.sh")
    (stage.programs / "az").write_text(PAGES)
    (stage.programs / "python").write_text("#!/bin/sh\necho app")
    variables = {"PATH": f"{stage.programs}{os.pathsep}{os.environ['PATH']}", "NOTES": str(stage.notes), "PAUSE": "0"}
    environment = {**variables, "AZURE_RESOURCE_GROUP": "group", "FAILS": fails}
    done = run(["bash", "infra/front-door/approved.sh"], cwd=stage.work, env=environment)
    assert (done.returncode, len(stage.notes.read_text().splitlines())) == (code, calls), done.stdout + done.stderr


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
    for name in (*PROVISIONS, *(f"deploy-{hosting}" for hosting in HOSTINGS)):
        (step,) = [step for step in steps_of(pipeline("github", name)) if "CLOUDFLARE_TOKEN" in step.get("env", {})]
        given = {key: value for key, value in step["env"].items() if key != "FORCE"}
        kinds = {key: "secrets" if key in SECRETS else "vars" for key in (*READ_NAMES, ZONE_ELSEWHERE)}
        assert given == {key: f"${{{{ {kind}.{key} }}}}" for key, kind in kinds.items()}
        (step,) = [
            step for step in steps_of(pipeline("azure-devops", name)) if "CLOUDFLARE_TOKEN" in step.get("env", {})
        ]
        assert step["env"] == {key: f"$({key})" for key in SECRETS}


def test_azure_dns_is_asked_by_who_is_signed_in() -> None:
    """Prove that GitHub signs in only where Azure DNS is used, and that Azure DevOps lends a service connection."""
    for name in ("provision-web-server", "deploy-web-server"):
        (login,) = [step for step in steps_of(pipeline("github", name)) if what(step) == "azure/login"]
        assert login["if"] == "${{ vars.AZURE_DNS_RESOURCE_GROUP != '' }}"
        assert login["with"] == {
            "client-id": "${{ vars.AZURE_CLIENT_ID }}",
            "tenant-id": "${{ vars.AZURE_TENANT_ID }}",
            "subscription-id": "${{ vars.AZURE_DNS_SUBSCRIPTION_ID || vars.AZURE_SUBSCRIPTION_ID }}",
        }
    template = load(AZURE / "steps" / "publish.yml")
    given = {"command": "python -m mtasts publish hosting", "serviceConnection": "dns", "condition": "succeeded()"}
    assert compiled(template["steps"], given) == [
        {
            "task": "AzureCLI@2",
            "displayName": "Run octoDNS, signed in to Azure",
            "condition": "succeeded()",
            "inputs": {
                "azureSubscription": "dns",
                "scriptType": "bash",
                "scriptLocation": "inlineScript",
                "inlineScript": "python -m mtasts publish hosting",
            },
        }
    ]


SAID = (
    "Not set: {}. The DNS provider needs what dns/provider.yaml reads from the environment. Set it on GitHub under"
    " Settings → Environments, in Azure DevOps under Pipelines → this pipeline → Edit → Variables, and run this again."
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
    assert done.stdout.startswith(b"example.com: error MTS230: The zone example.com. could not be brought in line: ")
    assert "| error | MTS230 | example.com | The zone example.com. could not" in plan.read_text(encoding="utf-8")
