"""What publish checks before it announces a policy, with real policy hosts and a real name server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mtasts.check import announcing
from mtasts.check.clients import tls
from mtasts.check.clients.https import Fetch
from mtasts.check.clients.resolver import Lookup
from mtasts.check.clients.smtp import Probe
from mtasts.check.walk import Clients
from mtasts.config.model import Config, read
from mtasts.findings import Finding
from servers import https
from servers.bind import txt
from servers.https import Answer
from servers.internet import POLICY, TLSRPT, Internet, Site, nobody, talks
from servers.loopback import NO_ROUTE_IPV6, Loopback

OLD = POLICY.replace(b"604800", b"1209600")
TESTING = POLICY.replace(b"enforce", b"testing")
GOOGLE = "@ MX 15 abcdefghij.mx-verification.google.com."
MICROSOFT = "@ MX 32767 ms12345678.msv1.invalid."


@dataclass(frozen=True)
class Case:
    """A domain to announce. says: parts of the finding that stops it; empty if it may be announced."""

    site: Site
    says: tuple[str, ...] = ()
    mode: str = "enforce"


def case(*says: str, mode: str = "enforce", **site: Any) -> Case:
    """Return a case in which everything is good except what is given."""
    return Case(Site(**site), says, mode)


CASES = {
    "good": case(),
    # J4: announced again from an old run, after a rollback: HTTPS serves another policy than this one.
    "rolled-back": case("does not serve the policy of the repository", "-max_age: 604800", https=Answer(OLD)),
    "not-deployed": case("answers 404", https=Answer(b"", 404)),
    "no-host": case("mta-sts.no-host.example has no address", host=""),
    "wrong-type": case("'text/html'", https=Answer(POLICY, headers={"Content-Type": "text/html"})),
    "refused": case("the server refuses the connection", https=nobody),
    # One address that serves it is enough, if none that can be reached serves another.
    "one-of-two-refused": case(host="mta-sts A {https}\nmta-sts A {nobody}"),
    "one-refused-one-old": case("does not serve the policy of the repository", https=Answer(OLD),
                                host="mta-sts A {nobody}\nmta-sts A {https}"),
    "one-of-two-is-old": case("does not serve the policy of the repository", https=talks(https.answers(OLD)),
                              host="mta-sts A {https}\nmta-sts A {good_https}"),
    # A1, actions/runner-images#668: no IPv6 on this machine. A2, aykevl/mta-sts#17: and no IPv4 on the other.
    "ipv6-unreached": case(host=f"mta-sts A {{https}}\nmta-sts AAAA {NO_ROUTE_IPV6}"),
    "ipv6-unreached-too": case(host=f"mta-sts A {{https}}\nmta-sts AAAA {NO_ROUTE_IPV6}"),
    "ipv6-alone": case("This machine cannot see what mta-sts.ipv6-alone.example serves: it has no route to "
                       "ff0e::1.", host=f"mta-sts AAAA {NO_ROUTE_IPV6}"),
    "ipv6-unreached-and-old": case("does not serve the policy of the repository", https=Answer(OLD),
                                   host=f"mta-sts A {{https}}\nmta-sts AAAA {NO_ROUTE_IPV6}"),
    # The MX records, which the policy names as *.mx.example.
    "mx-uncovered": case("Mail goes to 'mx.elsewhere.example', which no mx pattern covers",
                         mx="@ MX 10 good.mx.example.\n@ MX 20 mx.elsewhere.example."),
    "mx-uncovered-in-testing": case(mx="@ MX 20 mx.elsewhere.example.", https=Answer(TESTING), mode="testing"),
    "mx-two-labels": case("'a.b.mx.example'", mx="@ MX 10 a.b.mx.example."),
    "mx-verification": case(mx=f"@ MX 10 good.mx.example.\n{GOOGLE}\n{MICROSOFT}"),  # F5
    "mx-verification-lookalike": case("'mx-verification.google.com.evil.example'",
                                      mx="@ MX 10 good.mx.example.\n@ MX 20 mx-verification.google.com.evil.example."),
    "mx-without-address": case(mx="@ MX 10 absent.mx.example."),  # its address is check's
    "mx-null": case(mx="@ MX 0 ."),
    "mx-none": case(mx=""),  # and no address: no mail comes
    "mx-implicit": case("Mail goes to 'mx-implicit.example'", mx="@ A {smtp}"),  # RFC 5321 §5.1
    "mx-servfail": case("The MX hosts are unknown", mx="", failing=""),
}  # fmt: skip


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """All domains, running."""
    folder = tmp_path_factory.mktemp("announcing")
    sites = {name: each.site for name, each in CASES.items()}
    vendor = {
        "d1": Site(tlsrpt="_smtp._tls CNAME reports.vendor.example.\n", ours=False),
        "d1-txt": Site(tlsrpt=f"_smtp._tls {txt('v=TLSRPTv1; rua=mailto:other@vendor.example;')}", ours=False),
        "vendor": Site(tlsrpt=f"reports {txt(TLSRPT)}", ours=False),
    }
    with Internet(folder, {**sites, **vendor}) as running:
        yield running


@pytest.fixture(scope="module")
def found(internet: Internet) -> list[Finding]:
    """The findings of one run for all domains."""
    return announcing.look(config().domains, clients(internet), timeout=30, jobs=50)


def config() -> Config:
    """Return the policy.yaml to announce."""
    domains = "".join(f"  {name}.example: {{mode: {each.mode}}}\n" for name, each in CASES.items())
    text = (
        'version: STSv1\nmode: enforce\nmax_age: 604800\nmx: ["*.mx.example"]\nhosting: {kind: web-server}\ndomains:\n'
    )
    made, _ = read(text + domains)
    assert made
    return made


def clients(internet: Internet) -> Clients:
    """Return the clients for this network."""
    net = internet.net
    verifying = tls.context(str(internet.folder / "ca.pem"))
    lookup = Lookup((Loopback.dns, net.dns_port))
    return Clients(lookup, Fetch(verifying, net.https_port), Probe(verifying, net.smtp_port))


@pytest.mark.parametrize("name", CASES)
def test_a_policy_is_announced_only_if_senders_get_it_and_mail_survives_it(found: list[Finding], name: str) -> None:
    """Each domain that must not be announced has one error, which says why and what to do."""
    messages = [finding.message for finding in found if finding.domain == f"{name}.example"]
    if not CASES[name].says:
        assert messages == []
        return
    (message,) = messages
    assert message.startswith(f"{name}.example is not announced. ")
    assert [part for part in CASES[name].says if part not in message] == [], message
    assert message.endswith(" Correct this and run publish again, or announce it anyway with --no-check.")


def test_what_this_machine_cannot_reach_is_one_warning_of_the_run(found: list[Finding]) -> None:
    """Four domains share the address."""
    (warning,) = (finding for finding in found if finding.domain is None)
    assert (warning.rule.id, warning.rule.severity.value) == ("MTS319", "warning")
    assert "no IPv6: 1 address not checked (ff0e::1)" in warning.message


def test_a_check_of_https_alone_says_what_it_cannot_tell(internet: Internet) -> None:
    """A1 and A2: no error, one warning, and the verdict of a domain that could not be seen says so."""
    done = internet.check("ipv6-unreached.example", "ipv6-alone.example", "--only", "https", "--format", "json")
    printed = json.loads(done.stdout)
    assert done.returncode == 0
    assert [finding["rule"] for finding in printed["findings"]] == ["MTS319"]
    assert [domain["verdict"] for domain in printed["domains"]] == [
        None,
        "This machine cannot tell what senders do: it could not check the policy host.",
    ]
    text = internet.check("ipv6-unreached.example", "--only", "https").stdout.decode()
    assert text.count("MTS319") == 1
    assert text.endswith("1 domain, none with errors: 1 warning\n")


def test_a_vendors_record_for_reports_is_a_fact_where_policy_yaml_has_none(internet: Internet, tmp_path: Path) -> None:
    """D1: the README leaves `_smtp._tls` to others without tls_reporting, and check called it an error."""
    text = "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: [good.mx.example]\nhosting: {kind: web-server}\n"
    (tmp_path / "policy.yaml").write_text(f"{text}domains: {{d1.example: , d1-txt.example: }}\n", encoding="utf-8")
    done = internet.run("check", tmp_path / "policy.yaml", "--only", "tlsrpt", "--format", "json")
    printed = json.loads(done.stdout)
    assert (done.returncode, printed["findings"]) == (0, [])
    assert [domain["sections"][0]["seen"] for domain in printed["domains"]] == [
        [
            "_smtp._tls.d1.example is a CNAME to reports.vendor.example",
            "_smtp._tls.d1.example: v=TLSRPTv1; rua=mailto:tls-reports@example.com;",
        ],
        ["_smtp._tls.d1-txt.example: v=TLSRPTv1; rua=mailto:other@vendor.example;"],
    ]
