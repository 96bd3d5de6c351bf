"""history: what a branch had in force and since when, from real git repositories with commits at chosen dates."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import give_up, program
from mtasts.config.model import Config
from mtasts.history import git, revisions
from mtasts.history.git import GitError
from mtasts.history.repository import MESSAGE, Repository
from mtasts.history.revisions import History, corrected
from repositories import Repository as Made
from repositories import environment

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toolkit's own git has nothing of the user's configuration in these tests."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An empty repository."""
    return Made(tmp_path / "repository")


def policy(mode: str, *domains: str, max_age: int = 604800) -> str:
    """Return a policy.yaml."""
    names = "".join(f"  {domain}:\n" for domain in domains or ("example.com",))
    return (
        f"version: STSv1\nmode: {mode}\nmax_age: {max_age}\nmx: [mx.example.com]\ndomains:\n{names}"
        "tls_reporting: {rua: [mailto:tls@example.com]}\nhosting: {kind: web-server, hostname: www.example.com}\n"
    )


def told(made: Made, file: str = "policy.yaml", revision: str = "HEAD", now: datetime = NOW) -> History:
    """Return the history of a file."""
    repository = Repository.of(made.folder / file)
    return revisions.read(repository, repository.resolve(revision), now)


def modes(found: History) -> list[tuple[str, str]]:
    """Return date and mode of each revision."""
    return [(f"{each.since:%Y-%m-%d}", mode(each.config)) for each in found.revisions]


def mode(config: Config | None) -> str:
    return str(config.domains[0].policy.mode) if config else "no file"


# What was in force


def test_each_commit_that_changed_the_file_is_a_revision(made: Made) -> None:
    """Oldest first, with the whole config; other files' commits are none."""
    first = made.commit({"policy.yaml": policy("testing")}, "2026-01-01")
    made.commit({"README.md": "more"}, "2026-01-15")
    second = made.commit({"policy.yaml": policy("enforce", "example.com", "example.net")}, "2026-02-01T12:30:00")
    found = told(made)
    assert modes(found) == [("2026-01-01", "testing"), ("2026-02-01", "enforce")]
    assert [each.commit for each in found.revisions] == [first, second]
    assert found.revisions[1].since == datetime(2026, 2, 1, 12, 30, tzinfo=timezone.utc)
    last = found.revisions[1].config
    assert last
    assert [domain.name for domain in last.domains] == ["example.com", "example.net"]
    assert (found.skipped, found.misdated) == ((), ())


def test_it_ends_at_the_commit_that_is_asked_for(made: Made) -> None:
    """What comes after it is the change."""
    first = made.commit({"policy.yaml": policy("testing")}, "2026-01-01")
    made.commit({"policy.yaml": policy("enforce")}, "2026-02-01")
    assert modes(told(made, revision=first)) == [("2026-01-01", "testing")]


def test_it_begins_with_what_was_in_force_a_year_ago(made: Made) -> None:
    """No sender keeps a policy for longer (RFC 8461 §3.2). What lint refuses never was in force."""
    made.commit({"policy.yaml": policy("none")}, "2023-01-01")
    made.commit({"policy.yaml": policy("testing")}, "2024-01-01")
    refused = made.commit({"policy.yaml": policy("tasting")}, "2025-01-01")
    made.commit({"policy.yaml": policy("enforce")}, "2026-01-01")
    found = told(made)
    assert modes(found) == [("2024-01-01", "testing"), ("2026-01-01", "enforce")]
    assert [each.commit for each in found.skipped] == [refused]


