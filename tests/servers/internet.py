"""A small Internet: domains with a name server, a policy host and an MX host each, and `check` run against it.

Every part of a domain is good unless a test says otherwise, so what check finds is the one fault that was put there.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import trustme

from conftest import TEMPLATE, verb
from servers.bind import Named, txt
from servers.https import Answer, PolicyHosts, answers
from servers.loopback import IPV6, Listener, Loopback, SilentDns, Talk
from servers.smtp import mx_host
from servers.tls import Authority, by_name, context

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: *.mx.example\r\nmax_age: 604800\r\n"
ID = "d367b829e1d770ad047cfdb72da2a535"  # of the policy, by sha256sum
STS = f"v=STSv1; id={ID};"
GOOD = Answer(POLICY)
TLSRPT = "v=TLSRPTv1; rua=mailto:tls-reports@example.com;"
_GOOD_TALK = answers(POLICY, b"Content-Length: %d" % len(POLICY))
for name in ("werkzeug", "mail.log"):  # they tell of every fault that a test makes
    logging.getLogger(name).setLevel(logging.CRITICAL)

_REPOSITORY = """version: STSv1
mode: enforce
max_age: 604800
mx: ["*.mx.example"]
tls_reporting: {{rua: ["mailto:tls-reports@example.com"]}}
hosting: {{kind: web-server, hostname: www.example.com}}
domains:
{domains}"""


@dataclass(frozen=True)
class Place:
    """Where a server is to stand, for which host, and who makes its certificate."""

    address: str
    port: int
    host: str
    authority: Authority


Server = Callable[[Place], AbstractContextManager[object]]
Leaf = Callable[[Authority, str], trustme.LeafCert]


@dataclass(frozen=True)
class Site:
    """What one domain has. Records are written as in its zone file, with these places to fill:

    {https} and {smtp}: the addresses of its servers; {mx}: its MX host's label; {good_https} and {good_smtp}: the
    addresses of the servers that all good domains share; {nobody}: an address where nothing listens.
    """

    sts: str = f"_mta-sts {txt(STS)}"
    tlsrpt: str = f"_smtp._tls {txt(TLSRPT)}"
    host: str = "mta-sts A {https}"
    mx: str = "@ MX 10 {mx}.mx.example."
    mx_host: str = "{mx} A {smtp}"  # in the zone mx.example
    https: Answer | Server = GOOD
    smtp: Server | None = None  # None: the MX host that all good domains share
    ours: bool = True  # whether policy.yaml has it
    ipv6: bool = False  # whether its servers stand at ::1: one domain can have that
    failing: str | None = None  # the zone that does not load, as a prefix of the domain: "" or "_mta-sts."
    refusing: str | None = None
    silent: str | None = None


class Internet(AbstractContextManager["Internet"]):
    """The domains NAME.example for the sites given, running."""

    def __init__(self, folder: Path, sites: Mapping[str, Site]) -> None:
        self.net, self.authority, self.folder, self._sites = Loopback(), Authority(), folder, sites
        self._running = contextlib.ExitStack()
        with contextlib.ExitStack() as undone:
            undone.callback(self._running.close)
            self._start()
            undone.pop_all()

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def check(self, *words: str, timeout: float = 30, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run the verb against it, as its users do. Options among the words count more than its own."""
        return self.run("check", self.folder / "policy.yaml", *words, timeout=timeout, **variables)

    def run(
        self, name: str, policy: Path, *words: str, timeout: float = 30, **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run any verb that asks the network, for a policy.yaml."""
        given = self.words(policy, *words, timeout=timeout)
        return verb(TEMPLATE, name, *words, *given, env={"PYTHONDONTWRITEBYTECODE": "1", **variables})

    def words(self, policy: Path, *words: str, timeout: float = 30) -> list[str]:
        """Return the options that lead a verb to it, but for those that are among the words."""
        options = {
            "--file": policy,
            "--resolver": self.resolver,
            "--ca-file": self.folder / "ca.pem",
            "--https-port": self.net.https_port,
            "--smtp-port": self.net.smtp_port,
            "--timeout": timeout,
        }
        return [str(word) for option in options.items() if option[0] not in words for word in option]

    def _start(self) -> None:
        self.authority.write(self.folder / "ca.pem")
        ours = "".join(f"  {name}.example:\n" for name, site in self._sites.items() if site.ours)
        (self.folder / "policy.yaml").write_text(_REPOSITORY.format(domains=ours), encoding="utf-8")
        shared = {name: site.https if isinstance(site.https, Answer) else GOOD for name, site in self._sites.items()}
        self._policy_hosts = self._start_policy_hosts(shared)
        self._good_mx = self._start_server(mx(), self.net.smtp_port, "good.mx.example")
        zones = {"mx.example": f"good A {self._good_mx}\n"}
        for name, site in self._sites.items():
            own, of_mx = self._start_site(name, site)
            zones[f"{name}.example"] = own
            zones["mx.example"] += of_mx
        silent = self._running.enter_context(SilentDns(self.net.address(), self.net.dns_port))
        named = Named(
            self.folder,
            self.net.dns_port,
            {
                zone: records
                for zone, records in zones.items()
                if zone not in self._zones("failing", "refusing", "silent")
            },
            failing=self._zones("failing"),
            refusing=self._zones("refusing"),
            forwarded=dict.fromkeys(self._zones("silent"), (silent.address, self.net.dns_port)),
        )
        self.resolver = self._running.enter_context(named).resolver

    def _zones(self, *kinds: str) -> list[str]:
        """Return the zones that have one of these faults."""
        pairs = ((getattr(site, kind), name) for kind in kinds for name, site in self._sites.items())
        return [f"{prefix}{name}.example" for prefix, name in pairs if prefix is not None]

    def _start_policy_hosts(self, shared: Mapping[str, Answer]) -> str:
        """Start the one server that all good policy hosts share. Who names no host (SNI) gets a wrong certificate."""
        named = {f"mta-sts.{name}.example": answer for name, answer in shared.items()}
        leaves = self.authority.valid(*named), self.authority.valid("other.example")
        address = self.net.address()
        hosts = PolicyHosts(address, self.net.https_port, by_name(*map(context, leaves)), named)
        self._running.enter_context(hosts)
        return address

    def _start_site(self, name: str, site: Site) -> tuple[str, str]:
        """Start a domain's own servers, and return the records of its zone, and those for mx.example."""
        own_mx = f"{name}.mx.example"
        https, smtp = self._policy_hosts, self._good_mx
        if not isinstance(site.https, Answer):
            https = self._start_server(site.https, self.net.https_port, f"mta-sts.{name}.example", site.ipv6)
        if site.smtp:
            smtp = self._start_server(site.smtp, self.net.smtp_port, own_mx, site.ipv6)
        label = name if site.smtp else "good"
        delegated = [
            f"{prefix.rstrip('.')} NS ns.invalid." for prefix in (site.failing, site.refusing, site.silent) if prefix
        ]
        places = {
            "https": https,
            "smtp": smtp,
            "mx": label,
            "good_https": self._policy_hosts,
            "good_smtp": self._good_mx,
            "nobody": self.net.address(),
        }
        own = "\n".join([site.sts, site.tlsrpt, site.host, site.mx, *delegated]).format(**places)
        return own, f"{site.mx_host}\n".format(**places) if site.smtp else ""

    def _start_server(self, server: Server, port: int, host: str, ipv6: bool = False) -> str:
        place = Place(IPV6 if ipv6 else self.net.address(), port, host, self.authority)
        self._running.enter_context(server(place))
        return place.address


def raw(talk: Talk) -> Server:
    """Return a server that talks as given, without TLS: SMTP, or what never becomes HTTPS."""
    return lambda place: Listener(place.address, place.port, talk)


def talks(talk: Talk) -> Server:
    """Return a policy host with a good certificate that talks as given."""
    return shows(Authority.valid, talk=talk)


def shows(leaf: Leaf, only: str | None = None, talk: Talk = _GOOD_TALK) -> Server:
    """Return a policy host with this certificate. only: the one version of TLS that it speaks."""
    return lambda place: Listener(place.address, place.port, talk, context(leaf(place.authority, place.host), only))


def mx(leaf: Leaf = Authority.valid, only: str | None = None, refusing: bool = False) -> Server:
    """Return an MX host with this certificate."""

    def started(place: Place) -> AbstractContextManager[None]:
        named = context(leaf(place.authority, place.host), only)
        unnamed = context(place.authority.valid("other.example"))
        chosen = named if only else by_name(named, unnamed)
        return mx_host(place.address, place.port, chosen, refusing=refusing)

    return started


def nobody(_: Place) -> AbstractContextManager[object]:
    """Return no server: connections to the address are refused."""
    return contextlib.nullcontext()
