"""Names of hosts and domains, as DNS and MTA-STS want them written."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from mtasts.findings import Finding, Rule, Severity, quote

NAME_DOT = Rule(
    "MTS120",
    "A name ends in a dot",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """Zone files end a full name with a dot; policies do not. Senders compare the pattern with the host name
letter by letter, so a pattern with a final dot never matches.""",
)
NAME_ADDRESS = Rule(
    "MTS121",
    "An IP address is used instead of a name",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """Senders check the certificate of an MX host against its name, so a policy lists names, not addresses.
Write the name that the MX record points to.""",
)
NAME_ULABEL = Rule(
    "MTS122",
    "A name is not written in A-labels",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """DNS, certificates and policies write internationalised names as A-labels (`xn--…`). The message offers
the A-label form: compare it with the one that your registrar shows before you use it.""",
)
NAME_FORM = Rule(
    "MTS123",
    "A name is not a valid host name",
    Severity.ERROR,
    "RFC 5321 §4.1.2",
    """A host name consists of labels of 1 to 63 letters, digits and hyphens, with dots between them. A label
cannot start or end with a hyphen, and cannot contain an underscore. Write only the name: no URL, no mail
address, no port.""",
)
NAME_LONG = Rule(
    "MTS124",
    "A name is longer than DNS allows",
    Severity.ERROR,
    "RFC 1035 §2.3.4",
    """A name in DNS has at most 253 octets. The policy host adds `mta-sts.` before the domain, and the TXT
record adds `_mta-sts.`, so a domain can have at most 244.""",
)
WILDCARD = Rule(
    "MTS125",
    "A wildcard is not the whole first label",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """`*.example.com` is the only form: the `*` stands for exactly one label, the leftmost. `mx*.example.com`,
`*.*.example.com` and `*` alone match nothing.""",
)
WILDCARD_PUBLIC = Rule(
    "MTS126",
    "A wildcard covers a public suffix",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """Anyone can register a name under a public suffix such as `com` or `co.uk`, get a certificate for it, and
receive your mail. Name your own MX hosts.""",
)
DOMAIN_PREFIX = Rule(
    "MTS130",
    "A policy host is listed instead of its mail domain",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """List the mail domain under `domains`: the part after the `@`. The policy host `mta-sts.<domain>` is
