"""The TXT record at `_mta-sts.<domain>` (RFC 8461 §3.1)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from mtasts.check.resolver import Answer, Status
from mtasts.check.steps import Network, Section, Unseen, lookup_fault
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.names import registrable
from mtasts.sts.record import RecordError, StsRecord, in_force, is_doubtful

RECORD_NONE = Rule(
    "MTS201",
    "There is no _mta-sts record",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """Without a TXT record that begins with `v=STSv1;` at `_mta-sts.<domain>` senders look no further: the domain
has no policy for them, however well it is served. `python -m mtasts records` prints the record. Publish it once
HTTPS serves the policy.""",
)
RECORD_SEVERAL = Rule(
    "MTS202",
    "There are several _mta-sts records",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """Where more than one TXT record begins with `v=STSv1;`, senders act as if there were none. Usually an old one
was left: remove all but the one that `python -m mtasts records` prints.""",
)
RECORD_MALFORMED = Rule(
    "MTS203",
    "The _mta-sts record is malformed",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """`v=STSv1; id=…;` is all it takes: the version first, `;` between the fields, and an id of 1 to 32 letters and
digits. Senders ignore a record of any other form. `python -m mtasts records` prints a good one.""",
)
RECORD_DOUBTFUL = Rule(
    "MTS215",
    "A record has a blank before its first semicolon",
    Severity.WARNING,
    "RFC 8461 §3.1, erratum 6285",
    """`v=STSv1 ;` is valid by the RFC's grammar, and its prose has senders discard every record that does not begin
with `v=STSv1;`. Some do so: they see no record, or take another one that stands beside it. The same is true of
`v=TLSRPTv1 ;`. Publish the record as `python -m mtasts records` prints it.""",
)
RECORD_DRIFT = Rule(
    "MTS206",
    "The id in DNS is not the repository's",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """Senders fetch the policy again when the id changes. With another id than the policy's they keep what they
have, or someone changed the record by hand. Publish the record that `python -m mtasts records` prints.""",
)


# Where the record is put by mistake, and what mends it.
_TWICE = "The zone's name stands twice in that name, since the form adds it: enter {label} alone."
_MISPLACED = {
    "_mta_sts": "That name has an underscore in place of the hyphen: move the record to {right}.",
    "mta-sts": "That is the policy host: move the record to {right}.",
    "": "That is the domain itself: move the record to {right}.",
}

# What stands in the record's place, by how it begins: the first that fits is the cause. With what mends it.
_FORMS = [
    (r"\s*[\"'\u201c\u201d\u2018\u2019]", "has quotes in its value", "Enter the value without them"),
    (r"\s+v=STSv1", "begins with white space", "Remove that"),
    (r"(?i)version\s*:", "is the text of a policy", "That belongs on the policy host"),
    (r"(?i)v=tlsrp", "is a record for reports", "That belongs at _smtp._tls"),
    (r"id=", "begins with the id", "Put the version first"),
    (r"v=STSv1\s*$|v=STSv1\s*[^;\s]", "has no semicolon behind the version", "Write v=STSv1; and then the id"),
    (r"(?i)v\s*=\s*STSv1\b", "spells the version in another way", "Write v=STSv1; in just these letters"),
    (r"(?i)v\s*[=:]\s*(mta-?)?sts", "has another version", "The only one is v=STSv1"),
]


async def observe(domain: str, network: Network) -> Answer:
    """Ask for the record."""
    return await network.lookup(f"_mta-sts.{domain}", "TXT")


async def misplaced(domain: str, answer: Answer, network: Network) -> dict[str, str]:
    """Return names that have the record by mistake, with how that came about. Asks only if the record is missing."""
    if lookup_fault(answer) or in_force(answer.values, StsRecord.PREFIX):
        return {}
    names = doubled("_mta-sts", domain)
    names |= {f"{label}.{domain}".lstrip("."): how.format(right=answer.name) for label, how in _MISPLACED.items()}
    found = await asyncio.gather(*(network.lookup(name, "TXT") for name in names))
    return {name: names[name] for name, each in zip(names, found, strict=True) if _has_record(each.values)}


def doubled(label: str, domain: str) -> dict[str, str]:
    """Return the names that a form makes of a full name, to which it adds the zone's."""
    zones = dict.fromkeys(filter(None, (domain, registrable(domain))))
    return {f"{label}.{domain}.{zone}": _TWICE.format(label=_label(label, domain, zone)) for zone in zones}


