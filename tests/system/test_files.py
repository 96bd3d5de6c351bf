"""What the toolkit reads and writes: only files of the repository, completely or not at all, readable for a server."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Bake, verb
from mtasts.system import files

pytestmark = [
    pytest.mark.slow,  # starts a process for every verb
    pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and modes as Unix has them"),
]

READING = [
    ["lint"],
    ["render"],
    ["records"],
    ["build"],
    ["serve", "--port", "0"],
    ["plan"],
    ["check"],
    ["check", "example.com", "--only", "policy"],
    ["parameters"],
    ["outputs", "outputs.json"],
    ["publish", "announcement"],
    ["import", "example.com"],
    ["import", "example.com", "--force"],
]


def linked(path: Path) -> None:
    """A link to a policy that is valid: git would show no change of it."""
    path.rename(path.with_name("another.yaml"))
    path.symlink_to("another.yaml")


def dangling(path: Path) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to("nothing.yaml")


def endless(path: Path) -> None:
    """A link to a device that never ends."""
    path.unlink()
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    """A pipe that nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def listening(path: Path) -> None:
    """A socket."""
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def folder(path: Path) -> None:
    """A folder."""
    path.unlink()
    path.mkdir()


KINDS = [
    (linked, "a symbolic link"),
    (dangling, "a symbolic link"),
    (endless, "a symbolic link"),
    (pipe, "a pipe"),
    (listening, "a socket"),
    (folder, "a folder"),
]


@pytest.fixture
def repository(bake: Bake) -> Path:
    """A repository with static files, and Azure beside it."""
    return bake(hosting="static-web-app")


@pytest.mark.parametrize("words", READING, ids=lambda words: " ".join(words))
def test_no_verb_reads_a_policy_that_is_no_file(repository: Path, words: list[str]) -> None:
    """J7: build followed a link that plan did not see. Each verb says what the path is, and changes nothing."""
    path = repository / "policy.yaml"
    content = path.read_bytes()
    for make, kind in KINDS:
        make(path)
        done = verb(repository, *words)
        assert done.returncode == 1, make
        assert done.stdout.startswith(f"policy.yaml:1:1: error MTS101: The file is {kind}. ".encode()), make
        assert b"Traceback" not in done.stderr
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.write_bytes(content)
    assert not (repository / "build").exists()


@pytest.mark.parametrize("name", ["hosting.yaml", "provider.yaml"])
def test_publish_reads_nothing_through_a_link_or_from_a_pipe(bake: Bake, name: str) -> None:
    """A link to nothing was "no dns/ here", with exit code 0; a pipe was waited for; what a link led to was read."""
    repository = bake(dns_provider="azure-dns")
    path = repository / "dns" / name
    content = path.read_bytes()
    for make, kind in KINDS:
        make(path)
        done = verb(repository, "publish", "hosting")
        assert (done.returncode, done.stdout) == (1, b""), make
        assert f"dns/{name} is {kind}. Replace it with a regular file.".encode() in done.stderr, make
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        path.write_bytes(content)


def test_a_served_policy_may_come_from_a_pipe(repository: Path) -> None:
    """`curl … | python -m mtasts lint /dev/stdin`: nobody publishes what is linted so."""
    policy = b"version: STSv1\nmode: testing\nmx: a.example.com\nmax_age: 604800\n"
    done = verb(repository, "lint", "/dev/stdin", input=policy)
    assert (done.returncode, done.stdout) == (0, b"no findings\n")


def test_a_link_above_the_policy_that_leads_out_is_refused(repository: Path, tmp_path: Path) -> None:
    """With and without git. A link that stays inside is allowed, and so is any absolute path, which the user chose."""
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(repository / "policy.yaml", outside)
    (repository / "inside").mkdir()
    shutil.copy(repository / "policy.yaml", repository / "inside")
    (repository / "out").symlink_to("../outside")
    (repository / "in").symlink_to("inside")
    for git in (False, True):
        if git:
            subprocess.run(["git", "init", "--quiet", repository], check=True)
            subprocess.run(["git", "init", "--quiet", outside], check=True)
        done = verb(repository, "records", "--file", "out/policy.yaml")
        assert done.returncode == 1
        assert b"The file is outside the repository, through the symbolic link 'out'." in done.stdout
        assert verb(repository, "records", "--file", "in/policy.yaml").returncode == 0
        assert verb(repository, "records", "--file", str(repository / "out" / "policy.yaml")).returncode == 0


SOURCES = [
    ("function", "function/host.json"),
    ("function", "function/function_app.py"),
    ("function", "function/requirements.txt"),
    ("function", "function"),
    ("static-web-app", "static/staticwebapp.config.json"),
    ("static-web-app", "static"),
    ("web-server", "static/nginx.conf"),
    ("web-server", "static/Caddyfile"),
]


@pytest.mark.parametrize(("hosting", "name"), SOURCES)
def test_no_file_of_this_machine_gets_into_a_build(bake: Bake, tmp_path: Path, hosting: str, name: str) -> None:
    """A pull request could have any file that the build can read published, by a link among its sources."""
    repository = bake(hosting=hosting)
    source = repository / name
    source.rename(tmp_path / "moved")
    source.symlink_to(tmp_path / "moved")
    done = verb(repository, "build", "--no-packages")
    assert done.returncode == 1
    assert b"The build failed. build/ was not changed." in done.stderr
    assert b"symbolic link" in done.stderr
    assert not (repository / "build").exists()


