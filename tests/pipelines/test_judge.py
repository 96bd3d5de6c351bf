"""The target branch judges a pull request, on both systems: real git, and the pipelines as they are called there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from conftest import ROOT, Bake
from pipeline_files import HOSTINGS, SYSTEMS, bash_only, job_of, jobs_of, load, own_steps, pipeline
from pull_requests import PullRequest, Run
from repositories import Repository

pytestmark = [pytest.mark.slow, bash_only]  # bakes, and runs whole pipelines

WHEN = "2026-11-02T10:00"
LATER = "2026-11-03T10:00"
FORGED = "raise SystemExit(0)\n"
FORGED_ACTION = "runs: {using: composite, steps: [{run: 'true', shell: bash}]}\n"
Change = dict[str, str | bytes | None]
Open = Callable[[Change], PullRequest]

# What a pull request may edit so that nobody judges it, beside the policy that it breaks.
EDITS = {
    ".azuredevops/judge.sh": "exit 0\n",
    ".github/actions/judge/action.yml": FORGED_ACTION,
    ".github/actions/toolkit/action.yml": FORGED_ACTION,
    "mtasts/__init__.py": FORGED,
    "mtasts/__main__.py": FORGED,
    "mtasts/cli/__init__.py": FORGED,
    "mtasts/cli/verbs/lint.py": FORGED,
    "mtasts/cli/verbs/plan.py": FORGED,
    "mtasts/plan/safety.py": FORGED,
    "mtasts/config/model.py": FORGED,
    "requirements.txt": "evil==1.0\n",
    "function/local.txt": "evil==1.0\n",
    "policy.schema.json": "{}",
    "pyproject.toml": "",
    "click.py": FORGED,
    "sitecustomize.py": FORGED,
    "usercustomize.py": FORGED,
    "git": "#!/bin/sh\n",
    "python": "#!/bin/sh\n",
    "base/.github/actions/judge/action.yml": FORGED_ACTION,
    ".gitattributes": "policy.yaml export-ignore filter=x diff=x eol=crlf\n",
    ".gitmodules": '[submodule "base"]\n\tpath = base\n\turl = ../base\n',
    "HEAD": "ref: refs/heads/main\n",  # with config, objects and refs a tree that git could take for a repository
    "config": "[core]\n\tbare = true\n\tfsmonitor = touch forged\n",
}


def policy(repository: Repository) -> str:
    """Return the policy of a repository."""
    return (repository.folder / "policy.yaml").read_text(encoding="utf-8")


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    """The system that runs the pipeline."""
    return str(request.param)


@pytest.fixture
def main(bake: Bake, system: str, tmp_path: Path) -> Repository:
    """A repository for a system, with one commit on main."""
    folder = bake(pipelines=system, hosting="web-server", output=tmp_path)
    made = Repository(folder)
    made.commit({}, WHEN, "Begin")
    return made


@pytest.fixture
def opened(main: Repository, tmp_path: Path) -> Open:
    """Open a pull request that changes files."""

    def opened(change: Change) -> PullRequest:
        main.branch("topic")
        main.commit(change, LATER, "Change")
        main.switch("main")
        return PullRequest(tmp_path / "run", main, "topic")

    return opened


def ran(system: str, request: PullRequest) -> Run:
    """Run the pipeline on a system."""
    return request.on_github() if system == "github" else request.on_azure_devops(BUILD_REPOSITORY_PROVIDER="GitHub")


def broken(main: Repository) -> Change:
    """Return a policy that lint refuses by MTS110."""
    return {"policy.yaml": policy(main).replace("version: STSv1", "version: STSv2")}


@pytest.mark.parametrize("edit", EDITS)
def test_a_pull_request_cannot_edit_what_judges_it(edit: str, system: str, main: Repository, opened: Open) -> None:
    """Prove that a change of any file on the way to the judgement leaves a broken policy refused, by both checks."""
    request = opened({**broken(main), edit: EDITS[edit]})
    done = ran(system, request)
    assert (done.results["check"], done.results["plan"]) == ("failure", "failure"), done.said
    assert done.said.count("MTS110") >= 2
    locks = {Path(note.partition(": ")[0]).name: note.partition(": ")[2] for note in done.notes if "pip" not in note}
    assert locks.get("base") == "requirements.txt"
    assert list(request.folder.rglob("forged")) == []


def test_all_edits_at_once_do_not_help_either(system: str, main: Repository, opened: Open) -> None:
    """Prove the same for a pull request that changes the whole way, and opens it to a danger that only plan sees."""
    text = policy(main).replace("mode: testing", "mode: none")
    done = ran(system, opened({"policy.yaml": text, **EDITS}))
    assert done.results["check"] == "success", done.said
    assert done.results["plan"] == "failure"
    assert "MTS506" in done.said


@pytest.mark.parametrize("target", ["../../good.yaml", "{}/good.yaml", ".git/good.yaml", "good.yaml", "/dev/zero"])
def test_a_symbolic_link_is_no_policy(target: str, system: str, main: Repository, tmp_path: Path) -> None:
    """Prove that a policy elsewhere, good as it may be, is not taken for the pull request's, nor read without end."""
    shutil.copy(main.folder / "policy.yaml", tmp_path / "good.yaml")
    (main.folder / "policy.yaml").unlink()
    (main.folder / "policy.yaml").symlink_to(target.format(tmp_path))
    main.git("stash", "--quiet")
    main.branch("linked")
    main.git("stash", "pop", "--quiet")
    main.commit({}, LATER, "Link")
    main.switch("main")
    done = ran(system, PullRequest(tmp_path / "run", main, "linked"))
    assert (done.results["check"], done.results["plan"]) == ("failure", "failure"), done.said
    assert "symbolic link" in done.said


