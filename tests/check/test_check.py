"""check with real servers: it finds each fault that a domain can have, names it by its rule, and hides no other.

All domains run at once, in one process that checks them in two runs: those that answer, and those that never do.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from conftest import give_up, program
from servers import https, smtp
from servers.bind import txt
from servers.https import Answer
from servers.internet import ID, POLICY, STS, TLSRPT, Internet, Place, Server, Site, mx, nobody, raw, shows, talks
from servers.loopback import NO_ROUTE, NO_ROUTE_IPV6, Connection, Full, Listener, Loopback, has_ipv6
from servers.tls import Authority, context, no_certificate

Seen = dict[str, Any]
PATIENCE = 3  # seconds for a domain that never answers


@dataclass(frozen=True)
class Case:
    """A domain with one fault. errors and warnings: exactly the rules that must be raised."""

    errors: str
    warnings: str
    site: Site
    hangs: bool = False


def case(errors: str = "", warnings: str = "", **site: Any) -> Case:
    """Return a case whose servers answer."""
    return Case(errors, warnings, Site(**site))


def hanging(errors: str = "", warnings: str = "", **site: Any) -> Case:
    """Return a case in which some servers never answer."""
    return Case(errors, warnings, Site(**site), hangs=True)


def own_mx(name: str) -> dict[str, Any]:
    """Return the site of a domain with an MX host in the domain itself, and its own policy."""
    leaf = mx(lambda authority, _: authority.valid(f"mail.{name}.example", f"{name}.example"))
    return {"smtp": leaf, "mx_host": "", "mx": "@ MX 10 mail\nmail A {smtp}", "ours": False}


def ends_soon(authority: Authority, host: str) -> Any:
    """Return a certificate that expires in five days."""
    return authority.ends_in(5, host)


def wildcard(authority: Authority, host: str) -> Any:
    """Return a wildcard certificate for every name next to the host's."""
    return authority.valid(f"*.{host.partition('.')[2]}")


def high_wildcard(authority: Authority, host: str) -> Any:
    """Return a certificate whose wildcard would have to stand for two labels."""
    return authority.valid(f"*.{host.split('.', 2)[2]}")


def wrong_name(authority: Authority, _: str) -> Any:
    """Return a certificate for another host."""
    return authority.valid("other.example")


def azure(authority: Authority, _: str) -> Any:
    """Return the certificate that Azure presents as long as a host name has none."""
    return authority.valid("*.azurewebsites.net")


def shows_nothing(place: Place) -> AbstractContextManager[object]:
    """Return a policy host that has no certificate to show."""
    return Listener(place.address, place.port, Connection.hang, no_certificate())


def full(place: Place) -> AbstractContextManager[object]:
    """Return a server that answers no connection."""
    return Full(place.address, place.port)


def reset_in_handshake(connection: Connection) -> None:
    """Close the connection after the client has started TLS."""
    connection.hear(b"\x16")
    connection.reset()


def dripped_handshake(connection: Connection) -> None:
    """The first bytes of a TLS record, one a second."""
    connection.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 1000)


def speaks(version: str | None = None) -> Server:
    """Return an MX host that supports only this version of TLS, and says nothing after the handshake."""

    def started(place: Place) -> AbstractContextManager[object]:
        shown = context(place.authority.valid(place.host), version)
        return Listener(place.address, place.port, smtp.starts_tls(smtp.tls(shown, Connection.hang)))

    return started


def tls_at_once(place: Place) -> AbstractContextManager[object]:
    """Return an MX host that starts with TLS instead of SMTP, as port 465 does."""
    leaf = context(place.authority.valid(place.host))
    return Listener(place.address, place.port, Connection.hang, leaf)


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Return an answer with other headers than a policy's."""
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def redirect(status: int) -> Case:
    """Return a domain whose policy host sends senders elsewhere."""
    return case("MTS308", https=answer(status, Location="https://www.example.com/policy"))


PAGE = b"<!DOCTYPE html>\n<html><body>Welcome</body></html>\n"
FRAME = b"<html><frameset><frame src='https://example.com/'></frameset></html>"
OTHER = POLICY.replace(b"604800", b"1209600")
LARGE = POLICY + b"x: " + b"y" * (65_536 - len(POLICY) - 5) + b"\r\n"  # the most that senders read
LATIN = POLICY + "x: é\r\n".encode("latin-1")
MANY_TXT = tuple(f"decoy {number} ".ljust(250, "x") for number in range(30))  # more than fits into UDP
AN_HOUR_AGO, TOMORROW = ((datetime.now(timezone.utc) + timedelta(hours=hours)).date().isoformat() for hours in (-1, 24))
OTHER_TLSRPT = "v=TLSRPTv1; rua=mailto:someone@example.net;"

