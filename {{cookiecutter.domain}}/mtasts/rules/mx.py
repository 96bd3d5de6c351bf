"""MTS4xx: what can be wrong with the hosts that take the mail."""

from __future__ import annotations

from mtasts.findings import Rule, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING

UNLISTED = Rule(
    "MTS401",
    "An MX host is not in the policy",
    ERROR,
    "RFC 8461 §4.1",
    """Under `enforce` senders do not deliver to it; Exchange Online bounces with 5.4.8, or 4.4.8 while it tries
again. Add the host to `mx`, publish, and wait for the old policy to run out of caches before mail must go there.""",
)
PATTERN_UNUSED = Rule(
    "MTS402",
    "An mx pattern matches no MX host",
    WARNING,
    "RFC 8461 §4.1",
    """It is left from an earlier provider, or misspelt. A name that nobody watches can be taken over, and then
takes your mail: remove it, unless you are moving there.""",
)
PATTERN_WIDE = Rule(
    "MTS403",
    "A wildcard covers the whole domain",
    WARNING,
    "RFC 8461 §4.1",
    """`*.<domain>` lets every host of the domain take its mail, the forgotten web server too. List the MX hosts.""",
)
NOT_REACHED = Rule(
    "MTS410",
    "An MX host could not be reached from here",
    WARNING,
    "RFC 8461 §4.2",
    """The connection to port 25 got no answer, or there is no way there. Many networks, and the CI systems' own
machines, block port 25: that says nothing about the host. Run `check --only mx` from a mail server or a network
that may send mail.""",
)
REFUSED = Rule(
    "MTS411",
    "An MX host refuses the connection",
    ERROR,
    "RFC 8461 §8.4",
    """The address answers, and nothing listens at port 25. Mail that comes to this host waits or fails. Look at
every address of the host, IPv6 too.""",
)
TURNED_AWAY = Rule(
    "MTS412",
    "An MX host turns this machine away",
    WARNING,
    "RFC 5321 §3.1",
    """It greeted with 4xx or 5xx, or would not go on. Hosts do so when they are busy, or to addresses that send no
mail. Its TLS could not be judged: run `check --only mx` from a mail server.""",
)
SILENT = Rule(
    "MTS413",
    "An MX host says nothing",
    ERROR,
    "RFC 5321 §4.5.3.2",
    """The connection stands, and no greeting or answer comes within the time that `--timeout` gives. Senders give
up, and try the next host.""",
)
STARTTLS_NONE = Rule(
    "MTS414",
    "An MX host does not offer STARTTLS",
    ERROR,
    "RFC 8461 §4.2",
    """Under `enforce` senders do not deliver to it. Switch STARTTLS on, and see that no firewall strips it.""",
)
STARTTLS_REFUSED = Rule(
    "MTS415",
    "An MX host offers STARTTLS and refuses it",
    ERROR,
    "RFC 8461 §4.2",
    """It answered the command with an error, usually since its certificate or key cannot be read. See its log.""",
)
HANDSHAKE = Rule(
    "MTS416",
    "TLS with an MX host fails",
    ERROR,
    "RFC 8461 §4.2",
    """The handshake ended before a certificate could be judged. Under `enforce` senders do not deliver to it;
Exchange Online bounces with 5.7.5, or 4.7.5 while it tries again.""",
)
TLS_VERSION = Rule(
    "MTS417",
    "An MX host speaks no TLS 1.2",
    ERROR,
    "RFC 8461 §4.2",
    """Senders need TLS 1.2 or 1.3. Under `enforce` they do not deliver to this host. Switch these on in the mail
server, and the older versions off.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS418",
    "An MX host's certificate is not valid today",
    ERROR,
    "RFC 8461 §4.2",
    """It has expired, or is not valid yet. Under `enforce` senders do not deliver to this host; Exchange Online
bounces with 5.7.5. Renew it, and let the mail server read it again.""",
)
CERTIFICATE_NAME = Rule(
    "MTS419",
    "An MX host's certificate is for another name",
    ERROR,
    "RFC 8461 §4.2",
    """The certificate must have the host's name, as the MX record has it, among its DNS names; the common name does
not count. Under `enforce` senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS420",
    "An MX host's certificate is not trusted",
    ERROR,
    "RFC 8461 §4.2",
    """It is self-signed, its issuer is not known to senders, or the server does not send the certificates between.
Under `enforce` senders do not deliver to this host; Exchange Online bounces with 5.7.5.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS421",
    "An MX host's certificate ends soon",
    WARNING,
    "RFC 8461 §4.2",
    """Certificates are renewed weeks before their end. See why this one was not yet: once it has ended, senders with
enforce do not deliver.""",
)
