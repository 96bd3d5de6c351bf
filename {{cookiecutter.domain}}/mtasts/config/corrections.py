"""The answer about hosting that was most likely meant by a wrong one. It still has to pass the rules.

Standard library only: the template's hook uses it too, and nothing else is installed there.
"""

from __future__ import annotations

import re
import unicodedata

from mtasts.sts.corrections import mx_hosts, mx_pattern
from mtasts.sts.names import pattern_fault
from mtasts.tlsrpt.corrections import rua
from mtasts.tlsrpt.rua import rua_fault


def app_name(text: str) -> str:
    """Return a name like the text that Azure takes for an app."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    ascii_text = re.sub(r"^https?://|\.azurewebsites\.net.*", "", ascii_text)
    spared = re.sub("^login", "mtasts-login", ascii_text.replace("microsoft", "ms").replace("windows", "win"))
    return re.sub("[^a-z0-9]+", "-", spared).strip("-")[:40].strip("-")


def region(text: str) -> str:
    """Return the short name of a region that was given by its long one: `(Europe) West Europe`."""
    return re.sub("[ _-]", "", re.sub(r"^\(.*?\)", "", text.lower().strip("'\"`.,; ")))


def as_list(key: str, text: str) -> list[str] | None:
    """Return the items of a list that was written as one text, None if one of them would not pass."""
    if key == "mx":
        items = [item if not pattern_fault(item) else mx_pattern(item) for item in mx_hosts(text)]
        return items if items and not any(map(pattern_fault, items)) and all("." in item for item in items) else None
    items = [item if not rua_fault(item) else rua(item) for item in re.split(r"[,\s]+", text.strip(" ,"))]
    return items if key == "rua" and not any(map(rua_fault, items)) else None
