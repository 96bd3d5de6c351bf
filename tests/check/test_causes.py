"""The cause of a fault: each kind has its own advice, and the message alone says what to do.

A row for each case, its source first. Real servers make the same faults in test_check.py; here are more of each kind.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mtasts.check import mx_answers, mx_hosts, policy_answers, txt_record
from mtasts.check.clients.chain import Certificate, cause
from mtasts.check.clients.https import Failed, Fetched
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.clients.smtp import Spoken
from mtasts.check.clients.tls import CERTIFICATE, Fault
from mtasts.check.mx_hosts import Host
from mtasts.check.steps import Network
from mtasts.config.model import load
from mtasts.findings import Finding
from mtasts.sts.lint import lint_policy
from mtasts.sts.policy import Policy

IN_2100 = 4_102_444_800.0
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "sign in"),  # G2: a firewall, and a site behind a login
        (403, "a bot or country filter"),  # G2
        (404, "Deploy the policy"),
        (405, "does not allow GET"),
        (418, "refuses the request"),
        (421, "Bind the name"),
        (429, "Its rate limit blocks senders"),  # G2
        (500, "The hosting has failed or is not running"),
        (503, "Start it, and allow this path."),  # G2: a stopped app, or a firewall
        (530, "The hosting has failed or is not running"),
        (204, "Senders accept only 200"),
        (101, "not a final answer"),
    ],
)
def test_each_status_has_its_own_advice(status: int, said: str) -> None:
    """RFC 8461 §3.3: only 200 counts. What to do depends on the status."""
    answer = Fetched("192.0.2.1", status, {}, b"", "TLSv1.3", IN_2100, 0.1)
    (finding,) = policy_answers.evaluate("mta-sts.example.com", answer, None)
    assert isinstance(finding, Finding)
    assert (finding.rule.id, finding.result_type) == ("MTS309", "sts-policy-fetch-error")
    assert f"answers {status}" in finding.message and said in finding.message


HOST = "mta-sts.example.com"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "https://www.example.com/",
            "redirects visitors to its main host name. Exempt /.well-known/mta-sts.txt from that rule.",
        ),
        ("//example.com/policy", "redirects visitors to its main host name"),
        (
            "https://mta-sts.provider.example/.well-known/mta-sts.txt",
            "make mta-sts.example.com a CNAME to a hosting that serves it",
        ),
        (f"https://{HOST}/.well-known/mta-sts.txt", "It redirects to itself"),  # a proxy's "flexible" TLS
        (f"https://{HOST.upper()}/.well-known/mta-sts.txt/", "without a slash at the end"),
        ("/.well-known/mta-sts.txt/", "without a slash at the end"),
        (f"http://{HOST}/.well-known/mta-sts.txt", "with https"),
        ("/index.html", "Serve the policy itself at /.well-known/mta-sts.txt."),
        ("https://login.microsoftonline.com/common/oauth2/authorize?x=1", "It asks senders to sign in"),
        ("/.auth/login/aad", "It asks senders to sign in"),
        ("https://blog.example.com/blogin/", "redirects visitors to its main host name"),
        ("https://[::1", "redirects visitors to its main host name"),
        ("", "Serve the policy itself at"),
    ],
)
def test_the_advice_about_a_redirect_depends_on_its_target(target: str, said: str) -> None:
    """RFC 8461 §3.3: senders follow no redirect."""
    answer = Fetched("192.0.2.1", 301, {"location": target} if target else {}, b"", "TLSv1.3", IN_2100, 0.1)
    (finding,) = policy_answers.evaluate(HOST, answer, None)
    assert isinstance(finding, Finding)
    assert finding.rule.id == "MTS308"
    assert f"redirects to {target or 'nowhere'!r} (301)" in finding.message
    assert said in finding.message


def certificate(subject: str, issuer: str, *names: str, days: tuple[int, int] = (-10, 10), cn: str = "") -> Certificate:
    """Return a certificate that begins and ends so many days from NOW."""
    begins, ends = (NOW + 86_400 * day for day in days)
    return Certificate(subject, issuer, begins, ends, names, cn, subject == issuer)


NOW = 1_767_225_600.0  # 2026-01-01
OWN = certificate("mx.example.com", "R1", "mx.example.com")


@pytest.mark.parametrize(
    ("fault", "chain", "expected", "said"),
    [
        # G1: libressl#595, certbot-zimbra#143
        (
            Fault.EXPIRED,
            (OWN, certificate("R1", "Root", days=(-99, -1))),
            Fault.CHAIN_EXPIRED,
            "the host's own certificate is valid, but the intermediate above it ('R1') expired on 2025-12-31",
        ),
        (
            Fault.EXPIRED,
            (OWN, certificate("R1", "R1", days=(-99, -1))),
            Fault.CHAIN_EXPIRED,
            "the host's own certificate is valid, but the root above it ('R1') expired on 2025-12-31",
        ),
        (
            Fault.EXPIRED,
            (certificate("mx.example.com", "R1", days=(-99, -9)), certificate("R1", "Root", days=(-99, -1))),
            Fault.EXPIRED,
            "the host's own certificate ('mx.example.com') expired on 2025-12-23",
        ),
        (
            Fault.EXPIRED,
            (certificate("mx.example.com", "R1", days=(2, 9)),),
            Fault.NOT_YET,
            "the host's own certificate ('mx.example.com') is not valid until 2026-01-03",
        ),
        (Fault.EXPIRED, (OWN,), Fault.CHAIN_EXPIRED, ""),  # none that is sent: one that this machine trusts
        (Fault.EXPIRED, (), Fault.EXPIRED, ""),
        (
            Fault.NAME,
            (certificate("a.example", "R1", "a.example", "b.example", "c.example", "d.example"),),
            Fault.NAME,
            "the certificate is for 'a.example', 'b.example', 'c.example' and 1 more, not for mx.example.com",
        ),
        (
            Fault.NAME,
            (certificate("*.com", "R1", "*.com"),),
            Fault.NAME,
            "the certificate is for '*.com', where `*` stands for one label, not for mx.example.com",
        ),
        (
            Fault.NAME,
            (certificate("x", "R1", "*.azurewebsites.net", "*.scm.azurewebsites.net"),),
            Fault.UNBOUND,
            "the hosting presents its own certificate, for '*.azurewebsites.net', '*.scm.azurewebsites.net', "
            "not one for mx.example.com",
        ),
        (
            Fault.NAME,
            (certificate("x", "R1", "old.example", cn="MX.example.com"),),
            Fault.COMMON_NAME,
            "the certificate names the host only in CN, but its subjectAltName has 'old.example'",
        ),
        (Fault.COMMON_NAME, (certificate("mx.example.com", "R1"),), Fault.COMMON_NAME, ""),
        (
            Fault.UNTRUSTED,
            (certificate("mx.example.com", "mx.example.com"),),
            Fault.SELF_SIGNED,
            "the certificate ('mx.example.com') is self-signed",
        ),
        (
            Fault.UNTRUSTED,
            (OWN,),
            Fault.CHAIN_MISSING,
            "the host's own certificate is signed by 'R1', whose certificate the server does not send",
        ),
        (
            Fault.UNTRUSTED,
            (OWN, certificate("R1", "Old Root")),
            Fault.CHAIN_MISSING,
            "the intermediate 'R1' is signed by 'Old Root', whose certificate the server does not send",
        ),
        (
            Fault.UNTRUSTED,
            (OWN, certificate("R1", "R1")),
            Fault.ROOT_UNKNOWN,
            "the chain ends in 'R1', an authority that senders do not trust",
        ),
    ],
)
def test_the_certificate_at_fault_is_named(
    fault: Fault, chain: tuple[Certificate, ...], expected: Fault, said: str
) -> None:
    """The message names the certificate, and its date or its names. test_check.py has real servers with such chains."""
    assert cause(fault, chain, "mx.example.com", NOW) == (expected, said)


def test_each_fault_of_a_certificate_has_its_advice() -> None:
    """Both at the policy host and at an MX host, with RFC 8460's word for the fault."""
    words = {"certificate-expired", "certificate-host-mismatch", "certificate-not-trusted"}
    assert set(CERTIFICATE.values()) == words
    for fault in CERTIFICATE:
        failed = Failed("192.0.2.1", fault, 0)
        at_hosts = policy_answers.evaluate(HOST, failed, None), mx_answers.evaluate("mx.example.com", failed, True)
        for found in (each for items in at_hosts for each in items):
            assert isinstance(found, Finding)
            assert found.result_type in {*words, "sts-webpki-invalid"}


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        # G3: a TXT record cannot stand beside a CNAME, so "publish the record" could not be followed.
        (
            Answer("_mta-sts.example.com", Status.NO_NAME, target="gone.vendor.example"),
            ["is a CNAME to 'gone.vendor.example', which does not exist", "replace the CNAME with the TXT record"],
        ),
        (
            Answer("_mta-sts.example.com", Status.NO_DATA, target="here.vendor.example"),
            ["is a CNAME to 'here.vendor.example', which has no TXT record", "Correct the CNAME's target"],
        ),
        (
            Answer("_mta-sts.example.com", Status.FOUND, ("v=spf1 -all",), "vendor.example"),
            ["replace the CNAME with the TXT record"],
        ),
        (
            Answer("_mta-sts.example.com", Status.NO_NAME),
            ["Publish the record: `python -m mtasts records` prints it for each domain in policy.yaml."],
        ),
        (
            Answer("_mta-sts.example.com", Status.FOUND, ('"v=STSv1; id=1;"',)),
            ["which senders ignore: it has quotation marks", "Publish 'v=STSv1; id=1;'."],
        ),
    ],
)
def test_a_missing_record_says_what_dns_has_instead(answer: Answer, parts: list[str]) -> None:
    """Nothing, a CNAME, or a malformed record."""
    (finding,) = txt_record.evaluate(answer, None).findings
    assert finding.rule.id == "MTS201"
    assert [part for part in parts if part not in finding.message] == [], finding.message


