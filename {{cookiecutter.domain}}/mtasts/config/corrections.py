"""The answer about hosting that was most likely meant by a wrong one. It still has to pass the rules.

Standard library only: the template's hook uses it too, and nothing else is installed there.
"""

from __future__ import annotations

import re
import unicodedata


def app_name(text: str) -> str:
    """Return a name like the text that Azure takes for an app."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    ascii_text = re.sub(r"^https?://|\.azurewebsites\.net.*", "", ascii_text)
    spared = re.sub("^login", "mtasts-login", ascii_text.replace("microsoft", "ms").replace("windows", "win"))
    return re.sub("[^a-z0-9]+", "-", spared).strip("-")[:40].strip("-")


def region(text: str) -> str:
    """Return the short name of a region that was given by its long one: `(Europe) West Europe`."""
    return re.sub("[ _-]", "", re.sub(r"^\(.*?\)", "", text.lower().strip("'\"`.,; ")))
