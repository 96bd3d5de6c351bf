"""The TXT record at `_smtp._tls.<domain>` (RFC 8460 §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mtasts.check import slips
from mtasts.check.clients.resolver import Answer
from mtasts.check.near_records import TLSRPT, missing, tlsrpt_record
from mtasts.check.steps import Network, Section, Unseen, lookup_fault
from mtasts.check.txt_record import doubtful
from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.sts.record import RecordError, in_force
from mtasts.tlsrpt.record import TlsRptRecord

REPORTING_NONE = Rule(
    "MTS220",
    "There is no _smtp._tls record",
    Severity.WARNING,
    "RFC 8460 §3",
    """Without it no sender reports what fails. `python -m mtasts records` prints the record where `tls_reporting`
is set.""",
)
REPORTING_SEVERAL = Rule(
    "MTS221",
    "There are several _smtp._tls records",
    Severity.ERROR,
    "RFC 8460 §3",
    """Where more than one TXT record begins with `v=TLSRPTv1;`, senders act as if there were none. Several
addresses go into one record, with commas between them.""",
)
REPORTING_MALFORMED = Rule(
    "MTS222",
    "The _smtp._tls record is malformed",
    Severity.ERROR,
    "RFC 8460 §3",
    """`v=TLSRPTv1; rua=mailto:…` is all it takes. Published guides have `v=TLSRPv1`, or a rua without `mailto:`:
senders ignore both.""",
)
REPORTING_DRIFT = Rule(
    "MTS223",
    "The addresses for reports are not the repository's",
    Severity.ERROR,
    "RFC 8460 §3",
    """The record in DNS names other addresses than `tls_reporting` in policy.yaml. Publish the record that `python
-m mtasts records` prints, or take the change into policy.yaml. If the reports go to a service that has its own record
there, remove `tls_reporting`: the record is then the service's.""",
)
REPORTING_MISPLACED = Rule(
    "MTS224",
    "A record for reports stands at a wrong name",
    Severity.WARNING,
    "RFC 8460 §3",
    """Senders look at `_smtp._tls.<domain>` and nowhere else. Some published guides name `_mta-sts._tls` or
`_smtp-tls`. Remove the record there.""",
)


# Where some published guides put the record. Asked for always, since it misleads there even beside the right one.
WRONG_NAMES = ("_mta-sts._tls", "_smtp-tls")
# What is a slip of the pen. Asked for only if the record is missing.
SLIPS = ("_smtp_tls", "smtp._tls", "_smtp.tls", "_tls", "_tlsrpt", "_smtp._tls.mta-sts", "_mta-sts", "")


@dataclass(frozen=True)
class Observed:
    """The answers at the right name and at the wrong ones. how: what mends it, if there is more to say."""

    right: Answer
    wrong: tuple[Answer, ...]
    how: Mapping[str, str] = field(default_factory=dict)


async def observe(domain: str, network: Network) -> Observed:
    """Ask for the record, and for the misplaced ones."""

    async def asked(names: Iterable[str]) -> list[Answer]:
        return await asyncio.gather(*(network.lookup(name, "TXT") for name in names))

    names = (f"{label}.{domain}" for label in ("_smtp._tls", *WRONG_NAMES))
    right, *wrong = await asked(names)
    twice = slips.doubled("_smtp._tls", domain)
    if not lookup_fault(right) and not in_force(right.values, TlsRptRecord.PREFIX):
        wrong += await asked([*(f"{label}.{domain}".lstrip(".") for label in SLIPS), *twice])
    return Observed(right, tuple(wrong), twice)


def evaluate(observed: Observed, expected: tuple[str, ...] | None) -> Section:
    """Say what a sender makes of the answers.

    expected: the repository's addresses, None if it is not asked. Where it has none the record is another's, if there
    is one: a service for reports has its own, often by a CNAME.
    """
    misplaced = tuple(_misplaced(observed))
    return Section("TLS reporting", (*_items(observed.right, expected, bool(misplaced)), *misplaced))


