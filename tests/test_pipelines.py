"""The pipelines, on GitHub and in Azure DevOps: they are valid, safe, and do the same.

YAML is parsed, and every script that decides something is run. Every expected value here is written by hand.
"""

import os
import re
import runpy
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from conftest import Bake, give_up, verb
from mtasts import publish

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "{{cookiecutter.domain}}"
GITHUB = GENERATED / ".github"
AZURE = GENERATED / ".azuredevops"
TEMPLATE_GITHUB = ROOT / ".github"
TEMPLATE_AZURE = ROOT / "ci" / "azure-pipelines.yml"

HOSTINGS = ["function", "static-web-app", "front-door", "web-server"]
PLACES = {"github": ".github/workflows", "azure-devops": ".azuredevops"}
SYSTEMS = list(PLACES)
DNS_PROVIDERS = ["azure-dns", "cloudflare", "route53", "rfc2136", "manual"]
PROVISIONS = ["provision", "provision-web-server"]
PIPELINES = ["pull-request", "watch", *PROVISIONS, *(f"deploy-{hosting}" for hosting in HOSTINGS)]

WORKFLOWS = sorted([*GITHUB.glob("workflows/*"), *TEMPLATE_GITHUB.glob("workflows/*")])
ACTIONS = sorted(GITHUB.glob("actions/*/action.yml"))
AZURE_PIPELINES = sorted([*AZURE.glob("*.yml"), *AZURE.glob("steps/*"), TEMPLATE_AZURE])
DEPENDABOTS = [GITHUB / "dependabot.yml", TEMPLATE_GITHUB / "dependabot.yml"]

bash_only = pytest.mark.skipif(os.name == "nt", reason="the pipelines run on Ubuntu")


def name_of(path: Path) -> str:
    """Name a file in a test's id."""
    return path.relative_to(ROOT).as_posix().replace("{{cookiecutter.domain}}", "generated")


def load(path: Path) -> Any:
    """Parse a YAML file. The key `on` becomes true, as YAML 1.1 has it."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def pipeline(system: str, name: str) -> Path:
    """Return the file of a generated pipeline."""
    return GITHUB / "workflows" / f"{name}.yml" if system == "github" else AZURE / f"{name}.yml"


def compiled(data: Any, values: Mapping[str, Any]) -> Any:
    """Do what the systems do before a run: take what an `if` lets in, and fill in parameters and inputs."""
    if isinstance(data, str):
        return re.sub(r"\$\{\{ (?:parameters|inputs)\.(\w+) \}\}", lambda found: str(values[found[1]]), data)
    if isinstance(data, list):
        pairs = [next(iter(item.items())) if isinstance(item, dict) else ("", None) for item in data]
        lists = [
            inner if inner is not None else [item] for item, inner in zip(data, let_in(pairs, values), strict=True)
        ]
        return [compiled(item, values) for items in lists for item in items]
    if isinstance(data, dict):
        inners = zip(data.items(), let_in(data.items(), values), strict=True)
        dicts = [inner if inner is not None else dict([pair]) for pair, inner in inners]
        return {key: compiled(value, values) for items in dicts for key, value in items.items()}
    return data


def let_in(pairs: Iterable[tuple[Any, Any]], values: Mapping[str, Any]) -> Iterator[Any]:
    """Yield for each key and value what is below an `if` or `else`: all of it, or nothing of it; else None."""
    holds = False
    for key, value in pairs:
        condition = re.fullmatch(r"\$\{\{ if (?:eq\(parameters\.(\w+), ''\)|parameters\.(\w+)) \}\}", str(key))
        if condition:
            holds = values[condition[1]] == "" if condition[1] else values[condition[2]] == "true"
        elif key == "${{ else }}":
            holds = not holds
        yield (value if holds else type(value)()) if condition or key == "${{ else }}" else None


def expanded(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the steps that a step stands for: itself, or those of this repository's action or template."""
    if str(step.get("uses")).startswith("$/"):
        yield from compiled(load(GENERATED / step["uses"][2:] / "action.yml")["runs"]["steps"], step.get("with", {}))
    elif "template" in step:
        template = load(AZURE / step["template"])
        yield from compiled(template["steps"], parameters_of(template, step.get("parameters", {})))
    else:
        yield step


