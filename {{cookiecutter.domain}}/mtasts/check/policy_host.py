"""The policy host: its addresses, its certificate, and what it answers (RFC 8461 §3.3)."""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mtasts.check.https import BYTES, Failed, Fetched
from mtasts.check.resolver import Answer, Status
from mtasts.check.steps import Reach, Section, addresses
from mtasts.check.tls import Fault
from mtasts.check.txt_record import MACHINE_LIMIT, lookup_fault
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.sts.policy import PATH, policy_host

HOST_NONE = Rule(
    "MTS207",
    "The policy host has no address",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders fetch the policy from `mta-sts.<domain>`, and this name has neither an A nor an AAAA record. Publish
the CNAME that `python -m mtasts records` prints.""",
)
HOST_DANGLING = Rule(
    "MTS208",
    "The policy host points to a name that is not there",
    Severity.ERROR,
    "RFC 8461 §10.3",
    """The CNAME at `mta-sts.<domain>` leads to a name that does not exist. Whoever registers that name, an Azure
app name for instance, can serve a policy in your place. Make the hosting again, or remove the TXT record and the
CNAME.""",
)
ADDRESSES_MANY = Rule(
    "MTS214",
    "More addresses than are looked at",
    Severity.WARNING,
    "this toolkit",
    """At most 20 addresses of the policy host are looked at, and at most 50 MX hosts with 100 addresses, since a domain
could otherwise make this machine connect to thousands of addresses of others. Each MX host gets an equal share, half
of it IPv6. The addresses that were left out may have faults too.""",
)
UNREACHABLE = Rule(
    "MTS301",
    "The policy host cannot be reached",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """No connection on port 443: refused, or no way there. Senders then go on without a policy, or with the one
that they kept. Look at the hosting, its firewall, and each address in DNS, IPv6 too.""",
)
TIMEOUT = Rule(
    "MTS302",
    "The policy host does not answer in time",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The whole policy did not come within the time that `--timeout` gives. The RFC suggests a minute; real senders
wait 2 to 15 seconds.""",
)
HANDSHAKE = Rule(
    "MTS303",
    "TLS with the policy host fails",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The handshake ended before a certificate could be judged. Often there is no certificate for this name yet, or
another service answers at the port.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS304",
    "The policy host's certificate is not valid today",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """It has expired, or is not valid yet. Senders do not take the policy. See why it was not renewed: a managed
certificate needs the CNAME, and a CAA record that allows the issuer.""",
)
CERTIFICATE_NAME = Rule(
    "MTS305",
    "The policy host's certificate is for another name",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The certificate must name `mta-sts.<domain>` among its DNS names; the common name does not count. Bind a
certificate for this name at the hosting.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS306",
    "The policy host's certificate is not trusted",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """It is self-signed, its issuer is not known to senders, or the server does not send the certificates between.
Use a public certificate authority, and serve the whole chain.""",
)
TLS_VERSION = Rule(
    "MTS307",
    "The policy host speaks no TLS 1.2",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders need TLS 1.2 or 1.3. Switch the older versions off at the hosting, and these on.""",
)
REDIRECT = Rule(
    "MTS308",
    "The policy is redirected",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders do not follow redirects, so there is no policy for them. Forwarding a domain at a registrar, and
rules that send every visitor to `www`, cause this: serve the text itself at this address.""",
)
STATUS = Rule(
    "MTS309",
    "The policy host answers with another status than 200",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Only 200 counts. At 404 look at the path: it is `/.well-known/mta-sts.txt`, with a dot, an `n` at the end of
`known`, and folders that begin with a dot are easily left out of an upload.""",
)
CONTENT_TYPE = Rule(
    "MTS310",
    "The policy is not served as text/plain",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """Some senders throw away anything but `Content-Type: text/plain`. Set it at the hosting.""",
)
EMPTY = Rule(
    "MTS311",
    "The policy host answers with nothing",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """The status is 200 and the body is empty. The file at the hosting is empty, or an upload went wrong: deploy
again.""",
)
HTML = Rule(
    "MTS312",
    "The policy host answers with a web page",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """Senders need the text of the policy and nothing around it. An index page for every path, a parking page, or a
registrar's frame that forwards visitors are the usual causes.""",
)
ANSWER_LARGE = Rule(
    "MTS313",
    "The answer is larger than 64 KB",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders stop reading there and throw the policy away. Something else than the policy is served at this
address.""",
)
INCOMPLETE = Rule(
    "MTS314",
    "The answer breaks off, or is no HTTP",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The connection ended before the answer was whole, or what came was not HTTP. Look at what stands between: a
proxy, a load balancer, a crashed app.""",
)
SLOW = Rule(
    "MTS315",
    "The policy comes slowly",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """Some senders wait 2 seconds, others 4. A Function that scales to zero starts cold: keep one instance always
ready, or choose static hosting.""",
)
DRIFT = Rule(
    "MTS316",
    "The served policy is not the repository's",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """What senders get differs from what policy.yaml says. The last deployment failed or has not run, or the
hosting was changed by hand: deploy again, or take the change into policy.yaml.""",
)
ENCODED = Rule(
    "MTS317",
    "The policy is served compressed",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders ask for the plain text, and many cannot unpack what comes. Switch compression off for this path.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS318",
    "The policy host's certificate ends soon",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """Certificates are renewed weeks before their end. See why this one was not yet: once it has ended, senders with
enforce take no policy.""",
)
NO_ROUTE = Rule(
    "MTS319",
    "Some addresses cannot be looked at from here",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """This machine has no route to some addresses of the policy hosts, most often because it has no IPv6: GitHub's
runners have none. What is there is unknown, so nothing is held against the domain. To see these addresses too, run
`check` on a machine with IPv6.""",
)


