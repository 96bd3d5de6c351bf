"""The TXT record at `_mta-sts.<domain>` (RFC 8461 §3.1)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from mtasts.check import slips
from mtasts.check.clients.resolver import Answer
from mtasts.check.near_records import STS, missing, sts_record
from mtasts.check.steps import Network, Section, Unseen, lookup_fault
from mtasts.findings import Finding, Rule, Severity, quote
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
_MISPLACED = {
    "_mta_sts": "That name has an underscore in place of the hyphen: move the record to {right}.",
    "mta_sts": "That name has no underscore before it, and one in place of the hyphen: move the record to {right}.",
    "_mtasts": "That name lacks the hyphen: move the record to {right}.",
    "_mta-sts.mta-sts": "That is a name below the policy host: move the record to {right}.",
    "mta-sts": "That is the policy host: move the record to {right}.",
    "": "That is the domain itself: move the record to {right}.",
}


async def observe(domain: str, network: Network) -> Answer:
    """Ask for the record."""
    return await network.lookup(f"_mta-sts.{domain}", "TXT")


async def misplaced(domain: str, answer: Answer, network: Network) -> dict[str, str]:
    """Return names that have the record by mistake, with how that came about. Asks only if the record is missing."""
    if lookup_fault(answer) or in_force(answer.values, StsRecord.PREFIX):
        return {}
    names = slips.doubled("_mta-sts", domain)
    names |= {f"{label}.{domain}".lstrip("."): how.format(right=answer.name) for label, how in _MISPLACED.items()}
    if answer.target and (meant := slips.full(answer.target, domain)):
        names[meant] = f"The zone's name was added to the CNAME's target: write '{meant}.', with a dot at its end."
    found = await asyncio.gather(*(network.lookup(name, "TXT") for name in names))
    return {name: names[name] for name, each in zip(names, found, strict=True) if _has_record(each.values)}


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
        yield _none(answer, expected, misplaced)
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


def _none(answer: Answer, expected: str | None, misplaced: dict[str, str]) -> Finding:
    """Return the finding for a record that is missing: what stands there, what was meant, and what to write."""
    what, advice, near = missing(answer, STS)
    record = sts_record(near or "", expected)
    for name, how in misplaced.items():
        what, advice = f"{what}, and {quote(name, 253)} has the record", how
    if not misplaced and not answer.target:
        write = f"Publish it as {quote(record)}." if record else "`python -m mtasts records` prints the record."
        advice = f"{advice} {write}".strip()
    return Finding(RECORD_NONE, f"{answer.name} {what}. {advice}")


def _evaluate_record(name: str, txt: str, expected: str | None) -> Iterator[str | Finding]:
    try:
        record = StsRecord.parse(txt)
    except RecordError as error:
        wanted = sts_record(txt, expected)
        advice = (
            f"Write {quote(wanted)}." if wanted else "Add an id of 1 to 32 letters and digits, as 'v=STSv1; id=1;'."
        )
        yield Finding(RECORD_MALFORMED, f"{name} has {quote(txt)}, and {error}. {advice}")
        return
    yield f"{name}: {txt}"
    if expected is not None and record.id != expected:
        wanted = StsRecord(expected).render()
        message = f"{name} announces id {record.id}, and the repository's policy has another. Write {quote(wanted)}."
        yield Finding(RECORD_DRIFT, message)