derived from it.""",
)


DOMAIN_OCTETS = 253 - len("_mta-sts.")

# What word processors and web pages put in place of quotes, hyphens and blanks.
_TYPOGRAPHIC = re.compile("[\u201c-\u201e\u2018\u2019\u2010-\u2015\u2212\u00a0\u200b-\u200d\u2060\ufeff]")

# What is pasted with a name, or instead of it: more useful than naming the letters that are allowed. The first counts.
_COMMA, _BLANK = "contains a comma or semicolon. Remove it.", "contains white space. Remove it."
_SEPARATED = (_COMMA, _BLANK)
_PASTED = (
    (
        _TYPOGRAPHIC.pattern,
        "contains a quote, dash or space from a word processor. Type the name again, in plain ASCII.",
    ),
    (
        r"^\s*(?i:mx\s+)?[0-9]{1,5}\s+\S+\s*$",
        "includes the preference of its MX record. Write only the name.",
    ),
    (r"(?i)\s(?:mx|exchanger|by)\s", "is a whole line of DNS output. Write only the name."),
    (r"[\"'`<>()\[\]{}]", "contains quotes or brackets. Remove them."),
    (r"://", "is a URL. Write only the name."),
    (r"@", "is a mail address. Write only a host name."),
    (r"[,;]", _COMMA),
    (r"\s", _BLANK),
    (r":[0-9]+$", "includes a port. Write only the name."),
    (r"_", "contains an underscore, which host names cannot have. Use a name without one."),
)

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_VERIFICATION = r"(?i:(.+\.)?mx-verification\.google\.com|ms[0-9]+\.msv1\.invalid)"  # compiled if a run needs it


def name_fault(name: str, what: str, octets: int = 253) -> Finding | None:
    """Return what is wrong with a name of a host, or None. what: its role, as the message calls it."""
    return _fault(name, what, octets, "")


def domain_fault(name: str) -> Finding | None:
    """Return what is wrong with the name of a mail domain, or None."""
    for prefix in ("mta-sts.", "_mta-sts."):
        if name.lower().startswith(prefix):
            message = f"{quote(name)} is the name of a policy host. Use the mail domain, the part after the @."
            return Finding(DOMAIN_PREFIX, message)
    if fault := name_fault(name, "domain", DOMAIN_OCTETS):
        return fault
    if "." not in name:
        return Finding(NAME_FORM, f"domain {quote(name)} has no dot. Write the part after the @ in full.")
    return None


def pattern_fault(pattern: str) -> Finding | None:
    """Return what is wrong with an mx pattern, or None: a host name, or `*.` and a host name (RFC 8461 §4.1)."""
    host = pattern.removeprefix("*.")
    if pattern == "*":
        message = "mx '*' matches no host: a `*` stands for the first label only. List your MX hosts by name."
        return Finding(WILDCARD, message)
    if "*" in host:
        message = f"mx {quote(pattern)}: `*` can only stand for the whole first label. Use the form '*.example.com'."
        return Finding(WILDCARD, message)
    return _fault(host, "mx", 253, pattern.removesuffix(host))


def _fault(name: str, what: str, octets: int, head: str) -> Finding | None:
    shown = f"{what} {quote(head + name)}"
    if cause := _no_name(name):
        return Finding(NAME_FORM, f"{shown} {cause}")
    if len(name) > 1 and name.endswith("."):
        return Finding(NAME_DOT, f"{shown} ends in a dot. Remove the dot.")
    if _is_address(name):
        return Finding(NAME_ADDRESS, f"{shown} is an IP address. Write the host name instead.")
    if not name.isascii():
        return Finding(NAME_ULABEL, f"{shown} has non-ASCII letters. Use its A-label form (xn--…).")
    if len(name) > octets:
        return Finding(NAME_LONG, f"{shown} has {len(name)} octets, but at most {octets} are allowed. Shorten it.")
    if not _NAME.fullmatch(name):
        return Finding(
            NAME_FORM, f"{shown} is not a host name. Use letters, digits and hyphens, with dots between labels."
        )
    return None


def _no_name(text: str) -> str | None:
    """Return what is wrong with a text that contains more than a name, and what to do; None for all else."""
    if _NAME.fullmatch(text) or _is_address(text):
        return None
    if not text.strip():
        return "is empty. Write a host name."
    found = next((what for form, what in _PASTED if re.search(form, text)), None)
    several = sum("." in part for part in re.split(r"[\s,;]+", text)) > 1
    return "contains several names. Write each on its own line." if several and found in _SEPARATED else found


def is_verification(host: str) -> bool:
    """Tell whether an MX host receives no mail, and only proved the domain to Google or Microsoft."""
    return bool(re.fullmatch(_VERIFICATION, host.removesuffix(".")))


def public_suffix_fault(pattern: str) -> Finding | None:
    """Return a finding if a wildcard's parent is a public suffix: anyone can get a name under it."""
    parent = pattern.removeprefix("*.").lower()
    if parent == pattern.lower() or not is_public_suffix(parent):
        return None
    message = (
        f"mx {quote(pattern)} matches every name under {quote(parent)}, where anyone can register one and receive your "
        "mail. List your own MX hosts."
    )
    return Finding(WILDCARD_PUBLIC, message)


def is_public_suffix(name: str) -> bool:
    """Tell whether anyone can register a name under this one, by the public suffix list."""
    # To parse the list takes longer than all the rest of lint, and most names are not in it.
    _, dot, parent = name.partition(".")
    if dot and "xn--" not in name and not _is_listed(name, f"*.{parent}"):
        return False
    return bool(_suffixes().is_public(name))


def _is_listed(*lines: str) -> bool:
    """Tell whether the list has one of these lines."""
    if next(_searches) < 20:  # to split the text costs as much as about 20 searches
        return any(f"\n{line}\n" in _suffix_text() for line in lines)
    return not _suffix_lines().isdisjoint(lines)


_searches = count()


@cache
def _suffix_text() -> str:
    import publicsuffixlist  # here, since few runs need it

    return f"\n{Path(publicsuffixlist.PSLFILE).read_text(encoding='utf-8')}\n"


@cache
def _suffix_lines() -> frozenset[str]:
    return frozenset(_suffix_text().split("\n"))


def registrable(name: str) -> str | None:
    """Return the name that was registered for this one, by the public suffix list; None if it is itself a suffix."""
    found = _suffixes().privatesuffix(name.lower())
    return None if found is None else str(found)


@cache
def _suffixes() -> Any:
    import publicsuffixlist  # here, since few runs need it

    return publicsuffixlist.PublicSuffixList()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").removeprefix("IPv6:"))
    except ValueError:
        return False
    return True
