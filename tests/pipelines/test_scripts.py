"""The scripts in the pipelines that decide something, each run by itself: variables, tokens, uploads, the watch."""

import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline_files import (
    AZURE,
    GITHUB,
    PIPELINES,
    SAYS,
    SYSTEMS,
    TARGET_NAMES,
    all_steps,
    bash_only,
    job_of,
    jobs_of,
    load,
    names,
    own_steps,
    pipeline,
    run,
    script_of,
    steps_of,
    strings,
    what,
)

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
    texts = [text for name, job in jobs_of(check.path) if name != "announce" for text in strings(all_steps(job))]
    used = {name for text in texts for name in re.findall(form, text)}
    asked = [re.sub(form, r"\1", line).split("=") for line in check.variables.splitlines()]
    assert asked == [[name, name] for name in names(system, hosting)]
    assert {name for name in used if not name.startswith(("AZURE_DNS_", "RFC2136_"))} == set(names(system, hosting))


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


TOKEN_FORMS = {
    "github": ("::add-mask::t0ken\n", "token=t0ken\n"),
    "azure-devops": ("##vso[task.setvariable variable=staticWebAppToken;issecret=true]t0ken\n", ""),
}


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_token_is_read_and_masked(system: str, tmp_path: Path) -> None:
    """Prove that the token is asked for by app and group, and printed only in the command that masks it.

    Without the group az lists the whole subscription, which this identity may not see (static-web-apps#1410).
    """
    script = script_of(system, "static-web-app")
    called = call(script, tmp_path, AZURE_STATICWEBAPP_NAME="an app", AZURE_RESOURCE_GROUP="a group")
    asked = ["staticwebapp", "secrets", "list", "--name", "an app", "--resource-group", "a group"]
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


def report(
    folder: Path, result: str, report: bytes | None, number: str = "", fails: str = "", seen: str = "success"
) -> Reported:
    """Run the script with a `gh` of our own, after a check with this result and report, where this issue is open.

    seen: the outcome of the step that tells whether DNS and the policy hosts could be seen.
    """
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    if report is not None:
        (folder / "report.md").write_bytes(report)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "GITHUB_SERVER_URL": "https://github.com"}
    environment |= {"GH_REPO": "owner/repository", "GITHUB_RUN_ID": "42", "RESULT": result}
    environment |= {"OPEN": number, "FAILS": fails, "SEEN": seen}
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
@pytest.mark.parametrize("seen", ["failure", "skipped", ""])
def test_a_run_that_saw_nothing_leaves_the_issue_open(seen: str, tmp_path: Path) -> None:
    """Prove that an issue is not closed by a runner that could reach neither DNS nor the policy host."""
    assert report(tmp_path, "success", b"**no findings**\n", number="7", seen=seen) == (0, [LIST], None)


@bash_only
@pytest.mark.parametrize("left", [None, b""], ids=["none", "empty"])
@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_a_watch_that_breaks_down_is_told_of(result: str, left: bytes | None, tmp_path: Path) -> None:
    """Prove that a check that ran out of time, or could not be installed, does not fail in silence."""
    body = b"**The watch failed before it had written a report.**" + NOTE
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
        "SEEN": "${{ needs.check.outputs.seen }}",
    }


def test_the_report_is_handed_over() -> None:
    """Prove that the report of a failed check reaches the other job, and that a missing one stops nobody."""
    *_, check, seen, summary, upload = own_steps(job_of(pipeline("github", "watch"), "check"))
    download = own_steps(job_of(pipeline("github", "watch"), "issue"))[0]
    assert check == {"run": "python -m mtasts check --format markdown --output report.md"}
    assert (seen["id"], seen["continue-on-error"]) == ("seen", True)
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
