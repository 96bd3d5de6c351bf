"""Secrets in the environment: which variables contain one, and how to mask it in the output."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from mtasts.findings.forms import markdown, plain
from mtasts.system import output

MASK = "***"
ANYWHERE = 8  # characters: a shorter secret is masked only as a whole word, so that no other words are damaged
LEAST = 4  # characters: masking shorter secrets would damage the output, and the gaps would reveal them
HEAD = 12  # characters by which a truncated secret is recognized

_SECRET = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CONNECTION_?STRING"
    r"|(^|_)(KEY|PASS|PAT|PWD|SAS)$",
    re.IGNORECASE,
)
# A DNS provider's other variables. They are not masked, since they help to understand a message.
_OPEN = re.compile(r"(HOST|HOSTNAME|PORT|NAME|ALGORITHM|GROUP|REGION|URL|ENDPOINT|USER|EMAIL|ID)$", re.IGNORECASE)
_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s]+)@")  # as in HTTPS_PROXY; up to the last @, as libraries read it
_WORDS = {"true", "false", "none", "null"}  # values of a switch, which are never a secret


def hide(environment: Mapping[str, str], read: Collection[str] = ()) -> None:
    """Mask the secrets of an environment in everything that is printed from now on. read: see `mask`."""
    for stream in output.guarded():
        stream.mask = mask(environment, read)


def masked(text: str) -> str:
    """Return text with its secrets masked, to write it to a file or to shorten it."""
    for stream in output.guarded():
        text = stream.mask(text)
    return text


def mask(environment: Mapping[str, str], read: Collection[str] = ()) -> Mask:
    """Return a function that masks the secrets of an environment.

    read: the variables that a DNS provider reads. They are secrets too, unless their names say otherwise.
    """
    return Mask(_secrets(environment, read))


def _secrets(environment: Mapping[str, str], read: Collection[str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET.search(name) or (name in read and not _OPEN.search(name)):
            yield value
        for password in _IN_URL.findall(value):
            yield from (password, unquote(password))  # libraries decode it before they send it


class Mask:
    """Masks secrets in text, in every form in which a library, an error or our own escaping can print them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
        self._long = sorted((form for form in forms if len(form) >= ANYWHERE), key=len, reverse=True)
        self._heads: dict[str, list[str]] = {}
        for form in (form for form in self._long if len(form) > 2 * HEAD):
            self._heads.setdefault(form[:HEAD], []).append(form[HEAD:])
        short = sorted((form for form in forms if len(form) < ANYWHERE), key=len, reverse=True)
        words = "|".join(map(re.escape, short))
        self._words = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])") if words else None

    def __call__(self, text: str) -> str:
        """Return the text without the secrets."""
        for form in self._long:
            text = text.replace(form, MASK) if form in text else text
        for head, tails in self._heads.items():
            text = _without_beginning(head, tails, text) if head in text else text
        return self._words.sub(MASK, text) if self._words else text


def _without_beginning(head: str, tails: Iterable[str], text: str) -> str:
    """Mask truncated secrets that share a beginning."""
    before, *rest = text.split(head)
    return MASK.join([before, *(part[max(_common(tail, part) for tail in tails) :] for part in rest)])


def _common(one: str, other: str) -> int:
    """Return the length of the common beginning of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _parts(secret: str) -> set[str]:
    """Return a secret as it is, stripped as libraries do it, joined into one line, and line by line."""
    lines = (line.strip() for line in secret.splitlines())
    found = {secret, secret.strip(), " ".join(secret.split()), *lines}
    return {part for part in found if len(part) >= LEAST and part.lower() not in _WORDS}


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a secret can be printed."""
    octets = secret.encode("utf-8", "surrogateescape")
    encoded = {form for each in (octets, _latin(secret)) for form in _base64(each)}
    for text in (secret, *encoded):
        yield from (text, plain(text), markdown(text), html.escape(text), repr(text)[1:-1], ascii(text)[1:-1])
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        for url in (
            quote(text, errors="replace"),
            quote(text, "", errors="replace"),
            quote_plus(text, errors="replace"),
        ):
            yield from (url, re.sub("%..", lambda found: found[0].lower(), url))
    yield repr(octets)[2:-1]
    yield from (octets.hex(), octets.hex().upper())


def _latin(secret: str) -> bytes:
    """Return a secret as requests and http.client encode what they send for Basic authentication."""
    return secret.encode("latin-1", "replace")


def _base64(octets: bytes) -> Iterator[str]:
    """Yield what the Base64 of any octets contains if they contain these, as `user:token` contains the token."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + octets).decode()
        # The first and last letters can contain bits of the neighbouring octets.
        inner = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(octets)) % 3]]
        if len(inner) >= ANYWHERE:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
