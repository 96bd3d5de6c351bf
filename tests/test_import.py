"""import: a policy.yaml from what a domain publishes, against a real name server and a real policy host."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conftest import TEMPLATE, verb
from mtasts.adopt import compose, patterns
from mtasts.hosting import Hosting, Kind
from mtasts.lint import lint
from mtasts.policy import Mode, Policy
from servers.bind import txt
from servers.internet import Internet, Site

PUBLISHED = b"version: STSv1\nmode: enforce\nmx: good.mx.example\nmx: *.mx.example\nmax_age: 1209600\n"


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """A domain with a policy, one without, one with Exchange Online, one that takes no mail."""
    good = Site()
    answer = dataclasses.replace(good.https, body=PUBLISHED)  # type: ignore[type-var]
    sites = {
        "published": Site(https=answer, tlsrpt=f"_smtp._tls {txt('v=TLSRPTv1; rua=https://x.example/tls;')}"),
        "bare": Site(sts="", tlsrpt="", host="", mx="@ MX 20 b.example.net.\n@ MX 10 a.example.net."),
        "exchange": Site(sts="", tlsrpt="", host="", mx="@ MX 0 exchange-example.mail.protection.outlook.com."),
        "null": Site(sts="", tlsrpt="", host="", mx="@ MX 0 ."),
    }
    with Internet(tmp_path_factory.mktemp("internet"), sites) as running:
        yield running


def take_in(internet: Internet, domain: str, path: Path, *words: str) -> tuple[int, str]:
    """Run import for a domain, and return its exit code and all that it prints."""
    given = [
        *("--resolver", internet.resolver, "--https-port", str(internet.net.https_port), "--timeout", "10"),
        *("--ca-file", str(internet.folder / "ca.pem"), "--file", str(path)),
    ]
    done = verb(TEMPLATE, "import", domain, *given, *words, env={"PYTHONDONTWRITEBYTECODE": "1"})
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_published_policy_is_taken_as_it_is(internet: Internet, tmp_path: Path) -> None:
    """Mode, hosts, lifetime and the address for reports: the move changes nothing for senders."""
    path = tmp_path / "policy.yaml"
    code, shown = take_in(internet, "Published.Example.", path)
    assert code == 0, shown
    assert "written from the published policy" in shown
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {
        "version": "STSv1",
        "mode": "enforce",
        "max_age": 1209600,
        "mx": ["good.mx.example", "*.mx.example"],
        "domains": {"published.example": None},
        "tls_reporting": {"rua": ["https://x.example/tls"]},
        "hosting": {"kind": "function"},
    }


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
    assert "no policy could be read" in shown
    policy = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (policy["mode"], policy["max_age"], policy["mx"]) == ("testing", 604800, mx)
    assert [finding.rule.id for finding in lint(path)] == ["MTS140", "MTS155"]


@pytest.mark.parametrize("domain", ["null.example", "nothing.example"])
def test_a_domain_without_mail_gives_no_file(internet: Internet, tmp_path: Path, domain: str) -> None:
    """There is nothing to write."""
    code, shown = take_in(internet, domain, tmp_path / "policy.yaml")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "publishes neither a policy nor an MX host" in shown


def test_an_existing_file_is_kept_unless_forced_and_then_its_hosting_is(internet: Internet, tmp_path: Path) -> None:
    """What took an hour to set up is not lost by a command."""
    path = tmp_path / "policy.yaml"
    code, _ = take_in(internet, "bare.example", path)
    text = path.read_text(encoding="utf-8").replace("kind: function", "kind: front-door\n  hostname: x.azurefd.net")
    path.write_text(text, encoding="utf-8")
    code, shown = take_in(internet, "published.example", path)
    assert code == 2
    assert "--force" in shown
    assert path.read_text(encoding="utf-8") == text
    assert take_in(internet, "published.example", path, "--force")[0] == 0
    policy = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert policy["mode"] == "enforce"
    assert policy["hosting"] == {"kind": "front-door", "hostname": "x.azurefd.net"}


def test_all_that_is_known_of_the_hosting_is_kept() -> None:
    """Names that look like numbers too."""
    known = Hosting(Kind.FUNCTION, "107.azurewebsites.net", "0123", "107", "westeurope")
    text = compose("example.com", Policy(Mode.NONE, (), 86400), (), known)
    assert yaml.safe_load(text)["hosting"] == {
        "kind": "function",
        "name": "107",
        "region": "westeurope",
        "hostname": "107.azurewebsites.net",
        "verification": "0123",
    }
    assert "# hostname" not in text


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
    ],
)
def test_providers_have_their_own_patterns(hosts: list[str], mx: list[str]) -> None:
    """All others are named as they are."""
    assert list(patterns(hosts)) == mx