def test_a_good_change_is_green_and_tested(system: str, main: Repository, opened: Open) -> None:
    """Prove that the way is open for a good change, and that its own tests run: one of its tests fails here."""
    change: Change = {"policy.yaml": policy(main).replace("604800", "604801")}
    done = ran(system, opened(change))
    assert set(done.results.values()) == {"success"}, done.said
    assert "Safe: 1 domain changes." in done.said


def test_the_pull_requests_own_tests_are_run(system: str, opened: Open) -> None:
    """Prove that a test of the pull request that fails is red, and makes neither required check red."""
    test = "import unittest\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.fail('told')\n"
    done = ran(system, opened({"tests/test_own.py": test}))
    assert {name for name, result in done.results.items() if result != "success"} == {"test"}
    assert "AssertionError: told" in done.said


def test_a_merge_queue_is_judged_too(bake: Bake, tmp_path: Path) -> None:
    """Prove that required checks report in a merge queue, against the commit that the queue names."""
    main = Repository(bake(pipelines="github", hosting="web-server", output=tmp_path))
    main.commit({}, WHEN, "Begin")
    main.branch("topic")
    main.commit({"policy.yaml": policy(main).replace("mode: testing", "mode: none")}, LATER)
    main.switch("main")
    done = PullRequest(tmp_path / "run", main, "topic").on_github("merge_group")
    assert done.results == {"check": "success", "plan": "failure", "test": "success", "comment": "skipped"}
    assert "MTS506" in done.said


def test_a_target_branch_without_the_action_is_said(system: str, main: Repository, opened: Open) -> None:
    """Prove that the pull request's own toolkit judges then, with a warning in both checks: commit ac61a66 has none."""
    for path in (".github/actions/judge/action.yml", ".azuredevops/judge.sh"):
        (main.folder / path).unlink(missing_ok=True)
    main.commit({}, WHEN, "As before")
    restored = {
        path: (ROOT / "{{cookiecutter.domain}}" / path).read_bytes()
        for path in (".github/actions/judge/action.yml", ".azuredevops/judge.sh")
    }
    done = ran(system, opened({**restored, **broken(main)}))
    assert (done.results["check"], done.results["plan"]) == ("failure", "failure")
    assert done.said.count("so this pull request is judged by its own toolkit. Review its changes of the toolkit") == 2
    assert "MTS110" in done.said


# What the jobs may do


