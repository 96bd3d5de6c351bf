"""A deploy is of main's tip: the pipelines' steps, run with real git on an old commit, a superseded one and the tip.

The checkouts do what actions/checkout 7.0.1 and the agent of Azure Pipelines do (read in their source, `git-source-
provider.ts` with `ref-helper.ts`, and `GitSourceProvider.cs`): they fetch these refs, and from a real repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtasts.ci import tip
from pipeline_files import (
    ANNOUNCING,
    BEFORE,
    BUILDING,
    DEPLOYED,
    GENERATED,
    GIVEN,
    SYSTEMS,
    WAITED,
    Stage,
    bash_only,
    pipeline,
    what,
)
from repositories import Repository, environment

pytestmark = pytest.mark.slow  # runs the pipelines' steps with real git

MOVED = "main has moved on to {} since this run's commit"
OVERTAKEN = {
    "github": "::notice title=No deployment::{}\n",
    "azure-devops": "##vso[task.logissue type=warning]{}\n"
    "##vso[task.setvariable variable=current;isOutput=true]false\n",
}
REFUSED = {
    "github": "::error title=No deployment::{}\n",
    "azure-devops": "##vso[task.logissue type=error]{}\n",
}
LEFT_ALONE = f"{MOVED}. This run changes nothing: the newer commit's run deploys it."
TOO_OLD = (
    f"{MOVED}. An old commit is never deployed, because it could bring back an old policy. To deploy the current main, "
    "start a new run. To undo a change, revert it on main."
)
ELSEWHERE = "This run is not for the branch main, and only main is deployed. Merge your change first."


def origin(folder: Path) -> Repository:
    """Make the repository that is deployed: of the toolkit what the look imports, and three commits on main."""
    made = Repository(folder)
    parts = {
        "ci": ["outputs", "tip"],
        "findings": ["finding", "forms", "report"],
        "history": ["git"],
        "system": ["output"],
    }
    for file in ("__init__", *(f"{part}/{name}" for part, names in parts.items() for name in ("__init__", *names))):
        (folder / "mtasts" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(GENERATED / "mtasts" / f"{file}.py", folder / "mtasts" / f"{file}.py")
    for number in (1, 2, 3):
        made.commit({"policy.yaml": f"{number}"}, f"2026-01-0{number}")
    return made


def begun(system: str, ref: str, commit: str, by: str = "push", attempt: int = 1, job: int = 1) -> dict[str, str]:
    """Return what a system sets in the environment of a run."""
    if system == "github":
        event = {"push": "push", "hand": "workflow_dispatch"}[by]
        names = {"GITHUB_ACTIONS": "true", "GITHUB_REF": ref, "GITHUB_SHA": commit, "GITHUB_EVENT_NAME": event}
        return {**names, "GITHUB_RUN_ATTEMPT": str(attempt * job)}
    reason = {"push": "IndividualCI", "batch": "BatchedCI", "hand": "Manual", "clock": "Schedule"}[by]
    names = {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": ref, "BUILD_SOURCEVERSION": commit, "BUILD_REASON": reason}
    return {**names, "SYSTEM_STAGEATTEMPT": str(attempt), "SYSTEM_JOBATTEMPT": str(job)}


class Run(Stage):
    """A run of a deployment whose checkouts fetch from a repository.

    before: what happens before a job. looked: what each look at the tip said.
    """

    def __init__(self, folder: Path, repository: Repository, predefined: Mapping[str, str]) -> None:
        super().__init__(folder, GIVEN)
        (self.programs / "python3").unlink()
        (self.programs / "python3").symlink_to(sys.executable)
        self.repository, self.predefined = repository, dict(predefined)
        self.before: dict[str, Callable[[], object]] = {}
        self.looked: list[str] = []
        self.git("init", "--quiet")
        self.git("remote", "add", "origin", repository.folder.as_uri())

    def git(self, *words: str) -> None:
        """Run git in the folder of the job."""
        subprocess.run(["git", *words], cwd=self.work, env=environment(), check=True, capture_output=True, timeout=60)

    def job(self, name: str, job: Any) -> str:
        """Run a job, after what happens before it."""
        self.before.get(name, lambda: None)()
        return super().job(name, job)

    def step(self, step: dict[str, Any]) -> bool:
        """Run a step, and keep what a look at the tip says."""
        good = super().step(step)
        if "tip" in (step.get("id"), step.get("name")):
            self.looked.append(self.said)
        return good

    def act(self, step: dict[str, Any]) -> None:
        """Check out as the system does."""
        if what(step) == "actions/checkout":
            self.check_out_on_github(**{key.replace("-", "_"): value for key, value in step["with"].items()})
        elif what(step) == "checkout":
            self.check_out_in_azure(int(step.get("fetchDepth", "1")))

    def check_out_on_github(self, persist_credentials: bool, ref: str = "", fetch_depth: int = 1) -> None:
        """Fetch a branch, or, where none is named, the commit of the run under the name of its branch."""
        assert not persist_credentials
        branch = (ref or self.predefined["GITHUB_REF"]).removeprefix("refs/heads/")
        if fetch_depth == 0:
            self.git("fetch", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*")
        depth = [f"--depth={fetch_depth}"] if fetch_depth else []
        if fetch_depth or not ref:
            wanted = ref or self.predefined["GITHUB_SHA"]
            self.git("fetch", *depth, "origin", f"+{wanted}:refs/remotes/origin/{branch}")
        self.git("checkout", "--force", "-B", branch, f"refs/remotes/origin/{branch}")

    def check_out_in_azure(self, depth: int) -> None:
        """Fetch all branches, or, in a shallow clone, the commit of the run alone."""
        commit = self.predefined["BUILD_SOURCEVERSION"]
        if depth:
            self.git("fetch", f"--depth={depth}", "origin", f"+{commit}:refs/remotes/origin/{commit}")
        else:
            self.git("fetch", "--prune", "origin")
            self.git("fetch", "origin", commit)
        self.git("checkout", "--force", "--detach", commit)


RUNS = pytest.mark.parametrize(
    ("hosting", "system"), [(hosting, system) for hosting in ("front-door", "web-server") for system in SYSTEMS]
)
MAIN = "refs/heads/main"


def test_the_look_needs_nothing_installed(tmp_path: Path) -> None:
    """Prove that the job with the right to deploy runs it without `pip install`, and that it writes its answer."""
    made, output = origin(tmp_path / "origin"), tmp_path / "output"
    made.git("update-ref", "refs/remotes/origin/main", "HEAD")
    variables = {**environment(), **begun("github", MAIN, made.head()), "GITHUB_OUTPUT": str(output)}
    command = [sys.executable, "-S", "-m", "mtasts.ci.tip"]
    done = subprocess.run(command, cwd=made.folder, env=variables, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert output.read_text(encoding="utf-8") == "current=true\n"


@bash_only
@RUNS
@pytest.mark.parametrize(("by", "attempt"), [("push", 1), ("hand", 1), ("push", 2)], ids=["push", "by hand", "again"])
def test_the_tip_is_deployed(hosting: str, system: str, by: str, attempt: int, tmp_path: Path) -> None:
    """Prove that a push, a run by hand and one that is run again go all the way while main stands where it stood."""
    made = origin(tmp_path / "origin")
    run = Run(tmp_path, made, begun(system, MAIN, made.head(), by, attempt))
    assert "failure" not in run.play(pipeline(system, f"deploy-{hosting}")).values()
    assert run.noted() == [
        *(*BUILDING, *BEFORE[hosting, system], *DEPLOYED[hosting, system], WAITED[hosting], *ANNOUNCING)
    ]


@bash_only
@RUNS
def test_a_run_that_was_superseded_before_it_began(hosting: str, system: str, tmp_path: Path) -> None:
    """Prove that it builds and changes nothing, asks for no approval, and ends green with a notice.

    Two pushes in a row: with one run at a time, the first one's may begin when the second is on main.
    """
    made = origin(tmp_path / "origin")
    run = Run(tmp_path, made, begun(system, MAIN, made.git("rev-parse", "HEAD~1")))
    ended = run.play(pipeline(system, f"deploy-{hosting}"))
    assert (ended.pop("build"), set(ended.values()), run.noted()) == ("success", {"skipped"}, [])
    assert run.looked == [OVERTAKEN[system].format(LEFT_ALONE.format(made.head()[:10]))]


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("superseded_at", "green"),
    [
        ("hosting", ["build", "look", "hosting"]),
        ("deploy", ["build", "look", "hosting", "deploy"]),
        ("announce", ["build", "look", "hosting", "deploy", "https", "announce"]),
    ],
)
def test_a_run_that_is_superseded_on_its_way(superseded_at: str, green: list[str], system: str, tmp_path: Path) -> None:
    """Prove that the job itself looks, after its approval: no policy and no id of an old commit follows the newer."""
    made = origin(tmp_path / "origin")
    run = Run(tmp_path, made, begun(system, MAIN, made.head()))
    run.before[superseded_at] = lambda: made.commit({"policy.yaml": "4"}, "2026-01-04")
    ended = run.play(pipeline(system, "deploy-front-door"))
    assert [name for name, result in ended.items() if result == "success"] == green
    assert {result for name, result in ended.items() if name not in green} == {"skipped"}
    before, deployed = BEFORE["front-door", system], DEPLOYED["front-door", system]
    signed_in = ["azure/login"] if system == "github" else []  # in Azure DevOps with the upload itself
    assert (
        run.noted()
        == {
            "hosting": [*BUILDING, *before[:-2]],  # what it published last is left out
            "deploy": [*BUILDING, *before, *signed_in],
            "announce": [*BUILDING, *before, *deployed, WAITED["front-door"], ANNOUNCING[0]],
        }[superseded_at]
    )
    assert run.looked[-1] == OVERTAKEN[system].format(LEFT_ALONE.format(made.head()[:10]))


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("by", "attempt", "ref", "commit", "said"),
    [
        ("push", 2, MAIN, "HEAD~1", TOO_OLD),
        ("hand", 1, MAIN, "HEAD~1", TOO_OLD),
        ("hand", 2, MAIN, "HEAD~2", TOO_OLD),
        ("hand", 1, "refs/heads/topic", "HEAD", ELSEWHERE),
        ("hand", 1, "refs/heads/topic", "HEAD~1", ELSEWHERE),
        ("push", 1, "refs/tags/main", "HEAD", ELSEWHERE),
        ("push", 1, "refs/heads/refs/heads/main", "HEAD~1", ELSEWHERE),
    ],
    ids=["run again", "by hand", "by hand, again", "branch at the tip", "branch", "tag", "branch with a sly name"],
)
def test_an_old_run_is_red(
    system: str, by: str, attempt: int, ref: str, commit: str, said: str, tmp_path: Path
) -> None:
    """Prove that it changes nothing and says why: run again after a rollback, it would bring the old policy back."""
    made = origin(tmp_path / "origin")
    commit = made.git("rev-parse", commit)
    for name in ("topic", "refs/heads/main"):
        made.git("branch", name, commit)
    run = Run(tmp_path, made, begun(system, ref, commit, by, attempt))
    ended = run.play(pipeline(system, "deploy-front-door"))
    assert (ended.pop("build"), set(ended.values()), run.noted()) == ("failure", {"skipped"}, [])
    assert run.said == REFUSED[system].format(said.format(made.head()[:10]))


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("failed", "skipped"), [("deploy", 5), ("announce", 1)])
def test_the_failed_jobs_of_an_old_run_are_red(failed: str, skipped: int, system: str, tmp_path: Path) -> None:
    """Prove that "Re-run failed jobs" cannot bypass the check: the build's answer is from the first attempt."""
    made = origin(tmp_path / "origin")
    run = Run(tmp_path, made, begun(system, MAIN, made.head()))

    def again() -> None:
        made.commit({"policy.yaml": "4"}, "2026-01-04")
        run.predefined = begun(system, MAIN, made.git("rev-parse", "HEAD~1"), attempt=2)

    run.before[failed] = again
    ended = run.play(pipeline(system, "deploy-front-door"))
    assert [name for name, result in ended.items() if result == "failure"] == [failed]
    assert list(ended.values())[list(ended).index(failed) + 1 :] == [
        *["skipped"] * skipped,
        "success",
    ]  # Azure is asked
    assert ANNOUNCING[1] not in run.noted()
    assert run.looked[-1] == REFUSED[system].format(TOO_OLD.format(made.head()[:10]))


