"""The address for TLS reports that was most likely meant by a wrong one. It still has to pass the rules."""

from __future__ import annotations

import re

from mtasts.sts.corrections import bare_name


def rua(text: str) -> str:
    """Return the one URI that was meant; empty if the text holds several addresses.

    A size such as `!10m` belongs to DMARC and is removed: TLS reports have none. Other separators of the record are
    percent-encoded.
    """
    found = re.search(r"(?:^|[;\s\"'])rua\s*[=:]\s*([^;\s]+)", text, re.IGNORECASE) or re.search(
        "<([^<>]*@[^<>]*)>", text
    )
    text = (found[1] if found else text).strip(" \t<>()'\"`,;")
    text = re.sub(r"^(mail ?to\s*[:;]\s*(//)?)+", "mailto:", text, flags=re.IGNORECASE)
    text = re.sub(r"![0-9]+[kmgt]?$", "", text, flags=re.IGNORECASE)
    if text.count("@") > 1 or len(re.findall(r"(?i)mailto:|https?://", text)) > 1:
        return ""
    if re.match(r"(?i)https?:", text):
        return _encoded(text)
    local, at, host = re.sub("^mailto:", "", text, flags=re.IGNORECASE).rpartition("@")
    host, question, query = host.partition("?")
    return f"mailto:{_encoded(local)}@{bare_name(host)}{question}{_encoded(query)}" if at else ""


def _encoded(text: str) -> str:
    """Percent-encode what cannot stand in a URI of a record. The first # of an https: URI begins its fragment."""
    fragment = text.find("#") if text[:6].lower() == "https:" else -1
    return "".join(
        f"%{ord(char):02X}" if char in ",!;[]#'\"`\\{}$" and place != fragment else char
        for place, char in enumerate(text)
    )