def test_a_merge_counts_at_its_own_date(made: Made) -> None:
    """The branch's commits were in force nowhere, however old they are."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.branch("change")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-02")
    made.commit({"policy.yaml": policy("enforce")}, "2026-01-03")
    made.switch("main")
    made.commit({"README.md": "more"}, "2026-01-20")
    merge = made.merge("change", "2026-03-01")
    found = told(made)
    assert modes(found) == [("2026-01-01", "none"), ("2026-03-01", "enforce")]
    assert found.revisions[1].commit == merge


@pytest.mark.parametrize(
    "setting", ["log.diffMerges=combined", "log.follow=true", "log.showRoot=false", "color.ui=always"]
)
def test_a_user_s_settings_change_nothing(made: Made, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """Of those that change what git log prints."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.branch("change")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-02")
    made.switch("main")
    made.merge("change", "2026-03-01")
    key, value = setting.split("=")
    for name, content in (("COUNT", "1"), ("KEY_0", key), ("VALUE_0", value)):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", content)
    assert modes(told(made)) == [("2026-01-01", "none"), ("2026-03-01", "testing")]


def test_a_merge_of_main_into_the_branch_is_no_revision_of_main(made: Made) -> None:
    """Only first parents are on the branch."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.branch("change")
    made.commit({"README.md": "more"}, "2026-01-02")
    made.switch("main")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-10")
    made.switch("change")
    made.merge("main", "2026-01-20")
    made.switch("main")
    made.merge("change", "2026-01-30")
    assert modes(told(made)) == [("2026-01-01", "none"), ("2026-01-10", "testing")]


def test_a_squash_counts_at_its_own_date(made: Made) -> None:
    """It is a commit like any other."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.branch("change")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-02")
    made.switch("main")
    made.git("merge", "--quiet", "--squash", "change")
    made.commit({}, "2026-02-01")
    assert modes(told(made)) == [("2026-01-01", "none"), ("2026-02-01", "testing")]


@pytest.mark.parametrize(
    "new", ["mail.yaml", "mail/policy.yaml", "E-Mail für alle/Richtlinie [1]*.yaml", "a \"b\\'.yaml"]
)
def test_a_renamed_file_keeps_its_history(made: Made, new: str) -> None:
    """Also into a folder, and under names that a shell or git could take for something else."""
    if os.name == "nt" and set(new) & set('*"\\'):
        pytest.skip("Windows has no such names")
    made.commit({"policy.yaml": policy("none"), "other.yaml": policy("none", "example.net")}, "2026-01-01")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-10")
    made.rename("policy.yaml", new, "2026-01-20")
    made.commit({new: policy("enforce")}, "2026-02-01")
    expected = [("2026-01-01", "none"), ("2026-01-10", "testing"), ("2026-01-20", "testing"), ("2026-02-01", "enforce")]
    assert modes(told(made, new)) == expected