def test_the_pull_requests_code_runs_without_any_right() -> None:
    """Prove that the job with its tests has no token to check out with; no other job runs its files."""
    jobs = dict(jobs_of(pipeline("github", "pull-request")))
    assert jobs["test"]["permissions"] == {}
    assert not any("checkout" in step.get("uses", "") for step in jobs["test"]["steps"])
    assert not any("environment" in job for job in jobs.values())
    text = pipeline("github", "pull-request").read_text(encoding="utf-8")
    assert "secrets." not in text and "id-token" not in text and "vars." not in text
    azure = pipeline("azure-devops", "pull-request").read_text(encoding="utf-8")
    assert "azureSubscription" not in azure and "group:" not in azure and "environment:" not in azure
    assert [step for step in own_steps(job_of(pipeline("azure-devops", "pull-request"), "test")) if "env" in step] == []


def test_only_pull_requests_for_main_are_judged() -> None:
    """Prove that nobody makes a branch whose action judges what is then led to main: a commit keeps its checks."""
    triggers = load(pipeline("github", "pull-request"))[True]
    assert triggers == {"pull_request": {"branches": ["main"]}, "merge_group": {"branches": ["main"]}}
    assert load(pipeline("azure-devops", "pull-request"))["pr"] == {"branches": {"include": ["main"]}}


def test_a_fork_is_judged_and_gets_no_comment() -> None:
    """Prove that the checks stand for forks too, and that nothing is red because they may not write."""
    jobs = dict(jobs_of(pipeline("github", "pull-request")))
    assert [name for name, job in jobs.items() if "if" in job] == ["comment"]
    assert jobs["comment"]["if"] == (
        "!cancelled() && needs.plan.result != 'skipped'"
        " && github.event_name == 'pull_request'"
        " && github.event.pull_request.head.repo.full_name == github.repository"
        " && github.event.pull_request.user.login != 'dependabot[bot]'"
    )
    azure = dict(jobs_of(pipeline("azure-devops", "pull-request")))
    assert [name for name, job in azure.items() if "condition" in job] == []
    assert own_steps(azure["plan"])[-1]["condition"] == (
        "and(succeededOrFailed(), eq(variables['Build.Reason'], 'PullRequest'),"
        " ne(variables['System.PullRequest.IsFork'], 'True'))"
    )


def test_no_other_job_bears_the_names_of_the_required_checks() -> None:
    """Prove that a scheduled or a pushed run cannot turn a required check of the same commit green."""
    for kind, key in (("github", "name"), ("azure-devops", "displayName")):
        named = {}
        for path in sorted(pipeline(kind, "watch").parent.glob("*.yml")):
            named[path.stem] = [job[key] for _, job in jobs_of(path)]
        assert named.pop("pull-request")[:2] == ["Check", "Plan"]
        assert [name for names in named.values() for name in names if name in ("Check", "Plan")] == []


# What guards the rights of the pipelines in Azure DevOps, which runs the YAML of any branch


PIPELINES_WITH_RIGHTS = ["provision", *(f"deploy-{hosting}" for hosting in HOSTINGS)]
CONNECTING = ("azureSubscription", "connectedServiceNameARM", "connection", "serviceConnection")


def connections(value: Any) -> set[str]:
    """Return the service connections that are named in a pipeline."""
    if isinstance(value, list):
        return {name for item in value for name in connections(item)}
    if not isinstance(value, dict):
        return set()
    return {value[key] for key in CONNECTING if key in value}.union(*(connections(each) for each in value.values()))


@pytest.mark.parametrize("name", PIPELINES_WITH_RIGHTS)
def test_what_branch_control_guards_is_named_outright(name: str) -> None:
    """Prove that Azure DevOps sees, before a stage begins, what it needs: by a variable a branch could name another."""
    data = load(pipeline("azure-devops", name))
    named = connections(data)
    assert named <= {"deploy", "provision"}
    template = load(pipeline("azure-devops", name).parent / "steps" / "azure.yml")
    assert {each["name"]: each.get("default") for each in template["parameters"]}["connection"] == "deploy"


