"""The most common mistakes in public guides, each made by a domain on this machine: each message says what to do.

Seen in guides and in their readers' questions: a wrong file name, a redirect, a web page, `v=TLSRPv1`, a rua without
mailto, an MX host with a final dot, an id with hyphens, … One run of `check` over all of them, as a new user would.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from servers.bind import txt
from servers.https import Answer
from servers.internet import POLICY, STS, TLSRPT, Internet, Server, Site, nobody, shows
from servers.tls import Authority

pytestmark = pytest.mark.slow  # starts a name server and policy hosts, once


def served(old: bytes, new: bytes) -> Site:
    """Return a site whose policy has this mistake."""
    assert old in POLICY
    return Site(https=Answer(POLICY.replace(old, new)), ours=False)


def moved(path: str) -> Site:
    """Return a site that serves the policy at another path."""
    return Site(https=Answer(POLICY, path=path), ours=False)


def record(value: str) -> Site:
    """Return a site with this text as its record."""
    return Site(sts=f"_mta-sts {txt(value)}", ours=False)


def reports(value: str) -> Site:
    """Return a site with this text as its TLS reporting record."""
    return Site(tlsrpt=f"_smtp._tls {txt(value)}", ours=False)


def answers_with(status: int, body: bytes = b"", **headers: str) -> Site:
    """Return a site that gives this answer."""
    return Site(
        https=Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()}), ours=False
    )


def at(label: str) -> Site:
    """Return a site that has its record at this name instead."""
    return Site(sts=f"{label} {txt(STS)}".strip(), ours=False)


def host(records: str, **more: Any) -> Site:
    """Return a site with these records instead of its policy host's."""
    return Site(host=records, ours=False, **more)


def named(name: str) -> Server:
    """Return a policy host with the certificate of another one."""
    return shows(lambda authority, _: authority.valid(name))


PAGE = b"<html><body>Welcome</body></html>"
SIGN_IN = b'<html><form><input name=p type="password"></form></html>'
STOPPED = b"<html><h1>Error 403 - This web app is stopped.</h1></html>"
ELSEWHERE = "has the policy, but no sender looks there. Make that web server serve mta-sts.apex-policy.example too"
TWICE = "The DNS provider's form adds the zone's name, so it is in there twice: enter only "
DOT = ", with a dot at the end."

