"""serve: the Function behind the stand-in, and the static kinds."""

import concurrent.futures
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Bake, Served, verb
from mtasts.serve import FunctionsHost

POLICY = b"version: STSv1\r\nmode: testing\r\nmx: *.mail.protection.outlook.com\r\nmax_age: 604800\r\n"
PATH = "/.well-known/mta-sts.txt"
Serve = Callable[[Path], Served]


@pytest.fixture
def served(bake: Bake, serve: Serve) -> Served:
    """The default repository, served."""
    return serve(bake())


def test_the_policy_is_served_as_it_is_rendered(served: Served) -> None:
    """Bytes, content type and headers, under the domain's own host and under the app's."""
    for host in ("mta-sts.example.com", "MTA-STS.Example.COM:443", "mta-sts.example.com.", None):
        status, headers, body = served.ask(PATH, host)
        assert (status, body) == (200, POLICY)
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["Cache-Control"] == "no-store"


def test_the_stand_in_routes_as_the_functions_host(served: Served) -> None:
    """Any case, a trailing slash, 404 for a wrong method, no body for HEAD."""
    host = "mta-sts.example.com"
    assert served.ask("/.WELL-KNOWN/MTA-STS.TXT", host)[2] == POLICY
    assert served.ask(PATH + "/", host)[2] == POLICY
    assert served.ask(PATH + "?x=1", host)[2] == POLICY
    status, headers, body = served.ask(PATH, host, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(POLICY)), b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert served.ask(PATH, host, method)[0] == 404
    for path in (
        "/api" + PATH,
        "/.well-known/",
        "/.well-known/mta-sts.txt.bak",
        "/mta-sts.txt",
        "//.well-known/../etc/passwd",
    ):
        assert served.ask(path, host)[0] == 404


@pytest.mark.parametrize("host", ["mta-sts.example.net", "example.com", "x" * 5000, "../../etc/passwd", "%00"])
def test_a_stranger_gets_404(served: Served, host: str) -> None:
    """On both routes."""
    assert served.ask(PATH, host)[0] == 404
    assert served.ask("/", host)[0] == 404


def test_the_page_tells_people_what_is_in_force(served: Served) -> None:
    """The domain, the policy, the id; under a policy that lets no script run."""
    status, headers, body = served.ask("/", "mta-sts.example.com")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline';")
    page = body.decode()
    assert "<h2>example.com</h2>" in page
    assert "mx: *.mail.protection.outlook.com" in page
    assert "f946149ece0e06e09301c151215474f6" in page
    assert "<script" not in page


def test_custom_headers_come_only_where_the_function_set_none(tmp_path: Path) -> None:
    """As host.json's extensions.http.customHeaders do on Azure; a routePrefix counts too."""
    from werkzeug.test import Client
    from werkzeug.wrappers import Request

    (tmp_path / "host.json").write_text(
        '{"extensions": {"http": {"routePrefix": "v1", "customHeaders": {"X-A": "host", "X-B": "host"}}}}',
        encoding="utf-8",
    )
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.route(route='hello', methods=['GET'])\n"
        "async def hello(req):\n"
        "    return func.HttpResponse('hi', headers={'x-a': 'function'})\n",
        encoding="utf-8",
    )
    client = Client(Request.application(FunctionsHost(tmp_path, "localhost:1")))
    with client.get("/v1/hello") as answer:
        assert (answer.status_code, answer.headers.getlist("X-A"), answer.headers["X-B"]) == (200, ["function"], "host")
    with client.get("/hello") as answer:
        assert answer.status_code == 404


def test_ten_thousand_requests_at_sixteen_a_time_are_all_right(served: Served) -> None:
    """Two hosts in turn: no answer is lost, and none is another's."""

    def right(number: int) -> bool:
        host = "mta-sts.example.com" if number % 2 else "mta-sts.example.net"
        status, _, body = served.ask(PATH, host)
        return (status, body == POLICY) == ((200, True) if number % 2 else (404, False))

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(right, range(10_000))) == 10_000


@pytest.mark.parametrize("hosting", ["static-web-app", "front-door", "web-server"])
def test_the_static_kinds_are_served_too(bake: Bake, serve: Serve, hosting: str) -> None:
    """The same policy under the domain's host."""
    served = serve(bake(hosting=hosting))
    status, headers, body = served.ask(PATH, "mta-sts.example.com")
    assert (status, headers["Content-Type"], body) == (200, "text/plain; charset=utf-8", POLICY)
    assert served.ask("/", "mta-sts.example.com")[0] == 200
    assert served.ask("/../policy.yaml", "mta-sts.example.com")[0] == 404


def test_a_port_in_use_is_one_line(bake: Bake) -> None:
    """What, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = verb(bake(), "serve", "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} is in use by another program".encode() in done.stderr
    assert b"Traceback" not in done.stderr
