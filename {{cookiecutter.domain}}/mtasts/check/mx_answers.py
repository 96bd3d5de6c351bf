"""What each address of an MX host answers over SMTP, as a sender with the policy meets it (RFC 8461 §4.2)."""

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
    """The connection to port 25 got no answer, or there is no way there. Many networks, and the CI systems' own
machines, block port 25: that says nothing about the host. Run `check --only mx` from a mail server or a network
that may send mail.""",
)
REFUSED = Rule(
    "MTS411",
    "An MX host refuses the connection",
    Severity.ERROR,
    "RFC 8461 §8.4",
    """The address answers, and nothing listens at port 25. Mail that comes to this host waits or fails. Look at
every address of the host, IPv6 too.""",
)
TURNED_AWAY = Rule(
    "MTS412",
    "An MX host turns this machine away",
    Severity.WARNING,
    "RFC 5321 §3.1",
    """It greeted with 4xx or 5xx, or would not go on. Hosts do so when they are busy, or to addresses that send no
mail. Its TLS could not be judged: run `check --only mx` from a mail server.""",
)
SILENT = Rule(
    "MTS413",
    "An MX host says nothing",
    Severity.ERROR,
    "RFC 5321 §4.5.3.2",
    """The connection stands, and no greeting or answer comes within the time that `--timeout` gives. Senders give
up, and try the next host.""",
)
STARTTLS_NONE = Rule(
    "MTS414",
    "An MX host does not offer STARTTLS",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """Under `enforce` senders do not deliver to it. Switch STARTTLS on, and see that no firewall strips it.""",
)
STARTTLS_REFUSED = Rule(
    "MTS415",
    "An MX host offers STARTTLS and refuses it",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It answered the command with an error, usually since its certificate or key cannot be read. See its log.""",
)
HANDSHAKE = Rule(
    "MTS416",
    "TLS with an MX host fails",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """The handshake ended before a certificate could be judged. Under `enforce` senders do not deliver to it;
Exchange Online bounces with 5.7.5, or 4.7.5 while it tries again.""",
)
TLS_VERSION = Rule(
    "MTS417",
    "An MX host speaks no TLS 1.2",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """Senders need TLS 1.2 or 1.3. Under `enforce` they do not deliver to this host. Switch these on in the mail
server, and the older versions off.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS418",
    "An MX host's certificate is not valid today",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It has expired, or is not valid yet. Under `enforce` senders do not deliver to this host; Exchange Online
bounces with 5.7.5. Renew it, and let the mail server read it again.""",
)
CERTIFICATE_NAME = Rule(
    "MTS419",
    "An MX host's certificate is for another name",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """The certificate must have the host's name, as the MX record has it, among its DNS names; the common name does
not count. Under `enforce` senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS420",
    "An MX host's certificate is not trusted",
    Severity.ERROR,
    "RFC 8461 §4.2",
    """It is self-signed, its issuer is not known to senders, or the server does not send the certificates between.
Under `enforce` senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS421",
    "An MX host's certificate ends soon",
    Severity.WARNING,
    "RFC 8461 §4.2",
    """Certificates are renewed weeks before their end. See why this one was not yet: once it has ended, senders with
enforce do not deliver.""",
)


NO_DELIVERY = "With enforce, senders do not deliver to it"

_BOUNCE = f"{NO_DELIVERY}; Exchange Online bounces with 5.7.5."

_CERTIFICATE: dict[Fault, tuple[Rule, str]] = {
    Fault.EXPIRED: (CERTIFICATE_EXPIRED, "Renew it."),
    Fault.NOT_YET: (CERTIFICATE_EXPIRED, "Use the one before it until then. If that day is over, set this clock."),
    Fault.CHAIN_EXPIRED: (CERTIFICATE_EXPIRED, "Serve the chain that the authority has today."),
    Fault.NAME: (CERTIFICATE_NAME, "Use one that names the host, or let the MX record lead to a name that it has."),
    Fault.UNBOUND: (CERTIFICATE_NAME, "Use one that names the host."),
    Fault.COMMON_NAME: (CERTIFICATE_NAME, "Use one that names the host among its DNS names."),
    Fault.UNTRUSTED: (CERTIFICATE_UNTRUSTED, "Use one from a public authority, with its chain."),
    Fault.SELF_SIGNED: (CERTIFICATE_UNTRUSTED, "Use one from a public authority."),
    Fault.ROOT_UNKNOWN: (CERTIFICATE_UNTRUSTED, "Use one from a public authority."),
    Fault.CHAIN_MISSING: (CERTIFICATE_UNTRUSTED, "Serve the whole chain (fullchain.pem) of a public authority."),
    Fault.UNFIT: (CERTIFICATE_UNTRUSTED, "Use a public one, made for servers."),
}
_FAULTS: dict[Fault, tuple[Rule, str]] = {
    Fault.REFUSED: (REFUSED, "See that the mail server listens there, or remove the address."),
    Fault.INCOMPLETE: (TURNED_AWAY, "Run this check from a mail server."),
    Fault.TURNED_AWAY: (TURNED_AWAY, "Run this check from a mail server."),
    Fault.SILENT: (SILENT, "See its log."),
    Fault.STARTTLS_NONE: (STARTTLS_NONE, f"Switch STARTTLS on. {NO_DELIVERY}."),
    Fault.STARTTLS_REFUSED: (STARTTLS_REFUSED, f"See that it can read its certificate and its key. {NO_DELIVERY}."),
    Fault.HANDSHAKE: (HANDSHAKE, f"See its log. {_BOUNCE}"),
    Fault.VERSION: (TLS_VERSION, f"Switch TLS 1.2 and 1.3 on. {NO_DELIVERY}."),
    **{fault: (rule, f"{advice} {_BOUNCE}") for fault, (rule, advice) in _CERTIFICATE.items()},
}

_FROM_ELSEWHERE = "Run this check from a network that may send mail."
# Of the address itself they say nothing.
_UNSEEN: dict[Fault, tuple[Rule, str]] = {
    Fault.UNREACHABLE: (NOT_REACHED, _FROM_ELSEWHERE),
    Fault.TIMEOUT: (NOT_REACHED, _FROM_ELSEWHERE),
    Fault.NOT_TRIED: (MACHINE_LIMIT, FEWER_JOBS),
}
UNKNOWN = {*_UNSEEN, Fault.NO_ROUTE, Fault.TURNED_AWAY, Fault.INCOMPLETE}


def evaluate(host: str, probe: Spoken | Failed, covered: bool) -> Iterator[str | Finding | Unseen]:
    """Yield what is to be said of one address's answer. covered: whether the policy names the host."""
    where = f"{host} ({probe.address})"
    if isinstance(probe, Failed):
        if probe.fault is Fault.NO_ROUTE:
            return  # `unreached` says so, once for all addresses of that family
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
    yield f"{where}: STARTTLS, {probe.tls}, certificate for {left} more days{delivers}"
    if left <= SOON:
        yield Finding(CERTIFICATE_ENDS, f"{where}: the certificate ends in {left} days. Renew it.")