GOOD = {
    "good": case(),
    "stranger": case(ours=False),
    "testing": case(ours=False, https=Answer(POLICY.replace(b"enforce", b"testing"))),
}
DNS = {
    "txt-none": case("MTS201", sts=""),
    "txt-other": case("MTS201", sts=f"_mta-sts {txt('v=spf1 -all')}"),
    # aykevl/mta-sts#19; RFC 8461 §3.1's grammar takes it, its prose does not (erratum 6285).
    "txt-space-before-semicolon": case("", "MTS215", sts=f"_mta-sts {txt(f'v=STSv1 ; id={ID};')}"),
    "txt-two": case("MTS202", sts=f"_mta-sts {txt(STS)}\n_mta-sts {txt('v=STSv1; id=1;')}"),
    "txt-malformed": case("MTS203", sts=f"_mta-sts {txt('v=STSv1; id=2026-01-01;')}"),
    "txt-without-id": case("MTS203", sts=f"_mta-sts {txt('v=STSv1;')}"),
    "txt-split": case(sts=f'_mta-sts TXT "v=STS" "v1; id={ID[:20]}" "{ID[20:]};"'),
    "txt-decoys": case(sts="\n".join(f"_mta-sts {txt(text)}" for text in ("v=spf1 -all", "V=STSv1; id=1;", STS, ""))),
    "txt-cname": case(sts="_mta-sts CNAME sts.cname-target.example."),
    "txt-cname-dangling": case("MTS201", sts="_mta-sts CNAME gone.cname-target.example."),
    "txt-cname-loop": case("MTS204", sts="_mta-sts CNAME loop\nloop CNAME _mta-sts"),
    "cname-target": case(sts=f"_mta-sts {txt(STS)}\nsts {txt(STS)}"),
    "txt-truncated-udp": case(sts="\n".join(f"_mta-sts {txt(text)}" for text in (STS, *MANY_TXT))),
    "txt-servfail": case("MTS204", sts="", failing="_mta-sts."),
    "txt-refused": case("MTS204", sts="", refusing="_mta-sts."),
    "txt-timeout": hanging( sts="", silent="_mta-sts."),
    "zone-servfail": case("MTS204", failing=""),
    "zone-refused": case("MTS204", refusing=""),
    "zone-timeout": hanging(silent=""),
    "id-drift": case("MTS206", sts=f"_mta-sts {txt('v=STSv1; id=20260101000000;')}"),
    "host-none": case("MTS207", host=""),
    "host-dangling": case("MTS208", host="mta-sts CNAME gone.azure.example."),
    "host-cname": case(host="mta-sts CNAME app.host-cname.example.\napp A {https}"),
    "host-servfail": case("MTS204", host="", failing="mta-sts."),
    "host-timeout": hanging(host="", silent="mta-sts."),
    "mx-none": case(
        "", "MTS210", **{**own_mx("mx-none"), "mx": "@ A {smtp}"},
        https=Answer(POLICY.replace(b"*.mx.", b"mx-none.")),
    ),
    "mx-null": case("", "MTS211", mx="@ MX 0 ."),
    "mx-without-address": case("MTS212", mx="@ MX 10 absent.mx.example."),
    "mx-cname": case(mx="@ MX 10 alias.mx.example.", smtp=mx(lambda a, _: a.valid("alias.mx.example")),
                     mx_host="alias CNAME {mx}\n{mx} A {smtp}"),
    "tlsrpt-none": case("", "MTS220", tlsrpt=""),
    "tlsrpt-two": case("MTS221", tlsrpt=f"_smtp._tls {txt(TLSRPT)}\n_smtp._tls {txt(OTHER_TLSRPT)}"),
    "tlsrpt-misspelt": case("MTS222", tlsrpt=f"_smtp._tls {txt(TLSRPT.replace('TLSRPT', 'TLSRP'))}"),
    "tlsrpt-without-mailto": case("MTS222", tlsrpt=f"_smtp._tls {txt(TLSRPT.replace('mailto:', ''))}"),
    "tlsrpt-drift": case("MTS223", tlsrpt=f"_smtp._tls {txt(TLSRPT.replace('tls-reports', 'someone'))}"),
    "tlsrpt-two-rua": case("MTS223", tlsrpt="_smtp._tls "
                           + txt("v=TLSRPTv1; rua=mailto:a@example.com; rua=mailto:b@example.com")),
    "tlsrpt-misplaced": case("", "MTS220 MTS224", tlsrpt=f"_mta-sts._tls {txt(TLSRPT)}"),
    "tlsrpt-twice-placed": case("", "MTS224", tlsrpt=f"_smtp._tls {txt(TLSRPT)}\n_smtp-tls {txt(TLSRPT)}"),
    "tlsrpt-servfail": case("MTS204", tlsrpt="", failing="_smtp._tls."),
}  # fmt: skip
HTTPS = {
    "https-refused": case("MTS301", https=nobody),
    "https-no-route": case("MTS301", host=f"mta-sts A {NO_ROUTE}"),
    # actions/runner-images#668, #9401: no IPv6, and Front Door answers AAAA. aykevl/mta-sts#17: AAAA alone.
    "https-no-route-ipv6": case(host=f"mta-sts A {{https}}\nmta-sts AAAA {NO_ROUTE_IPV6}"),
    "https-no-route-ipv6-again": case(host=f"mta-sts A {{https}}\nmta-sts AAAA {NO_ROUTE_IPV6}"),
    "https-no-route-ipv6-refused": case("MTS301", host=f"mta-sts A {{nobody}}\nmta-sts AAAA {NO_ROUTE_IPV6}"),
    "https-no-route-ipv6-alone": case(host="mta-sts AAAA ff0e::2"),
    "https-no-route-ipv6-unannounced": case("MTS201", sts="", host="mta-sts AAAA ff0e::3"),
    "https-one-of-two-refused": case("MTS301", host="mta-sts A {https}\nmta-sts A {nobody}"),
    "https-unanswered": hanging("MTS302", https=full),
    "https-silent": hanging("MTS302", https=raw(Connection.hang)),
    "https-silent-after-tls": hanging("MTS302", https=talks(Connection.hang)),
    "https-dripped-handshake": hanging("MTS302", https=raw(dripped_handshake)),
    "https-dripped-headers": hanging("MTS302", https=talks(https.dripped_headers)),
    "https-dripped-body": hanging("MTS302", https=talks(https.dripped_body(POLICY))),
    "https-slow-endless-body": hanging("MTS302", https=talks(https.slow_chunks)),
    "https-no-tls": case("MTS303", https=raw(lambda connection: connection.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
    "https-handshake": case("MTS303", https=shows_nothing),
    "https-closed-at-once": case("MTS303", https=raw(Connection.close)),
    "https-reset-in-handshake": case("MTS303", https=raw(reset_in_handshake)),
    "https-expired": case("MTS304", https=shows(Authority.expired)),
    # libressl#595, certbot-zimbra#143: the host's own certificate is good.
    "https-expired-intermediate": case("MTS304", https=shows(Authority.expired_intermediate)),
    "https-not-yet-valid": case("MTS304", https=shows(Authority.not_yet_valid)),
    "https-wrong-name": case("MTS305", https=shows(wrong_name)),
    "https-azure": case("MTS305", https=shows(azure)),
    "https-for-clients": case("MTS306", https=shows(Authority.for_clients)),
    "https-root-unknown": case("MTS306", https=shows(Authority.untrusted_with_root)),
    "https-common-name": case("MTS305", https=shows(Authority.common_name_only)),
    "https-high-wildcard": case("MTS305", https=shows(high_wildcard)),
    "https-wildcard": case(https=shows(wildcard)),
    "https-untrusted": case("MTS306", https=shows(Authority.untrusted)),
    "https-self-signed": case("MTS306", https=shows(Authority.self_signed)),
    "https-without-chain": case("MTS306", https=shows(Authority.without_chain)),
    "https-tls-1-0": case("MTS307", https=shows(Authority.valid, "TLSv1")),
    "https-tls-1-1": case("MTS307", https=shows(Authority.valid, "TLSv1_1")),
    "https-tls-1-2": case(https=shows(Authority.valid, "TLSv1_2")),
    "https-tls-1-3": case(https=shows(Authority.valid, "TLSv1_3")),
    "https-301": redirect(301),
    "https-302": redirect(302),
    "https-307": redirect(307),
    "https-308": redirect(308),
    "https-404": case("MTS309", https=answer(404, b"not here", Content_Type="text/plain")),
    "https-500": case("MTS309", https=answer(500, PAGE, Content_Type="text/html")),
    "https-204": case("MTS309", https=answer(204)),
    "https-wrong-path": case("MTS309", https=Answer(POLICY, path="/.well-know/mta-sts.txt")),
    "https-octet-stream": case("MTS310", https=answer(200, POLICY, Content_Type="application/octet-stream")),
    "https-no-type": case("MTS310", https=answer(200, POLICY)),
    "https-type-with-charset": case(https=answer(200, POLICY, Content_Type="Text/Plain; charset=utf-8")),
    "https-empty": case("MTS311", https=Answer(b"")),
    "https-html": case("MTS312", https=answer(200, PAGE, Content_Type="text/html")),
    "https-html-as-text": case("MTS312", https=Answer(PAGE)),
    "https-html-around": case("MTS312", https=answer(200, b"<pre>" + POLICY + b"</pre>", Content_Type="text/html")),
    "https-frame": case("MTS312", https=answer(200, FRAME, Content_Type="text/html")),
    "https-64-kb": case("", "MTS117", https=Answer(LARGE), ours=False),
    "https-64-kb-and-1": case("MTS313", https=Answer(LARGE + b"x")),
    "https-64-kb-and-1-without-length": case("MTS313", https=talks(https.answers(LARGE + b"x"))),
    "https-endless-body": case("MTS313", https=talks(https.endless_chunks)),
    "https-endless-headers": case("MTS314", https=talks(https.endless_headers)),
    "https-endless-status": case("MTS314", https=talks(https.endless_status)),
    "https-endless-interim": case("MTS314", https=talks(https.endless_interim)),
    "https-cut": case("MTS314", https=talks(https.cut(POLICY))),
    "https-cut-chunk": case("MTS314", https=talks(https.cut_chunk(POLICY))),
    "https-cut-headers": case("MTS314", https=talks(https.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 74\r\nX-"))),
    "https-no-answer": case("MTS314", https=talks(https.sends())),
    "https-reset": case("MTS314", https=talks(https.resets)),
    "https-garbage": case("MTS314", https=talks(https.sends(bytes(range(256)), b"\r\n\r\n"))),
    "https-drift": case("MTS316", https=Answer(OTHER)),
    "https-one-of-two-drifts": case("MTS316", https=talks(https.answers(OTHER)),
                                    host="mta-sts A {https}\nmta-sts A {good_https}"),
    "https-gzip": case("MTS317", https=talks(https.zipped(POLICY))),
    "https-ends-soon": case("", "MTS318", https=shows(ends_soon)),
    "https-without-length": case(https=talks(https.answers(POLICY))),
}  # fmt: skip
SERVED = {
    "policy-mode": case("MTS111", https=Answer(POLICY.replace(b"enforce", b"on")), ours=False),
    "policy-without-mx": case("MTS114", https=Answer(POLICY.replace(b"mx: *.mx.example\r\n", b"")), ours=False),
    "policy-max-age-twice": case("MTS103", https=Answer(POLICY + b"max_age: 86400\r\n"), ours=False),
    "policy-blank-line": case("MTS116", https=Answer(POLICY + b"\r\n"), ours=False),
    "policy-latin-1": case("MTS116", https=Answer(LATIN), ours=False),
    "policy-binary": case("MTS116", https=Answer(b"\x1f\x8b\x08\x00\xff\xfe\x80\n\x00"), ours=False),
}  # fmt: skip
MX = {
    "mx-unlisted": case("MTS401", mx="@ MX 10 good.mx.example.\n@ MX 20 mail\nmail A {smtp}", mx_host="",
                        smtp=mx(lambda authority, _: authority.valid("mail.mx-unlisted.example"))),
    "mx-unused-pattern": case("", "MTS402", ours=False,
                              https=Answer(POLICY.replace(b"max_age", b"mx: old.provider.example\r\nmax_age"))),
    "mx-wide": case("", "MTS403", **own_mx("mx-wide"),
                    https=Answer(POLICY.replace(b"*.mx.", b"*.mx-wide."))),
    "mx-no-route": case(smtp=nobody, mx_host=f"{{mx}} A {NO_ROUTE}"),
    "mx-no-route-ipv6": case(smtp=mx(), mx_host=f"{{mx}} A {{smtp}}\n{{mx}} AAAA {NO_ROUTE_IPV6}"),
    "mx-unanswered": hanging(smtp=full),
    "mx-refused": case("MTS411", smtp=nobody),
    "mx-one-of-two-refused": case("MTS411", smtp=mx(), mx_host="{mx} A {smtp}\n{mx} A {nobody}"),
    "mx-one-of-two-misnamed": case("MTS419", smtp=mx(), mx_host="{mx} A {smtp}\n{mx} A {good_smtp}"),
    "mx-421": case("", "MTS412", smtp=raw(smtp.greets(b"421 4.3.2 too busy\r\n"))),
    "mx-554": case("", "MTS412", smtp=raw(smtp.greets(b"554-5.7.1 you\r\n554 5.7.1 are blocked\r\n"))),
    "mx-ehlo-refused": case("", "MTS412", smtp=raw(smtp.extends(b"550 5.7.1 go away\r\n"))),
    "mx-closed-at-once": case("", "MTS412", smtp=raw(Connection.close)),
    "mx-garbage": case("", "MTS412", smtp=raw(smtp.garbage)),
    "mx-endless-greeting": case("", "MTS412", smtp=raw(smtp.endless_greeting)),
    "mx-endless-line": case("", "MTS412", smtp=raw(smtp.endless_line)),
    "mx-endless-extensions": case("", "MTS412", smtp=raw(smtp.endless_extensions)),
    "mx-silent": hanging("MTS413", smtp=raw(Connection.hang)),
    "mx-thirty-hosts-silent": hanging("MTS413", smtp=raw(Connection.hang),
                                      mx="\n".join(f"@ MX {n} {{mx}}-{n}.mx.example." for n in range(30)),
                                      mx_host="\n".join(f"{{mx}}-{n} A {{smtp}}" for n in range(30))),
    "mx-silent-after-greeting": hanging("MTS413", smtp=raw(smtp.silent_after_greeting)),
    "mx-silent-after-starttls": hanging("MTS413", smtp=raw(smtp.starts_tls(Connection.hang))),
    "mx-tls-at-once": hanging("MTS413", smtp=tls_at_once),
    "mx-silent-behind-tls": case(smtp=speaks()),
    "mx-dripped-greeting": hanging("MTS413", smtp=raw(smtp.dripped_greeting)),
    "mx-slow-endless-greeting": hanging("MTS413", smtp=raw(smtp.slow_greeting)),
    "mx-no-starttls": case("MTS414", smtp=lambda place: smtp.mx_host(place.address, place.port)),
    "mx-starttls-refused": case("MTS415", smtp=mx(refusing=True)),
    "mx-handshake": case("MTS416", smtp=raw(smtp.starts_tls(smtp.tls(no_certificate(), Connection.hang)))),
    "mx-handshake-garbage": case("MTS416", smtp=raw(smtp.starts_tls(smtp.garbled_handshake))),
    "mx-handshake-closed": case("MTS416", smtp=raw(smtp.starts_tls(Connection.close))),
    "mx-handshake-reset": case("MTS416", smtp=raw(smtp.starts_tls(reset_in_handshake))),
    "mx-tls-1-0": case("MTS417", smtp=speaks("TLSv1")),
    "mx-tls-1-1": case("MTS417", smtp=speaks("TLSv1_1")),
    "mx-tls-1-2": case(smtp=speaks("TLSv1_2")),
    "mx-expired": case("MTS418", smtp=mx(Authority.expired)),
    "mx-expired-intermediate": case("MTS418", smtp=mx(Authority.expired_intermediate)),
    "mx-not-yet-valid": case("MTS418", smtp=mx(Authority.not_yet_valid)),
    "mx-backup-expired": case("MTS418", smtp=mx(Authority.expired),
                              mx="@ MX 10 good.mx.example.\n@ MX 20 {mx}.mx.example."),
    "mx-wrong-name": case("MTS419", smtp=mx(wrong_name)),
    "mx-common-name": case("MTS419", smtp=mx(Authority.common_name_only)),
    "mx-wildcard": case(smtp=mx(wildcard)),
    "mx-untrusted": case("MTS420", smtp=mx(Authority.untrusted)),
    "mx-self-signed": case("MTS420", smtp=mx(Authority.self_signed)),
    "mx-without-chain": case("MTS420", smtp=mx(Authority.without_chain)),
    "mx-ends-soon": case("", "MTS421", smtp=mx(ends_soon)),
}  # fmt: skip
MANY = {
    "everything-hangs": hanging("MTS302 MTS413", sts="", silent="_mta-sts.", https=raw(Connection.hang),
                                smtp=raw(Connection.hang)),
    "everything-fails": case("MTS202 MTS309 MTS414 MTS221", sts=f"_mta-sts {txt(STS)}\n_mta-sts {txt(STS + ' a=b;')}",
                             https=answer(404), smtp=lambda place: smtp.mx_host(place.address, place.port),
                             tlsrpt=f"_smtp._tls {txt(TLSRPT)}\n_smtp._tls {txt(TLSRPT + ' a=b;')}"),
}  # fmt: skip
IPV6 = {"over-ipv6": case(host="mta-sts AAAA {https}", https=shows(Authority.valid), smtp=mx(),
                          mx_host="{mx} AAAA {smtp}", ipv6=True)}  # fmt: skip
CASES: dict[str, Case] = {**GOOD, **DNS, **HTTPS, **SERVED, **MX, **MANY, **IPV6}


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What check sees of all cases: made once, by the first test process that asks, for all test processes."""
    Loopback()  # gives up where it cannot be
    program("named")
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "check"
    try:
        shared.mkdir()
    except FileExistsError:
        return wait_for(shared / "seen.json")
    result: Seen = {"failed": "It was broken off."}
    try:
        result = look(tmp_path_factory.mktemp("internet"))
    finally:
        (shared / "half.json").write_text(json.dumps(result), encoding="utf-8")
        (shared / "half.json").rename(shared / "seen.json")
    return result


def look(folder: Path) -> Seen:
    """Start everything, and run check twice: over what answers, and over what does not, with a good domain in it."""
    cases = {name: case for name, case in CASES.items() if has_ipv6() or name not in IPV6}
    prompt = [f"{name}.example" for name, case in cases.items() if not case.hangs]
    slow = [f"{name}.example" for name, case in cases.items() if case.hangs]
    with Internet(folder, {name: case.site for name, case in cases.items()}) as internet:
        return {
            "prompt": run(internet, [*prompt, "nowhere.example"], timeout=30),
            "hanging": run(internet, [*slow, "good.example"], timeout=PATIENCE),
        }


def run(internet: Internet, domains: list[str], timeout: float) -> dict[str, Any]:
    """Run check over some domains, and return what it printed and how long it took."""
    start = time.monotonic()
    done = internet.check(*domains, "--format", "json", timeout=timeout)
    seconds = time.monotonic() - start
    errors = done.stderr.decode()
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(errors) from None
    return {"code": done.returncode, "seconds": seconds, "errors": errors, **printed}


def wait_for(path: Path) -> Seen:
    """Return what another test process saw, once it has."""
    for _ in range(1200):
        if path.exists():
            result: Seen = json.loads(path.read_text(encoding="utf-8"))
            return result
        time.sleep(0.1)
    raise TimeoutError(path)


def found(seen: Seen, name: str) -> list[dict[str, Any]]:
    """Return the findings for a case."""
    if name in IPV6 and not has_ipv6():
        give_up("This machine has no address ::1.")
    runs = "hanging" if name in CASES and CASES[name].hangs else "prompt"
    return [finding for finding in seen[runs]["findings"] if finding["domain"] == f"{name}.example"]


def message(seen: Seen, name: str, rule: str) -> str:
    """Return the message of the only finding of a rule."""
    (finding,) = (finding for finding in found(seen, name) if finding["rule"] == rule)
    text: str = finding["message"]
    return text


def verdict(seen: Seen, name: str, runs: str = "prompt") -> str:
    """Return what check says that a sender would do."""
    (domain,) = (each for each in seen[runs]["domains"] if each["domain"] == f"{name}.example")
    text: str = domain["verdict"]
    return text


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_found_and_nothing_else(seen: Seen, name: str) -> None:
    """It raises exactly the expected errors and warnings. A good domain has none."""
    findings = found(seen, name)
    rules = {
        severity: " ".join(sorted({finding["rule"] for finding in findings if finding["severity"] == severity}))
        for severity in ("error", "warning")
    }
    expected = CASES[name]
    assert rules == {
        "error": " ".join(sorted(expected.errors.split())),
        "warning": " ".join(sorted(expected.warnings.split())),
    }, findings


def test_a_domain_that_does_not_exist_is_told_apart_from_a_name_server_that_fails(seen: Seen) -> None:
    """NXDOMAIN is an answer: no record, no policy host, no MX host."""
    rules = {finding["rule"] for finding in found(seen, "nowhere")}
    assert rules == {"MTS201", "MTS207", "MTS210", "MTS212", "MTS220"}


def test_every_domain_is_reported_once_and_in_order(seen: Seen) -> None:
    """None is lost, whatever happens to another. stderr stays empty: no traceback, and progress only on a terminal."""
    for runs in ("prompt", "hanging"):
        hangs = runs == "hanging"
        names = [name for name, each in CASES.items() if each.hangs is hangs and (has_ipv6() or name not in IPV6)]
        names.append("good" if hangs else "nowhere")
        assert [each["domain"] for each in seen[runs]["domains"]] == [f"{name}.example" for name in names]
        assert (seen[runs]["code"], seen[runs]["errors"]) == (1, "")


def test_what_this_machine_cannot_see_is_reported_once_and_counts_against_no_domain(seen: Seen) -> None:
    """A warning for each cause: it names no domain, and counts addresses, not the domains that share them."""
    prompt, hanging_ = (
        [(each["rule"], each["severity"], each["message"]) for each in seen[runs]["findings"] if not each["domain"]]
        for runs in ("prompt", "hanging")
    )
    assert prompt == [
        (
            "MTS319",
            "warning",
            "This machine has no IPv6: 3 addresses not checked (ff0e::1, ff0e::2, ff0e::3). To check them, run the "
            "command on a machine that has it.",
        ),
        (
            "MTS410",
            "warning",
            "mx-no-route.mx.example (224.0.0.1): the address cannot be reached. Run this check from a network that can "
            "send mail.",
        ),
    ]
    (dns, dns_severity, dns_said), (mx_, mx_severity, mx_said) = hanging_
    assert (dns, mx_, dns_severity, mx_severity) == ("MTS205", "MTS410", "warning", "warning")
    assert re.fullmatch(
        r"No name server answers in time: _mta-sts\.txt-timeout\.example, _mta-sts\.zone-timeout\.example, "
        r"mta-sts\.zone-timeout\.example and \d+ more\. Check that this machine reaches its resolver, and "
        r"that the zone's name servers are up\.",
        dns_said,
    )
    assert re.fullmatch(
        r"mx-unanswered\.mx\.example \(127\.[\d.]+\): the server does not answer in time\. Run this check "
        r"from a network that can send mail\.",
        mx_said,
    )


def test_what_hangs_costs_its_timeout_once(seen: Seen) -> None:
    """All hanging domains together take no longer than one, and the good one among them is checked as usual."""
    assert PATIENCE <= seen["hanging"]["seconds"] < PATIENCE + 5
    assert not [each for each in seen["hanging"]["findings"] if each["domain"] == "good.example"]
    assert verdict(seen, "good", "hanging") == "With enforce, senders would deliver to every MX host."


NEW = "Senders that do not know the policy yet see no {}, so they deliver without the protection of MTA-STS.\n"
KNOWN = (
    "Senders that have the policy (mode enforce) in their cache keep using it until it expires: "
    "they would deliver to every MX host."
)
SOME = "Some senders ({}) follow the policy: with enforce, they would deliver to every MX host.\n"
STRICTEST = (
    "The strictest senders see no policy in what is served, so they deliver without the protection of MTA-STS, "
    "unless they have a policy in their cache."
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("good", "With enforce, senders would deliver to every MX host."),
        (
            "testing",
            "The policy is in mode testing. With enforce, senders would deliver to every MX host. It is ready for "
            "enforce.",
        ),
        ("txt-none", NEW.format("record at _mta-sts") + KNOWN),
        ("https-404", NEW.format("policy") + KNOWN),
        (
            "https-no-route-ipv6-alone",
            "This machine cannot tell what senders do: it could not check the policy host.",
        ),
        ("https-no-route-ipv6-unannounced", NEW.format("record at _mta-sts") + KNOWN),
        ("nowhere", "Senders see no policy and no record, so they deliver without the protection of MTA-STS."),
        ("policy-blank-line", SOME.format("postfix-mta-sts-resolver, mailauth, checkdmarc") + STRICTEST),
        ("https-no-route-ipv6", "With enforce, senders would deliver to every MX host."),
        ("txt-servfail", "This machine cannot tell what senders do: DNS gives no answer at _mta-sts."),
        (
            "mx-expired",
            "With enforce, senders would not deliver: mail waits, then bounces. A quick rollback saves the "
            "waiting mail.",
        ),
        (
            "mx-backup-expired",
            "With enforce, senders would deliver, but not to mx-backup-expired.mx.example: mail that must go there "
            "waits, then bounces.",
        ),
        ("mx-no-route-ipv6", "With enforce, senders would deliver to every MX host."),
        (
            "mx-no-route",
            "With enforce, senders may or may not deliver: this machine could not check the TLS of "
            "mx-no-route.mx.example.",
        ),
    ],
)
def test_the_verdict_says_what_a_sender_would_do(seen: Seen, name: str, expected: str) -> None:
    """In one line: deliver, not deliver, not protected, or unknown to this machine."""
    assert verdict(seen, name) == expected


@pytest.mark.parametrize(
    ("name", "rule", "parts"),
    [
        ("https-301", "MTS308", ["https://www.example.com/policy", "301"]),
        ("https-wrong-path", "MTS309", ["404", "/.well-know/mta-sts.txt"]),
        ("https-500", "MTS309", ["500"]),
        ("https-octet-stream", "MTS310", ["application/octet-stream"]),
        ("https-frame", "MTS312", ["frame"]),
        ("https-html-around", "MTS312", ["around the policy"]),
        ("https-drift", "MTS316", ["-max_age: 604800", "+max_age: 1209600"]),
        ("id-drift", "MTS206", ["20260101000000", ID]),
        ("txt-two", "MTS202", ["2 records", "v=STSv1; id=1;"]),
        ("txt-malformed", "MTS203", ["2026-01-01"]),
        ("host-dangling", "MTS208", ["gone.azure.example"]),
        ("mx-unlisted", "MTS401", ["mail.mx-unlisted.example", "5.4.8"]),
        ("mx-unused-pattern", "MTS402", ["old.provider.example"]),
        ("mx-expired", "MTS418", ["mx-expired.mx.example", "5.7.5"]),
        ("https-expired", "MTS304", ["the host's own certificate (", f"expired on {AN_HOUR_AGO}. Renew it."]),
        # libressl#595, certbot-zimbra#143
        (
            "https-expired-intermediate",
            "MTS304",
            ["but the intermediate above it (", "Testing CA", "Send the authority's current chain"],
        ),
        ("https-expired-intermediate", "MTS304", [f"expired on {AN_HOUR_AGO}"]),
        ("https-not-yet-valid", "MTS304", [f"is not valid until {TOMORROW}", "Use the previous certificate"]),
        ("https-wrong-name", "MTS305", ["is for 'other.example', not for mta-sts.https-wrong-name.example"]),
        ("https-high-wildcard", "MTS305", ["is for '*.example', where `*` stands for one label"]),
        ("https-common-name", "MTS305", ["names the host only in CN, not in subjectAltName"]),
        ("https-self-signed", "MTS306", ["('mta-sts.https-self-signed.example') is self-signed", "public authority"]),
        (
            "https-without-chain",
            "MTS306",
            ["own certificate is signed by", "the server does not send. Send the whole chain"],
        ),
        ("https-root-unknown", "MTS306", ["chain ends in", "Testing CA", "an authority that senders do not trust"]),
        ("https-azure", "MTS305", ["own certificate, for '*.azurewebsites.net'", "Run *deploy* again"]),
        ("https-for-clients", "MTS306", ["not suitable for a server ("]),
        (
            "mx-expired-intermediate",
            "MTS418",
            ["the intermediate above it (", f"expired on {AN_HOUR_AGO}", "Send the authority's current chain"],
        ),
        ("mx-common-name", "MTS419", ["names the host only in CN, not in subjectAltName"]),
        ("mx-wrong-name", "MTS419", ["is for 'other.example', not for mx-wrong-name.mx.example", "5.7.5"]),
        ("mx-self-signed", "MTS420", ["is self-signed. Use a certificate from a public authority"]),
        ("mx-without-chain", "MTS420", ["the server does not send. Send the whole chain"]),
        ("mx-no-starttls", "MTS414", ["Turn STARTTLS on"]),
        # checkdmarc#273, RFC 8460 §3: each of several rua fields counts.
        ("tlsrpt-two-rua", "MTS223", ["mailto:a@example.com, mailto:b@example.com"]),
        ("tlsrpt-misplaced", "MTS224", ["_mta-sts._tls.tlsrpt-misplaced.example"]),
    ],
)
def test_the_message_names_what_was_seen(seen: Seen, name: str, rule: str, parts: list[str]) -> None:
    """The redirect's target, the wrong path, the difference, the bounce: what you need to know to correct it."""
    text = message(seen, name, rule)
    assert [part for part in parts if part not in text] == [], text


@pytest.mark.parametrize(
    ("name", "rule", "line"),
    [("policy-mode", "MTS111", 2), ("policy-max-age-twice", "MTS103", 5), ("policy-blank-line", "MTS116", 5)],
)
def test_the_served_policy_is_judged_line_by_line(seen: Seen, name: str, rule: str, line: int) -> None:
    """By lint's rules, with the address and the line."""
    (finding,) = (finding for finding in found(seen, name) if finding["rule"] == rule)
    address = f"https://mta-sts.{name}.example/.well-known/mta-sts.txt"
    assert (finding["file"], finding["line"]) == (address, line)


@pytest.mark.parametrize("name", ["https-one-of-two-refused", "mx-one-of-two-refused", "mx-one-of-two-misnamed"])
def test_one_bad_address_of_two_is_found_and_named(seen: Seen, name: str) -> None:
    """Each address is tried, and the good ones are shown as good."""
    (finding,) = found(seen, name)
    (bad,) = re.findall(r"\((127\.[0-9.]+)\)", finding["message"])
    (domain,) = (each for each in seen["prompt"]["domains"] if each["domain"] == f"{name}.example")
    good = [text for section in domain["sections"] for text in section["seen"] if "certificate valid for" in text]
    assert len(good) == 2
    assert not [text for text in good if bad in text]
