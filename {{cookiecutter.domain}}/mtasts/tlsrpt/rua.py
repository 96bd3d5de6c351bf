"""Where TLS reports go: the URIs of RFC 8460 §3."""

from __future__ import annotations

import re

from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.names import name_fault

RUA_MAILTO = Rule(
    "MTS141",
    "A report address lacks mailto:",
    Severity.ERROR,
    "RFC 8460 §3",
    """`rua` is a list of URIs: a mail address is written `mailto:tls-reports@example.com`. Senders send nothing to
a bare address.""",
)
RUA_RECORD = Rule(
    "MTS142",
    "A report address holds a piece of the DNS record",
    Severity.ERROR,
    "RFC 8460 §3",
    """Only the address belongs here; `v=TLSRPTv1; rua=` is added when the record is written. Some published guides
say `v=TLSRPv1`: senders ignore such a record.""",
)
RUA_ENCODING = Rule(
    "MTS143",
    "A report address must be percent-encoded",
    Severity.ERROR,
    "RFC 8460 §3",
    """`,` `!` and `;` separate things in the DNS record. Inside an address they are written `%2C`, `%21` and `%3B`.""",
)
RUA_FORM = Rule(
    "MTS144",
    "A report address is no mailto: or https: URI",
    Severity.ERROR,
    "RFC 8460 §3",
    """Reports go to `mailto:` addresses or are POSTed to `https:` URIs, in ASCII and without spaces. Nothing else
is understood by senders.""",
)


# The characters of RFC 3986, but for the three that a record parts things with. Brackets stand around an IPv6 address
# alone, and `#` once: so no URI holds `##[` or `##vso[`, which would be a command in a pipeline's log.
_CHAR = r"[A-Za-z0-9._~:/?@$&'()*+=%-]"
_LOCAL = r"[A-Za-z0-9._~$&'()*+=%-]"  # no colon, which RFC 6068 §2 has percent-encoded: mailto:mailto:… is a slip
_MAILTO = rf"mailto:{_LOCAL}+@[a-z0-9.-]+(?:\?{_CHAR}*)?"
_HTTPS = rf"https://(?:\[[0-9a-f:.]+\]|[a-z0-9]){_CHAR}*(?:#{_CHAR}*)?"
_URI = re.compile(f"{_MAILTO}|{_HTTPS}", re.IGNORECASE)


def rua_fault(uri: str) -> Finding | None:
    """Return what is wrong with an address for TLS reports, or None."""
    if re.match(r"(?i)\s*(v\s*=\s*TLSRPT?v1|rua\s*=)", uri):
        message = f"rua {quote(uri)} holds a piece of the DNS record. Write the address alone, as mailto:…"
        return Finding(RUA_RECORD, message)
    if re.fullmatch(r"[^@\s:/]+@[^@\s:/]+", uri):
        return Finding(RUA_MAILTO, f"rua {quote(uri)} lacks its scheme. Put mailto: before it.")
    if re.match(r"(?i)(mailto|https):", uri) and re.search("[,!;]", uri):
        several = len(re.findall("@|https:", uri, re.IGNORECASE)) > 1
        advice = "Give each address an item of its own." if several else "They part things in the record."
        return Finding(RUA_ENCODING, f"rua {quote(uri)} holds `,` `!` or `;`. {advice}")
    if not _URI.fullmatch(uri):
        return Finding(RUA_FORM, f"rua {quote(uri)} is neither a mailto: nor an https: URI. Use one of them.")
    host = uri.partition("@")[2].partition("?")[0]
    fault = name_fault(host, "its domain") if uri[:7].lower() == "mailto:" else None
    return Finding(RUA_FORM, f"rua {quote(uri)}: {fault.message}") if fault else None
