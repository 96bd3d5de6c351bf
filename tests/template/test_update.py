"""An installation that exists: `cruft update` from the state before, and what CHANGELOG says is to be done by hand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from conftest import ROOT, give_up, verb
from pipeline_files import bash_only
from pull_requests import PullRequest, Run
from repositories import Repository, environment

pytestmark = pytest.mark.slow  # bakes, and updates with cruft

BEFORE = "ac61a66"  # November 2026: the first state that repositories were made from
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
BY_HAND = CHANGELOG.split("### By hand\n")[1].split("\n### ")[0]
ANSWERS = {
    "github": {"pipelines": "github", "dns_provider": "cloudflare"},
    "azure-devops": {"pipelines": "azure-devops", "hosting": "front-door", "dns_provider": "azure-dns"},
}


class Installation(NamedTuple):
    """A template with its history, and a repository that was made from its state before."""

    template: Path
    folder: Path

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Run a command in the repository, with nothing of the user's configuration."""
        variables = {**environment(), "HOME": str(self.template.parent)}
        done = subprocess.run(
            words,
            cwd=cwd or self.folder,
            env=variables,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cruft(self, *words: str, cwd: Path | None = None) -> str:
        """Run cruft without questions."""
        return self.run(sys.executable, "-m", "cruft", *words, cwd=cwd)

    def commit(self, message: str, cwd: Path | None = None) -> None:
        """Commit all that there is."""
        self.run("git", "add", "--all", cwd=cwd)
        self.run("git", "commit", "--quiet", "--allow-empty", f"--message={message}", cwd=cwd)


def installed(tmp_path: Path, checkout: str, **answers: str) -> Installation:
    """Make a repository from a state of the template, and commit a policy.yaml of its owner's own."""
    made = Installation(tmp_path / "template", tmp_path / "example.com")
    made.run("git", "clone", "--quiet", str(ROOT), str(made.template), cwd=tmp_path)
    if subprocess.run(["git", "cat-file", "-e", BEFORE], cwd=made.template, capture_output=True).returncode:
        give_up(f"this clone is shallow: it has no commit {BEFORE}")
    bring(made.template)
    made.commit("What is in the working tree", cwd=made.template)
    words = [f"--checkout={checkout}"] if checkout else []
    made.cruft("create", str(made.template), "--no-input", *words, "--extra-context", as_json(answers), cwd=tmp_path)
    policy = made.folder / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("604800", "86400 # mine"), encoding="utf-8")
    made.run("git", "init", "--quiet", "--initial-branch=main")
    made.commit("Mine")
    return made


def as_json(answers: dict[str, str]) -> str:
    """Return answers as cruft takes them."""
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in answers.items()) + "}"


