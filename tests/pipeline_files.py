"""The pipelines as the tests read and run them: files, jobs, steps, and a stand-in for the systems that run them."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

import conditions
from conftest import PROVIDERS, give_up
from mtasts.pruning import CHOICES, pruned

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "{{cookiecutter.domain}}"
GITHUB = GENERATED / ".github"
AZURE = GENERATED / ".azuredevops"
TEMPLATE_GITHUB = ROOT / ".github"
TEMPLATE_AZURE = ROOT / "ci" / "azure-pipelines.yml"

HOSTINGS = ["function", "static-web-app", "front-door", "web-server"]
PLACES = {"github": ".github/workflows", "azure-devops": ".azuredevops"}
SYSTEMS = list(PLACES)
DNS_PROVIDERS = [*PROVIDERS, "manual"]
# Called by the deployments on GitHub. A step of the same name is that in Azure DevOps.
CALLED = ["publish"]
PIPELINES = ["pull-request", "watch", "provision", *(f"deploy-{hosting}" for hosting in HOSTINGS)]

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
        # The template's steps with all providers but the one for which a step of its own signs in to Azure.
        template = yaml.safe_load(pruned((AZURE / step["template"]).read_text("utf-8"), CHOICES - {"azure-dns"}))
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
        jobs = {stage["stage"]: list(map(name_of_job, stage["jobs"])) for stage in stages}
        for stage in stages:
            before = [name for other in listed(stage.get("dependsOn")) for name in jobs[other]]
            for job in stage["jobs"]:  # one that waits for no other of its stage waits for the stages before
                job["stage"] = {key: stage.get(key) for key in ("stage", "dependsOn", "condition")}
                job["before"] = listed(job.get("dependsOn")) or before
        return [(name_of_job(job), job) for stage in stages for job in stage["jobs"]]
    if isinstance(data["jobs"], dict):
        hosting = path.stem.removeprefix("deploy-")
        return [(name, called(job, hosting) if "uses" in job else job) for name, job in data["jobs"].items()]
    return [(name_of_job(job), job) for job in compiled(data["jobs"], values)]


def called(job: Any, hosting: str) -> Any:
    """Return what a job of GitHub's is that calls a workflow: the called job, with its inputs, for a hosting.

    Its environment gives it its secrets only if the call inherits them (actions/runner#1490).
    """
    text = (GENERATED / job["uses"].removeprefix("$/")).read_text(encoding="utf-8")
    workflow = yaml.safe_load(pruned(text, CHOICES - (set(HOSTINGS) - {hosting})))
    ((name, inner),) = workflow["jobs"].items()
    call = workflow[True]["workflow_call"]  # the key `on`
    for output, each in call["outputs"].items():
        assert each["value"] == f"${{{{ jobs.{name}.outputs.{output} }}}}" and output in inner["outputs"]
    assert inner["permissions"] == job["permissions"]  # if it asked for more, GitHub would not begin the run
    assert set(job["with"]) <= set(call["inputs"])
    given = {key: job["with"].get(key, each.get("default")) for key, each in call["inputs"].items()}
    inner["steps"] = compiled(list(asked_for(inner["steps"], given)), given)
    return {**inner, **{key: job[key] for key in ("needs", "if", "secrets") if key in job}}


def asked_for(steps: Iterable[Any], given: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the steps of a called workflow, but those for an input that is false."""
    for step in steps:
        condition = re.fullmatch(r"\$\{\{ inputs\.(\w+)(?: && (.*))? \}\}", step.get("if", ""))
        if not condition:
            yield step
        elif given[condition[1]]:
            rest = {"if": f"${{{{ {condition[2]} }}}}"} if condition[2] else {}
            yield {**{key: value for key, value in step.items() if key != "if"}, **rest}


def listed(value: Any) -> list[str]:
    """Return what stands under `needs` or `dependsOn` as a list: it may be one name, or missing."""
    return list(value) if isinstance(value, list) else [value] if value else []


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
        for variable, name in (('"$lock"', "LOCK"), ('"$COMMAND"', "COMMAND")):
            script = script.replace(variable, step.get("env", {}).get(name, ""))
        commands += [command.strip() for command in re.findall(r"\bpython (?:[^\n;|]|\|\|)+", script)]
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
case "$note;" in *"$FAILS"*) exit 1 ;; esac
put() {
  printf '%s=%s\\n' "$1" "$2" >> "$GITHUB_OUTPUT"
  printf '##vso[task.setvariable variable=%s;isOutput=true]%s\\n' "$1" "$2"
}
case $note in
  "python -m mtasts hosts hosts.json")
    put missing "$MISSING"; put pending "$AWAITED"; put unrouted "$OLD"; touch hosts.json ;;
  "python -m mtasts wait policy --go-on"*) put done "$SERVED" ;;
