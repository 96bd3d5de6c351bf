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


PATIENCE = 2  # seconds: the most impatient sender known

_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (UNREACHABLE, "Senders use HTTPS alone: let a server answer there, on port 443."),
    Fault.UNREACHABLE: (UNREACHABLE, "Look at the address in DNS and the way to it."),
    Fault.TIMEOUT: (TIMEOUT, "Senders wait 2 to 15 seconds."),
    Fault.HANDSHAKE: (HANDSHAKE, "See that a certificate is bound for this name."),
    Fault.VERSION: (TLS_VERSION, "Switch TLS 1.2 and 1.3 on."),
    Fault.EXPIRED: (CERTIFICATE_EXPIRED, "Renew it."),
    Fault.NOT_YET: (CERTIFICATE_EXPIRED, "Serve the one before it until then. If that day is over, set this clock."),
    Fault.CHAIN_EXPIRED: (CERTIFICATE_EXPIRED, "Serve the chain that the authority has today."),
    Fault.NAME: (CERTIFICATE_NAME, "Bind one that names the policy host."),
    Fault.UNBOUND: (CERTIFICATE_NAME, statuses.BOUND),
    Fault.COMMON_NAME: (CERTIFICATE_NAME, "Bind one that names the policy host among its DNS names."),
    Fault.UNTRUSTED: (CERTIFICATE_UNTRUSTED, "Use a public one, with its chain."),
    Fault.SELF_SIGNED: (CERTIFICATE_UNTRUSTED, "Bind one from a public authority."),
    Fault.ROOT_UNKNOWN: (CERTIFICATE_UNTRUSTED, "Bind one from a public authority."),
    Fault.CHAIN_MISSING: (CERTIFICATE_UNTRUSTED, "Serve the whole chain (fullchain.pem) of a public authority."),
    Fault.UNFIT: (CERTIFICATE_UNTRUSTED, "Use a public one, made for servers."),
    Fault.INCOMPLETE: (INCOMPLETE, "Look at what stands between."),
}


def evaluate(host: str, answer: Fetched | Failed, slip: str | None) -> Iterator[str | Finding | Unseen]:
    """Yield what is to be said of one address's answer. slip: a misspelt path that has the policy."""
    where = f"{host} ({answer.address})"
    if isinstance(answer, Failed):
        if answer.fault is Fault.NOT_TRIED:
            yield Unseen(MACHINE_LIMIT, where, answer.fault.value, FEWER_JOBS)
            return
        rule, advice = _FAULTS[answer.fault]
        result = "sts-webpki-invalid" if answer.fault in CERTIFICATE else "sts-policy-fetch-error"
        yield Finding(rule, f"{where}: {answer.cause or answer.fault.value}. {advice}", result_type=result)
        return
    fault, left = answer_fault(answer, slip, host), days_left(answer.ends)
    fine = f"{where}: 200, {answer.tls}, certificate for {left} more days, {answer.seconds:.1f} s"
    yield Finding(fault[0], f"{where} {fault[1]}", result_type="sts-policy-fetch-error") if fault else fine
    if answer.seconds > PATIENCE:
        message = f"{where} took {answer.seconds:.1f} s. Senders wait {PATIENCE} to 15 s: keep the hosting warm."
        yield Finding(SLOW, message)
    if left <= SOON:
        yield Finding(CERTIFICATE_ENDS, f"{where}: the certificate ends in {left} days. Renew it.")


def answer_fault(answer: Fetched, slip: str | None = None, host: str = "") -> tuple[Rule, str] | None:
    """Return why senders do not take an answer, and what to do, as the end of a sentence; None if they take it.

    host: the policy host, to tell whether a redirect stays there.
    """
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "")
        where = f"redirects to {quote(target or 'nowhere')} ({answer.status})"
        return REDIRECT, f"{where}, and senders do not follow. {statuses.redirect(target, host)}"
    if answer.status != 200:
        found = (
            f"The policy is at {slip}: move it."
            if slip
            else statuses.advice(answer.status, answer.headers, answer.body)
        )
        return STATUS, f"answers {answer.status} at {PATH}. {found}"
    if len(answer.body) > BYTES:
        return ANSWER_LARGE, f"serves more than {BYTES} bytes. Serve the policy alone."
    if not answer.body.strip():
        return EMPTY, "answers with nothing. The file is empty: deploy the policy again."
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        return ENCODED, f"compresses ({quote(answer.headers['content-encoding'])}). Switch that off for this path."
    if is_html(answer.body):
        return HTML, f"serves {statuses.page(answer.body)}"
    return _type_fault(answer.headers.get("content-type"))


def _type_fault(content_type: str | None) -> tuple[Rule, str] | None:
    if content_type is None:
        return CONTENT_TYPE, "names no content type. Set the header `Content-Type: text/plain`."
    if content_type.partition(";")[0].strip().lower() != "text/plain":
        return CONTENT_TYPE, f"serves the policy as {quote(content_type)}. Set the header `Content-Type: text/plain`."
    return None


def is_html(body: bytes) -> bool:
    """Tell whether a body begins as a web page."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
