"""Text as octoDNS takes it.

octoDNS takes a `"` at the beginning and each `" "` out of a value, as if a zone file had them, and fails on a value
that ends in a backslash. So both marks become what a zone file may have in their place, a backslash and their number.
OnlyOurs never writes such a value.
"""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    """Return text in which the marks stand for themselves."""
    return re.sub(r'["\\]', lambda mark: f"\\{ord(mark[0]):03}", text) or '""'


def reescaped(text: str, number: str = "092") -> str:
    """Return a zone file's text, whose quotation marks have their backslash. number: of a backslash."""
    return text.replace(r"\\", rf"\{number}")
