"""What was most likely meant by a value that is wrong: candidates, which the rules have still to pass.

Standard library only: the hook of the template uses it, too, where nothing else is installed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_UNITS = {
    **dict.fromkeys(("", "s", "sec", "second"), 1),
    **dict.fromkeys(("min", "minute"), 60),
    **dict.fromkeys(("h", "hr", "hour"), 3600),
    **dict.fromkeys(("d", "day"), 86_400),
    **dict.fromkeys(("w", "wk", "week"), 604_800),
    **dict.fromkeys(("mo", "mon", "month"), 2_592_000),
    **dict.fromkeys(("y", "yr", "year"), 31_536_000),
}


def passing(text: str, correct: Callable[[str], str], fault: Callable[[str], object]) -> str | None:
    """Return a correction of a value, if it differs and has no fault; None if there is none."""
    better = correct(text)
    return better if better != text and better and not fault(better) else None


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


def mx_pattern(text: str) -> str:
    """Return the mx pattern that was meant, in a line of DNS too. mx*.example.com can only be had as *.example.com."""
    text = re.sub(r"^\s*(?:mx\s+)?[0-9]{1,5}\s+(?=\S)", "", text.strip("'\"` \t"), flags=re.IGNORECASE)
    text = re.sub(r"^mx\s*[:=]\s*", "", text, flags=re.IGNORECASE)
    wild = re.fullmatch(r"['\"]*(?:\*\.)*[^.]*\*\.?([^*]*)", text)
    return f"*.{bare_name(wild[1])}" if wild else bare_name(text)


def seconds(text: str) -> str:
    """Return the seconds that a number with a unit or with thousands separators means; empty if it means none."""
    text = re.sub(r"(?<=[0-9])[,._' ](?=[0-9]{3}(?![0-9]))", "", unicodedata.normalize("NFKC", text).lower())
    found = re.fullmatch("0*([0-9]{1,99}) ?([a-z]*)", text.strip("'\" \t"))
    if not found:
        return ""
    size = _UNITS.get(found[2]) or _UNITS.get(found[2].removesuffix("s"), 0)  # 2 settimane are not 2 seconds
    return str(int(found[1]) * size) if size else ""
