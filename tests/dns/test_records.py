"""records: what is printed is what octoDNS and name servers read, for every valid policy.yaml."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
import yaml
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from conftest import Bake, verb
from mtasts.config.model import load
from mtasts.dns.forms import FORMATS
from mtasts.dns.records import DnsRecord, Stage, records
from mtasts.tlsrpt.rua import rua_fault

TESTING = "862e2bab291cfe999cbbf2c298cebc64"  # by sha256sum
POLICY = """version: STSv1
mode: testing
max_age: 604800
mx: [mx.example.com]
tls_reporting: {rua: ["mailto:tls@example.com", "https://example.com/tls?a=b"]}
"""
TWO = """hosting: {kind: web-server, hostname: www.example.org}
dns: {ttl: 300}
domains:
  example.com:
  mail.example.com: {zone: example.com}
  gone.example.com: {zone: example.com, retired: true}
"""
RUA = "v=TLSRPTv1; rua=mailto:tls@example.com,https://example.com/tls?a=b;"

Seen = set[tuple[str, str, int, str]]  # name, type, TTL, value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that every example rewrites."""
    return tmp_path_factory.mktemp("records")


@pytest.fixture
def repository(bake: Bake) -> Path:
    """A repository that publishes nothing by itself."""
    return bake(dns_provider="manual", hosting="front-door")


def printed(repository: Path, text: str, *words: str) -> str:
    """Write policy.yaml, and return what the verb prints."""
    (repository / "policy.yaml").write_text(POLICY + text, encoding="utf-8")
    done = verb(repository, "records", *words)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def made(repository: Path, text: str, *words: str) -> Any:
    """Return the records, read from JSON."""
    return json.loads(printed(repository, text, "--format", "json", *words))["records"]


# How others read them


def read_zone_file(text: str, zone: str) -> Seen:
    """Return what dnspython reads in a zone file."""
    found = dns.zone.from_text(text, f"{zone}.", relativize=False, check_origin=False)
    return {
        (
            owner.to_text(),
            dns.rdatatype.to_text(data.rdtype),
            ttl,
            b"".join(data.strings).decode() if isinstance(data, TXT) else data.to_text(),
        )
        for owner, ttl, data in found.iterate_rdatas()
    }


def read_octodns(text: str, folder: Path, zones: Iterable[str]) -> Seen:
    """Return what octoDNS's own YAML provider reads, from a file for each document, called as the document says."""
    from octodns.provider.yaml import YamlProvider

    for file in folder.glob("*.yaml"):
        file.unlink()
    for document in re.split(r"(?m)^# (?=\S+\.yaml$)", text)[1:]:
        name, _, content = document.partition("\n")
        (folder / name).write_text(content, encoding="utf-8")
    return populated(YamlProvider("yaml", str(folder), escaped_semicolons=True), zones)


def read_source(file: Path, zones: Iterable[str]) -> Seen:
    """Return what our own source gives octoDNS, of both stages."""
    from mtasts.dns.octodns import PolicySource

    sources = [PolicySource(stage.value, stage.value, str(file)) for stage in Stage]
    assert set(zones) <= {zone.removesuffix(".") for source in sources for zone in source.list_zones()}
    return {record for source in sources for record in populated(source, zones)}


def populated(source: Any, zones: Iterable[str]) -> Seen:
    """Return the records that octoDNS has from a source, as they would be in DNS."""
    from octodns.zone import Zone

    found: Seen = set()
    for name in zones:
        zone = Zone(f"{name}.", [])
        source.populate(zone)
        for record in zone.records:
            for value in getattr(record, "values", None) or [record.value]:
                found.add((record.fqdn, record._type, record.ttl, str(value).replace("\\;", ";")))
    return found


def as_seen(found: Iterable[DnsRecord]) -> Seen:
    """Return records as their readers see them. A target's case means nothing, and octoDNS has it small."""
    return {(r.name, r.type, r.ttl, r.value.lower() if r.type == "CNAME" else r.value) for r in found}


# What is printed


def test_json_has_what_other_tools_need(repository: Path) -> None:
    """Every record in full, with the name as DNS has it and as a provider's form wants it; of retired domains none."""
    found = made(repository, TWO)
    assert found == [
        {
            "zone": "example.com",
            "name": f"{host}.",
            "type": kind,
            "ttl": 300,
            "value": value,
            "host": host.removesuffix(".example.com"),
        }
        for host, kind, value in (
            ("mta-sts.example.com", "CNAME", "www.example.org."),
            ("_mta-sts.example.com", "TXT", f"v=STSv1; id={TESTING};"),
            ("_smtp._tls.example.com", "TXT", RUA),
            ("mta-sts.mail.example.com", "CNAME", "www.example.org."),
            ("_mta-sts.mail.example.com", "TXT", f"v=STSv1; id={TESTING};"),
            ("_smtp._tls.mail.example.com", "TXT", RUA),
        )
    ]


