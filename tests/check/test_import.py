"""import: a policy.yaml from what domains publish, with a real name server and real policy hosts."""

from __future__ import annotations

import dataclasses
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from conftest import TEMPLATE, Bake, verb
from mtasts.config.lint import lint
from mtasts.config.model import load
from mtasts.sts.mx_patterns import patterns
from mtasts.sts.policy import Policy
from servers.bind import txt
from servers.https import Answer
from servers.internet import Internet, Site
from servers.loopback import Full

pytestmark = pytest.mark.slow  # starts servers, and waits for those that hang

HEAD, HOST, AGE = b"version: STSv1\nmode: enforce\n", b"mx: good.mx.example\n", b"max_age: 1209600\n"
SERVED = HEAD + HOST + AGE
PUBLISHED = HEAD + HOST + b"mx: *.mx.example\n" + AGE
UTF8 = {"Content-Type": "text/plain; charset=utf-8"}
START = "Strict senders see no policy today. Others ({}) see one with mode enforce. When you publish this file, all "
ALL_THREE = "postfix-mta-sts-resolver, mailauth, checkdmarc"
LEFT = "No sender accepts what mta-sts.{}.example serves as a policy. It contains: "

# Each is served by a domain of its own: name, body, mode, max_age, what is said. Blank lines and comments are served by
# several real domains. Who reads what: RFC 8461 §3.2, and the source of postfix-mta-sts-resolver 1.5.1 (resolver.py),
# mailauth 4.9.5 (lib/mta-sts.js) and checkdmarc 6.0.4 (mta_sts.py).
UNSTRICT = [
    ("blank", SERVED + b"\n", "enforce", 1209600, ["MTS116: The line '' is blank", START.format(ALL_THREE)]),
    ("bom", b"\xef\xbb\xbf" + SERVED, "enforce", 1209600, ["MTS116", "byte order mark", START.format("mailauth")]),
    (
        "comment",
        b"# our policy\n" + SERVED,
        "enforce",
        1209600,
        ["MTS116: The line '# our policy'", START.format("postfix-mta-sts-resolver, mailauth")],
    ),
    (
        "case",
        SERVED.replace(b"enforce", b"Enforce"),
        "enforce",
        1209600,
        ["MTS111: Unknown mode 'Enforce'", START.format("mailauth")],
    ),
    (
        "dot",
        SERVED.replace(b"mx.example", b"mx.example."),
        "enforce",
        1209600,
        [
            "MTS120",
            "mx 'good.mx.example.' matches no host because of its final dot. It is imported as 'good.mx.example'.",
        ],
    ),
    # What no sender reads is shown, and kept if it can mean only one thing.
    (
        "one-line",
        SERVED.replace(b"\n", b" "),
        "enforce",
        1209600,
        [
            "MTS116: All keys are on one line.",
            f"{LEFT.format('one-line')}mode 'enforce'; max_age '1209600'; mx 'good.mx.example'.",
            "mode is set to enforce, as in the served text. No sender follows it today, but all will when",
        ],
    ),
    (
        "no-version",
        HEAD[15:] + HOST + AGE,
        "enforce",
        1209600,
        ["MTS110: version is missing", "mode is set to enforce, as in the served text."],
    ),
    ("no-age", HEAD + HOST, "enforce", 604800, ["MTS112", "max_age is set to 604800, because the served text does"]),
    (
        "html",
        b"<html><pre>" + SERVED,
        "enforce",
        1209600,
        ["MTS312", LEFT.format("html"), "mode is set to enforce, as in the served text."],
    ),
    (
        "no-mode",
        SERVED[15:].replace(b"enforce", b"on"),
        "testing",
        1209600,
        ["mode 'on'", "mode is set to testing, because the served text does not say which mode is meant."],
    ),
    (
        "two-modes",
        b"\n" + SERVED + b"mode: testing\n",
        "enforce",
        1209600,
        [
            "MTS103",
            "Not all senders read mode enforce in the policy: postfix-mta-sts-resolver mode testing, mailauth mode "
            "testing. Check which mode you want.",
        ],
    ),
    (
        "age-0",
        SERVED.replace(b"1209600", b"0"),
        "enforce",
        604800,
        ["max_age is set to 604800, because no sender caches a policy with max_age 0."],
    ),
    (
        "suffix",
        SERVED.replace(b"good.mx.example", b"*.co.uk"),
        "enforce",
        1209600,
        ["Not imported: mx '*.co.uk' matches every name under 'co.uk'", "mx is set to the MX hosts: good.mx."],
    ),
    (
        "zipped",
        gzip.compress(SERVED, mtime=0),
        "enforce",
        1209600,
        ["MTS317: mta-sts.zipped.example", "compresses the policy ('gzip')"],
    ),
    (
        "key",
        SERVED + b"owner: x\n",
        "enforce",
        1209600,
        ["Unknown key 'owner'. Senders ignore this line"],
    ),
]