@pytest.mark.parametrize("name", PIPELINES_WITH_RIGHTS)
def test_a_stage_without_rights_comes_before_those_that_are_checked(name: str) -> None:
    """Prove that the first stage needs nothing that is guarded, and that each job which changes something is."""
    first, *others = load(pipeline("azure-devops", name))["stages"]
    assert first["stage"] == "build" and connections(first) == set()
    assert all("job" in job and "variables" not in job for job in first["jobs"])
    text = str(others)
    assert "'dependsOn': 'build'" in text
    for job_name, job in jobs_of(pipeline("azure-devops", name), create="true"):
        scripts = [str(step) for step in own_steps(job)]
        if any(word in script for script in scripts for word in ("publish.yml", "deploy.sh", "AzureFunctionApp")):
            environment = "provision" if job_name in ("what_if", "create", "domains", "route") else "production"
            assert (job.get("deployment"), job.get("environment")) == (job_name, environment)
        grouped = [{"group": "mta-sts-dns"}] if job_name in ("hosting", "announce") else None
        assert job.get("variables") == grouped or (grouped is None and "group" not in str(job.get("variables")))


@pytest.mark.parametrize("dns_provider", ["manual", "cloudflare"])
def test_a_variable_group_is_asked_for_only_if_there_are_secrets(bake: Bake, dns_provider: str, tmp_path: Path) -> None:
    """Prove that DNS by hand needs no group: Azure DevOps starts no run that names one which is not there."""
    folder = bake(pipelines="azure-devops", dns_provider=dns_provider, output=tmp_path)
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob(".azuredevops/deploy-*.yml"))
    assert text.count("- group: mta-sts-dns") == (0 if dns_provider == "manual" else 2)


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_the_readme_names_all_that_branch_control_must_guard(bake: Bake, hosting: str, tmp_path: Path) -> None:
    """Prove that whoever follows the README leaves nothing open that the pipelines use."""
    folder = bake(pipelines="azure-devops", hosting=hosting, dns_provider="cloudflare", output=tmp_path)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    section = readme.split("## What the checks of a pull request cannot stop")[1].split("\n## ")[0]
    guarded = section.split("*Branch control* for `refs/heads/main` to")[1].split(".\n")[0]
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob(".azuredevops/**/*.yml")]
    used = {name for text in texts for name in re.findall(r"(?:environment|group|connection): ([\w-]+)\n", text)}
    if hosting != "web-server":
        used.add("deploy")  # the default of steps/azure.yml
    assert set(re.findall("`([a-z-]+)`", guarded)) == used
    assert "never the pipeline `pull-request`" in section


# The comment


OURS = {"id": 7, "user": {"login": "github-actions[bot]"}, "body": "<!-- mta-sts-plan -->\nold"}
OTHERS = [
    {"id": 1, "user": {"login": "mallory"}, "body": "<!-- mta-sts-plan -->\nforged"},
    {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "of another workflow <!-- mta-sts-plan -->"},
    {"id": 3, "user": None, "body": "<!-- mta-sts-plan -->"},
    {"id": 4, "user": {"login": "github-actions[bot]"}, "body": None},
]
ISSUES = "repos/owner/repository/issues"
WRITTEN = f"gh api --silent --method POST {ISSUES}/12/comments --field body=@comment.md"
EDITED = f"gh api --silent --method PATCH {ISSUES}/comments/7 --field body=@comment.md"


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed; GitHub's gh brings its own")
@pytest.mark.parametrize(
    ("comments", "asked"),
    [([], WRITTEN), (OTHERS, WRITTEN), ([*OTHERS, OURS, {**OURS, "id": 8}], EDITED)],
    ids=["none", "others", "ours"],
)
def test_github_keeps_one_comment(bake: Bake, tmp_path: Path, comments: list[Any], asked: str) -> None:
    """Prove that our comment is found by author and marker, the first of two, and that an unsafe plan is shown too."""
    main = Repository(bake(pipelines="github", hosting="web-server", output=tmp_path))
    main.commit({}, WHEN, "Begin")
    main.branch("topic")
    main.commit({"policy.yaml": policy(main).replace("mode: testing", "mode: none")}, LATER)
    main.switch("main")
    request = PullRequest(tmp_path / "run", main, "topic")
    request.comments(*comments)
    done = request.on_github()
    assert (done.results["plan"], done.results["comment"]) == ("failure", "success"), done.said
    assert [note for note in done.notes if note.startswith("gh")] == [asked]
    body = (request.folder / "comments.body").read_text(encoding="utf-8")
    assert body.startswith("<!-- mta-sts-plan -->\n## ❌ MTA-STS: Not safe: 1 error.\n")
    summary = (request.folder / "summary.md").read_text(encoding="utf-8")
    assert body == f"<!-- mta-sts-plan -->\n{summary}"