def bring(template: Path) -> None:
    """Put the working tree over a clone, so that what is not committed yet is tested too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name]
    for path in template.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(template).parts:
            path.unlink()
    for name in names:
        if (ROOT / name).is_file():
            (template / name).parent.mkdir(parents=True, exist_ok=True)
            (template / name).write_bytes((ROOT / name).read_bytes())


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a repository by their paths, but for git's and cruft's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in (".git", ".cruft.json")
    }


UPDATED = {
    **ANSWERS,
    "the defaults": {},
    "the defaults on Azure DevOps": {"pipelines": "azure-devops"},
    "a web server and DNS by hand": {"hosting": "web-server", "dns_provider": "manual"},
    "the same on Azure DevOps": {"hosting": "web-server", "dns_provider": "manual", "pipelines": "azure-devops"},
}
# What an owner has added, changed and removed, beside policy.yaml.
ADDED = ("docs/notes.md", "mtasts/own.py", "dns/own.yaml", "infra/own.bicep", "{pipelines}/own.yml")
SCHEDULE = ('"37 5 * * *"', '"12 4 * * *"')
UNWANTED = "tests/test_policy.py"


@pytest.mark.parametrize("name", UPDATED)
def test_an_update_gives_what_a_bake_gives_and_leaves_what_the_owner_has_done(tmp_path: Path, name: str) -> None:
    """From the first state: no conflict, nothing left over but the owner's, and the repository lints."""
    answers = UPDATED[name]
    made = installed(tmp_path, BEFORE, **answers)
    pipelines = ".azuredevops" if answers.get("pipelines") == "azure-devops" else ".github/workflows"
    own = {each.format(pipelines=pipelines): b"of the owner\n" for each in ADDED}
    for each, content in own.items():
        (made.folder / each).parent.mkdir(parents=True, exist_ok=True)
        (made.folder / each).write_bytes(content)
    watch = made.folder / pipelines / "watch.yml"
    watch.write_text(watch.read_text(encoding="utf-8").replace(*SCHEDULE), encoding="utf-8")
    (made.folder / UNWANTED).unlink()
    made.commit("Mine, too")
    policy = (made.folder / "policy.yaml").read_bytes()
    made.cruft("update", "--skip-apply-ask")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    made.cruft("create", str(made.template), "--no-input", "--extra-context", as_json(answers), cwd=fresh)
    updated, wanted = tree(made.folder), tree(fresh / "example.com")
    assert updated.pop("policy.yaml") == policy != wanted.pop("policy.yaml")
    old, new = (each.encode() for each in SCHEDULE)
    changed = f"{pipelines}/watch.yml"
    expected = {**wanted, **own, changed: wanted[changed].replace(old, new)}
    del expected[UNWANTED]
    assert updated == expected
    assert new in updated[changed]
    done = verb(made.folder, "lint")
    assert done.returncode == 0, done.stdout
    made.commit("Update the template")
    assert "up to date" in made.cruft("check")


def ran(folder: Path, system: str, branch: str, run: Path) -> Run:
    """Open a pull request, run its pipeline, and merge it if *Check* and *Plan*, the required checks, pass."""
    origin = Repository(folder)
    request = PullRequest(run, origin, branch)
    done = request.on_github() if system == "github" else request.on_azure_devops(BUILD_REPOSITORY_PROVIDER="GitHub")
    if (done.results["check"], done.results["plan"]) == ("success", "success"):
        origin.git("merge", "--quiet", "--ff-only", request.merged)
    return done


OWN = "so this pull request is judged by its own toolkit."


@bash_only
@pytest.mark.parametrize("system", ANSWERS)
def test_an_update_is_merged_as_a_pull_request_and_the_next_one_is_judged_by_it(tmp_path: Path, system: str) -> None:
    """CHANGELOG: the update is judged by its own toolkit, with a warning in each check, and what follows by main's."""
    made = installed(tmp_path, BEFORE, **ANSWERS[system])
    assert not (made.folder / ".github/actions/judge").exists()
    assert not (made.folder / ".azuredevops/judge.sh").exists()
    made.run("git", "switch", "--quiet", "--create", "update")
    made.cruft("update", "--skip-apply-ask")
    made.commit("Update the template")
    made.run("git", "switch", "--quiet", "main")
    done = ran(made.folder, system, "update", tmp_path / "first")
    assert set(done.results.values()) == {"success"}, done.said
    assert done.said.count(OWN) == 2
    assert "Nothing changes for senders." in done.said

    made.run("git", "switch", "--quiet", "--create", "forged")
    policy = made.folder / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("STSv1", "STSv2"), encoding="utf-8")
    (made.folder / "mtasts" / "__main__.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    made.commit("Forge")
    made.run("git", "switch", "--quiet", "main")
    done = ran(made.folder, system, "forged", tmp_path / "second")
    assert (done.results["check"], done.results["plan"]) == ("failure", "failure")
    assert "MTS110" in done.said and OWN not in done.said

    made.run("git", "switch", "--quiet", "--create", "change")
    policy.write_text(text.replace("86400", "90000"), encoding="utf-8")
    made.commit("Change")
    made.run("git", "switch", "--quiet", "main")
    done = ran(made.folder, system, "change", tmp_path / "third")
    assert set(done.results.values()) == {"success"}, done.said
    assert "Safe: 1 domain changes." in done.said and OWN not in done.said
    assert "90000" in policy.read_text(encoding="utf-8")  # merged


def needed(folder: Path) -> set[str]:
    """Return what pipelines need of the world around them: variables, secrets, environments, names of checks."""
    found: set[str] = set()
    for path in (*folder.rglob(".github/**/*.yml"), *folder.rglob(".azuredevops/**/*.yml")):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\b(?:vars|secrets)\.([A-Z0-9_]+)", text)) | set(
            re.findall(r"\$\(([A-Z0-9_]+)\)", text)
        )
        found |= environments(yaml.safe_load(text))
        if path.name == "pull-request.yml":
            found |= set(re.findall(r"^  (?:    name|  - job): (.+)$", text, re.MULTILINE))
    return found


