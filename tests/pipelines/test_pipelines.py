"""The pipelines, on GitHub and in Azure DevOps, as they are written: valid, safe, and the same on both systems.

YAML is parsed. Every expected value here is written by hand.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mtasts.pruning import prune
from pipeline_files import (
    ACTIONS,
    AZURE,
    AZURE_PIPELINES,
    CALLED,
    DEPENDABOTS,
    DNS_PROVIDERS,
    GENERATED,
    GITHUB,
    HOSTINGS,
    PIPELINES,
    PLACES,
    SECRETS,
    SYSTEMS,
    TEMPLATE_AZURE,
    TEMPLATE_GITHUB,
    WORKFLOWS,
    all_steps,
    job_of,
    jobs_of,
    load,
    name_of,
    needs_of,
    own_steps,
    pipeline,
    python_commands,
    steps_of,
    strings,
    tool,
    uses_lines,
    what,
)

# Valid


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-actions", ACTIONS),
        ("dependabot", DEPENDABOTS),
        ("azure-pipelines", AZURE_PIPELINES),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_meet_the_schema(schema: str, files: list[Path]) -> None:
    """Prove that both systems know every key, and Azure DevOps every input of a task."""
    more = ["--data-transform", "azure-pipelines", "--regex-variant", "nonunicode"]
    options = more if schema == "azure-pipelines" else []
    result = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *options, *files)
    assert (result.returncode, result.stdout) == (0, "ok -- validation done\n"), result.stdout + result.stderr


def test_every_pipeline_is_there_on_both_systems() -> None:
    """Prove that neither system lacks a pipeline, and that the tests see them all."""
    assert sorted(path.stem for path in GITHUB.glob("workflows/*")) == sorted([*PIPELINES, *CALLED])
    assert sorted(path.stem for path in AZURE.glob("*.yml")) == sorted(PIPELINES)
    assert [path.parent.name for path in ACTIONS] == ["build", "judge", "toolkit", "variables"]
    assert [path.stem for path in sorted(AZURE.glob("steps/*"))] == [
        "azure",
        "build",
        "judge",
        "publish",
        "tip",
        "toolkit",
        "variables",
    ]


def pruned(hosting: str, pipelines: str, folder: Path, dns_provider: str = "manual") -> Path:
    """Copy both systems' pipelines, and let the template's hook keep what was chosen."""
    for source in (GITHUB, AZURE):
        shutil.copytree(source, folder / source.name)
    prune(folder, [hosting, pipelines, dns_provider])
    return folder


def called_file(text: str) -> str:
    """Return the file of a called action or template, from the top of the repository."""
    if text.endswith(".yml") and text.startswith("$/"):
        return text.removeprefix("$/")
    if text.startswith(("$/", "./base/")):
        return f"{text.removeprefix('$/').removeprefix('./base/')}/action.yml"
    return f".azuredevops/{text}"


@pytest.mark.parametrize(("system", "place"), PLACES.items(), ids=SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_repository_has_what_it_uses(hosting: str, system: str, place: str, tmp_path: Path) -> None:
    """Prove that one deployment is left for a hosting, with the actions or templates that it calls, and no other."""
    pipelines = sorted(pruned(hosting, system, tmp_path).glob(f"{place}/*.yml"))
    provision = [] if hosting == "web-server" else ["provision"]
    publish = CALLED if system == "github" else []
    assert [path.stem for path in pipelines] == [f"deploy-{hosting}", *provision, *publish, "pull-request", "watch"]
    texts = {text for path in pipelines for text in strings(load(path))}
    called = {called_file(text) for text in texts if text.startswith(("$/", "./base/", "steps/"))}
    places = (".github/actions/*/action.yml", ".github/workflows/publish.yml", ".azuredevops/steps/*")
    shared = [path for place in places for path in tmp_path.glob(place)]
    assert {path.relative_to(tmp_path).as_posix() for path in shared} == called
    expected = {"github": (5, 4), "azure-devops": (7, 5)}[system]
    assert len(called) == expected[hosting == "web-server"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_set_of_pipelines_serves_every_dns_provider(system: str, tmp_path: Path) -> None:
    """Prove that none is missing for a provider, so that what is tested here is what each of them gets."""
    left = set()
    for dns_provider in DNS_PROVIDERS:
        folder = pruned("function", system, tmp_path / dns_provider, dns_provider)
        files = [path for path in folder.rglob("*") if path.is_file()]
        left.add(tuple(sorted(path.relative_to(folder).as_posix() for path in files)))
    assert len(left) == 1


@pytest.mark.parametrize("path", [*GITHUB.rglob("*.yml"), *AZURE.rglob("*.yml")], ids=name_of)
def test_no_jinja(path: Path) -> None:
    """Prove that a file can be copied as it is."""
    text = path.read_text(encoding="utf-8")
    assert [mark for mark in ("cookiecutter", "{%", "{#") if mark in text] == []


# Safe


@pytest.mark.parametrize("hosting", [*HOSTINGS, None])
def test_zizmor_finds_nothing(hosting: str | None, tmp_path: Path) -> None:
    """Prove that the pipelines follow GitHub's security advice: each hosting's, and the template's own."""
    folder = pruned(hosting, "github", tmp_path) if hosting else tmp_path
    if not hosting:
        shutil.copytree(TEMPLATE_GITHUB, folder / ".github")
    result = tool("zizmor", "--offline", "--no-config", "--persona=pedantic", "--strict-collection", folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No findings to report" in result.stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=name_of)
def test_actions_are_pinned(path: Path) -> None:
    """Prove that an action from elsewhere cannot change under us, and that people see which version it is."""
    form = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+")
    assert [line for line in uses_lines(path) if not form.fullmatch(line)] == []


def test_an_action_has_one_version() -> None:
    """Prove that the template and what it generates use the same few actions, each in one version."""
    lines = {line for path in [*WORKFLOWS, *ACTIONS] for line in uses_lines(path)}
    assert sorted(line.removeprefix("uses: ").partition("@")[0] for line in lines) == [
        "Azure/functions-action",
        "Azure/static-web-apps-deploy",
        "actions/checkout",
        "actions/download-artifact",
        "actions/setup-python",
        "actions/upload-artifact",
        "azure/login",
    ]


READ = {"contents": "read"}
SIGN_IN = {"contents": "read", "id-token": "write"}
COMMENTING = {"pull-requests": "write"}
WAITING = dict.fromkeys(["dns", "https", "check"], READ)  # nobody is signed in while a job waits
DEPLOYING = {
    "build": READ,
    **dict.fromkeys(["look", "hosting", "domains", "deploy", "announce", "azure"], SIGN_IN),
    **WAITING,
}


@pytest.mark.parametrize(
    ("path", "permissions"),
    [
        (TEMPLATE_GITHUB / "workflows" / "test.yml", {"test": READ}),
        (pipeline("github", "pull-request"), {"check": READ, "plan": READ, "test": {}, "comment": COMMENTING}),
        (pipeline("github", "watch"), {"check": READ, "issue": {"issues": "write"}}),
        (pipeline("github", "provision"), dict.fromkeys(["what-if", "create"], SIGN_IN)),
        (pipeline("github", "deploy-function"), DEPLOYING),
        (pipeline("github", "deploy-static-web-app"), DEPLOYING),
        (
            pipeline("github", "deploy-front-door"),
            {**DEPLOYING, "route": SIGN_IN, "certificate": READ, "propagation": READ},
        ),
        (
            pipeline("github", "deploy-web-server"),
            {"build": READ, "hosting": SIGN_IN, "announce": SIGN_IN, **WAITING},
        ),
    ],
    ids=lambda value: name_of(value) if isinstance(value, Path) else "",
)
def test_permissions(path: Path, permissions: dict[str, dict[str, str]]) -> None:
    """Prove that a workflow may do nothing, and each job only what it needs."""
    assert load(path)["permissions"] == {}
    assert {name: job["permissions"] for name, job in jobs_of(path)} == permissions


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_checkout_leaves_no_credentials(path: Path) -> None:
    """Prove that no later step can push with the token of the checkout, nor a fork's commit be checked out."""
    checkouts = [dict(step["with"]) for step in steps_of(path) if what(step) == "actions/checkout"]
    assert {given.pop("persist-credentials") for given in checkouts} == {False}
    base = "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha }}"
    assert {given.get("ref", "refs/heads/main") for given in checkouts} <= {"refs/heads/main", base}
    assert {key for given in checkouts for key in given} <= {"fetch-depth", "ref", "path"}


def test_no_checkout_in_azure_leaves_credentials() -> None:
    """Prove the same of Azure DevOps, which leaves none unless it is told to."""
    for path in AZURE_PIPELINES:
        assert "persistCredentials" not in path.read_text(encoding="utf-8")


HISTORY = {"github": ("fetch-depth", 0), "azure-devops": ("fetchDepth", "0")}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", PIPELINES)
def test_who_publishes_or_plans_has_the_whole_history(name: str, system: str) -> None:
    """Prove that `publish` can tell which values in DNS are ours: in a shallow clone it refuses what differs."""
    needs, has = [], []
    for job_name, job in jobs_of(pipeline(system, name), create="true"):
        texts = list(strings(all_steps(job)))
        if any("mtasts publish" in text or "mtasts plan" in text for text in texts):
            needs.append(job_name)
        given = [step.get("with", step) for step in all_steps(job) if what(step) in ("actions/checkout", "checkout")]
        if HISTORY[system] in [pair for each in given for pair in each.items()]:
            has.append(job_name)
    expected: dict[str, list[str]] = {"pull-request": [], "watch": [], "provision": []}
    assert needs == expected.get(name, ["hosting", "announce"])
    assert set(needs) <= set(has)


@pytest.mark.parametrize("path", [*WORKFLOWS, *AZURE.glob("*.yml"), TEMPLATE_AZURE], ids=name_of)
def test_no_job_runs_for_hours(path: Path) -> None:
    """Prove that every job has an end of its own, within 45 minutes: hosted agents of Azure DevOps have 60."""
    limits = [job.get("timeout-minutes") or job.get("timeoutInMinutes") for _, job in jobs_of(path)]
    assert limits and all(5 <= int(limit) <= 45 for limit in limits)


SECRET = re.compile(r"\$\{\{ secrets\.(\w+) \}\}|\$\(((?:AWS_|CLOUDFLARE_TOKEN|RFC2136_KEY_SECRET)\w*)\)")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS, *AZURE_PIPELINES], ids=name_of)
def test_no_other_secret_is_read(path: Path) -> None:
    """Prove that the DNS provider's is the only secret to store, and goes only into the step that needs it."""
    texts = list(strings(load(path)))
    assert [text for text in texts if re.search("password", text, re.IGNORECASE)] == []
    found = [name for text in texts for names in SECRET.findall(text) for name in names if name]
    publishing = path.is_relative_to(GENERATED) and path.stem == "publish"
    assert sorted(found) == (SECRETS if publishing else [])
    assert len([text for text in texts if "secrets." in text]) == (len(found) if GITHUB in path.parents else 0)