esac
"""
    # What Azure lacks, and what it is not done with; and whether HTTPS serves the policy in the first of two waits.
    AZURE_HAS: ClassVar[Mapping[str, str]] = {"MISSING": "", "AWAITED": "", "OLD": "", "SERVED": "true"}
    # In place of `python3 -m mtasts.ci.tip`, which tests/ci/test_tip.py runs with real git.
    TIP = """#!/usr/bin/env bash
echo current=true >> "$GITHUB_OUTPUT"
echo "##vso[task.setvariable variable=current;isOutput=true]true"
"""

    def __init__(self, folder: Path, values: Mapping[str, str], fails: str = "nothing", dns: bool = True) -> None:
        self.fails, self.outcomes, self.all_said = fails, {"login": "skipped"}, ""
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
        for script in GENERATED.glob("infra/*.sh"):
            (self.work / "infra").mkdir(exist_ok=True)
            shutil.copy(script, self.work / "infra")
        for name in ("python", "az"):
            (self.programs / name).write_text(self.PROGRAM)
        (self.programs / "python3").write_text(self.TIP)
        for program in self.programs.iterdir():
            program.chmod(0o755)
        self.notes.touch()

    def play(self, path: Path, **given: str) -> dict[str, str]:
        """Run the jobs in the order of their needs, and return how each of them ended."""
        self.inputs, waiting, self.ended = given, dict(jobs_of(path, **given)), dict[str, str]()
        self.predefined_names = {"event_name": "pull_request" if path.stem == "pull-request" else "push"}
        self.jobs_known, self.stages_ended = dict(waiting), dict[str, str]()
        while waiting:
            name = next(name for name, job in waiting.items() if not needs_of(job) & waiting.keys())
            job = waiting.pop(name)
            self.ended[name] = self.job(name, job) if self.may_begin(name, job) else "skipped"
        return self.ended

    def may_begin(self, name: str, job: Any) -> bool:
        """Judge the condition of a job, and of its stage."""
        if "runs-on" in job:
            before = (self.ended[each] for each in self.ancestors(name))
            return conditions.github(job.get("if"), conditions.statuses(before), self.look_up)
        stage = job.get("stage")
        if stage and not self.stage_runs(stage):
            return False
        inside = {each for each in self.ancestors(name) if self.jobs_known[each].get("stage") == stage}
        before = (self.ended[each] for each in inside)
        return conditions.azure(job.get("condition"), conditions.statuses(before), self.look_up)

    def stage_runs(self, stage: Any) -> bool:
        """Judge the condition of a stage: once, when its first job may begin."""
        stages = {job["stage"]["stage"]: job["stage"] for job in self.jobs_known.values()}
        before, more = set[str](), listed(stage["dependsOn"])
        while more:
            before |= set(more)
            more = [each for one in more for each in listed(stages[one]["dependsOn"])]
        status = conditions.statuses(self.stage_result(each) for each in before)
        self.in_stage = True
        holds = conditions.azure(stage["condition"], status, self.look_up)
        self.in_stage = False
        return holds

    def stage_result(self, stage: str) -> str:
        """Return how a stage ended: it is left out if all of its jobs are."""
        jobs = [name for name, job in self.jobs_known.items() if job["stage"]["stage"] == stage]
        results = {self.ended[name] for name in jobs}
        return next(each for each in ("failure", "success", "skipped") if each in results)

    def ancestors(self, name: str) -> set[str]:
        """Return the jobs before a job, direct and indirect."""
        direct = needs_of(self.jobs_known[name])
        return direct.union(*(self.ancestors(each) for each in direct))

    in_stage = False

    def look_up(self, path: tuple[str, ...]) -> Any:
        """Return what a name means in a condition. What is not there is nothing."""
        what, *rest = path
        if what in ("needs", "dependencies", "stageDependencies"):
            return self.of_another(what, rest)
        if what == "inputs":
            return self.inputs.get(rest[0]) == "true"
        if what == "vars":
            return self.values.get(rest[0], "")
        if what == "steps":
            return self.outcomes.get(rest[0]) if rest[1] == "outcome" else self.outputs.get(f"{rest[0]}.{rest[2]}")
        if what == "variables":
            return self.outputs.get(rest[0], {"Build.Reason": "PullRequest"}.get(rest[0]))
        return self.predefined_names.get(rest[0], "") if what == "github" else ""

    def of_another(self, what: str, rest: list[str]) -> str:
        """Return how a job or a stage ended, or an output of a job."""
        words = {"success": "Succeeded", "failure": "Failed", "skipped": "Skipped"}
        if rest[-1] == "result":
            if self.in_stage:
                return words[self.stage_result(rest[0])]
            return self.ended[rest[0]] if what == "needs" else words[self.ended[rest[0]]]
        if what == "stageDependencies":
            rest = rest[1:]
        key = f"{rest[0]}/{rest[-1]}"
        if self.in_stage:  # the output's name begins with the job's
            key = rest[-1].replace(".", "/", 1)
        return self.handed.get(key, "")

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
        variables = job.get("variables", {})  # in Azure DevOps: $[ … ], or a list of groups
        for key, text in variables.items() if isinstance(variables, dict) else ():
            self.values[key] = conditions.value(re.sub(r"^\$\[(.*)\]$", r"\1", text), self.look_up)
        for step in all_steps(job):
            if self.runs(step, good):
                outcome = self.step(step)
                self.outcomes[step.get("id", "")] = "success" if outcome else "failure"
                good = good and (outcome or step.get("continue-on-error") is True)
        self.hand_over(name, job)
        return "success" if good else "failure"

    def runs(self, step: Any, good: bool) -> bool:
        """Judge the condition of a step. good: none has failed before it."""
        status = conditions.statuses(["success" if good else "failure"])
        if "condition" in step:
            return conditions.azure(step["condition"], status, self.look_up)
        return conditions.github(step.get("if"), status, self.look_up, hashFiles=self.hash_files)

    def hash_files(self, *patterns: str) -> str:
        """Return something if there is a file of these names."""
        return "hash" if any(any(self.work.glob(each)) for each in patterns) else ""

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
        environment |= {**self.AZURE_HAS, "FAILS": self.fails, **{name: str(path) for name, path in self.left.items()}}
        environment |= self.predefined
        self.left["GITHUB_OUTPUT"].write_text("")
        options = ["-eo", "pipefail"] if "shell" in step else ["-e"] if "run" in step else []
        done = run(["bash", "--noprofile", "--norc", *options, "-c", script], cwd=self.work, env=environment)
        self.said = done.stdout + done.stderr
        self.all_said += self.said
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
        force = "--force" if self.inputs.get("force") == "true" else ""
        text = text.replace("${{ inputs.force && '--force' || '' }}", force)
        form = r"\$\{\{ needs\.(\w+)\.outputs\.(\w+) \}\}"
        text = re.sub(form, lambda found: self.handed[f"{found[1]}/{found[2]}"], text)
        text = re.sub(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", lambda found: self.values.get(found[1], ""), text)
        return re.sub(r"\$\(([\w.]+)\)", lambda found: self.values.get(found[1], found[0]), text)

    def noted(self) -> list[str]:
        """Return the notes, but for what every job begins with, and for what only carries files."""
        routine = re.compile("actions/|checkout|download$|UsePythonVersion|PublishPipelineArtifact|.*-requirement req")
        return [line for line in self.notes.read_text().splitlines() if not routine.match(line)]


def needs_of(job: Any) -> set[str]:
    """Return the jobs that a job waits for."""
    return {each for key in ("needs", "dependsOn", "before") for each in listed(job.get(key))}


BUILDING = ["python -m mtasts lint", "python -m mtasts build"]
LOOKED = {
    system: [sign_in, "python -m mtasts hosts", "python -m mtasts hosts hosts.json"]
    for system, sign_in in (("github", "azure/login"), ("azure-devops", "AzureCLI deploy"))
}
OCTODNS = "python -m pip install --require-hashes --requirement dns/cloudflare.txt"
HOSTED = [
    OCTODNS,
    "python -m mtasts publish announcement --doit --only-remove (t0ken)",
    "python -m mtasts publish hosting --doit (t0ken)",
]
# What a push does between building and deploying, if Azure has all host names.
BEFORE = {
    **{(hosting, system): [*LOOKED[system], *HOSTED] for hosting in HOSTINGS[:2] for system in LOOKED},
    **{
        ("front-door", system): [
            *(*LOOKED[system], OCTODNS, *LOOKED[system][:2], HOSTED[1]),
            "python -m mtasts publish hosting --doit --verification hosts.json (t0ken)",
        ]
        for system in LOOKED
    },
    **{("web-server", system): [*HOSTED, "python -m mtasts wait dns"] for system in LOOKED},
}
ANNOUNCING = [OCTODNS, "python -m mtasts publish announcement --doit (t0ken)", "python -m mtasts check --wait 900"]
ASKED = "az staticwebapp secrets list --name app --resource-group group --query properties.apiKey -o tsv"
UPLOADED = (
    "az storage blob upload-batch --auth-mode login --account-name account --source {} --destination $web "
    "--overwrite --content-cache-control no-store --no-progress"
)
DEPLOYED = {
    ("function", "github"): ["azure/login", "Azure/functions-action"],
    ("function", "azure-devops"): ["AzureFunctionApp"],
    ("static-web-app", "github"): ["azure/login", ASKED, "Azure/static-web-apps-deploy"],
    ("static-web-app", "azure-devops"): ["AzureCLI deploy", ASKED, "AzureStaticWebApp"],
    ("front-door", "github"): ["azure/login", UPLOADED.format("build/static")],
    ("front-door", "azure-devops"): ["AzureCLI deploy", UPLOADED.format("build")],
    ("web-server", "github"): [],
    ("web-server", "azure-devops"): [],
}
WAITED = {
    **dict.fromkeys(HOSTINGS[:2], "python -m mtasts wait policy --for 600"),
    "front-door": "python -m mtasts wait policy --go-on",
    "web-server": "python -m mtasts wait policy --for 1800",
}
GIVEN = {
    **dict.fromkeys(("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_FUNCTIONAPP_NAME"), "x"),
    "AZURE_RESOURCE_GROUP": "group",
    "AZURE_STATICWEBAPP_NAME": "app",
    "AZURE_STORAGE_ACCOUNT": "account",
    "CLOUDFLARE_TOKEN": "t0ken",
}


SIGN_IN_NAMES = {
    "github": ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"],
    "azure-devops": [],
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
    return [*SIGN_IN_NAMES[system], "AZURE_RESOURCE_GROUP", TARGET_NAMES[hosting]]


def script_of(system: str, hosting: str) -> str:
    """Return the script that calls az. GitHub stops at an error by itself, Azure DevOps must be told."""
    steps = own_steps(job_of(pipeline(system, f"deploy-{hosting}"), "deploy"))
    if system == "github":
        return "set -e\n" + next(str(step["run"]) for step in steps if "az " in step.get("run", ""))
    return next(str(step["inputs"]["inlineScript"]) for step in steps if what(step) == "AzureCLI")