@pytest.mark.parametrize(
    ("txt", "cause", "mend"),
    [
        # Forms of public guides and of DNS panels: quotes typed into the field, the policy pasted as the record, …
        ('"v=STSv1; id=1;"', "it has quotation marks in its value", "Enter the value without them"),
        ("\u201cv=STSv1; id=1;\u201d", "it has quotation marks in its value", "Enter the value without them"),
        (" v=STSv1; id=1;", "it begins with white space", "Remove the white space"),
        ("V=STSV1; id=1;", "it spells the version differently", "Write v=STSv1; exactly like this"),
        ("v=stsv1; id=1;", "it spells the version differently", "Write v=STSv1; exactly like this"),
        ("v = STSv1; id=1;", "it spells the version differently", "Write v=STSv1; exactly like this"),
        ("v=STSv1 id=1", "it has no semicolon after the version", "Write v=STSv1; and then the id"),
        ("v=STSv1, id=1", "it has no semicolon after the version", "Write v=STSv1; and then the id"),
        ("v=STSv1", "it has no semicolon after the version", "Write v=STSv1; and then the id"),
        ("v=STS1; id=1;", "it has an unknown version", "The only version is v=STSv1"),
        ("v=MTA-STSv1; id=1;", "it has an unknown version", "The only version is v=STSv1"),
        ("id=1; v=STSv1;", "it begins with the id", "Put the version first"),
        ("version: STSv1 mode: testing", "it is the text of a policy", "Serve it at the policy host instead"),
        ("v=TLSRPTv1; rua=mailto:a@example.com", "it is a TLS reporting record", "Move it to _smtp._tls"),
    ],
)
def test_a_malformed_record_names_its_mistake(txt: str, cause: str, mend: str) -> None:
    """The only finding says what to write."""
    (finding,) = txt_record.evaluate(Answer("_mta-sts.example.com", Status.FOUND, (txt,)), None).findings
    assert finding.rule.id == "MTS201"
    assert f"{cause}. {mend}" in finding.message


