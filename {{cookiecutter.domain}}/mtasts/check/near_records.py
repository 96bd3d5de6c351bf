"""What stands in the place of a TXT record, and what to write: for `_mta-sts` and `_smtp._tls` alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mtasts.check.clients.resolver import Answer, Status
from mtasts.findings import quote
from mtasts.sts.record import RecordError, StsRecord
from mtasts.tlsrpt.record import TlsRptRecord
from mtasts.tlsrpt.rua import rua_fault


@dataclass(frozen=True)
class Kind:
    """A kind of record. near: how other versions are written; stranger: how the other record begins, and its place."""

    version: str
    near: str
    stranger: tuple[str, str, str]

    @property
    def prefix(self) -> str:
        """How a record begins."""
        return f"v={self.version};"

    @property
    def forms(self) -> list[tuple[str, str, str]]:
        """What stands in the record's place, by how it begins: the first that fits is the cause. With what mends it."""
        word = self.version
        return [
            (r"\s*[\"'\u201c\u201d\u2018\u2019]", "has quotes in its value", "Enter the value without them"),
            (rf"\s+v={word}", "begins with white space", "Remove that"),
            (r"(?i)version\s*:", "is the text of a policy", "That belongs on the policy host"),
            self.stranger,
            (r"id=", "begins with the id", "Put the version first"),
            (r"rua=", "begins with the address", "Put the version first"),
            (
                rf"v={word}\s*$|v={word}\s*[^;\s\w]|v={word}\s+\S",
                "has no semicolon behind the version",
                f"Write v={word}; and then the {'id' if word == 'STSv1' else 'address'}",
            ),
            (rf"(?i)v\s*=\s*{word}\b", "spells the version in another way", f"Write v={word}; in just these letters"),
            (rf"(?i)v\s*[=:]\s*{self.near}", "has another version", f"The only one is v={word}"),
        ]


STS = Kind("STSv1", r"(?:mta-?)?sts", (r"(?i)v=tlsrp", "is a record for reports", "That belongs at _smtp._tls"))
TLSRPT = Kind(
    "TLSRPTv1",
    r"(?:smtp)?-?tls",
    (r"(?i)v=sts", "is the record that announces a policy", "That belongs at _mta-sts"),
)


def missing(answer: Answer, kind: Kind) -> tuple[str, str, str | None]:
    """Return what stands in the record's place, what to do, and the text that was to be the record, if there is one.

    A TXT record cannot stand beside a CNAME.
    """
    gone = "does not exist" if answer.status is Status.NO_NAME else "has no TXT record"
    if answer.target:
        what = f"is a CNAME to {quote(answer.target)}, which {gone}" if not answer.values else _without(answer, kind)
        advice = "Correct its target, or remove the CNAME and publish the record here: both cannot stand at one name."
        return what, advice, None
    for txt in answer.values:
        if form := next((each for each in kind.forms if re.match(each[0], txt)), None):
            what = f"has {quote(txt)}, and senders pass over that: it {form[1]}"
            return what, f"{form[2]}.", None if form == kind.stranger else txt
    return _without(answer, kind) if answer.values else gone, "", None


def _without(answer: Answer, kind: Kind) -> str:
    if len(answer.values) == 1:
        return f"has {quote(answer.values[0])}, which does not begin with {kind.prefix}"
    return f"has {len(answer.values)} TXT records, and none begins with {kind.prefix}"


def sts_record(txt: str, expected: str | None) -> str | None:
    """Return the record to write: with the repository's id, else with what is left of the text's own."""
    found = re.search(r"\bid\s*[=:]\s*([^;,\s]+)", txt)
    wanted = expected or (re.sub("[^A-Za-z0-9]", "", found[1])[:32] if found else "")
    return StsRecord(wanted).render() if wanted else None


def tlsrpt_record(txts: Sequence[str], expected: Sequence[str] | None) -> str | None:
    """Return the record to write: with the repository's addresses, else with those that the texts have."""
    rua = tuple(expected or dict.fromkeys(uri for txt in txts for uri in _uris(txt)))
    record = TlsRptRecord(rua).render()
    try:
        return record if rua and TlsRptRecord.parse(record) else None
    except RecordError:
        return None


def _uris(txt: str) -> list[str]:
    """Return the addresses for reports that a text names, each with its scheme."""
    words = re.split(r"[\s,;<>\"'\u201c\u201d]+|ru[af]\s*[=:]", txt[:2000])
    bare = [re.sub(r"(?i)^mailto:/*", "mailto:", word) for word in words]
    uris = [word if re.match(r"(?i)mailto:|https:", word) else f"mailto:{word}" for word in bare if word]
    return [uri for uri in uris if not rua_fault(uri)]
