"""The locks: what is installed is what was tested, for every answer, on every system and Python."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pytest_httpserver import HTTPServer

from conftest import PROVIDERS, ROOT, TEMPLATE, Bake, verb

sys.path.insert(0, str(ROOT / "ci"))
from lock import LOCKS, compile_lock

pytestmark = pytest.mark.slow  # resolves locks, and installs what they list

ANYWHERE = [name for name, target in LOCKS.items() if target == ("--universal", "--python-version=3.10")]
SYSTEMS = ["linux", "macos", "windows"]
UV = [sys.executable, "-m", "uv"]


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and return what it printed."""
    return subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def lock_of(name: str) -> Path:
    """Return the lock beside a NAME.in."""
    return (ROOT / name).with_suffix(".txt")


def pins(lock: Path) -> list[str]:
    """Return the versions that a lock has, with their markers and without their hashes."""
    return re.findall(r"^[a-z0-9.-]+(?:\[[a-z0-9,-]+\])?==[^\\\n]+", lock.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_file_of_ranges_has_a_lock_that_is_compiled() -> None:
    """A NAME.in that ci/lock.py does not know would never be compiled again."""
    found = {
        path.relative_to(ROOT).as_posix() for folder in ("ci", TEMPLATE.name) for path in (ROOT / folder).rglob("*.in")
    }
    assert found == set(LOCKS)
    assert [name for name in LOCKS if not pins(lock_of(name))] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_fits_its_ranges(tmp_path: Path, name: str) -> None:
    """Who edits NAME.in has to compile NAME.txt. Compiled again, no version changes (hashes may, with new wheels)."""
    for path in (*(ROOT / known for known in LOCKS), *map(lock_of, LOCKS)):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    done = compile_lock(Path(sys.executable), tmp_path / name, LOCKS[name], [])
    assert done.returncode == 0
    assert pins(lock_of(name)) == pins((tmp_path / name).with_suffix(".txt")), "Run: python3 ci/lock.py"


def test_a_range_that_the_lock_does_not_meet_is_seen(tmp_path: Path) -> None:
    """The test above can fail: idna 3.7 is older than any lock here."""
    shutil.copytree(TEMPLATE, tmp_path / "t", ignore=shutil.ignore_patterns("__pycache__"))
    ranges = tmp_path / "t" / "requirements.in"
    ranges.write_text(ranges.read_text(encoding="utf-8").replace("idna>=3.7,<4", "idna==3.7"), encoding="utf-8")
    assert compile_lock(Path(sys.executable), ranges, LOCKS[f"{TEMPLATE.name}/requirements.in"], []).returncode == 0
    assert "idna==3.7 " in pins(ranges.with_suffix(".txt"))


def wheel(folder: Path, name: str, version: str, *metadata: str) -> None:
    """Make a wheel of a package that has metadata alone."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", "\n".join(lines))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_a_release_after_the_lock_changes_nothing(tmp_path: Path) -> None:
    """pip 23.2 refused a lock with coverage==7.17.4 once 7.17.5 was out: pytest-cov asks for coverage[toml]."""
    for version in ("1.0", "1.1"):
        wheel(tmp_path, "base", version, "Provides-Extra: x")
    wheel(tmp_path, "top", "1.0", "Requires-Dist: base[x]")
    (tmp_path / "few.in").write_text("top\nbase<1.1\n")
    here = ["--no-index", f"--find-links={tmp_path.as_posix()}"]
    assert compile_lock(Path(sys.executable), tmp_path / "few.in", ("--universal",), here).returncode == 0
    assert pins(tmp_path / "few.txt") == ["base[x]==1.0 ", "top==1.0 "]
    words = ["--dry-run", "--require-hashes", *here, "--requirement", tmp_path / "few.txt"]
    done = run(sys.executable, "-m", "pip", "install", *words)
    assert (done.returncode, "Would install base-1.0 top-1.0" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", ["3.10", "3.12", "3.14"])
@pytest.mark.parametrize("name", ANYWHERE)
def test_a_universal_lock_installs_anywhere(tmp_path: Path, name: str, python: str, system: str) -> None:
    """With hashes and from wheels alone, as uv resolves it for that system and Python."""
    run(*UV, "venv", "--quiet", tmp_path / "v")
    words = ["--dry-run", "--require-hashes", f"--python-platform={system}", f"--python-version={python}"]
    done = run(*UV, "pip", "install", *words, "--python", tmp_path / "v", "--requirement", lock_of(name))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [f"{TEMPLATE.name}/function/requirements.in", "ci/runtime.in"])
def test_the_functions_lock_installs_as_on_azure(tmp_path: Path, name: str) -> None:
    """Linux and Python 3.13."""
    run(*UV, "venv", "--quiet", tmp_path / "v")
    words = ["--dry-run", "--require-hashes", "--python-platform=x86_64-manylinux2014", "--python-version=3.13"]
    done = run(*UV, "pip", "install", *words, "--python", tmp_path / "v", "--requirement", lock_of(name))
    assert done.returncode == 0, done.stderr


def versions(lock: Path) -> dict[str, set[str]]:
    """Return the versions that a lock has of each package: there can be one for older Pythons."""
    found: dict[str, set[str]] = {}
    for pin in pins(lock):
        name, version = pin.split()[0].split("==")
        found.setdefault(name.split("[")[0], set()).add(version)
    return found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_locks_of_one_repository_agree(provider: str) -> None:
    """Both are installed on one machine, to serve and to publish: pip refuses two versions of a package."""
    local, dns = (versions(TEMPLATE / f"{name}.txt") for name in ("function/local", f"dns/{provider}"))
    assert {name: dns[name] for name in local if name in dns} == {name: local[name] for name in local if name in dns}
    assert versions(TEMPLATE / "requirements.txt").keys() <= local.keys() & dns.keys()


# Each set of locks, in use

SETS = list(itertools.product(["function", "web-server"], [*PROVIDERS, "manual"]))
NOWHERE = {
    **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    "AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_TENANT_ID": "66666666-7777-8888-9999-aaaaaaaaaaaa",
    "AZURE_DNS_RESOURCE_GROUP": "dns-group",
    "CLOUDFLARE_TOKEN": "a-token-of-cloudflare",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret/of+aws",
    "AWS_MAX_ATTEMPTS": "1",
    "RFC2136_HOST": "127.0.0.1",
    "RFC2136_PORT": "9",
    "RFC2136_KEY_NAME": "a-key",
    "RFC2136_KEY_SECRET": "c2VjcmV0",
}


def locks_of(folder: Path) -> list[Path]:
    """Return what a person installs to do everything in a repository."""
    local = folder / "function" / "local.txt"
    return [local if local.exists() else folder / "requirements.txt", *(folder / "dns").glob("*.txt")]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Function's wheels, downloaded once."""
    folder = tmp_path_factory.mktemp("wheels")
    lock = TEMPLATE / "function" / "requirements.txt"
    words = ["--quiet", "--no-deps", "--require-hashes", "--platform=manylinux2014_x86_64", "--python-version=3.13"]
    assert run(sys.executable, "-m", "pip", "download", *words, "--requirement", lock, "--dest", folder).returncode == 0
    return folder


@pytest.mark.parametrize(("hosting", "provider"), SETS)
def test_a_set_of_locks_is_enough(bake: Bake, tmp_path: Path, wheels: Path, hosting: str, provider: str) -> None:
    """In an environment with nothing else: lint, records and build work, and publish gets as far as the network."""
    folder = bake(hosting=hosting, dns_provider=provider)
    shutil.copytree(wheels, folder / ".wheels")
    run(*UV, "venv", "--quiet", tmp_path / "v")
    python = next(path for path in (tmp_path / "v").glob("*/python*") if path.stem == "python")
    words = [word for lock in locks_of(folder) for word in ("--requirement", str(lock))]
    done = run(*UV, "pip", "install", "--require-hashes", "--python", python, *words)
    assert done.returncode == 0, done.stderr
    for words in (["lint"], ["records"], ["build"]):
        assert verb(folder, *words, python=python).returncode == 0
    published = verb(folder, "publish", "announcement", python=python, env=NOWHERE)
    printed = (published.stdout + published.stderr).decode()
    assert "Traceback" not in printed
    assert (published.returncode, "MTS230" in printed) == ((0, False) if provider == "manual" else (1, True)), printed


def test_pip_takes_two_locks_at_once(bake: Bake, tmp_path: Path) -> None:
    """As the README says it, with the pip of this Python: the largest set."""
    folder = bake(dns_provider="azure-dns")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    python = next(path for path in (tmp_path / "v").glob("*/python*") if path.stem == "python")
    words = [word for lock in locks_of(folder) for word in ("-r", str(lock))]
    done = run(sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--require-hashes", *words)
    assert done.returncode == 0, done.stderr
    assert verb(folder, "lint", python=python).returncode == 0


# What is not in the lock

Index = Callable[[dict[str, bytes]], str]


@pytest.fixture
def index(httpserver: HTTPServer) -> Index:
    """A package index of our own, with these wheels of idna."""

    def served(files: dict[str, bytes]) -> str:
        links = "".join(f'<a href="/files/{name}">{name}</a>' for name in files)
        httpserver.expect_request("/simple/idna/").respond_with_data(links, content_type="text/html")
        for name, content in files.items():
            httpserver.expect_request(f"/files/{name}").respond_with_data(content)
        return httpserver.url_for("/simple/")

    return served


@pytest.fixture(scope="module")
def idna(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The wheel of idna that the toolkit's lock names: its file name and content."""
    folder = tmp_path_factory.mktemp("idna")
    (version,) = (
        pin.split("==")[1].split()[0] for pin in pins(TEMPLATE / "requirements.txt") if pin.startswith("idna==")
    )
    words = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, f"idna=={version}"]
    assert run(sys.executable, "-m", "pip", "download", *words).returncode == 0
    (wheel,) = folder.iterdir()
    return wheel.name, wheel.read_bytes()


def rewritten(content: bytes, tmp_path: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    """Return a wheel with each file put through the change."""
    old, new = tmp_path / "old.whl", tmp_path / "new.whl"
    old.write_bytes(content)
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w") as target:
        for name in source.namelist():
            target.writestr(*change(name, source.read(name)))
    return new.read_bytes()


def install(url: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Install idna from an index as its lock pins it."""
    text = (TEMPLATE / "requirements.txt").read_text(encoding="utf-8")
    (lock := tmp_path / "idna.txt").write_text(re.findall(r"^idna==(?:.*\\\n)+.*\n", text, re.MULTILINE)[0])
    words = ["--isolated", "--no-cache-dir", "--index-url", url, "--target", tmp_path / "t", "--require-hashes"]
    return run(sys.executable, "-m", "pip", "install", *words, "-r", lock)


def test_what_the_lock_names_is_installed(index: Index, idna: tuple[str, bytes], tmp_path: Path) -> None:
    """The tests below refuse for their own reason, and not because this index cannot be read."""
    name, content = idna
    assert install(index({name: content}), tmp_path).returncode == 0
    assert (tmp_path / "t" / "idna" / "__init__.py").is_file()


def test_one_changed_line_is_refused(index: Index, idna: tuple[str, bytes], tmp_path: Path) -> None:
    """A release that was swapped, or an index that was broken into: same name, same version, one line more."""
    name, content = idna
    changed = rewritten(content, tmp_path, lambda n, c: (n, c + b"import os\n" if n == "idna/__init__.py" else c))
    done = install(index({name: changed}), tmp_path)
    assert (done.returncode, "DO NOT MATCH THE HASHES" in done.stderr) == (1, True)
    assert not (tmp_path / "t" / "idna").exists()


def test_a_newer_version_is_refused(index: Index, idna: tuple[str, bytes], tmp_path: Path) -> None:
    """A release of this morning is not taken, though every range allows it."""
    name, content = idna
    version = name.split("-")[1].encode()
    newer = rewritten(
        content, tmp_path, lambda n, c: (n.replace(version.decode(), "3.999"), c.replace(version, b"3.999"))
    )
    done = install(index({name.replace(version.decode(), "3.999"): newer}), tmp_path)
    assert (done.returncode, "No matching distribution found for idna==" in done.stderr) == (1, True)


# How locks move


def test_dependabot_sees_every_lock_of_the_template() -> None:
    """It looks in a folder and in those directly below it. A lock that it does not see grows old."""
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    (uv,) = (update for update in updates if update["package-ecosystem"] == "uv")
    seen = {folder.strip("/") for folder in uv["directories"]}
    assert [name for name in LOCKS if not {str(Path(name).parent), str(Path(name).parent.parent)} & seen] == []


def test_dependabot_can_read_how_a_lock_was_compiled() -> None:
    """It takes --universal, --python-version and --generate-hashes from the lock itself, and keeps its first lines."""
    for name, target in LOCKS.items():
        first, command, *_ = lock_of(name).read_text(encoding="utf-8").splitlines()
        stem = Path(name).stem
        assert first == "# This file was autogenerated by uv via the following command:"
        assert command == (
            f"#    uv pip compile {' '.join(target)} --generate-hashes --no-strip-extras --emit-build-options {stem}.in"
            f" --output-file {stem}.txt"
        )


def test_npm_packages_are_locked_by_hash() -> None:
    """Each package that npm installs for the emulators has its hash, and none names where it was fetched from."""
    lock = json.loads((ROOT / "ci" / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((ROOT / "ci" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert lock["packages"][""]["dependencies"] == wanted
    assert [
        path for path, package in packages.items() if "integrity" not in package and not package.get("inBundle")
    ] == []
    assert [path for path, package in packages.items() if "resolved" in package] == []


def test_nothing_else_is_installed_without_a_version() -> None:
    """What a lock cannot hold: the one package that npx fetches, which the tests use too. az takes no extension."""
    wanted = json.loads((ROOT / "ci" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    cli = f"npx @azure/static-web-apps-cli@{wanted['@azure/static-web-apps-cli']}"
    files = [path for path in TEMPLATE.rglob("*") if path.suffix in {".md", ".yml", ".sh", ".py"}]
    texts = [path.read_text(encoding="utf-8") for path in files]
    found = [match[0] for text in texts for match in re.finditer(r"\b(npx|npm|az extension add) .*", text)]
    assert len(found) == 1
    assert found[0].startswith(cli)


def test_each_week_the_newest_versions_are_tested() -> None:
    """On both systems: what a release breaks is seen here before a user sees it."""
    github = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    azure = yaml.safe_load((ROOT / "ci" / "azure-pipelines.yml").read_text(encoding="utf-8"))
    assert [list(each) for each in github[True]["schedule"]] == [["cron"]]  # YAML 1.1 reads `on` as true
    assert azure["schedules"][0]["always"] == "true"
    upgrade = "python ci/lock.py --upgrade"
    runs = [step["run"] for step in github["jobs"]["test"]["steps"] if "run" in step]
    scripts = [step["script"] for step in azure["jobs"][0]["steps"] if "script" in step]
    assert runs == scripts == [upgrade, "python ci/demo.py", "python ci/test.py"]
    (taken,) = (step for step in github["jobs"]["test"]["steps"] if step.get("run") == upgrade)
    assert taken["if"] == "${{ github.event_name == 'schedule' }}"