def test_a_file_renamed_away_and_back_keeps_its_history(made: Made) -> None:
    """All of it, also what it was meanwhile."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.rename("policy.yaml", "mail/policy.yaml", "2026-01-10")
    made.commit({"mail/policy.yaml": policy("testing")}, "2026-01-15")
    made.rename("mail/policy.yaml", "policy.yaml", "2026-01-20")
    dates = ["2026-01-01", "2026-01-10", "2026-01-15", "2026-01-20"]
    assert modes(told(made)) == list(zip(dates, ["none", "none", "testing", "testing"], strict=True))


def test_a_file_renamed_in_this_change_has_the_base_s_history(made: Made) -> None:
    """Whether the change is committed, or only staged."""
    base = made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    (made.folder / "mail").mkdir()
    made.git("mv", "policy.yaml", "mail/policy.yaml")
    for _ in range(2):
        assert modes(told(made, "mail/policy.yaml", base)) == [("2026-01-01", "none")]
        assert Repository.of(made.folder / "mail" / "policy.yaml").path_at(base) == "policy.yaml"
        made.commit({}, "2026-02-01")


def test_a_copy_does_not_have_the_other_file_s_history(made: Made) -> None:
    """A draft that lay there for a year was never in force, and `git log --follow` would say that it was."""
    made.commit({"draft.yaml": policy("testing")}, "2025-01-01")
    made.commit({"draft.yaml": policy("enforce")}, "2025-02-01")
    made.commit({"policy.yaml": policy("enforce")}, "2026-05-01")
    assert modes(told(made)) == [("2026-05-01", "enforce")]


def test_a_deleted_and_restored_file(made: Made) -> None:
    """While it was not there, there was nothing."""
    made.commit({"policy.yaml": policy("testing"), "README.md": ""}, "2026-01-01")
    made.commit({"policy.yaml": None}, "2026-01-10")
    assert modes(told(made)) == [("2026-01-01", "testing"), ("2026-01-10", "no file")]
    made.commit({"policy.yaml": policy("testing")}, "2026-01-20")
    assert modes(told(made)) == [("2026-01-01", "testing"), ("2026-01-10", "no file"), ("2026-01-20", "testing")]


def test_a_file_that_the_base_does_not_have(made: Made) -> None:
    """There is no history, and no path."""
    base = made.commit({"README.md": "first"}, "2026-01-01")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-10")
    assert Repository.of(made.folder / "policy.yaml").path_at(base) is None
    assert told(made, revision=base) == History((), (), ())


# What is no policy


def test_an_invalid_revision_is_skipped_and_named(made: Made) -> None:
    """The pipeline would have stopped it, so the policy before it stays in force."""
    made.commit({"policy.yaml": policy("testing")}, "2026-01-01")
    wrong = made.commit({"policy.yaml": policy("enforced")}, "2026-01-10")
    broken = made.commit({"policy.yaml": policy("'enforce")}, "2026-01-11")
    twice = made.commit({"policy.yaml": policy("testing", "example.com", "Example.com")}, "2026-01-12")
    made.commit({"policy.yaml": policy("enforce")}, "2026-01-20")
    found = told(made)
    assert modes(found) == [("2026-01-01", "testing"), ("2026-01-20", "enforce")]
    assert [(each.commit, f"{each.since:%d}") for each in found.skipped] == [
        (wrong, "10"),
        (broken, "11"),
        (twice, "12"),
    ]
    assert found.skipped[0].why.startswith("Unknown mode 'enforced'. It must be testing, enforce or none.")
    assert "The YAML cannot be read" in found.skipped[1].why
    assert found.skipped[2].why == "'Example.com' is the same domain as 'example.com' above. Remove one of the two."


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty. Write a policy into it, or restore it from git."),
        (b"mode: \xe4\n", "The file is not UTF-8 text (see byte 7). Save it as UTF-8."),
        (b"#" * (8 * 1024 * 1024 + 1), "The file is larger than 8 MiB. Give the path of a policy file."),
        (b"#" * (40 * 1024 * 1024), "The file is larger than 8 MiB. Give the path of a policy file."),
    ],
    ids=["empty", "not UTF-8", "too large", "much too large"],
)
def test_a_revision_that_is_no_text_is_skipped(made: Made, content: bytes, why: str) -> None:
    """And the ones around it are read."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.commit({"policy.yaml": content}, "2026-01-10")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-20")
    found = told(made)
    assert modes(found) == [("2026-01-01", "none"), ("2026-01-20", "testing")]
    assert [each.why for each in found.skipped] == [why]


def test_a_symbolic_link_is_skipped(made: Made) -> None:
    """What it leads to has a history of its own, which is not the file's."""
    made.commit({"policy.yaml": policy("none"), "other.yaml": policy("enforce")}, "2026-01-01")
    (made.folder / "policy.yaml").unlink()
    try:
        (made.folder / "policy.yaml").symlink_to("other.yaml")
    except OSError:
        give_up("symbolic links are not allowed here")
    link = made.commit({}, "2026-01-10")
    found = told(made)
    assert modes(found) == [("2026-01-01", "none")]
    why = "The policy file is a symbolic link or a submodule. Replace it with a file."
    assert [(each.commit, each.why) for each in found.skipped] == [(link, why)]


