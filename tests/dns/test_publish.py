"""publish with a real bind9, which octoDNS changes through RFC 2136 with the baked repository's own configuration.

The tests read back what was published, and everything else in the zone, by a zone transfer.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import shutil
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import dns.query
import dns.rdatatype
import dns.resolver
import dns.tsigkeyring
import dns.update
import dns.zone
import pytest
from cookiecutter.main import cookiecutter

from conftest import ROOT, Bake, verb
from repositories import Repository
from servers.bind import UPDATE_KEY, Named, txt
from servers.https import PATH, Answer, PolicyHosts
from servers.loopback import Connection, Listener, Loopback
from servers.smtp import mx_host
from servers.tls import Authority, context

pytestmark = pytest.mark.slow  # starts name servers, and runs octoDNS against them

# The ids of the policies of these tests, by sha256sum.
TESTING = "862e2bab291cfe999cbbf2c298cebc64"
LONGER = "d6ef6013fce40a3e010618c7e4f6d85d"  # max_age: 700000
ENFORCED = "4172a0d93a79400fbaa88820cfcfaa55"  # and mode: enforce

# What others have in a zone: of every kind, and with names that look like ours.
OTHERS = r"""
@ MX 10 mx
@ TXT "v=spf1 -all"
@ CAA 0 issue "letsencrypt.org"
mx A 192.0.2.2
www A 192.0.2.1
* A 192.0.2.3
old-mta-sts CNAME www
mta-sts.other TXT "theirs"
_mta-sts.other TXT "v=STSv1; id=theirs;"
_smtp._tls.other TXT "v=TLSRPTv1; rua=mailto:theirs@example.org;"
asuid.mta-sts.other TXT "theirs"
_mta-sts.mta-sts TXT "v=STSv1; id=misplaced;"
_tls TXT "a" "b c" "d\"e\\f;g"
_dmarc TXT "v=DMARC1; p=reject"
_25._tcp.mx TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
_sip._tcp SRV 1 2 3 sip
ptr PTR x.example.org.
alias DNAME other.example.org.
host HINFO "a" "b"
new TYPE65280 \# 1 00
svc HTTPS 1 . alpn=h2
child NS ns.child
ns.child A 192.0.2.4
MiXed CNAME Other.Example.
"""


class Done(NamedTuple):
    """How a command ended. printed: all that it wrote, to its output and about its errors."""

    code: int
    printed: str

    @property
    def lines(self) -> list[str]:
        """Its output, line by line."""
        return self.printed.splitlines()


class World:
    """A baked repository in git, and the name server that it publishes to."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self._scratch = folder, scratch
        self.net = Loopback()
        shutil.rmtree(folder / ".git", ignore_errors=True)  # of the test before
        self.repository = Repository(folder)

    def serving(self, zones: dict[str, str], **options: Any) -> Named:
        """Return the name server, with these zones."""
        folder = self._scratch / f"named-{len(list(self._scratch.iterdir()))}"
        folder.mkdir()
        return Named(folder, self.net.dns_port, zones, **{"updates": True, **options})

    def write(self, *domains: str, **changes: Any) -> None:
        """Write policy.yaml, with a line for each domain, and commit it."""
        self.commit(policy(*domains, **changes))

    def commit(self, text: str, when: str | None = None) -> None:
        """Put a text for policy.yaml on the branch."""
        self.repository.write({"policy.yaml": text})
        self.repository.git("add", "policy.yaml")
        self.repository.git("commit", "--quiet", "--allow-empty", "--message=Change", when=when)

    def publish(self, *words: str, **variables: str | None) -> Done:
        """Run the verb without its look at HTTPS: most tests have a name server and nothing else."""
        return self.look_and_publish(*words, "--no-check", **variables)

    def look_and_publish(self, *words: str, **variables: str | None) -> Done:
        """Run the verb as a pipeline does, with what the name server wants to know. None: the variable is not set."""
        given: dict[str, str | None] = {
            "RFC2136_HOST": Loopback.dns,
            "RFC2136_PORT": str(self.net.dns_port),
            "RFC2136_KEY_NAME": "update",
            "RFC2136_KEY_SECRET": UPDATE_KEY,
            **variables,
        }
        done = verb(
            self.folder, "publish", *words, env={name: value for name, value in given.items() if value is not None}
        )
        return Done(done.returncode, done.stdout.decode() + done.stderr.decode())

    def zone(self, name: str) -> list[str]:
        """Return the records of a zone, but for the SOA, which counts the changes."""
        return [record for record in self.whole_zone(name) if " SOA " not in record]

    def whole_zone(self, name: str) -> list[str]:
        """Return the records of a zone, as the name server hands them over: names are relative to the zone."""
        found = dns.zone.from_xfr(dns.query.xfr(Loopback.dns, name, port=self.net.dns_port))
        return sorted(
            f"{owner} {ttl} {dns.rdatatype.to_text(data.rdtype)} {data.to_text()}"
            for owner, ttl, data in found.iterate_rdatas()
        )


def policy(
    *domains: str,
    mode: str = "testing",
    max_age: int = 604800,
    rua: Sequence[str] = ("mailto:tls@example.com",),
    kind: str = "web-server",
    hostname: str | None = "www.example.org",
    more: str = "",
) -> str:
    """Return a policy.yaml."""
    host = f", hostname: {hostname}" if hostname else ""
    return "\n".join(
        [
            f"version: STSv1\nmode: {mode}\nmax_age: {max_age}\nmx: [mx.example.com]",
            f"tls_reporting: {{rua: {json.dumps(list(rua))}}}\nhosting: {{kind: {kind}{host}}}\n{more}\ndomains:",
            *(f"  {domain}" for domain in domains),
        ]
    )


def sts(identity: str, name: str = "", ttl: int = 3600) -> str:
    """Return the record of a domain in its zone. name: of the domain there."""
    return f'_mta-sts{name} {ttl} TXT "v=STSv1; id={identity};"'


def tlsrpt(uri: str = "mailto:tls@example.com", name: str = "", ttl: int = 3600) -> str:
    """Return the record for reports of a domain in its zone."""
    return f'_smtp._tls{name} {ttl} TXT "v=TLSRPTv1; rua={uri};"'


def cname(name: str = "", ttl: int = 3600) -> str:
    """Return the record of a policy host in its zone."""
    return f"mta-sts{name} {ttl} CNAME www.example.org."


def findings(done: Done) -> dict[str, str]:
    """Return what went wrong, by domain: each is named once."""
    found: dict[str, str] = {}
    for line in done.lines:
        domain, error, rest = line.partition(": error ")
        if error:
            assert domain not in found
            found[domain] = rest
    return found


