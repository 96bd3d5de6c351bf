"""Text as octoDNS reads it.

octoDNS removes a `"` at the beginning of a value and every `" "` in it, as if they came from a zone file, and fails on
a value that ends in a backslash. So both characters become the escape that a zone file has for them: a backslash and
their number. OnlyOurs never writes such a value.
"""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    """Return text in which both characters are escaped."""
    return re.sub(r'["\\]', lambda mark: f"\\{ord(mark[0]):03}", text) or '""'


def reescaped(text: str, number: str = "092") -> str:
    """Return a zone file's text, in which quotation marks are already escaped. number: of a backslash."""
    return text.replace(r"\\", rf"\{number}")
