"""A whole deployment, rehearsed: every step of a baked repository's pipeline, each job in a folder of its own.

Genuine are the scripts, which bash runs as they are written, the needs of the jobs, and what lint and build do.
Stand-ins are the systems themselves, the actions and tasks that carry files, sign in and deploy, and `az`.
`pip install`, `check` and `publish` are noted and not run: they need the network.
"""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import pipeline_files
from conftest import Bake, verb
from pipeline_files import (
    ANNOUNCING,
    BEFORE,
    BUILDING,
    DEPLOYED,
    GIVEN,
    LOOKED,
    PLACES,
    SAYS,
    SYSTEMS,
    TARGET_NAMES,
    WAITED,
    Stage,
    bash_only,
    names,
    what,
)

pytestmark = pytest.mark.slow  # bakes, and runs whole pipelines

CONFIG = """version: STSv1
mode: enforce
max_age: 604800
mx: [mx1.example.com]
domains:
  one.example:
  two.example:
tls_reporting: {{rua: ["mailto:tls@one.example"]}}
hosting: {{kind: {kind}, name: mtasts-one-example, region: westeurope, hostname: policy.one.example}}
"""
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"
RUNS = [(hosting, system) for hosting in TARGET_NAMES for system in SYSTEMS]


class Rehearsal(Stage):
    """A run on machines that share nothing but the artifacts, with programs that do what a deployment needs of them.

    given: what the deployment was told. taken: a copy of what stood at the place that it was told of.
    """

    PROGRAMS = """#!/usr/bin/env bash
note="${{0##*/}} $*"
printf '%s\\n' "$note${{CLOUDFLARE_TOKEN:+ ($CLOUDFLARE_TOKEN)}}" >> "$NOTES"
case "$note;" in *"$FAILS"*) exit 1 ;; esac
case $note in
  "python -m mtasts lint" | "python -m mtasts build") exec "{python}" -B "$@" ;;
  "python -m mtasts hosts hosts.json") touch hosts.json ;;
  "az staticwebapp secrets list "*) echo a-deployment-token ;;
  "az storage blob upload-batch "*)
    while [ "$1" != --source ]; do shift; done
    cp -R -- "$2" "{taken}" ;;
esac
"""

    def __init__(self, repository: Path, folder: Path, values: Mapping[str, str], fails: str = "nothing") -> None:
        self.repository, self.folder, self.taken = repository, folder, folder / "taken"
        self.set, self.said, self.jobs = values, "", dict[str, Path]()
        self.given: dict[str, str] = {}
        self.PROGRAM = self.PROGRAMS.format(python=sys.executable, taken=self.taken)
        super().__init__(folder, values, fails, dns=False)

    def job(self, name: str, job: Any) -> str:
        """Run a job on a fresh machine. Azure DevOps checks out by itself, but not in a deployment."""
        place = self.jobs[name] = self.folder / f"job-{len(self.jobs)}"
        self.work = place / "s"
        self.work.mkdir(parents=True)
        self.values = {**self.set, "Pipeline.Workspace": str(place)}
        if "job" in job:
            self.check_out()
        return super().job(name, job)

    def step(self, step: dict[str, Any]) -> bool:
        """Run a step. One that carries or deploys files fails where they are missing, and so do the real ones."""
        kind = what(step)
        inputs = {key: self.filled(str(value)) for key, value in (step.get("with") or step.get("inputs") or {}).items()}
        there = self.carry(kind, inputs, step) and self.deploy(kind, inputs)
        usual, self.work = self.work, self.work / inputs.get("workingDirectory", "")
        good = super().step(step)
        self.work = usual
        self.values |= re.findall(r"##vso\[task\.setvariable variable=(\w+);issecret=true\](.*)\n", self.said)
        return good and there

    def filled(self, text: str) -> str:
        """Return a text with what an earlier step put out, as well."""
        form = r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}"
        text = re.sub(form, lambda found: self.outputs[f"{found[1]}.{found[2]}"], text)
        return super().filled(text)

    def carry(self, kind: str, inputs: Mapping[str, str], step: Mapping[str, Any]) -> bool:
        """Check out, or move an artifact. GitHub leaves hidden files out where it is not told to include them."""
        kept = self.folder / "artifacts" / (inputs.get("name") or inputs.get("artifact") or step.get("artifact") or "")
        if kind in ("actions/checkout", "checkout"):
            self.check_out()
        elif kind == "actions/upload-artifact":
            return keep(self.work / inputs["path"], kept, hidden=inputs.get("include-hidden-files") == "True")
        elif kind == "PublishPipelineArtifact":
            return keep(self.work / inputs["targetPath"], kept, hidden=True)
        elif kind == "actions/download-artifact":
            shutil.copytree(kept, self.work / inputs["path"])
        elif kind == "download":
            shutil.copytree(kept, self.work.parent / kept.name)
        return True

    def check_out(self) -> None:
        """Copy the repository."""
        shutil.copytree(self.repository, self.work, dirs_exist_ok=True)

    def deploy(self, kind: str, inputs: Mapping[str, str]) -> bool:
        """Keep what a deployment is given: its inputs, and the package or the folder that they name."""
        place = inputs.get("package") or inputs.get("app_location")
        if not place:
            return True
        self.given = {"": kind, **inputs}
        return keep(self.work / inputs.get("workingDirectory", "") / place, self.taken, hidden=True)


