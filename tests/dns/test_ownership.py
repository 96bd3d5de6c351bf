"""Other people's records: whatever DNS has next to ours, publish changes only what this repository created.

The properties run against octoDNS itself with each of PROVIDERS. Another one, with
its transport faked, runs through them by a line in PROVIDERS: see Provider for what it has to be able to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import dns.zone
import jinja2
import pytest
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.connectionpool import HTTPConnectionPool

from conftest import TEMPLATE
from mtasts.cli import _octodns
from mtasts.config.model import Config, read
from mtasts.dns import publish
from mtasts.dns.recordset import Past
from mtasts.history import revisions
from mtasts.history.repository import Change
from mtasts.history.revisions import History, Revision
from servers.api import Api
from servers.bind import UPDATE_KEY, Named, txt
from servers.dns_azure import Azure
from servers.dns_cloudflare import Cloudflare
from servers.dns_route53 import Route53
from servers.loopback import Loopback
from servers.memory import CONFIG, KilledError, Memory, RecordSets

pytestmark = [
    pytest.mark.slow,  # runs octoDNS hundreds of times
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the providers' packages have their own
]

ZONE = "example.com"
# The ids of the policies below, by sha256sum.
NOW = "v=STSv1; id=862e2bab291cfe999cbbf2c298cebc64;"
BEFORE = "v=STSv1; id=d6ef6013fce40a3e010618c7e4f6d85d;"  # max_age: 700000
TLSRPT = "v=TLSRPTv1; rua=mailto:tls@example.com;"
OLD_TLSRPT = "v=TLSRPTv1; rua=mailto:old@example.com;"
VENDOR = "v=TLSRPTv1; rua=mailto:other@vendor.example;"

# What this branch has had: two policies, two addresses for reports, two apps, two tokens.
OURS = {
    "mta-sts": ("CNAME", ["old.azurewebsites.net.", "new.azurewebsites.net."]),
    "asuid.mta-sts": ("TXT", ["0LD", "A1B2"]),
    "_dnsauth.mta-sts": ("TXT", ["_old", "_new"]),
    "_mta-sts": ("TXT", [BEFORE, NOW]),
    "_smtp._tls": ("TXT", [OLD_TLSRPT, TLSRPT]),
}
PAST = Past({(f"{name}.{ZONE}.", kind, value) for name, (kind, values) in OURS.items() for value in values})
STAGES = {"hosting": ("mta-sts", "asuid.mta-sts", "_dnsauth.mta-sts"), "announcement": ("_mta-sts", "_smtp._tls")}
KINDS = {  # what of hosting is wanted with each kind, by name
    "function": {"mta-sts": ("CNAME", "new.azurewebsites.net."), "asuid.mta-sts": ("TXT", "A1B2")},
    "front-door": {"mta-sts": ("CNAME", "new.azurewebsites.net."), "_dnsauth.mta-sts": ("TXT", "_new")},
    "web-server": {"mta-sts": ("CNAME", "new.azurewebsites.net.")},
}
ALONE = ("mta-sts", "_mta-sts", "_smtp._tls")


class Provider(NamedTuple):
    """A DNS provider. config: dns/provider.yaml; fill and read: its zone ZONE; kill_at: the call, counted from fill on.

    meanwhile: lets something happen before each call, which is told the number of the call.
    """

    config: str
    fill: Callable[[RecordSets], object]
    read: Callable[[], RecordSets]
    kill_at: Callable[[int | None], object]
    meanwhile: Callable[[Callable[[int], object]], object]


@contextmanager
def memory(_: Path) -> Iterator[Provider]:
    """A provider that writes whole record sets, one after the other."""
    yield Provider(
        CONFIG,
        lambda sets: Memory.begin({ZONE: sets}),
        lambda: Memory.zones[ZONE],
        Memory.kill_at,
        Memory.meanwhile,
    )


@contextmanager
def bind(folder: Path) -> Iterator[Provider]:
    """BIND, by RFC 2136: one update for a zone. What counts as a call is a question to the name server."""
    net = Loopback()
    named = Named(folder, net.dns_port, {ZONE: ""}, updates=True)
    config = "class: octodns_bind.Rfc2136Provider\nhost: {}\nport: {}\nkey_name: update\nkey_secret: {}\n"
    algorithm = "key_algorithm: hmac-sha256\n"
    with named, pytest.MonkeyPatch.context() as patch:
        zone = BindZone(net.dns_port)
        for name in ("xfr", "tcp"):
            patch.setattr(dns.query, name, partial(zone.counted, getattr(dns.query, name)))
        made = config.format(Loopback.dns, net.dns_port, UPDATE_KEY) + algorithm
        yield Provider(made, zone.fill, zone.read, zone.kill_at, zone.meanwhile)


@contextmanager
def api(name: str, folder: Path) -> Iterator[Provider]:
    """Azure, Cloudflare or Route 53: octoDNS's own class, and a server that speaks the provider's API.

    What counts as a call is a request of octoDNS's HTTP library.
    """
    kinds: dict[str, Callable[[], Api]] = {"azure-dns": lambda: Azure(folder), "cloudflare": Cloudflare}
    config = jinja2.Template((TEMPLATE / "dns" / "provider.yaml").read_text(encoding="utf-8"), autoescape=False)
    with kinds.get(name, Route53)() as server, pytest.MonkeyPatch.context() as patch:
        zone = ApiZone(server, HTTPConnectionPool.urlopen)
        patch.setattr(HTTPConnectionPool, "urlopen", lambda *words, **options: zone.counted(*words, **options))
        for variable, value in server.environment.items():
            patch.setenv(variable, value)
        made = f"{config.render(cookiecutter={'dns_provider': name})}\n{server.options}\n"
        yield Provider(made, zone.fill, zone.read, zone.kill_at, zone.meanwhile)


SERVED = {name: partial(api, name) for name in ("azure-dns", "cloudflare", "route53")}
PROVIDERS: dict[str, Callable[[Path], AbstractContextManager[Provider]]] = {"memory": memory, "bind": bind, **SERVED}


class Calls:
    """The calls of octoDNS to a provider. A test can abort them, and act between two of them."""

    def __init__(self, asked: Callable[..., object]) -> None:
        self._asked = asked
        self.begin()

    def begin(self) -> None:
        """Count from 0, and break off none."""
        self._calls = 0
        self.kill_at(None)
        self.meanwhile(lambda _: None)

    def kill_at(self, call: int | None) -> None:
        """Break off at this call."""
        self._killed_at = call

    def meanwhile(self, happens: Callable[[int], object]) -> None:
        """Let something happen before each call."""
        self._between = happens

    def counted(self, *words: object, **options: object) -> object:
        """Ask the provider for octoDNS."""
        if self._calls == self._killed_at:
            raise KilledError
        self._between(self._calls)
        self._calls += 1
        return self._asked(*words, **options)


class ApiZone(Calls):
    """The zone at a provider."""

    def __init__(self, server: Api, asked: Callable[..., object]) -> None:
        super().__init__(asked)
        self._server = server

    def fill(self, sets: RecordSets) -> None:
        """Have these record sets and no others."""
        self._server.clear()
        self._server.add_zone(ZONE)
        for (name, kind), (ttl, values) in sets.items():
            self._server.put(f"{name}.{ZONE}".lstrip("."), kind, list(values), ttl)
        self.begin()

    def read(self) -> RecordSets:
        """Return the record sets, but for those that make a zone. Of several TTLs, as Cloudflare has, the least."""
        found: dict[tuple[str, str], tuple[int, list[str]]] = {}
        for line in self._server.all():
            name, ttl, kind, value = line.split(" ", 3)
            if kind != "NS":
                key = name.removesuffix(ZONE).rstrip("."), kind
                least, values = found.get(key, (int(ttl), []))
                found[key] = min(int(ttl), least), [*values, value]
        return {key: (ttl, tuple(sorted(values))) for key, (ttl, values) in found.items()}


def _called(asked: Callable[..., object], *words: object, **options: object) -> object:
    return asked(*words, **options)


class BindZone(Calls):
    """The zone on the name server."""

    def __init__(self, port: int) -> None:
        super().__init__(_called)
        self._port, self._xfr, self._tcp = port, dns.query.xfr, dns.query.tcp

    def fill(self, sets: RecordSets) -> None:
        """Have these record sets and no others."""
        key = dns.tsigkeyring.from_text({"update": UPDATE_KEY})
        update = dns.update.Update(ZONE, keyring=key, keyalgorithm="hmac-sha256")
        for name, kind in self.read():
            update.delete(name or "@", kind)
        for (name, kind), (ttl, values) in sets.items():
            for value in values:
                update.add(name or "@", ttl, kind, txt(value).removeprefix("TXT ") if kind == "TXT" else value)
        assert self._tcp(update, Loopback.dns, port=self._port, timeout=10).rcode() == 0
        self.begin()

    def read(self) -> RecordSets:
        """Return the record sets, but for those that make a zone."""
        found: dict[tuple[str, str], tuple[int, list[str]]] = {}
        zone = dns.zone.from_xfr(self._xfr(Loopback.dns, ZONE, port=self._port))
        for owner, ttl, data in zone.iterate_rdatas():
            kind = dns.rdatatype.to_text(data.rdtype)
            if kind not in ("SOA", "NS"):
                key = str(owner).removesuffix("@"), kind
                text = b"".join(data.strings).decode() if isinstance(data, TXT) else absolute(data.to_text())
                found.setdefault(key, (ttl, []))[1].append(text)
        return {key: (ttl, tuple(sorted(values))) for key, (ttl, values) in found.items()}


def absolute(text: str) -> str:
    """Return a record's data with the name at its end absolute."""
    return f"{text}.{ZONE}." if re.search("[a-z]$", text) else text


