"""Common mistakes in DNS: a malformed TXT record at `_mta-sts` or `_smtp._tls`, and the zone's name added twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtasts.check.clients.resolver import Answer, Status
from mtasts.findings import quote
from mtasts.sts.names import registrable
from mtasts.sts.record import RecordError, StsRecord
from mtasts.tlsrpt.record import TlsRptRecord
from mtasts.tlsrpt.rua import rua_fault

# Records that are malformed or misplaced


@dataclass(frozen=True)
class Kind:
    """A kind of record. misspelt: how people misspell its version; other: the record that people put here by mistake.

    other is a row of `forms`: how the text begins, what is wrong with it, and what to do.
    """

    version: str
    misspelt: str
    other: tuple[str, str, str]

    @property
    def prefix(self) -> str:
        """How a record begins."""
        return f"v={self.version};"

    @property
    def forms(self) -> list[tuple[str, str, str]]:
        """The known mistakes: how the text begins, what is wrong with it, and what to do. The first match counts."""
        word = self.version
        return [
            (r"\s*[\"'\u201c\u201d\u2018\u2019]", "has quotation marks in its value", "Enter the value without them"),
            (rf"\s+v={word}", "begins with white space", "Remove the white space"),
            (r"(?i)version\s*:", "is the text of a policy", "Serve it at the policy host instead"),
            self.other,
            (r"id=", "begins with the id", "Put the version first"),
            (r"rua=", "begins with the address", "Put the version first"),
            (
                rf"v={word}\s*$|v={word}\s*[^;\s\w]|v={word}\s+\S",
                "has no semicolon after the version",
                f"Write v={word}; and then the {'id' if word == 'STSv1' else 'address'}",
            ),
            (rf"(?i)v\s*=\s*{word}\b", "spells the version differently", f"Write v={word}; exactly like this"),
            (rf"(?i)v\s*[=:]\s*{self.misspelt}", "has an unknown version", f"The only version is v={word}"),
        ]


STS = Kind("STSv1", r"(?:mta-?)?sts", (r"(?i)v=tlsrp", "is a TLS reporting record", "Move it to _smtp._tls"))
TLSRPT = Kind("TLSRPTv1", r"(?:smtp)?-?tls", (r"(?i)v=sts", "is an MTA-STS record", "Move it to _mta-sts"))


def missing(answer: Answer, kind: Kind) -> tuple[str, str, str | None]:
    """Return what DNS has instead of the record, what to do, and the text that was meant as the record, if any."""
    gone = "does not exist" if answer.status is Status.NO_NAME else "has no TXT record"
    if answer.target:
        what = f"is a CNAME to {quote(answer.target)}, which {gone}" if not answer.values else _without(answer, kind)
        advice = "Correct the CNAME's target, or replace the CNAME with the TXT record: a name cannot have both."
        return what, advice, None
    for txt in answer.values:
        if form := next((each for each in kind.forms if re.match(each[0], txt)), None):
            what = f"has {quote(txt)}, which senders ignore: it {form[1]}"
            return what, f"{form[2]}.", None if form == kind.other else txt
    return _without(answer, kind) if answer.values else gone, "", None


def _without(answer: Answer, kind: Kind) -> str:
    if len(answer.values) == 1:
        return f"has {quote(answer.values[0])}, which does not begin with {kind.prefix}"
    return f"has {len(answer.values)} TXT records, but none begins with {kind.prefix}"


def sts_record(txt: str, expected: str | None) -> str | None:
    """Return the record to write: with the repository's id, or with what is usable of the id in the text."""
    found = re.search(r"\bid\s*[=:]\s*([^;,\s]+)", txt)
    wanted = expected or (re.sub("[^A-Za-z0-9]", "", found[1])[:32] if found else "")
    return StsRecord(wanted).render() if wanted else None


def tlsrpt_record(txts: Sequence[str], expected: Sequence[str] | None) -> str | None:
    """Return the record to write: with the repository's addresses, or with those in the texts."""
    rua = tuple(expected or dict.fromkeys(uri for txt in txts for uri in _uris(txt)))
    record = TlsRptRecord(rua).render()
    try:
        return record if rua and TlsRptRecord.parse(record) else None
    except RecordError:
        return None


def _uris(txt: str) -> list[str]:
    """Return the addresses for reports in a text, each with its scheme."""
    words = re.split(r"[\s,;<>\"'\u201c\u201d]+|ru[af]\s*[=:]", txt[:2000])
    bare = [re.sub(r"(?i)^mailto:/*", "mailto:", word) for word in words]
    uris = [word if re.match(r"(?i)mailto:|https:", word) else f"mailto:{word}" for word in bare if word]
    return [uri for uri in uris if not rua_fault(uri)]


# The zone's name added twice: a DNS provider's form adds it to a full name, and so does a zone file if the final dot
# is missing.


def doubled(label: str, domain: str) -> dict[str, str]:
    """Return the names that a form makes of a full name by adding the zone's name, and what to do about each."""
    return {
        f"{label}.{domain}.{zone}": "The DNS provider's form adds the zone's name, so it is in there twice: enter only "
        f"{f'{label}.{domain}'.removesuffix(f'.{zone}')}."
        for zone in _zones(domain)
    }


def undoubled(name: str, domain: str) -> str | None:
    """Return a target without the zone's name, which is added to it if its final dot was forgotten; else None."""
    rests = (name.removesuffix(f".{zone}") for zone in _zones(domain))
    return next((rest for rest in rests if rest != name and "." in rest), None)


def target_advice(meant: str) -> str:
    """Return what to do about a CNAME whose target has the zone's name added to it. meant: the target without it."""
    return f"The zone's name was added to the CNAME's target: write '{meant}.', with a dot at the end."


def _zones(domain: str) -> Iterator[str]:
    """Yield the zones that can hold a domain: the domain itself, and the registered name above it."""
    yield from dict.fromkeys(filter(None, (domain, registrable(domain))))
