"""The pipelines as the tests read and run them: files, jobs, steps, and a stand-in for the systems that run them."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import give_up

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
        action = load(GENERATED / step["uses"][2:] / "action.yml")
        defaults = {name: each.get("default") for name, each in action.get("inputs", {}).items()}
        condition = {"if": step["if"]} if "if" in step else {}
        inner = compiled(action["runs"]["steps"], {**defaults, **step.get("with", {})})
        yield from ({**each, **condition} for each in inner)
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
    """Return the commands that run Python, in order, with the lock that the toolkit's action is asked for."""
    commands = []
    for step in steps_of(path):
        script = str(step.get("run") or step.get("bash") or step.get("script"))
        script = script.replace('"$lock"', step.get("env", {}).get("LOCK", ""))
        commands += [command.strip() for command in re.findall(r"\bpython [^\n;|]+", script)]
    return commands


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
    return [line.strip(" -") for line in lines if "uses: $/" not in line and "uses: ./" not in line]


def run(command: Sequence[str | Path], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, whatever comes of it."""
    return subprocess.run(command, check=False, capture_output=True, encoding="utf-8", **options)


def tool(name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that was installed beside this Python."""
    command = shutil.which(name, path=sysconfig.get_path("scripts"))
    if not command:
        give_up(f"{name} is not installed: zizmor needs Python 3.11")
    return run([str(command), *arguments])


SECRETS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "CLOUDFLARE_TOKEN", "RFC2136_KEY_SECRET"]


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
    # In place of `python3 -m mtasts.ci.tip`, which tests/ci/test_tip.py runs with real git.
    TIP = """#!/usr/bin/env bash
echo current=true >> "$GITHUB_OUTPUT"
echo "##vso[task.setvariable variable=current;isOutput=true]true"
"""

    def __init__(self, folder: Path, values: Mapping[str, str], fails: str = "nothing", dns: bool = True) -> None:
        self.fails, self.outcomes = fails, {"login": "skipped"}
        self.outputs, self.handed = dict[str, str](), dict[str, str]()  # of the steps of a job; of jobs to jobs
        self.predefined = dict[str, str]()  # variables that the system sets for every step
        self.values = {"Pipeline.Workspace": str(folder), **values}
        self.work, self.notes, self.programs = folder / "work", folder / "notes", folder / "bin"
        self.left = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in (self.work, self.programs):
            path.mkdir()
        if dns:
            (self.work / "dns").mkdir()
            (self.work / "dns" / "cloudflare.txt").touch()
        for name in ("python", "az"):
            (self.programs / name).write_text(self.PROGRAM)
        (self.programs / "python3").write_text(self.TIP)
        for program in self.programs.iterdir():
            program.chmod(0o755)
        self.notes.touch()

    def play(self, path: Path, **given: str) -> dict[str, str]:
        """Run the jobs in the order of their needs, and return how each of them ended."""
        self.inputs, waiting, ended = given, dict(jobs_of(path, **given)), dict[str, str]()
        while waiting:
            name = next(name for name, job in waiting.items() if not needs_of(job) & waiting.keys())
            job = waiting.pop(name)
            ready = all(ended[need] == "success" for need in needs_of(job))
            ready = ready and (job.get("if") != "${{ inputs.create }}" or given["create"] == "true")
            ended[name] = self.job(name, job) if ready and self.not_overtaken(job) else "skipped"
        return ended

    def not_overtaken(self, job: Any) -> bool:
        """Judge the condition of a job that asks whether the one before it found the tip of main."""
        on_github = re.fullmatch(r"\$\{\{ needs\.(\w+)\.outputs\.current == 'true' \}\}", job.get("if", ""))
        form = r"and\(succeeded\(\), ne\(dependencies\.(\w+)\.outputs\['([\w.]+)'\], 'false'\)\)"
        in_azure = re.fullmatch(form, job.get("condition", ""))
        if on_github:
            return self.handed[f"{on_github[1]}/current"] == "true"
        return not in_azure or self.handed["/".join(in_azure.groups())] != "false"

    def hand_over(self, name: str, job: Any) -> None:
        """Keep a job's outputs: GitHub's are named in the job, Azure DevOps has all, a deployment's below its name."""
        for key, value in job.get("outputs", {}).items():
            output = re.sub(r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", r"\1.\2", value)
            self.handed[f"{name}/{key}"] = self.outputs.get(output, "")
        below = f"{name}/{name}." if "deployment" in job else f"{name}/"
        self.handed |= {f"{below}{key}": value for key, value in self.outputs.items()}

    def job(self, name: str, job: Any) -> str:
        """Run a job's steps, and say how it ended. After a failed step only those run that ask for it."""
        good, self.outputs = True, {}
        for step in all_steps(job):
            if self.runs(step.get("if") or step.get("condition"), good):
                outcome = self.step(step)
                self.outcomes[step.get("id", "")] = "success" if outcome else "failure"
                good = good and (outcome or step.get("continue-on-error") is True)
        self.hand_over(name, job)
        return "success" if good else "failure"

    def runs(self, condition: str | None, good: bool) -> bool:
        """Judge the condition of a step. good: none has failed before it."""
        return {
            None: good,
            "${{ vars.AZURE_DNS_RESOURCE_GROUP != '' }}": good and "AZURE_DNS_RESOURCE_GROUP" in self.values,
            "${{ steps.login.outcome != 'failure' }}": good and self.outcomes["login"] != "failure",
            "${{ steps.tip.outputs.current == 'true' }}": good and self.outputs.get("tip.current") == "true",
            "and(succeeded(), eq(variables['tip.current'], 'true'))": (
                good and self.outputs.get("tip.current") == "true"
            ),
            "succeeded()": good,
            "succeededOrFailed()": True,
        }[condition]

    def step(self, step: dict[str, Any]) -> bool:
        """Run a step's script, or take a note of its action, and tell whether that was good."""
        script = step.get("run") or step.get("bash") or step.get("inputs", {}).get("inlineScript")
        if script is None:
            self.note(what(step))
            self.act(step)
            return what(step) != self.fails
        if "task" in step:
            self.note(f"{what(step)} {self.filled(step['inputs']['azureSubscription'])}")
        script = self.filled(script)
        environment = {name: self.filled(text) for name, text in step.get("env", {}).items()}
        environment |= {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", "NOTES": str(self.notes)}
        environment |= {"FAILS": self.fails, **{name: str(path) for name, path in self.left.items()}}
        environment |= self.predefined
        self.left["GITHUB_OUTPUT"].write_text("")
        options = ["-eo", "pipefail"] if "shell" in step else ["-e"] if "run" in step else []
        done = run(["bash", "--noprofile", "--norc", *options, "-c", script], cwd=self.work, env=environment)
        self.said = done.stdout + done.stderr
        set_here = re.findall(
            r"^##vso\[task\.setvariable variable=(\w+);isOutput=true\](.*)$", done.stdout, re.MULTILINE
        )
        set_here += re.findall("^(.+?)=(.*)$", self.left["GITHUB_OUTPUT"].read_text(), re.MULTILINE)
        self.outputs |= {f"{step.get('id', step.get('name'))}.{key}": value for key, value in set_here}
        return done.returncode == 0

    def act(self, step: dict[str, Any]) -> None:
        """Do what an action or a task does: nothing here."""

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
        routine = re.compile("actions/|checkout|download$|UsePythonVersion|PublishPipelineArtifact|.*-requirement req")
        return [line for line in self.notes.read_text().splitlines() if not routine.match(line)]


def needs_of(job: Any) -> set[str]:
    """Return the jobs that a job waits for."""
    return {str(job[key]) for key in ("needs", "dependsOn") if key in job}


BUILDING = ["python -m mtasts lint", "python -m mtasts build"]
ANNOUNCING = [
    "python -m pip install --require-hashes --requirement dns/cloudflare.txt",
    "python -m mtasts publish announcement --doit (t0ken)",
    "python -m mtasts check --wait 300",
]
ASKED = "az staticwebapp secrets list --name app --resource-group group --query properties.apiKey -o tsv"
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
    "AZURE_RESOURCE_GROUP": "group",
    "AZURE_SERVICE_CONNECTION": "connection",
    "AZURE_STATICWEBAPP_NAME": "app",
    "AZURE_STORAGE_ACCOUNT": "account",
    "CLOUDFLARE_TOKEN": "t0ken",
}


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
    group = ["AZURE_RESOURCE_GROUP"] if hosting == "static-web-app" else []
    return [*SIGN_IN_NAMES[system], *group, TARGET_NAMES[hosting]]


def script_of(system: str, hosting: str) -> str:
    """Return the script that calls az. GitHub stops at an error by itself, Azure DevOps must be told."""
    steps = own_steps(job_of(pipeline(system, f"deploy-{hosting}"), "deploy"))
    if system == "github":
        return "set -e\n" + next(str(step["run"]) for step in steps if "az " in step.get("run", ""))
    return next(str(step["inputs"]["inlineScript"]) for step in steps if what(step) == "AzureCLI")
