"""The TXT record at `_smtp._tls.<domain>` (RFC 8460 §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from mtasts.check.resolver import Answer
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


# Where some published guides put the record.
WRONG_NAMES = ("_mta-sts._tls", "_smtp-tls")


@dataclass(frozen=True)
class Observed:
    """The answers at the right name and at the wrong ones."""

    right: Answer
    wrong: tuple[Answer, ...]


async def observe(domain: str, network: Network) -> Observed:
    """Ask for the record, and for the misplaced ones."""
    names = (f"_smtp._tls.{domain}", *(f"{wrong}.{domain}" for wrong in WRONG_NAMES))
    right, *wrong = await asyncio.gather(*(network.lookup(name, "TXT") for name in names))
    return Observed(right, tuple(wrong))


def evaluate(observed: Observed, expected: tuple[str, ...] | None) -> Section:
    """Say what a sender makes of the answers.

    expected: the repository's addresses, None if it is not asked. Where it has none the record is another's, if there
    is one: a service for reports has its own, often by a CNAME.
    """
    return Section("TLS reporting", (*_items(observed.right, expected), *_misplaced(observed)))


def _items(answer: Answer, expected: tuple[str, ...] | None) -> Iterator[str | Finding | Unseen]:
    records = in_force(answer.values, TlsRptRecord.PREFIX)
    near = next((txt for txt in answer.values if "tlsrp" in txt.lower() or "rua" in txt.lower()), None)
    if answer.target:
        yield f"{answer.name} is a CNAME to {answer.target}"
    if fault := lookup_fault(answer):
        yield fault
    elif len(records) > 1:
        yield Finding(REPORTING_SEVERAL, f"{answer.name} has {len(records)} records. Leave one.")
    elif records or (near and expected != ()):
        yield from _evaluate_record(answer.name, records[0] if records else str(near), expected)
    elif expected != ():
        yield Finding(REPORTING_NONE, f"{answer.name} has no record, so nobody reports failures. Publish one.")
    yield from doubtful(answer, TlsRptRecord.PREFIX)


def _evaluate_record(name: str, txt: str, expected: tuple[str, ...] | None) -> Iterator[str | Finding]:
    try:
        record = TlsRptRecord.parse(txt)
    except RecordError as error:
        yield Finding(REPORTING_MALFORMED, f"{name} has {quote(txt)}, and {error}. Correct it.")
        return
    yield f"{name}: {txt}"
    if expected and record.rua != expected:
        ours = ", ".join(expected)
        message = f"{name} names {quote(', '.join(record.rua))}, and policy.yaml {quote(ours)}. Publish one of them."
        yield Finding(REPORTING_DRIFT, message)


def _misplaced(observed: Observed) -> Iterator[Finding]:
    for answer in observed.wrong:
        if any("tlsrp" in txt.lower() for txt in answer.values):
            message = f"{answer.name} has a record for reports, and no sender looks there. Remove it."
            yield Finding(REPORTING_MISPLACED, message)
