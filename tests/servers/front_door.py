"""Front Door on this machine, as a predicted deployment describes it: host names, a rule set, and the origin.

It knows what infra/front-door.bicep uses, and refuses anything else: a condition, another action, a cache.
What the real one puts in place of {hostname} for an odd Host header is not known: both readings can be tried.
"""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from bicep import Prediction

CDN = "Microsoft.Cdn/profiles"
Reading = Callable[[str], str]


def as_sent(host: str) -> str:
    """Return a Host header as it came."""
    return host


def normalised(host: str) -> str:
    """Return a Host header in lower case, without a port and a final dot."""
    return host.rpartition(":")[0].lower().rstrip(".") if ":" in host else host.lower().rstrip(".")


class Rewrite:
    """The one rule of the route's rule set: it puts something in place of the beginning of a path."""

    def __init__(self, found: Prediction) -> None:
        (route,), (rule_set,), (rule,) = (
            found.of(f"{CDN}/{kind}") for kind in ("afdEndpoints/routes", "ruleSets", "ruleSets/rules")
        )
        assert [each["id"] for each in route["properties"]["ruleSets"]] == [rule_set["id"]]
        assert "cacheConfiguration" not in route["properties"]
        assert set(rule["properties"]) == {"order", "actions"}  # without a condition, every request meets it
        (action,) = rule["properties"]["actions"]
        given = action["parameters"]
        assert (action["name"], given["preserveUnmatchedPath"]) == ("UrlRewrite", True)
        self.source, self.destination = given["sourcePattern"], given["destination"]

    def path(self, path: str, host: str) -> str:
        """Return the path that the origin is asked for."""
        assert path.startswith(self.source)
        return str(self.destination.replace("{hostname}", host) + path[len(self.source) :])


def host_names(found: Prediction) -> set[str]:
    """Return the host names that the route is bound to."""
    return {each["properties"]["hostName"] for each in found.of(f"{CDN}/customDomains")}


@contextmanager
def front_door(found: Prediction, endpoint: str, website: str, reading: Reading) -> Iterator[str]:
    """Serve on a loopback port until the block ends, and yield its URL.

    endpoint: the profile's own host name. website: the URL of the storage's container. It is read as a static website
    reads it: index.html for a folder, and 404 for what is not there.
    """
    rewrite, known = Rewrite(found), {*host_names(found), endpoint}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers.get("Host", "")
            if normalised(host) not in known:  # of no profile: Front Door answers itself
                return self._answer(404, b"Our services aren't available right now", "text/html")
            path = rewrite.path(posixpath.normpath(self.path), reading(host))
            blob = path + "index.html" if path.endswith("/") else path
            with urllib3.PoolManager() as pool:
                answer = pool.request("GET", website + blob, redirect=False, retries=False, timeout=10)
            return self._answer(answer.status, answer.data, answer.headers.get("Content-Type", ""))

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
