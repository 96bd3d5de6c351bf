"""What was most likely meant by an answer about hosting that is wrong. The rules have still to pass it.

Standard library only: the hook of the template uses it, too, where nothing else is installed.
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
