"""Each DNS provider, and a repository that publishes to it: octoDNS's real provider runs, and the provider is made up.

For Azure, Cloudflare and Route 53 a server on this machine speaks the provider's own API. RFC 2136 is a real bind9.
"""

from __future__ import annotations

import gc
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import dns.name
import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import dns.zone
import pytest
from click.testing import CliRunner
from dns.rdtypes.ANY.TXT import TXT

from conftest import verb
from mtasts.cli import _common, _octodns, main
from mtasts.cli.verbs import publish
from repositories import Repository
from servers.api import Api, zone_of
from servers.bind import UPDATE_KEY, Named, txt
from servers.dns_azure import TOKEN, Azure
from servers.dns_cloudflare import Cloudflare
from servers.dns_route53 import Route53
from servers.loopback import Loopback

# The look at HTTPS before an announcement has tests of its own; a policy host is none of a DNS provider's business.
SECRETS = ("CLOUDFLARE_TOKEN", "AWS_SECRET_ACCESS_KEY", "RFC2136_KEY_SECRET")

POLICY = """version: STSv1
mode: testing
max_age: {max_age}
mx: [mx.example.com]
tls_reporting: {{rua: ["mailto:tls@example.com"]}}
hosting: {{hostname: www.example.org, {hosting}}}
domains:
"""


class Bind:
    """The same as an Api, with bind9 behind it. It begins when it is first asked, with the zones that it has then."""

    provider = "rfc2136"
    options = ""
    # What the README's update-policy grants, and a web server needs of it.
    RIGHTS = frozenset(
        f"name {name}.example.com {kind}"
        for name, kind in {"mta-sts": "CNAME", "_mta-sts": "TXT", "_smtp._tls": "TXT"}.items()
    )

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder, self._running, self._port = folder, running, Loopback().dns_port
        self._zones: dict[str, list[str]] = {}
        self._named: Named | None = None
        self.rights: frozenset[str] | None = None
        self.environment = {
            "RFC2136_HOST": Loopback.dns,
            "RFC2136_PORT": str(self._port),
            "RFC2136_KEY_NAME": "update",
            "RFC2136_KEY_SECRET": UPDATE_KEY,
        }

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._named is None:
            zones = {zone: "\n".join(lines) for zone, lines in self._zones.items()}
            named = Named(self._folder, self._port, zones, updates=self.rights is None, grants=self.rights or ())
            self._named = self._running.enter_context(named)

    def add_zone(self, zone: str, private: bool = False) -> None:
        """Make a zone. A name server has no private ones beside: they are another view, with a key of its own."""
        if not private:
            self._zones[zone] = []

    def zones(self) -> list[str]:
        """Return the names of all zones."""
        return sorted(self._zones)

    def put(self, name: str, kind: str, values: list[str], ttl: int = 3600) -> None:
        """Write a record set as somebody else."""
        zone = zone_of(name, self._zones)
        written = [txt(value).removeprefix("TXT ") if kind == "TXT" else value for value in values]
        if self._named is None:
            self._zones[zone] += [f"{name}. {ttl} {kind} {value}" for value in written]
            return
        key = dns.tsigkeyring.from_text({"update": UPDATE_KEY})
        update = dns.update.Update(zone, keyring=key, keyalgorithm="hmac-sha256")
        update.delete(f"{name}.", kind)
        for value in written:
            update.add(f"{name}.", ttl, kind, value)
        dns.query.tcp(update, Loopback.dns, port=self._port, timeout=10)

    def all(self) -> list[str]:
        """Return the records of all zones but for their SOA, sorted: `name TTL TYPE value`."""
        self.start()
        return sorted(line for zone in self._zones for line in self._records(zone))

    def _records(self, zone: str) -> Iterator[str]:
        found = dns.zone.from_xfr(
            dns.query.xfr(Loopback.dns, zone, port=self._port, relativize=False), relativize=False
        )
        for owner, ttl, data in found.iterate_rdatas():
            value = b"".join(data.strings).decode() if isinstance(data, TXT) else data.to_text()
            if data.rdtype != dns.rdatatype.SOA:
                yield f"{owner.to_text(omit_final_dot=True)} {ttl} {dns.rdatatype.to_text(data.rdtype)} {value}"


Provider = Api | Bind


class Done(NamedTuple):
    """How publish ended, and all that it wrote."""

    code: int
    printed: str


class Publisher:
    """A baked repository in git, and the provider that it publishes to."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder, self.provider = folder, provider
        with (folder / "dns" / "provider.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\n{provider.options}\n")
        self._repository = Repository(folder)

    def write(self, *domains: str, max_age: int = 604800, hosting: str = "kind: web-server") -> None:
        """Commit a policy.yaml, with a line for each domain: what a branch has rendered is its own."""
        text = POLICY.format(max_age=max_age, hosting=hosting) + "".join(f"  {domain}\n" for domain in domains)
        self._repository.commit({"policy.yaml": text}, "2026-11-01T12:00:00")

    def publish(self, stage: str, *words: str, **variables: str) -> Done:
        """Run the verb in this process: to import octoDNS and its providers takes most of the time of a run."""
        with ExitStack() as undo:
            undo.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # the providers' packages have their own
            undo.enter_context(mock.patch.dict(os.environ, self._environment(variables), clear=True))
            patch = undo.enter_context(pytest.MonkeyPatch.context())
            patch.chdir(self.folder)
            for module in (_common, _octodns, publish):
                patch.setattr(module, "ROOT", self.folder)
            done = CliRunner().invoke(main, ["publish", *self._words(stage, words)])
            gc.collect()  # what the providers leave open
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return self._without_secrets(Done(done.exit_code, done.output))

    def run(self, stage: str, *words: str) -> Done:
        """Run the verb as a pipeline does."""
        done = verb(self.folder, "publish", *self._words(stage, words), env=self._environment({}))
        return self._without_secrets(Done(done.returncode, done.stdout.decode() + done.stderr.decode()))

    def _without_secrets(self, done: Done) -> Done:
        assert not [name for name in SECRETS if self.provider.environment.get(name, "none") in done.printed]
        assert TOKEN not in done.printed
        return done

    def _words(self, stage: str, words: Sequence[str]) -> list[str]:
        if isinstance(self.provider, Bind):
            self.provider.start()
        return [stage, *words, *(["--no-check"] if stage == "announcement" else [])]

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        usual = {name: value for name, value in os.environ.items() if name not in ("GITHUB_ACTIONS", "TF_BUILD")}
        return {**usual, **self.provider.environment, **variables}


def begin(name: str, baked: Path, folder: Path, running: ExitStack) -> Publisher:
    """Return a provider without a zone, and a copy of a baked repository that leads to it. folder: an empty one."""
    provider: Provider
    if name == "rfc2136":
        provider = Bind(folder, running)
    else:
        kinds: dict[str, Callable[[], Api]] = {"cloudflare": Cloudflare, "route53": Route53}
        provider = running.enter_context(kinds.get(name, lambda: Azure(folder))())
    return Publisher(shutil.copytree(baked, folder / "repository"), provider)


# What others have: of several kinds, and with names that look like ours.
OTHERS = [
    ("example.com", "MX", ["10 mx.example.com."]),
    ("example.com", "TXT", ["v=spf1 -all", "another; value"]),
    ("mx.example.com", "A", ["192.0.2.2"]),
    ("old-mta-sts.example.com", "CNAME", ["www.example.com."]),
    ("_mta-sts.other.example.com", "TXT", ["v=STSv1; id=theirs;"]),
    ("_smtp._tls.other.example.com", "TXT", ["v=TLSRPTv1; rua=mailto:theirs@example.org;"]),
]