@bash_only
@pytest.mark.parametrize(("force", "options"), [("false", ""), ("true", " --force")])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_person_may_take_records_over(system: str, force: str, options: str, tmp_path: Path) -> None:
    """Prove that *force* reaches the announcement from a run by hand, as with *provision*; a push has no inputs."""
    made = origin(tmp_path / "origin")
    run = Run(tmp_path, made, begun(system, MAIN, made.head(), "hand"))
    assert "failure" not in run.play(pipeline(system, "deploy-front-door"), force=force).values()
    assert f"python -m mtasts publish announcement --doit{options} (t0ken)" in run.noted()


# The decision


OLD, TIP = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("predefined", "status", "said"),
    [
        (begun("github", MAIN, TIP), 0, ""),
        (begun("github", MAIN, TIP, attempt=3), 0, ""),
        (begun("github", MAIN, OLD), 0, OVERTAKEN["github"].format(LEFT_ALONE)),
        (begun("github", MAIN, OLD, attempt=2), 1, REFUSED["github"].format(TOO_OLD)),
        (begun("github", MAIN, OLD, "hand"), 1, REFUSED["github"].format(TOO_OLD)),
        (begun("github", "refs/heads/main2", TIP, "hand"), 1, REFUSED["github"].format(ELSEWHERE)),
        (begun("azure-devops", MAIN, OLD), 0, OVERTAKEN["azure-devops"].format(LEFT_ALONE)),
        (begun("azure-devops", MAIN, OLD, "batch"), 0, OVERTAKEN["azure-devops"].format(LEFT_ALONE)),
        (begun("azure-devops", MAIN, OLD, "batch", attempt=2), 1, REFUSED["azure-devops"].format(TOO_OLD)),
        (begun("azure-devops", MAIN, OLD, "batch", job=2), 1, REFUSED["azure-devops"].format(TOO_OLD)),
        (begun("azure-devops", MAIN, OLD, "clock"), 1, REFUSED["azure-devops"].format(TOO_OLD)),
        (begun("azure-devops", MAIN, OLD, "hand"), 1, REFUSED["azure-devops"].format(TOO_OLD)),
        (begun("azure-devops", "refs/pull/7/merge", TIP), 1, REFUSED["azure-devops"].format(ELSEWHERE)),
        ({"GITHUB_ACTIONS": "true"}, 1, REFUSED["github"].format(ELSEWHERE)),
        ({"GITHUB_ACTIONS": "true", "GITHUB_REF": MAIN}, 1, REFUSED["github"].format(TOO_OLD)),
    ],
)
def test_who_may_deploy(
    predefined: Mapping[str, str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Prove the whole table: a superseded push is green; a run that a person started never ends unnoticed."""
    monkeypatch.setattr(tip, "fetched", lambda _: TIP)
    output = tmp_path / "output"
    assert tip.main({**predefined, "GITHUB_OUTPUT": str(output)}, tmp_path) == status
    azure = "##vso[task.setvariable variable=current;isOutput=true]true\n" if "TF_BUILD" in predefined else ""
    assert capsys.readouterr().out == (said.format(TIP[:10]) or azure)
    current = "current=false\n" if said else "current=true\n"
    assert output.exists() == ("GITHUB_ACTIONS" in predefined and status == 0)
    assert not output.exists() or output.read_text(encoding="utf-8") == current


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_checkout_that_did_not_fetch_main(system: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prove that the run is red if it cannot tell, and says which line of the pipeline is missing."""
    made = origin(tmp_path / "origin")
    predefined = {**begun(system, MAIN, made.head()), "GITHUB_OUTPUT": str(tmp_path / "output")}
    assert tip.main(predefined, made.folder) == 1
    assert capsys.readouterr().out == REFUSED[system].format(
        "The checkout did not fetch main, so this job cannot tell whether the run is up to date. Give this job's "
        "checkout step ref: refs/heads/main on GitHub, or fetchDepth: 0 in Azure Pipelines."
    )
    assert not (tmp_path / "output").exists()


def test_no_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prove that the run is red if git fails, and shows git's own words on one line."""
    assert tip.main(begun("github", MAIN, OLD), tmp_path) == 1
    said = capsys.readouterr().out
    assert said.startswith("::error title=No deployment::git rev-parse failed in ")
    assert "not a git repository" in said and said.count("\n") == 1


def test_outside_of_a_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prove that it refuses to answer outside a pipeline."""
    assert tip.main({}, tmp_path) == 2
    assert capsys.readouterr().err == "Run this only in GitHub Actions or Azure Pipelines.\n"
