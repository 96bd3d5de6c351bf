"""What senders read from the bytes that a policy host serves: the strictest ones, and the most lenient ones known.

RFC 8461 §3.2 lets a sender throw a policy away for one blank line. Some do, and others read on and enforce it. So the
bytes are read twice: by Policy.parse, and as three senders or checkers in use read them. Each of those functions does
what its model does, mistakes included: a tolerance of our own would show a policy that nobody follows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mtasts.sts.lint import BYTES
from mtasts.sts.policy import MAX_AGE_LIMIT, VERSION, Mode, MxPattern, Policy, PolicyError, unique

_BINDING = (Mode.ENFORCE, Mode.TESTING, Mode.NONE)  # what can lose mail first
_CHARSETS = ("ascii", "us-ascii", "utf-8", "utf8", "iso-8859-1", "latin1", "windows-1252", "utf-16", "utf-16le")


@dataclass(frozen=True)
class Reading:
    """A served policy as senders read it.

    text: what was served, undecodable bytes as surrogates. strict: what the strictest senders read. lenient: by its
    name, what each lenient sender reads; one that reads no policy is not there. The mx of a lenient reading are as
    they were served: one with a final dot or an underscore matches no host, and cannot be rendered.
    """

    text: str
    strict: Policy | None
    lenient: Mapping[str, Policy]

    @property
    def policy(self) -> Policy | None:
        """The policy that some sender follows: the strict reading, else the lenient one that can lose most mail."""
        if self.strict or not self.lenient:
            return self.strict
        return min(self.lenient.values(), key=lambda policy: _BINDING.index(policy.mode))

    @property
    def strongest(self) -> Policy | None:
        """The policy that can lose most mail, of all that some sender reads."""
        found = [*([self.strict] if self.strict else []), *self.lenient.values()]
        return min(found, key=lambda policy: _BINDING.index(policy.mode), default=None)

    @property
    def some_only(self) -> bool:
        """Whether some senders follow this policy, while the strictest ones see none."""
        return self.strict is None and bool(self.lenient)

    @property
    def others(self) -> dict[str, Policy]:
        """The lenient readings with another mode than `policy` has, by the sender's name."""
        mode = self.policy.mode if self.policy else None
        return {name: policy for name, policy in self.lenient.items() if policy.mode is not mode}


def read(body: bytes, content_type: str | None = "text/plain") -> Reading:
    """Read what a policy host served with status 200. content_type: of the answer, None if it names none.

    The strict reading does not depend on the content type: RFC 8461 §3.3 only recommends one.
    """
    text = body.decode("utf-8", "surrogateescape")
    found = {name: policy for name, sender in _LENIENT.items() if (policy := sender(body, content_type))}
    return Reading(text, _strict(text) if len(body) <= BYTES else None, found)


def remnants(text: str) -> dict[str, tuple[str, ...]]:
    """Return the values after mode, max_age and mx in a text that no sender reads, each once, in order.

    For people to decide on: a policy in a web page, with all keys on one line, without its version, or as JSON.
    """
    found: dict[str, dict[str, None]] = {"mode": {}, "max_age": {}, "mx": {}}
    for key, value in _REMNANT.findall(text.replace("\x00", "")):  # without them, UTF-16 can be read
        found[key.lower()].setdefault(value)
    return {key: tuple(values) for key, values in found.items()}


_REMNANT = re.compile(r"""(?<![\w.-])(mode|max_age|mx)["']?[ \t]*[:=][ \t]*["']?([^\s<>"',;]+)""", re.IGNORECASE)


def _strict(text: str) -> Policy | None:
    try:
        return Policy.parse(text)
    except PolicyError:
        return None


def _postfix(body: bytes, content_type: str | None) -> Policy | None:
    """Read as postfix-mta-sts-resolver 1.5: only text/plain, ASCII unless a charset is named, the last of a key."""
    kind, charset = _media_type(content_type)
    text = _decoded(body, charset or "ascii", "strict")
    if kind != "text/plain" or text is None or len(body) > BYTES:
        return None
    pairs = [line.rstrip().partition(":") for line in text.splitlines()]
    last = {key: value.lstrip() for key, _, value in pairs}
    mx = [value.lstrip() for key, _, value in pairs if key == "mx"]
    return _policy(last.get("version"), last.get("mode"), _python_int(last.get("max_age", "-1")), mx)