@dataclass(frozen=True)
class Case:
    """What policy.yaml says."""

    stage: str
    kind: str = "function"
    retired: bool = False
    reports: bool = True

    def text(self) -> str:
        """Return the policy.yaml."""
        hosting = {"kind": self.kind, "hostname": "new.azurewebsites.net"}
        domain: dict[str, object] = {"retired": True} if self.retired else {}
        if self.kind == "function":
            hosting["verification"] = "A1B2"
        rua = '\ntls_reporting: {rua: ["mailto:tls@example.com"]}' if self.reports else ""
        top = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]"
        return f"{top}{rua}\nhosting: {json.dumps(hosting)}\ndomains: {{{ZONE}: {json.dumps(domain)}}}\n"

    def wanted(self) -> dict[str, tuple[str, str]]:
        """Return the values wanted at our names."""
        if self.retired:
            return {}
        if self.stage == "hosting":
            return KINDS[self.kind]
        reports = {"_smtp._tls": ("TXT", TLSRPT)} if self.reports else {}
        return {"_mta-sts": ("TXT", NOW), **reports}


@pytest.fixture(scope="module", params=["memory", "bind"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run publish with a provider in memory."""
    yield from running(request, tmp_path_factory)


@pytest.fixture(scope="module", params=SERVED)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """publish, with a provider that has an API of its own: each publication is some requests."""
    yield from running(request, tmp_path_factory)


def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run publish with the provider that is asked for."""
    folder = tmp_path_factory.mktemp("dns")
    for stage in STAGES:
        text = (TEMPLATE / "dns" / f"{stage}.yaml").read_text(encoding="utf-8")
        (folder / f"{stage}.yaml").write_text(text, encoding="utf-8")
    started = PROVIDERS[request.param](tmp_path_factory.mktemp("server"))
    with started as provider, pytest.MonkeyPatch.context() as patch:
        (folder / "provider.yaml").write_text(provider.config, encoding="utf-8")
        patch.setenv("MTASTS_FILE", str(folder / "policy.yaml"))
        yield Run(folder, provider)


class Run:
    """publish against a provider. again: once more, with what the last one left."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self._folder, self.provider = folder, provider

    def __call__(self, case: Case, sets: RecordSets, *, force: bool = False, past: Past = PAST) -> list[str]:
        """Fill the zone, publish, and return the rules of what went wrong, each with its message."""
        self.provider.fill(sets)
        return self.again(case, force=force, past=past)

    def again(self, case: Case, *, force: bool = False, past: Past = PAST) -> list[str]:
        """Publish."""
        (self._folder / "policy.yaml").write_text(case.text(), encoding="utf-8")
        tokens = {ZONE: "_new"} if case.kind == "front-door" else None  # as Azure says it in the run
        stage = self._folder / f"{case.stage}.yaml"
        done = publish.publish(stage, doit=True, force=force, past=lambda: past, tokens=tokens)
        return [f"{finding.rule.id} {finding.message}" for finding in done.findings]


# The properties

WORDS = st.text("abc019 -_.:=;/@{}'", min_size=1, max_size=12).map(str.strip).filter(bool)
# The last line: what looks like a value of ours, once octoDNS has taken a zone file's quotation marks out of it.
HARD = st.sampled_from(
    [
        *('say "x"', "back\\slash", "semi\\;colon", "é", "x" * 300, "tab\there", "\x00", '" "', 'x" "y', "\\", '"', ""),
        *('"A1B2"', 'A1" "B2', '"_new"', f'"{NOW}"', f'"{BEFORE}"', TLSRPT.replace("rua", 'r" "ua'), f'"{OLD_TLSRPT}"'),
    ]
)
OTHERS = st.one_of(
    WORDS,
    HARD,
    st.sampled_from([VENDOR, "v=STSv1; id=20200101;", "v=spf1 -all", "google-site-verification=x", "PROOF OF ANOTHER"]),
).filter(lambda value: not re.fullmatch("[A-Za-z0-9_-]{1,128}", value))  # at _dnsauth that could be a token
TTLS = st.sampled_from([60, 300, 3600])
CASES = st.builds(
    Case, st.sampled_from(["hosting", "announcement"]), st.sampled_from(list(KINDS)), st.booleans(), st.booleans()
)


@st.composite
def zones(draw: st.DrawFn) -> tuple[RecordSets, RecordSets]:
    """Draw a zone, and which of its values belong to others."""
    whole: RecordSets = {("", "MX"): (300, ("10 mx.example.com.",)), ("mx", "A"): (60, ("192.0.2.1",))}
    others = dict(whole)
    for name, (kind, values) in OURS.items():
        ttl = draw(TTLS)
        ours = draw(st.lists(st.sampled_from(values), unique=True, max_size=2 if kind == "TXT" else 1))
        if kind == "CNAME":
            theirs = [] if ours else draw(st.lists(st.just("x.example.net."), max_size=1))
            if not ours and not theirs and draw(st.booleans()):
                whole[name, "A"] = others[name, "A"] = (ttl, ("192.0.2.7",))
        else:
            theirs = draw(st.lists(OTHERS, unique=True, max_size=3))
            if draw(st.integers(0, 4)) == 0:
                whole[name, "CAA"] = others[name, "CAA"] = (ttl, ('0 issue "letsencrypt.org"',))
        if ours or theirs:
            whole[name, kind] = (ttl, tuple(sorted([*ours, *theirs])))
        if theirs:
            others[name, kind] = (ttl, tuple(sorted(theirs)))
    return whole, others


def lost(before: RecordSets, after: RecordSets) -> list[tuple[str, str, object]]:
    """Return which of others' values changed: those that are gone, and record sets with another TTL."""
    return [
        (*key, [value for value in values if value not in after.get(key, (0, ()))[1]] or ttl)
        for key, (ttl, values) in before.items()
        if key not in after or after[key][0] != ttl or not set(values) <= set(after[key][1])
    ]


Zone = tuple[RecordSets, RecordSets]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=CASES, zone=zones())
def test_others_values_stay_as_they_were(run: Run, case: Case, zone: Zone) -> None:
    """For hosting, announcement, retirement, reports given up: no value of others is removed, and no TTL changed."""
    hold_others_values(run, case, zone)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=CASES, zone=zones())