def test_a_link_in_place_of_the_build_goes_and_not_what_it_leads_to(repository: Path, tmp_path: Path) -> None:
    """It may lead to another build, or to nothing."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").write_bytes(b"")
    for target in ("other", "nothing"):
        (repository / "build").symlink_to(tmp_path / target)
        assert verb(repository, "build").returncode == 0
        assert not (repository / "build").is_symlink()
        assert not list(repository.glob(".build-*"))
        shutil.rmtree(repository / "build")
    assert (tmp_path / "other" / "kept").exists()


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o177, 0o000])
@pytest.mark.parametrize("hosting", ["function", "static-web-app", "web-server"])
def test_a_web_server_can_read_the_build(bake: Bake, hosting: str, umask: int) -> None:
    """J14: it runs as another user, and the modes do not depend on who builds."""
    repository = bake(hosting=hosting)
    assert verb(repository, "build", "--no-packages", umask=umask).returncode == 0
    built = [repository / "build", *(repository / "build").rglob("*")]
    assert len(built) > 3
    modes = {(path.is_dir(), oct(stat.S_IMODE(path.stat().st_mode))) for path in built}
    assert modes == {(True, "0o755"), (False, "0o644")}


@contextmanager
def disk(place: Path, options: str) -> Iterator[None]:
    """Mount a disk of its own at a folder, with what is in it."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    copy = place.with_name(f"{place.name}-copy")
    shutil.copytree(place, copy, symlinks=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=True)
    try:
        shutil.copytree(copy, place, dirs_exist_ok=True, symlinks=True)
        if options:
            subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> None:
    """Leave no byte free."""
    with (place / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 512):
                pass
        except OSError:
            pass


WRITING = [
    (["outputs", "outputs.json"], "policy.yaml"),
    (["parameters", "--output", "parameters.json"], "parameters.json"),
    (["plan", "--base", "HEAD", "--output", "plan.md"], "plan.md"),
    (["check", "--only", "policy", "--timeout", "0.1", "--output", "report.md"], "report.md"),
    (["build", "--no-packages"], "build/static/index.html"),
]


@pytest.mark.parametrize("make", [fill, None], ids=["full", "read-only"])
def test_a_disk_that_takes_nothing_leaves_every_file_as_it_was(
    repository: Path, make: Callable[[Path], None] | None
) -> None:
    """A full disk and a read-only one: a one-line message, exit code 1, no half-written and no leftover file."""
    (repository / "outputs.json").write_text('{"hostname": {"value": "a.example.net"}}', encoding="utf-8")
    for name in ("parameters.json", "plan.md", "report.md", "build/static/index.html"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_bytes(b"earlier" * 2000)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(repository)]
    for words in (["init", "--quiet"], ["add", "policy.yaml"], ["commit", "--quiet", "--message=x"]):
        subprocess.run([*git, *words], check=True)
    with disk(repository, "" if make else "ro"):
        if make:
            make(repository)
        before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
        for words, name in WRITING:
            done = verb(repository, *words, env={"PYTHONDONTWRITEBYTECODE": "1"})
            assert done.returncode == 1, (words, done)
            said = done.stderr.decode()
            why = "No space left on device" if make else "Read-only file system"
            assert said.count("\n") == 1 and said.startswith("Error: ") and why in said, (words, said)
            assert Path(name).name in said or "build/ was not changed" in said
        after = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    assert after == before


def test_what_is_written_keeps_its_mode(tmp_path: Path) -> None:
    """Of a new file the umask decides, as ever."""
    path = tmp_path / "policy.yaml"
    before = os.umask(0o027)
    try:
        files.write(path, b"one")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        files.write(path, b"two")
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o604)
    assert list(tmp_path.iterdir()) == [path]


def test_output_goes_through_no_link_of_the_repository(repository: Path, tmp_path: Path) -> None:
    """A pull request could lead it to a file of the machine; /dev/stdout is one's own word."""
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    (repository / "parameters.json").symlink_to(mine)
    (repository / "away").symlink_to(tmp_path)
    for name in ("parameters.json", "away/mine"):
        done = verb(repository, "parameters", "--output", name)
        assert done.returncode == 1
        assert b"symbolic link" in done.stderr
    assert mine.read_bytes() == b"mine"
    assert verb(repository, "parameters", "--output", "/dev/stdout").stdout.startswith(b"{\n")


@pytest.mark.parametrize("words", [["lint"], ["records"], ["explain"], ["parameters"], ["render", "example.com"]])
def test_a_reader_that_has_gone_is_no_traceback(repository: Path, words: list[str]) -> None:
    """`| head -c 0`, and `>&-`."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "mtasts", *words]
    done = subprocess.run(command, cwd=repository, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert b"Traceback" not in done.stderr
    assert done.returncode != 0
    closed = subprocess.run(
        ["sh", "-c", f"{' '.join(command)} >&-"], cwd=repository, stderr=subprocess.PIPE, check=False
    )
    assert b"Traceback" not in closed.stderr
