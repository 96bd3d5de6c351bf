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
    """`rua` is a list of URIs, so write a mail address as `mailto:tls-reports@example.com`. Senders do not
report to a bare address.""",
)
RUA_RECORD = Rule(
    "MTS142",
    "A report address contains part of the DNS record",
    Severity.ERROR,
    "RFC 8460 §3",
    """Write only the address here; `v=TLSRPTv1; rua=` is added when the record is published. Some published
guides say `v=TLSRPv1`: senders ignore such a record.""",
)
RUA_ENCODING = Rule(
    "MTS143",
    "A report address must be percent-encoded",
    Severity.ERROR,
    "RFC 8460 §3",
    """`,` `!` and `;` are separators in the DNS record. Inside an address, write them as `%2C`, `%21` and
`%3B`.""",
)
RUA_FORM = Rule(
    "MTS144",
    "A report address is not a mailto: or https: URI",
    Severity.ERROR,
    "RFC 8460 §3",
    """Senders mail reports to `mailto:` addresses or POST them to `https:` URIs, in ASCII and without spaces.
They do not understand anything else.""",
)


# The characters of RFC 3986, without the three that separate things in a record. Brackets are allowed around an IPv6
# address only, and `#` once: so no URI holds `##[` or `##vso[`, which would be a command in a pipeline's log.
_CHAR = r"[A-Za-z0-9._~:/?@$&'()*+=%-]"
_LOCAL = r"[A-Za-z0-9._~$&'()*+=%-]"  # no colon, which RFC 6068 §2 has percent-encoded: mailto:mailto:… is a slip
_MAILTO = rf"mailto:{_LOCAL}+@[a-z0-9.-]+(?:\?{_CHAR}*)?"
_HTTPS = rf"https://(?:\[[0-9a-f:.]+\]|[a-z0-9]){_CHAR}*(?:#{_CHAR}*)?"
_URI = re.compile(f"{_MAILTO}|{_HTTPS}", re.IGNORECASE)


def rua_fault(uri: str) -> Finding | None:
    """Return what is wrong with an address for TLS reports, or None."""
    if re.match(r"(?i)\s*(v\s*=\s*TLSRPT?v1|rua\s*=)", uri):
        message = f"rua {quote(uri)} contains part of the DNS record. Write only the address, as mailto:…"
        return Finding(RUA_RECORD, message)
    if re.fullmatch(r"[^@\s:/]+@[^@\s:/]+", uri):
        return Finding(RUA_MAILTO, f"rua {quote(uri)} lacks mailto:. Put it before the address.")
    if re.match(r"(?i)(mailto|https):", uri) and (found := re.search("[,!;]", uri)):
        several = len(re.findall("@|https:", uri, re.IGNORECASE)) > 1
        advice = "Write each address as its own item." if several else "Percent-encode it."
        return Finding(RUA_ENCODING, f"rua {quote(uri)} contains `{found[0]}`, a separator in the record. {advice}")
    if not _URI.fullmatch(uri):
        return Finding(RUA_FORM, f"rua {quote(uri)} is not a mailto: or https: URI. Use one of the two.")
    host = uri.partition("@")[2].partition("?")[0]
    fault = name_fault(host, "its domain") if uri[:7].lower() == "mailto:" else None
    return Finding(RUA_FORM, f"rua {quote(uri)}: {fault.message}") if fault else None