def test_one_stage_alone(repository: Path) -> None:
    """Together they are all."""
    hosting = made(repository, TWO, "--only", "hosting")
    announcement = made(repository, TWO, "--only", "announcement")
    assert [record["host"] for record in hosting] == ["mta-sts", "mta-sts.mail"]
    assert [record["host"] for record in announcement] == ["_mta-sts", "_smtp._tls", "_mta-sts.mail", "_smtp._tls.mail"]
    every = made(repository, TWO)
    assert sorted(map(str, hosting + announcement)) == sorted(map(str, every))


def test_what_proves_a_domain_to_azure(repository: Path) -> None:
    """Each kind of hosting has its own name for it; a web server and a Static Web App with a CNAME need none."""
    function = (
        "hosting: {kind: function, hostname: f.azurewebsites.net, verification: A1B2}\ndomains: {example.com: }\n"
    )
    assert [
        (each["host"], each["type"], each["value"]) for each in made(repository, function, "--only", "hosting")
    ] == [
        ("mta-sts", "CNAME", "f.azurewebsites.net."),
        ("asuid.mta-sts", "TXT", "A1B2"),
    ]
    door = "hosting: {kind: front-door, hostname: d.azurefd.net}\ndomains:\n"
    door += "  example.com: {verification: _old}\n  mail.example.com: {zone: example.com}\n  example.net:\n"
    hosts = {"example.com": "_token", "mail.example.com": "other", "gone.example.com": "gone"}
    of_azure = [
        {"properties": {"hostName": f"mta-sts.{name}", "validationProperties": {"validationToken": token}}}
        for name, token in hosts.items()
    ]
    (repository / "hosts.json").write_text(json.dumps({"value": of_azure}), encoding="utf-8")
    words = ("--only", "hosting", "--verification", "hosts.json")
    assert [(each["name"], each["value"]) for each in made(repository, door, *words)] == [
        ("mta-sts.example.com.", "d.azurefd.net."),
        ("_dnsauth.mta-sts.example.com.", "_token"),
        ("mta-sts.mail.example.com.", "d.azurefd.net."),
        ("_dnsauth.mta-sts.mail.example.com.", "other"),
        ("mta-sts.example.net.", "d.azurefd.net."),
    ]
    named = [each["name"] for each in made(repository, door, "--only", "hosting")]  # policy.yaml proves nothing
    assert named == ["mta-sts.example.com.", "mta-sts.mail.example.com.", "mta-sts.example.net."]
    for kind in ("web-server", "static-web-app"):
        text = f"hosting: {{kind: {kind}, hostname: h.example.net, verification: A1}}\ndomains: {{example.com: }}\n"
        assert [each["host"] for each in made(repository, text, "--only", "hosting")] == ["mta-sts"]


def test_a_zone_file_goes_into_a_name_server(repository: Path) -> None:
    """Absolute names, and each value in quotes."""
    text = printed(repository, TWO, "--format", "zone")
    assert text.splitlines()[:3] == [
        "mta-sts.example.com. 300 IN CNAME www.example.org.",
        f'_mta-sts.example.com. 300 IN TXT "v=STSv1; id={TESTING};"',
        f'_smtp._tls.example.com. 300 IN TXT "{RUA}"',
    ]
    assert read_zone_file(text, "example.com") >= {
        ("mta-sts.mail.example.com.", "CNAME", 300, "www.example.org."),
        ("_smtp._tls.example.com.", "TXT", 300, RUA),
    }


def test_octodns_reads_its_own_form(repository: Path, folder: Path) -> None:
    """Semicolons are escaped, as its YAML provider requires; our own source gives the same records."""
    text = printed(repository, TWO, "--format", "octodns")
    assert text.splitlines()[:2] == ["# example.com.yaml", "---"]
    document = yaml.safe_load(text)
    assert document["_mta-sts.mail"] == {"ttl": 300, "type": "TXT", "value": f"v=STSv1\\; id={TESTING}\\;"}
    found = read_octodns(text, folder, ["example.com"])
    assert found == read_source(repository / "policy.yaml", ["example.com"])
    assert found == {
        ("mta-sts.example.com.", "CNAME", 300, "www.example.org."),
        ("_mta-sts.example.com.", "TXT", 300, f"v=STSv1; id={TESTING};"),
        ("_smtp._tls.example.com.", "TXT", 300, RUA),
        ("mta-sts.mail.example.com.", "CNAME", 300, "www.example.org."),
        ("_mta-sts.mail.example.com.", "TXT", 300, f"v=STSv1; id={TESTING};"),
        ("_smtp._tls.mail.example.com.", "TXT", 300, RUA),
    }


