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
    """Zone files end a full name with a dot, policies do not. Senders compare the pattern with the host name letter
by letter, and with the dot it never matches.""",
)
NAME_ADDRESS = Rule(
    "MTS121",
    "An IP address stands where a name belongs",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """The certificate of an MX host is checked against its name, so a policy lists names and no addresses. Write
the name that the MX record points to.""",
)
NAME_ULABEL = Rule(
    "MTS122",
    "A name is not written in A-labels",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """DNS and certificates hold internationalised names as A-labels (`xn--…`), and so does a policy. The message
offers the A-label form: compare it with what your registrar shows before you use it.""",
)
NAME_FORM = Rule(
    "MTS123",
    "A name is not a valid host name",
    Severity.ERROR,
    "RFC 5321 §4.1.2",
    """A host name is made of labels of 1 to 63 letters, digits and hyphens, with a dot between them. A label
neither starts nor ends with a hyphen, and has no underscore. It is no URL, no mail address, and has no port.""",
)
NAME_LONG = Rule(
    "MTS124",
    "A name is longer than DNS allows",
    Severity.ERROR,
    "RFC 1035 §2.3.4",
    """A name in DNS has at most 253 octets. The policy host puts `mta-sts.` before the domain, and the TXT record
`_mta-sts.`, so a domain may have at most 244.""",
)
WILDCARD = Rule(
    "MTS125",
    "A wildcard is not the whole first label",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """`*.example.com` is the only form: the `*` stands for exactly one label, the left-most. `mx*.example.com`,
`*.*.example.com` and `*` alone match nothing.""",
)
WILDCARD_PUBLIC = Rule(
    "MTS126",
    "A wildcard covers a public suffix",
    Severity.ERROR,
    "RFC 8461 §4.1",
    """Under a public suffix such as `com` or `co.uk` anyone can register a name, get a certificate for it, and so
take your mail. Name your own MX hosts.""",
)
DOMAIN_PREFIX = Rule(
    "MTS130",
    "The policy host stands where the mail domain belongs",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Under `domains` stands the mail domain, the part after the `@`. The policy host `mta-sts.<domain>` is made
from it.""",
)


DOMAIN_OCTETS = 253 - len("_mta-sts.")

# What a word processor or a web page makes of quotes, hyphens and blanks.
_TYPOGRAPHIC = re.compile("[\u201c-\u201e\u2018\u2019\u2010-\u2015\u2212\u00a0\u200b-\u200d\u2060\ufeff]")

# What is pasted with a name, or in its place: it says more than the letters that a name may have. The first counts.
_COMMA, _BLANK = "has a comma or semicolon in it. Remove that.", "has white space in it. Remove that."
_SEPARATED = (_COMMA, _BLANK)
_PASTED = (
    (_TYPOGRAPHIC.pattern, "has a quote, dash or blank of a word processor. Type it again, in plain ASCII."),
    (r"^\s*(?i:mx\s+)?[0-9]{1,5}\s+\S+\s*$", "has the preference of its MX record. Write the host name alone."),
    (r"(?i)\s(?:mx|exchanger|by)\s", "is a whole line of DNS. Write the host name alone."),
    (r"[\"'`<>()\[\]{}]", "has quotes or brackets in it. Write the name without them."),
    (r"://", "is a URL. Write the host name alone."),
    (r"@", "is a mail address. Write a host name."),
    (r"[,;]", _COMMA),
    (r"\s", _BLANK),
    (r":[0-9]+$", "has a port. Write the host name alone."),
    (r"_", "has an underscore, which host names cannot have. Write a name without one."),
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
        message = "mx '*' matches no host: a `*` stands for the first label alone. List your MX hosts by their names."
        return Finding(WILDCARD, message)
    if "*" in host:
        message = f"mx {quote(pattern)}: a `*` stands for the whole first label, once. Use the form '*.example.com'."
        return Finding(WILDCARD, message)
    return _fault(host, "mx", 253, pattern.removesuffix(host))


def _fault(name: str, what: str, octets: int, head: str) -> Finding | None:
    shown = f"{what} {quote(head + name)}"
    if cause := _no_name(name):
        return Finding(NAME_FORM, f"{shown} {cause}")
    if len(name) > 1 and name.endswith("."):
        return Finding(NAME_DOT, f"{shown} ends in a dot. Remove the dot.")
    if _is_address(name):
        return Finding(NAME_ADDRESS, f"{shown} is an IP address, and certificates hold names. Write the name.")
    if not name.isascii():
        return Finding(NAME_ULABEL, f"{shown} has letters outside ASCII. Use A-labels (xn--…).")
    if len(name) > octets:
        return Finding(NAME_LONG, f"{shown} has {len(name)} octets, and {octets} is the most. Shorten it.")
    if not _NAME.fullmatch(name):
        return Finding(NAME_FORM, f"{shown} is not a host name. Write labels of letters, digits and hyphens.")
    return None


def _no_name(text: str) -> str | None:
    """Return what a text is that holds a name and more, and what to do; None for all else."""
    if _NAME.fullmatch(text) or _is_address(text):
        return None
    if not text.strip():
        return "is empty. Write a host name."
    found = next((what for form, what in _PASTED if re.search(form, text)), None)
    several = sum("." in part for part in re.split(r"[\s,;]+", text)) > 1
    return "holds several names. Write each in a line of its own." if several and found in _SEPARATED else found


def is_verification(host: str) -> bool:
    """Tell whether an MX host is one that takes no mail, and only proved the domain to Google or to Microsoft."""
    return bool(re.fullmatch(_VERIFICATION, host.removesuffix(".")))


def public_suffix_fault(pattern: str) -> Finding | None:
    """Return a finding where a wildcard's parent is a public suffix: anyone can get a name under it."""
    parent = pattern.removeprefix("*.").lower()
    if parent == pattern.lower() or not is_public_suffix(parent):
        return None
    message = f"mx {quote(pattern)} matches names that anyone can register under {quote(parent)}. Name your MX hosts."
    return Finding(WILDCARD_PUBLIC, message)


def is_public_suffix(name: str) -> bool:
    """Tell whether anyone can register a name under this one, by the public suffix list."""
    # To parse the list takes longer than all the rest of lint, and most names do not stand in it.
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