@pytest.mark.parametrize(
    ("domain", "name", "mend"),
    [
        # G4: a form that adds the zone to a name that was entered in full
        ("example.com", "_mta-sts.example.com.example.com", "enter only _mta-sts."),
        ("mail.example.com", "_mta-sts.mail.example.com.example.com", "enter only _mta-sts.mail."),
        ("mail.example.com", "_mta-sts.mail.example.com.mail.example.com", "enter only _mta-sts."),
        ("example.com", "_mta_sts.example.com", "underscore instead of the hyphen: move the record"),  # G4
        (
            "example.com",
            "mta-sts.example.com",
            "That name is the policy host: move the record to _mta-sts.example.com.",
        ),
        ("example.com", "example.com", "That name is the domain itself: move the record to _mta-sts.example.com."),
    ],
)
def test_a_record_at_a_wrong_name_is_found(domain: str, name: str, mend: str) -> None:
    """The message gives both names."""
    there = {name: Answer(name, Status.FOUND, ("v=spf1 -all", "v=STSv1; id=1;"))}

    async def lookup(asked: str, _: str) -> Answer:
        return there.get(asked, Answer(asked, Status.NO_NAME))

    async def walked() -> list[Finding]:
        network = Network(lookup, None, None)  # type: ignore[arg-type]  # it asks DNS alone
        answer = await txt_record.observe(domain, network)
        return txt_record.evaluate(answer, None, await txt_record.misplaced(domain, answer, network)).findings

    (finding,) = asyncio.run(walked())
    assert finding.rule.id == "MTS201"
    assert f"_mta-sts.{domain} does not exist, but '{name}' has the record." in finding.message
    assert mend in finding.message