def test_a_folder_in_the_file_s_place_is_no_file(made: Made) -> None:
    """What lies in the folder is not the policy."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.commit({"policy.yaml": None}, "2026-01-05")
    made.commit({"policy.yaml/policy.yaml": policy("testing")}, "2026-01-10")
    made.commit({"policy.yaml/policy.yaml": None, "README.md": ""}, "2026-01-15")
    (made.folder / "policy.yaml").rmdir()
    made.commit({"policy.yaml": policy("enforce")}, "2026-01-20")
    assert modes(told(made)) == [("2026-01-01", "none"), ("2026-01-05", "no file"), ("2026-01-20", "enforce")]


def test_line_ends_are_no_difference(made: Made) -> None:
    """CRLF and LF give the same config."""
    made.commit({"policy.yaml": policy("testing")}, "2026-01-01")
    made.commit({"policy.yaml": policy("testing").replace("\n", "\r\n")}, "2026-01-10")
    first, second = told(made).revisions
    assert first.config == second.config


# Dates


@pytest.mark.parametrize(
    ("clocks", "expected", "misdated"),
    [
        (["2026-01-01", "2027-01-01", "2026-02-01"], ["2026-01-01", "2026-02-01", "2026-02-01"], [1]),
        (["2026-01-01", "2027-01-01"], ["2026-01-01", "2026-06-01"], [1]),
        (["2026-01-10", "2026-01-01", "2026-01-20"], ["2026-01-10", "2026-01-10", "2026-01-20"], [1]),
        (["2026-01-10", "2027-01-01", "2026-01-01"], ["2026-01-10", "2026-01-10", "2026-01-10"], [1, 2]),
        (["1970-01-01", "2026-01-10"], ["2026-01-10", "2026-01-10"], [0]),
        (["1970-01-01", "2999-01-01"], ["2026-06-01", "2026-06-01"], [0, 1]),
        (["2026-01-10", "1970-01-01", "2026-02-10"], ["2026-01-10", "2026-02-10", "2026-02-10"], [1]),
    ],
)
def test_a_wrong_clock_makes_no_policy_older(
    made: Made, clocks: list[str], expected: list[str], misdated: list[int]
) -> None:
    """Each commit with a date that cannot be has a later one, and is named."""
    commits = [made.commit({"policy.yaml": policy("none", f"{n}.example")}, when) for n, when in enumerate(clocks)]
    found = told(made)
    assert [f"{each.since:%Y-%m-%d}" for each in found.revisions] == expected
    assert found.misdated == tuple(commits[number] for number in misdated)


def test_a_date_beyond_all_calendars(made: Made) -> None:
    """Git takes it, and Python has no date for it."""
    made.commit({"policy.yaml": policy("none")}, "@99999999999999 +0000")
    found = told(made)
    assert modes(found) == [("2026-06-01", "none")]
    assert len(found.misdated) == 1


SECONDS = st.integers(int(NOW.timestamp()) - 1000, int(NOW.timestamp()) + 1000) | st.integers(0, 2**60)


@given(st.lists(SECONDS, max_size=8))
def test_corrected_dates_rise_and_are_never_earlier_than_what_can_be_so(clocks: list[int]) -> None:
    """For any clocks: in order, not after now, and what is possible stays or gets later."""
    dates = corrected(clocks, NOW)
    assert len(dates) == len(clocks)
    assert dates == sorted(dates)
    earliest = datetime(2018, 9, 1, tzinfo=timezone.utc)
    assert all(earliest <= date <= NOW for date in dates)
    for seconds, date in zip(clocks, dates, strict=True):
        assert date >= NOW or seconds > NOW.timestamp() or date.timestamp() >= seconds
    assert corrected([int(date.timestamp()) for date in dates], NOW) == dates


# Where the repository is


def test_a_subfolder_and_a_worktree(made: Made, tmp_path: Path) -> None:
    """The path counts from the top of the work tree."""
    made.commit({"mail/eins zwei/policy.yaml": policy("none")}, "2026-01-01")
    found = Repository.of(made.folder / "mail" / "eins zwei" / "policy.yaml")
    assert found.path == "mail/eins zwei/policy.yaml"
    made.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "work tree"))
    other = Repository.of(tmp_path / "work tree" / "mail" / "eins zwei" / "policy.yaml")
    assert found.path == other.path
    assert modes(revisions.read(other, other.resolve("other"), NOW)) == [("2026-01-01", "none")]


def test_a_relative_path(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """As people write it."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    monkeypatch.chdir(made.folder)
    assert Repository.of(Path("policy.yaml")).path == "policy.yaml"


