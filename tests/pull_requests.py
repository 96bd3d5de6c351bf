"""A pull request's pipeline, run as GitHub and Azure DevOps do: real git, and the real toolkit in what they check out.

What the systems themselves do is stood in for: they start the jobs, check out, carry artifacts, and have `gh` and pip.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from conftest import program
from repositories import Repository, environment

# pip only notes which folder's lock it was given. The toolkit asks no name server of this machine's: `--live` goes.
PYTHON = f"""#!/usr/bin/env bash
if [ "$2" = pip ]; then echo "$PWD: ${{@: -1}}" >> "$NOTES"; exit; fi
words=()
for word in "$@"; do [ "$word" = --live ] || words+=("$word"); done
exec {sys.executable} "${{words[@]}}"
"""
# Comments are the list in COMMENTS, a JSON file. What is sent is noted.
GH = """#!/usr/bin/env bash
case "$*" in
  *--paginate*--jq*) jq --raw-output "${@: -1}" "$COMMENTS" ;;
  *) echo "gh $*" >> "$NOTES"; cp comment.md "$COMMENTS.body" ;;
esac
"""


@dataclass
class Run:
    """What came of a run: how each job ended, all that was said, and what pip and gh were asked for."""

    results: dict[str, str]
    said: str
    notes: list[str]


@dataclass
class Job:
    """A job that runs: where, with which variables, and what its steps left."""

    work: Path
    variables: dict[str, str]
    good: bool = True
    said: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)

    def bash(self, script: str, given: Mapping[str, str], options: str) -> bool:
        """Run a script; take over the variables that it sets in Azure Pipelines."""
        words = [program("bash"), "--noprofile", "--norc", *options.split(), "-c", script]
        done = subprocess.run(
            words, cwd=self.work, env={**self.variables, **given}, capture_output=True, encoding="utf-8", timeout=120
        )
        for name, value in re.findall(r"^##vso\[task\.setvariable variable=(\w+)\](.*)$", done.stdout, re.MULTILINE):
            self.variables[name.upper()] = value
        self.said += done.stdout + done.stderr
        return done.returncode == 0


class PullRequest:
    """A pull request for main: a clone's branch, merged with main as the systems do before they run anything."""

    def __init__(self, folder: Path, origin: Repository, branch: str) -> None:
        self.folder, self.origin = folder, origin
        folder.mkdir()
        origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
        self.base = origin.git("rev-parse", "main")
        origin.git("switch", "--quiet", "--detach", "main")
        origin.git("merge", "--quiet", "--no-ff", "--message=Merge", branch)
        self.merged = origin.head()
        origin.git("switch", "--quiet", "main")
        self.variables = self._programs()

    def _programs(self) -> dict[str, str]:
        programs = self.folder / "programs"
        programs.mkdir()
        for name, text in (("python", PYTHON), ("gh", GH)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (self.folder / "notes").touch()
        (self.folder / "comments").write_text("[]")
        own = {name: value for name, value in environment().items() if name not in ("GITHUB_ACTIONS", "TF_BUILD")}
        paths = {name.upper(): str(self.folder / name) for name in ("notes", "comments")}
        return {**own, **paths, "PATH": f"{programs}{os.pathsep}{own['PATH']}"}

    def _clone(self, path: Path, commit: str, history: bool) -> None:
        path.mkdir(parents=True)
        depth = [] if history else ["--depth=1"]
        heads = ["+refs/heads/*:refs/remotes/origin/*"] if history else []
        for words in (
            ["init", "--quiet"],
            ["remote", "add", "origin", f"file://{self.origin.folder}"],
            ["fetch", "--quiet", *depth, "origin", commit, *heads],
            ["checkout", "--quiet", "--detach", commit],
        ):
            subprocess.run([program("git"), *words], cwd=path, env=environment(), check=True, capture_output=True)

    def _file(self, path: str) -> Any:
        """Return a YAML file of the pull request, as the system reads it before it checks anything out."""
        return yaml.safe_load(self.origin.git("show", f"{self.merged}:{path}"))

    def _ended(self, jobs: Mapping[str, Job | None]) -> Run:
        results = {name: ("success" if job.good else "failure") if job else "skipped" for name, job in jobs.items()}
        said = "".join(job.said for job in jobs.values() if job)
        return Run(results, said, (self.folder / "notes").read_text().splitlines())

    # GitHub

    def on_github(self, event: str = "pull_request") -> Run:
        """Run the workflow for a pull request, or for the same change in a merge queue."""
        self.event = event
        jobs: dict[str, Job | None] = {}
        for name, job in self._file(".github/workflows/pull-request.yml")["jobs"].items():
            need = jobs.get(job.get("needs"))
            reports = "!cancelled()" in job.get("if", "") and (event == "pull_request")
            waits = ("needs" in job and not (need and (need.good or reports))) or ("if" in job and not reports)
            jobs[name] = None if waits else self._github_job(name, job)
        return self._ended(jobs)

    def _github_job(self, name: str, job: Any) -> Job:
        work, temporary = self.folder / name, self.folder / f"{name}.temporary"
        work.mkdir()
        temporary.mkdir()
        given = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_BASE_REF": "main" if self.event == "pull_request" else "",
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_WORKSPACE": str(work),
            "RUNNER_TEMP": str(temporary),
        }
        running = Job(work, {**self.variables, **given})
        for step in job["steps"]:
            self._github_step(running, step, {})
        return running

    def _github_step(self, job: Job, step: Any, inputs: Mapping[str, str]) -> None:
        wanted, asks = self._holds(job, step.get("if", ""))
        if not wanted or not (job.good or asks):
            job.outcomes[step.get("id", "")] = "skipped"
            return
        good = self._github_act(job, step, inputs)
        job.outcomes[step.get("id", "")] = "success" if good else "failure"
        job.good = job.good and (good or step.get("continue-on-error") is True)

    def _holds(self, job: Job, condition: str) -> tuple[bool, bool]:
        """Tell whether a step's condition holds, and whether it asks for the step after a failure too."""
        asked = re.search(r"hashFiles\('(.*?)'\) != ''", condition)
        if asked:
            return (job.work / asked[1]).is_file(), "cancelled()" in condition
        if "steps.base.outcome" in condition:
            assert condition == "${{ steps.base.outcome == 'skipped' }}"
            return job.outcomes["base"] == "skipped", False
        assert condition in ("", "${{ !cancelled() }}")
        return True, condition != ""

    def _github_act(self, job: Job, step: Any, inputs: Mapping[str, str]) -> bool:
        fill = self._filler(job, inputs)
        given = {name: fill(str(value)) for name, value in step.get("with", {}).items()}
        if "run" in step:
            options = "-eo pipefail" if "shell" in step else "-e"
            return job.bash(
                fill(step["run"]), {name: fill(text) for name, text in step.get("env", {}).items()}, options
            )
        if step["uses"].startswith("./"):
            return self._own_action(job, step["uses"], given)
        carried = self.folder / "artifacts" / given.get("name", "")
        kind = step["uses"].partition("@")[0]
        if kind == "actions/checkout":
            commit = given.get("ref", self.merged)
            self._clone(job.work / given.get("path", ""), commit, given.get("fetch-depth") == "0")
        elif kind == "actions/upload-artifact" and Path(given["path"]).is_file():
            carried.mkdir(parents=True, exist_ok=True)
            shutil.copy(given["path"], carried)
        elif kind == "actions/download-artifact":
            if not carried.is_dir():
                return False
            shutil.copytree(carried, job.work, dirs_exist_ok=True)
        return True

    def _own_action(self, job: Job, path: str, given: Mapping[str, str]) -> bool:
        """Run an action of the tree that is named. One that is not there, or does not parse, ends the job."""
        folder = job.work / path
        try:
            action = yaml.safe_load((folder / "action.yml").read_text(encoding="utf-8"))
            steps, named = action["runs"]["steps"], action.get("inputs", {})
        except (OSError, LookupError, TypeError, yaml.YAMLError) as error:
            job.said += f"{path}: {error}\n"
            return False
        inputs = {name: given.get(name, str(each.get("default", ""))) for name, each in named.items()}
        inner = Job(job.work, {**job.variables, "GITHUB_ACTION_PATH": str(folder)})
        for step in steps:
            self._github_step(inner, step, inputs)
        job.said += inner.said
        return inner.good

    def _filler(self, job: Job, inputs: Mapping[str, str]) -> Any:
        queued = self.base if self.event == "merge_group" else ""
        known = {
            "github.event.pull_request.base.sha || github.event.merge_group.base_sha": self.base,
            "github.event.merge_group.base_sha": queued,
            "github.event.pull_request.number": "12",
            "github.token": "t0ken",
            "runner.temp": job.variables["RUNNER_TEMP"],
            **{f"inputs.{name}": value for name, value in inputs.items()},
        }
        return lambda text: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], text)

    def comments(self, *comments: Any) -> None:
        """Say which comments the pull request has on GitHub."""
        (self.folder / "comments").write_text(json.dumps(comments))

    # Azure DevOps

    def on_azure_devops(self, **variables: str) -> Run:
        """Run the pipeline as a build validation of main does."""
        jobs: dict[str, Job | None] = {}
        for job in self._file(".azuredevops/pull-request.yml")["jobs"]:
            jobs[job["job"]] = self._azure_job(job, variables)
        return self._ended(jobs)

    def _azure_job(self, job: Any, variables: Mapping[str, str]) -> Job:
        work, temporary = self.folder / job["job"], self.folder / f"{job['job']}.temporary"
        temporary.mkdir()
        self._clone(work, self.merged, history=True)
        given = {
            "AGENT_TEMPDIRECTORY": str(temporary),
            "BUILD_REASON": "PullRequest",
            "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
            "TF_BUILD": "True",
        }
        running = Job(work, {**self.variables, **given, **variables})
        for step in job["steps"]:
            for each in self._azure_steps(step):
                self._azure_step(running, each)
        return running

    def _azure_steps(self, step: Any) -> Any:
        """Return the steps that a template stands for. It is the pull request's own, as Azure DevOps has it."""
        if "template" not in step:
            return [step]
        template = self._file(f".azuredevops/{step['template']}")
        values = {each["name"]: each.get("default") for each in template.get("parameters", [])}
        text = json.dumps(template["steps"])
        for name, value in {**values, **step.get("parameters", {})}.items():
            text = text.replace(f"${{{{ parameters.{name} }}}}", str(value))
        return json.loads(text)

    def _azure_step(self, job: Job, step: Any) -> None:
        if "bash" not in step or not (job.good or "succeededOrFailed()" in step.get("condition", "")):
            return
        given = {name: text.replace("$(System.AccessToken)", "t0ken") for name, text in step.get("env", {}).items()}
        job.good = job.bash(step["bash"], given, "") and job.good