def baked_into(folder: Path, config: Path, **answers: str) -> Path:
    """Bake a repository that publishes by RFC 2136."""
    given = {"dns_provider": "rfc2136", "hosting": "web-server", **answers}
    words: dict[str, Any] = {"no_input": True, "output_dir": str(folder), "config_file": str(config)}
    return Path(cookiecutter(str(ROOT), extra_context=given, accept_hooks=True, **words))


@pytest.fixture(scope="module")
def baked(cookiecutter_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository for the tests that change nothing in it but policy.yaml."""
    return baked_into(tmp_path_factory.mktemp("baked"), cookiecutter_config)


@pytest.fixture
def world(baked: Path, tmp_path: Path) -> World:
    """The repository, and a place for its name server."""
    return World(baked, tmp_path)


@pytest.fixture
def own_world(baked: Path, tmp_path: Path) -> World:
    """The same with a copy of the repository, for the tests that change more."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return World(shutil.copytree(baked, tmp_path / "copy"), scratch)


# What is published


def test_the_life_of_a_domain(world: World) -> None:
    """Each change of policy.yaml is published once, and nothing else in the zone changes."""
    world.write("example.com:")
    with world.serving({"example.com": OTHERS}):
        before = world.whole_zone("example.com")
        others = world.zone("example.com")
        assert world.publish("hosting") == (0, "create mta-sts.example.com. 3600 CNAME www.example.org.\n")
        assert world.whole_zone("example.com") == before  # a plan changes nothing

        def published(stage: str, *expected: str) -> Done:
            done = world.publish(stage, "--doit")
            assert done.code == 0, done.printed
            assert world.zone("example.com") == sorted([*others, *expected])
            return done

        published("hosting", cname())
        done = published("announcement", cname(), sts(TESTING), tlsrpt())
        assert done.lines[:-1] == [
            f"create _mta-sts.example.com. 3600 TXT v=STSv1; id={TESTING};",
            "create _smtp._tls.example.com. 3600 TXT v=TLSRPTv1; rua=mailto:tls@example.com;",
        ]
        assert done.lines[-1].startswith("next: example.com can move to enforce from 20")
        whole = world.whole_zone("example.com")
        for stage in ("hosting", "announcement"):
            assert world.publish(stage, "--doit") == (0, "no changes\n")
        assert world.whole_zone("example.com") == whole

        world.write("example.com:", max_age=700000)
        done = published("announcement", cname(), sts(LONGER), tlsrpt())
        change = f"v=STSv1; id={TESTING}; → v=STSv1; id={LONGER};"
        assert done.lines[:-1] == [f"update _mta-sts.example.com. 3600 TXT {change}"]
        world.write("example.com:", max_age=700000, mode="enforce")
        published("announcement", cname(), sts(ENFORCED), tlsrpt())
        rua = ["mailto:a@example.net", "https://example.net/tls?a=b"]
        world.write("example.com:", max_age=700000, mode="enforce", rua=rua)
        published("announcement", cname(), sts(ENFORCED), tlsrpt("mailto:a@example.net,https://example.net/tls?a=b"))

        world.write("example.com:", more="dns: {ttl: 300}")
        published("announcement", cname(), sts(TESTING, ttl=300), tlsrpt(ttl=300))
        published("hosting", cname(ttl=300), sts(TESTING, ttl=300), tlsrpt(ttl=300))

        world.write("example.com: {retired: true}")
        done = published("announcement", cname(ttl=300))
        assert done.lines == [
            f"delete _mta-sts.example.com. 300 TXT v=STSv1; id={TESTING};",
            "delete _smtp._tls.example.com. 300 TXT v=TLSRPTv1; rua=mailto:tls@example.com;",
        ]
        published("hosting")
        assert world.publish("announcement", "--doit") == (0, "no changes\n")


def test_the_deployment_says_from_when_on_the_mail_may_move(world: World) -> None:
    """K1: merged three days ago and announced now, so senders know the new host an hour from now (RFC 8461 §8.1)."""
    text = policy("example.com:", mode="enforce")
    world.commit(text, (datetime.now(timezone.utc) - timedelta(days=9)).isoformat(timespec="seconds"))
    with world.serving({"example.com": OTHERS}):
        assert world.publish("announcement", "--doit").code == 0
        both = text.replace("[mx.example.com]", "[mx.example.com, new.example.com]")
        world.commit(both, (datetime.now(timezone.utc) - timedelta(days=3)).isoformat(timespec="seconds"))
        begun = datetime.now(timezone.utc)
        assert "next:" not in world.publish("announcement").printed  # a dry run publishes nothing
        done = world.publish("announcement", "--doit")
        said = re.fullmatch(
            r"next: You can add new\.example\.com to the MX records of example\.com from (.+) UTC on\.", done.lines[-1]
        )
        assert said, done.printed
        when = datetime.strptime(said[1], "%Y-%m-%d %H:%M").replace(tzinfo=timezone.utc)
        assert begun + timedelta(hours=1) <= when <= datetime.now(timezone.utc) + timedelta(hours=1, minutes=1)
        assert world.publish("announcement", "--doit").printed == "no changes\n"


def test_domains_share_a_zone_and_one_of_them_retires(world: World) -> None:
    """A domain in a parent's zone has its records there under its own name, and takes no other's with it."""
    inside = ["mail.example.com: {zone: example.com}", "a.b.example.com: {zone: b.example.com}"]
    world.write("example.com:", *inside)
    with world.serving({"example.com": OTHERS, "b.example.com": ""}):
        others = world.zone("example.com")
        both = [sts(TESTING), tlsrpt(), cname()]
        mail = [sts(TESTING, ".mail"), tlsrpt(name=".mail"), cname(".mail")]
        for stage in ("hosting", "announcement"):
            assert world.publish(stage, "--doit").code == 0
        assert world.zone("example.com") == sorted([*others, *both, *mail])
        deeper = world.zone("b.example.com")
        assert deeper == sorted(["@ 60 NS ns.invalid.", sts(TESTING, ".a"), tlsrpt(name=".a"), cname(".a")])

        world.write("example.com:", "mail.example.com: {zone: example.com, retired: true}", inside[1])
        for stage in ("hosting", "announcement"):
            assert world.publish(stage, "--doit").code == 0
        assert world.zone("example.com") == sorted([*others, *both])
        assert world.zone("b.example.com") == deeper


def test_a_policy_changes_for_all_of_many_domains_in_a_zone(world: World) -> None:
    """octoDNS refuses so many changes unless forced, but all of them are ours."""
    domains = [f"d{number}.example.com: {{zone: example.com" for number in range(12)]
    with world.serving({"example.com": OTHERS}):
        others = world.zone("example.com")
        for max_age, identity in ((604800, TESTING), (700000, LONGER)):
            world.write(*(f"{domain}}}" for domain in domains), max_age=max_age)
            done = world.publish("announcement", "--doit")
            assert (done.code, findings(done)) == (0, {})
            expected = [record for n in range(12) for record in (sts(identity, f".d{n}"), tlsrpt(name=f".d{n}"))]
            assert world.zone("example.com") == sorted([*others, *expected])
        world.write(*(f"{domain}, retired: true}}" for domain in domains))
        done = world.publish("announcement", "--doit")
        assert (done.code, findings(done)) == (0, {})
        assert world.zone("example.com") == others


def test_an_internationalised_domain(world: World) -> None:
    """Its zone has a name in A-labels; münchen.example by IDNA 2008, and one that only IDNA 2003 took."""
    names = ["xn--mnchen-3ya.example", "xn--i-7iq.example", "plain.example"]
    world.write(*(f"{name}:" for name in names))
    with world.serving(dict.fromkeys(names, "")):
        done = world.publish("announcement", "--doit")
        for name in (names[0], names[2]):
            assert world.zone(name) == sorted(["@ 60 NS ns.invalid.", sts(TESTING), tlsrpt()])
        assert world.zone(names[1]) == ["@ 60 NS ns.invalid."]  # octoDNS refuses it, and leaves out no other for it
        assert done.code == 1
        assert findings(done).keys() == {names[1]}


def test_the_case_of_a_name_means_nothing(world: World) -> None:
    """DNS gives a CNAME's target back in small letters, and it is still the one that was published."""
    world.write("Example.COM:", hostname="WWW.Example.ORG")
    with world.serving({"example.com": ""}):
        assert world.publish("hosting", "--doit").code == 0
        assert world.publish("hosting", "--doit") == (0, "no changes\n")
        world.write("Example.COM:", hostname="WWW.Example.ORG", more="dns: {ttl: 300}")
        assert world.publish("hosting", "--doit").code == 0
        assert world.zone("example.com") == ["@ 60 NS ns.invalid.", cname(ttl=300)]
        world.write("Example.COM: {retired: true}", hostname="WWW.Example.ORG")
        assert world.publish("hosting", "--doit").code == 0
        assert world.zone("example.com") == ["@ 60 NS ns.invalid."]


def test_semicolons_and_long_values_come_out_right(world: World) -> None:
    """A TXT record of more than 255 octets is several strings, and a second run sees that it is the same."""
    rua = [f"mailto:tls-reports-{number:02}@a-long-name-for-a-host.example.com?subject=a%3Bb" for number in range(16)]
    world.write("example.com:", rua=rua)
    with world.serving({"example.com": ""}):
        assert world.publish("announcement", "--doit").code == 0
        resolver = dns.resolver.make_resolver_at(Loopback.dns, world.net.dns_port)
        (record,) = resolver.resolve("_smtp._tls.example.com", "TXT")
        assert len(record.strings) == 5
        assert b"".join(record.strings).decode() == f"v=TLSRPTv1; rua={','.join(rua)};"
        assert sts(TESTING) in world.zone("example.com")
        assert world.publish("announcement", "--doit") == (0, "no changes\n")


def test_a_plan_as_markdown(world: World) -> None:
    """For the summary of a run: a table, and nothing where nothing changes."""
    world.write("example.com:", max_age=700000)
    world.write("example.com:")
    with world.serving({"example.com": sts(LONGER, ttl=60)}):
        done = world.publish("announcement", "--format", "markdown")
        assert done.code == 0
        table = [line for line in done.lines if line.startswith("|")]
        assert any(f"v=STSv1; id={TESTING};" in line and "3600" in line for line in table)
        assert any("v=TLSRPTv1; rua=mailto:tls" in line and "reate" in line for line in table)
        assert world.publish("announcement", "--doit").code == 0
        assert world.publish("announcement", "--format", "markdown") == (0, "no changes\n")


# What stands in the way

FOREIGN = {
    "a.example": ("hosting", "mta-sts A 192.0.2.7", "mta-sts.a.example. has A '192.0.2.7'"),
    "elsewhere.example": ("hosting", "mta-sts CNAME x.example.net.", "has CNAME 'x.example.net.'"),
    "mx.example": ("announcement", "_mta-sts MX 10 mx", "_mta-sts.mx.example. has MX "),
    "txt.example": ("announcement", '_mta-sts TXT "hello; you"', "has TXT "),
    "two.example": (
        "announcement",
        '_mta-sts TXT "v=STSv1; id=1;"\n_mta-sts TXT "proof"',
        "_mta-sts.two.example. has ",
    ),
    "cname.example": ("announcement", "_mta-sts CNAME x.example.net.", "has CNAME 'x.example.net.'"),
    "tls.example": ("announcement", '_smtp._tls TXT "hello"', "_smtp._tls.tls.example. has TXT 'hello'"),
}


@pytest.mark.parametrize("stage", ["hosting", "announcement"])
def test_a_foreign_record_is_left_alone(world: World, stage: str) -> None:
    """The finding names the zone, which stays unchanged; the others are done. --force replaces the record with ours."""
    inside = {name: OTHERS + record for name, (when, record, _) in FOREIGN.items() if when == stage}
    world.write("good.example:", *(f"{name}:" for name in inside), "too.example:")
    with world.serving({**inside, "good.example": OTHERS, "too.example": OTHERS}):
        others = world.zone("good.example")
        before = {name: world.whole_zone(name) for name in inside}
        done = world.publish(stage, "--doit")
        assert done.code == 1
        found = findings(done)
        assert found.keys() == inside.keys()
        for name, message in found.items():
            assert message.startswith("MTS231: ")
            assert FOREIGN[name][2] in message
            assert message.endswith(", which this repository did not create. Remove it, or replace it with --force.")
            assert world.whole_zone(name) == before[name]
        ours = [cname()] if stage == "hosting" else sorted([sts(TESTING), tlsrpt()])
        for name in ("good.example", "too.example"):
            assert world.zone(name) == sorted([*others, *ours])
        assert findings(world.publish(stage)).keys() == inside.keys()

        assert world.publish(stage, "--doit", "--force").code == 0
        for name in inside:
            assert world.zone(name) == sorted([*others, *ours])
        assert world.publish(stage, "--doit") == (0, "no changes\n")


class Whose(NamedTuple):
    """What a zone has at our names, and has afterwards. rule: of the finding, none if it is done."""

    before: str
    after: str
    rule: str = ""
    line: str = ""  # of the domain in policy.yaml


VENDOR = tlsrpt("mailto:other@vendor.example")
FOREIGN_STS = sts("20200101")
# Revision 1 had another max_age and another address for reports; a retired domain was active in it.
WHOSE = {
    "d2-j1.example": Whose(f"{sts(LONGER)}\n{VENDOR}", f"{sts(LONGER)}\n{VENDOR}", "MTS231"),
    "j1-id.example": Whose(FOREIGN_STS, FOREIGN_STS, "MTS231"),
    "j1-beside.example": Whose(f"{sts(TESTING)}\n{FOREIGN_STS}", f"{sts(TESTING)}\n{FOREIGN_STS}", "MTS231"),
    "ours.example": Whose(f"{sts(LONGER)}\n{tlsrpt('mailto:old@example.com')}", f"{sts(TESTING)}\n{tlsrpt()}"),
    "j5-two.example": Whose(f"{sts(LONGER)}\n{sts(TESTING)}\n{tlsrpt()}", f"{sts(TESTING)}\n{tlsrpt()}"),
    "j2-retired.example": Whose(f"{sts(LONGER)}\n{VENDOR}", VENDOR, line="{retired: true}"),
    "retired-foreign.example": Whose(FOREIGN_STS, FOREIGN_STS, line="{retired: true}"),
    "retired-beside.example": Whose(f"{sts(LONGER)}\n{FOREIGN_STS}", FOREIGN_STS, line="{retired: true}"),
}


def test_whose_value_it_is(world: World) -> None:
    """Ours is what policy.yaml says now or a revision of this branch said; nothing else is replaced or removed."""
    world.write(*(f"{name}:" for name in WHOSE), max_age=700000, rua=["mailto:old@example.com"])
    world.write(*(f"{name}: {row.line}" for name, row in WHOSE.items()))
    with world.serving({name: row.before for name, row in WHOSE.items()}):
        done = world.publish("announcement", "--doit")
        found = {name: message.partition(":")[0] for name, message in findings(done).items()}
        assert found == {name: row.rule for name, row in WHOSE.items() if row.rule}
        for name, row in WHOSE.items():
            assert world.zone(name) == sorted(["@ 60 NS ns.invalid.", *row.after.split("\n")]), name
        assert "TXT 'v=TLSRPTv1; rua=mailto:other@vendor.example;', which this" in findings(done)["d2-j1.example"]

        assert world.publish("announcement", "--doit", "--force").code == 0
        for name, row in WHOSE.items():
            after = row.after if row.line else f"{sts(TESTING)}\n{tlsrpt()}"
            assert world.zone(name) == sorted(["@ 60 NS ns.invalid.", *after.split("\n")]), name


def test_reports_given_up_take_only_our_record_away(world: World) -> None:
    """J2: without tls_reporting a vendor's record was deleted. Ours goes, so that no report goes astray."""
    names = ("vendor.example", "both.example", "ours.example")
    world.write(*(f"{name}:" for name in names))
    world.commit(policy(*(f"{name}:" for name in names)).replace("tls_reporting", "#"))
    ours, vendor = tlsrpt(), VENDOR
    with world.serving({"vendor.example": vendor, "both.example": f"{vendor}\n{ours}", "ours.example": ours}):
        assert world.publish("announcement", "--doit").code == 0
        announced = ["@ 60 NS ns.invalid.", sts(TESTING)]
        assert world.zone("vendor.example") == sorted([*announced, vendor])
        assert world.zone("both.example") == sorted([*announced, vendor])
        assert world.zone("ours.example") == announced


PROOFS = 'asuid.mta-sts 300 TXT "another app"\nasuid.mta-sts 300 TXT "and one more"'


@pytest.fixture
def with_door(cookiecutter_config: Path, tmp_path: Path) -> World:
    """The same of a repository that has the files of Front Door."""
    return World(baked_into(tmp_path / "door", cookiecutter_config, hosting="front-door"), tmp_path)


def test_a_hosting_moves_and_retires_beside_others_proofs(with_door: World) -> None:
    """J2: asuid with values of other apps. The old hosting's records are ours by the history, so no force is needed."""
    world = with_door
    function = {"kind": "function", "hostname": "f.azurewebsites.net"}
    others = PROOFS.split("\n")

    def write(line: str, kind: str, hostname: str, proof: str = "") -> None:
        text = policy(f"example.com: {line}", kind=kind, hostname=hostname)
        world.commit(text.replace(f"hostname: {hostname}", f"hostname: {hostname}{proof}"))

    def published(*expected: str, token: str = "") -> None:
        done = world.publish("hosting", "--doit", *(proving(world.folder, token) if token else ()))
        assert done.code == 0, done.printed
        assert world.zone("example.com") == sorted(["@ 60 NS ns.invalid.", *expected])

    with world.serving({"example.com": PROOFS}):
        write("", **function, proof=", verification: A1B2")
        ours = 'asuid.mta-sts 300 TXT "A1B2"'  # beside others' values the TTL stays theirs
        published(*others, ours, "mta-sts 3600 CNAME f.azurewebsites.net.")
        write("", **function, proof=", verification: C3D4")
        published(*others, ours.replace("A1B2", "C3D4"), "mta-sts 3600 CNAME f.azurewebsites.net.")
        write("", "front-door", "e.azurefd.net")
        record = '_dnsauth.mta-sts 3600 TXT "_one"'
        published(*others, record, "mta-sts 3600 CNAME e.azurefd.net.", token="_one")
        published(*others, record.replace("_one", "_two"), "mta-sts 3600 CNAME e.azurefd.net.", token="_two")
        write("{retired: true}", "front-door", "e.azurefd.net")
        published(*others, token="_two")


def proving(folder: Path, token: str) -> tuple[str, str]:
    """Return the option that hands over what proves the domain to Front Door, as Azure says it in each run."""
    file = folder.parent / "verifications.json"
    of = {"hostName": "mta-sts.example.com", "validationProperties": {"validationToken": token}}
    file.write_text(json.dumps({"value": [{"properties": of}]}), encoding="utf-8")
    return "--verification", str(file)


def test_a_token_of_front_door_is_replaced_though_no_revision_had_it(with_door: World) -> None:
    """It ends after days, and the deployment reads the next one from Azure. What is no token stays beside it."""
    world = with_door
    world.write("example.com:", kind="front-door", hostname=None)
    before = '_dnsauth.mta-sts 300 TXT "_never-committed"\n_dnsauth.mta-sts 300 TXT "no token: x"'
    with world.serving({"example.com": before}):
        assert world.publish("hosting", "--doit", *proving(world.folder, "_new")).code == 0
        assert world.zone("example.com") == sorted(
            ["@ 60 NS ns.invalid.", '_dnsauth.mta-sts 300 TXT "_new"', '_dnsauth.mta-sts 300 TXT "no token: x"']
        )


def test_a_shallow_clone_refuses_what_differs_and_says_why(own_world: World, tmp_path: Path) -> None:
    """Pipelines clone the last commit alone unless they are told otherwise: then whose a value is cannot be known."""
    own_world.repository.git("add", "--all")
    own_world.write("example.com:", max_age=700000)
    own_world.write("example.com:")
    shallow = tmp_path / "shallow"
    url = (own_world.folder).as_uri()
    own_world.repository.git("clone", "--quiet", "--depth=1", url, str(shallow))
    with own_world.serving({"example.com": f"{sts(LONGER)}\n{tlsrpt()}"}):
        own_world.folder, whole = shallow, own_world.folder
        done = own_world.publish("announcement", "--doit")
        message = findings(done)["example.com"]
        assert (done.code, message[:7]) == (1, "MTS231:")
        assert "whether this repository created it is unknown. The clone in" in message
        assert "Run git fetch --unshallow. In GitHub Actions, set fetch-depth: 0" in message
        own_world.folder = whole
        assert own_world.publish("announcement", "--doit").code == 0
        own_world.folder = shallow
        assert own_world.publish("announcement", "--doit") == (
            0,
            "no changes\n",
        )  # what is as it should be is no matter


def test_without_git_only_what_policy_yaml_says_now_is_ours(own_world: World) -> None:
    """There is no history to ask."""
    own_world.write("same.example:", "other.example:")
    shutil.rmtree(own_world.folder / ".git")
    zones = {"same.example": sts(TESTING, ttl=60), "other.example": sts(LONGER)}
    with own_world.serving(zones):
        done = own_world.publish("announcement", "--doit")
        assert findings(done) == {
            "other.example": f"MTS231: _mta-sts.other.example. has TXT 'v=STSv1; id={LONGER};', which this repository "
            "did not create. Remove it, or replace it with --force."
        }
        assert world_records(own_world, "same.example") == [sts(TESTING), tlsrpt()]


def test_what_a_name_server_drops_in_silence_is_a_failure(world: World) -> None:
    """J5: beside a type that octoDNS does not know, BIND takes no CNAME, and says that it did."""
    world.write("good.example:", "example.com:")
    with world.serving({"good.example": "", "example.com": 'mta-sts HINFO "a" "b"'}):
        before = world.whole_zone("example.com")
        done = world.publish("hosting", "--doit")
        assert done.code == 1
        assert done.lines[0] == "create mta-sts.good.example. 3600 CNAME www.example.org."
        assert findings(done) == {
            "example.com": "MTS230: The zone example.com. is not as planned after the change: the name server "
            "dropped a record, or somebody else changed the zone at the same time. Check the records at these names, "
            "and run the command again."
        }
        assert world.whole_zone("example.com") == before


def world_records(world: World, zone: str) -> list[str]:
    """Return the records of a zone but for its name server."""
    return [record for record in world.zone(zone) if " NS " not in record]


def test_without_a_hostname_the_policy_host_is_left_alone(world: World) -> None:
    """A web server's address can be entered by hand, and policy.yaml says nothing of it: there is nothing to refuse."""
    world.write("example.com:", hostname=None)
    with world.serving({"example.com": "mta-sts A 192.0.2.7\nmta-sts AAAA 2001:db8::7"}):
        before = world.whole_zone("example.com")
        assert world.publish("hosting", "--doit", "--force") == (0, "no changes\n")
        assert world.whole_zone("example.com") == before


@pytest.mark.parametrize("kind", ["function", "front-door"])
def test_a_proof_that_policy_yaml_does_not_have_is_left_alone(world: World, kind: str) -> None:
    """Azure's portal tells people to enter these, and they may be in use."""
    world.write("example.com:", kind=kind)
    proofs = 'asuid.mta-sts TXT "by hand"\n_dnsauth.mta-sts TXT "by hand"'
    with world.serving({"example.com": proofs}):
        before = world.zone("example.com")
        assert world.publish("hosting", "--doit").code == 0
        assert world.zone("example.com") == sorted([*before, cname()])


def test_a_record_for_reports_is_anothers_where_policy_yaml_has_none(world: World) -> None:
    """Reports can go to a service that has its own record."""
    text = policy("example.com:", mode="enforce").replace("tls_reporting", "#")
    (world.folder / "policy.yaml").write_text(text, encoding="utf-8")
    with world.serving({"example.com": tlsrpt("mailto:service@example.net", ttl=60)}):
        before = world.zone("example.com")
        done = world.publish("announcement", "--doit")
        assert done.code == 0, done.printed
        kept = [record for record in world.zone("example.com") if not record.startswith("_mta-sts ")]
        assert kept == before


def test_the_file_that_is_named_is_the_one_that_is_published(world: World) -> None:
    """Or the option is refused; but it is never one file that is judged, and another that is published."""
    world.write("wrong.example:")
    (world.folder / "other.yaml").write_text(policy("right.example:"), encoding="utf-8")
    with world.serving({"wrong.example": "", "right.example": ""}):
        done = world.publish("announcement", "--doit", "--file", "other.yaml")
        assert world.zone("wrong.example") == ["@ 60 NS ns.invalid."]
        assert done.code == 2 or sts(TESTING) in world.zone("right.example")


# What fails


def test_a_wrong_key_is_named_and_not_shown(world: World) -> None:
    """The name server says no, for every zone; the key is in no message, whatever is wrong with it."""
    world.write("a.example:", "b.example:")
    with world.serving({"a.example": "", "b.example": ""}):
        keys = ["d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmc=", "bm90IHBhZGRlZCByaWdodGx5IQ", "no-base64-at-all,-but-secret!"]
        for key in keys:
            done = world.publish("announcement", "--doit", RFC2136_KEY_SECRET=key)
            assert done.code == 1
            assert key not in done.printed
            found = findings(done)
            assert found.keys() == {"a.example", "b.example"}
            assert all(message.startswith("MTS230: The zone ") for message in found.values())
        done = world.publish("announcement", RFC2136_KEY_NAME="somebody")
        assert "didn't know the key" in findings(done)["a.example"]
        assert UPDATE_KEY not in done.printed


def test_a_server_that_is_down_is_named(world: World) -> None:
    """No server listens there."""
    world.write("a.example:", "b.example:")
    done = world.publish("announcement", "--doit")
    assert done.code == 1
    assert [line.partition(". Correct")[0] for line in done.lines[:2]] == [
        f"{name}: error MTS230: The zone {name}. could not be updated: [Errno 111] Connection refused"
        for name in ("a.example", "b.example")
    ]
    assert UPDATE_KEY not in done.printed


def test_a_read_only_zone_is_named_and_not_said_to_be_done(world: World) -> None:
    """The transfer works, the change is refused: what is printed does not read as if it had been made."""
    world.write("example.com:")
    with world.serving({"example.com": OTHERS}, updates=False):
        before = world.whole_zone("example.com")
        planned = world.publish("announcement")
        assert (planned.code, len(planned.lines)) == (0, 2)
        done = world.publish("announcement", "--doit")
        assert world.whole_zone("example.com") == before
    assert done.code == 1
    assert done.lines == [
        "example.com: error MTS230: The zone example.com. could not be updated: Unable to perform update: "
        "REFUSED. Correct this, and run the command again.",
        "1 error",
    ]


def test_half_of_fifty_zones_fail_and_running_again_completes(world: World) -> None:
    """Each that fails is named once, and the others are done; after the repair only those are left to do."""
    names = [f"d{number:02}.example" for number in range(50)]
    good, missing, broken = names[::2], names[1::4], names[3::4]
    bad = sorted([*missing, *broken])
    world.write(*(f"{name}:" for name in names))
    with world.serving(dict.fromkeys(good, OTHERS), failing=broken):
        done = world.publish("announcement", "--doit")
        assert done.code == 1
        found = findings(done)
        assert list(found) == bad
        for message in found.values():
            assert message.startswith("MTS230: The zone ")
            assert "Zone transfer error: " in message
        assert done.lines[-1] == "25 errors"
        published = {name: world.zone(name) for name in good}
        for records in published.values():
            assert {sts(TESTING), tlsrpt()} < set(records)
    assert UPDATE_KEY not in done.printed

    repaired = {name: OTHERS + f"{sts(TESTING)}\n{tlsrpt()}" if name in good else "" for name in names}
    with world.serving(repaired):
        done = world.publish("announcement", "--doit")
        assert done.code == 0
        assert len(done.lines) == 2 * len(bad) + 1 and done.lines[-1].startswith(
            "next: 25 domains can move to enforce "
        )
        assert all(line.startswith("create ") for line in done.lines[:-1])
        for name in bad:
            assert world.zone(name) == sorted(["@ 60 NS ns.invalid.", sts(TESTING), tlsrpt()])
        for name in good:
            assert world.zone(name) == published[name]
        assert world.publish("announcement", "--doit") == (0, "no changes\n")


def test_a_policy_with_findings_never_reaches_the_provider(world: World) -> None:
    """Not one connection is made. With a good policy there is one, so the test would see it."""
    seen: list[bytes] = []

    def talk(connection: Connection) -> None:
        seen.append(connection.hear(b"\x00"))

    with Listener(Loopback.dns, world.net.dns_port, talk):
        for broken in (policy("example.com:", mode="on"), policy("example.com: {zone: example.net}"), "", "{"):
            (world.folder / "policy.yaml").write_text(broken, encoding="utf-8")
            for words in (["--doit"], ["--doit", "--force"], []):
                done = world.publish("announcement", *words)
                assert done.code == 1
                assert "error MTS1" in done.printed
                assert "Traceback" not in done.printed
        assert seen == []
        world.write("example.com:")
        assert world.publish("announcement", "--doit").code == 1
        assert seen


HOSTILE = """
import os
from octodns_bind import Rfc2136Provider

class Hostile(Rfc2136Provider):
    def zone_records(self, zone, target):
        raise RuntimeError(f"\\x1b[2J\\r\\n::error::x\\n##vso[task.complete]\\u202e {os.environ['RFC2136_KEY_SECRET']}")
"""


@pytest.mark.parametrize("ci", ["", "GITHUB_ACTIONS", "TF_BUILD"])
def test_a_hostile_error_is_shown_as_text(own_world: World, ci: str) -> None:
    """What a provider says moves no cursor, and gives no command to the pipeline; and no secret goes with it."""
    world = own_world
    (world.folder / "hostile.py").write_text(HOSTILE, encoding="utf-8")
    provider = world.folder / "dns" / "provider.yaml"
    text = provider.read_text(encoding="utf-8")
    assert "octodns_bind.Rfc2136Provider" in text
    provider.write_text(text.replace("octodns_bind.Rfc2136Provider", "hostile.Hostile"), encoding="utf-8")
    world.write("example.com:")
    done = world.publish("announcement", "--doit", **({ci: "true"} if ci else {}))
    assert done.code == 1
    assert "example.com. could not be updated" in done.printed
    assert not [char for char in done.printed if not char.isprintable() and char != "\n"]
    assert not [line for line in done.lines if line.startswith("::error::")]
    assert "##vso[task.complete]" not in done.printed
    assert UPDATE_KEY not in done.printed
    assert "***" in done.printed


def test_a_hostile_record_is_shown_as_text(world: World) -> None:
    """It stands where ours is to be, and is shown: in no form as a command or as markup."""
    value = b"v=STSv1; id=1;\x1b[2J\n::error::x\n##vso[task.complete]|<img src=x>`"
    world.write("example.com:")
    with world.serving({"example.com": f"_mta-sts {txt(value)}"}):
        done = world.publish("announcement", GITHUB_ACTIONS="true")
        assert done.code == 1
        assert not [char for char in done.printed if not char.isprintable() and char != "\n"]
        assert [line for line in done.lines if line.lstrip().startswith("::")] == [
            line for line in done.lines if line.startswith("::error title=MTS231::")
        ]
        for form in ("text", "markdown"):
            done = world.publish("announcement", "--force", "--format", form, GITHUB_ACTIONS="true")
            assert done.code == 0
            assert not [char for char in done.printed if not char.isprintable() and char != "\n"]
            assert not [line for line in done.lines if line.lstrip().startswith("::")]
            assert "##vso[" not in done.printed
        assert "<img" not in done.printed
        assert len({line.count("|") for line in done.lines if line.startswith("|")}) == 1


SETTINGS: list[tuple[dict[str, str | None], str]] = [
    ({"RFC2136_KEY_SECRET": None}, "RFC2136_KEY_SECRET"),
    ({"RFC2136_HOST": None}, "RFC2136_HOST"),
    ({"RFC2136_KEY_NAME": ""}, "RFC2136_KEY_NAME"),
    ({"RFC2136_PORT": "x"}, "octoDNS cannot start: "),
]


@pytest.mark.parametrize(
    ("variables", "named"), SETTINGS, ids=[name for variables, _ in SETTINGS for name in variables]
)
def test_a_variable_that_is_missing_or_wrong_is_one_message(
    world: World, variables: dict[str, str | None], named: str
) -> None:
    """Not a traceback, and not a message per zone."""
    world.write("a.example:", "b.example:")
    done = world.publish("announcement", "--doit", **variables)
    assert done.code == 1
    assert "Traceback" not in done.printed
    (message,) = (line for line in done.lines if "error MTS230" in line)
    assert named in message


def test_a_wrong_option_is_one_message(own_world: World) -> None:
    """Whoever edits dns/ reads what octoDNS says to it."""
    own_world.write("a.example:")
    with (own_world.folder / "dns" / "provider.yaml").open("a", encoding="utf-8") as file:
        file.write("\nno_such_option: 1\n")
    done = own_world.publish("announcement")
    assert done.code == 1
    assert "Traceback" not in done.printed
    assert "Incorrect provider config for zone" in done.printed


@pytest.mark.parametrize("package", ["octodns", "octodns_bind"])
def test_without_the_packages_it_says_how_to_get_them(world: World, tmp_path: Path, package: str) -> None:
    """They are in no other verb's way."""
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('no', name='{package}')\n", encoding="utf-8")
    world.write("example.com:")
    done = world.publish("announcement", PYTHONPATH=str(tmp_path))
    assert done.code == 2
    wanted = f"Error: {package} is not installed. Run: python -m pip install -r dns/rfc2136.txt"
    assert done.lines[-1] == wanted
    assert "Traceback" not in done.printed
    assert verb(world.folder, "records", env={"PYTHONPATH": str(tmp_path)}).returncode == 0


# The other providers


class Provider(NamedTuple):
    """What octoDNS is to make of dns/provider.yaml. asked: what the provider is asked with, to be equal to expected."""

    kind: str
    variables: dict[str, str]
    asked: Callable[[Any], list[object]]
    expected: list[object]


PROVIDERS = {
    "azure-dns": Provider(
        "octodns_azure.AzureProvider",
        {
            "AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
            "AZURE_TENANT_ID": "66666666-7777-8888-9999-aaaaaaaaaaaa",
            "AZURE_DNS_RESOURCE_GROUP": "dns-group",
        },
        lambda provider: [
            type(provider._client_credential).__name__,
            provider._client_directory_id,
            provider._client_subscription_id,
            provider._resource_group,
        ],
        [
            "AzureCliCredential",
            "66666666-7777-8888-9999-aaaaaaaaaaaa",
            "11111111-2222-3333-4444-555555555555",
            "dns-group",
        ],
    ),
    "cloudflare": Provider(
        "octodns_cloudflare.CloudflareProvider",
        {"CLOUDFLARE_TOKEN": "a-token-of-cloudflare"},
        lambda provider: [provider._sess.headers["Authorization"], "X-Auth-Key" in provider._sess.headers],
        ["Bearer a-token-of-cloudflare", False],
    ),
    "route53": Provider(
        "octodns_route53.Route53Provider",
        {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/of+aws"},
        lambda provider: list(provider._conn._request_signer._credentials.get_frozen_credentials())[:3],
        ["AKIAEXAMPLE", "secret/of+aws", None],
    ),
    "rfc2136": Provider(
        "octodns_bind.Rfc2136Provider",
        {"RFC2136_HOST": "192.0.2.53", "RFC2136_KEY_NAME": "a-key", "RFC2136_KEY_SECRET": UPDATE_KEY},
        lambda provider: [
            getattr(provider, name) for name in ("host", "port", "key_name", "key_secret", "key_algorithm")
        ],
        ["192.0.2.53", 53, "a-key", UPDATE_KEY, "hmac-sha256"],
    ),
}


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_the_configuration_is_the_providers_own(bake: Bake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The real class takes every option, without a network; the secrets come from the environment."""
    folder, wanted = bake(dns_provider=name), PROVIDERS[name]
    monkeypatch.chdir(folder)
    for variable, value in wanted.variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(socket.socket, "connect", None)
    package, _, kind = wanted.kind.partition(".")
    assert f"\n{package.replace('_', '-')}>=" in (folder / "dns" / f"{name}.in").read_text(encoding="utf-8")
    for stage in ("hosting", "announcement"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the providers' packages have their own
            from octodns.manager import Manager

            manager = Manager(str(folder / "dns" / f"{stage}.yaml"))
            provider = manager.providers["zone"]
            assert wanted.asked(provider) == wanted.expected
        assert type(provider).__name__ == kind
        assert manager.providers["policy"].list_zones() == ["example.com."]
        assert dict(manager.config["zones"]) == {
            "*": {"sources": ["policy"], "processors": ["names", "ours"], "targets": ["zone"]}
        }
    written = "".join(path.read_text(encoding="utf-8") for path in (folder / "dns").iterdir())
    assert [value for value in wanted.variables.values() if value in written] == []


def test_by_hand_the_records_are_printed(bake: Bake) -> None:
    """Nothing needs configuration, and nothing can fail."""
    folder = bake(dns_provider="manual")
    assert not (folder / "dns").exists()
    for words in ([], ["--doit"]):
        done = verb(folder, "publish", "announcement", *words)
        assert (done.returncode, done.stderr) == (0, b"")
        first, _, *table = done.stdout.decode().splitlines()
        assert first == "This repository does not change DNS itself. Enter these records at your DNS provider:"
        assert [line.split(None, 4) for line in table] == [
            ["NAME", "HOST", "TYPE", "TTL", "VALUE"],
            ["_mta-sts.example.com.", "_mta-sts", "TXT", "3600", "v=STSv1; id=f946149ece0e06e09301c151215474f6;"],
            ["_smtp._tls.example.com.", "_smtp._tls", "TXT", "3600",
             "v=TLSRPTv1; rua=mailto:tls-reports@example.com;"],
        ]  # fmt: skip


# The order

ORDER = ("serve", "https", "announce", "whole")


class Operator:
    """Who runs a domain: a repository, and real servers for DNS, HTTPS and mail."""

    def __init__(self, world: World, running: ExitStack) -> None:
        self._world, net = world, world.net
        authority = Authority()
        self._ca = authority.write(world.folder / "ca.pem")
        policy_host, self._mx = net.address(), [net.address(), net.address()]
        self._answers = {"mta-sts.example.com": Answer(b"There is nothing yet.", 404)}
        leaf = context(authority.valid("mta-sts.example.com"))
        self._port = net.https_port
        self._address = policy_host
        zones = {
            "example.com": f"@ MX 10 mx1\nmx1 A {self._mx[0]}\nmx2 A {self._mx[1]}\n",
            "example.org": f"www A {policy_host}\n",
        }
        running.enter_context(world.serving(zones))
        running.enter_context(PolicyHosts(policy_host, net.https_port, leaf, self._answers))
        for number, address in enumerate(self._mx, 1):
            running.enter_context(mx_host(address, net.smtp_port, context(authority.valid(f"mx{number}.example.com"))))
        self._ever_served: set[str] = set()

    def write(self, mode: str, *mx: str) -> None:
        """Edit policy.yaml."""
        text = policy("example.com:", mode=mode).replace("[mx.example.com]", f"[{', '.join(mx)}]")
        self._world.commit(text)

    def deploy(self, *order: str) -> list[str]:
        """Take the steps of a deployment in this order, as a pipeline does: the first that fails is the last.

        Return those that were taken, the last with its rules where it failed. Raise MisledError where senders could be.
        """
        steps = {
            "serve": self.serve,
            "https": self.sees_https,
            "announce": self.announce,
            "announce unchecked": lambda: self.announce(look=False),
            "whole": self.sees_all,
        }
        taken: list[str] = []
        for name in order:
            failed = steps[name]()
            taken.append(f"{name}: {failed}" if failed else name)
            self._guard(name)
            if failed:
                break
        return taken

    def provision(self) -> None:
        """Publish the hosting records."""
        assert self._world.publish("hosting", "--doit").code == 0

    def serve(self) -> str:
        """Build, and put what was built on the policy host."""
        assert verb(self._world.folder, "build").returncode == 0
        built = self._world.folder / "build" / "static" / "example.com" / PATH[1:]
        self._answers["mta-sts.example.com"] = Answer(built.read_bytes())
        return ""

    def announce(self, look: bool = True) -> str:
        """Publish the announcement. Return the rules of what went wrong."""
        publish = self._world.look_and_publish if look else self._world.publish
        done = publish("announcement", "--doit", *self._network())
        rules = sorted({message.partition(":")[0] for message in findings(done).values()})
        assert done.code == (1 if rules else 0)
        return " ".join(rules)

    def sees_https(self) -> str:
        """Check whether HTTPS serves the policy of policy.yaml."""
        return self._check("--only", "https")

    def sees_all(self) -> str:
        """Check as a sender does."""
        return self._check()

    def move_mail(self) -> None:
        """Add the second MX host to the domain, as whoever runs its mail does."""
        key = dns.tsigkeyring.from_text({"update": UPDATE_KEY})
        update = dns.update.Update("example.com", keyring=key, keyalgorithm="hmac-sha256")
        update.add("@", 60, "MX", "20 mx2")
        dns.query.tcp(update, Loopback.dns, port=self._world.net.dns_port, timeout=10)

    def announced(self) -> str | None:
        """Return the id in DNS."""
        found = [line for line in self._world.zone("example.com") if line.startswith("_mta-sts ")]
        return found[0].partition("id=")[2].rstrip(';"') if found else None

    def _check(self, *words: str) -> str:
        """Return the rules of the errors, empty where there are none."""
        done = verb(self._world.folder, "check", *words, *self._network(), "--format", "json")
        found = json.loads(done.stdout)["findings"]
        rules = sorted({finding["rule"] for finding in found if finding["severity"] == "error"})
        assert done.returncode == (1 if rules else 0)
        return " ".join(rules)

    def _network(self) -> list[str]:
        """Return the options that lead into this network."""
        net = self._world.net
        options = {
            "--resolver": f"{Loopback.dns}:{net.dns_port}",
            "--ca-file": self._ca,
            "--https-port": net.https_port,
            "--smtp-port": net.smtp_port,
            "--timeout": 30,
        }
        return [str(word) for option in options.items() for word in option]

    def _guard(self, step: str) -> None:
        """A sender that sees a new id fetches the policy, and keeps what it gets under that id (RFC 8461 §5.1)."""
        if served := self._served():
            self._ever_served.add(hashlib.sha256(served).hexdigest()[:32])
        announced = self.announced()
        if announced and announced not in self._ever_served:
            raise MisledError(step)

    def _served(self) -> bytes | None:
        """Return what the policy host serves."""
        unverified = ssl._create_unverified_context()
        with contextlib.closing(http.client.HTTPSConnection(self._address, self._port, context=unverified)) as asked:
            asked.request("GET", PATH, headers={"Host": "mta-sts.example.com"})
            answer = asked.getresponse()
            return answer.read() if answer.status == 200 else None


class MisledError(Exception):
    """DNS announces a policy that HTTPS has never served."""


@pytest.fixture
def operator(own_world: World) -> Iterator[Operator]:
    """Everything that a domain needs, running, and nothing published."""
    with ExitStack() as running:
        yield Operator(own_world, running)


def test_from_nothing_to_announced_and_through_changes(operator: Operator) -> None:
    """check agrees at each step: it misses exactly what is not done yet."""
    operator.write("testing", "mx1.example.com")
    assert operator.sees_all() == "MTS201 MTS207"
    operator.provision()
    assert operator.sees_https() == "MTS309"
    assert operator.deploy("https", "announce", "whole") == ["https: MTS309"]
    assert operator.deploy("serve", "https", "whole") == ["serve", "https", "whole: MTS201"]
    assert operator.announced() is None
    assert operator.deploy(*ORDER) == list(ORDER)
    assert operator.announced() == "31a77c838c175b1b2452dcced324368f"

    operator.write("enforce", "mx1.example.com")
    assert operator.sees_all() == "MTS206 MTS316"
    assert operator.deploy(*ORDER) == list(ORDER)
    assert operator.announced() == "8fc8d38bc36ae3bb4004e0efb0b5e14f"

    operator.write("enforce", "mx1.example.com", "mx2.example.com")
    assert operator.deploy(*ORDER) == list(ORDER)
    operator.move_mail()
    assert operator.sees_all() == ""
    assert operator.announced() == "2d120f5760e028c5eff9ef7eab9d28ee"


def test_the_reversed_order_is_caught(operator: Operator) -> None:
    """By publish, which looks before it announces; without that, by check, and by whoever looks from outside."""
    operator.write("testing", "mx1.example.com")
    operator.provision()
    assert operator.deploy("announce", "https", "serve") == ["announce: MTS232"]
    assert operator.announced() is None
    with pytest.raises(MisledError, match="announce"):
        operator.deploy("announce unchecked", "https", "serve")
    assert operator.sees_all() == "MTS309"
    assert operator.deploy(*ORDER) == list(ORDER)

    operator.write("enforce", "mx1.example.com")
    before = operator.announced()
    assert operator.deploy(*reversed(ORDER)) == ["whole: MTS206 MTS316"]
    assert operator.deploy("https", "announce", "serve") == ["https: MTS316"]
    assert operator.deploy("announce", "serve") == ["announce: MTS232"]
    assert operator.announced() == before
    with pytest.raises(MisledError, match="announce"):
        operator.deploy("announce unchecked", "serve")
    assert operator.sees_all() == "MTS316"
    assert operator.deploy(*ORDER) == list(ORDER)
