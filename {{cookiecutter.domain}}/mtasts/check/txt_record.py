"""The TXT record at `_mta-sts.<domain>` (RFC 8461 §3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.check.resolver import Answer, Status
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


async def observe(domain: str, network: Network) -> Answer:
    """Ask for the record."""
    return await network.lookup(f"_mta-sts.{domain}", "TXT")


def evaluate(answer: Answer, expected: str | None) -> Section:
    """Say what a sender makes of the answer. expected: the id of the repository's policy, if it has one."""
    return Section("DNS", tuple(_items(answer, expected)))


def _items(answer: Answer, expected: str | None) -> Iterator[str | Finding | Unseen]:
    if answer.target:
        yield f"{answer.name} is a CNAME to {answer.target}"
    records = in_force(answer.values, StsRecord.PREFIX)
    if fault := lookup_fault(answer):
        yield fault
    elif not records:
        yield Finding(RECORD_NONE, f"{answer.name} {_nothing(answer)}. {_advice(answer)}")
    elif len(records) > 1:
        shown = ", ".join(map(quote, records[:5]))
        yield Finding(RECORD_SEVERAL, f"{answer.name} has {len(records)} records: {shown}. Leave one.")
    else:
        yield from _evaluate_record(answer.name, records[0], expected)
    yield from doubtful(answer, StsRecord.PREFIX)


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


def _advice(answer: Answer) -> str:
    """Return what to do: a TXT record cannot stand beside a CNAME."""
    if answer.target:
        return "Correct its target, or remove the CNAME and publish the record here: both cannot stand at one name."
    if any("sts" in txt.lower() for txt in answer.values):
        return "Publish the record as `python -m mtasts records` prints it."
    return "Publish the record."


def _nothing(answer: Answer) -> str:
    if answer.target and answer.status in (Status.NO_NAME, Status.NO_DATA):
        gone = "does not exist" if answer.status is Status.NO_NAME else "has no TXT record"
        return f"is a CNAME to {quote(answer.target)}, which {gone}"
    near = next((txt for txt in answer.values if "sts" in txt.lower()), None)
    if near:
        return f"has {quote(near)}, which does not begin with {StsRecord.PREFIX}"
    if answer.values:
        return f"has {len(answer.values)} TXT records, and none begins with {StsRecord.PREFIX}"
    return "does not exist" if answer.status is Status.NO_NAME else "has no TXT record"


def _evaluate_record(name: str, txt: str, expected: str | None) -> Iterator[str | Finding]:
    try:
        record = StsRecord.parse(txt)
    except RecordError as error:
        yield Finding(RECORD_MALFORMED, f"{name} has {quote(txt)}, and {error}. Correct it.")
        return
    yield f"{name}: {txt}"
    if expected is not None and record.id != expected:
        message = f"{name} announces id {record.id}, and the repository's policy has {expected}. Publish that one."
        yield Finding(RECORD_DRIFT, message)