@pytest.mark.parametrize(
    ("values", "expected", "rule", "said"),
    [
        # A guide's id by date and time, with hyphens
        (("v=STSv1; id=2026-01-01;",), None, "MTS203", "Write 'v=STSv1; id=20260101;'."),
        (("v=STSv1; id=2026-01-01;",), "abc", "MTS203", "Write 'v=STSv1; id=abc;'."),
        (("v=STSv1;",), None, "MTS203", "Add an id of 1 to 32 letters and digits, as in 'v=STSv1; id=1;'."),
        (("v=STSv1; id=1;", "v=STSv1; id=2;"), "2", "MTS202", "Remove all but 'v=STSv1; id=2;'."),
        (("v=STSv1; id=1;", "v=STSv1; id=2;"), None, "MTS202", "Keep one, and remove the others."),
    ],
)
def test_a_record_that_senders_ignore_says_what_to_write(
    values: tuple[str, ...], expected: str | None, rule: str, said: str
) -> None:
    """It offers the repository's own id, if that is known."""
    (finding,) = txt_record.evaluate(Answer("_mta-sts.example.com", Status.FOUND, values), expected).findings
    assert finding.rule.id == rule
    assert said in finding.message


@pytest.mark.parametrize(
    ("mx", "host", "said"),
    [
        # PS.MTA-STS#33: a `*` is one label
        ("*.mx.microsoft", "example-com.h-v1.mx.microsoft", "write '*.h-v1.mx.microsoft'"),
        ("mail.protection.outlook.com", "x.mail.protection.outlook.com", "write '*.mail.protection.outlook.com'"),
        ("*.example.com", "example.com", "add 'example.com'"),
        ("*.example.com", "a.b.example.com", "write '*.b.example.com'"),
        ("example.com", "mx1.example.com", "not the hosts below it: write 'mx1.example.com'"),
        ("mx1.example.com", "mx2.example.com", "Add 'mx2.example.com' to mx, or correct the MX record. Under enforce"),
        (
            "mail.exmaple.com",
            "mail.example.com",
            "If 'mail.exmaple.com' in mx is a typing error, write 'mail.example.com' instead.",
        ),
        ("mx1.example.com", "mx2.example.net", "Add 'mx2.example.net' to mx, or correct"),
        ("mx1.example.com", "x.mail.protection.outlook.com", "Add '*.mail.protection.outlook.com' to mx"),
        ("mx1.example.com", "alt1.aspmx.l.google.com", "Add '*.aspmx.l.google.com' to mx"),
        # F5: it takes no mail, so no mx is to name it
        (
            "mx1.example.com",
            "ms12345678.msv1.invalid",
            "The host name is a verification record, not a mail server. Remove it",
        ),
        ("mx1.example.com", "_dc-mx.abc.example.com", "switch the proxy off"),
    ],
)
def test_a_near_miss_of_a_pattern_is_named(mx: str, host: str, said: str) -> None:
    """The offered pattern covers the host."""
    policy = Policy.parse(POLICY.decode().replace("mx1.example.com", mx))
    seen = Host(host, (), (Spoken("192.0.2.1", "TLSv1.3", IN_2100),))
    finding = next(item for item in mx_hosts.evaluate_host(seen, policy) if isinstance(item, Finding))
    assert finding.rule.id == "MTS401"
    assert said in finding.message