def parameters_of(data: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a pipeline or a template in Azure DevOps: those given, else their defaults."""
    known = data.get("parameters") or []
    return {each["name"]: str(given.get(each["name"], each.get("default"))) for each in known}


def jobs_of(path: Path, **given: str) -> list[tuple[str, Any]]:
    """Return the jobs with their names: GitHub maps names to jobs, Azure DevOps lists them."""
    data = load(path)
    values = parameters_of(data, given)
    if "stages" in data:
        stages = compiled(data["stages"], values)
        first = {stage["stage"]: stage["jobs"][0] for stage in stages}
        for stage in stages[1:]:  # a stage that waits for another is its first job waiting for that one's
            stage["jobs"][0]["dependsOn"] = name_of_job(first[stage["dependsOn"]])
        return [(name_of_job(job), job) for stage in stages for job in stage["jobs"]]
    if isinstance(data["jobs"], dict):
        return list(data["jobs"].items())
    return [(name_of_job(job), job) for job in compiled(data["jobs"], values)]


def name_of_job(job: Any) -> str:
    """Return the name of a job in Azure DevOps."""
    return str(job.get("job") or job["deployment"])


def job_of(path: Path, name: str) -> Any:
    """Return one job."""
    return dict(jobs_of(path))[name]


def own_steps(job: Any) -> list[dict[str, Any]]:
    """Return a job's steps as they are written. A deployment in Azure DevOps has them deeper down."""
    holder = job["strategy"]["runOnce"]["deploy"] if "deployment" in job else job
    return list(holder["steps"])


def all_steps(job: Any) -> list[dict[str, Any]]:
    """Return all steps that a job runs, in order."""
    return [inner for step in own_steps(job) for inner in expanded(step)]


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Return all steps that a pipeline runs, in order, with all that can be asked of it."""
    return [step for _, job in jobs_of(path, create="true") for step in all_steps(job)]


def python_commands(path: Path) -> list[str]:
    """Return the commands that run Python, in order."""
    scripts = [str(step.get("run") or step.get("bash") or step.get("script")) for step in steps_of(path)]
    commands = [command for script in scripts for command in re.findall(r"\bpython [^\n;|]+", script)]
    return [command.strip() for command in commands]


def what(step: dict[str, Any]) -> str:
    """Name what a step runs: an action or a task, without its version, or the kind of step."""
    kind = "run" if "run" in step else next(iter(step))
    return str(step.get("uses") or step.get("task") or kind).partition("@")[0]


def strings(data: Any) -> Iterator[str]:
    """Yield every string in parsed YAML."""
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    if isinstance(data, list):
        for item in data:
            yield from strings(item)
    else:
        yield str(data)


def values_of(node: yaml.Node | None, key: str) -> Iterator[yaml.ScalarNode]:
    """Yield the scalars under this key, wherever it is, with their places in the file."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from values_of(item, key)
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key and isinstance(value, yaml.ScalarNode):
                yield value
            yield from values_of(value, key)


def uses_lines(path: Path) -> list[str]:
    """Return each line with an action from elsewhere, with its comment."""
    text = path.read_text(encoding="utf-8")
    lines = [text.splitlines()[node.start_mark.line] for node in values_of(yaml.compose(text), "uses")]
    return [line.strip(" -") for line in lines if "uses: $/" not in line]


def run(command: Sequence[str | Path], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, whatever comes of it."""
    return subprocess.run(command, check=False, capture_output=True, encoding="utf-8", **options)


def tool(name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that was installed beside this Python."""
    command = shutil.which(name, path=sysconfig.get_path("scripts"))
    if not command:
        give_up(f"{name} is not installed: zizmor needs Python 3.11")
    return run([str(command), *arguments])


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
    assert sorted(path.stem for path in GITHUB.glob("workflows/*")) == sorted(PIPELINES)
    assert sorted(path.stem for path in AZURE.glob("*.yml")) == sorted(PIPELINES)
    assert [path.parent.name for path in ACTIONS] == ["build", "toolkit", "variables"]
    assert [path.stem for path in sorted(AZURE.glob("steps/*"))] == [
        "azure",
        "build",
        "policy",
        "publish",
        "toolkit",
        "variables",
    ]


def pruned(hosting: str, pipelines: str, folder: Path, dns_provider: str = "manual") -> Path:
    """Copy both systems' pipelines, and let the template's hook keep what was chosen."""
    for source in (GITHUB, AZURE):
        shutil.copytree(source, folder / source.name)
    hook = runpy.run_path(str(ROOT / "hooks" / "post_gen_project.py"))
    hook["prune"](folder, {"hosting": hosting, "pipelines": pipelines, "dns_provider": dns_provider})
    return folder


def called_file(text: str) -> str:
    """Return the file of a called action or template, from the top of the repository."""
    return f"{text[2:]}/action.yml" if text.startswith("$/") else f".azuredevops/{text}"


@pytest.mark.parametrize(("system", "place"), PLACES.items(), ids=SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_repository_has_what_it_uses(hosting: str, system: str, place: str, tmp_path: Path) -> None:
    """Prove that one deployment is left for a hosting, with the actions or templates that it calls, and no other."""
    pipelines = sorted(pruned(hosting, system, tmp_path).glob(f"{place}/*.yml"))
    provision = "provision-web-server" if hosting == "web-server" else "provision"
    assert [path.stem for path in pipelines] == [f"deploy-{hosting}", provision, "pull-request", "watch"]
    texts = {text for path in pipelines for text in strings(load(path))}
    called = {called_file(text) for text in texts if text.startswith(("$/", "steps/"))}
    shared = [*tmp_path.glob(".github/actions/*/action.yml"), *tmp_path.glob(".azuredevops/steps/*")]
    assert {path.relative_to(tmp_path).as_posix() for path in shared} == called
    expected = {"github": (3, 2), "azure-devops": (6, 3)}[system]
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
    result = tool("zizmor", "--offline", "--no-config", "--strict-collection", folder)
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
COMMENTING = {"contents": "read", "pull-requests": "write"}
DEPLOYING = {"build": READ, "deploy": SIGN_IN, "https": READ, "announce": SIGN_IN, "check": READ}


@pytest.mark.parametrize(
    ("path", "permissions"),
    [
        (TEMPLATE_GITHUB / "workflows" / "test.yml", {"test": READ}),
        (pipeline("github", "pull-request"), {"check": READ, "plan": READ, "comment": COMMENTING, "dns": SIGN_IN}),
        (pipeline("github", "watch"), {"check": READ, "issue": {"issues": "write"}}),
        (pipeline("github", "provision"), dict.fromkeys(["what-if", "create", "hosting", "domains"], SIGN_IN)),
        (pipeline("github", "provision-web-server"), {"hosting": SIGN_IN}),
        (pipeline("github", "deploy-function"), DEPLOYING),
        (pipeline("github", "deploy-static-web-app"), DEPLOYING),
        (pipeline("github", "deploy-front-door"), DEPLOYING),
        (
            pipeline("github", "deploy-web-server"),
            {"build": READ, "https": READ, "announce": SIGN_IN, "check": READ},
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
    """Prove that no later step can push with the token of the checkout."""
    checkouts = [dict(step["with"]) for step in steps_of(path) if what(step) == "actions/checkout"]
    deep = [given.pop("fetch-depth") for given in checkouts if "fetch-depth" in given]
    assert checkouts and all(given == {"persist-credentials": False} for given in checkouts)
    assert deep == ([0] if path == pipeline("github", "pull-request") else [])


@pytest.mark.parametrize("path", [*WORKFLOWS, *AZURE.glob("*.yml"), TEMPLATE_AZURE], ids=name_of)
def test_no_job_runs_for_hours(path: Path) -> None:
    """Prove that every job has an end of its own, well before the systems' six hours or one."""
    limits = [job.get("timeout-minutes") or job.get("timeoutInMinutes") for _, job in jobs_of(path)]
    assert limits and all(5 <= int(limit) <= 40 for limit in limits)


SECRETS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "CLOUDFLARE_TOKEN", "RFC2136_KEY_SECRET"]
SECRET = re.compile(r"\$\{\{ secrets\.(\w+) \}\}|\$\(((?:AWS_|CLOUDFLARE_TOKEN|RFC2136_KEY_SECRET)\w*)\)")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS, *AZURE_PIPELINES], ids=name_of)
def test_no_other_secret_is_read(path: Path) -> None:
    """Prove that the DNS provider's is the only secret to store, and goes only into the step that needs it."""
    texts = list(strings(load(path)))
    assert [text for text in texts if re.search("secrets: inherit|password", text, re.IGNORECASE)] == []
    found = [name for text in texts for names in SECRET.findall(text) for name in names if name]
    publishing = path.is_relative_to(GENERATED) and (
        re.fullmatch("deploy-.*|provision.*|pull-request", path.stem)
        if GITHUB in path.parents
        else path.stem == "publish"
    )
    assert sorted(found) == (SECRETS if publishing else [])
    assert len([text for text in texts if "secrets." in text]) == (len(found) if GITHUB in path.parents else 0)


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


CHECK = [
    "python -m pip install -r requirements.txt",
    "python -m mtasts lint",
    "python -m unittest discover -s tests",
]
BUILD = [
    "python -m pip install -r requirements.txt",
    "python -m mtasts lint",
    "python -m mtasts build",
]
PLAN = [
    "python -m pip install -r requirements.txt",
    "python -m mtasts plan --live --format markdown --output plan.md",
]
COMMENT = {
    "github": ["python -m pip install -r requirements.txt", "python -m mtasts comment plan.md"],
    "azure-devops": ["python -m mtasts comment plan.md"],  # the same job
}
DNS_PLAN = [
    "python -m pip install -r requirements.txt",
    "python -m pip install -r dns/requirements.txt",
    "python -m mtasts publish hosting --format markdown --output hosting.md",
    "python -m mtasts publish announcement --format markdown --output announcement.md",
]
ANNOUNCE = [
    "python -m pip install -r requirements.txt",
    "python -m pip install -r dns/requirements.txt",
    "python -m mtasts publish announcement --doit",
]
SEEN = [
    "python -m pip install -r requirements.txt",
    "python -m mtasts check --wait 300",
]
WATCH = [
    "python -m pip install -r requirements.txt",
    "python -m mtasts check --format markdown --output report.md",
]


@pytest.mark.parametrize("system", SYSTEMS)
def test_verbs(system: str) -> None:
    """Prove that both systems call the same verbs in the same order, in the same words."""
    assert python_commands(pipeline(system, "pull-request")) == [*CHECK, *PLAN, *COMMENT[system], *DNS_PLAN]
    assert python_commands(pipeline(system, "watch")) == WATCH
    for hosting, seconds in (("function", 300), ("static-web-app", 300), ("front-door", 300), ("web-server", 1800)):
        gate = ["python -m pip install -r requirements.txt", f"python -m mtasts check --only https --wait {seconds}"]
        assert python_commands(pipeline(system, f"deploy-{hosting}")) == [*BUILD, *gate, *ANNOUNCE, *SEEN]


@pytest.mark.parametrize("system", SYSTEMS)
def test_python_is_the_one_that_the_function_runs_on(system: str) -> None:
    """Prove that the libraries in the package are installed by the Python version that will import them."""
    steps = steps_of(pipeline(system, "deploy-function"))
    inputs = [step.get("with") or step.get("inputs") or {} for step in steps]
    versions = [given.get("python-version") or given.get("versionSpec") for given in inputs]
    assert {version for version in versions if version} == {"3.13"}


def test_triggers_on_github() -> None:
    """Prove that a pull request is checked, that only main is deployed, by a push or by hand, and provision by hand."""
    assert load(pipeline("github", "pull-request"))[True] == "pull_request"
    for hosting in HOSTINGS:
        triggers = load(pipeline("github", f"deploy-{hosting}"))[True]
        assert triggers == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    force = {"description": "Write over DNS records that this repository did not make", "type": "boolean"}
    create = {"description": "Make what the run shows; without, it only shows it", "type": "boolean"}
    inputs = {"create": {**create, "default": False}, "force": {**force, "default": False}}
    assert load(pipeline("github", "provision"))[True] == {"workflow_dispatch": {"inputs": inputs}}
    del inputs["create"]
    assert load(pipeline("github", "provision-web-server"))[True] == {"workflow_dispatch": {"inputs": inputs}}
    watch = load(pipeline("github", "watch"))
    assert watch[True] == {"schedule": [{"cron": "37 5 * * *"}], "workflow_dispatch": None}
    assert watch["concurrency"] == {"group": "watch", "cancel-in-progress": False}


def test_triggers_in_azure_devops() -> None:
    """Prove the same of Azure DevOps, where a pipeline can always be run by hand."""
    check = load(pipeline("azure-devops", "pull-request"))
    assert (check["trigger"], check["pr"]) == ("none", {"branches": {"include": ["main"]}})
    for hosting in HOSTINGS:
        deploy = load(pipeline("azure-devops", f"deploy-{hosting}"))
        assert (deploy["trigger"]["branches"], deploy["pr"]) == ({"include": ["main"]}, "none")
    create = {"name": "create", "displayName": "Make what the run shows; without, it only shows it"}
    force = {"name": "force", "displayName": "Write over DNS records that this repository did not make"}
    asked = [{**each, "type": "boolean", "default": "false"} for each in (create, force)]
    for name, parameters in (("provision", asked), ("provision-web-server", asked[1:])):
        provision = load(pipeline("azure-devops", name))
        assert provision["parameters"] == parameters
        assert (provision["trigger"], provision["pr"], "schedules" in provision) == ("none", "none", False)
    watch = load(pipeline("azure-devops", "watch"))
    daily = {"displayName": "Daily", "branches": {"include": ["main"]}, "always": "true"}
    assert watch["schedules"] == [{"cron": "37 5 * * *", **daily}]
    assert (watch["trigger"], watch["pr"]) == ("none", "none")


@pytest.mark.parametrize(
    ("hosting", "on_github", "in_azure"),
    [
        (
            "function",
            ["actions/download-artifact", "azure/login", "Azure/functions-action"],
            ["download", "AzureFunctionApp"],
        ),
        (
            "static-web-app",
            ["actions/download-artifact", "azure/login", "run", "Azure/static-web-apps-deploy"],
            ["download", "AzureCLI", "AzureStaticWebApp"],
        ),
        ("front-door", ["actions/download-artifact", "azure/login", "run"], ["download", "AzureCLI"]),
    ],
)
def test_deployments(hosting: str, on_github: list[str], in_azure: list[str]) -> None:
    """Prove that a deployment takes what was built, signs in and publishes, and does not build again."""
    for system, expected in (("github", on_github), ("azure-devops", in_azure)):
        job = job_of(pipeline(system, f"deploy-{hosting}"), "deploy")
        assert [what(step) for step in own_steps(job)] == expected
        assert job["environment"] == "production"
        assert (job.get("needs") or job.get("dependsOn")) == "build"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_web_server_fetches_by_itself(system: str) -> None:
    """Prove that without Azure nothing is deployed: there is the artifact, and the wait for the server."""
    jobs = jobs_of(pipeline(system, "deploy-web-server"))
    assert [name for name, _ in jobs] == ["build", "https", "announce", "check"]


# The order


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_job_needs_the_one_before_it(hosting: str, system: str) -> None:
    """Prove that the announcement needs the look at HTTPS, and that no condition lets a job run after a failed one."""
    jobs = jobs_of(pipeline(system, f"deploy-{hosting}"))
    needs = {"deploy": "build", "https": "deploy", "announce": "https", "check": "announce"}
    if hosting == "web-server":
        needs = {"https": "build", "announce": "https", "check": "announce"}
    assert {name: job.get("needs") or job.get("dependsOn") for name, job in jobs} == {"build": None, **needs}
    for _, job in jobs:
        assert {"if", "condition", "continue-on-error", "continueOnError"} & set(job) == set()
        for step in all_steps(job):
            assert {"condition", "continue-on-error", "continueOnError"} & set(step) == set()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("hosting", "minutes"), [(hosting, 15) for hosting in HOSTINGS[:3]] + [("web-server", 40)])
def test_the_wait_for_https_ends_before_the_job_does(hosting: str, minutes: int, system: str) -> None:
    """Prove that check, not the system, ends the wait, so that the run says what is wrong. 300 and 1800 seconds fit."""
    job = job_of(pipeline(system, f"deploy-{hosting}"), "https")
    assert int(job.get("timeout-minutes") or job["timeoutInMinutes"]) == minutes


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("name", "job"),
    [*((name, "hosting") for name in PROVISIONS), *((f"deploy-{h}", "announce") for h in HOSTINGS)],
)
def test_dns_is_changed_in_production_only(name: str, job: str, system: str) -> None:
    """Prove that the environment's approvals, branches and secrets hold for every change of DNS."""
    jobs = dict(jobs_of(pipeline(system, name), create="true"))
    assert jobs[job]["environment"] == "production"


@pytest.mark.parametrize("system", SYSTEMS)
def test_azure_is_changed_in_provision_only(system: str) -> None:
    """Prove that who may create has an environment, and so an identity, of its own: the deployment's can do less."""
    jobs = dict(jobs_of(pipeline(system, "provision"), create="true"))
    assert [jobs[name]["environment"] for name in ("create", "domains")] == ["provision", "provision"]
    assert {name for name, job in jobs.items() if job.get("environment") == "production"} == {"hosting"}


# When Azure DevOps comments: on a pull request that is not a fork's, also on one that is not safe.
COMMENTS = (
    "and(succeededOrFailed(), eq(variables['Build.Reason'], 'PullRequest'),"
    " ne(variables['System.PullRequest.IsFork'], 'True'))"
)


class Stage:
    """A stand-in for GitHub or Azure DevOps: runs a pipeline's scripts with bash, with programs that only take notes.

    Actions and tasks are noted. A program fails when its note holds `fails`, an action when it is called so.
    """

    PROGRAM = """#!/usr/bin/env bash
note="${0##*/} $*"
printf '%s\\n' "$note${CLOUDFLARE_TOKEN:+ ($CLOUDFLARE_TOKEN)}" >> "$NOTES"
while [ $# -gt 0 ]; do
  if [ "$1" = --output ]; then printf 'plan of %s' "${2%.md}" > "$2"; fi
  shift
done
case $note in *"$FAILS"*) exit 1 ;; esac
"""

    def __init__(self, folder: Path, values: Mapping[str, str], fails: str = "nothing", dns: bool = True) -> None:
        self.fails, self.outcomes = fails, {"login": "skipped"}
        self.values = {"Pipeline.Workspace": str(folder), **values}
        self.work, self.notes, self.programs = folder / "work", folder / "notes", folder / "bin"
        self.left = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in (self.work, self.programs):
            path.mkdir()
        if dns:
            (self.work / "dns").mkdir()
            (self.work / "dns" / "requirements.txt").touch()
        for name in ("python", "az"):
            (self.programs / name).write_text(self.PROGRAM)
            (self.programs / name).chmod(0o755)
        self.notes.touch()

    def play(self, path: Path, **given: str) -> dict[str, str]:
        """Run the jobs in the order of their needs, and return how each of them ended."""
        self.inputs, waiting, ended = given, dict(jobs_of(path, **given)), dict[str, str]()
        while waiting:
            name = next(name for name, job in waiting.items() if not needs_of(job) & waiting.keys())
            job = waiting.pop(name)
            reported = "!cancelled() && needs.plan.result != 'skipped'" in job.get("if", "")
            ready = all(ended[need] in ("success", "failure" if reported else "") for need in needs_of(job))
            ready = ready and (job.get("if") != "${{ inputs.create }}" or given["create"] == "true")
            ended[name] = self.job(job) if ready else "skipped"
        return ended

    def job(self, job: Any) -> str:
        """Run a job's steps, and say how it ended. After a failed step only those run that ask for it."""
        good = True
        for step in all_steps(job):
            if self.runs(step.get("if") or step.get("condition"), good):
                outcome = self.step(step)
                self.outcomes[step.get("id", "")] = "success" if outcome else "failure"
                good = good and (outcome or step.get("continue-on-error") is True)
        return "success" if good else "failure"

    def runs(self, condition: str | None, good: bool) -> bool:
        """Judge the condition of a step. good: none has failed before it."""
        return {
            None: good,
            "${{ hashFiles('dns/requirements.txt') != '' }}": good and (self.work / "dns").is_dir(),
            "${{ vars.AZURE_DNS_RESOURCE_GROUP != '' }}": good and "AZURE_DNS_RESOURCE_GROUP" in self.values,
            "${{ steps.login.outcome != 'failure' }}": good and self.outcomes["login"] != "failure",
            "${{ !cancelled() && hashFiles('hosting.md', 'announcement.md') != '' }}": any(self.work.glob("[ha]*.md")),
            "${{ !cancelled() && hashFiles('plan.md') != '' }}": (self.work / "plan.md").exists(),
            "${{ hashFiles('plan.md') != '' }}": good and (self.work / "plan.md").exists(),
            "succeededOrFailed()": True,
            COMMENTS: True,
        }[condition]

    def step(self, step: dict[str, Any]) -> bool:
        """Run a step's script, or take a note of its action, and tell whether that was good."""
        script = step.get("run") or step.get("bash") or step.get("inputs", {}).get("inlineScript")
        if script is None:
            self.note(what(step))
            return what(step) != self.fails
        if "task" in step:
            self.note(f"{what(step)} {self.filled(step['inputs']['azureSubscription'])}")
        script = self.filled(script)
        environment = {name: self.filled(text) for name, text in step.get("env", {}).items()}
        environment |= {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", "NOTES": str(self.notes)}
        environment |= {"FAILS": self.fails, **{name: str(path) for name, path in self.left.items()}}
        options = ["-eo", "pipefail"] if "shell" in step else ["-e"] if "run" in step else []
        done = run(["bash", "--noprofile", "--norc", *options, "-c", script], cwd=self.work, env=environment)
        self.said = done.stdout + done.stderr
        return done.returncode == 0

    def note(self, text: str) -> None:
        """Write down what was asked for."""
        with self.notes.open("a") as file:
            file.write(f"{text}\n")

    def filled(self, text: str) -> str:
        """Return a text with the values of variables and secrets; without: nothing on GitHub, in Azure the macro."""
        text = text.replace("${{ inputs.force && 'yes' || '' }}", "yes" if self.inputs.get("force") == "true" else "")
        text = re.sub(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", lambda found: self.values.get(found[1], ""), text)
        return re.sub(r"\$\(([\w.]+)\)", lambda found: self.values.get(found[1], found[0]), text)

    def noted(self) -> list[str]:
        """Return the notes, but for what every job begins with, and for what only carries files."""
        routine = re.compile("actions/|checkout|download$|UsePythonVersion|PublishPipelineArtifact|.*install -r req")
        return [line for line in self.notes.read_text().splitlines() if not routine.match(line)]


def needs_of(job: Any) -> set[str]:
    """Return the jobs that a job waits for."""
    return {str(job[key]) for key in ("needs", "dependsOn") if key in job}


BUILDING = ["python -m mtasts lint", "python -m mtasts build"]
ANNOUNCING = [
    "python -m pip install -r dns/requirements.txt",
    "python -m mtasts publish announcement --doit (t0ken)",
    "python -m mtasts check --wait 300",
]
ASKED = "az staticwebapp secrets list --name app --query properties.apiKey -o tsv"
UPLOADED = (
    "az storage blob upload-batch --auth-mode login --account-name account --source {} --destination $web "
    "--overwrite --content-cache-control no-store --no-progress"
)
DEPLOYED = {
    ("function", "github"): ["azure/login", "Azure/functions-action"],
    ("function", "azure-devops"): ["AzureFunctionApp"],
    ("static-web-app", "github"): ["azure/login", ASKED, "Azure/static-web-apps-deploy"],
    ("static-web-app", "azure-devops"): ["AzureCLI connection", ASKED, "AzureStaticWebApp"],
    ("front-door", "github"): ["azure/login", UPLOADED.format("build/static")],
    ("front-door", "azure-devops"): ["AzureCLI connection", UPLOADED.format("build")],
    ("web-server", "github"): [],
    ("web-server", "azure-devops"): [],
}
WAITED = dict.fromkeys(HOSTINGS, "python -m mtasts check --only https --wait 300")
WAITED["web-server"] = "python -m mtasts check --only https --wait 1800"
GIVEN = {
    **dict.fromkeys(("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_FUNCTIONAPP_NAME"), "x"),
    "AZURE_SERVICE_CONNECTION": "connection",
    "AZURE_STATICWEBAPP_NAME": "app",
    "AZURE_STORAGE_ACCOUNT": "account",
    "CLOUDFLARE_TOKEN": "t0ken",
}


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
OCTODNS = "python -m pip install -r dns/requirements.txt"


@bash_only
@FORCED
@pytest.mark.parametrize("system", SYSTEMS)
def test_provision_for_a_web_server(system: str, force: str, options: str, tmp_path: Path) -> None:
    """Prove that the hosting records are published, over foreign ones only where someone asked for that."""
    stage = Stage(tmp_path, GIVEN)
    assert stage.play(pipeline(system, "provision-web-server"), force=force) == {"hosting": "success"}
    assert stage.noted() == [OCTODNS, f"python -m mtasts publish hosting --doit{options} (t0ken)"]


def infra(stage: Stage, *files: str) -> None:
    """Put the scripts of infra/ where the pipeline finds them, a Bicep file that nobody reads, and an artifact."""
    (stage.work.parent / "policy").mkdir()
    (stage.work.parent / "policy" / "policy.yaml").write_text("completed")
    for name in ("deploy.sh", "function.bicep", *files):
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
    added, _, asked = stage.noted()[-3:]
    assert added == "az extension add --name cdn --only-show-errors"
    assert asked.startswith("az afd custom-domain list --resource-group group --profile-name")
    assert asked.endswith("--query [?domainValidationState!='Approved'].[hostName, domainValidationState] -o tsv")


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
READ_NAMES = sorted([*AZURE_NAMES, "CLOUDFLARE_TOKEN", *AWS_NAMES, *RFC2136_NAMES, *RFC2136_DEFAULTS])


def test_every_variable_reaches_octodns() -> None:
    """Prove that the pipelines hand over each name that a provider reads: in Azure DevOps only secrets need it."""
    text = (GENERATED / "dns" / "provider.yaml").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"env/(\w+)", text))) == READ_NAMES
    for name in (*PROVISIONS, "pull-request", *(f"deploy-{hosting}" for hosting in HOSTINGS)):
        (step,) = [step for step in steps_of(pipeline("github", name)) if "CLOUDFLARE_TOKEN" in step.get("env", {})]
        given = {key: value for key, value in step["env"].items() if key != "FORCE"}
        kinds = {key: "secrets" if key in SECRETS else "vars" for key in READ_NAMES}
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
    template = load(AZURE / "steps" / "publish.yml")
    given = {"command": "python -m mtasts publish hosting", "serviceConnection": "dns"}
    assert compiled(template["steps"], given)[1:] == [
        {
            "task": "AzureCLI@2",
            "displayName": "Run octoDNS, signed in to Azure",
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
    assert (done.findings, done.as_text(), done.as_markdown()) == ([], f"no plan: {said}", f"no plan: {said}")


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


# The plan on a pull request


def test_a_plan_needs_no_right_to_write() -> None:
    """Prove that a pull request's own code sees the credentials of `plan`, not of production, and a fork's none."""
    job = job_of(pipeline("github", "pull-request"), "dns")
    assert job["environment"] == {"name": "plan", "deployment": False}
    assert job["if"] == (
        "github.event.pull_request.head.repo.full_name == github.repository"
        " && github.event.pull_request.user.login != 'dependabot[bot]'"
    )
    job = job_of(pipeline("azure-devops", "pull-request"), "dns")
    assert job["condition"] == "and(succeeded(), ne(variables['System.PullRequest.IsFork'], 'True'))"
    assert "environment" not in job


def test_a_fork_gets_a_plan_and_no_comment() -> None:
    """Prove that the gate stands for forks too, and that nothing is red because they may not write."""
    jobs = dict(jobs_of(pipeline("github", "pull-request")))
    assert "if" not in jobs["plan"]
    assert jobs["comment"]["if"] == (
        "!cancelled() && needs.plan.result != 'skipped'"
        " && github.event.pull_request.head.repo.full_name == github.repository"
        " && github.event.pull_request.user.login != 'dependabot[bot]'"
    )
    assert all_steps(jobs["comment"])[-1]["env"] == {"GITHUB_TOKEN": "${{ github.token }}"}
    job = job_of(pipeline("azure-devops", "pull-request"), "plan")
    assert "condition" not in job
    assert own_steps(job)[0] == {"checkout": "self", "fetchDepth": "0"}
    comment = own_steps(job)[-1]
    assert (comment["condition"], comment["env"]) == (COMMENTS, {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"})


JUDGED = [
    "python -m mtasts lint",
    "python -m unittest discover -s tests",
    "python -m mtasts plan --live --format markdown --output plan.md",
    "python -m mtasts comment plan.md",
]
PLANNED = [
    *JUDGED,
    "python -m pip install -r dns/requirements.txt",
    "python -m mtasts publish hosting --format markdown --output hosting.md (t0ken)",
    "python -m mtasts publish announcement --format markdown --output announcement.md (t0ken)",
]
SUMMARY = "plan of plan# DNS records: hosting\n\nplan of hosting# DNS records: announcement\n\nplan of announcement"


@bash_only
@pytest.mark.parametrize(("fails", "result"), [("nothing", "success"), ("publish hosting", "failure")])
@pytest.mark.parametrize("system", SYSTEMS)
def test_both_plans_are_shown(system: str, fails: str, result: str, tmp_path: Path) -> None:
    """Prove that a failed plan fails the job, hides no other plan, and is shown too. None of it changes DNS."""
    stage = Stage(tmp_path.resolve(), GIVEN, fails=fails)
    ended = stage.play(pipeline(system, "pull-request"))
    assert (ended.pop("dns"), set(ended.values())) == (result, {"success"})
    assert stage.noted() == PLANNED
    if system == "github":
        assert (stage.left["GITHUB_STEP_SUMMARY"].read_text(), stage.said) == (SUMMARY, "")
    else:
        paths = [f"{stage.work}/{name}.md" for name in ("hosting", "announcement")]
        assert stage.said.splitlines() == [f"##vso[task.uploadsummary]{path}" for path in paths]


@bash_only
def test_a_refused_sign_in_does_not_fail_a_pull_request(tmp_path: Path) -> None:
    """Prove that the plan is left out where Azure does not know the pull request, and that the job is green."""
    stage = Stage(tmp_path, {"AZURE_DNS_RESOURCE_GROUP": "group"}, fails="azure/login")
    assert stage.play(pipeline("github", "pull-request")) == dict.fromkeys(
        ["check", "plan", "comment", "dns"], "success"
    )
    assert stage.noted() == [*JUDGED, OCTODNS, "azure/login"]
    assert stage.left["GITHUB_STEP_SUMMARY"].read_text() == "plan of plan"


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_an_unsafe_change_is_red_and_shown(system: str, tmp_path: Path) -> None:
    """Prove that the comment and the summary say why, that octoDNS is asked all the same, and that the run is red."""
    stage = Stage(tmp_path.resolve(), GIVEN, fails="mtasts plan")
    ended = stage.play(pipeline(system, "pull-request"))
    assert [name for name, result in ended.items() if result != "success"] == ["plan"]
    assert stage.noted() == PLANNED


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_plan_that_breaks_down_leaves_the_comment(system: str, tmp_path: Path) -> None:
    """Prove that where there is no plan, as in a shallow clone, one job is red and not two."""
    stage = Stage(tmp_path.resolve(), GIVEN, fails="mtasts plan")
    program = stage.programs / "python"
    program.write_text(program.read_text().replace("= --output ]", "= --output ] && [ $2 != plan.md ]"))
    ended = stage.play(pipeline(system, "pull-request"))
    assert [name for name, result in ended.items() if result != "success"] == ["plan"]
    assert "python -m mtasts comment plan.md" not in stage.noted()


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_no_provider_is_asked_for_a_change_that_does_not_lint(system: str, tmp_path: Path) -> None:
    """Prove that a policy.yaml with findings comes near no provider; the plan says what is wrong with it."""
    stage = Stage(tmp_path, GIVEN, fails="mtasts lint")
    assert stage.play(pipeline(system, "pull-request"))["dns"] == "skipped"
    assert stage.noted() == ["python -m mtasts lint", *JUDGED[2:]]


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
        "inputs": {"targetPath": "${{ parameters.path }}", "artifact": "build"},
    }


@pytest.mark.parametrize(("hosting", "path"), BUILT.items())
def test_the_artifact_is_what_is_deployed(hosting: str, path: str) -> None:
    """Prove that the artifact holds the hosting's part of the build, and nothing else."""
    on_github = own_steps(job_of(pipeline("github", f"deploy-{hosting}"), "build"))[-1]
    assert on_github == {"uses": "$/.github/actions/build", "with": {"path": path}}
    in_azure = own_steps(job_of(pipeline("azure-devops", f"deploy-{hosting}"), "build"))[-1]
    assert in_azure == {"template": "steps/build.yml", "parameters": {"path": path}}


@pytest.mark.parametrize(
    ("hosting", "folder"),
    [("function", "build"), ("static-web-app", "build/static"), ("front-door", "build/static")],
)
def test_the_deployment_takes_that_artifact(hosting: str, folder: str) -> None:
    """Prove that what was built in this run lands where the deployment reads it."""
    download = own_steps(job_of(pipeline("github", f"deploy-{hosting}"), "deploy"))[0]
    assert download["with"] == {"name": "build", "path": folder}
    download = own_steps(job_of(pipeline("azure-devops", f"deploy-{hosting}"), "deploy"))[0]
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
        "connectedServiceNameARM": "$(AZURE_SERVICE_CONNECTION)",
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


# The variables


class Checked(NamedTuple):
    """A pipeline, the script that checks its variables, and what the pipeline gives it to check."""

    path: Path
    script: str
    variables: str


def checked(system: str, hosting: str) -> Checked:
    """Find the check of the variables: the first step."""
    path = pipeline(system, f"deploy-{hosting}")
    steps = own_steps(job_of(path, "build"))
    if system == "github":
        action = load(GITHUB / "actions" / "variables" / "action.yml")["runs"]["steps"][0]
        assert steps[0]["uses"] == "$/.github/actions/variables"
        assert action["env"] == {"VARIABLES": "${{ inputs.variables }}"}
        return Checked(path, action["run"], steps[0]["with"]["variables"])
    template = load(AZURE / "steps" / "variables.yml")["steps"][0]
    assert steps[0]["template"] == "steps/variables.yml"
    assert template["env"] == {"VARIABLES": "${{ parameters.variables }}"}
    return Checked(path, template["bash"], steps[0]["parameters"]["variables"])


SIGN_IN_NAMES = {
    "github": ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"],
    "azure-devops": ["AZURE_SERVICE_CONNECTION"],
}
TARGET_NAMES = {
    "function": "AZURE_FUNCTIONAPP_NAME",
    "static-web-app": "AZURE_STATICWEBAPP_NAME",
    "front-door": "AZURE_STORAGE_ACCOUNT",
}
SAYS = {
    "github": "::error title=Variables are not set::Not set: {}. Set them under "
    "Settings → Secrets and variables → Actions → Variables, and run this again.\n",
    "azure-devops": "##vso[task.logissue type=error]Not set: {}. Set them under "
    "Pipelines → this pipeline → Edit → Variables, and run it again.\n",
}


def names(system: str, hosting: str) -> list[str]:
    """Return the variables of a pipeline, in the order in which people are told of them."""
    return [*SIGN_IN_NAMES[system], TARGET_NAMES[hosting]]


def run_check(check: Checked, values: dict[str, str]) -> tuple[int, str]:
    """Run the script on what the system puts for a missing variable: GitHub nothing, Azure DevOps a macro."""
    text = re.sub(r"\$\{\{ vars\.(\w+) \}\}", lambda found: values.get(found[1], ""), check.variables)
    text = re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), text)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", check.script]
    result = run(command, env={"PATH": os.environ["PATH"], "VARIABLES": text})
    assert result.stderr == ""
    return result.returncode, result.stdout


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", TARGET_NAMES)
def test_every_variable_is_checked(system: str, hosting: str) -> None:
    """Prove that the check asks for the variables that the deployment uses, and for no other."""
    check = checked(system, hosting)
    form = r"\$\{\{ vars\.(\w+) \}\}" if system == "github" else r"\$\((AZURE_\w+)\)"
    used = {name for text in strings(job_of(check.path, "deploy")) for name in re.findall(form, text)}
    asked = [re.sub(form, r"\1", line).split("=") for line in check.variables.splitlines()]
    assert asked == [[name, name] for name in names(system, hosting)]
    assert used == set(names(system, hosting))


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", TARGET_NAMES)
def test_the_check_names_all_that_is_missing(system: str, hosting: str) -> None:
    """Prove that one failed run tells everything that is to be set, and where."""
    expected = SAYS[system].format(" ".join(names(system, hosting)))
    assert run_check(checked(system, hosting), {}) == (1, expected)


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", TARGET_NAMES)
@pytest.mark.parametrize("value", ["", " "], ids=["empty", "blank"])
def test_the_check_names_each_that_is_missing(system: str, hosting: str, value: str) -> None:
    """Prove that only what is missing is named, and that an empty value counts as missing."""
    for name in names(system, hosting):
        values = dict.fromkeys(names(system, hosting), "a b=c") | {name: value}
        assert run_check(checked(system, hosting), values) == (1, SAYS[system].format(name))


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hosting", TARGET_NAMES)
def test_the_check_is_silent_when_all_is_set(system: str, hosting: str) -> None:
    """Prove that a repository that is set up goes on, whatever its values look like: they are never run."""
    for value in (
        "mtasts-example-com",
        "00000000-0000-0000-0000-000000000000",
        'a "b" `id` * \\ =',
        "x $(id)",
    ):
        assert run_check(checked(system, hosting), dict.fromkeys(names(system, hosting), value)) == (0, "")


# The scripts that call az


AZ = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$ARGUMENTS"
printf 'az speaks\\n' >&2
printf '%s\\n' "$TOKEN"
exit "$STATUS"
"""


class Called(NamedTuple):
    """What came of a script: its status and output, what it gave to az, and what it left for later steps."""

    status: int
    output: str
    arguments: list[str]
    left: str


def call(script: str, folder: Path, status: int = 0, **environment: str) -> Called:
    """Run a script with an `az` of our own."""
    az, arguments, left = folder / "az", folder / "arguments", folder / "left"
    az.write_text(AZ)
    az.chmod(0o755)
    left.write_text("")
    environment |= {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "GITHUB_OUTPUT": str(left)}
    environment |= {"ARGUMENTS": str(arguments), "TOKEN": "t0ken", "STATUS": str(status)}
    result = run(["bash", "-c", script], env=environment)
    return Called(result.returncode, result.stdout, arguments.read_text().splitlines(), left.read_text())


def script_of(system: str, hosting: str) -> str:
    """Return the script that calls az. GitHub stops at an error by itself, Azure DevOps must be told."""
    steps = own_steps(job_of(pipeline(system, f"deploy-{hosting}"), "deploy"))
    if system == "github":
        return "set -e\n" + next(str(step["run"]) for step in steps if "run" in step)
    return next(str(step["inputs"]["inlineScript"]) for step in steps if what(step) == "AzureCLI")


TOKEN_FORMS = {
    "github": ("::add-mask::t0ken\n", "token=t0ken\n"),
    "azure-devops": ("##vso[task.setvariable variable=staticWebAppToken;issecret=true]t0ken\n", ""),
}


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_token_is_read_and_masked(system: str, tmp_path: Path) -> None:
    """Prove that the token is asked for by the app's name, and printed only in the command that masks it."""
    called = call(script_of(system, "static-web-app"), tmp_path, AZURE_STATICWEBAPP_NAME="an app")
    asked = ["staticwebapp", "secrets", "list", "--name", "an app"]
    asked += ["--query", "properties.apiKey", "-o", "tsv"]
    assert called == (0, TOKEN_FORMS[system][0], asked, TOKEN_FORMS[system][1])


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_without_a_token_nothing_is_deployed(system: str, tmp_path: Path) -> None:
    """Prove that the step fails where az does, and leaves no empty token behind."""
    called = call(script_of(system, "static-web-app"), tmp_path, status=3, AZURE_STATICWEBAPP_NAME="an app")
    assert (called.status, called.output, called.left) == (3, "", "")


@bash_only
@pytest.mark.parametrize(("system", "source"), [("github", "build/static"), ("azure-devops", "build")])
def test_the_upload(system: str, source: str, tmp_path: Path) -> None:
    """Prove that the files go to the static website under the pipeline's own identity, not to be cached."""
    called = call(script_of(system, "front-door"), tmp_path, AZURE_STORAGE_ACCOUNT="account")
    assert called.arguments == [
        *("storage", "blob", "upload-batch", "--auth-mode", "login", "--account-name", "account"),
        *("--source", source, "--destination", "$web", "--overwrite"),
        *("--content-cache-control", "no-store", "--no-progress"),
    ]
    assert call(script_of(system, "front-door"), tmp_path, status=1).status == 1


@bash_only
@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("system", SYSTEMS)
def test_scripts_are_bash(system: str, name: str) -> None:
    """Prove that bash can read every script, and that no expression is pasted into one."""
    for step in steps_of(pipeline(system, name)):
        script = step.get("run") or step.get("bash") or step.get("inputs", {}).get("inlineScript") or ""
        assert run(["bash", "-n", "-c", script]).returncode == 0
        assert re.findall(r"\$\{\{|\$\(AZURE_", script) == []


# The watch


GH = """#!/usr/bin/env bash
(IFS='|'; printf '%s\\n' "$*" >> calls)
if [ "$1 $2" = "$FAILS" ]; then exit 4; fi
if [ "$1" = api ]; then printf '%s' "$OPEN"; fi
while [ $# -gt 0 ]; do
  if [ "$1" = --body-file ]; then cat -- "$2" > body; fi
  shift
done
"""
PAGE = "https://github.com/owner/repository/actions/runs/42"
LIST = (
    "api|repos/owner/repository/issues?state=open&labels=mta-sts-watch"
    '|--jq|map(select(.user.login == "github-actions[bot]"))[0].number // empty'
)
LABEL = "label|create|mta-sts-watch|--force|--color|B60205|--description|The daily watch's own issue"
CREATE = (
    "issue|create|--label|mta-sts-watch|--body-file|body.md|--title|The daily watch found errors that mail senders meet"
)
EDIT = "issue|edit|7|--body-file|body.md"
CLOSE = f"issue|close|7|--comment|[The daily watch]({PAGE}) finds no error any more."
NOTE = (
    f"\n\nFound by [this run]({PAGE}). Each failing run replaces this text, and the next run without an error closes"
    " the issue. It holds the first 64,000 bytes of the report; the run keeps all of it.\n\n"
).encode()
REPORT = b"**1 error**\n\n| severity | rule |\n|---|---|\n| error | MTS301 |\n"


class Reported(NamedTuple):
    """What came of the script: its status, what it asked of gh, and the body that it gave to an issue."""

    status: int
    calls: list[str]
    body: bytes | None


def issue_step() -> dict[str, Any]:
    """Return the step that keeps the issue."""
    return own_steps(job_of(pipeline("github", "watch"), "issue"))[-1]


def report(folder: Path, result: str, report: bytes | None, number: str = "", fails: str = "") -> Reported:
    """Run the script with a `gh` of our own, after a check with this result and report, where this issue is open."""
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    if report is not None:
        (folder / "report.md").write_bytes(report)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "GITHUB_SERVER_URL": "https://github.com"}
    environment |= {"GH_REPO": "owner/repository", "GITHUB_RUN_ID": "42", "RESULT": result}
    environment |= {"OPEN": number, "FAILS": fails}
    done = run(["bash", "-e", "-c", issue_step()["run"]], cwd=folder, env=environment)
    assert (done.stdout, done.stderr) == ("", "")
    body = folder / "body"
    calls = (folder / "calls").read_text().splitlines()
    return Reported(done.returncode, calls, body.read_bytes() if body.exists() else None)


