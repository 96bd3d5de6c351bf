"""The command line in a baked repository: what people type, what they read, and the exit code."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT, TEMPLATE, Bake, verb
from mtasts.cli.catalogue import CATALOGUE, catalogue_table
from mtasts.plan.tasks import chapter
from repositories import Repository, environment

pytestmark = pytest.mark.slow  # bakes repositories, and starts a process for each verb

POLICY = b"version: STSv1\r\nmode: testing\r\nmx: *.mail.protection.outlook.com\r\nmax_age: 604800\r\n"
TWO = """version: STSv1
mode: testing
max_age: 604800
mx: [mx1.example.com]
domains:
  example.com:
  example.net: {mode: enforce}
tls_reporting: {rua: [mailto:tls@example.com]}
hosting: {kind: function, hostname: mtasts.azurewebsites.net}
"""


@pytest.fixture
def repository(bake: Bake) -> Path:
    """A repository with the default answers."""
    return bake()


def test_lint_of_a_new_repository_is_clean(repository: Path) -> None:
    """The first thing a newcomer runs."""
    done = verb(repository, "lint")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"no findings{os.linesep}".encode(), b"")


def test_lint_fails_on_errors_and_not_on_warnings(repository: Path) -> None:
    """Exit code 1 is for errors alone."""
    policy = repository / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("604800", "60"), encoding="utf-8")
    warned = verb(repository, "lint")
    assert warned.returncode == 0
    assert (
        b"policy.yaml:5:1: warning MTS113: max_age is 60 seconds, too short for testing: 86400 is the minimum."
        in warned.stdout
    )
    policy.write_text(text.replace("604800", "0"), encoding="utf-8")
    failed = verb(repository, "lint")
    assert failed.returncode == 1
    assert b"policy.yaml:5:1: error MTS112: max_age is 0" in failed.stdout


def test_lint_speaks_to_the_ci_it_runs_in(repository: Path) -> None:
    """Pipelines need no option."""
    (repository / "policy.yaml").write_text("mode: enforce\n", encoding="utf-8")
    assert (
        b"::error file=policy.yaml,line=1,col=1,title=MTS110::"
        in verb(repository, "lint", env={"GITHUB_ACTIONS": "true"}).stdout
    )
    assert (
        b"##vso[task.logissue type=error;sourcepath=policy.yaml;"
        in verb(repository, "lint", env={"TF_BUILD": "True"}).stdout
    )
    assert json.loads(verb(repository, "lint", "--format", "json").stdout)["findings"]


def test_lint_judges_a_served_policy(repository: Path) -> None:
    """By the same rules."""
    (repository / "mta-sts.txt").write_bytes(POLICY.replace(b"*.mail", b"*.mail.*"))
    done = verb(repository, "lint", "mta-sts.txt")
    assert done.returncode == 1
    assert b"mta-sts.txt:3:5: error MTS125:" in done.stdout


def test_render_prints_the_bytes_that_are_served(repository: Path) -> None:
    """CRLF, on every platform."""
    assert verb(repository, "render").stdout == POLICY
    assert verb(repository, "render", "Example.COM.").stdout == POLICY
    unknown = verb(repository, "render", "example.con")
    assert unknown.returncode == 2
    assert b"Did you mean example.com?" in unknown.stderr


def test_render_of_many_names_each(repository: Path) -> None:
    """Each policy under its address."""
    (repository / "policy.yaml").write_text(TWO, encoding="utf-8")
    lines = verb(repository, "render").stdout.decode().splitlines()
    assert lines[0] == "https://mta-sts.example.com/.well-known/mta-sts.txt"
    assert lines[6] == "https://mta-sts.example.net/.well-known/mta-sts.txt"
    assert lines[8] == "mode: enforce"


def test_records_in_three_forms(repository: Path) -> None:
    """Name, type, TTL, value. The id is the policy's SHA-256, computed here with sha256sum."""
    identity = "f946149ece0e06e09301c151215474f6"
    table = verb(repository, "records").stdout.decode().splitlines()
    assert [line.split(None, 4) for line in table] == [
        ["NAME", "HOST", "TYPE", "TTL", "VALUE"],
        ["mta-sts.example.com.", "mta-sts", "CNAME", "3600", "mtasts-example-com.azurewebsites.net."],
        ["_mta-sts.example.com.", "_mta-sts", "TXT", "3600", f"v=STSv1; id={identity};"],
        ["_smtp._tls.example.com.", "_smtp._tls", "TXT", "3600", "v=TLSRPTv1; rua=mailto:tls-reports@example.com;"],
    ]
    zone = verb(repository, "records", "--format", "zone").stdout.decode().splitlines()
    assert zone[1] == f'_mta-sts.example.com. 3600 IN TXT "v=STSv1; id={identity};"'
    made = json.loads(verb(repository, "records", "--format", "json").stdout)
    assert made["records"][0] == {
        "zone": "example.com",
        "host": "mta-sts",
        "name": "mta-sts.example.com.",
        "type": "CNAME",
        "ttl": 3600,
        "value": "mtasts-example-com.azurewebsites.net.",
    }


