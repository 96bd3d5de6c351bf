"""The TXT record at `_mta-sts.<domain>` (RFC 8461 §3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.findings import Finding, quote
from mtasts.lookup import Answer, Status
from mtasts.record import RecordError, StsRecord
from mtasts.rules import dns as rules
from mtasts.steps import Reach, Section


async def see(domain: str, reach: Reach) -> Answer:
    """Ask for the record."""
    return await reach.lookup(f"_mta-sts.{domain}", "TXT")


def judge(answer: Answer, expected: str | None) -> Section:
    """Say what a sender makes of the answer. expected: the id of the repository's policy, if it has one."""
    return Section("DNS", tuple(_items(answer, expected)))


def lookup_fault(answer: Answer) -> Finding | None:
    """Return the finding for a question that got no answer, neither yes nor no."""
    if answer.status is Status.FAILURE:
        message = f"{answer.name}: the name server answers with a failure. See its log, and the zone's DNSSEC."
        return Finding(rules.DNS_FAILURE, message)
    if answer.status is Status.NOT_ASKED:
        message = f"{answer.name}: {answer.status.value}. Run this again with fewer --jobs."
        return Finding(rules.MACHINE_LIMIT, message)
    if answer.status is Status.TIMEOUT:
        message = f"{answer.name}: no name server answers in time. Look whether the zone's servers are up."
        return Finding(rules.DNS_TIMEOUT, message)
    return None


def _items(answer: Answer, expected: str | None) -> Iterator[str | Finding]:
    if answer.target:
        yield f"{answer.name} is a CNAME to {answer.target}"
    records = [txt for txt in answer.values if txt.startswith(StsRecord.PREFIX)]
    if fault := lookup_fault(answer):
        yield fault
    elif not records:
        yield Finding(rules.RECORD_NONE, f"{answer.name} {_nothing(answer)}. Publish the record.")
    elif len(records) > 1:
        shown = ", ".join(map(quote, records[:5]))
        yield Finding(rules.RECORD_SEVERAL, f"{answer.name} has {len(records)} records: {shown}. Leave one.")
    else:
        yield from _judge_record(answer.name, records[0], expected)


def _nothing(answer: Answer) -> str:
    near = next((txt for txt in answer.values if "sts" in txt.lower()), None)
    if near:
        return f"has {quote(near)}, which does not begin with {StsRecord.PREFIX}"
    if answer.values:
        return f"has {len(answer.values)} TXT records, and none begins with {StsRecord.PREFIX}"
    return "does not exist" if answer.status is Status.NO_NAME else "has no TXT record"


def _judge_record(name: str, txt: str, expected: str | None) -> Iterator[str | Finding]:
    try:
        record = StsRecord.parse(txt)
    except RecordError as error:
        yield Finding(rules.RECORD_MALFORMED, f"{name} has {quote(txt)}, and {error}. Correct it.")
        return
    yield f"{name}: {txt}"
    if expected is not None and record.id != expected:
        message = f"{name} announces id {record.id}, and the repository's policy has {expected}. Publish that one."
        yield Finding(rules.RECORD_DRIFT, message)
