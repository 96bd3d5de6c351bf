"""The benchmark of check: against checkdmarc, against one domain alone, its memory, and what a hanging domain costs.

The servers stand on loopback in a process of their own, and each waits before it answers. Linux alone has the address
that hangs. The servers, checkdmarc, and the walk without a command line are started by words of this file's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from measure import Result, in_turns
from workshop import TESTS, TOOLKIT, environment

WAIT = 0.1  # seconds, that each server lets pass before it answers
ROUNDS = 5
NUMBER = 200
SAMPLE = 20  # of them for checkdmarc, which takes one after another
TIMEOUT = 3  # seconds, for a domain that hangs alone
LONGER = 6  # seconds, for one beside others: they are not to time out, even on a slow machine
PATIENCE = 60  # seconds, where none hangs

# good: one MX host. several: three of them. lost: 404 at the policy's path, so check looks where it may lie instead.
KINDS = ("good", *["good"] * 7, "several", "lost")
# mute: no question of DNS is answered. stuck: the addresses and the MX host are, and whatever they lead to hangs.
HANGING = ("mute", "stuck")
MX_HOSTS = {"several": ("mx1", "mx2", "mx3")}
GOOD, HANGS = "127.0.0.1", "127.0.0.2"
POLICY = "version: STSv1\r\nmode: enforce\r\n{mx}max_age: 604800\r\n"


class Ways(NamedTuple):
    """Where the servers are, and the file with the CA of their certificates."""

    dns: int
    https: int
    smtp: int
    ca: str


class Run(NamedTuple):
    """One run of check as a whole process. peak: the most memory that it took, in MB."""

    seconds: float
    peak: float


def check_speed(repository: Path) -> Iterator[Result]:
    """Measure check against servers that each wait 100 ms."""
    if sys.platform != "linux":
        print("check is not measured: its servers need Linux", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as ways:
        yield from _speed(repository, ways)
        yield from _hanging(repository, ways)


def domains(number: int) -> list[str]:
    """Return the names of so many domains, the kinds in their shares."""
    return [f"{KINDS[index % len(KINDS)]}-{index}.example" for index in range(number)]


def _speed(repository: Path, ways: Ways) -> Iterator[Result]:
    """Compare many domains with checkdmarc, and with one domain."""
    peaks: list[float] = []

    def many() -> float:
        run = _check(repository, ways, domains(NUMBER), PATIENCE)
        peaks.append(run.peak)
        return run.seconds

    singles = [f"{kind}-1.example" for kind in dict.fromkeys(KINDS)]
    alone = [partial(_seconds, repository, ways, [name], PATIENCE) for name in singles]
    ours, theirs, *ones = in_turns(ROUNDS, many, partial(_checkdmarc, ways), *alone)
    theirs *= NUMBER / SAMPLE
    shown = f"{ours:.2f} s / {theirs:.1f} s, of which {SAMPLE} domains were measured"
    yield Result(f"check, {NUMBER} domains / checkdmarc", ours / theirs, 0.05, "", shown)
    slowest = max(ones)
    shown = f"{ours:.2f} s / {slowest:.2f} s, the slowest of {', '.join(dict.fromkeys(KINDS))}"
    yield Result(f"check, {NUMBER} domains / the slowest of them alone", ours / slowest, 3, "", shown)
    yield Result(f"check, {NUMBER} domains, memory", median(peaks), 150, " MB", "peak of the process")


def _hanging(repository: Path, ways: Ways) -> Iterator[Result]:
    """Measure what a domain whose servers all hang costs: itself its timeout, and others nothing."""
    alone = [partial(_seconds, repository, ways, [f"{kind}.example"], TIMEOUT) for kind in HANGING]
    slower = max(in_turns(3, *alone))
    shown = f"{slower:.2f} s / {TIMEOUT} s, the slower of {', '.join(HANGING)}"
    yield Result("check, a domain that hangs / its timeout", slower / TIMEOUT, 1.5, "", shown)
    good = domains(NUMBER)
    both = [f"{HANGING[-1]}.example", *good]  # what hangs has the first turn
    runs = [partial(_seconds, repository, ways, names, LONGER) for names in (good, both)]
    many, more = in_turns(3, *runs)
    shown = f"{more:.2f} s / ({many:.2f} s + {LONGER} s)"
    yield Result(f"check, {NUMBER} domains and one that hangs / both in turn", more / (many + LONGER), 1, "", shown)
    beside, without = in_turns(ROUNDS, *(partial(_others, repository, ways, names) for names in (both, good)))
    shown = f"{beside:.2f} s / {without:.2f} s, to the last of the {NUMBER}"
    yield Result(f"check, {NUMBER} domains beside one that hangs / without it", beside / without, 1.2, "", shown)


def _check(repository: Path, ways: Ways, names: list[str], timeout: int) -> Run:
    """Run check as a user does, and see that it saw each domain as it is: a fault would be fast too."""
    options = ["--resolver", f"{GOOD}:{ways.dns}", "--https-port", str(ways.https), "--smtp-port", str(ways.smtp)]
    options += ["--ca-file", ways.ca, "--timeout", str(timeout), "--file", "none.yaml", "--format", "json"]
    words = [str(environment(TOOLKIT)), "-m", "mtasts", "check", *names, *options]
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(words, cwd=repository, stdout=output)
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        found = json.load(output)
    faults = {finding["domain"] for finding in found["findings"] if finding["severity"] == "error"}
    unknown = {each["domain"] for each in found["domains"] if "unknown" in [group["does"] for group in each["groups"]]}
    wrong = (faults | unknown) ^ {name for name in names if name.startswith(("lost", *HANGING))}
    if wrong or [each["domain"] for each in found["domains"]] != names:
        raise SystemExit(f"check sees {len(names)} domains other than they are: {sorted(wrong)[:5]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def _seconds(repository: Path, ways: Ways, names: list[str], timeout: int) -> float:
    return _check(repository, ways, names, timeout).seconds


def _checkdmarc(ways: Ways) -> float:
    """Return the seconds that checkdmarc takes for some domains, without its start."""
    return _told(environment(TESTS), Path.cwd(), "checkdmarc", ways, domains(SAMPLE), {"REQUESTS_CA_BUNDLE": ways.ca})


def _others(repository: Path, ways: Ways, names: list[str]) -> float:
    """Return the seconds until the last domain that does not hang is done, without the start of the process."""
    return _told(environment(TOOLKIT), repository, "walk", ways, names, {"PYTHONPATH": str(repository)})


def _told(python: Path, folder: Path, word: str, ways: Ways, names: list[str], more: dict[str, str]) -> float:
    """Return the seconds that this file tells, started with one of its words."""
    variables = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [str(python), __file__, word, json.dumps(ways), json.dumps(names)]
    done = subprocess.run(command, cwd=folder, env=variables | more, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[Ways]:
    """Run the servers in a process of their own, for as long as its input is open."""
    command = [str(environment(TESTS)), __file__, "serve", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        try:
            yield Ways(*json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()


# What follows runs in processes of its own, each with the environment that has what it imports.


def checkdmarc(ways: str, names: str) -> None:
    """Print the seconds that checkdmarc takes for the MTA-STS check of each domain, one after another.

    It asks port 443 and the system's resolver. Both are turned to the servers, and nothing else is changed.
    """
    import dns.resolver
    from checkdmarc.mta_sts import check_mta_sts

    at = Ways(*json.loads(ways))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [GOOD], at.dns

    def looked_up(host: str, *_: object) -> list[tuple[Any, ...]]:
        found = resolver.resolve(host, "A")  # the system asks for AAAA at the same time, so it waits once as well
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (str(each), at.https)) for each in found]

    socket.getaddrinfo = looked_up  # type: ignore[assignment]
    start = time.perf_counter()
    found = {name: check_mta_sts(name, resolver=resolver) for name in json.loads(names)}
    seconds = time.perf_counter() - start
    if wrong := [name for name, each in found.items() if each["valid"] == name.startswith("lost")]:
        raise SystemExit(f"checkdmarc sees domains other than they are: {found[wrong[0]]}")
    print(seconds)


def walk(ways: str, names: str) -> None:
    """Print the seconds from the start of the walk until the last domain that does not hang is done."""
    from mtasts.check.walk import Checked, Wanted, walk_all
    from mtasts.cli._network import clients

    at = Ways(*json.loads(ways))
    out = clients((GOOD, at.dns), at.ca, at.https, at.smtp)
    times: list[float] = []

    def done(checked: Checked) -> None:
        if not checked.domain.startswith(HANGING):
            times.append(time.perf_counter())

    start = time.perf_counter()
    asyncio.run(walk_all([Wanted(name) for name in json.loads(names)], out, timeout=LONGER, done=done))
    print(max(times) - start)


def serve(folder: str) -> None:
    """Serve all domains until the input ends. Print the ports and the path of the CA's certificate."""
    asyncio.run(_serve(Path(folder, "ca.pem")))