def test_others_values_stay_as_they_were_at_a_provider(served: Run, case: Case, zone: Zone) -> None:
    """The same through the classes and the requests that change real zones."""
    hold_others_values(served, case, zone)


def hold_others_values(run: Run, case: Case, zone: Zone) -> None:
    """Publish; others' values must be unchanged, ours must be there, and nothing must be left to do."""
    whole, others = zone
    errors = run(case, whole)
    after = dict(run.provider.read())
    assert lost(others, after) == []
    if errors:
        assert {error.partition(" ")[0] for error in errors} == {"MTS231"}
        assert after == whole  # the domain is left as it is
        return
    for name, (kind, value) in case.wanted().items():
        assert value in after[name, kind][1]
        if name in ALONE:
            assert [key for key in after if key[0] == name] == [(name, kind)]
            assert after[name, kind] == (3600, (value,))
    for name in STAGES[case.stage]:
        kind, values = OURS[name]
        left = set(after.get((name, kind), (0, ()))[1]).intersection(values)
        assert left == {value for wanted, value in [case.wanted().get(name, (kind, None))] if value}
    assert run.again(case) == []
    assert run.provider.read() == after


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=CASES, zone=zones())
def test_force_takes_what_is_in_the_way_and_nothing_else(run: Run, case: Case, zone: Zone) -> None:
    """Force removes others' values only at a name where ours must be the only record, and only if ours is wanted."""
    hold_to_what_is_in_the_way(run, case, zone)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=CASES, zone=zones())