# MX records beside `10 good.mx.example.`, the name that is not taken, and why. Sources: Cloudflare's names for the MX
# hosts that it proxies; RFC 952, RFC 5321 §2.3.5 (underscores, addresses); how Google and Microsoft verify domains.
UNNAMED = [
    ("cloudflare", "_dc-mx.0a1b2c3d4e5f.cloudflare.example.", "switch the proxy off for that name (DNS only)"),
    (
        "underscore",
        "mail_1.underscore.example.",
        "contains an underscore, so no public certificate and no policy can name it",
    ),
    ("address", "192.0.2.1.", "is an IP address. Write the server's host name"),
    ("google", "abcdef123.mx-verification.google.com.", "is a verification record, not a mail server. Remove it"),
    ("microsoft", "ms12345678.msv1.invalid.", "is a verification record, not a mail server. Remove it"),
    ("wildcard", "*.co.uk.", "is not a host name, so no policy can name it. Correct the MX record."),
]

# Records at _smtp._tls, the addresses that are taken, and what is said. RFC 8460 §3; `TLSRPv1` and bare addresses are
# from published guides, a CNAME from vendors of reporting.
REPORTS = [
    ("version", txt("v=TLSRPv1; rua=mailto:a@x.example"), ["mailto:a@x.example"], ["MTS222", "TLSRPv1"]),
    (
        "bare-address",
        txt("v=TLSRPTv1; rua=a@x.example,mailto:b@x.example"),
        ["mailto:b@x.example"],
        ["'a@x.example' lacks"],
    ),
    ("spaces", txt("v=TLSRPTv1;; rua=mailto:a@x.example"), ["mailto:a@x.example"], ["MTS222"]),
    ("useless", txt("v=TLSRPTv1; rua=a@x.example"), None, ["Not imported: rua"]),
    (
        "several",
        f"{txt('v=TLSRPTv1; rua=mailto:a@x.example')}\n_smtp._tls {txt('v=TLSRPTv1; rua=mailto:b@x.example')}",
        None,
        ["MTS221", "No address for TLS reports is imported", "mailto:a@x.example", "mailto:b@x.example"],
    ),
    ("vendor", "CNAME reports.mx.example.", ["mailto:v@v.example"], ["is a CNAME to 'reports.mx.example'"]),
]


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """A domain with a policy, one without, one with Exchange Online, one that takes no mail, and all of the tables."""
    bare = Site(sts="", tlsrpt="", host="", mx="@ MX 20 b.example.net.\n@ MX 10 a.example.net.")
    sites = {
        "published": Site(
            https=Answer(PUBLISHED), tlsrpt=f"_smtp._tls {txt('v=TLSRPTv1; rua=https://x.example/tls;')}"
        ),
        "bare": bare,
        "exchange": dataclasses.replace(bare, mx="@ MX 0 exchange-example.mail.protection.outlook.com."),
        "null": dataclasses.replace(bare, mx="@ MX 0 ."),
        "proxied": dataclasses.replace(bare, mx="@ MX 0 _dc-mx.0a1b2c.proxied.example."),
        "gone": dataclasses.replace(bare, host="mta-sts A {https}", https=Answer(b"gone", 404)),
        "silent": dataclasses.replace(
            bare, host="mta-sts A {https}", https=lambda place: Full(place.address, place.port)
        ),
        "broken": dataclasses.replace(bare, failing=""),
    }
    for name, body, *_ in UNSTRICT:
        headers = {**UTF8, "Content-Encoding": "gzip"} if name == "zipped" else UTF8
        sites[name] = Site(https=Answer(body, headers=headers), tlsrpt="")
    for name, host, _ in UNNAMED:
        sites[name] = dataclasses.replace(bare, mx=f"@ MX 5 {host}\n@ MX 10 good.mx.example.")
    for name, record, *_ in REPORTS:
        sites[name] = dataclasses.replace(bare, tlsrpt=f"_smtp._tls {record}")
    sites["vendor"] = dataclasses.replace(
        sites["vendor"],
        smtp=lambda place: Full(place.address, place.port),
        mx_host=f"reports {txt('v=TLSRPTv1; rua=mailto:v@v.example')}",
    )
    with Internet(tmp_path_factory.mktemp("internet"), sites) as running:
        yield running


