"""check with peers that answer arbitrary bytes or have thousands of addresses, and on a machine with few open files.

Each row is a real server. What it does is one finding of its own step, and the other domains are looked at as ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import TEMPLATE, verb
from mtasts.check import mx_hosts, outcome, policy_host
from mtasts.check.clients import tls
from mtasts.check.clients.https import Failed
from mtasts.check.clients.resolver import Lookup
from mtasts.check.clients.tls import Fault
from mtasts.sts.policy import Policy
from mtasts.system.deadline import Deadline
from servers import https, smtp
from servers.internet import POLICY, Internet, Server, Site, raw, talks

pytestmark = pytest.mark.slow  # starts servers with thousands of addresses

LENGTH = b"Content-Length: %d" % len(POLICY)
CHUNKED = b"Transfer-Encoding: chunked"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def chunk(size: bytes) -> Server:
    """Return a policy host that sends the policy as a chunk of this size."""
    return talks(https.answers(size + b"\r\n" + POLICY + b"\r\n0\r\n\r\n", CHUNKED))


def before(*interim: bytes) -> Server:
    """Return a policy host that sends these bytes before its answer."""
    return talks(https.answers(POLICY, LENGTH, head=b"".join(interim) + HEAD))


def sends(*parts: bytes) -> Server:
    """Return a policy host that answers with these bytes."""
    return talks(https.sends(*parts))


# What the policy host does, and the rules that are found. The source of each row is in its comment.
HTTPS: dict[str, tuple[Server, set[str]]] = {
    "chunk-negative": (chunk(b"-5"), {"MTS314"}),  # RFC 9112 §7.1: HEXDIG alone; Python's int() reads a sign
    "chunk-all": (chunk(b"-1"), {"MTS314"}),  # a read of -1 is a read to the end
    "chunk-huge": (chunk(b"f" * 400), {"MTS314"}),
    "chunk-text": (chunk(b"policy"), {"MTS314"}),
    "chunk-none": (chunk(b""), {"MTS314"}),
    "chunk-good": (chunk(b"%x" % len(POLICY)), set()),
    "early-hints": (before(EARLY), set()),  # RFC 8297; Cloudflare and Front Door can send it
    "interim-many": (before(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n", EARLY), set()),
    "interim-five": (before(*[EARLY] * 5), set()),  # Go's net/http: max1xxResponses
    "interim-six": (before(*[EARLY] * 6), {"MTS314"}),
    "interim-alone": (sends(EARLY), {"MTS314"}),
    "switching": (sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), {"MTS309"}),  # RFC 9110 §15.2.2
    "status-text": (sends(b"HTTP/1.1 OK\r\n\r\n"), {"MTS314"}),
    "status-1000": (sends(b"HTTP/1.1 1000 Many\r\n\r\n"), {"MTS314"}),
    "status-0": (sends(b"HTTP/1.1 000 None\r\n\r\n"), {"MTS314"}),
    "status-negative": (sends(b"HTTP/1.1 -200 OK\r\n\r\n"), {"MTS314"}),
    "nothing": (sends(), {"MTS314"}),
    "zeros": (sends(b"\0" * 5000), {"MTS314"}),
    "header-long": (sends(HEAD, b"X: " + b"x" * 70_000 + b"\r\n\r\n"), {"MTS314"}),
    "headers-many": (sends(HEAD, b"X: x\r\n" * 200, b"\r\n"), {"MTS314"}),
    "length-negative": (sends(HEAD, b"Content-Length: -5\r\n\r\n", POLICY), set()),  # read to the end, as if unsaid
    "length-huge": (talks(https.answers(POLICY, b"Content-Length: " + b"9" * 30)), {"MTS314"}),
}
SMTP: dict[str, tuple[Server, set[str]]] = {
    "smtp-zeros": (raw(smtp.greets(b"\0" * 5000 + b"\r\n")), {"MTS412"}),
    "smtp-code-text": (raw(smtp.greets(b"abc mx\r\n")), {"MTS412"}),
    "smtp-code-negative": (raw(smtp.greets(b"-20 mx\r\n")), {"MTS412"}),
    "smtp-http": (raw(smtp.greets(b"HTTP/1.1 400 Bad Request\r\n\r\n")), {"MTS412"}),
    "smtp-tls": (raw(smtp.greets(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n")), {"MTS412"}),
    "smtp-line-long": (raw(smtp.greets(b"220 " + b"x" * 20_000 + b"\r\n")), {"MTS412"}),
    "smtp-ehlo-garbage": (raw(smtp.extends(b"250-\xff\xfe\r\n250-\0\r\n250 \r\n")), {"MTS414"}),
    "smtp-tls-garbage": (raw(smtp.starts_tls(smtp.garbled_handshake)), {"MTS416"}),
}
# Documented by nobody: a zone may hold what its owner wants. 60 hosts with 70 addresses each are 4,200 addresses.
ADDRESSES = "\n".join(f"m{host} A 127.200.{host}.{number}" for host in range(60) for number in range(1, 71))
MANY = Site(mx="\n".join(f"@ MX {host} m{host}" for host in range(60)) + f"\n{ADDRESSES}")
WIDE = Site(host="mta-sts A {https}\n" + "\n".join(f"mta-sts A 127.201.0.{number}" for number in range(1, 100)))
SITES = {
    **{name: Site(https=server) for name, (server, _) in HTTPS.items()},
    **{name: Site(smtp=server) for name, (server, _) in SMTP.items()},
    "many": MANY,
    "wide": WIDE,
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """Return all findings."""
    with Internet(tmp_path_factory.mktemp("peers"), SITES) as internet:
        done = internet.check("--format", "json", timeout=20)
        assert done.stderr == b""
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        yield findings


@pytest.mark.parametrize("name", [*HTTPS, *SMTP])
def test_any_bytes_are_one_finding_of_their_step(found: list[dict[str, Any]], name: str) -> None:
    """Only the step has a finding: the rest of the domain is checked as usual."""
    expected = {**HTTPS, **SMTP}[name][1]
    assert {each["rule"] for each in found if each["domain"] == f"{name}.example"} == expected


def test_a_domain_cannot_make_this_machine_connect_to_thousands_of_addresses(found: list[dict[str, Any]]) -> None:
    """It checks 50 hosts with two addresses each; the message says what it did not check, and forgets no host."""
    many = [each for each in found if each["domain"] == "many.example"]
    refused = [each for each in many if each["rule"] == "MTS411"]
    assert len(refused) == 100
    assert len({each["message"].partition(" ")[0] for each in refused}) == 50
    (cap,) = (each for each in many if each["rule"] == "MTS214")
    assert cap["message"] == (
        "many.example: 10 MX hosts and 3400 addresses were not checked; the limit is 50 hosts and 100 addresses."
        " Publish fewer."
    )
    (uncovered,) = (each for each in many if each["rule"] == "MTS401" and "m50" in each["message"])
    assert " and 7 more. Add what is missing to mx." in uncovered["message"]


def test_a_policy_host_with_a_hundred_addresses_is_looked_at_twenty_times(found: list[dict[str, Any]]) -> None:
    """One finding reports the rest."""
    wide = [each for each in found if each["domain"] == "wide.example"]
    (cap,) = (each for each in wide if each["rule"] == "MTS214")
    assert cap["message"] == ("mta-sts.wide.example has 80 more addresses than the limit of 20. Publish fewer.")
    assert len([each for each in wide if each["rule"] == "MTS301"]) in (19, 20)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("files", [40, 256])
def test_few_open_files_are_no_fault_of_the_domains(tmp_path: Path, files: int) -> None:
    """200 good domains, and a limit too low for all of them at the same time: `ulimit -n 256`, and far less."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    with Internet(tmp_path, {f"d{number}": Site() for number in range(200)}) as internet:
        words = internet.words(tmp_path / "policy.yaml")
        done = verb(TEMPLATE, "check", "--format", "json", *words, preexec_fn=limit)
    assert done.stderr == b""
    assert [each["rule"] for each in json.loads(done.stdout)["findings"]] == []
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_machine_without_room_waits_and_then_says_so() -> None:
    """If no file can be opened, the domain is not at fault; the run continues as soon as one can be opened."""
    import resource

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        lookup = Lookup(("127.0.0.1", port))
        spare = [os.dup(listening.fileno())]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare[0] + 3, hard))
        with contextlib.suppress(OSError):
            while True:
                spare.append(os.dup(listening.fileno()))
        try:
            answer = lookup("example.com", "A", Deadline(0.5))
            with pytest.raises(OSError) as caught:
                tls.connect("127.0.0.1", port, Deadline(0.5))
            threading.Timer(0.3, os.close, [spare.pop()]).start()
            tls.connect("127.0.0.1", port, Deadline(30)).close()
        finally:
            for each in spare:
                os.close(each)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert tls.fault(caught.value) is Fault.NOT_TRIED
    for found in (
        policy_host.evaluate(policy_host.Observed("mta-sts.a.example", (answer, answer), ()), None),
        mx_hosts.evaluate("a.example", mx_hosts.Observed(answer, ()), None),
    ):
        assert ([each.rule.id for each in found.unseen], found.findings) == (["MTS298"], [])
    host = mx_hosts.Host("mx.a.example", (), (Failed("127.0.0.1", Fault.NOT_TRIED, 0),))
    enforce = Policy.parse(POLICY.decode().replace("*.mx.example", "mx.a.example"))
    assert outcome.at_host(host, enforce) == outcome.Delivery(outcome.Does.UNKNOWN, unseen=("mx.a.example",))