def test_force_takes_nothing_else_at_a_provider(served: Run, case: Case, zone: Zone) -> None:
    """The same through the classes and the requests that change real zones."""
    hold_to_what_is_in_the_way(served, case, zone)


def hold_to_what_is_in_the_way(run: Run, case: Case, zone: Zone) -> None:
    """Publish with force, and check which of others' values were removed."""
    whole, others = zone
    errors = run(case, whole, force=True)
    after = dict(run.provider.read())
    in_the_way = set() if errors else {name for name in case.wanted() if name in ALONE}
    assert lost({key: value for key, value in others.items() if key[0] not in in_the_way}, after) == []
    if not errors:
        assert {name: value for name, value in case.wanted().items() if value[1] not in after[name, value[0]][1]} == {}
    else:
        assert [error for error in errors if "cannot write back" not in error] == []


@pytest.mark.parametrize("served", ["cloudflare"], indirect=True)
def test_an_automatic_ttl_stays_automatic(served: Run) -> None:
    """Most records at Cloudflare have one: TTL 1, which octoDNS reads as 300 and would write as that."""
    assert served(Case("hosting"), {("asuid.mta-sts", "TXT"): (1, ("proof of an app",))}) == []
    assert served.provider.read()["asuid.mta-sts", "TXT"] == (1, ("A1B2", "proof of an app"))