@pytest.mark.parametrize("dns_provider", DNS_PROVIDERS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_only_who_publishes_with_a_secret_inherits_it(hosting: str, dns_provider: str, tmp_path: Path) -> None:
    """Prove that a called workflow gets secrets only if it reads one.

    An environment's secrets reach it by no other way than `inherit` (actions/runner#1490).
    """
    folder = pruned(hosting, "github", tmp_path, dns_provider)
    found = {
        (path.stem, name): job["secrets"]
        for path in folder.glob(".github/workflows/*")
        for name, job in load(path)["jobs"].items()
        if "secrets" in job
    }
    with_secret = dns_provider in ("cloudflare", "route53", "rfc2136")
    assert found == {(f"deploy-{hosting}", name): "inherit" for name in ("hosting", "announce") if with_secret}


@pytest.mark.parametrize(("system", "place"), PLACES.items(), ids=SYSTEMS)
def test_a_providers_variables_stand_in_one_file(system: str, place: str) -> None:
    """Prove that one file of each system names what publishing reads, so that a new provider changes that alone."""
    publish = {"github": "publish.yml", "azure-devops": "steps/publish.yml"}[system]
    names = re.compile(r"CLOUDFLARE_\w+|AWS_\w+|RFC2136_\w+|AZURE_DNS_\w+")
    files = [path for path in (GENERATED / place).parent.rglob("*.yml") if path.is_relative_to(GENERATED / place)]
    named = {path.relative_to(GENERATED / place).as_posix(): names.findall(path.read_text("utf-8")) for path in files}
    assert [path for path, found in named.items() if found] == [publish]


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_deployments_wait_for_each_other(hosting: str) -> None:
    """Prove that a push stops no deployment half way."""
    on_github = load(pipeline("github", f"deploy-{hosting}"))
    assert on_github["concurrency"]["cancel-in-progress"] is False
    assert "${{" not in on_github["concurrency"]["group"]
    assert load(pipeline("azure-devops", f"deploy-{hosting}"))["trigger"]["batch"] == "true"


def test_a_new_push_stops_the_checks_of_the_old_one() -> None:
    """Prove that a pull request does not wait for the checks of what it no longer is."""
    assert load(pipeline("github", "pull-request"))["concurrency"] == {
        "group": "${{ github.workflow }}-${{ github.ref }}",
        "cancel-in-progress": True,
    }


# The same on both systems


INSTALL = "python -m pip install --require-hashes --requirement"
BUILD = [
    f"{INSTALL} requirements.txt",
    "python -m mtasts lint",
    "python -m mtasts build",
]
FORCED = " ${{ inputs.force && '--force' || '' }}"
ANNOUNCE = {
    system: [f"{INSTALL} dns/*.txt", f"python -m mtasts publish announcement --doit{forced}"]
    for system, forced in (("github", FORCED), ("azure-devops", ""))
}
SEEN = [
    f"{INSTALL} requirements.txt",
    "python -m mtasts check --wait 900",
]
TOOLKIT = f"{INSTALL} requirements.txt"
LOOKED = [TOOLKIT, "python -m mtasts hosts hosts.json"]
ONLY_REMOVED = "python -m mtasts publish announcement --doit --only-remove"
WATCH = [
    f"{INSTALL} requirements.txt",
    "python -m mtasts check --format markdown --output report.md",
]
# Azure DevOps has no issue to close.
LOOK = {"github": ["python -m mtasts check --only dns,https --wait 1"], "azure-devops": []}


@pytest.mark.parametrize("system", SYSTEMS)
def test_verbs(system: str) -> None:
    """Prove that both systems call the same verbs in the same order, in the same words."""
    assert python_commands(pipeline(system, "watch")) == [*WATCH, *LOOK[system]]
    octodns, forced = f"{INSTALL} dns/*.txt", FORCED if system == "github" else ""
    hosted = [octodns, ONLY_REMOVED, f"python -m mtasts publish hosting --doit{forced}"]
    for hosting in ("function", "static-web-app"):
        assert python_commands(pipeline(system, f"deploy-{hosting}")) == [
            *(*BUILD, *LOOKED, *hosted, TOOLKIT, "python -m mtasts wait dns $PENDING", TOOLKIT),  # the last: host names
            *(TOOLKIT, "python -m mtasts wait policy --for 600", *ANNOUNCE[system], *SEEN, *LOOKED),
        ]
    file = "hosts.json" if system == "github" else '"$(Pipeline.Workspace)/hosts/hosts.json"'
    hosted[2] = f"python -m mtasts publish hosting --doit --verification hosts.json{forced}"
    assert python_commands(pipeline(system, "deploy-front-door")) == [
        *(*BUILD, *LOOKED, TOOLKIT, *hosted),
        *(TOOLKIT, f"python -m mtasts wait dns --verification {file} $PENDING"),
        *(TOOLKIT, "python -m mtasts wait certificate $PENDING"),
        TOOLKIT,  # for the route
        *(TOOLKIT, "python -m mtasts wait policy --go-on", TOOLKIT, "python -m mtasts wait policy"),
        *(*ANNOUNCE[system], *SEEN, *LOOKED),
    ]
    hosted[2] = f"python -m mtasts publish hosting --doit{forced}"
    assert python_commands(pipeline(system, "deploy-web-server")) == [
        *(*BUILD, *hosted, TOOLKIT, "python -m mtasts wait dns"),
        *(TOOLKIT, "python -m mtasts wait policy --for 1800", *ANNOUNCE[system], *SEEN),
    ]


@pytest.mark.parametrize("system", SYSTEMS)
def test_python_is_the_one_that_the_function_runs_on(system: str) -> None:
    """Prove that the libraries in the package are installed by the Python version that will import them."""
    steps = steps_of(pipeline(system, "deploy-function"))
    inputs = [step.get("with") or step.get("inputs") or {} for step in steps]
    versions = [given.get("python-version") or given.get("versionSpec") for given in inputs]
    assert {version for version in versions if version} == {"3.13"}


def test_triggers_on_github() -> None:
    """Prove that only main is deployed, by a push or by hand, and provision by hand."""
    force = {"description": "Replace DNS records that this repository did not make", "type": "boolean"}
    by_hand = {"workflow_dispatch": {"inputs": {"force": {**force, "default": False}}}}
    for hosting in HOSTINGS:
        triggers = load(pipeline("github", f"deploy-{hosting}"))[True]
        assert triggers == {"push": {"branches": ["main"]}, **by_hand}
    create = {"description": "Make what the run shows. Otherwise, it only shows it", "type": "boolean"}
    inputs = {"create": {**create, "default": False}}
    assert load(pipeline("github", "provision"))[True] == {"workflow_dispatch": {"inputs": inputs}}
    watch = load(pipeline("github", "watch"))
    assert watch[True] == {"schedule": [{"cron": "37 5 * * *"}], "workflow_dispatch": None}
    assert watch["concurrency"] == {"group": "watch", "cancel-in-progress": False}


def test_triggers_in_azure_devops() -> None:
    """Prove the same of Azure DevOps, where a pipeline can always be run by hand."""
    check = load(pipeline("azure-devops", "pull-request"))
    assert (check["trigger"], check["pr"]) == ("none", {"branches": {"include": ["main"]}})
    create = {"name": "create", "displayName": "Make what the run shows. Otherwise, it only shows it"}
    force = {"name": "force", "displayName": "Replace DNS records that this repository did not make"}
    asked = [{**each, "type": "boolean", "default": "false"} for each in (create, force)]
    for hosting in HOSTINGS:
        deploy = load(pipeline("azure-devops", f"deploy-{hosting}"))
        assert (deploy["trigger"]["branches"], deploy["pr"]) == ({"include": ["main"]}, "none")
        assert deploy["parameters"] == asked[1:]
    provision = load(pipeline("azure-devops", "provision"))
    assert provision["parameters"] == asked[:1]
    assert (provision["trigger"], provision["pr"], "schedules" in provision) == ("none", "none", False)
    watch = load(pipeline("azure-devops", "watch"))
    daily = {"displayName": "Daily", "branches": {"include": ["main"]}, "always": "true"}
    assert watch["schedules"] == [{"cron": "37 5 * * *", **daily}]
    assert (watch["trigger"], watch["pr"]) == ("none", "none")


TIP = {"github": ["actions/checkout", "run"], "azure-devops": ["checkout", "bash"]}


@pytest.mark.parametrize(
    ("hosting", "on_github", "in_azure"),
    [
        (
            "function",
            [*TIP["github"], "actions/download-artifact", "azure/login", "Azure/functions-action"],
            [*TIP["azure-devops"], "download", "AzureFunctionApp"],
        ),
        (
            "static-web-app",
            [*TIP["github"], "actions/download-artifact", "azure/login", "run", "Azure/static-web-apps-deploy"],
            [*TIP["azure-devops"], "download", "AzureCLI", "AzureStaticWebApp"],
        ),
        (
            "front-door",
            [*TIP["github"], "actions/download-artifact", "azure/login", "run"],
            [*TIP["azure-devops"], "download", "AzureCLI"],
        ),
    ],
)
def test_deployments(hosting: str, on_github: list[str], in_azure: list[str]) -> None:
    """Prove that a deployment takes what was built, signs in and publishes, and does not build again."""
    for system, expected in (("github", on_github), ("azure-devops", in_azure)):
        job = job_of(pipeline(system, f"deploy-{hosting}"), "deploy")
        assert [what(step) for step in all_steps(job)] == expected
        assert job["environment"] == "production"
        assert needs_of(job) >= {"hosting", "dns", "certificate" if hosting == "front-door" else "domains"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_web_server_fetches_by_itself(system: str) -> None:
    """Prove that without Azure nothing is deployed: there is the artifact, and the wait for the server."""
    jobs = jobs_of(pipeline(system, "deploy-web-server"))
    assert [name for name, _ in jobs] == ["build", "hosting", "dns", "https", "announce", "check"]


# The order


NEEDS = {
    "function": {
        "look": {"build"},
        "hosting": {"look"},
        "dns": {"look", "hosting"},
        "domains": {"look", "dns"},
        "deploy": {"hosting", "dns", "domains"},
        "https": {"deploy"},
        "announce": {"https"},
        "check": {"announce"},
        "azure": {"look", "check"},
    },
    "front-door": {
        "look": {"build"},
        "domains": {"look"},
        "hosting": {"look", "domains"},
        "dns": {"look", "hosting"},
        "certificate": {"look", "dns"},
        "deploy": {"look", "hosting", "dns", "certificate"},
        "route": {"look", "deploy"},
        "https": {"deploy", "route"},
        "propagation": {"https"},
        "announce": {"https", "propagation"},
        "check": {"announce"},
        "azure": {"look", "check"},
    },
    "web-server": {
        "hosting": {"build"},
        "dns": {"hosting"},
        "https": {"dns"},
        "announce": {"https"},
        "check": {"announce"},
    },
}
NEEDS["static-web-app"] = NEEDS["function"]


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_job_needs_the_one_before_it(hosting: str) -> None:
    """Prove the order, and that Azure DevOps has it too, if not in the same words: its stages wait for stages."""
    jobs = dict(jobs_of(pipeline("github", f"deploy-{hosting}")))
    assert {name: needs_of(job) for name, job in jobs.items()} == {"build": set(), **NEEDS[hosting]}
    there = dict(jobs_of(pipeline("azure-devops", f"deploy-{hosting}")))
    assert list(there) == list(jobs)
    for name, needs in NEEDS[hosting].items():
        assert needs <= {*before(name, there)}, name


def before(name: str, jobs: dict[str, Any]) -> set[str]:
    """Return the jobs before a job, direct and indirect."""
    direct = needs_of(jobs[name])
    return direct.union(*(before(each, jobs) for each in direct))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_no_step_goes_on_after_a_failed_one(hosting: str, system: str) -> None:
    """Prove that no condition of a step lets it run after another has failed, and that no failure is overlooked."""
    for _, job in jobs_of(pipeline(system, f"deploy-{hosting}")):
        for each in (job, *all_steps(job)):
            assert {"continue-on-error", "continueOnError"} & set(each) == set()
        for step in all_steps(job):
            assert {str(step[key]) for key in ("if", "condition") if key in step} <= CAREFUL


# A deploy is of main's tip

AT_THE_TIP = {
    "github": "${{ steps.tip.outputs.current == 'true' }}",
    "azure-devops": "and(succeeded(), eq(variables['tip.current'], 'true'))",
}
CAREFUL = {*AT_THE_TIP.values(), "succeeded()", "${{ vars.AZURE_DNS_RESOURCE_GROUP != '' }}"}
ACTS = re.compile("mtasts (publish|build|lint)|upload-batch|deploy.sh create")
ACTIONS_THAT_ACT = {
    *("Azure/functions-action", "Azure/static-web-apps-deploy", "actions/upload-artifact"),
    *("AzureFunctionApp", "AzureStaticWebApp", "PublishPipelineArtifact"),
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_what_changes_something_asks_for_the_tip_first(hosting: str, system: str) -> None:
    """Prove that each job that acts has looked at main itself, and that no step acts without that answer."""
    acting = []
    for name, job in jobs_of(pipeline(system, f"deploy-{hosting}")):
        steps = all_steps(job)
        acts = [index for index, step in enumerate(steps) if acting_step(step)]
        if acts:
            acting.append(name)
            (tip,) = [index for index, step in enumerate(steps) if "tip" in (step.get("id"), step.get("name"))]
            assert (steps[tip].get("run") or steps[tip]["bash"]) == "python3 -m mtasts.ci.tip"
            assert what(steps[tip - 1]) in ("actions/checkout", "checkout")
            assert acts[0] > tip
            conditions = {str(steps[index].get("if") or steps[index].get("condition")) for index in acts}
            assert conditions == {AT_THE_TIP[system]}
    assert acting == {
        "web-server": ["build", "hosting", "announce"],
        "front-door": ["build", "domains", "hosting", "deploy", "route", "announce"],
    }.get(hosting, ["build", "hosting", "domains", "deploy", "announce"])


def acting_step(step: dict[str, object]) -> bool:
    """Tell whether a step makes, keeps or changes something."""
    return what(step) in ACTIONS_THAT_ACT or any(ACTS.search(text) for text in strings(step))


WAITS = re.compile(r"mtasts (wait \w+|check)(?:.*?--(?:for|wait) (\d+))?")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_wait_ends_before_its_job_does(hosting: str, system: str) -> None:
    """Prove that the toolkit, not the system, ends each wait, so that the run says what it waited for.

    A wait has 2400 seconds if nothing else stands there, and its last look takes a minute. In a job that waits nobody
    is signed in, and there are no credentials.
    """
    waiting = []
    for name, job in jobs_of(pipeline(system, f"deploy-{hosting}")):
        for what_for, seconds in WAITS.findall("\n".join(strings(all_steps(job)))):
            waiting.append(name)
            minutes = int(job.get("timeout-minutes") or job["timeoutInMinutes"])
            assert int(seconds or 2400) / 60 + 4 <= minutes <= 45, what_for
            assert "environment" not in job
            assert not {what(step) for step in all_steps(job)} & {"azure/login", "AzureCLI"}
    shared = ["dns", "https", "check"]
    assert waiting == (["dns", "certificate", "https", "propagation", "check"] if hosting == "front-door" else shared)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("name", "job"),
    [(f"deploy-{hosting}", job) for hosting in HOSTINGS for job in ("hosting", "announce")],
)
def test_dns_is_changed_in_production_only(name: str, job: str, system: str) -> None:
    """Prove that the environment's approvals, branches and secrets hold for every change of DNS."""
    jobs = dict(jobs_of(pipeline(system, name), create="true"))
    assert jobs[job]["environment"] == "production"


@pytest.mark.parametrize("system", SYSTEMS)
def test_azure_is_changed_in_provision_only(system: str) -> None:
    """Prove that who may create has an environment, and so an identity, of its own: the deployment's can do less."""
    jobs = dict(jobs_of(pipeline(system, "provision"), create="true"))
    assert jobs["create"]["environment"] == "provision"
    assert "production" not in [job.get("environment") for job in jobs.values()]
    for hosting in HOSTINGS[:3]:
        jobs = dict(jobs_of(pipeline(system, f"deploy-{hosting}")))
        assert [name for name, job in jobs.items() if job.get("environment") == "provision"] == [
            "domains",
            *(["route"] if hosting == "front-door" else []),
        ]


# The artifact


BUILT = {
    "function": "build/function.zip",
    "static-web-app": "build/static",
    "front-door": "build/static",
    "web-server": "build/static",
}


def test_the_artifact_keeps_hidden_files() -> None:
    """Prove that .well-known is not lost, and that a build without a result is an error."""
    upload = load(GITHUB / "actions" / "build" / "action.yml")["runs"]["steps"][-1]
    assert (what(upload), upload["with"]) == (
        "actions/upload-artifact",
        {
            "name": "build",
            "path": "${{ inputs.path }}",
            "include-hidden-files": True,
            "if-no-files-found": "error",
            "overwrite": True,
        },
    )
    publish = load(AZURE / "steps" / "build.yml")["steps"][-1]
    assert publish == {
        "task": "PublishPipelineArtifact@1",
        "condition": "and(succeeded(), eq(variables['tip.current'], 'true'))",
        "inputs": {"targetPath": "${{ parameters.path }}", "artifact": "build"},
    }


@pytest.mark.parametrize(("hosting", "path"), BUILT.items())
def test_the_artifact_is_what_is_deployed(hosting: str, path: str) -> None:
    """Prove that the artifact holds the hosting's part of the build, and nothing else."""
    on_github = own_steps(job_of(pipeline("github", f"deploy-{hosting}"), "build"))[-1]
    condition = "${{ steps.tip.outputs.current == 'true' }}"
    assert on_github == {"if": condition, "uses": "$/.github/actions/build", "with": {"path": path}}
    in_azure = own_steps(job_of(pipeline("azure-devops", f"deploy-{hosting}"), "build"))[-1]
    assert in_azure == {"template": "steps/build.yml", "parameters": {"path": path}}


@pytest.mark.parametrize(
    ("hosting", "folder"),
    [("function", "build"), ("static-web-app", "build/static"), ("front-door", "build/static")],
)
def test_the_deployment_takes_that_artifact(hosting: str, folder: str) -> None:
    """Prove that what was built in this run lands where the deployment reads it."""
    download = own_steps(job_of(pipeline("github", f"deploy-{hosting}"), "deploy"))[2]
    assert download["with"] == {"name": "build", "path": folder}
    download = own_steps(job_of(pipeline("azure-devops", f"deploy-{hosting}"), "deploy"))[1]
    assert download == {"download": "current", "artifact": "build"}


def test_the_function_is_deployed_as_it_was_built() -> None:
    """Prove that nothing is built in Azure, and no input is given that Flex Consumption refuses."""
    on_github = own_steps(job_of(pipeline("github", "deploy-function"), "deploy"))[-1]
    assert on_github["with"] == {
        "app-name": "${{ vars.AZURE_FUNCTIONAPP_NAME }}",
        "package": "build/function.zip",
    }
    in_azure = own_steps(job_of(pipeline("azure-devops", "deploy-function"), "deploy"))[-1]
    assert in_azure["inputs"] == {
        "connectedServiceNameARM": "deploy",
        "appType": "functionAppLinux",
        "isFlexConsumption": True,
        "appName": "$(AZURE_FUNCTIONAPP_NAME)",
        "package": "$(Pipeline.Workspace)/build/function.zip",
    }


def test_the_static_web_app_is_deployed_as_it_was_built() -> None:
    """Prove that nothing is built in Azure, and that the token is the one that was just read."""
    on_github = own_steps(job_of(pipeline("github", "deploy-static-web-app"), "deploy"))[-1]
    assert on_github["with"] == {
        "action": "upload",
        "app_location": "build/static",
        "skip_app_build": True,
        "skip_api_build": True,
        "azure_static_web_apps_api_token": "${{ steps.token.outputs.token }}",
    }
    in_azure = own_steps(job_of(pipeline("azure-devops", "deploy-static-web-app"), "deploy"))[-1]
    assert in_azure["inputs"] == {
        "workingDirectory": "$(Pipeline.Workspace)",
        "app_location": "build",
        "skip_app_build": True,
        "skip_api_build": True,
        "azure_static_web_apps_api_token": "$(staticWebAppToken)",
    }


# Dependabot


OWN_ACTIONS = ["build", "judge", "toolkit"]


def test_dependabot_for_the_template() -> None:
    """Prove that every pinned version is looked after, weekly, and that a new one has to be a week old."""
    common = {"schedule": {"interval": "weekly"}, "cooldown": {"default-days": 7}}
    inner = "/{{cookiecutter.domain}}"
    actions = ["/", f"{inner}/.github/workflows", *(f"{inner}/.github/actions/{name}" for name in OWN_ACTIONS)]
    assert load(TEMPLATE_GITHUB / "dependabot.yml")["updates"] == [
        {"package-ecosystem": kind, **place, **common, "groups": {group: {"patterns": ["*"]}}}
        for kind, place, group in (
            ("github-actions", {"directories": actions}, "actions"),
            ("uv", {"directories": ["/ci", inner]}, "python"),
            ("npm", {"directory": "/ci"}, "node"),
        )
    ]


def test_dependabot_for_a_repository() -> None:
    """Prove that only security updates are opened: a limit of 0 stops the others, which `cruft update` brings."""
    actions = ["/", *(f"/.github/actions/{name}" for name in OWN_ACTIONS)]
    common = {"schedule": {"interval": "weekly"}, "cooldown": {"default-days": 7}, "open-pull-requests-limit": 0}
    assert load(GITHUB / "dependabot.yml")["updates"] == [
        {"package-ecosystem": "github-actions", "directories": actions, **common},
        {"package-ecosystem": "uv", "directory": "/", **common},
    ]


def test_dependabot_reads_every_action_that_pins_another() -> None:
    """Prove that no action's folder was forgotten: Dependabot does not look for them by itself."""
    pinning = [f"/.github/actions/{path.parent.name}" for path in ACTIONS if uses_lines(path)]
    assert pinning == ["/.github/actions/build", "/.github/actions/judge", "/.github/actions/toolkit"]


# The template's own pipelines


def test_the_template_runs_the_same_everywhere() -> None:
    """Prove that both systems run the demo and the tests, on every system and every Python that is kept."""
    pythons = ["3.10", "3.11", "3.12", "3.13", "3.14"]
    on_github = job_of(TEMPLATE_GITHUB / "workflows" / "test.yml", "test")
    assert on_github["strategy"] == {
        "fail-fast": False,
        "matrix": {"system": ["ubuntu-latest", "windows-latest", "macos-latest"], "python": pythons},
    }
    parameters = {parameter["name"]: parameter["default"] for parameter in load(TEMPLATE_AZURE)["parameters"]}
    assert parameters == {"images": ["ubuntu-latest", "windows-latest", "macOS-latest"], "pythons": pythons}
    for path in (TEMPLATE_GITHUB / "workflows" / "test.yml", TEMPLATE_AZURE):
        assert python_commands(path) == ["python ci/lock.py --upgrade", "python ci/demo.py", "python ci/test.py"]