def _label(label: str, domain: str, zone: str) -> str:
    """Return what a form wants that adds the zone's name."""
    return f"{label}.{domain}".removesuffix(f".{zone}")


def _has_record(values: Sequence[str]) -> bool:
    return any(re.match(r"(?i)\W*v\s*=\s*STSv1\b", txt) for txt in values)


def evaluate(answer: Answer, expected: str | None, misplaced: dict[str, str] | None = None) -> Section:
    """Say what a sender makes of the answer.

    expected: the id of the repository's policy, if it has one. misplaced: where the record is by mistake, and how.
    """
    return Section("DNS", tuple(_items(answer, expected, misplaced or {})))


def _items(answer: Answer, expected: str | None, misplaced: dict[str, str]) -> Iterator[str | Finding | Unseen]:
    if answer.target:
        yield f"{answer.name} is a CNAME to {answer.target}"
    records = in_force(answer.values, StsRecord.PREFIX)
    if fault := lookup_fault(answer):
        yield fault
    elif not records:
        what, advice = _missing(answer)
        for name, how in misplaced.items():
            what, advice = f"{what}, and {quote(name, 253)} has the record", how
        yield Finding(RECORD_NONE, f"{answer.name} {what}. {advice}")
    elif len(records) > 1:
        yield Finding(RECORD_SEVERAL, f"{answer.name} has {len(records)} records: {_several(records, expected)}")
    else:
        yield from _evaluate_record(answer.name, records[0], expected)
    yield from doubtful(answer, StsRecord.PREFIX)


def _several(records: Sequence[str], expected: str | None) -> str:
    """Return the records, and which one is to stay."""
    keep = [txt for txt in records if expected and re.search(rf"\bid={expected}\b", txt)]
    advice = f"Remove all but {quote(keep[0])}." if keep else "Leave one, and remove the others."
    return f"{', '.join(map(quote, records[:5]))}. Senders then see none. {advice}"


def doubtful(answer: Answer, prefix: str) -> Iterator[Finding]:
    """Yield what is to be said of records that some senders skip. prefix: how a record begins for all of them."""
    counts = in_force(answer.values, prefix)
    for txt in (each for each in answer.values if is_doubtful(each, prefix)):
        who = (
            f"Some senders want {prefix} and skip it"
            if txt in counts
            else f"Beside a record with {prefix} it does not count"
        )
        yield Finding(RECORD_DOUBTFUL, f"{answer.name} has {quote(txt)}. {who}. Remove the blank before the semicolon.")


def _missing(answer: Answer) -> tuple[str, str]:
    """Return what stands in the record's place, and what to do: a TXT record cannot stand beside a CNAME."""
    gone = "does not exist" if answer.status is Status.NO_NAME else "has no TXT record"
    if answer.target:
        what = f"is a CNAME to {quote(answer.target)}, which {gone}" if not answer.values else _without(answer.values)
        return (
            what,
            "Correct its target, or remove the CNAME and publish the record here: both cannot stand at one name.",
        )
    if not answer.values:
        return gone, "Publish the record."
    for txt in answer.values:
        if form := next((each for each in _FORMS if re.match(each[0], txt)), None):
            what = f"has {quote(txt)}, which does not begin with {StsRecord.PREFIX} since it {form[1]}"
            return what, f"{form[2]}. Publish the record as `python -m mtasts records` prints it."
    return _without(answer.values), "Publish the record."


def _without(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"has {quote(values[0])}, which does not begin with {StsRecord.PREFIX}"
    return f"has {len(values)} TXT records, and none begins with {StsRecord.PREFIX}"


def _evaluate_record(name: str, txt: str, expected: str | None) -> Iterator[str | Finding]:
    try:
        record = StsRecord.parse(txt)
    except RecordError as error:
        yield Finding(RECORD_MALFORMED, f"{name} has {quote(txt)}, and {error}. {_corrected(txt, expected)}")
        return
    yield f"{name}: {txt}"
    if expected is not None and record.id != expected:
        message = f"{name} announces id {record.id}, and the repository's policy has {expected}. Publish that one."
        yield Finding(RECORD_DRIFT, message)


def _corrected(txt: str, expected: str | None) -> str:
    """Return what to write: the repository's id, or what is left of the record's own."""
    found = re.search(r"\bid\s*=\s*([^;]+)", txt)
    own = re.sub("[^A-Za-z0-9]", "", found[1])[:32] if found else ""
    wanted = expected or own
    return f"Write {quote(StsRecord(wanted).render())}." if wanted else "Add an id of 1 to 32 letters and digits."