@pytest.mark.parametrize("words", [["render"], ["records"], ["build"], ["serve"]])
def test_no_verb_goes_on_with_a_broken_policy(repository: Path, words: list[str]) -> None:
    """The findings are shown, and the exit code is 1."""
    (repository / "policy.yaml").write_text("version: STSv1\nmode: on\n", encoding="utf-8")
    done = verb(repository, *words)
    assert done.returncode == 1
    assert b"error MTS111: mode is on, which YAML reads as true." in done.stdout
    assert not (repository / "build").exists()


@pytest.mark.parametrize(
    "words", [["lin"], ["lint", "--fromat", "json"], ["explain", "MTS999"], ["serve", "--port", "x"]]
)
def test_wrong_use_is_exit_code_2(repository: Path, words: list[str]) -> None:
    """Told apart from findings."""
    done = verb(repository, *words)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_explain_prints_the_rule_with_its_section(repository: Path) -> None:
    """What, why, what to do, and the RFC."""
    done = verb(repository, "explain", "mts125").stdout.decode()
    assert done.startswith("MTS125: A wildcard is not the whole first label")
    assert "RFC 8461 §4.1" in done
    assert "`*.example.com` is the only form" in done


def test_the_table_of_rules_in_the_readme_is_the_catalogue(repository: Path) -> None:
    """One source for output, docs and README."""
    assert catalogue_table() in (repository / "README.md").read_text(encoding="utf-8")
    assert verb(repository, "explain").stdout.decode().replace("\r\n", "\n").startswith(f"{catalogue_table()}\n")