@bash_only
def test_the_first_error_opens_an_issue(tmp_path: Path) -> None:
    """Prove that one issue is opened, under the label by which the next run finds it. The verdict comes first."""
    body = b"**1 error**" + NOTE + b"\n| severity | rule |\n|---|---|\n| error | MTS301 |\n"
    assert report(tmp_path, "failure", REPORT) == (0, [LIST, LABEL, CREATE], body)


@bash_only
def test_the_next_error_edits_the_issue(tmp_path: Path) -> None:
    """Prove that no second issue is opened, and nobody is told twice: the text is replaced."""
    body = b"**2 errors**" + NOTE
    assert report(tmp_path, "failure", b"**2 errors**\n", number="7") == (0, [LIST, EDIT], body)


@bash_only
def test_a_run_without_errors_closes_the_issue(tmp_path: Path) -> None:
    """Prove that the issue ends with what it was about, and that without an issue nothing is done."""
    assert report(tmp_path, "success", b"**no findings**\n", number="7") == (0, [LIST, CLOSE], None)
    (tmp_path / "calls").unlink()
    assert report(tmp_path, "success", b"**no findings**\n") == (0, [LIST], None)


@bash_only
@pytest.mark.parametrize("left", [None, b""], ids=["none", "empty"])
@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_a_watch_that_breaks_down_is_told_of(result: str, left: bytes | None, tmp_path: Path) -> None:
    """Prove that a check that ran out of time, or could not be installed, does not fail in silence."""
    body = b"**The watch broke down before it had a report.**" + NOTE
    assert report(tmp_path, result, left) == (0, [LIST, LABEL, CREATE], body)