LINES = POLICY.decode().split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\r".join(LINES) + "\r", "carriage return only"),  # G4
        (POLICY.decode().encode("utf-16").decode("utf-8", "surrogateescape"), "UTF-16"),  # G4
        (POLICY.decode().encode("utf-16-be").decode("utf-8", "surrogateescape"), "UTF-16"),
        (r"{\rtf1\ansi version: STSv1}", "RTF"),  # G4
        (" ".join(LINES), "All keys are on one line"),  # G4
        (POLICY.decode() + "x: é\r\n".encode("latin-1").decode("utf-8", "surrogateescape"), "Latin-1"),  # G4
        ("version: STSv1\r\nmode: enforce\r\nmx:\r\n  - mx1.example.com\r\nmax_age: 604800\r\n", "YAML list"),  # G4
        ("<html><body>version: STSv1</body></html>", "HTML"),
        ("v=STSv1; id=20260101;", "the TXT record, which belongs in DNS"),
        ('"v=STSv1; id=20260101;"', "the TXT record, which belongs in DNS"),
        ('{"version": "STSv1", "mode": "testing"}', "JSON"),
        ("User-agent: *\nDisallow:\n", "a robots.txt"),
        ("# ours\nContact: mailto:security@example.com\n", "a security.txt"),
        ("PK\x03\x04\x14\x00", "a word processor's file"),
        ("version=STSv1\r\nmode=testing\r\n", "Write 'version: STSv1'."),
        ("\ufeff" + POLICY.decode(), "byte order mark"),
    ],
)
def test_a_text_that_is_no_policy_names_its_cause(text: str, said: str) -> None:
    """In its first finding about the form of a line."""
    found = [finding for finding in lint_policy(text) if finding.rule.id == "MTS116"]
    assert said in found[0].message


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("mode:", "Mode:", "MTS111", 2),
        ("max_age:", "max-age:", "MTS112", 4),
        ("max_age:", "maxage:", "MTS112", 4),
        ("mx:", "MX:", "MTS114", 3),
        ("version:", "Version:", "MTS110", 1),
    ],
)
def test_a_misspelt_key_is_named_where_it_stands(old: str, new: str, rule: str, line: int) -> None:
    """RFC 8461 §3.2: keys are in lower case. The error is about that line, and not about line 1."""
    (found,) = (each for each in lint_policy(POLICY.decode().replace(old, new)) if each.rule.id == rule)
    assert found.line == line
    assert f"Senders read {new[:-1]!r} as another key. Write {old[:-1]} there" in found.message


HEAD = "version: STSv1\nmode: testing\nmax_age: 604800\nmx:\n  - mx1.example.com\ndomains: {example.com: }\n"
TAIL = "tls_reporting: {rua: ['mailto:a@example.com']}\nhosting: {kind: web-server, hostname: www.example.org}\n"


@pytest.mark.parametrize(
    ("old", "new", "rules", "said"),
    [
        ("  - mx1", "\t- mx1", ["MTS102"], "this line is indented with a tab"),  # G8
        ("mode: testing", "mode: on", ["MTS111"], "mode is on, which YAML reads as true"),  # G8
        ("mode: testing", "mode: No", ["MTS111"], "mode is No, which YAML reads as false"),
        ("max_age:", "maxage:", ["MTS104"], "Did you mean max_age?"),  # G8: and no second finding that it is missing
        ("Version".lower(), "Version", ["MTS104"], "Did you mean version?"),
        ("- mx1.example.com", "- 10 mx1.example.com", ["MTS123"], "Write 'mx1.example.com'."),  # G8
    ],
)
def test_a_slip_in_yaml_has_one_finding_with_its_cause(
    tmp_path: Path, old: str, new: str, rules: list[str], said: str
) -> None:
    """What was written is shown, and the real cause is the only one."""
    text = HEAD + TAIL
    assert text.count(old) == 1
    (tmp_path / "policy.yaml").write_text(text.replace(old, new), encoding="utf-8")
    found = load(tmp_path / "policy.yaml")[1]
    assert [finding.rule.id for finding in found] == rules
    assert said in found[0].message
