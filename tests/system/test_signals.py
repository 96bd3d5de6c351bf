"""Ctrl+C, and what a runner sends to cancel a job: the run ends at once, with the code that shells have for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from conftest import TEMPLATE, Bake
from repositories import Repository

pytestmark = [
    pytest.mark.slow,  # waits for verbs that wait
    pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process"),
]

ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
HANG = 20  # seconds: those who wait for an answer do so for a minute at least


class Silent:
    """A name server, and any other server, that takes what it is asked and says nothing. asked: set once it was."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._held: list[socket.socket] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.dns, self.http = (f"127.0.0.1:{each.getsockname()[1]}" for each in (self._udp, self._tcp))
        self._threads = [threading.Thread(target=listen, daemon=True) for listen in (self._hear, self._take)]
        for each in self._threads:
            each.start()

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            while self._udp.recv(4096):
                self.asked.set()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._held.append(self._tcp.accept()[0])
                self.asked.set()

    def close(self) -> None:
        """Go away, and wake those who wait: the number of a closed socket may be the next one's."""
        for each in (self._udp, self._tcp):
            with contextlib.suppress(OSError):  # Python holds an unconnected socket's shutdown for an error
                each.shutdown(socket.SHUT_RDWR)
        for waits in self._threads:
            waits.join(HANG)
        for each in (self._udp, self._tcp, *self._held):
            each.close()


def stopped(
    folder: Path, words: Sequence[str], number: int, env: dict[str, str], ready: Callable[[], object]
) -> tuple[int, str]:
    """Run a verb, send a signal once it is ready, and return its exit code and what it printed."""
    command = [sys.executable, "-u", "-m", "mtasts", *words]
    inherited = {key: value for key, value in os.environ.items() if key not in ("GITHUB_ACTIONS", "TF_BUILD")}
    with subprocess.Popen(
        command, cwd=folder, env={**inherited, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            ready()
            process.send_signal(number)
            printed, _ = process.communicate(timeout=HANG)
        finally:
            process.kill()
    return process.returncode, printed


PIP = {"PIP_INDEX_URL": "http://{http}/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
API = {
    "TF_BUILD": "True",
    "SYSTEM_ACCESSTOKEN": "0123456789",
    "SYSTEM_COLLECTIONURI": "http://{http}/organisation/",
    "SYSTEM_TEAMPROJECTID": "project",
    "BUILD_REPOSITORY_ID": "repository",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "1",
}
RESOLVER = ("--resolver", "{dns}")
VERBS: list[tuple[tuple[str, ...], dict[str, str]]] = [
    (("check", *RESOLVER), {}),
    (("check", *RESOLVER, "--file", "many.yaml"), {}),
    (("check", *RESOLVER, "--wait", "600", "--output", "report.md", "--format", "markdown"), {}),
    (("plan", "--live", *RESOLVER, "--base", "HEAD", "--exit-code", "--output", "plan.md"), {}),
    (("import", "example.net", *RESOLVER, "--file", "new.yaml"), {}),
    (("build",), PIP),
    (("wait", "policy", *RESOLVER), {}),
    (("comment", "README.md"), API),
]


def test_every_verb_that_waits(bake: Bake) -> None:
    """check and plan --live hung for a minute with a traceback, and ended with 1."""
    folder = bake(pipelines="azure-devops")  # the only system whose comment is a verb
    Repository(folder).commit({}, "2026-01-01")
    several = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains:\n" + "".join(
        f"  d{number}.example.com:\n" for number in range(300)
    )
    tail = "tls_reporting: {rua: [mailto:a@example.com]}\nhosting: {kind: web-server, hostname: www.example.com}\n"
    (folder / "many.yaml").write_text(several + tail, encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    for number, code in ENDS:
        for words, env in VERBS:
            # One for each run: what a run that was ended had still sent would pass for the next one's question.
            with contextlib.closing(Silent()) as silent:
                here = [word.format(dns=silent.dns) for word in words]
                there = {key: value.format(http=silent.http) for key, value in env.items()}
                done, printed = stopped(folder, here, number, there, partial(silent.asked.wait, HANG))
            said = [line for line in printed.strip().splitlines() if not line.startswith("Waiting up to ")]
            assert (done, said) == (code, ["Interrupted."]), words
            left = {path.name for path in folder.iterdir()} - set(before) - {".wheels", "__pycache__"}
            assert left == set(), words


def test_serve(bake: Bake) -> None:
    """It is stopped in this way, and says so to a script too."""
    folder = bake(hosting="web-server")
    for number, code in ENDS:
        command = [sys.executable, "-u", "-m", "mtasts", "serve", "--port", "0"]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            port = int(process.stdout.readline().split("localhost:")[1].split("/")[0])
            with socket.create_connection(("127.0.0.1", port)):  # a client that says nothing holds a thread
                process.send_signal(number)
                printed, _ = process.communicate(timeout=HANG)
        assert process.returncode == code
        assert printed.endswith("Interrupted.\n")
        assert "Traceback" not in printed


SLOW = """
import time
from octodns.provider.base import BaseProvider
class Slow(BaseProvider):
    SUPPORTS = {"TXT", "CNAME"}
    SUPPORTS_GEO = False
    def __init__(self, id, **more):
        import logging
        self.log = logging.getLogger("Slow")
        super().__init__(id)
    def populate(self, zone, target=False, lenient=False):
        open("asked", "w").close()
        time.sleep(600)
"""


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_publish(baked_with: Callable[[str], Path], tmp_path: Path, number: int, code: int) -> None:
    """While the provider waits; and octoDNS takes it for no failure of a zone, to go on with the next."""
    folder = Path(shutil.copytree(baked_with("cloudflare"), tmp_path / "slow"))
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    (folder / "dns" / "provider.yaml").write_text("class: slow.Slow\n", encoding="utf-8")

    def ready() -> None:
        while not (folder / "asked").exists():
            threading.Event().wait(0.05)

    words = ("publish", "hosting", "--output", "plan.md")
    assert stopped(folder, words, number, {}, ready) == (code, "Interrupted.\n")
    assert not (folder / "plan.md").exists()


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """A folder with the toolkit in it, for a script of a few lines."""
    shutil.copytree(TEMPLATE / "mtasts", tmp_path / "mtasts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


STUBBORN = """
import time
from mtasts.system import signals
signals.install()
said = 'ready'
while True:
    try:
        print(said, flush=True)
        said = 'again'
        time.sleep(600)
    except BaseException:
        print('no', flush=True)
"""


def test_what_does_not_end_is_ended(toolkit: Path) -> None:
    """Python ignores exceptions in destructors, and a library can block: a second signal ends the run immediately."""
    for again in (False, True):
        with subprocess.Popen(
            [sys.executable, "-c", STUBBORN], cwd=toolkit, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "no\n"
            if again:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=HANG)
            assert process.returncode == 130


OVERHEARD = """
import signal, sys, threading, time
from mtasts.system import signals
signals.install()
def send():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), int(sys.argv[1]))
threading.Thread(target=send, daemon=True).start()
threading.Event().wait(600)
"""


def test_one_that_does_not_wake_the_main_thread(toolkit: Path) -> None:
    """Sent just before the main thread waits, as another thread here takes it: plan --live hung in 2 of 750 runs."""
    for number, code in ENDS:
        done = subprocess.run([sys.executable, "-c", OVERHEARD, str(int(number))], cwd=toolkit, timeout=HANG)
        assert done.returncode == code