def _mailauth(body: bytes, _: str | None) -> Policy | None:
    """Read as mailauth 4.9: UTF-8 of any type, keys and mode in any case, white space anywhere, the last of a key.

    mailauth takes a policy without a mode for `none`. Here that is no policy: to its users it is the same.
    """
    lines = re.split(r"\r?\n", body.decode("utf-8", "replace"))
    parts = [line.partition(":") for line in lines if ":" in line]
    pairs = [(key.lower().strip(_JS_SPACE), value.strip(_JS_SPACE)) for key, _, value in parts]
    last = dict(pairs)
    mx = [value.lower() for key, value in pairs if key == "mx"]
    return _policy(last.get("version"), last.get("mode", "").lower(), _js_number(last.get("max_age", "?")), mx)


def _checkdmarc(body: bytes, content_type: str | None) -> Policy | None:
    """Read as checkdmarc 6.0: as the RFC has it, but blank lines are skipped and any content type will do."""
    kind, charset = _media_type(content_type)
    text = _decoded(body, charset or ("iso-8859-1" if "text" in kind else "utf-8"), "replace")
    first: dict[str, str] = {}
    mx = []
    for ended in (text or body.decode("utf-8", "replace")).split("\n"):
        line = ended.removesuffix("\r")
        key, colon, rest = line.partition(":")
        value = rest.strip()
        if line and (not colon or "\r" in line or not _checkdmarc_takes(key, value, first)):
            return None
        first.setdefault(key, value)
        mx += [value] if key == "mx" else []
    return _policy(first.get("version"), first.get("mode"), _python_int(first.get("max_age", "-1")), mx)


def _checkdmarc_takes(key: str, value: str, earlier: Mapping[str, str]) -> bool:
    """Tell whether checkdmarc reads on after a line. If a key appears twice, it ignores the second."""
    form = _CHECKDMARC.get(key)
    if form is None:
        return bool(
            re.fullmatch(r"[A-Za-z0-9][\w.\-]{0,31}", key, re.ASCII) and re.fullmatch(r"[^\x00-\x1f\x7f]+", value)
        )
    return bool(re.fullmatch(form, value)) or (key != "mx" and key in earlier)


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_CHECKDMARC = {
    "version": "STSv1",
    "mode": "enforce|testing|none",
    "max_age": "[0-9]{1,10}",
    "mx": rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*",
}
_LENIENT: Mapping[str, Callable[[bytes, str | None], Policy | None]] = {
    "postfix-mta-sts-resolver": _postfix,
    "mailauth": _mailauth,
    "checkdmarc": _checkdmarc,
}
# What JavaScript's trim takes off.
_JS_SPACE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


def _policy(version: str | None, mode: str | None, max_age: int | None, mx: Sequence[str]) -> Policy | None:
    """Return the policy if its values are ones that all three take."""
    if version != VERSION or mode not in set(Mode) or max_age is None or not 0 <= max_age <= MAX_AGE_LIMIT:
        return None
    return Policy(Mode(mode), unique(map(MxPattern, mx)), max_age) if mx or mode == "none" else None


def _media_type(content_type: str | None) -> tuple[str, str | None]:
    """Return a content type in lower case without its parameters, and its charset."""
    kind, _, parameters = (content_type or "").lower().partition(";")
    found = re.search(r"""\bcharset\s*=\s*["']?([\w.:-]+)""", parameters)
    return kind.strip(), found[1] if found else None


def _decoded(body: bytes, charset: str, errors: str) -> str | None:
    """Return the text, None if it is not of this charset. Rare charsets are not tried: some are slow to decode."""
    try:
        return body.decode(charset, errors) if charset in _CHARSETS else None
    except UnicodeDecodeError:
        return None


def _python_int(text: str) -> int | None:
    """Return the number that Python's int reads, such as `+604_800`."""
    try:
        return int(text)
    except ValueError:
        return None


def _js_number(text: str) -> int | None:
    """Return the whole seconds of what JavaScript's Number reads, such as `6.048e5`, `0x93a80`, or nothing for 0."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return int(text, 0)
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|", text, re.ASCII):
        return None
    number = float(text or 0)
    return math.floor(number) if abs(number) <= MAX_AGE_LIMIT else None