def test_octodns_takes_the_order_of_many_names(repository: Path, folder: Path) -> None:
    """It counts as people do, 2 before 10, and refuses a file in another order."""
    domains = "".join(f"  d{number}.example.com: {{zone: example.com}}\n" for number in (1, 2, 10, 20))
    hosting = "hosting: {kind: web-server, hostname: www.example.org}\ndomains:\n"
    text = printed(repository, hosting + domains, "--format", "octodns")
    found = read_octodns(text, folder, ["example.com"])
    assert len(found) == 12
    assert found == read_source(repository / "policy.yaml", ["example.com"])


@pytest.mark.parametrize("form", list(FORMATS))
def test_nothing_to_publish_is_no_error(repository: Path, form: str) -> None:
    """If every domain is retired, each form shows that in its own way."""
    text = "hosting: {kind: web-server}\ndomains: {example.com: {retired: true}}\n"
    found = printed(repository, text, "--format", form)
    empty = {"table": ["NAME", "HOST", "TYPE", "TTL", "VALUE"], "json": ["{", '"records":', "[]", "}"]}
    assert found.split() == empty.get(form, [])


# For every policy.yaml

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda label: label[2:4] != "--" and label != "mta-sts"
)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))
URIS = st.one_of(
    st.from_regex(r"mailto:[!-?A-~]{1,200}@[a-z]{1,20}\.example(\?[!-~]{0,60})?", fullmatch=True),
    st.from_regex(r"https://[a-z0-9][!-~]{0,300}", fullmatch=True),
).filter(lambda uri: rua_fault(uri) is None)


@st.composite
def policies(draw: st.DrawFn) -> Mapping[str, Any]:
    """Return a policy.yaml as data: domains in zones of their own, and in parents' zones."""
    domains: dict[str, Any] = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=6, unique=True)):
        labels = name.split(".")
        zone = ".".join(labels[draw(st.integers(0, len(labels) - 2)) :])
        domains[name] = draw(st.sampled_from([None, {"zone": zone}, {"zone": zone, "verification": "A_b-1"}]))
    return {
        "version": "STSv1",
        "mode": draw(st.sampled_from(["testing", "enforce", "none"])),
        "max_age": 604800,
        "mx": ["mx.example.com"],
        "domains": domains,
        "tls_reporting": {"rua": draw(st.lists(URIS, min_size=1, max_size=16, unique=True))},
        "hosting": {"kind": "web-server", "hostname": draw(NAMES)},
        "dns": {"ttl": draw(st.integers(60, 86400))},
    }


LONG = [f"https://example.com/{'x' * length}" for length in (1, 200, 255, 256, 600)]


@settings(max_examples=50, phases=[Phase.explicit, Phase.generate])  # to shrink a policy.yaml takes minutes
@given(policies())
@example({**yaml.safe_load(POLICY + TWO), "tls_reporting": {"rua": LONG}})
@example({**yaml.safe_load(POLICY + TWO), "tls_reporting": {"rua": [f"mailto:{'x' * 227}@example.com"]}})
def test_all_readers_agree(folder: Path, data: Mapping[str, Any]) -> None:
    """Zone files, octoDNS's YAML and our source in octoDNS give the same records: those that were made."""
    file = folder / "policy.yml"
    file.write_text(json.dumps(data), encoding="utf-8")
    config, findings = load(file)
    assert config, findings
    expected = records(config)
    zones = list(dict.fromkeys(record.zone for record in expected))
    by_zone: dict[str, Sequence[DnsRecord]] = {z: [each for each in expected if each.zone == z] for z in zones}
    for zone, those in by_zone.items():
        seen = read_zone_file(FORMATS["zone"](those), zone)
        assert {(n, t, ttl, value.lower() if t == "CNAME" else value) for n, t, ttl, value in seen} == as_seen(those)
    assert read_octodns(FORMATS["octodns"](expected), folder, zones) == as_seen(expected)
    assert read_source(file, zones) == as_seen(expected)
    assert rendered(file, zones) == as_seen(expected)


def rendered(file: Path, zones: Iterable[str]) -> Seen:
    """Return what octoDNS would send to a name server for our source, as the name server reads it."""
    from octodns.zone import Zone

    from mtasts.dns.octodns import PolicySource

    found: Seen = set()
    for stage in Stage:
        for name in zones:
            zone = Zone(f"{name}.", [])
            PolicySource(stage.value, stage.value, str(file)).populate(zone)
            lines = []
            for record in zone.records:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    owner, ttl, kind, values = record.rrs  # what octodns-bind takes
                lines += [f"{owner} {ttl} IN {kind} {value}" for value in values]
            found |= read_zone_file("\n".join(lines), name)
    return found


def test_what_proves_a_domain_is_no_option_without_azure(bake: Bake) -> None:
    """A web server's repository has no files for Front Door: one line, and no traceback."""
    done = verb(bake(dns_provider="manual", hosting="web-server"), "records", "--verification", "hosts.json")
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert b"--verification is only for Front Door, which this repository does not use." in done.stderr
