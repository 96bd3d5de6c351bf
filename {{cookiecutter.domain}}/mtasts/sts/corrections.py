"""The value that was most likely meant by a wrong one. It still has to pass the rules.

Standard library only: the template's hook uses it too, and nothing else is installed there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

_WEEK, _YEAR = 604_800, 31_557_600  # seconds; RFC 8461 §3.2 allows a year at most
_UNITS = {
    **dict.fromkeys(("", "s", "sec", "second"), 1),
    **dict.fromkeys(("min", "minute"), 60),
    **dict.fromkeys(("h", "hr", "hour"), 3600),
    **dict.fromkeys(("d", "day"), 86_400),
    **dict.fromkeys(("w", "wk", "week"), _WEEK),
    **dict.fromkeys(("mo", "mon", "month"), 2_592_000),
    **dict.fromkeys(("y", "yr", "year"), 31_536_000),
}


EXCHANGE = "*.mail.protection.outlook.com"
# What is written for Exchange Online, and matches none of its hosts: one label less or more.
EXCHANGE_SLIPS = frozenset(
    (
        "mail.protection.outlook.com",
        "protection.outlook.com",
        "outlook.com",
        "*.protection.outlook.com",
        "*.outlook.com",
    )
)
# What nslookup, dig, host and a zone file print of an MX record.
_DNS_TOOL = re.compile(r"(?:\bexchanger = (?:[0-9]+ )?|\bmx\s+[0-9]+\s+|\bhandled by [0-9]+ )(\S+)", re.IGNORECASE)


def word(text: str, known: Sequence[str], likeness: float = 0.65) -> str | None:
    """Return the nearest of the known words, None if none is near. likeness: difflib's, from 0 to 1."""
    text = re.sub("[ _]+", "-", text.strip(" \t'\"`.,;:").lower())
    close = get_close_matches(text, known, 1, likeness)
    if close == ["none"] and text != "none":
        return None  # it withdraws the policy, and `no` may mean something else
    return close[0] if close else None


def bare_name(text: str) -> str:
    """Return the name in a URL, a mail address or a pasted name: small letters, A-labels, no port and no final dot."""
    text = re.sub(r"^(?:mailto:|[a-z][a-z0-9+.-]*://)", "", text.strip(" \t<>()[]'\"`,;"), flags=re.IGNORECASE)
    host = re.sub(r":[0-9]*$", "", re.split(r"[/?#\\]", text)[0].rpartition("@")[2])
    # IDNA2008 wants small, composed letters. NFKC also undoes full-width ones, and changes no valid name.
    host = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", host).lower())
    return ".".join(map(_a_label, host.replace("。", ".").strip(". \t").split(".")))


def _a_label(label: str) -> str:
    """Return a label as an A-label if IDNA has one for it, else as it is. Without the library, by its letters."""
    plain = all(char.isascii() or unicodedata.category(char)[0] in "LMN" for char in label)
    if label.isascii() or not plain:
        return label
    try:
        import idna  # here, since few runs need it
    except ModuleNotFoundError:
        return f"xn--{label.encode('punycode').decode()}"
    try:
        return idna.alabel(label).decode()
    except (idna.IDNAError, UnicodeError):
        return label


def domain(text: str) -> str:
    """Return the mail domain that was meant: not the policy host, and no address in it."""
    return re.sub(r"^(_?mta-sts\.)+", "", bare_name(text))


def mx_hosts(text: str) -> list[str]:
    """Return the texts that name hosts, from a list or from the output of a DNS tool."""
    return _DNS_TOOL.findall(text) or [host for host in re.split(r"[,;\s()]+", text) if host]


def mx_pattern(text: str) -> str:
    """Return the mx pattern that was meant, in a line of DNS too; empty if the text holds several hosts.

    mx*.example.com can only be had as *.example.com.
    """
    found = _DNS_TOOL.findall(text)
    if len(found) > 1:
        return ""
    text = re.sub(r"^(?:mx\s+)?[0-9]{1,5}\s+(?=\S)", "", (found or [text])[0].strip("'\"` \t"), flags=re.IGNORECASE)
    text = re.sub(r"^mx\s*[:=]\s*", "", text, flags=re.IGNORECASE)
    wild = re.fullmatch(r"['\"]*(?:\*\.)*[^.]*\*\.?([^*]*)", text)
    pattern = f"*.{bare_name(wild[1])}" if wild else bare_name(text)
    return EXCHANGE if pattern in EXCHANGE_SLIPS else pattern


def seconds(text: str) -> str:
    """Return the seconds that a number with a unit or with thousands separators means; empty if it means none."""
    text = re.sub(r"(?<=[0-9])[,._' ](?=[0-9]{3}(?![0-9]))", "", unicodedata.normalize("NFKC", text).lower())
    found = re.fullmatch("0*([0-9]{1,99}) ?([a-z]*)", text.strip("'\" \t"))
    if not found:
        return ""
    size = _UNITS.get(found[2]) or _UNITS.get(found[2].removesuffix("s"), 0)  # 2 settimane are not 2 seconds
    return str(int(found[1]) * size) if size else ""


def max_age(text: str) -> int | None:
    """Return the seconds that a text means as a max_age, at most a year; a week for 0, which no sender keeps."""
    number = seconds(text)
    return (min(int(number), _YEAR) or _WEEK) if number else None


def of_policy(key: str, text: str) -> str | None:
    """Return the value that was most likely meant for a key of a policy, as text; None if nothing is near."""
    if key == "max_age":
        number = max_age(text)
        return None if number is None else str(number)
    if key == "mx":
        pattern = mx_pattern(text)
        return pattern if "." in pattern else None
    return {"version": "STSv1", "mode": word(text, ("testing", "enforce", "none"))}.get(key)
