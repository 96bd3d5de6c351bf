"""What each address of an MX host answers over SMTP to a sender that follows the policy (RFC 8461 §4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.check.clients.https import Failed
from mtasts.check.clients.smtp import Spoken
from mtasts.check.clients.tls import RESULT_TYPES, SOON, Fault, days_left
from mtasts.check.steps import FEWER_JOBS, MACHINE_LIMIT, Unseen
from mtasts.findings import Finding, Rule, Severity, quote

NOT_REACHED = Rule(
    "MTS410",
    "An MX host could not be reached from here",
    Severity.WARNING,
    "RFC 8461 §4.2",
    """The connection to port 25 got no answer, or there is no route to the host. Many networks block port 25, and so
do the hosted runners of CI systems: this says nothing about the host. Run `check --only mx` from a mail server, or
from a network that can send mail.""",
)
REFUSED = Rule(
    "MTS411",
    "An MX host refuses the connection",
    Severity.ERROR,
    "RFC 8461 §8.4",
    """The address can be reached, but nothing listens on port 25. Mail for this host waits or fails. Check every
address of the host, including IPv6.""",
)
TURNED_AWAY = Rule(
    "MTS412",
    "An MX host rejects this machine",
    Severity.WARNING,
    "RFC 5321 §3.1",
    """It answered with 4xx or 5xx, or ended the conversation. Hosts do this when they are busy, or to addresses that
do not send mail. So its TLS could not be checked: run `check --only mx` from a mail server.""",
)
SILENT = Rule(
    "MTS413",
    "An MX host does not answer",
    Severity.ERROR,
    "RFC 5321 §4.5.3.2",
    """It accepts the connection, but sends no greeting or answer within `--timeout`. Senders give up and try the next