def test_a_hook_s_environment_does_not_lead_elsewhere(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git tells its hooks by variables where their repository is."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    monkeypatch.setenv("GIT_DIR", str(Made(tmp_path / "other").folder / ".git"))
    assert modes(told(made)) == [("2026-01-01", "none")]


def test_no_repository(tmp_path: Path) -> None:
    """It says so."""
    with pytest.raises(GitError, match="is not in a git repository, but plan needs the git history"):
        Repository.of(tmp_path / "policy.yaml")


def test_no_folder(tmp_path: Path) -> None:
    """What git says is shown."""
    with pytest.raises(GitError, match="cannot change to"):
        Repository.of(tmp_path / "missing" / "policy.yaml")


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match=r"git is not installed, but it is needed to read the history. Install git"):
        Repository.of(tmp_path / "policy.yaml")


def test_no_commit(made: Made) -> None:
    """A branch that is not born yet has no history."""
    made.write({"policy.yaml": policy("none")})
    with pytest.raises(GitError, match=r"has no commits yet. Commit the policy first"):
        told(made)
    with pytest.raises(GitError, match="There is no origin/HEAD, origin/main or main"):
        Repository.of(made.folder / "policy.yaml").default_base({})


def test_a_shallow_clone_is_refused(made: Made, tmp_path: Path) -> None:
    """The message has the words for each place where clones are shallow."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-10")
    clone(made, tmp_path / "clone", "--depth=1")
    with pytest.raises(GitError) as caught:
        Repository.of(tmp_path / "clone" / "policy.yaml")
    for words in ("is shallow", "git fetch --unshallow", "fetch-depth: 0 for actions/checkout", "fetchDepth: 0"):
        assert words in str(caught.value)


def test_a_clone_without_blobs_fetches_what_it_needs(made: Made, tmp_path: Path) -> None:
    """A partial clone has the whole history, and git brings the rest."""
    made.git("config", "uploadpack.allowFilter", "true")
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-10")
    clone(made, tmp_path / "clone", "--filter=blob:none")
    repository = Repository.of(tmp_path / "clone" / "policy.yaml")
    assert modes(revisions.read(repository, repository.resolve("HEAD"), NOW)) == [
        ("2026-01-01", "none"),
        ("2026-01-10", "testing"),
    ]


def clone(made: Made, folder: Path, *words: str) -> None:
    """Clone a repository as over a network."""
    subprocess.run(
        [program("git"), "clone", "--quiet", *words, made.folder.as_uri(), str(folder)],
        check=True,
        capture_output=True,
        env=environment(),
    )


def test_a_damaged_repository(made: Made) -> None:
    """A blob is gone: it says which."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    blob = made.git("rev-parse", "HEAD:policy.yaml")
    path = made.folder / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.unlink()
    with pytest.raises(GitError, match=f"The repository lacks '{blob} missing'. Run git fsck"):
        told(made)


def test_a_git_that_hangs_and_one_that_floods(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both end in time and within bounds."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    repository = Repository.of(made.folder / "policy.yaml")
    monkeypatch.setattr(git, "BYTES", 10)
    with pytest.raises(GitError, match=r"git rev-parse .* prints more than"):
        repository.resolve("HEAD")
    if os.name == "nt":
        pytest.skip("a script cannot stand in for git.exe")
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    (tmp_path / "git").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git, "SECONDS", 0.2)
    with pytest.raises(GitError, match=r"took longer than 0.2 seconds"):
        repository.resolve("HEAD")


# Bases and revisions