def take_in(internet: Internet, domain: str, path: Path, *words: str, timeout: str = "10") -> tuple[int, str]:
    """Run import for a domain, and return its exit code and all that it prints."""
    given = [
        *("--resolver", internet.resolver, "--https-port", str(internet.net.https_port), "--timeout", timeout),
        *("--ca-file", str(internet.folder / "ca.pem"), "--file", str(path)),
    ]
    done = verb(TEMPLATE, "import", domain, *given, *words, env={"PYTHONDONTWRITEBYTECODE": "1"})
    shown = (done.stdout + done.stderr).decode()
    assert "Traceback" not in shown, shown
    return done.returncode, shown


def test_a_published_policy_is_taken_as_it_is(internet: Internet, tmp_path: Path) -> None:
    """Mode, hosts, lifetime and the address for reports: the move changes nothing for senders."""
    path = tmp_path / "policy.yaml"
    code, shown = take_in(internet, "Published.Example.", path)
    assert code == 0, shown
    assert "imported from the published policy" in shown
    assert "!" not in shown.split("was written. Review it")[0], shown
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {
        "version": "STSv1",
        "mode": "enforce",
        "max_age": 1209600,
        "mx": ["good.mx.example", "*.mx.example"],
        "domains": {"published.example": None},
        "tls_reporting": {"rua": ["https://x.example/tls"]},
        "hosting": {"kind": "function"},
    }


@dataclass(frozen=True)
class TakenIn:
    """What one run did with many domains: what it said of each, and the policies that it wrote."""

    said: dict[str, str]
    policies: dict[str, Policy]


