"""The Azure Function, as Microsoft's own Python runtime indexes and calls it.

The runtime needs Python 3.13, whatever runs these tests, so runtime/driver.py has its own interpreter.
Every expected value here is written by hand: none comes from the toolkit's build.
"""

import ast
import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conftest import ROOT

pytestmark = pytest.mark.slow  # starts Microsoft's Functions runtime

FUNCTION = ROOT / "{{cookiecutter.domain}}" / "function"
DRIVER = ROOT / "tests" / "hosting" / "runtime" / "driver.py"

COM = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.org\r\nmax_age: 604800\r\n"
NET = b"version: STSv1\r\nmode: testing\r\nmx: mx1.example.net\r\nmax_age: 86400\r\n"
PAGE = "<!doctype html>\n<title>MTA-STS für example.com</title>\n".encode()
OWN_NAME = "mtasts-example-com.azurewebsites.net"

KNOWN_HOSTS = {
    "mta-sts.example.com": COM,
    "mta-sts.example.net": NET,
    "MTA-STS.Example.NET": NET,
    "mta-sts.example.net:443": NET,
    "mta-sts.example.net.": NET,
    "Mta-Sts.EXAMPLE.net.:8443": NET,
}
UNKNOWN_HOSTS = ["mta-sts.example.org", "example.com", "mta-sts.mta-sts.example.com", "mta-sts.", OWN_NAME]
HOSTILE_HOSTS = [
    "",
    ".",
    ":443",
    "../..",
    "../../etc/passwd",
    "mta-sts.example.com/../..",
    "[::1]:80",
    "x@mta-sts.example.com",
    "mta-sts.example.com\x00",
    "mta-sts.example.com\r\nX-Injected: 1",
    "mta-sts.*",
    "mta-sts.exämple.com",
    "a" * 10_240,
]


class Function(NamedTuple):
    """A function as the runtime reports it to the host."""

    name: str
    route: str
    methods: list[str]
    auth_level: str


class Answer(NamedTuple):
    """An answer of the function."""

    status: int
    headers: dict[str, str]
    body: bytes


class Outcome(NamedTuple):
    """What one start of the app came to."""

    functions: list[Function]
    answers: list[Answer]


Request = dict[str, Any]
Drive = Callable[..., Outcome]