def test_the_base_is_where_the_branch_left(made: Made) -> None:
    """Not what main became since."""
    left = made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.branch("change")
    change = made.commit({"policy.yaml": policy("testing")}, "2026-01-02")
    made.switch("main")
    made.commit({"policy.yaml": policy("enforce")}, "2026-01-03")
    made.switch("change")
    repository = Repository.of(made.folder / "policy.yaml")
    assert repository.merge_base("main") == left
    assert repository.merge_base("change") == change == repository.resolve("change")


def test_a_base_without_a_common_commit(made: Made) -> None:
    """Unrelated, or replaced by a force push: never guessed."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.branch("change")
    made.git("checkout", "--quiet", "--orphan", "forced")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-02")
    made.git("branch", "--force", "main", "forced")
    made.switch("change")
    with pytest.raises(GitError, match=r"'main' and HEAD have no commit in common: .* force push replaced the base"):
        Repository.of(made.folder / "policy.yaml").merge_base("main")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"GITHUB_BASE_REF": "release/1"}, "origin/release/1"),
        ({"GITHUB_BASE_REF": "", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/release/1"}, "origin/release/1"),
        ({"SYSTEM_PULLREQUEST_TARGETBRANCH": "release/1"}, "origin/release/1"),
        ({"GITHUB_BASE_REF": ""}, "origin/HEAD"),
        ({}, "origin/HEAD"),
    ],
)
def test_the_default_base(made: Made, tmp_path: Path, variables: dict[str, str], expected: str) -> None:
    """The pull request's target in CI; elsewhere the main branch, as the clone knows it."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.git("branch", "release/1")
    clone(made, tmp_path / "clone")
    repository = Repository.of(tmp_path / "clone" / "policy.yaml")
    assert repository.default_base(variables) == expected
    assert repository.merge_base(expected) == made.head()


def test_the_default_base_without_a_remote(made: Made) -> None:
    """It is the branch of one's own; what CI names has to be there."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    repository = Repository.of(made.folder / "policy.yaml")
    assert repository.default_base({}) == "main"
    with pytest.raises(GitError, match=r"'origin/main' is not a commit in this repository. Run git fetch"):
        repository.default_base({"GITHUB_BASE_REF": "main"})


def test_a_tag_with_the_name_of_the_base_is_not_the_base(made: Made, tmp_path: Path) -> None:
    """Git itself takes the tag first, and who can push tags must not choose what a change is compared with."""
    made.commit({"policy.yaml": policy("enforce")}, "2026-01-01")
    clone(made, tmp_path / "clone")
    cloned = Made(tmp_path / "clone")
    own = cloned.commit({"policy.yaml": policy("none")}, "2026-01-02")
    for tag in ("origin/main", "origin/HEAD"):
        cloned.git("tag", tag)
    repository = Repository.of(cloned.folder / "policy.yaml")
    for variables in ({"GITHUB_BASE_REF": "main"}, {}):
        assert repository.merge_base(repository.default_base(variables)) == made.head() != own


HOSTILE = [
    *("-h", "--help", "--output=stolen", "--all", "^HEAD", "HEAD..HEAD", "HEAD...main", "", " ", "main --all"),
    *(
        "HEAD:policy.yaml",
        "HEAD\n",
        "\x1b[31mHEAD",
        "a" * 10_000,
        "$(touch stolen)",
        "`touch stolen`",
        "HEAD\x00",
        "::error::x",
        "\ud800",
    ),
]


@pytest.mark.parametrize("revision", HOSTILE)
def test_a_hostile_revision_is_refused(made: Made, revision: str) -> None:
    """With a short message that has no control character, and without a file made."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    repository = Repository.of(made.folder / "policy.yaml")
    for action in (
        repository.resolve,
        repository.merge_base,
        lambda name: repository.default_base({"GITHUB_BASE_REF": name or "-"}),
    ):
        with pytest.raises(GitError) as caught:
            action(revision)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300
    assert sorted(path.name for path in made.folder.iterdir()) == [".git", "policy.yaml"]