PATIENCE = 2  # seconds: the most impatient sender known
SOON = 14  # days
ADDRESSES = 20  # of a policy host; more are not looked at
SLIPS = ("/.well-know/mta-sts.txt", "/well-known/mta-sts.txt", "/mta-sts.txt")

_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (UNREACHABLE, "See that it listens there."),
    Fault.UNREACHABLE: (UNREACHABLE, "Look at the address in DNS and the way to it."),
    Fault.NOT_TRIED: (MACHINE_LIMIT, "Run this again with fewer --jobs."),
    Fault.TIMEOUT: (TIMEOUT, "Senders wait 2 to 15 seconds."),
    Fault.HANDSHAKE: (HANDSHAKE, "See that a certificate is bound for this name."),
    Fault.VERSION: (TLS_VERSION, "Switch TLS 1.2 and 1.3 on."),
    Fault.EXPIRED: (CERTIFICATE_EXPIRED, "Renew it."),
    Fault.NAME: (CERTIFICATE_NAME, "Bind one that names the policy host."),
    Fault.UNTRUSTED: (CERTIFICATE_UNTRUSTED, "Use a public one, with its chain."),
    Fault.INCOMPLETE: (INCOMPLETE, "Look at what stands between."),
}


@dataclass(frozen=True)
class Seen:
    """The answers to A and AAAA, one fetch per address, and a path where a misplaced policy was found."""

    host: str
    answers: tuple[Answer, ...]
    fetched: tuple[Fetched | Failed, ...]
    slip: str | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The text that each address serves, if only by another content type."""
        return {
            one.address: one.body.decode("utf-8", "surrogateescape")
            for one in self.fetched
            if isinstance(one, Fetched) and (_answer_fault(self, one) or (CONTENT_TYPE,))[0] is CONTENT_TYPE
        }

    @property
    def text(self) -> str | None:
        """The text of the first address that has one."""
        return next(iter(self.texts.values()), None)

    @property
    def unreached(self) -> tuple[str, ...]:
        """The addresses that this machine has no way to."""
        failed = (one for one in self.fetched if isinstance(one, Failed))
        return tuple(one.address for one in failed if one.fault is Fault.NO_ROUTE)

    @property
    def unseen(self) -> bool:
        """Whether there are addresses, and this machine has no way to any of them."""
        return 0 < len(self.fetched) == len(self.unreached)


async def see(domain: str, reach: Reach) -> Seen:
    """Resolve the policy host, and fetch from each of its addresses."""
    host = policy_host(domain)
    answers = await resolved(host, reach)
    found = addresses(answers, ADDRESSES)
    fetched = await asyncio.gather(*(reach.fetch(host, address, PATH) for address in found))
    missing = [one.address for one in fetched if isinstance(one, Fetched) and one.status == 404]
    slip = await _slip(host, missing[0], reach) if missing else None
    return Seen(host, answers, tuple(fetched), slip)


async def resolved(host: str, reach: Reach) -> tuple[Answer, ...]:
    """Return the answers to A and AAAA."""
    return tuple(await asyncio.gather(reach.lookup(host, "A"), reach.lookup(host, "AAAA")))


async def _slip(host: str, address: str, reach: Reach) -> str | None:
    """Return the misspelt path that has the policy, if one has it."""
    tried = await asyncio.gather(*(reach.fetch(host, address, path) for path in SLIPS))
    for path, one in zip(SLIPS, tried, strict=True):
        if isinstance(one, Fetched) and one.status == 200 and b"STSv1" in one.body and not _is_html(one.body):
            return path
    return None


def judge(seen: Seen, expected: str | None) -> Section:
    """Say what a sender makes of the policy host. expected: the text that the repository would serve."""
    items: list[str | Finding] = list(_judge_addresses(seen))
    if more := sum(len(answer.values) for answer in seen.answers) - len(seen.fetched):
        message = f"{seen.host} has {more} addresses more than the {ADDRESSES} that are looked at. Publish fewer."
        items.append(Finding(ADDRESSES_MANY, message))
    for one in seen.fetched:
        if one.address in seen.unreached:
            continue  # nothing was observed there; `unreached` says so, once for all domains
        items += _judge_failed(seen.host, one) if isinstance(one, Failed) else _judge_fetched(seen, one)
    # Without a repository to compare with, the addresses must still agree.
    wanted = seen.text if expected is None else expected
    for address, text in seen.texts.items():
        if wanted is not None and text.splitlines() != wanted.splitlines():
            whose = "the other address" if expected is None else "the repository"
            items.append(_drift(f"{seen.host} ({address})", text, wanted, whose))
    return Section("HTTPS", tuple(items), seen.unreached)


def serves(seen: Seen, expected: str) -> bool:
    """Tell whether senders get exactly this policy: one address serves it, and none that can be reached another."""
    fine = {one.address for one in seen.fetched if isinstance(one, Fetched) and not _answer_fault(seen, one)}
    same = {address for address, text in seen.texts.items() if text.splitlines() == expected.splitlines()}
    return bool(fine & same) and same == seen.texts.keys()


def unreached(addresses: Iterable[str]) -> Finding | None:
    """Return the finding for addresses that this machine has no way to, None where there are none."""
    found = sorted(set(addresses))
    if not found:
        return None
    families = " and no ".join(sorted({"IPv6" if ":" in address else "IPv4" for address in found}))
    number = "1 address" if len(found) == 1 else f"{len(found)} addresses"
    message = (
        f"This machine has no {families}: {number} of policy hosts not looked at ({listed(found)}). To see what is "
        "there, run this on a machine that has it."
    )
    return Finding(NO_ROUTE, message)


def _judge_addresses(seen: Seen) -> Iterator[str | Finding]:
    target = next((answer.target for answer in seen.answers if answer.target), None)
    if target:
        yield f"{seen.host} is a CNAME to {target}"
    if any(answer.values for answer in seen.answers):
        return
    if target and all(answer.status in (Status.NO_NAME, Status.NO_DATA) for answer in seen.answers):
        message = f"{seen.host} points to {quote(target)}, which has no address. Make the hosting, or remove the CNAME."
        yield Finding(HOST_DANGLING, message)
    elif fault := next(filter(None, map(lookup_fault, seen.answers)), None):
        yield fault
    else:
        yield Finding(HOST_NONE, f"{seen.host} has no address. Publish its CNAME.")


def _judge_failed(host: str, failed: Failed) -> Iterator[Finding]:
    rule, advice = _FAULTS[failed.fault]
    yield Finding(rule, f"{host} ({failed.address}): {failed.fault.value}. {advice}")


def _judge_fetched(seen: Seen, one: Fetched) -> Iterator[str | Finding]:
    where = f"{seen.host} ({one.address})"
    fault = _answer_fault(seen, one)
    yield Finding(fault[0], f"{where} {fault[1]}") if fault else _fine(where, one)
    if one.seconds > PATIENCE:
        message = f"{where} took {one.seconds:.1f} s. Senders wait {PATIENCE} to 15 s: keep the hosting warm."
        yield Finding(SLOW, message)
    if days(one.ends) <= SOON:
        yield Finding(CERTIFICATE_ENDS, f"{where}: the certificate ends in {days(one.ends)} days. Renew it.")


def _answer_fault(seen: Seen, one: Fetched) -> tuple[Rule, str] | None:
    if 300 <= one.status < 400:
        target = quote(one.headers.get("location", "nowhere"))
        return REDIRECT, f"redirects to {target} ({one.status}). Serve the policy here."
    if one.status != 200:
        found = f" The policy is at {seen.slip}: move it." if seen.slip else " Deploy the policy."
        return STATUS, f"answers {one.status} at {PATH}.{found}"
    if len(one.body) > BYTES:
        return ANSWER_LARGE, f"serves more than {BYTES} bytes. Serve the policy alone."
    if not one.body.strip():
        return EMPTY, "answers with nothing. Deploy the policy again."
    if one.headers.get("content-encoding", "identity").lower() != "identity":
        return ENCODED, f"compresses ({quote(one.headers['content-encoding'])}). Switch that off for this path."
    if _is_html(one.body):
        return HTML, f"serves {_page(one.body)}. Serve the text alone."
    return _type_fault(one.headers.get("content-type"))


def _type_fault(content_type: str | None) -> tuple[Rule, str] | None:
    if content_type is None:
        return CONTENT_TYPE, "names no content type. Set text/plain."
    if content_type.partition(";")[0].strip().lower() != "text/plain":
        return CONTENT_TYPE, f"serves the policy as {quote(content_type)}. Set text/plain."
    return None


def _page(body: bytes) -> str:
    if re.search(rb"<i?frame", body, re.IGNORECASE):
        return "a web page with a frame, as forwarding at a registrar does"
    return "a web page around the policy" if b"STSv1" in body else "a web page and no policy"


def _fine(where: str, one: Fetched) -> str:
    return f"{where}: 200, {one.tls}, certificate for {days(one.ends)} more days, {one.seconds:.1f} s"


def _drift(where: str, text: str, wanted: str, whose: str) -> Finding:
    changes = [
        line
        for line in difflib.unified_diff(wanted.splitlines(), text.splitlines(), lineterm="", n=0)
        if re.match(r"[+-](?![+-])", line)
    ]
    shown = "; ".join(quote(line) for line in changes[:8])
    message = f"{where} serves another policy than {whose} (+ served, - there): {shown}. Deploy again."
    return Finding(DRIFT, message)


def days(ends: float) -> int:
    """Return the whole days until a time."""
    return int((ends - time.time()) // 86_400)


def _is_html(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