def write_built(folder: Path, hostname: str | None = None) -> None:
    """Write what the build puts beside function_app.py."""
    built = {"hostname": hostname, "policies": {"example.com": COM.decode(), "example.net": NET.decode()}}
    (folder / "policies.json").write_text(json.dumps(built))
    (folder / "index.html").write_bytes(PAGE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a built function folder."""
    copy = tmp_path / "function"
    shutil.copytree(FUNCTION, copy, ignore=shutil.ignore_patterns("__pycache__"))
    write_built(copy)
    return copy


def run_driver(
    python: Path, folder: Path, requests: list[Request], settings: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the driver. The app sees no WEBSITE_HOSTNAME but that of these settings."""
    environment = {name: value for name, value in os.environ.items() if name != "WEBSITE_HOSTNAME"}
    return subprocess.run(
        [python, "-B", DRIVER, folder],
        input=json.dumps(requests),
        env=environment | settings,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def drive(runtime_python: Path, folder: Path) -> Drive:
    """Return what starts the app with app settings and sends it requests."""

    def drive(*requests: Request, **settings: str) -> Outcome:
        done = run_driver(runtime_python, folder, list(requests), settings)
        assert done.returncode == 0, done.stdout + done.stderr
        printed = json.loads(done.stdout)
        answers = [Answer(a["status"], a["headers"], base64.b64decode(a["body"])) for a in printed["answers"]]
        return Outcome([Function(**function) for function in printed["functions"]], answers)

    return drive


def request(host: str | None, function: str = "policy", method: str = "GET", **headers: str) -> Request:
    """Return a request as the driver takes it. None stands for no Host header at all."""
    if host is not None:
        headers["Host"] = host
    url = "https://mtasts-example-com.azurewebsites.net/"
    return {"function": function, "method": method, "url": url, "headers": headers}


def test_two_anonymous_routes_are_indexed(drive: Drive) -> None:
    """A wrong method would be 404, not 405, so HEAD is declared as well."""
    functions = drive().functions
    assert sorted(function.route for function in functions) == [".well-known/mta-sts.txt", "/"]
    for function in functions:
        assert sorted(function.methods) == ["GET", "HEAD"]
        assert function.auth_level == "ANONYMOUS"


def test_policy_is_served_byte_for_byte(drive: Drive) -> None:
    """The build ends each line with CRLF, and nothing on the way may change that."""
    [answer] = drive(request("mta-sts.example.com")).answers
    assert answer.status == 200
    assert answer.body == COM


def test_policy_is_plain_text(drive: Drive) -> None:
    """RFC 8461 wants text/plain and lets senders check it."""
    [answer] = drive(request("mta-sts.example.com")).answers
    assert re.fullmatch(r"text/plain(; ?charset=[\w-]+)?", answer.headers["content-type"])


@pytest.mark.parametrize("function", ["policy", "page"])
@pytest.mark.parametrize("host", ["mta-sts.example.com", "mta-sts.example.org"])
def test_every_answer_has_the_security_headers(drive: Drive, function: str, host: str) -> None:
    """A 404 has them as well."""
    [answer] = drive(request(host, function)).answers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize("function", ["policy", "page"])
def test_head_is_answered_like_get(drive: Drive, function: str) -> None:
    """The host drops the body, so all that counts is the status and the headers."""
    requests = [request("mta-sts.example.com", function, method) for method in ("GET", "HEAD")]
    get, head = drive(*requests).answers
    assert head.status == get.status == 200
    assert head.headers == get.headers


def test_host_picks_the_policy(drive: Drive) -> None:
    """Case, a port and the final dot make no difference."""
    answers = drive(*map(request, KNOWN_HOSTS)).answers
    bodies = {host: answer.body for host, answer in zip(KNOWN_HOSTS, answers, strict=True)}
    assert bodies == KNOWN_HOSTS


@pytest.mark.parametrize("function", ["policy", "page"])
def test_any_other_host_gets_404(drive: Drive, function: str) -> None:
    """Nothing that a client can send as its host finds a file, another domain's policy or an error."""
    hosts = [*UNKNOWN_HOSTS, *HOSTILE_HOSTS, None]
    answers = drive(*(request(host, function) for host in hosts)).answers
    statuses = {host: answer.status for host, answer in zip(hosts, answers, strict=True)}
    assert statuses == dict.fromkeys(hosts, 404)


def test_404_is_plain_text_that_does_not_repeat_the_host(drive: Drive) -> None:
    """A page that repeats its input can be made to say anything."""
    [answer] = drive(request("<script>alert(1)</script>")).answers
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"script" not in answer.body


def test_forwarded_host_is_ignored(drive: Drive) -> None:
    """Anyone may send that header."""
    forwarded = {"X-Forwarded-Host": "mta-sts.example.com", "X-Original-Host": "mta-sts.example.com"}
    [answer] = drive(request("mta-sts.example.org", **forwarded)).answers
    assert answer.status == 404


def test_hostname_from_the_build_gives_the_first_policy(drive: Drive, folder: Path) -> None:
    """policy.yaml's hosting.hostname may be in any case."""
    write_built(folder, hostname="MTASTS-example-com.azurewebsites.net")
    policy, page = drive(request(OWN_NAME + ":443"), request(OWN_NAME, "page")).answers
    assert policy.body == COM
    assert page.body == PAGE


def test_hostname_from_azure_gives_the_first_policy(drive: Drive) -> None:
    """Azure sets WEBSITE_HOSTNAME, so a new app can be tried before its DNS."""
    policy, page = drive(request(OWN_NAME), request(OWN_NAME, "page"), WEBSITE_HOSTNAME=OWN_NAME).answers
    assert policy.body == COM
    assert page.body == PAGE


def test_both_own_names_may_differ(drive: Drive, folder: Path) -> None:
    """A deployment slot has a name of its own."""
    write_built(folder, hostname=OWN_NAME)
    slot = "mtasts-example-com-next.azurewebsites.net"
    answers = drive(request(OWN_NAME), request(slot), WEBSITE_HOSTNAME=slot).answers
    assert [answer.body for answer in answers] == [COM, COM]


def test_own_name_never_replaces_a_policy(drive: Drive, folder: Path) -> None:
    """A domain's own policy comes before the first one."""
    write_built(folder, hostname="mta-sts.example.net")
    [answer] = drive(request("mta-sts.example.net"), WEBSITE_HOSTNAME="mta-sts.example.net").answers
    assert answer.body == NET


def test_empty_own_name_is_no_name(drive: Drive, folder: Path) -> None:
    """A request without a host must not match it."""
    write_built(folder, hostname="")
    answers = drive(request(""), request(None), request(":80"), WEBSITE_HOSTNAME="").answers
    assert [answer.status for answer in answers] == [404, 404, 404]


def test_page_is_html_under_a_strict_policy(drive: Drive) -> None:
    """The page may bring its own style, and nothing else: no script, frame, form or request."""
    [answer] = drive(request("mta-sts.example.com", "page")).answers
    assert (answer.status, answer.body) == (200, PAGE)
    assert re.fullmatch(r"text/html; ?charset=utf-8", answer.headers["content-type"])
    directives = dict(part.split(maxsplit=1) for part in answer.headers["content-security-policy"].split(";"))
    directives.pop("style-src", None)
    closed = ["default-src", "base-uri", "form-action", "frame-ancestors"]
    assert directives == dict.fromkeys(closed, "'none'")


def test_driver_reports_an_app_that_cannot_start(runtime_python: Path, folder: Path) -> None:
    """On Azure such an app has no functions at all, and every request is 404: the driver must not hide it."""
    (folder / "policies.json").unlink()
    done = run_driver(runtime_python, folder, [], {})
    assert done.returncode == 1
    assert "policies.json" in json.loads(done.stdout)["error"]


def imported_modules(source: str) -> set[str]:
    """Return the modules that a source imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def test_function_imports_azure_functions_and_the_standard_library_only() -> None:
    """Each further import is something to install, something to fail and a slower cold start."""
    modules = imported_modules((FUNCTION / "function_app.py").read_text())
    assert "azure.functions" in modules
    others = {module for module in modules if module.partition(".")[0] not in sys.stdlib_module_names}
    assert others == {"azure.functions"}