def test_the_chapter_of_tasks_in_the_readme_is_the_one_of_the_table(repository: Path) -> None:
    """Nothing before, between or after them that the table lacks."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert f"\nprints them too.\n\n{chapter()}\n\n## " in readme


@pytest.mark.parametrize("name", ["enforce", "mx-move", "rollback", "retire", "hosting"])
def test_the_tasks_in_the_readme_are_those_that_explain_prints(repository: Path, name: str) -> None:
    """Step by step, in the same words, and each is listed."""
    said = verb(repository, "explain", name).stdout.decode().replace("\r\n", "\n")
    assert said.startswith("### ") and "\n\n1. " in said and "\n3. " in said
    assert said in (repository / "README.md").read_text(encoding="utf-8")
    assert f"- {name}: " in verb(repository, "explain").stdout.decode()
    assert name in verb(repository, "explain", "--help").stdout.decode()


def test_a_slip_in_the_name_of_a_way_is_seen(repository: Path) -> None:
    """The nearest one is named."""
    assert b"Did you mean retire?" in verb(repository, "explain", "Retired").stderr


def test_every_rule_says_all_that_a_reader_needs() -> None:
    """A title, a section, an explanation of more than a sentence."""
    for rule in CATALOGUE.values():
        assert rule.title[0].isupper() or rule.title.split()[0].islower()
        assert not rule.title.endswith(".")
        assert len(rule.explanation) > 80
        assert rule.section


def test_a_missing_dependency_is_named(repository: Path) -> None:
    """No traceback for someone who has not installed anything yet."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import sys; sys.path[:0] = ['.']; import runpy; runpy.run_module('mtasts', run_name='__main__')",
    ]
    done = subprocess.run(command, cwd=repository, capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert done.stderr == "click is not installed. Run: python -m pip install -r requirements.txt\n"


def test_explain_needs_no_octodns(repository: Path) -> None:
    """The README's first commands install the toolkit without it: it was asked for even to list the rules."""
    start = "import runpy, sys; sys.modules['octodns'] = None; sys.path[:0] = ['.']"
    command = [sys.executable, "-c", f"{start}; runpy.run_module('mtasts', run_name='__main__')", "explain", "MTS231"]
    done = subprocess.run(command, cwd=repository, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "MTS231: " in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /dev/full")
def test_a_full_disk_is_one_line(repository: Path) -> None:
    """When the output itself cannot be written."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mtasts", "records"],
            cwd=repository,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr


def test_the_functions_package_holds_what_the_host_needs(repository: Path) -> None:
    """The zip: the app at its root, its dependencies where the host looks for them, nothing of this machine."""
    assert verb(repository, "build").returncode == 0
    with zipfile.ZipFile(repository / "build" / "function.zip") as package:
        names = set(package.namelist())
        assert package.read("function_app.py") == (TEMPLATE / "function" / "function_app.py").read_bytes()
    packages = ".python_packages/lib/site-packages/"
    own = {name for name in names if not name.startswith(packages) and not name.endswith(".pyc")}
    assert own == {"function_app.py", "host.json", "requirements.txt", "policies.json", "index.html"}
    for needed in (
        "azure/functions/__init__.py",
        "werkzeug/__init__.py",
        "markupsafe/_speedups.cpython-313-x86_64-linux-gnu.so",
    ):
        assert packages + needed in names


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["azure-functions", "werkzeug", "markupsafe"])
def test_a_build_proves_that_azure_finds_the_function(repository: Path, missing: str, runtime_python: Path) -> None:
    """Azure swallows a failing import as "0 functions found", and answers 404 to everything."""
    assert verb(repository, "build", python=runtime_python).returncode == 0
    before = (repository / "build" / "function.zip").read_bytes()
    lock = repository / "function" / "requirements.txt"
    text = re.sub(rf"^{missing}==(.*\n +)*.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert f"{missing}==" not in text
    lock.write_text(text, encoding="utf-8")
    done = verb(repository, "build", python=runtime_python)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "The build failed. build/ was not changed. function_app.py cannot be imported" in said
    assert f"No module named '{missing.split('-')[0]}'" in said
    assert "add it to function/requirements.in" in said
    assert (repository / "build" / "function.zip").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("import requests\n", "No module named 'requests'"),
        ("raise SystemExit('over')\n", "over"),
        ("def f(:\n", "SyntaxError"),
        ("app = func.FunctionApp()\n", "function_app.app has no function"),
        ("raise SystemExit(0)\n", "the import ends the process"),
        ("import os; os._exit(0)\n", "the import ends the process"),
    ],
)
def test_a_function_that_azure_would_not_find_is_not_built(
    repository: Path, runtime_python: Path, change: str, said: str
) -> None:
    """Whatever keeps function_app.py from being imported, or leaves it without a function."""
    path = repository / "function" / "function_app.py"
    path.write_text(path.read_text(encoding="utf-8") + change, encoding="utf-8")
    done = verb(repository, "build", python=runtime_python)
    assert (done.returncode, said in done.stderr.decode()) == (1, True)
    assert not (repository / "build").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "replacement", "said"),
    [
        (r"^werkzeug==\S+", "werkzeug==3.1.0", "DO NOT MATCH THE HASHES"),
        (r"^werkzeug==", "werkzeug>=", "must have their versions pinned with =="),
        (r" \\\n +--hash=\S+", "", "Hashes are required"),
        (r"^(werkzeug==\S+)(?: \\\n +--hash=\S+)+", r"\1", "Hashes are required"),
        (r"--hash=sha256:....", "--hash=sha256:0000", "DO NOT MATCH THE HASHES"),
        (r"(?s).+", "", "pins no package"),
    ],
    ids=["another version", "a range", "no hashes", "one without a hash", "other hashes", "empty"],
)
def test_a_lock_that_is_not_whole_builds_nothing(repository: Path, pattern: str, replacement: str, said: str) -> None:
    """Neither does it after an earlier build, whose wheels are still there: they are not what the lock names now."""
    assert verb(repository, "build").returncode == 0
    lock = repository / "function" / "requirements.txt"
    text = lock.read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    assert changed != text
    lock.write_text(changed, encoding="utf-8")
    done = verb(repository, "build")
    assert (done.returncode, said in done.stderr.decode()) == (1, True), done.stderr


@pytest.mark.slow
def test_other_wheels_do_no_harm(repository: Path) -> None:
    """One that was changed is fetched again, and one that the lock does not name stays out."""
    assert verb(repository, "build").returncode == 0
    before = (repository / "build" / "function.zip").read_bytes()
    (werkzeug,) = (repository / ".wheels").glob("werkzeug-*.whl")
    werkzeug.write_bytes(werkzeug.read_bytes() + b"changed")
    werkzeug.with_name("other-1.0-py3-none-any.whl").write_bytes(b"other")
    assert verb(repository, "build").returncode == 0
    assert (repository / "build" / "function.zip").read_bytes() == before


def test_the_static_files_hold_the_well_known_folder(bake: Bake) -> None:
    """One set for a Static Web App, and a folder per domain for a web server."""
    one = bake(hosting="static-web-app")
    assert verb(one, "build").returncode == 0
    assert (one / "build" / "static" / ".well-known" / "mta-sts.txt").read_bytes() == POLICY
    assert (one / "build" / "static" / "staticwebapp.config.json").exists()
    assert not (one / "build" / "function").exists()
    many = bake(hosting="web-server", domain="example.net")
    assert verb(many, "build").returncode == 0
    assert (many / "build" / "static" / "example.net" / ".well-known" / "mta-sts.txt").read_bytes() == POLICY


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(bake: Bake, tmp_path: Path) -> None:
    """From another folder, at another time, with Windows line ends in the checkout."""
    zips = []
    for name, ends in (("a", b"\n"), ("b", b"\r\n")):
        folder = bake(output=tmp_path / name)
        for path in (folder / "function").iterdir():
            path.write_bytes(path.read_bytes().replace(b"\n", ends))
            os.utime(path, (1_000_000_000, 1_000_000_000))
        assert verb(folder, "build").returncode == 0
        zips.append((folder / "build" / "function.zip").read_bytes())
        shutil.rmtree(folder)
    assert zips[0] == zips[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root and tmpfs")
def test_a_disk_that_runs_full_leaves_the_earlier_build(repository: Path) -> None:
    """The new build does not fit; the old one stays whole."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", repository], check=True)
    try:
        shutil.copytree(TEMPLATE, repository, dirs_exist_ok=True)
        (repository / "policy.yaml").write_text(TWO, encoding="utf-8")
        assert verb(repository, "build", "--no-packages").returncode == 0
        before = (repository / "build" / "function.zip").read_bytes()
        full = verb(repository, "build")
        assert full.returncode == 1
        assert b"The build failed. build/ was not changed." in full.stderr
        assert (repository / "build" / "function.zip").read_bytes() == before
        assert not list(repository.glob(".build-*"))
    finally:
        subprocess.run(["umount", "-l", repository], check=True)


