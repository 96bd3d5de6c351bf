"""Nearly right words: each message says what to type instead (I10)."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import TEMPLATE, Bake, verb

pytestmark = pytest.mark.slow  # starts a process for every row

HINTS = [
    # I10
    (["explain", "foo"], 2, "'foo' is not a rule or a task. Tasks: enforce, mx-move, "),
    (["explain", "foo"], 2, "To list all rules: python -m mtasts explain"),
    (["check", "https://example.com/"], 2, "Did you mean example.com?"),
    # Others of the kind: what people paste, and slips.
    (["explain", "502"], 2, "Did you mean MTS502?"),
    (["explain", "mts-502"], 2, "Did you mean MTS502?"),
    (["explain", "wildcard"], 2, "Rules about this: MTS125, MTS126, MTS403."),
    (["explain", "mxmove"], 2, "Did you mean mx-move?"),
    (["explain", "MTS999"], 2, "'MTS999' is not a rule or a task. To list all rules of this repository: "),
    (["explain", "MTS13"], 2, "Rules that begin with it: MTS130, MTS131, MTS132, MTS133."),
    (["check", "user@example.com"], 2, "Did you mean example.com?"),
    (["check", "mailto:user@Example.COM"], 2, "Did you mean example.com?"),
    (["check", "https://mta-sts.example.com/.well-known/mta-sts.txt"], 2, "Did you mean example.com?"),
    (["check", "mta-sts.example.com"], 2, "is the name of a policy host. Use the mail domain, the part after the @."),
    (["check", "_mta-sts.example.com."], 2, "Did you mean example.com?"),
    (["check", "b\u00fccher.example"], 2, "Did you mean xn--bcher-kva.example?"),
    (["check", "example.com:25"], 2, "Did you mean example.com?"),
    (["check", "example..com"], 2, "is not a host name. Use letters, digits and hyphens"),
    (["import", "https://example.com/"], 2, "Did you mean example.com?"),
    (["render", "https://example.com/"], 2, "Did you mean example.com?"),
    (["lnit"], 2, "Unknown verb 'lnit'. Did you mean lint?"),
    (["publish"], 2, "Choose from: hosting, announcement.\n"),
    (["MTS502"], 2, "Did you mean explain MTS502?"),
    (["policy.yaml"], 2, "Verbs: build, check, "),
    (["lint", "policy.yml"], 1, "Did you mean 'policy.yaml'?"),
    (["plan", "--file", "Policy.yml"], 1, "Did you mean 'policy.yaml'?"),
    (["plan", "--file", "nothing-like-it"], 1, "exists, or run this in the folder of your repository."),
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy.yaml, as the toolkit finds it."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "policy.yaml").write_text(
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains: {example.com: {}}\n"
        "tls_reporting: {rua: ['mailto:tls@example.com']}\nhosting: {kind: web-server, hostname: www.example.net}\n",
        encoding="utf-8",
    )
    (folder / "deep" / "er").mkdir(parents=True)
    return folder


def run(folder: Path, *words: str) -> tuple[int, str]:
    """Run a verb in a folder; return its exit code and all that it printed."""
    done = verb(folder, *words, env={"PYTHONPATH": str(TEMPLATE)})
    return done.returncode, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize(("words", "code", "said"), HINTS)
def test_a_near_miss_says_what_to_type(repository: Path, words: list[str], code: int, said: str) -> None:
    """And nothing is looked at or written."""
    found, printed = run(repository, *words)
    assert (found, said in printed, "Traceback" in printed) == (code, True, False), printed


@pytest.mark.parametrize("way", [["mx", "move"], ["MX-Move"], ["mx_move"]])
def test_a_way_is_found_however_it_is_written(repository: Path, way: list[str]) -> None:
    """There is no other that could be meant."""
    code, printed = run(repository, "explain", *way)
    assert (code, printed.startswith("### Moving mail to another MX host\n")) == (0, True)


@pytest.mark.parametrize("words", [["lint"], ["plan"], ["check"], ["serve"], ["records"], ["build"],
                                   ["publish", "hosting"]])  # fmt: skip
@pytest.mark.parametrize(("folder", "above"), [("deep", ".."), ("deep/er", "../..")])
def test_from_a_subdirectory(repository: Path, folder: str, above: str, words: list[str]) -> None:
    """I10: the repository's root is found, and -C leads there."""
    code, printed = run(repository / folder, *words)
    said = f"It is in a parent folder. Add -C {above} before the verb."
    assert code == 1 and said in printed.replace("\\", "/"), printed
    assert run(repository / folder, "-C", above, "lint") == (0, "no findings\n")


def test_the_toolkit_can_be_run_by_its_path(bake: Bake) -> None:
    """`python -m mtasts` is Python's own word, which finds no mtasts in a subdirectory; this does, and says -C."""
    folder = bake(hosting="web-server")
    for words, code, said in ((["lint"], 1, "Add -C .. before the verb."), (["-C", "..", "lint"], 0, "MTS155")):
        command = [sys.executable, str(Path("..", "mtasts")), *words]
        done = subprocess.run(command, cwd=folder / "static", capture_output=True, text=True, check=False)
        assert (done.returncode, said in done.stdout) == (code, True), done.stderr


def test_no_second_policy_is_made_in_a_subdirectory(repository: Path) -> None:
    """Nobody would see that it is not the one that is published."""
    code, printed = run(repository / "deep", "import", "example.com")
    assert code == 1 and "To use that one, add -C .. before the verb." in printed
    assert not (repository / "deep" / "policy.yaml").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="two programs may have a port there")
def test_a_port_in_use(bake: Bake) -> None:
    """I10: whose port it is can be seen, and which to take instead."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = verb(bake(hosting="web-server"), "serve", "--port", str(port))
    said = (
        f"Error: Port {port} is in use by another program. Choose another with --port, or let --port 0 find a free one."
    )
    assert (done.returncode, done.stderr.decode().strip(), done.stdout) == (1, said, b"")


def test_an_old_python_is_told_in_a_sentence() -> None:
    """I9: whatever comes after it may use what an old one cannot read, so it stands first, in words that all read."""
    text = (TEMPLATE / "mtasts" / "__init__.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 4))
    code = f"import sys; sys.version_info = (3, 9, 2, 'final', 0); exec({text!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    said = f"mtasts needs Python 3.10 or newer. {sys.executable} is Python 3.9.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_wait_does_not_claim_that_dns_shows_records_when_there_are_none(tmp_path: Path) -> None:
    """As in a new repository with a web server that policy.yaml does not name yet."""
    (tmp_path / "policy.yaml").write_text(
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains: {example.com: {}}\n"
        "hosting: {kind: web-server}\n",
        encoding="utf-8",
    )
    code, printed = run(tmp_path, "wait", "dns", "--for", "0")
    assert code == 0
    assert "There are no hosting records to wait for" in printed
    assert "DNS shows the hosting's records." not in printed
