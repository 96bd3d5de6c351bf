"""What the tests share: bakes, running verbs, fetching, and giving up aloud."""

from __future__ import annotations

import functools
import http.client
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cookiecutter.main import cookiecutter
from hypothesis import settings

if TYPE_CHECKING:
    from providers import Publisher

# The tests import from the template, as do the programs that they start, and bakes copy what lies in it.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

NO_COMPILER = "for want of a Bicep compiler (set MTASTS_BICEP, put bicep on PATH, or run `az bicep install`)"
PROVIDERS = ("azure-dns", "cloudflare", "route53", "rfc2136")
ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "{{cookiecutter.domain}}"

settings.register_profile("tests", deadline=None)  # a slow machine is no failure
settings.load_profile("tests")

Bake = Callable[..., Path]
Verb = Callable[..., "subprocess.CompletedProcess[bytes]"]


def give_up(reason: str) -> None:
    """Skip a test, saying why; fail where MTASTS_NO_SKIP is set, as in CI."""
    if os.environ.get("MTASTS_NO_SKIP"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Name, in the run's last lines, the tests that had no Bicep compiler: they alone may skip in CI."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    skipped = (
        [each for each in reporter.stats.get("skipped", ()) if NO_COMPILER in str(each.longrepr)] if reporter else []
    )
    if skipped:
        print(f"\nNot run, {NO_COMPILER}:")
        for name, count in sorted(Counter(each.nodeid.split("[")[0] for each in skipped).items()):
            print(f"  {name} ({count})")


def program(name: str) -> str:
    """Return the path of a program, or give up."""
    found = shutil.which(
        name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"])
    )
    if not found:
        give_up(f"{name} is not installed")
    return str(found)


def verb(folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m mtasts` in a baked repository, as its users and pipelines do."""
    environment = {key: value for key, value in os.environ.items() if key not in ("GITHUB_ACTIONS", "TF_BUILD")}
    environment.update(options.pop("env", {}))
    command = [options.pop("python", sys.executable), "-m", "mtasts", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False, **options
    )


@pytest.fixture(scope="session")
def cookiecutter_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cookiecutter configuration of the tests' own, so that the user's is neither read nor written."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    config = folder / "config.yaml"
    config.write_text(f"cookiecutters_dir: '{folder / 'c'}'\nreplay_dir: '{folder / 'r'}'\n", encoding="utf-8")
    return config


@pytest.fixture
def bake(cookiecutter_config: Path, tmp_path: Path) -> Bake:
    """Bake a repository with the answers given, and return its folder."""

    def baked(hooks: bool = True, output: Path | None = None, **answers: str) -> Path:
        return Path(
            cookiecutter(
                str(ROOT),
                no_input=True,
                extra_context=answers,
                output_dir=str(output or tmp_path),
                config_file=str(cookiecutter_config),
                accept_hooks=hooks,
            )
        )

    return baked


@pytest.fixture(scope="session")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Return the environment of the Azure CLI, loaded once, against the stand-in for Azure."""
    from servers.cli import installed  # here, since it imports from this module

    with installed(tmp_path_factory.mktemp("az")) as environment:
        yield environment


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    """Return a Python that has azure-functions-runtime, as ci/test.py makes it."""
    given = os.environ.get("MTASTS_RUNTIME_PYTHON")
    if not given:
        give_up("Microsoft's runtime needs Python 3.13: run python ci/test.py, or set MTASTS_RUNTIME_PYTHON")
    return Path(str(given))


@pytest.fixture(scope="session")
def baked_with(cookiecutter_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a repository for a DNS provider. Each is baked once, and not to be changed."""

    @functools.cache
    def baked(provider: str) -> Path:
        answers = {"dns_provider": provider, "hosting": "web-server"}
        where = {"output_dir": str(tmp_path_factory.mktemp(provider)), "config_file": str(cookiecutter_config)}
        return Path(cookiecutter(str(ROOT), no_input=True, extra_context=answers, **where))

    return baked


@pytest.fixture
def start(baked_with: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[[str], Publisher]]:
    """Return a DNS provider by its name, without a zone, and a repository of the test's own that publishes to it."""
    from providers import begin  # here, since it imports from this module

    with ExitStack() as running:

        def started(name: str) -> Publisher:
            (tmp_path / name).mkdir()
            return begin(name, baked_with(name), tmp_path / name, running)

        yield started


@pytest.fixture(params=PROVIDERS)
def publisher(request: pytest.FixtureRequest, start: Callable[[str], Publisher]) -> Publisher:
    """Each DNS provider in turn, with the zone example.com and what others have in it."""
    from providers import OTHERS

    made = start(request.param)
    made.provider.add_zone("example.com")
    for name, kind, values in OTHERS:
        made.provider.put(name, kind, values)
    return made


class Served:
    """A running `serve`, and how to ask it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def ask(
        self, path: str, host: str | None = None, method: str = "GET"
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Served]]:
    """Run `serve --port 0` in a baked repository until the test ends."""
    running: list[subprocess.Popen[str]] = []

    def started(folder: Path) -> Served:
        command = [sys.executable, "-u", "-m", "mtasts", "serve", "--port", "0"]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("Serving http://localhost:"), first + process.stdout.read()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return Served(process, int(first.split("localhost:")[1].split("/")[0]))

    yield started
    for process in running:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