host.""",
)
STARTTLS_NONE = Rule(
    "MTS414",
    "An MX host does not offer STARTTLS",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """Under `enforce`, senders do not deliver to it. Turn STARTTLS on, and check that no firewall removes it.""",
)
STARTTLS_REFUSED = Rule(
    "MTS415",
    "An MX host offers STARTTLS but refuses it",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It answered the STARTTLS command with an error, usually because it cannot read its certificate or key. Check its
log.""",
)
HANDSHAKE = Rule(
    "MTS416",
    "TLS with an MX host fails",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """The handshake ended before the certificate could be checked. Under `enforce`, senders do not deliver to it;
Exchange Online bounces with 5.7.5, or with 4.7.5 while it retries.""",
)
TLS_VERSION = Rule(
    "MTS417",
    "An MX host does not support TLS 1.2",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """Senders need TLS 1.2 or 1.3. Under `enforce`, they do not deliver to this host. Turn these versions on in the
mail server, and older ones off.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS418",
    "An MX host's certificate is not valid today",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It has expired, or is not valid yet. Under `enforce`, senders do not deliver to this host; Exchange Online
bounces with 5.7.5. Renew the certificate, and make the mail server reload it.""",
)
CERTIFICATE_NAME = Rule(
    "MTS419",
    "An MX host's certificate is for another name",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """The certificate's DNS names must include the host name in the MX record; the common name does not count. Under
`enforce`, senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS420",
    "An MX host's certificate is not trusted",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It is self-signed, senders do not know its issuer, or the server does not send the intermediate certificates.
Under `enforce`, senders do not deliver to this host; Exchange Online bounces with 5.7.5. Use a certificate from a
public authority, and send the whole chain.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS421",
    "An MX host's certificate expires soon",
    Severity.WARNING,
    "RFC 8461 §4.2",
    """Certificates are usually renewed weeks before they expire. Find out why this one was not: after it expires,
senders do not deliver under `enforce`.""",
)


NO_DELIVERY = "Under enforce, senders do not deliver to it"

_BOUNCE = f"{NO_DELIVERY}; Exchange Online bounces with 5.7.5."

_CERTIFICATE: dict[Fault, tuple[Rule, str]] = {
    Fault.EXPIRED: (CERTIFICATE_EXPIRED, "Renew it."),
    Fault.NOT_YET: (
        CERTIFICATE_EXPIRED,
        "Use the previous certificate until then. If that day has passed, set this machine's clock.",
    ),
    Fault.CHAIN_EXPIRED: (CERTIFICATE_EXPIRED, "Send the authority's current chain."),
    Fault.NAME: (
        CERTIFICATE_NAME,
        "Use a certificate for this host name, or a name from the certificate in the MX record.",
    ),
    Fault.UNBOUND: (CERTIFICATE_NAME, "Use a certificate for this host name."),
    Fault.COMMON_NAME: (CERTIFICATE_NAME, "Use a certificate with this host name among its DNS names."),
    Fault.UNTRUSTED: (CERTIFICATE_UNTRUSTED, "Use a certificate from a public authority, and send its chain."),
    Fault.SELF_SIGNED: (CERTIFICATE_UNTRUSTED, "Use a certificate from a public authority."),
    Fault.ROOT_UNKNOWN: (CERTIFICATE_UNTRUSTED, "Use a certificate from a public authority."),
    Fault.CHAIN_MISSING: (CERTIFICATE_UNTRUSTED, "Send the whole chain (fullchain.pem) of a public authority."),
    Fault.UNFIT: (CERTIFICATE_UNTRUSTED, "Use a server certificate from a public authority."),
}
_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (REFUSED, "Make the mail server listen there, or remove the address."),
    Fault.INCOMPLETE: (TURNED_AWAY, "Run this check from a mail server."),
    Fault.TURNED_AWAY: (TURNED_AWAY, "Run this check from a mail server."),
    Fault.SILENT: (SILENT, "Check the mail server's log."),
    Fault.STARTTLS_NONE: (STARTTLS_NONE, f"Turn STARTTLS on. {NO_DELIVERY}."),
    Fault.STARTTLS_REFUSED: (
        STARTTLS_REFUSED,
        f"Check that the mail server can read its certificate and key. {NO_DELIVERY}.",
    ),
    Fault.HANDSHAKE: (HANDSHAKE, f"Check the mail server's log. {_BOUNCE}"),
    Fault.VERSION: (TLS_VERSION, f"Turn TLS 1.2 and 1.3 on. {NO_DELIVERY}."),
    **{fault: (rule, f"{advice} {_BOUNCE}") for fault, (rule, advice) in _CERTIFICATE.items()},
}

_FROM_ELSEWHERE = "Run this check from a network that can send mail."
# These faults say nothing about the address itself.
_UNSEEN: dict[Fault, tuple[Rule, str]] = {
    Fault.UNREACHABLE: (NOT_REACHED, _FROM_ELSEWHERE),
    Fault.TIMEOUT: (NOT_REACHED, _FROM_ELSEWHERE),
    Fault.NOT_TRIED: (MACHINE_LIMIT, FEWER_JOBS),
}
UNKNOWN = {*_UNSEEN, Fault.NO_ROUTE, Fault.TURNED_AWAY, Fault.INCOMPLETE}


def evaluate(host: str, probe: Spoken | Failed, covered: bool) -> Iterator[str | Finding | Unseen]:
    """Yield what one address's answer means. covered: whether the policy includes the host."""
    where = f"{host} ({probe.address})"
    if isinstance(probe, Failed):
        if probe.fault is Fault.NO_ROUTE:
            return  # `unreached` reports it, once for all addresses of that family
        if probe.fault in _UNSEEN:
            yield Unseen(_UNSEEN[probe.fault][0], where, probe.fault.value, _UNSEEN[probe.fault][1])
            return
        rule, advice = _FAULTS[probe.fault]
        said = f" ({quote(probe.said)})" if probe.said else ""
        message = f"{where}: {probe.cause or probe.fault.value}{said}. {advice}"
        yield Finding(rule, message, result_type=RESULT_TYPES.get(probe.fault))
        return
    left = days_left(probe.ends)
    delivers = "; enforce delivers" if covered else ""
    yield f"{where}: STARTTLS, {probe.tls}, certificate valid for {left} more days{delivers}"
    if left <= SOON:
        yield Finding(CERTIFICATE_ENDS, f"{where}: the certificate expires in {left} days. Renew it.")