def script_of_comment() -> str:
    """Return the script that writes GitHub's comment."""
    return str(own_steps(job_of(pipeline("github", "pull-request"), "comment"))[-1]["run"])


@pytest.mark.parametrize("letter", ["a", "ü", "€", "📨"])
def test_a_long_plan_fits_into_a_comment(letter: str, bake: Bake, tmp_path: Path) -> None:
    """Prove that what GitHub would refuse is cut, between letters, and that the comment's first line says so."""
    main = Repository(bake(pipelines="github", hosting="web-server", output=tmp_path))
    main.commit({}, WHEN, "Begin")
    main.branch("topic")
    main.commit({}, LATER)
    main.switch("main")
    request = PullRequest(tmp_path / "run", main, "topic")
    (request.folder / "plan.md").write_text(f"x{letter * 70_000}", encoding="utf-8")
    from pull_requests import Job

    job = Job(
        request.folder, {**request.variables, "GITHUB_REPOSITORY": "owner/repository", "NUMBER": "12", "OURS": "."}
    )
    assert job.bash(script_of_comment(), {}, "-e")
    body = (request.folder / "comments.body").read_text(encoding="utf-8")
    said = "*The end of this comment is cut off. The whole plan is in the summary of the run.*"
    assert body.startswith(f"<!-- mta-sts-plan -->\n{said}\n\nx{letter}")
    assert set(body.partition("\n\n")[2]) == {"x", letter}
    assert 14_000 < len(body) < 65_536


def test_azure_repos_gets_the_plan_by_the_target_branchs_toolkit(
    bake: Bake, tmp_path: Path, httpserver: HTTPServer
) -> None:
    """Prove that an unsafe plan is commented and shown, and that a forged toolkit never sees the token."""
    main = Repository(bake(pipelines="azure-devops", hosting="web-server", output=tmp_path))
    main.commit({}, WHEN, "Begin")
    main.branch("topic")
    main.commit(
        {"policy.yaml": policy(main).replace("mode: testing", "mode: none"), "mtasts/cli/verbs/comment.py": FORGED},
        LATER,
    )
    main.switch("main")
    threads = "/fabrikam/project/_apis/git/repositories/repository/pullRequests/22/threads"
    httpserver.expect_request(threads, "GET").respond_with_json({"value": []})
    httpserver.expect_request(threads, "POST").respond_with_json({"id": 1})
    done = PullRequest(tmp_path / "run", main, "topic").on_azure_devops(
        SYSTEM_COLLECTIONURI=httpserver.url_for("/fabrikam/"),
        SYSTEM_TEAMPROJECTID="project",
        BUILD_REPOSITORY_ID="repository",
        BUILD_REPOSITORY_PROVIDER="TfsGit",
        SYSTEM_PULLREQUEST_PULLREQUESTID="22",
    )
    assert done.results == {"check": "success", "plan": "failure", "test": "success"}, done.said
    assert "Added a comment to pull request 22." in done.said
    (sent,) = [request for request, _ in httpserver.log if request.method == "POST"]
    content = sent.get_json()["comments"][0]["content"]
    assert content.startswith("<!-- mta-sts-plan -->\n## ❌ MTA-STS: Not safe: 1 error.\n")
    assert re.search(r"##vso\[task\.uploadsummary\].*/plan\.md", done.said)