# The mistake, the rule that finds it, and the words that say what to do.
POLICY_HOST: dict[str, tuple[Site, str, str]] = {
    "file-name": (moved("/.well-known/mta-sts"), "MTS309", "The policy is at /.well-known/mta-sts: move it."),
    "file-twice": (moved("/.well-known/mta-sts.txt.txt"), "MTS309", "is at /.well-known/mta-sts.txt.txt: move it."),
    "file-case": (moved("/.well-known/MTA-STS.txt"), "MTS309", "The policy is at /.well-known/MTA-STS.txt: move it."),
    "file-underscore": (moved("/.well-known/mta_sts.txt"), "MTS309", "is at /.well-known/mta_sts.txt: move it."),
    "folder": (moved("/mta-sts.txt"), "MTS309", "The policy is at /mta-sts.txt: move it."),
    "folder-dot": (moved("/well-known/mta-sts.txt"), "MTS309", "The policy is at /well-known/mta-sts.txt: move it."),
    "folder-hyphen": (moved("/.wellknown/mta-sts.txt"), "MTS309", "is at /.wellknown/mta-sts.txt: move it."),
    "redirect": (answers_with(301, Location="https://www.example.com/"), "MTS308", "Exempt /.well-known/mta-sts.txt"),
    "redirect-slash": (
        answers_with(308, Location="/.well-known/mta-sts.txt/"), "MTS308", "https and without a slash at the end."),
    "redirect-sign-in": (
        answers_with(302, Location="/.auth/login/aad"), "MTS308", "Allow this path without signing in."),
    "sign-in": (answers_with(200, SIGN_IN, Content_Type="text/html"), "MTS312", "mta-sts.txt without signing in"),
    "stopped": (answers_with(403, STOPPED), "MTS309", "Azure says that the app is stopped. Start it in the portal."),
    "challenged": (answers_with(403, PAGE, cf_mitigated="challenge"), "MTS309", "Exempt this path from that rule."),
    "page": (answers_with(200, PAGE, Content_Type="text/html"), "MTS312", "file at /.well-known/mta-sts.txt"),
    "type": (answers_with(200, POLICY, Content_Type="text/html"), "MTS310", "header `Content-Type: text/plain`."),
    "download": (answers_with(200, POLICY, Content_Type="application/octet-stream"), "MTS310", "`Content-Type: text/"),
    "empty": (Site(https=Answer(b""), ours=False), "MTS311", "serves an empty file. Deploy the policy again."),
    "http-alone": (Site(https=nobody, ours=False), "MTS301", "Senders use only HTTPS: make a server listen there"),
    "self-signed": (Site(https=shows(Authority.self_signed), ours=False), "MTS306", "Bind a certificate from a public"),
    "other-name": (
        Site(https=named("www.other-name.example"), ours=False), "MTS305",
        "is for 'www.other-name.example', not for mta-sts.other-name.example. Bind a certificate for the policy host."),
    "azure-name": (Site(https=named("*.azurewebsites.net"), ours=False), "MTS305", "Run *deploy* again"),
    "leaf-alone": (Site(https=shows(Authority.without_chain), ours=False), "MTS306", "Send the whole chain"),
    "no-host": (host(""), "MTS207", "Publish a CNAME that points to the hosting."),
    "apex-policy": (host("@ A {https}", https=named("apex-policy.example")), "MTS207", ELSEWHERE),
    "host-underscore": (host("mta_sts A {https}"), "MTS207", "Rename it to mta-sts.host-underscore.example."),
    "host-twice": (host("mta-sts.host-twice.example A {https}"), "MTS207", f"{TWICE}mta-sts."),
    "host-gone": (host("mta-sts CNAME gone.azurewebsites.net."), "MTS208", "can create one. Create yours again, or"),
    "host-undotted": (
        host("mta-sts CNAME app.host-undotted.example.host-undotted.example.\napp A {https}"), "MTS208",
        f"The zone's name was added to the CNAME's target: write 'app.host-undotted.example.'{DOT}"),
}  # fmt: skip
TEXT: dict[str, tuple[Site, str, str]] = {
    "record-served": (Site(https=Answer(STS.encode()), ours=False), "MTS116", "the TXT record, which belongs in DNS"),
    "mode-case": (served(b"enforce", b"Enforce"), "MTS111", "Did you mean enforce?"),
    "mode-word": (served(b"enforce", b"enforced"), "MTS111", "Did you mean enforce?"),
    "mode-quoted": (served(b"enforce", b'"enforce"'), "MTS111", "Did you mean enforce?"),
    "key-case": (served(b"mode:", b"Mode:"), "MTS111", "Write mode there, in these letters."),
    "key-hyphen": (served(b"max_age:", b"max-age:"), "MTS112", "Write max_age there, in these letters."),
    "equals": (served(b"mode: ", b"mode="), "MTS116", "Write 'mode: enforce'."),
    "no-colon": (served(b"mode: ", b"mode "), "MTS116", "Write 'mode: enforce'."),
    "blanks": (served(b"mode: ", b"mode : "), "MTS116", "has white space before the colon. Write 'mode: enforce'."),
    "indented": (served(b"mode: ", b"  mode: "), "MTS116", "starts with white space. Start it with the key."),
    "version": (served(b"STSv1", b"STS1"), "MTS110", "Did you mean STSv1?"),
    "version-of-reports": (served(b"STSv1", b"TLSRPTv1"), "MTS110", "Did you mean STSv1?"),
    "version-semicolon": (served(b"STSv1", b"STSv1;"), "MTS110", "Did you mean STSv1?"),
    "final-dot": (served(b"*.mx.example", b"good.mx.example."), "MTS120", "Write 'good.mx.example'."),
    "mx-address": (served(b"*.mx.example", b"192.0.2.1"), "MTS121", "Write the host name instead."),
    "mx-commas": (served(b"*.mx", b"a.mx.example, b.mx"), "MTS123", "Write each on its own line."),
    "mx-blanks": (served(b"*.mx", b"a.mx.example b.mx"), "MTS123", "Write each on its own line."),
    "mx-preference": (served(b"*.mx", b"10 good.mx"), "MTS123", "Write 'good.mx.example'."),
    "mx-url": (served(b"*.mx", b"smtp://good.mx"), "MTS123", "Write 'good.mx.example'."),
    "star": (served(b"*.mx.example", b"*"), "MTS125", "List your MX hosts by name."),
    "star-within": (served(b"*.mx", b"mx*.mx"), "MTS125", "Write '*.mx.example'."),
    "yaml-list": (served(b"mx: ", b"mx:\r\n  - "), "MTS116", "Write 'mx: *.mx.example'."),
    "max-age-unit": (served(b"604800", b"7d"), "MTS112", "Write '604800'."),
    "max-age-words": (served(b"604800", b"604800 seconds"), "MTS112", "Write '604800'."),
    "max-age-commas": (served(b"604800", b"604,800"), "MTS112", "Write '604800'."),
    "one-line": (Site(https=Answer(POLICY.replace(b"\r\n", b" ")), ours=False), "MTS116", "on its own line"),
    "cr-alone": (Site(https=Answer(POLICY.replace(b"\r\n", b"\r")), ours=False), "MTS116", "End them with CRLF"),
    "bom": (Site(https=Answer(b"\xef\xbb\xbf" + POLICY), ours=False), "MTS116", "Save the file as UTF-8 without"),
    "utf-16": (Site(https=Answer(POLICY.decode().encode("utf-16")), ours=False), "MTS116", "Save it as UTF-8."),
    "comment": (served(b"mode:", b"# ours\r\nmode:"), "MTS116", "is a comment or Markdown"),
    "blank-end": (Site(https=Answer(POLICY + b"\r\n"), ours=False), "MTS116", "reject blank lines. Remove it."),
}  # fmt: skip
RECORDS: dict[str, tuple[Site, str, str]] = {
    "id-hyphens": (record("v=STSv1; id=2026-01-01;"), "MTS203", "Write 'v=STSv1; id=20260101;'."),
    "id-quoted": (record('v=STSv1; id="20260101";'), "MTS203", "Write 'v=STSv1; id=20260101;'."),
    "id-colon": (record("v=STSv1; id:20260101"), "MTS203", "Write 'v=STSv1; id=20260101;'."),
    "id-long": (record(f"v=STSv1; id={'1' * 33}"), "MTS203", f"Write 'v=STSv1; id={'1' * 32};'."),
    "id-missing": (record("v=STSv1;"), "MTS203", "letters and digits, as in 'v=STSv1; id=1;'."),
    "record-case": (record("v=stsv1; id=1;"), "MTS201", "exactly like this. Publish 'v=STSv1; id=1;'."),
    "record-comma": (record("v=STSv1, id=1"), "MTS201", "it has no semicolon after the version"),
    "record-blank": (record("v=STSv1 id=1"), "MTS201", "Publish 'v=STSv1; id=1;'."),
    "record-name": (record("v=MTA-STSv1; id=1"), "MTS201", "Publish 'v=STSv1; id=1;'."),
    "record-order": (record("id=1; v=STSv1"), "MTS201", "Put the version first. Publish 'v=STSv1; id=1;'."),
    "record-quoted": (record(f'"{STS}"'), "MTS201", "Enter the value without them."),
    "record-policy": (record("version: STSv1 mode: testing"), "MTS201", "Serve it at the policy host instead."),
    "record-reports": (record(TLSRPT), "MTS201", "Move it to _smtp._tls."),
    "record-gone": (
        Site(sts="_mta-sts CNAME gone.vendor.example.", ours=False), "MTS201",
        "is a CNAME to 'gone.vendor.example', which does not exist. Correct the CNAME's target, or replace the CNAME"),
    "record-undotted": (
        Site(sts=f"_mta-sts CNAME sts.record-undotted.example.record-undotted.example.\nsts {txt(STS)}", ours=False),
        "MTS201", f"The zone's name was added to the CNAME's target: write 'sts.record-undotted.example.'{DOT}"),
    "record-twice": (
        Site(sts=f"_mta-sts {txt(STS)}\n_mta-sts {txt('v=STSv1; id=1;')}", ours=False), "MTS202",
        "Senders then ignore all of them. Keep one, and remove the others."),
    "zone-twice": (at("_mta-sts.zone-twice.example"), "MTS201", f"{TWICE}_mta-sts."),
    "underscore": (at("_mta_sts"), "MTS201", "move the record to _mta-sts.underscore.example."),
    "at-the-host": (at("mta-sts"), "MTS201", "the policy host: move the record to _mta-sts.at-the-host"),
    "at-the-apex": (at("@"), "MTS201", "is the domain itself: move the record to _mta-sts.at-the-apex.example."),
    "reports-version": (
        reports("v=TLSRPv1; rua=mailto:a@example.com"), "MTS222", "Write 'v=TLSRPTv1; rua=mailto:a@example.com;'."),
    "reports-mailto": (
        reports("v=TLSRPTv1; rua=a@example.com"), "MTS222", "Write 'v=TLSRPTv1; rua=mailto:a@example.com;'."),
    "reports-blank": (
        reports("v=TLSRPTv1; rua=mailto: a@example.com"), "MTS222", "Write 'v=TLSRPTv1; rua=mailto:a@example.com;'."),
    "reports-slashes": (
        reports("v=TLSRPTv1; rua=mailto://a@example.com"), "MTS222", "Write 'v=TLSRPTv1; rua=mailto:a@example.com;'."),
    "reports-key": (
        reports("v=TLSRPTv1; ruf=mailto:a@example.com"), "MTS222", "Write 'v=TLSRPTv1; rua=mailto:a@example.com;'."),
    "reports-comma": (
        reports("v=TLSRPTv1, rua=mailto:a@example.com"), "MTS222", "Write 'v=TLSRPTv1; rua=mailto:a@example.com;'."),
    "reports-semicolon": (
        reports("v=TLSRPTv1; rua=mailto:a@example.com;mailto:b@example.com"), "MTS222",
        "Write 'v=TLSRPTv1; rua=mailto:a@example.com,mailto:b@example.com;'."),
    "reports-missing": (
        Site(tlsrpt="", ours=False), "MTS220",
        "Publish this TXT record there: 'v=TLSRPTv1; rua=mailto:tls-reports@reports-missing.example;'."),
    "reports-policy": (reports(STS), "MTS220", "Move it to _mta-sts. Publish this TXT record there: 'v=TLSRPTv1;"),
    "reports-several": (
        Site(tlsrpt=f"_smtp._tls {txt(TLSRPT)}\n_smtp._tls {txt(TLSRPT.replace('tls-', ''))}", ours=False), "MTS221",
        "Senders then ignore all of them. Keep one, with all addresses in it."),
    "reports-twice": (
        Site(tlsrpt=f"_smtp._tls.reports-twice.example {txt(TLSRPT)}", ours=False), "MTS224",
        f"{TWICE}_smtp._tls."),
    "reports-name": (
        Site(tlsrpt=f"_smtp-tls {txt(TLSRPT)}", ours=False), "MTS224", "Move it to _smtp._tls.reports-name.example."),
    "mx-undotted": (
        Site(mx="@ MX 10 good.mx.example.mx-undotted.example.", ours=False), "MTS212",
        f"the zone's name was added to it. Write 'good.mx.example.' in the MX record{DOT}"),
}  # fmt: skip
CASES = {**POLICY_HOST, **TEXT, **RECORDS}
GOOD = {
    "unended": Site(https=Answer(POLICY.rstrip()), ours=False)
}  # no line end at its end: the RFC's grammar has none


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What check says of each domain."""
    folder: Path = tmp_path_factory.mktemp("guides")
    with Internet(folder, {"good": Site(), **GOOD, **{name: site for name, (site, _, _) in CASES.items()}}) as internet:
        done = internet.check(*(f"{name}.example" for name in [*CASES, *GOOD]), "--format", "json")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in GOOD}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(str(each["domain"]).removesuffix(".example"), []).append(each)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_message_says_what_to_do(messages: dict[str, list[dict[str, Any]]], name: str) -> None:
    """It says what to write and where, without the README."""
    _, rule, words = CASES[name]
    said = [each["message"] for each in messages[name] if each["rule"] == rule]
    assert len(said) == 1, messages[name]
    assert words in said[0]


@pytest.mark.parametrize("name", GOOD)
def test_what_is_no_slip_is_not_found(messages: dict[str, list[dict[str, Any]]], name: str) -> None:
    """Though guides warn of it."""
    assert messages[name] == []
