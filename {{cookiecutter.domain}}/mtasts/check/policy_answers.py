"""What each address of the policy host answers over HTTPS (RFC 8461 §3.3)."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.check import statuses
from mtasts.check.clients.https import BYTES, Failed, Fetched
from mtasts.check.clients.tls import CERTIFICATE, SOON, Fault, days_left
from mtasts.check.steps import FEWER_JOBS, MACHINE_LIMIT, Unseen
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.policy import PATH

UNREACHABLE = Rule(
    "MTS301",
    "The policy host cannot be reached",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The connection to port 443 was refused, or there is no route. Senders then use no policy, or the one in their
cache. Check the hosting, its firewall, and each address in DNS, including IPv6.""",
)
TIMEOUT = Rule(
    "MTS302",
    "The policy host does not answer in time",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The whole policy did not arrive within `--timeout`. The RFC suggests that senders wait a minute; real senders
wait 2 to 15 seconds. Check the hosting, its load and its log.""",
)
HANDSHAKE = Rule(
    "MTS303",
    "TLS with the policy host fails",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The handshake ended before the certificate could be checked. Often there is no certificate for this name yet, or
another service answers on the port.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS304",
    "The policy host's certificate is not valid today",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """It has expired, or is not valid yet, so senders do not accept the policy. Find out why it was not renewed: a
managed certificate needs the CNAME, and CAA records (if there are any) that allow the issuer.""",
)
CERTIFICATE_NAME = Rule(
    "MTS305",
    "The policy host's certificate is for another name",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The certificate's DNS names must include `mta-sts.<domain>`; the common name does not count. Bind a certificate
for this name at the hosting.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS306",
    "The policy host's certificate is not trusted",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """It is self-signed, senders do not know its issuer, or the server does not send the intermediate certificates.
Use a certificate from a public authority, and send the whole chain.""",
)
TLS_VERSION = Rule(
    "MTS307",
    "The policy host does not support TLS 1.2",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders need TLS 1.2 or 1.3. Turn these versions on at the hosting, and older ones off.""",
)
REDIRECT = Rule(
    "MTS308",
    "The policy is redirected",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders do not follow redirects, so they get no policy. Usual causes are domain forwarding at a registrar, and
rules that redirect every visitor to `www`. Serve the text itself at this address.""",
)
STATUS = Rule(
    "MTS309",
    "The policy host does not answer with status 200",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders accept only 200. For 404, check the path: it is `/.well-known/mta-sts.txt`, with a dot in front and an
`n` at the end of `known`. Uploads often leave out folders whose name begins with a dot.""",
)
CONTENT_TYPE = Rule(
    "MTS310",
    "The policy is not served as text/plain",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """Some senders reject everything except `Content-Type: text/plain`. Set this header at the hosting.""",
)
EMPTY = Rule(
    "MTS311",
    "The policy host serves an empty policy",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """The status is 200, but the body is empty. The file at the hosting is empty, or an upload failed: deploy
again.""",
)
HTML = Rule(
    "MTS312",
    "The policy host answers with a web page",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """Senders need only the text of the policy. Usual causes are an index page for every path, a parking page, or a
registrar's frame that forwards visitors.""",
)
ANSWER_LARGE = Rule(
    "MTS313",
    "The answer is larger than 64 KB",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders stop reading after 64 KB and discard the policy. The hosting serves something else at this address:
serve the policy there.""",
)
INCOMPLETE = Rule(
    "MTS314",
    "The answer is cut off, or is not HTTP",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """The connection ended before the answer was complete, or the answer was not HTTP. Check for a broken proxy or
load balancer, or a crashed app.""",
)
SLOW = Rule(
    "MTS315",
    "The policy host is slow",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """Some senders wait only 2 seconds, others 4. A Function that scales to zero needs time to start: keep one
instance always ready, or choose static hosting.""",
)
ENCODED = Rule(
    "MTS317",
    "The policy is served compressed",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders ask for uncompressed text, and many cannot decompress the answer. Turn compression off for this
path.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS318",
    "The policy host's certificate expires soon",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """Certificates are usually renewed weeks before they expire. Find out why this one was not: after it expires,
senders do not accept the policy.""",
)


PATIENCE = 2  # seconds: the most impatient sender known

_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (UNREACHABLE, "Senders use only HTTPS: make a server listen there on port 443."),
    Fault.UNREACHABLE: (UNREACHABLE, "Check the address in DNS and the route to it."),
    Fault.TIMEOUT: (TIMEOUT, "Senders wait 2 to 15 seconds. Check the hosting, its load and its log."),
    Fault.HANDSHAKE: (HANDSHAKE, "Check that a certificate is bound for this name."),
    Fault.VERSION: (TLS_VERSION, "Turn TLS 1.2 and 1.3 on."),
    Fault.EXPIRED: (CERTIFICATE_EXPIRED, "Renew it."),
    Fault.NOT_YET: (
        CERTIFICATE_EXPIRED,
        "Use the previous certificate until then. If that day has passed, set this machine's clock.",
    ),
    Fault.CHAIN_EXPIRED: (CERTIFICATE_EXPIRED, "Send the authority's current chain."),
    Fault.NAME: (CERTIFICATE_NAME, "Bind a certificate for the policy host."),
    Fault.UNBOUND: (CERTIFICATE_NAME, statuses.BOUND),
    Fault.COMMON_NAME: (CERTIFICATE_NAME, "Bind a certificate with the policy host among its DNS names."),
    Fault.UNTRUSTED: (CERTIFICATE_UNTRUSTED, "Bind a certificate from a public authority, and send its chain."),
    Fault.SELF_SIGNED: (CERTIFICATE_UNTRUSTED, "Bind a certificate from a public authority."),
    Fault.ROOT_UNKNOWN: (CERTIFICATE_UNTRUSTED, "Bind a certificate from a public authority."),
    Fault.CHAIN_MISSING: (CERTIFICATE_UNTRUSTED, "Send the whole chain (fullchain.pem) of a public authority."),
    Fault.UNFIT: (CERTIFICATE_UNTRUSTED, "Bind a server certificate from a public authority."),
    Fault.INCOMPLETE: (INCOMPLETE, "Check the app, and any proxy or load balancer in front of it."),
}


def evaluate(host: str, answer: Fetched | Failed, misplaced: str | None) -> Iterator[str | Finding | Unseen]:
    """Yield what one address's answer means. misplaced: a wrong path that has the policy."""
    where = f"{host} ({answer.address})"
    if isinstance(answer, Failed):
        if answer.fault is Fault.NOT_TRIED:
            yield Unseen(MACHINE_LIMIT, where, answer.fault.value, FEWER_JOBS)
            return
        rule, advice = _FAULTS[answer.fault]
        result = "sts-webpki-invalid" if answer.fault in CERTIFICATE else "sts-policy-fetch-error"
        yield Finding(rule, f"{where}: {answer.cause or answer.fault.value}. {advice}", result_type=result)
        return
    fault, left = answer_fault(answer, misplaced, host), days_left(answer.ends)
    fine = f"{where}: 200, {answer.tls}, certificate valid for {left} more days, {answer.seconds:.1f} s"
    yield Finding(fault[0], f"{where} {fault[1]}", result_type="sts-policy-fetch-error") if fault else fine
    if answer.seconds > PATIENCE:
        message = f"{where} took {answer.seconds:.1f} s, but senders wait {PATIENCE} to 15 s. Make the hosting faster: "
        message += "for a Function, keep one instance always ready."
        yield Finding(SLOW, message)
    if left <= SOON:
        yield Finding(CERTIFICATE_ENDS, f"{where}: the certificate expires in {left} days. Renew it.")


def answer_fault(answer: Fetched, misplaced: str | None = None, host: str = "") -> tuple[Rule, str] | None:
    """Return why senders reject an answer, and what to do, as the end of a sentence; None if they accept it.

    misplaced: a wrong path that has the policy. host: the policy host, to tell whether a redirect stays on it.
    """
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "")
        where = f"redirects to {quote(target or 'nowhere')} ({answer.status})"
        return REDIRECT, f"{where}, which senders do not follow. {statuses.redirect(target, host)}"
    if answer.status != 200:
        found = (
            f"The policy is at {misplaced}: move it."
            if misplaced
            else statuses.advice(answer.status, answer.headers, answer.body)
        )
        return STATUS, f"answers {answer.status} at {PATH}. {found}"
    if len(answer.body) > BYTES:
        return ANSWER_LARGE, f"serves more than {BYTES} bytes. Serve only the policy."
    if not answer.body.strip():
        return EMPTY, "serves an empty file. Deploy the policy again."
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        encoding = quote(answer.headers["content-encoding"])
        return ENCODED, f"compresses the policy ({encoding}). Turn compression off for this path."
    if is_html(answer.body):
        return HTML, f"serves {statuses.page(answer.body)}"
    return _type_fault(answer.headers.get("content-type"))


def _type_fault(content_type: str | None) -> tuple[Rule, str] | None:
    if content_type is None:
        return CONTENT_TYPE, "sends no content type. Set the header `Content-Type: text/plain`."
    if content_type.partition(";")[0].strip().lower() != "text/plain":
        return CONTENT_TYPE, f"serves the policy as {quote(content_type)}. Set the header `Content-Type: text/plain`."
    return None


def is_html(body: bytes) -> bool:
    """Tell whether a body begins as a web page."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