async def _serve(ca: Path) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca)
    tls = _context(authority)
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(_Dns, local_addr=(GOOD, 0))
    udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    web = await asyncio.start_server(_https, GOOD, 0, ssl=tls, backlog=1000)
    mail = await asyncio.start_server(partial(_smtp, tls), GOOD, 0, backlog=1000)
    dns, https, smtp = (each.getsockname()[1] for each in (udp.get_extra_info("socket"), *web.sockets, *mail.sockets))
    # Nobody takes what is connected to these, so the kernel says yes to it, and that is all that is ever said.
    with socket.create_server((HANGS, https)), socket.create_server((HANGS, smtp)):
        print(json.dumps(Ways(dns, https, smtp, str(ca))), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _context(authority: Any) -> ssl.SSLContext:
    """Return a context that shows each host the certificate of its domain, which is made when first asked for."""

    def chosen(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = made(_domain(name or ""))

    @cache
    def made(domain: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(f"*.{domain}").configure_cert(context)
        return context

    outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outer.sni_callback = chosen
    return outer


class _Dns(asyncio.DatagramProtocol):
    """A name server. It works out each answer once, so that it costs little beside what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, sender: tuple[Any, ...]) -> None:
        if answer := _answer(data[2:]):
            asyncio.get_running_loop().call_later(WAIT, self._transport.sendto, data[:2] + answer, sender)


@cache
def _answer(question: bytes) -> bytes | None:
    """Return the answer to a question, both without the id of their message, or None where none is to come."""
    import dns.message
    import dns.rcode
    import dns.rdatatype
    import dns.rrset

    asked = dns.message.from_wire(b"\0\0" + question)
    name, kind = asked.question[0].name, dns.rdatatype.to_text(asked.question[0].rdtype)
    domain = _domain(name.to_text(omit_final_dot=True))
    if domain.startswith("mute") or (domain.startswith("stuck") and kind == "TXT"):
        return None
    records = _records(domain, HANGS if domain.startswith("stuck") else GOOD)
    values = records.get((name.to_text(omit_final_dot=True), kind))
    answer = dns.message.make_response(asked, recursion_available=True)
    if values:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
    else:
        soa = f"ns.{domain}. root.{domain}. 1 60 60 60 60"
        answer.authority.append(dns.rrset.from_text(f"{domain}.", 60, "IN", "SOA", soa))
        if name.to_text(omit_final_dot=True) not in {known for known, _ in records}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire()[2:]


def _records(domain: str, address: str) -> dict[tuple[str, str], list[str]]:
    """Return all records of a domain, by name and type."""
    hosts = _mx_hosts(domain)
    return {
        (f"_mta-sts.{domain}", "TXT"): ['"v=STSv1; id=20240101T000000;"'],
        (f"_smtp._tls.{domain}", "TXT"): ['"v=TLSRPTv1; rua=mailto:tls@example.com"'],
        (domain, "MX"): [f"10 {host}." for host in hosts],
        **{(host, "A"): [address] for host in (f"mta-sts.{domain}", *hosts)},
    }


def _mx_hosts(domain: str) -> list[str]:
    return [f"{host}.{domain}" for host in MX_HOSTS.get(domain.partition("-")[0], ("mx",))]


def _domain(name: str) -> str:
    """Return the domain that a name of a host or of a record belongs to."""
    return ".".join(name.lower().split(".")[-2:])


async def _https(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request as a policy host."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        await asyncio.sleep(WAIT)
        domain = _domain(re.findall(r"\r\nHost: ([^\r:]+)", head)[0])
        status = "404 Not Found" if domain.startswith("lost") else "200 OK"
        policy = POLICY.format(mx="".join(f"mx: {host}\r\n" for host in _mx_hosts(domain)))
        headers = f"Content-Type: text/plain\r\nContent-Length: {len(policy)}\r\nConnection: close"
        writer.write(f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n{policy}".encode())
        writer.close()


async def _smtp(tls: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Go with a client as far as TLS, and end there."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await asyncio.sleep(WAIT)
        writer.write(b"220 mx.example ESMTP\r\n")
        while not (await reader.readuntil()).upper().startswith(b"STARTTLS"):
            writer.write(b"250-mx.example\r\n250 STARTTLS\r\n")
        writer.write(b"220 2.0.0 go on\r\n")
        await writer.drain()
        loop, plain = asyncio.get_running_loop(), writer.transport
        made = await loop.start_tls(plain, plain.get_protocol(), tls, server_side=True)
        if made:
            made.close()


if __name__ == "__main__":
    WORDS: dict[str, Callable[..., None]] = {"checkdmarc": checkdmarc, "walk": walk, "serve": serve}
    WORDS[sys.argv[1]](*sys.argv[2:])