@bash_only
@pytest.mark.parametrize(
    ("fails", "calls"),
    [
        ("api repos/owner/repository/issues?state=open&labels=mta-sts-watch", [LIST]),
        ("label create", [LIST, LABEL]),
        ("issue create", [LIST, LABEL, CREATE]),
    ],
    ids=["api", "label", "issue"],
)
def test_what_github_refuses_fails_the_run(fails: str, calls: list[str], tmp_path: Path) -> None:
    """Prove that the script goes no further: where the list fails, it opens no second issue."""
    assert report(tmp_path, "failure", REPORT, fails=fails)[:2] == (4, calls)


HOSTILE = (
    b'**1 error**\n\n$(touch owned) `touch owned` ${HOME} \\n \\\\ %s %0A "; touch owned; #\n'
    b"::set-output name=number::1\n::error::x\n##vso[task.complete result=Succeeded;]\nEOF\n--body\n"
    b"@file @everyone <!-- <script> \xc3\xa9 \xe2\x80\xae \xff\xfe\n"
)


@bash_only
def test_a_hostile_report_is_only_text(tmp_path: Path) -> None:
    """Prove that the report arrives byte for byte, is never run, and never printed (there runners read commands)."""
    reported = report(tmp_path, "failure", HOSTILE)
    head, rest = HOSTILE[:11], HOSTILE[12:]
    assert reported == (0, [LIST, LABEL, CREATE], head + NOTE + rest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["body", "body.md", "calls", "gh", "report.md"]


@bash_only
@pytest.mark.parametrize(
    ("row", "times", "kept"),
    [
        (b"0123456\n", 20_000, 7_998),
        ("| é | ☃ | 😀 |\n".encode(), 20_000, 3_199),
        (b"x" * 63_987 + b"\n", 1, 1),
        (b"x" * 63_988 + b"\n", 1, 0),
        (b"x" * 2_000_000 + b"\n", 1, 0),
    ],
    ids=["ascii", "unicode", "room for one", "one byte too many", "one long line"],
)
def test_a_long_report_is_cut(row: bytes, times: int, kept: int, tmp_path: Path) -> None:
    """Prove that as many whole lines stay as there is room for, and that GitHub takes the body."""
    body = b"**1 error**" + NOTE + row * kept
    assert report(tmp_path, "failure", b"**1 error**\n" + row * times).body == body
    assert len(body.decode()) <= len(body) <= 65_536


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed; GitHub's gh brings its own")
@pytest.mark.parametrize(
    ("issues", "number"),
    [
        ("[]", ""),
        ('[{"number": 9, "user": {"login": "ann"}, "pull_request": {}}]', ""),
        (
            '[{"number": 9, "user": {"login": "ann"}}, {"number": 7, "user": {"login": "github-actions[bot]"}}]',
            "7\n",
        ),
    ],
    ids=["none", "somebody's", "its own"],
)
def test_the_watch_takes_only_its_own_issue(issues: str, number: str) -> None:
    """Prove that an issue or pull request of somebody's is left alone, even under the watch's label."""
    assert run(["jq", "-r", LIST.rpartition("|--jq|")[2]], input=issues).stdout == number


def test_the_issue_job_runs_nothing_else() -> None:
    """Prove that what may write to issues gets the check's result and a file, by environment, and runs on main only."""
    job = job_of(pipeline("github", "watch"), "issue")
    assert [what(step) for step in own_steps(job)] == ["actions/download-artifact", "run"]
    assert (job["needs"], job["if"]) == ("check", "${{ !cancelled() && github.ref == 'refs/heads/main' }}")
    assert issue_step()["env"] == {
        "GH_REPO": "${{ github.repository }}",
        "GH_TOKEN": "${{ github.token }}",
        "RESULT": "${{ needs.check.result }}",
    }


def test_the_report_is_handed_over() -> None:
    """Prove that the report of a failed check reaches the other job, and that a missing one stops nobody."""
    *_, check, summary, upload = own_steps(job_of(pipeline("github", "watch"), "check"))
    download = own_steps(job_of(pipeline("github", "watch"), "issue"))[0]
    assert check == {"run": "python -m mtasts check --format markdown --output report.md"}
    assert summary["if"] == upload["if"] == "${{ !cancelled() && hashFiles('report.md') != '' }}"
    assert upload["with"] == {"name": "report", "path": "report.md", "overwrite": True}
    assert (download["with"], download["continue-on-error"]) == ({"name": "report"}, True)


@bash_only
@pytest.mark.parametrize(("text", "shown"), [(HOSTILE, HOSTILE), (b"x" * 2_000_000, b"x" * 1_000_000)])
def test_the_summary_on_github(text: bytes, shown: bytes, tmp_path: Path) -> None:
    """Prove that the job's summary is the report, up to the size that GitHub shows, and that nothing is printed."""
    (tmp_path / "report.md").write_bytes(text)
    step = own_steps(job_of(pipeline("github", "watch"), "check"))[-2]
    environment = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    done = run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "summary").read_bytes() == shown


