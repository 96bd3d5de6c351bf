"""serve: the Function behind the stand-in, and the static kinds."""

import concurrent.futures
import contextlib
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Bake, Served, verb
from mtasts.hosting import serve as serve_module
from mtasts.hosting.functions_host import FunctionsHost

pytestmark = pytest.mark.slow  # bakes and serves

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


LONG = b"x" * 70_000
BYTES: list[tuple[bytes, set[int]]] = [
    (b"FOO\r\n\r\n", {400}),
    (b"\r\n", {0, 400}),
    (b"GET\r\n\r\n", {400}),
    (b"GET / HTTP/x\r\n\r\n", {400}),
    (b"GET / HTTP/9.9\r\n\r\n", {505}),
    (b"GET / a b HTTP/1.1\r\n\r\n", {400}),
    (b"GET //[ HTTP/1.1\r\nHost: a\r\n\r\n", {404}),
    (b"GET http://[::1 HTTP/1.1\r\n\r\n", {400}),
    (b"GET /%ff%00 HTTP/1.1\r\nHost: %00\r\n\r\n", {404}),
    (b"GET / HTTP/1.1\r\nHost: \xff\xfe:99999999\r\n\r\n", {400, 404}),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", {400, 404}),
    (b"GET / HTTP/1.1\r\nHost: xn--a.example\r\n\r\n", {400}),  # no letters come out of it
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n", {400}),  # a TLS handshake
    (b"\0" * 1000 + b"\r\n\r\n", {400}),
    (b"GET /" + LONG + b" HTTP/1.1\r\n\r\n", {414}),
    (b"GET / HTTP/1.1\r\nX: " + LONG + b"\r\n\r\n", {431}),
    (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 500 + b"\r\n", {431}),
    *(
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, {400})
        for chunks in (b"zz\r\nx\r\n", b"-5\r\nx\r\n", b"5\r\nx\r\n0\r\n\r\n", b"\r\n", b"1\r\nxyz\r\n", b"")
    ),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nshort", {400}),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n", {400, 404}),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, {413}),
]


@pytest.mark.parametrize("hosting", ["function", "web-server"])
def test_any_bytes_are_answered_without_a_traceback(bake: Bake, hosting: str) -> None:
    """J13: with a status of 4xx, or by closing; a line for each is printed, and a good request is served as ever."""
    with started(bake(hosting=hosting)) as (port, lines):
        for content, statuses in BYTES:
            assert answered(port, content) in statuses, content[:80]
        good = b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.com\r\n\r\n"
        assert answered(port, good) == 200
    printed = "".join(lines)
    assert "Traceback" not in printed
    assert "\x1b" not in printed
    assert "400 'FOO'" in printed


def test_a_request_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte at a time, each soon after the last: the time is that of the whole request."""
    monkeypatch.setattr("mtasts.hosting.serve.SECONDS", 0.5)
    ready: queue.Queue[int] = queue.Queue()
    static = serve_module.static_host({"a/index.html": b"x"}, str)
    threading.Thread(target=serve_module.run, args=(static, 0, ready.put), daemon=True).start()
    port = ready.get()
    for head in (b"GE", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nContent-Length: 999\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), 10) as slow:
            slow.sendall(head)
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    slow.sendall(b"x")
                    slow.settimeout(0.05)
                    with contextlib.suppress(TimeoutError):
                        assert slow.recv(100)[:12] in (b"", b"HTTP/1.1 400")
                        break
                else:
                    pytest.fail("the connection stays open")


def answered(port: int, content: bytes) -> int:
    """Send bytes and no more, and return the status of the answer; 0 if there is none."""
    with socket.create_connection(("127.0.0.1", port), 15) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
        said = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65_536):
                said += part
    found = re.match(rb"HTTP/1.1 ([0-9]{3}) ", said)
    assert found or not said
    return int(found[1]) if found else 0


@contextlib.contextmanager
def started(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Run serve; give its port, and the lines that it prints, all of them once it has ended."""
    command = [sys.executable, "-u", "-m", "mtasts", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    lines = [process.stdout.readline()]
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
    reader.start()
    try:
        yield int(lines[0].split("localhost:")[1].split("/")[0]), lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


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
