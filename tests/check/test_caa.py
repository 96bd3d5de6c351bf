"""CAA: whether DNS lets the hosting's authority issue the certificate, asked of a real name server.

static-web-apps#163, #202, #1447: a certificate is never issued, and the portal does not say why.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conftest import TEMPLATE, verb
from mtasts.check import caa
from mtasts.check.resolver import Answer, Lookup, Status
from mtasts.check.steps import Network
from mtasts.findings import Finding
from mtasts.system.deadline import Deadline
from servers.bind import Named
from servers.loopback import Loopback

pytestmark = pytest.mark.slow  # starts bind9 for every row

OTHERS = "MTS216"
# The records, whether DigiCert is the authority, and what is said: a rule, a fact, or nothing.
CASES: dict[str, tuple[str, bool, str]] = {
    "none": ("", True, ""),
    "static-web-apps#163: another authority for the whole domain": ('@ CAA 0 issue "letsencrypt.org"', True, OTHERS),
    "DigiCert among others": ('@ CAA 0 issue "letsencrypt.org"\n@ CAA 0 issue "digicert.com"', True, "digicert.com"),
    "with parameters": ('@ CAA 0 issue "DigiCert.com; policy=ev"', True, "digicert.com"),
    "nobody": ('@ CAA 0 issue ";"', True, OTHERS),
    "a wildcard alone": ('@ CAA 0 issuewild "letsencrypt.org"', True, ""),  # RFC 8659 §4.3: for wildcards alone
    "reports alone": ('@ CAA 0 iodef "mailto:caa@example.com"', True, ""),
    "the nearest counts": ('@ CAA 0 issue "letsencrypt.org"\nmta-sts CAA 0 issue "digicert.com"', True, "digicert.com"),
    "the nearest forbids": ('@ CAA 0 issue "digicert.com"\nmta-sts CAA 0 issue "letsencrypt.org"', True, OTHERS),
    "by a CNAME": ("mta-sts CNAME app.hosting.example.", True, OTHERS),
    "a critical tag that nobody knows": ('@ CAA 128 tbs "unknown"', True, OTHERS),
    "a tag that nobody knows": ('@ CAA 0 tbs "unknown"', True, ""),
    "Front Door: shown, and not judged": ('@ CAA 0 issue "letsencrypt.org"', False, "letsencrypt.org"),
}


@pytest.mark.parametrize("name", CASES)
def test_caa_is_found_and_judged(name: str, tmp_path: Path) -> None:
    """RFC 8659 §3: the nearest name upwards that has records, and a CNAME is followed."""
    records, certain, expected = CASES[name]
    zones = {"example.com": records, "hosting.example": 'app CAA 0 issue "letsencrypt.org"\n'}
    tmp_path.chmod(0o777)
    net = Loopback()
    with Named(tmp_path, net.dns_port, zones):
        lookup = Lookup((Loopback.dns, net.dns_port))

        async def asked(host: str, kind: str) -> Answer:
            return lookup(host, kind, Deadline(10))

        network = Network(asked, None, None)  # type: ignore[arg-type]  # it asks DNS alone
        found = asyncio.run(caa.observe("example.com", network))
        said = list(caa.evaluate(found, certain))
    if not expected:
        assert said == []
        return
    (one,) = said
    assert expected in (one.rule.id if isinstance(one, Finding) else str(one))


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.NOT_ASKED])
def test_no_answer_is_held_against_nobody(status: Status) -> None:
    """It is said once for the run."""
    (one,) = caa.evaluate(caa.Caa(Answer("example.com", status)), True)
    assert not isinstance(one, (str, Finding))


@pytest.mark.parametrize(("kind", "rules"), [("function", {"MTS216"}), ("front-door", set()), ("web-server", set())])
def test_check_looks_where_azure_gets_the_certificate(kind: str, rules: set[str], tmp_path: Path) -> None:
    """A web server of one's own has an authority of its own."""
    import json

    (tmp_path / "policy.yaml").write_text(
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx1.example.com]\ndomains: {example.com: }\n"
        f"hosting: {{kind: {kind}, hostname: www.example.org}}\ntls_reporting: {{rua: ['mailto:a@example.com']}}\n",
        encoding="utf-8",
    )
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns").chmod(0o777)
    net = Loopback()
    zones = {"example.com": f'@ CAA 0 issue "letsencrypt.org"\nmta-sts A {net.address()}\n'}
    with Named(tmp_path / "dns", net.dns_port, zones) as dns:
        words = ["--only", "https", "--resolver", dns.resolver, "--https-port", str(net.https_port), "--timeout", "5"]
        done = verb(TEMPLATE, "check", "--file", str(tmp_path / "policy.yaml"), "--format", "json", *words)
    found = {each["rule"] for each in json.loads(done.stdout)["findings"]}
    assert found & {"MTS216"} == rules