def _items(answer: Answer, expected: tuple[str, ...] | None, elsewhere: bool) -> Iterator[str | Finding | Unseen]:
    records = in_force(answer.values, TlsRptRecord.PREFIX)
    near = next((txt for txt in answer.values if "tlsrp" in txt.lower() or "rua" in txt.lower()), None)
    if answer.target:
        yield f"{answer.name} is a CNAME to {answer.target}"
    if fault := lookup_fault(answer):
        yield fault
    elif len(records) > 1:
        yield Finding(REPORTING_SEVERAL, f"{answer.name} has {len(records)} records. {_one(records, expected)}")
    elif records:
        yield from _evaluate_record(answer.name, records[0], expected)
    elif near and expected != ():
        yield Finding(REPORTING_MALFORMED, f"{answer.name} {_near(answer, near, expected)}")
    elif expected != ():
        yield Finding(REPORTING_NONE, f"{answer.name} {_none(answer, expected, elsewhere)}")
    yield from doubtful(answer, TlsRptRecord.PREFIX)


def _evaluate_record(name: str, txt: str, expected: tuple[str, ...] | None) -> Iterator[str | Finding]:
    try:
        record = TlsRptRecord.parse(txt)
    except RecordError as error:
        cause = str(error).rstrip(".")
        yield Finding(REPORTING_MALFORMED, f"{name} has {quote(txt)}, and {cause}. {_write([txt], expected)}")
        return
    yield f"{name}: {txt}"
    if expected and record.rua != expected:
        ours = ", ".join(expected)
        message = f"{name} names {quote(', '.join(record.rua))}, and policy.yaml {quote(ours)}. "
        message += f"{_write([], expected)} Or take the others into policy.yaml."
        yield Finding(REPORTING_DRIFT, message)


def _one(records: Sequence[str], expected: tuple[str, ...] | None) -> str:
    """Return what senders make of several records, and the one that says the same."""
    return f"Senders then see none. Leave one, with all addresses in it. {_write(records, expected)}"


def _near(answer: Answer, near: str, expected: tuple[str, ...] | None) -> str:
    """Return why a text is not the record, and what to write."""
    what, advice, _ = missing(replace(answer, values=(near,), target=None), TLSRPT)
    return f"{what}. {advice} {_write([near], expected)}".replace(".  ", ". ")


def _none(answer: Answer, expected: tuple[str, ...] | None, elsewhere: bool) -> str:
    """Return what stands in the record's place, and what to publish. elsewhere: whether it is at a wrong name."""
    what, advice, _ = missing(answer, TLSRPT)
    if elsewhere:
        return f"{what}, so nobody reports failures: the record stands at a wrong name. Move it here."
    domain = answer.name.removeprefix("_smtp._tls.")
    record = tlsrpt_record([f"tls-reports@{domain}"], expected)
    publish = "" if answer.target else f"Publish a TXT record there, as {quote(record, 300)}."
    return " ".join(filter(None, (f"{what}, so nobody reports failures.", advice, publish)))


def _write(txts: Sequence[str], expected: tuple[str, ...] | None) -> str:
    """Return the record to write: the repository's, else one with the addresses that are there."""
    record = tlsrpt_record(txts, expected)
    return f"Write {quote(record, 300)}." if record else "Write 'v=TLSRPTv1; rua=mailto:ADDRESS;', with your address."


def _misplaced(observed: Observed) -> Iterator[Finding]:
    right = observed.right
    there = bool(in_force(right.values, TlsRptRecord.PREFIX))
    for answer in observed.wrong:
        if any("tlsrp" in txt.lower() for txt in answer.values):
            advice = "Remove it." if there else observed.how.get(answer.name, f"Move it to {right.name}.")
            message = f"{answer.name} has a record for reports, and no sender looks there. {advice}"
            yield Finding(REPORTING_MISPLACED, message)