def test_branches_with_hostile_names(made: Made) -> None:
    """Git takes them, so they name what they name."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    for name in ("$(touch-stolen)", "a;b", "<img-src=x>", "'\"`|", "ü/😀", "@x", "%s%n"):
        made.git("update-ref", f"refs/heads/{name}", "HEAD")
        assert Repository.of(made.folder / "policy.yaml").resolve(name) == made.head()


def test_a_tag_and_a_part_of_an_id_are_revisions(made: Made) -> None:
    """And a tag is the commit that it stands for."""
    first = made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    made.git("tag", "--annotate", "--message=x", "v1")
    made.commit({"policy.yaml": policy("testing")}, "2026-01-02")
    repository = Repository.of(made.folder / "policy.yaml")
    assert [repository.resolve(name) for name in ("v1", first[:10], "HEAD~1", "HEAD^")] == [first] * 4


# What git itself would not write, and what a push brings all the same

# What stands behind the committer's address, and whether it can be right: from git's t4212-log-corrupt.sh, and tried.
CLOCKS = [
    ("1767225600 +0000", True),
    ("1767225600 +9999", True),
    ("1767225600", False),
    ("-1 +0000", False),
    ("-1", False),
    ("abc +0000", False),
    ("abc", False),
    ("", False),
    ("0 +0000", False),
    ("99999999999 +0000", False),
    ("18446744073709551617 +0000", False),
    ("9" * 30 + " +0000", False),
    ("1767225600.5 +0000", False),
    ("0x6955b900 +0000", False),
    ("\u0661\u0662 +0000", False),
]


def pushed(made: Made, clock: str, tree: str, parent: str | None = None) -> str:
    """Write a commit by hand, and let main be there."""
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else [])]
    lines += ["author a <a@b> 1767225600 +0000", f"committer a <a@b> {clock}", "", "By hand"]
    done = subprocess.run(
        [program("git"), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input="\n".join(lines).encode(),
        cwd=made.folder,
        env=environment(),
        capture_output=True,
        check=True,
    )
    commit = done.stdout.decode().strip()
    made.git("update-ref", "refs/heads/main", commit)
    return commit


@pytest.mark.parametrize(("clock", "possible"), CLOCKS, ids=[clock[:20] for clock, _ in CLOCKS])
def test_a_date_of_any_form_is_a_date_or_a_finding(made: Made, clock: str, possible: bool) -> None:
    """J15: of the first commit, and of a later one. What shows no time counts as late as it can be."""
    made.commit({"policy.yaml": policy("testing")}, "2026-01-01")
    enforce = made.commit({"policy.yaml": policy("enforce")}, "2026-03-01")
    trees = [made.git("rev-parse", f"{commit}^{{tree}}") for commit in (f"{enforce}~1", enforce)]
    root = pushed(made, clock, trees[0])
    last = pushed(made, "1772323200 +0000", trees[1], root)
    found = told(made, revision=last)
    assert modes(found) == [("2026-01-01" if possible else "2026-03-01", "testing"), ("2026-03-01", "enforce")]
    assert found.misdated == (() if possible else (root,))
    later = pushed(made, clock, trees[0], last)
    assert later in told(made, revision=later).misdated
    assert len(told(made, revision=later).revisions) == 3


NUMBER = policy("testing").replace("604800", "0x" + "f" * 3600).encode()
UNREADABLE: list[tuple[bytes | None, str]] = [
    (NUMBER, "max_age is 0xfff"),
    (policy("testing").replace("604800", "0604700").encode(), "max_age is 0604700."),
    (policy("testing").replace("604800", "604:30:00").encode(), "max_age is 604:30:00."),
    (policy("testing").encode("utf-16"), "is not UTF-8 text"),
    (policy("testing").replace("\n", "\r").encode(), "the line ends in"),
    (b"\0" * 100, "control characters"),
    (b"", "is empty"),
    (b"\xff" * (9 * 1024 * 1024), "is larger than 8 MiB"),
    (None, "The policy file is a symbolic link or a submodule"),
]


@pytest.mark.parametrize(("content", "why"), UNREADABLE, ids=[why[:20] for _, why in UNREADABLE])
def test_a_revision_that_cannot_be_read_is_passed_over(made: Made, content: bytes | None, why: str) -> None:
    """J6 and J7: one such commit broke every later plan. MTS522 names it, and the history goes on behind it."""
    made.commit({"policy.yaml": policy("testing")}, "2026-01-01")
    made.write({"policy.yaml": content})
    if content is None:
        (made.folder / "policy.yaml").symlink_to("README.md")
    bad = made.commit({}, "2026-02-01")
    (made.folder / "policy.yaml").unlink()
    made.commit({"policy.yaml": policy("enforce")}, "2026-03-01")
    found = told(made)
    assert modes(found) == [("2026-01-01", "testing"), ("2026-03-01", "enforce")]
    ((commit, said),) = [(each.commit, each.why) for each in found.skipped]
    assert (commit, why in said) == (bad, True), said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize(
    "name",
    [
        b"new\nline",
        b"\n",
        b"end\n",
        b"not-utf-8-\xff\xfe",
        b"tab\t\x1b[2J",
        b" spaces ",
        b"a:b|c?*",
        b"-c",
        b"con",
        b"\\",
    ],
)
def test_a_folder_may_be_called_anything(tmp_path: Path, name: bytes) -> None:
    """J15: the repository's own, and one in it. Git gives both back in one answer."""
    folder = tmp_path / os.fsdecode(name)
    made = Made(folder / "top")
    inside = f"{os.fsdecode(name)}/policy.yaml"
    made.commit({"policy.yaml": policy("none"), inside: policy("testing")}, "2026-01-01")
    made.commit({"policy.yaml": policy("testing"), inside: policy("enforce")}, "2026-02-01")
    assert modes(told(made)) == [("2026-01-01", "none"), ("2026-02-01", "testing")]
    assert modes(told(made, inside)) == [("2026-01-01", "testing"), ("2026-02-01", "enforce")]