def keep(source: Path, target: Path, hidden: bool) -> bool:
    """Copy a file, or what is in a folder, with hidden files or without, and tell whether there was any."""
    if source.is_file():
        target.mkdir(parents=True)
        shutil.copy(source, target)
    elif source.is_dir():
        shutil.copytree(source, target, ignore=None if hidden else shutil.ignore_patterns(".*"))
    return source.exists()


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder, with their contents."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the Function's dependencies from one build to the next."""
    return tmp_path_factory.mktemp("wheels")


Rehearse = Callable[..., tuple[Rehearsal, dict[str, str]]]


@pytest.fixture
def rehearse(bake: Bake, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearse:
    """Bake a repository, and run its deployment. edit: a change of a file before that: its path, old text, new text."""

    def rehearsed(
        hosting: str,
        system: str,
        fails: str = "nothing",
        without: str | None = None,
        edit: tuple[str, str, str] | None = None,
    ) -> tuple[Rehearsal, dict[str, str]]:
        repository = bake(domain="one.example", hosting=hosting, pipelines=system, dns_provider="cloudflare")
        (repository / "policy.yaml").write_text(CONFIG.format(kind=hosting), encoding="utf-8")
        if hosting == "function":
            if not any(wheels.iterdir()):
                assert verb(repository, "build").returncode == 0
                shutil.copytree(repository / ".wheels", wheels, dirs_exist_ok=True)
                shutil.rmtree(repository / "build")
            shutil.copytree(wheels, repository / ".wheels", dirs_exist_ok=True)
        if edit:
            text = (repository / edit[0]).read_text(encoding="utf-8")
            assert text.count(edit[1]) == 1
            (repository / edit[0]).write_text(text.replace(edit[1], edit[2]), encoding="utf-8")
        monkeypatch.setattr(pipeline_files, "GENERATED", repository)
        monkeypatch.setattr(pipeline_files, "AZURE", repository / ".azuredevops")
        folder = tmp_path.resolve() / "run"
        folder.mkdir()
        run = Rehearsal(repository, folder, {key: GIVEN[key] for key in GIVEN if key != without}, fails)
        return run, run.play(repository / PLACES[system] / f"deploy-{hosting}.yml")

    return rehearsed


def names_of(ended: Mapping[str, str], result: str) -> list[str]:
    """Return the jobs that ended so."""
    return [name for name, each in ended.items() if each == result]


USUAL = ["build", "look", "hosting", "deploy", "https", "announce", "check"]  # if Azure has all host names


# All goes well


TOLD = {
    ("function", "github"): {"": "Azure/functions-action", "app-name": "x", "package": "build/function.zip"},
    ("function", "azure-devops"): {
        "": "AzureFunctionApp",
        "connectedServiceNameARM": "deploy",
        "appType": "functionAppLinux",
        "isFlexConsumption": "True",
        "appName": "x",
        "package": "{place}/build/function.zip",
    },
    ("static-web-app", "github"): {
        "": "Azure/static-web-apps-deploy",
        "action": "upload",
        "app_location": "build/static",
        "skip_app_build": "True",
        "skip_api_build": "True",
        "azure_static_web_apps_api_token": "a-deployment-token",
    },
    ("static-web-app", "azure-devops"): {
        "": "AzureStaticWebApp",
        "workingDirectory": "{place}",
        "app_location": "build",
        "skip_app_build": "True",
        "skip_api_build": "True",
        "azure_static_web_apps_api_token": "a-deployment-token",
    },
    ("front-door", "github"): {},
    ("front-door", "azure-devops"): {},
}
STATIC = {
    "static-web-app": [".well-known/mta-sts.txt", "index.html", "staticwebapp.config.json"],
    "front-door": [
        f"{host}/{name}"
        for host in ("mta-sts.one.example", "mta-sts.two.example", "policy.one.example")
        for name in (".well-known/mta-sts.txt", "index.html")
    ],
}
SERVED = {
    "static-web-app": [".well-known/mta-sts.txt"],
    "front-door": [name for name in STATIC["front-door"] if name.endswith(".txt")],
}


@bash_only
@pytest.mark.parametrize(("hosting", "system"), RUNS)
def test_what_was_built_is_deployed_then_seen_then_announced(hosting: str, system: str, rehearse: Rehearse) -> None:
    """Prove that one build is made, that Azure is given its very bytes, and that DNS comes after HTTPS.

    A policy file that is lost on its way from job to job, or a token that does not arrive, would show on Azure alone.
    """
    run, ended = rehearse(hosting, system)
    assert (names_of(ended, "success"), names_of(ended, "failure")) == (USUAL, [])
    assert run.noted() == [
        *(*BUILDING, *BEFORE[hosting, system], *DEPLOYED[hosting, system], WAITED[hosting], *ANNOUNCING)
    ]
    built, deployed = run.jobs["build"], run.jobs["deploy"]
    assert run.given == {key: text.format(place=deployed) for key, text in TOLD[hosting, system].items()}
    if hosting == "function":
        package = built / "s" / "build" / "function.zip"
        assert tree(run.taken) == {"function.zip": package.read_bytes()}
        with zipfile.ZipFile(run.taken / "function.zip") as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        sources = (name for name in content if not name.endswith(".pyc"))
        own = sorted(name for name in sources if not name.startswith(".python_packages/lib/site-packages/"))
        assert own == ["function_app.py", "host.json", "index.html", "policies.json", "requirements.txt"]
        assert ".python_packages/lib/site-packages/azure/functions/__init__.py" in content
        assert POLICY.encode("unicode_escape") in content["policies.json"]
    else:
        assert tree(run.taken) == tree(built / "s" / "build" / "static")
        assert sorted(tree(run.taken)) == STATIC[hosting]
        for name in SERVED[hosting]:
            assert (run.taken / name).read_bytes() == POLICY.encode()


@bash_only
@pytest.mark.parametrize("hosting", STATIC)
def test_a_lost_hidden_folder_would_be_seen(hosting: str, rehearse: Rehearse) -> None:
    """Prove that the rehearsal is no kinder than GitHub, whose artifacts leave hidden files out by themselves."""
    edit = (".github/actions/build/action.yml", "include-hidden-files: true", "include-hidden-files: false")
    run, _ = rehearse(hosting, "github", edit=edit)
    assert sorted(tree(run.taken)) == [name for name in STATIC[hosting] if name not in SERVED[hosting]]


# Something fails in the middle


@bash_only
@pytest.mark.parametrize(("hosting", "system"), RUNS)
def test_a_refused_deployment_is_the_last_step(hosting: str, system: str, rehearse: Rehearse) -> None:
    """Prove that the old policy stays served and its id announced: nothing else was deployed or announced."""
    run, ended = rehearse(hosting, system, fails=DEPLOYED[hosting, system][-1])
    assert run.noted() == [*BUILDING, *BEFORE[hosting, system], *DEPLOYED[hosting, system], *LOOKED[system]]
    assert (names_of(ended, "failure"), list(run.jobs)) == (["deploy"], ["build", "look", "hosting", "deploy", "azure"])


@bash_only
@pytest.mark.parametrize(("hosting", "system"), RUNS)
def test_nothing_is_announced_that_https_does_not_serve(hosting: str, system: str, rehearse: Rehearse) -> None:
    """Prove that senders are not told of a policy that they cannot fetch."""
    run, ended = rehearse(hosting, system, fails="wait policy")
    assert ANNOUNCING[1] not in run.noted()
    assert (names_of(ended, "failure"), list(run.jobs)) == (["https"], [*USUAL[:5], "azure"])


@bash_only
@pytest.mark.parametrize(("hosting", "system"), RUNS)
def test_a_refused_announcement_is_not_checked(hosting: str, system: str, rehearse: Rehearse) -> None:
    """Prove that the run is red at what failed, and that no later check hides it."""
    run, ended = rehearse(hosting, system, fails="publish announcement --doit;")
    assert run.noted()[-4:] == [ANNOUNCING[1], *LOOKED[system]]
    assert (names_of(ended, "failure"), list(run.jobs)) == (["announce"], [*USUAL[:6], "azure"])


@bash_only
@pytest.mark.parametrize(("hosting", "system"), RUNS)
def test_a_policy_that_does_not_lint_is_not_built(hosting: str, system: str, rehearse: Rehearse) -> None:
    """Prove that the genuine lint stops the run: a broken policy reaches neither Azure nor DNS."""
    run, ended = rehearse(hosting, system, edit=("policy.yaml", "mode: enforce", "mode: enforced"))
    assert run.noted() == BUILDING[:1]
    assert "MTS" in run.said
    assert (names_of(ended, "failure"), len(run.jobs), run.given) == (["build"], 1, {})


@bash_only
@pytest.mark.parametrize(("hosting", "system"), RUNS)
def test_a_missing_variable_stops_the_run_at_its_start(hosting: str, system: str, rehearse: Rehearse) -> None:
    """Prove that the first step says which one, and where to set it, before anything is built."""
    missing = names(system, hosting)[-1]
    run, ended = rehearse(hosting, system, without=missing)
    assert (run.said, run.notes.read_text()) == (SAYS[system].format(missing), "")
    assert (names_of(ended, "failure"), list(run.jobs)) == (["build"], ["build"])
