"""CAA: whether DNS allows the hosting's authority to issue the certificate, with a real name server.

static-web-apps#163, #202, #1447: a certificate is never issued, and the portal does not say why.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from conftest import TEMPLATE, verb
from mtasts.check import caa
from mtasts.check.clients.resolver import Answer, Lookup, Status
from mtasts.check.steps import Network
from mtasts.findings import Finding
from mtasts.system.deadline import Deadline
from repositories import Repository
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
    "Front Door: nothing forbids": ("", False, "CAA allows every authority"),
    "Front Door: a critical tag": ('@ CAA 128 tbs "unknown"', False, "critical record with the unknown tag 'tbs'"),
    "Front Door: shown, and not judged": ('@ CAA 0 issue "letsencrypt.org"', False, "letsencrypt.org"),
}


@pytest.mark.parametrize("name", CASES)
def test_caa_is_found_and_judged(name: str, tmp_path: Path) -> None:
    """RFC 8659 §3: the nearest name at or above the host counts, and CNAMEs are followed."""
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


def test_a_failing_name_server_stops_the_authority_and_no_mail() -> None:
    """Authorities then issue nothing. Senders never ask for CAA, so this is not an error."""
    failed = caa.Caa(Answer("example.com", Status.FAILURE))
    (found,) = caa.evaluate(failed, True)
    assert isinstance(found, Finding)
    assert (found.rule.id, found.rule.severity.value) == ("MTS216", "warning")
    assert list(caa.evaluate(failed, False)) == ["CAA at example.com: the name server fails to answer"]


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.NOT_ASKED])
def test_no_answer_is_held_against_nobody(status: Status) -> None:
    """It is reported once for the run."""
    (one,) = caa.evaluate(caa.Caa(Answer("example.com", status)), True)
    assert not isinstance(one, (str, Finding))


HOSTINGS = [("function", {"MTS216"}), ("static-web-app", {"MTS216"}), ("front-door", set()), ("web-server", set())]
CAA_SEEN = "CAA at example.com allows letsencrypt.org"


def forbidding(folder: Path, kind: str) -> tuple[Path, Named, list[str]]:
    """Return a policy.yaml with a hosting, a name server whose CAA forbids DigiCert, and the options to ask it."""
    file = folder / "policy.yaml"
    file.write_text(
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx1.example.com]\ndomains: {example.com: }\n"
        f"hosting: {{kind: {kind}, hostname: www.example.org}}\ntls_reporting: {{rua: ['mailto:a@example.com']}}\n",
        encoding="utf-8",
    )
    (folder / "dns").mkdir()
    (folder / "dns").chmod(0o777)
    net = Loopback()
    address = net.address()
    records = f'@ CAA 0 issue "letsencrypt.org"\n@ MX 10 mx1\nmx1 A {address}\nmta-sts A {address}\n'
    zones = {"example.com": records}
    dns = Named(folder / "dns", net.dns_port, zones)
    return file, dns, ["--https-port", str(net.https_port), "--smtp-port", str(net.smtp_port), "--timeout", "5"]


@pytest.mark.parametrize(("kind", "rules"), HOSTINGS)
def test_check_looks_where_azure_gets_the_certificate(kind: str, rules: set[str], tmp_path: Path) -> None:
    """Your own web server can use any authority; for Front Door, CAA is shown but not judged."""
    file, dns, words = forbidding(tmp_path, kind)
    with dns:
        words += ["--only", "https", "--resolver", dns.resolver]
        found, text = (
            verb(TEMPLATE, "check", "--file", str(file), "--format", form, *words) for form in ("json", "text")
        )
    assert {each["rule"] for each in json.loads(found.stdout)["findings"]} & {"MTS216"} == rules
    assert (CAA_SEEN in text.stdout.decode()) == (kind == "front-door")


@pytest.mark.parametrize(("kind", "rules"), HOSTINGS)
def test_plan_looks_before_the_certificate_is_wanted(kind: str, rules: set[str], tmp_path: Path) -> None:
    """static-web-apps#163: the warning comes before the merge, and blocks nothing."""
    repository = Repository(tmp_path / "repository")
    repository.commit({"README.md": "new"}, "@1750000000")
    file, dns, words = forbidding(repository.folder, kind)
    with dns:
        words += ["--live", "--resolver", dns.resolver]
        found, text = (
            verb(TEMPLATE, "plan", "--file", str(file), "--format", form, *words) for form in ("json", "text")
        )
    document = json.loads(found.stdout)
    assert document["verdict"] == "safe"
    assert {each["rule"] for each in document["findings"]} & {"MTS216"} == rules
    assert (f"example.com: {CAA_SEEN}" in text.stdout.decode()) == (kind == "front-door")
