"""The TXT record at `_mta-sts.<domain>` (RFC 8461 §3.1)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from mtasts.check import dns_mistakes
from mtasts.check.clients.resolver import Answer
from mtasts.check.dns_mistakes import STS, missing, sts_record
from mtasts.check.steps import Network, Section, Unseen, lookup_fault
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.record import RecordError, StsRecord, in_force, is_doubtful

RECORD_NONE = Rule(
    "MTS201",
    "There is no _mta-sts record",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """Senders fetch the policy only if `_mta-sts.<domain>` has a TXT record that begins with `v=STSv1;`. Without it,
the domain has no policy, even if HTTPS serves one. `python -m mtasts records` prints the record. Publish it after
HTTPS serves the policy.""",
)
RECORD_SEVERAL = Rule(
    "MTS202",
    "There are several _mta-sts records",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """If several TXT records begin with `v=STSv1;`, senders act as if there were none. Usually an old record is left
over: remove all but the one that `python -m mtasts records` prints.""",
)
RECORD_MALFORMED = Rule(
    "MTS203",
    "The _mta-sts record is malformed",
    Severity.ERROR,
    "RFC 8461 §3.1",
    """The record must be `v=STSv1; id=…;`: the version first, `;` between the fields, and an id of 1 to 32 letters and
digits. Senders ignore any other form. `python -m mtasts records` prints the right record.""",
)
RECORD_DOUBTFUL = Rule(
    "MTS215",
    "A record has a space before its first semicolon",
    Severity.WARNING,
    "RFC 8461 §3.1, erratum 6285",
    """The RFC's grammar allows `v=STSv1 ;`, but its text tells senders to discard every record that does not begin
with `v=STSv1;`. Some senders do: they see no record, or use another one at the same name. The same is true of
`v=TLSRPTv1 ;`. Publish the record as `python -m mtasts records` prints it.""",
)
RECORD_DRIFT = Rule(
    "MTS206",
    "The id in DNS is not the repository's",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """Senders fetch the policy again only when the id changes. If the id in DNS is not that of the policy, senders can
keep an old policy: the record was not published, or somebody changed it by hand. Publish the record that `python -m
mtasts records` prints.""",
)


# Where people put the record by mistake, and what to do.
_MISPLACED = {
    "_mta_sts": "That name has an underscore instead of the hyphen: move the record to {right}.",
    "mta_sts": "That name has an underscore instead of the hyphen, and none at the front: move the record to {right}.",
    "_mtasts": "That name lacks the hyphen: move the record to {right}.",
    "_mta-sts.mta-sts": "That name is below the policy host: move the record to {right}.",
    "mta-sts": "That name is the policy host: move the record to {right}.",
    "": "That name is the domain itself: move the record to {right}.",
}


async def observe(domain: str, network: Network) -> Answer:
    """Ask for the record."""
    return await network.lookup(f"_mta-sts.{domain}", "TXT")


async def misplaced(domain: str, answer: Answer, network: Network) -> dict[str, str]:
    """Return names that have the record by mistake, with what to do. Asks only if the record is missing."""
    if lookup_fault(answer) or in_force(answer.values, StsRecord.PREFIX):
        return {}
    names = dns_mistakes.doubled("_mta-sts", domain)
    names |= {f"{label}.{domain}".lstrip("."): how.format(right=answer.name) for label, how in _MISPLACED.items()}
    if answer.target and (meant := dns_mistakes.undoubled(answer.target, domain)):
        names[meant] = dns_mistakes.target_advice(meant)
    found = await asyncio.gather(*(network.lookup(name, "TXT") for name in names))
    return {name: names[name] for name, each in zip(names, found, strict=True) if _has_record(each.values)}


def _has_record(values: Sequence[str]) -> bool:
    return any(re.match(r"(?i)\W*v\s*=\s*STSv1\b", txt) for txt in values)


def evaluate(answer: Answer, expected: str | None, misplaced: dict[str, str] | None = None) -> Section:
    """Say what the answer means to a sender.

    expected: the id of the repository's policy, if it has one. misplaced: names that have the record by mistake, with
    what to do.
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
    """Return the records, and which one to keep."""
    keep = [txt for txt in records if expected and re.search(rf"\bid={expected}\b", txt)]
    advice = f"Remove all but {quote(keep[0])}." if keep else "Keep one, and remove the others."
    return f"{', '.join(map(quote, records[:5]))}. Senders then ignore all of them. {advice}"


def doubtful(answer: Answer, prefix: str) -> Iterator[Finding]:
    """Yield a finding for each record that some senders ignore. prefix: how a record begins that all senders accept."""
    counts = in_force(answer.values, prefix)
    for txt in (each for each in answer.values if is_doubtful(each, prefix)):
        who = (
            f"Some senders ignore it, since it does not begin with {prefix}"
            if txt in counts
            else f"It does not count, since another record begins with {prefix}"
        )
        yield Finding(RECORD_DOUBTFUL, f"{answer.name} has {quote(txt)}. {who}. Remove the space before the semicolon.")


def _none(answer: Answer, expected: str | None, misplaced: dict[str, str]) -> Finding:
    """Return the finding for a missing record: what DNS has instead, what was meant, and what to write."""
    what, advice, meant = missing(answer, STS)
    record = sts_record(meant or "", expected)
    for name, how in misplaced.items():
        what, advice = f"{what}, but {quote(name, 253)} has the record", how
    if not misplaced and not answer.target:
        printed = "`python -m mtasts records` prints it for each domain in policy.yaml."
        write = f"Publish {quote(record)}." if record else f"Publish the record: {printed}"
        advice = f"{advice} {write}".strip()
    return Finding(RECORD_NONE, f"{answer.name} {what}. {advice}")


def _evaluate_record(name: str, txt: str, expected: str | None) -> Iterator[str | Finding]:
    try:
        record = StsRecord.parse(txt)
    except RecordError as error:
        wanted = sts_record(txt, expected)
        advice = (
            f"Write {quote(wanted)}." if wanted else "Add an id of 1 to 32 letters and digits, as in 'v=STSv1; id=1;'."
        )
        yield Finding(RECORD_MALFORMED, f"{name} has {quote(txt)}, but {error}. {advice}")
        return
    yield f"{name}: {txt}"
    if expected is not None and record.id != expected:
        wanted = StsRecord(expected).render()
        message = (
            f"{name} has the id {record.id}, but the repository's policy has another. Change it to {quote(wanted)}."
        )
        yield Finding(RECORD_DRIFT, message)