@pytest.fixture(scope="module")
def taken_in(internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> TakenIn:
    """All domains of the two tables, taken into a new file at once."""
    path = tmp_path_factory.mktemp("many") / "policy.yaml"
    names = [f"{name}.example" for name in [row[0] for row in UNSTRICT] + [row[0] for row in UNNAMED]]
    code, shown = take_in(internet, names[0], path, *names[1:])
    assert code == 0, shown
    config = load(path)[0]
    assert config
    assert [domain.name for domain in config.domains] == names
    parts = re.split(r"^✓ (?=(\S+) was imported)", shown, flags=re.MULTILINE)
    return TakenIn(
        dict(zip(parts[1::2], parts[2::2], strict=True)), {each.name: each.policy for each in config.domains}
    )


@pytest.mark.parametrize(("domain", "_", "mode", "max_age", "said"), UNSTRICT, ids=[row[0] for row in UNSTRICT])
def test_what_strict_senders_throw_away_is_taken_and_said(
    taken_in: TakenIn, domain: str, _: bytes, mode: str, max_age: int, said: list[str]
) -> None:
    """It writes the mode that lenient senders read, and prints each finding."""
    shown, policy = taken_in.said[f"{domain}.example"], taken_in.policies[f"{domain}.example"]
    assert [words for words in said if words not in shown] == [], shown
    assert (policy.mode, policy.max_age, policy.mx) == (mode, max_age, ("good.mx.example",))


@pytest.mark.parametrize(
    ("domain", "mx"),
    [
        ("bare.example", ["a.example.net", "b.example.net"]),
        ("exchange.example", ["*.mail.protection.outlook.com"]),
    ],
)
def test_without_a_policy_the_mx_hosts_are_taken(
    internet: Internet, tmp_path: Path, domain: str, mx: list[str]
) -> None:
    """In testing, for a week, in the order of preference."""
    path = tmp_path / "policy.yaml"
    code, shown = take_in(internet, domain, path)
    assert code == 0, shown
    assert "it has no readable policy" in shown
    policy = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (policy["mode"], policy["max_age"], policy["mx"]) == ("testing", 604800, mx)
    assert [finding.rule.id for finding in lint(path)] == ["MTS140", "MTS155"]


def test_a_policy_host_without_its_policy_is_named(internet: Internet, tmp_path: Path) -> None:
    """It does not silently write a policy in testing if there should be another one."""
    code, shown = take_in(internet, "gone.example", tmp_path / "policy.yaml")
    assert code == 0, shown
    assert "MTS309: mta-sts.gone.example" in shown
    assert "gone.example was imported from the MX hosts (it has no readable policy): mode testing" in shown


@pytest.mark.parametrize("domain", ["silent.example", "broken.example"])
def test_what_cannot_be_seen_from_here_is_not_guessed(internet: Internet, tmp_path: Path, domain: str) -> None:
    """A timeout or a failing name server can hide a policy in enforce, so it writes nothing."""
    code, shown = take_in(internet, domain, tmp_path / "policy.yaml", timeout="2")
    assert (code, list(tmp_path.iterdir())) == (1, []), shown
    assert f"{domain} was not imported. Its policy host could not be reached from here" in shown


@pytest.mark.parametrize("domain", ["null.example", "nothing.example"])
def test_a_domain_without_mail_gives_no_file(internet: Internet, tmp_path: Path, domain: str) -> None:
    """There is nothing to write."""
    code, shown = take_in(internet, domain, tmp_path / "policy.yaml")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "It publishes no policy, and no MX host" in shown


@pytest.mark.parametrize(("domain", "host", "why"), UNNAMED)
def test_an_mx_host_that_no_policy_can_name_is_named(taken_in: TakenIn, domain: str, host: str, why: str) -> None:
    """The others are imported, and the message says what to do about this one."""
    shown = taken_in.said[f"{domain}.example"]
    assert f"MX host '{host[:-1]}' was left out: it " in shown
    assert why in shown
    assert taken_in.policies[f"{domain}.example"].mx == ("good.mx.example",)


def test_without_another_mx_host_there_is_nothing_to_write(internet: Internet, tmp_path: Path) -> None:
    """A domain whose only MX host is proxied by Cloudflare."""
    code, shown = take_in(internet, "proxied.example", tmp_path / "policy.yaml")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "It publishes no policy, and no MX host that a policy can name" in shown
    assert "MX host '_dc-mx.0a1b2c.proxied.example' was left out" in shown


@pytest.mark.parametrize(("domain", "_", "rua", "said"), REPORTS)
def test_a_record_for_reports_that_senders_ignore_is_said(
    internet: Internet, tmp_path: Path, domain: str, _: str, rua: list[str] | None, said: list[str]
) -> None:
    """The output says what is wrong with it; a correct address is still imported."""
    path = tmp_path / "policy.yaml"
    code, shown = take_in(internet, f"{domain}.example", path)
    assert code == 0, shown
    assert [words for words in said if words not in shown] == [], shown
    assert yaml.safe_load(path.read_text(encoding="utf-8")).get("tls_reporting", {}).get("rua") == rua


MANY = """\
# yaml-language-server: $schema=./policy.schema.json
version: STSv1
mode: testing
max_age: 604800
mx: ["*.mx.example"]

domains:
{}
tls_reporting: {{rua: ["mailto:tls@example.com"]}}  # one for all
hosting:
  kind: web-server
  hostname: www.example.com
dns: {{ttl: 300}}
"""


def test_one_domain_among_300_is_merged_and_all_others_stay(internet: Internet, tmp_path: Path) -> None:
    """No line of the others changes, nor does tls_reporting or dns; and it says what it did not import."""
    before = "".join(f"  d{number}.example:  # number {number}\n    mode: none\n" for number in range(300))
    path = tmp_path / "policy.yaml"
    path.write_text(MANY.format(before), encoding="utf-8")
    code, shown = take_in(internet, "published.example", path, "--force", "bare.example")
    assert code == 0, shown
    assert path.read_text(encoding="utf-8") == MANY.format(
        f'{before}  published.example:\n    mode: enforce\n    max_age: 1209600\n    mx:\n      - "*.mx.example"\n'
        "      - good.mx.example\n  bare.example:\n    mx:\n      - a.example.net\n      - b.example.net\n"
    )
    assert (
        "TLS reports go to 'https://x.example/tls' today. This was not added: tls_reporting applies to every" in shown
    )


def test_an_entry_that_exists_stays_unless_forced(internet: Internet, tmp_path: Path) -> None:
    """The difference is shown; --force replaces that entry, with the zone kept, and leaves the one beside it alone."""
    own = "    mx: [old.example.net]  # since May\n    zone: example\n"
    path = tmp_path / "policy.yaml"
    path.write_text(MANY.format(f"  Bare.example:\n{own}  published.example:\n"), encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    code, shown = take_in(internet, "bare.example", path)
    assert (code, path.read_text(encoding="utf-8")) == (0, before), shown
    assert "bare.example is already in" in shown
    assert "only published: mx 'a.example.net', 'b.example.net'" in shown
    assert "only in policy.yaml: mx 'old.example.net'" in shown
    assert "--force" in shown
    code, shown = take_in(internet, "bare.example", path, "--force")
    changed = own.replace("old.example.net", "a.example.net, b.example.net")
    assert (code, path.read_text(encoding="utf-8")) == (0, before.replace(own, changed)), shown


def test_an_entry_that_stays_is_not_said_to_be_written(internet: Internet, tmp_path: Path) -> None:
    """What import would take by --force is told as that, and nothing of it if there is no difference."""
    path = tmp_path / "policy.yaml"
    code, _ = take_in(internet, "no-mode.example", path)
    assert code == 0
    code, shown = take_in(internet, "no-mode.example", path)
    assert (code, "was written" in shown, "MTS111: Unknown mode 'on'" in shown) == (0, False, True), shown
    path.write_text(path.read_text(encoding="utf-8").replace("1209600", "604800"), encoding="utf-8")
    code, shown = take_in(internet, "no-mode.example", path)
    assert code == 0, shown
    before, after = shown.split("  With --force:\n")
    assert "max_age is 604800, but 1209600 is published" in before
    assert "mode is set to testing" in after


def test_a_fresh_repository_takes_its_domain_in(internet: Internet, bake: Bake) -> None:
    """The README's own command: the policy at the top is the domain's, so that is replaced; the hosting stays."""
    path = bake(domain="published.example") / "policy.yaml"
    before = load(path)[0]
    code, shown = take_in(internet, "published.example", path, "--force")
    assert code == 0, shown
    after = load(path)[0]
    assert before and after
    assert (after.hosting, after.ttl) == (before.hosting, before.ttl)
    assert after.rua == ("https://x.example/tls", "mailto:tls-reports@published.example")
    assert after.domains[0].policy.render() == PUBLISHED.decode().replace("\n", "\r\n")
    assert "policy.yaml also sends TLS reports to 'mailto:tls-reports@published.example'" in shown
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("# The MTA-STS policy (RFC 8461).")
    assert lines[2:8] == [
        "version: STSv1",
        "mode: enforce",
        "max_age: 1209600",
        "mx:",
        "  - good.mx.example",
        '  - "*.mx.example"',
    ]
    assert "  published.example:" in lines
    assert take_in(internet, "published.example", path, "--force")[1].count("was not changed.") == 1


def test_a_file_with_errors_is_not_touched(internet: Internet, tmp_path: Path) -> None:
    """It shows the errors, and does not use the network."""
    path = tmp_path / "policy.yaml"
    path.write_text(MANY.format("  example.com:\n").replace("testing", "test"), encoding="utf-8")
    before = path.read_bytes()
    code, shown = take_in(internet, "bare.example", path, "--force")
    assert (code, path.read_bytes()) == (1, before)
    assert "MTS111" in shown


def test_what_the_hosting_cannot_carry_is_refused_and_the_rest_is_taken(internet: Internet, tmp_path: Path) -> None:
    """A Static Web App serves one policy: a domain with another one would break lint, one with the same would not."""
    path = tmp_path / "policy.yaml"
    text = (
        MANY.format("  one.example:\n")
        .replace("web-server", "static-web-app")
        .replace('"*.mx.example"', "good.mx.example")
    )
    path.write_text(text, encoding="utf-8")
    code, shown = take_in(internet, "published.example", path, "google.example")
    assert (code, path.read_text(encoding="utf-8")) == (
        1,
        text.replace("one.example:", "one.example:\n  google.example:"),
    )
    assert "published.example was not imported." in shown
    assert "With this domain, policy.yaml would not pass lint: MTS153 published.example has a different policy" in shown


def test_a_file_that_cannot_be_edited_is_left_alone_with_what_to_write(internet: Internet, tmp_path: Path) -> None:
    """The message says what to add to YAML that it cannot edit."""
    path = tmp_path / "policy.yaml"
    path.write_text(MANY.format("  ? one.example\n"), encoding="utf-8")
    before = path.read_bytes()
    code, shown = take_in(internet, "bare.example", path)
    assert (code, path.read_bytes()) == (1, before)
    assert "Add by hand: domains.bare.example: {mx: [a.example.net, b.example.net]}" in shown


@pytest.mark.parametrize("name", ["mta-sts.example.com", "localhost", "192.0.2.1", "a_b.example"])
def test_a_name_that_is_no_mail_domain_is_refused(internet: Internet, tmp_path: Path, name: str) -> None:
    """It uses no network, and writes nothing."""
    code, _ = take_in(internet, name, tmp_path / "policy.yaml")
    assert (code, list(tmp_path.iterdir())) == (2, [])


@pytest.mark.parametrize(
    ("hosts", "mx"),
    [
        (["example-com.mail.protection.outlook.com"], ["*.mail.protection.outlook.com"]),
        (["example-com.o-v1.mx.microsoft"], ["example-com.o-v1.mx.microsoft"]),
        (["smtp.google.com"], ["smtp.google.com", "aspmx.l.google.com", "*.aspmx.l.google.com"]),
        (
            ["aspmx.l.google.com", "alt1.aspmx.l.google.com", "aspmx2.googlemail.com"],
            ["smtp.google.com", "aspmx.l.google.com", "*.aspmx.l.google.com", "aspmx2.googlemail.com"],
        ),
        (["MX1.example.com", "mx1.example.com"], ["MX1.example.com"]),
        (["mx_1.example.com", "mx1.example.com"], ["mx1.example.com"]),
        (["mail.protection.outlook.com.example.net"], ["mail.protection.outlook.com.example.net"]),
        (["*.co.uk", "mx1.example.com"], ["mx1.example.com"]),
        (["_dc-mx.1f2e.mail.protection.outlook.com", "192.0.2.1", "x.mx-verification.google.com"], []),
    ],
)
def test_providers_have_their_own_patterns(hosts: list[str], mx: list[str]) -> None:
    """All others are named as they are."""
    assert list(patterns(hosts)) == mx