BESIDE: RecordSets = {
    ("www", "A"): (60, ("192.0.2.1",)),
    ("mta-sts.other", "CNAME"): (60, ("x.example.net.",)),
    ("asuid.mta-sts", "TXT"): (300, ("proof of an app", "proof of another")),
    ("_dnsauth.mta-sts", "TXT"): (300, ("by hand",)),
    ("_smtp._tls", "TXT"): (60, (VENDOR,)),
}
LIFE = [
    Case("hosting", reports=False),
    Case("announcement", reports=False),
    Case("hosting", "front-door", reports=False),
    Case("hosting", "web-server", reports=False),
    Case("hosting", reports=False),
    Case("announcement", retired=True, reports=False),
    Case("hosting", retired=True, reports=False),
]


@pytest.mark.parametrize("killed_at", range(25))
def test_a_run_that_is_killed_loses_nothing_of_others(run: Run, killed_at: int) -> None:
    """Killed between any two calls, from the hosting to the retirement. The next run completes the work."""
    live_through_a_kill(run, killed_at)


@pytest.mark.parametrize("killed_at", range(25))
def test_a_run_that_is_killed_loses_nothing_at_a_provider(served: Run, killed_at: int) -> None:
    """The same between any two requests."""
    live_through_a_kill(served, killed_at)