@bash_only
def test_the_summary_in_azure_devops(tmp_path: Path) -> None:
    """Prove that a failed check shows its report, by its full path, and that without one nothing more fails."""
    step = own_steps(job_of(pipeline("azure-devops", "watch"), "check"))[-1]
    folder = tmp_path.resolve()
    command, options = ["bash", "-c", step["bash"]], {"cwd": folder, "env": {"PATH": os.environ["PATH"]}}
    done = run(command, **options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (folder / "report.md").write_bytes(HOSTILE)
    assert run(command, **options).stdout == f"##vso[task.uploadsummary]{folder}/report.md\n"
    assert step["condition"] == "succeededOrFailed()"


# Dependabot


@pytest.mark.parametrize(
    ("path", "actions", "python"),
    [
        (
            GITHUB / "dependabot.yml",
            ["/", "/.github/actions/build", "/.github/actions/toolkit"],
            "/",
        ),
        (
            TEMPLATE_GITHUB / "dependabot.yml",
            [
                "/",
                "/{{cookiecutter.domain}}/.github/workflows",
                "/{{cookiecutter.domain}}/.github/actions/build",
                "/{{cookiecutter.domain}}/.github/actions/toolkit",
            ],
            "/{{cookiecutter.domain}}",
        ),
    ],
    ids=["generated", "template"],
)
def test_dependabot(path: Path, actions: list[str], python: str) -> None:
    """Prove that every pinned version is looked after, weekly, and that a new one has to be a week old."""
    common = {"schedule": {"interval": "weekly"}, "cooldown": {"default-days": 7}}
    assert load(path)["updates"] == [
        {
            "package-ecosystem": "github-actions",
            "directories": actions,
            **common,
            "groups": {"actions": {"patterns": ["*"]}},
        },
        {
            "package-ecosystem": "pip",
            "directory": python,
            **common,
            "groups": {"python": {"patterns": ["*"]}},
        },
    ]


def test_dependabot_reads_every_action_that_pins_another() -> None:
    """Prove that no action's folder was forgotten: Dependabot does not look for them by itself."""
    pinning = [f"/.github/actions/{path.parent.name}" for path in ACTIONS if uses_lines(path)]
    assert pinning == ["/.github/actions/build", "/.github/actions/toolkit"]


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
        assert python_commands(path) == ["python ci/demo.py", "python ci/test.py"]