def environments(value: Any) -> set[str]:
    """Return the names of the environments that a pipeline runs in."""
    if isinstance(value, list):
        return {name for item in value for name in environments(item)}
    if not isinstance(value, dict):
        return set()
    named = value.get("environment")
    own = {named["name"] if isinstance(named, dict) else named} if isinstance(named, (str, dict)) else set()
    return own | {name for item in value.values() for name in environments(item)}


@pytest.mark.parametrize("system", ANSWERS)
def test_what_an_update_asks_of_people_stands_in_changelog(tmp_path: Path, system: str) -> None:
    """A variable, an environment or a check's name that is new or gone is a pipeline that stops until someone acts."""
    made = installed(tmp_path, BEFORE, **ANSWERS[system])
    before = needed(made.folder)
    made.cruft("update", "--skip-apply-ask")
    changed = before ^ needed(made.folder)
    assert {name for name in changed if f"`{name}`" not in BY_HAND} == set()
    assert len(before) > 5


def test_changelog_is_walked(tmp_path: Path) -> None:
    """What it tells people to install is there after the update, and what it says is gone is gone."""
    made = installed(tmp_path, BEFORE)
    assert (made.folder / "dns" / "requirements.txt").is_file()
    made.cruft("update", "--skip-apply-ask")
    assert "`dns/requirements.txt` is gone" in BY_HAND
    assert not (made.folder / "dns" / "requirements.txt").exists()
    for name in ("requirements.txt", "function/local.txt", "dns/azure-dns.txt"):
        assert f"`{name.replace('azure-dns', 'PROVIDER')}`" in BY_HAND or f"-r {name}`" in BY_HAND
        assert "--hash=sha256:" in (made.folder / name).read_text(encoding="utf-8")


def test_where_dependabot_and_the_template_meet_one_command_takes_the_templates_lock(tmp_path: Path) -> None:
    """The README's command, after a merged security update and a newer template changed the same lines of a lock."""
    made = installed(tmp_path, "")
    for folder, version in ((made.folder, "0.0.1"), (made.template / "{{cookiecutter.domain}}", "0.0.2")):
        lock = folder / "requirements.txt"
        text = re.sub(r"^urllib3==\S+", f"urllib3=={version}", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
        lock.write_text(text, encoding="utf-8")
    made.commit("Bump urllib3 from 1 to 2")
    made.commit("The template's own", cwd=made.template)
    made.cruft("update", "--skip-apply-ask")
    assert "<<<<<<<" in (made.folder / "requirements.txt").read_text(encoding="utf-8")
    readme = (made.folder / "README.md").read_text(encoding="utf-8").split("## Updating from the template")[1]
    (command,) = re.findall(r"^git checkout .*$", readme, re.MULTILINE)
    assert command == 'git checkout --theirs -- "*.in" "*.txt"'
    made.run("git", "checkout", "--theirs", "--", "*.in", "*.txt")
    wanted = (made.template / "{{cookiecutter.domain}}" / "requirements.txt").read_bytes()
    assert (made.folder / "requirements.txt").read_bytes() == wanted
    made.commit("Update the template")
    assert made.run("git", "status", "--porcelain") == ""