def live_through_a_kill(run: Run, killed_at: int) -> None:
    """Go from the hosting to the retirement, killed once."""
    run.provider.fill(BESIDE)
    run.provider.kill_at(killed_at)
    killed = 0
    for case in LIFE:
        try:
            errors = run.again(case)
        except KilledError:
            run.provider.kill_at(None)
            killed += 1
            assert lost(BESIDE, run.provider.read()) == []
            errors = run.again(case)
        assert errors == []
        assert lost(BESIDE, run.provider.read()) == []
    assert killed == 1
    assert run.provider.read() == BESIDE


@pytest.mark.parametrize("force", [False, True])
def test_a_retired_domain_leaves_a_token_that_no_revision_had(run: Run, force: bool) -> None:
    """A token counts as Front Door's only if a new one replaces it. DigiCert's validation records use this name too."""
    theirs: RecordSets = {("_dnsauth.mta-sts", "TXT"): (300, ("token-of-another",))}
    ours: RecordSets = {("_dnsauth.mta-sts", "TXT"): (300, ("_old", "token-of-another"))}
    assert run(Case("hosting", "front-door", retired=True), ours, force=force) == []
    assert run.provider.read() == theirs


# Two at once


def test_a_record_that_another_run_adds_meanwhile_is_a_failure(run: Run) -> None:
    """J5 of the audit: two first publications at once leave two _mta-sts records, and both runs ended with success."""
    other = "v=STSv1; id=0123456789abcdef0123456789abcdef;"
    for value, rule in ((BEFORE, "MTS230"), (other, "MTS231")):
        run.provider.fill({})
        run.provider.meanwhile(partial(_add, run, value))
        (error,) = run.again(Case("announcement", reports=False))
        assert error.partition(" ")[0] == rule
        run.provider.meanwhile(lambda _: None)
        assert run.again(Case("announcement", reports=False)) == ([] if rule == "MTS230" else [error])


@pytest.mark.parametrize("run", ["bind"], indirect=True)
@pytest.mark.parametrize(("there", "retired"), [("0LD", False), ("A1B2", True)])
def test_a_value_that_comes_after_the_last_look_stays(run: Run, there: str, retired: bool) -> None:
    """octodns-bind deletes the whole record set and adds its own: what had come in between was gone, and the run 0."""

    def before(call: int) -> None:
        if call == 2:  # the update; others add their value to the record set that has been read twice
            sets = run.provider.read()
            run.provider.fill({**sets, ("asuid.mta-sts", "TXT"): (300, ("of an app", "of another", there))})

    hosting: RecordSets = {("mta-sts", "CNAME"): (3600, ("new.azurewebsites.net.",))}
    run.provider.fill({**hosting, ("asuid.mta-sts", "TXT"): (300, ("of an app", there))})
    run.provider.meanwhile(before)
    assert run.again(Case("hosting", retired=retired)) == []
    wanted = () if retired else ("A1B2",)
    assert run.provider.read()["asuid.mta-sts", "TXT"] == (300, (*wanted, "of an app", "of another"))


def _add(run: Run, value: str, call: int) -> None:
    """Add a value between the change and the last look."""
    if call == 3:
        sets = run.provider.read()
        ttl, values = sets["_mta-sts", "TXT"]
        run.provider.fill({**sets, ("_mta-sts", "TXT"): (ttl, tuple(sorted((*values, value))))})