def test_an_interrupted_build_leaves_the_earlier_build(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C in the middle of writing."""
    from mtasts.hosting import build

    static = {"static/example.com/.well-known/mta-sts.txt": POLICY}
    build.write(repository, {"function/host.json": b"{}", **static}, lambda _: None)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("write_files", "_replace"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(build, step, interrupted)
            build.write(repository, {"function/host.json": b"changed", **static}, lambda _: None)
        assert (repository / "build" / "function" / "host.json").read_bytes() == b"{}"
        assert not list(repository.glob(".build-*"))


@pytest.mark.slow
def test_without_a_network_the_build_says_so(repository: Path) -> None:
    """The first build downloads the Function's dependencies; the message says what to do without."""
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = verb(repository, "build", env=nowhere)
    assert done.returncode == 1
    assert b"could not be downloaded" in done.stderr
    assert b"--no-packages" in done.stderr
    assert verb(repository, "build", "--no-packages", env=nowhere).returncode == 0


def test_the_template_holds_no_jinja_in_code() -> None:
    """What security teams read is what runs."""
    rendered = {"policy.yaml", "README.md", "pyproject.toml", "dns/provider.yaml"}
    for path in TEMPLATE.rglob("*"):
        if path.is_file() and path.relative_to(TEMPLATE).as_posix() not in rendered and "__pycache__" not in path.parts:
            assert "cookiecutter" not in path.read_text(encoding="utf-8"), path.relative_to(ROOT)


@pytest.fixture
def other(bake: Bake, tmp_path: Path) -> Repository:
    """A second repository, whose own toolkit, schema and modules would let everything through, and print nothing."""
    folder = bake(domain="example.net", output=tmp_path / "other")
    shutil.rmtree(folder / "mtasts")
    for module in ("mtasts", "click", "yaml", "jsonschema", "difflib", "pip", "zipfile"):
        (folder / f"{module}.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    (folder / "policy.schema.json").write_text("{}\n", encoding="utf-8")
    made = Repository(folder)
    made.commit({}, "2026-01-01")
    return made


def test_one_toolkit_judges_another_tree(repository: Path, other: Repository) -> None:
    """As git has it: -C names the tree. Its policy is judged by the toolkit that runs, with that one's schema."""
    policy = other.folder / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("604800", "86400"), encoding="utf-8")
    assert verb(repository, "-C", str(other.folder), "lint").stdout.split() == [b"no", b"findings"]
    rendered = verb(repository, "-C", str(other.folder), "render", "example.net")
    assert rendered.stdout == POLICY.replace(b"604800", b"86400")
    policy.write_text(f"{text}misspelt: 1\n", encoding="utf-8")
    refused = verb(repository, "-C", str(other.folder), "lint")
    assert (refused.returncode, b"error MTS104: Unknown key 'misspelt'." in refused.stdout) == (1, True)


def test_a_plan_of_another_tree_is_of_its_history(repository: Path, other: Repository) -> None:
    """With the exit codes of a plan, and paths relative to that tree."""
    other.rename("policy.yaml", "below/policy.yaml", "2026-01-02")
    policy = other.folder / "below" / "policy.yaml"
    words = ("plan", "--base", "main", "--exit-code", "--file", "below/policy.yaml", "--output", "below/plan.md")
    same = verb(repository, "-C", "../other", "-C", "example.net", *words, "--format", "markdown", env=environment())
    assert (same.returncode, same.stderr) == (0, b"")
    assert "Nothing changes" in (other.folder / "below" / "plan.md").read_text(encoding="utf-8")
    policy.write_text(policy.read_text(encoding="utf-8").replace("testing", "none", 1), encoding="utf-8")
    unsafe = verb(repository, "-C", str(other.folder), *words, env={**environment(), "GITHUB_ACTIONS": "true"})
    assert unsafe.returncode == 1
    assert b"::error file=below/policy.yaml,line=" in unsafe.stdout
    assert not (repository / "below").exists()


def test_a_build_of_another_tree_runs_nothing_of_it(repository: Path, other: Repository) -> None:
    """Its policy is built, with this repository's Function and the packages that its lock names."""
    (other.folder / "function" / "function_app.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    assert verb(repository, "-C", str(other.folder), "build").returncode == 0
    with zipfile.ZipFile(other.folder / "build" / "function.zip") as package:
        assert package.read("function_app.py") == (TEMPLATE / "function" / "function_app.py").read_bytes()
        assert "example.net" in json.loads(package.read("policies.json"))["policies"]
        assert ".python_packages/lib/site-packages/werkzeug/__init__.py" in package.namelist()
    assert not (repository / "build").exists()


@pytest.mark.parametrize("folder", ["missing", "policy.yaml", ""])
def test_a_tree_that_is_no_folder_is_wrong_use(repository: Path, folder: str) -> None:
    """Nothing is judged in its place, and for `plan --exit-code` it is no safe change."""
    done = verb(repository, "-C", folder, "lint")
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"Invalid value for '-C': cannot change to {folder!r}: " in done.stderr.decode()
    assert b"Give the path of a folder that exists." in done.stderr
    assert verb(repository, "-C", folder, "plan", "--exit-code").returncode == 1