# Messages


def test_the_messages_of_a_change(made: Made) -> None:
    """Whole, with all their lines; and not those of the base."""
    base = made.commit({"policy.yaml": policy("none")}, "2026-01-01", "The base")
    first = made.commit({}, "2026-01-02", "Head\n\nAllow: MTS503 example.net\n")
    second = made.commit({}, "2026-01-03", "Ünï\x1b[31m\n\n::error::x")
    repository = Repository.of(made.folder / "policy.yaml")
    assert [(each.commit, each.text) for each in repository.messages(base, second)] == [
        (second, "Ünï\x1b[31m\n\n::error::x"),
        (first, "Head\n\nAllow: MTS503 example.net"),
    ]
    assert repository.messages(base, base) == ()


def test_messages_are_bounded(made: Made) -> None:
    """Of a long one the beginning, of many the newest."""
    base = made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    stream = "".join(
        f"commit refs/heads/many\ncommitter a <a@b> {1767225600 + number} +0000\ndata 4\n{number:04}\n"
        f"{f'from {base}' if not number else ''}\n"
        for number in range(1100)
    )
    (made.folder / "message").write_text("x" * 100_000, encoding="utf-8")
    subprocess.run(
        [program("git"), "fast-import", "--quiet"],
        cwd=made.folder,
        input=stream.encode(),
        check=True,
        env=environment(),
    )
    made.git("commit", "--quiet", "--allow-empty", "--file=message", when="2026-01-02")
    repository = Repository.of(made.folder / "policy.yaml")
    (long,) = repository.messages(base, made.head())
    assert long.text == "x" * MESSAGE
    many = repository.messages(base, repository.resolve("many"))
    assert (len(many), many[0].text, many[-1].text) == (1000, "1099", "0100")


def test_a_file_far_from_now(made: Made) -> None:
    """`now` may be any time with a zone."""
    made.commit({"policy.yaml": policy("none")}, "2026-01-01")
    later = NOW + timedelta(days=36500)
    assert modes(told(made, now=later.astimezone(timezone(timedelta(hours=9))))) == [("2026-01-01", "none")]