# What the history says

YEAR = timedelta(seconds=31_557_600)
TODAY = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def revision(age: timedelta, max_age: int | None) -> Revision:
    """Return a revision of so long ago. max_age: of its policy, None where the file was gone."""
    text = Case("announcement").text().replace("604800", str(max_age))
    config, findings = read(text) if max_age else (None, [])
    assert findings == []
    return Revision(f"{max_age}", TODAY - age, config)


IDS = {604800: NOW, 700000: BEFORE}
WINDOWS: dict[
    str, tuple[list[tuple[timedelta, int | None]], set[int]]
] = {  # revisions, and which of their policies are ours
    "now": ([(timedelta(0), 604800)], {604800}),
    "the one before": ([(2 * SECOND, 700000), (SECOND, 604800)], {604800, 700000}),
    "in force when the year began": ([(3 * YEAR, 700000), (YEAR - SECOND, 604800)], {604800, 700000}),
    "replaced as the year began": ([(3 * YEAR, 700000), (YEAR, 604800)], {604800}),
    "replaced before": ([(3 * YEAR, 700000), (2 * YEAR, 604800)], {604800}),
    "never changed since": ([(3 * YEAR, 604800)], {604800}),
    "the file was gone since": ([(3 * YEAR, 700000), (2 * YEAR, None)], set()),
    "the file was gone for a day": ([(3 * SECOND, 700000), (2 * SECOND, None), (SECOND, 604800)], {604800, 700000}),
    "nothing yet": ([], set()),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_what_was_in_force_within_the_longest_max_age_is_ours(name: str) -> None:
    """31,557,600 seconds, to the second; the revision in force when that time began counts."""
    ages, expected = WINDOWS[name]
    newest_first = [revision(age, max_age) for age, max_age in reversed(ages)]
    changes = [(Change(each.commit, 0, None, "", "", "", None), each.since, each.config) for each in newest_first]
    published = _octodns.past(revisions.history(changes, TODAY - revisions.REMEMBERED)).published
    policies = {value for name, _, value in published if name == "_mta-sts.example.com."}
    assert policies == {IDS[max_age] for max_age in expected}


def test_a_value_is_ours_at_its_own_name_and_of_its_own_type_only() -> None:
    """Another domain's value of this repository is not this domain's; a CNAME's case means nothing."""
    text = Case("hosting").text().replace("new.azure", "New.Azure")
    config, _ = read(text)
    assert isinstance(config, Config)
    published = _octodns.past(History((Revision("1", TODAY, config),), (), ())).published
    assert set(published) == {
        ("mta-sts.example.com.", "CNAME", "new.azurewebsites.net."),
        ("asuid.mta-sts.example.com.", "TXT", "A1B2"),
        ("_mta-sts.example.com.", "TXT", NOW),
        ("_smtp._tls.example.com.", "TXT", TLSRPT),
    }


def test_without_a_history_a_retired_domain_is_not_passed_over_in_silence(run: Run) -> None:
    """A shallow clone cannot tell whose the records are, and a retirement that removes nothing is a failure."""
    shallow = Past(unknown="The clone is shallow. Fetch it.")
    sets: RecordSets = {("_mta-sts", "TXT"): (3600, (NOW,))}
    (error,) = run(Case("announcement", retired=True), sets, past=shallow)
    assert error.startswith("MTS231 _mta-sts.example.com. has TXT 'v=STSv1; id=862e")
    assert error.endswith("but whether to remove it is unknown. The clone is shallow. Fetch it.")
    assert run.provider.read() == sets
    (error,) = run(Case("announcement"), {("_mta-sts", "TXT"): (3600, (BEFORE,))}, past=shallow)
    assert "whether this repository created it is unknown. The clone is shallow. Fetch it. Or replace it" in error
    assert run(Case("announcement", reports=False), {("_mta-sts", "TXT"): (60, (NOW,))}, past=shallow) == []
