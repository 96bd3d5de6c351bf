"""The TXT record at `_smtp._tls.<domain>` (RFC 8460 §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mtasts.check import dns_mistakes
from mtasts.check.clients.resolver import Answer
from mtasts.check.dns_mistakes import TLSRPT, missing, tlsrpt_record
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
    """Without it, no sender reports failures to you. If `tls_reporting` is set, `python -m mtasts records` prints the
record.""",
)
REPORTING_SEVERAL = Rule(
    "MTS221",
    "There are several _smtp._tls records",
    Severity.ERROR,
    "RFC 8460 §3",
    """If several TXT records begin with `v=TLSRPTv1;`, senders act as if there were none. Put all addresses into one
record, separated by commas.""",
)
REPORTING_MALFORMED = Rule(
    "MTS222",
    "The _smtp._tls record is malformed",
    Severity.ERROR,
    "RFC 8460 §3",
    """The record must be `v=TLSRPTv1; rua=mailto:…`. Some published guides show `v=TLSRPv1`, or a `rua` without
`mailto:`: senders ignore both.""",
)
REPORTING_DRIFT = Rule(
    "MTS223",
    "The report addresses in DNS are not the repository's",
    Severity.ERROR,
    "RFC 8460 §3",
    """The record in DNS has other addresses than `tls_reporting` in policy.yaml. Publish the record that `python -m
mtasts records` prints, or change policy.yaml to match. If a reporting service publishes its own record there, remove
`tls_reporting`: the record then belongs to the service.""",
)
REPORTING_MISPLACED = Rule(
    "MTS224",
    "A TLS reporting record is at the wrong name",
    Severity.WARNING,
    "RFC 8460 §3",
    """Senders look only at `_smtp._tls.<domain>`. Some published guides name `_mta-sts._tls` or `_smtp-tls`. Remove
the record there.""",
)


# Where some published guides put the record. Always asked, since it misleads people even if the right one exists.
WRONG_NAMES = ("_mta-sts._tls", "_smtp-tls")
# Where people put it by mistake. Asked only if the record is missing.
MISPLACED = ("_smtp_tls", "smtp._tls", "_smtp.tls", "_tls", "_tlsrpt", "_smtp._tls.mta-sts", "_mta-sts", "")


@dataclass(frozen=True)
class Observed:
    """The answers at the right name and at the wrong ones. how: what to do about a wrong name, if it is special."""

    right: Answer
    wrong: tuple[Answer, ...]
    how: Mapping[str, str] = field(default_factory=dict)


async def observe(domain: str, network: Network) -> Observed:
    """Ask for the record, and for misplaced ones."""

    async def asked(names: Iterable[str]) -> list[Answer]:
        return await asyncio.gather(*(network.lookup(name, "TXT") for name in names))

    names = (f"{label}.{domain}" for label in ("_smtp._tls", *WRONG_NAMES))
    right, *wrong = await asked(names)
    twice = dns_mistakes.doubled("_smtp._tls", domain)
    if not lookup_fault(right) and not in_force(right.values, TlsRptRecord.PREFIX):
        wrong += await asked([*(f"{label}.{domain}".lstrip(".") for label in MISPLACED), *twice])
    return Observed(right, tuple(wrong), twice)


def evaluate(observed: Observed, expected: tuple[str, ...] | None) -> Section:
    """Say what the answers mean to a sender.

    expected: the repository's addresses, None if unknown. If it has none, any record belongs to somebody else, such as
    a reporting service, which often uses a CNAME.
    """
    misplaced = tuple(_misplaced(observed))
    return Section("TLS reporting", (*_items(observed.right, expected, bool(misplaced)), *misplaced))


def _items(answer: Answer, expected: tuple[str, ...] | None, elsewhere: bool) -> Iterator[str | Finding | Unseen]:
    records = in_force(answer.values, TlsRptRecord.PREFIX)
    malformed = next((txt for txt in answer.values if "tlsrp" in txt.lower() or "rua" in txt.lower()), None)
    if answer.target:
        yield f"{answer.name} is a CNAME to {answer.target}"
    if fault := lookup_fault(answer):
        yield fault
    elif len(records) > 1:
        yield Finding(REPORTING_SEVERAL, f"{answer.name} has {len(records)} records. {_one(records, expected)}")
    elif records:
        yield from _evaluate_record(answer.name, records[0], expected)
    elif malformed and expected != ():
        yield Finding(REPORTING_MALFORMED, f"{answer.name} {_malformed(answer, malformed, expected)}")
    elif expected != ():
        yield Finding(REPORTING_NONE, f"{answer.name} {_none(answer, expected, elsewhere)}")
    yield from doubtful(answer, TlsRptRecord.PREFIX)


def _evaluate_record(name: str, txt: str, expected: tuple[str, ...] | None) -> Iterator[str | Finding]:
    try:
        record = TlsRptRecord.parse(txt)
    except RecordError as error:
        cause = str(error).rstrip(".")
        yield Finding(REPORTING_MALFORMED, f"{name} has {quote(txt)}, but {cause}. {_write([txt], expected)}")
        return
    yield f"{name}: {txt}"
    if expected and record.rua != expected:
        ours = ", ".join(expected)
        message = f"{name} has {quote(', '.join(record.rua))}, but policy.yaml has {quote(ours)}. "
        message += f"{_write([], expected)} Or change policy.yaml to match."
        yield Finding(REPORTING_DRIFT, message)


def _one(records: Sequence[str], expected: tuple[str, ...] | None) -> str:
    """Return what several records mean to senders, and one record with all their addresses."""
    return f"Senders then ignore all of them. Keep one, with all addresses in it. {_write(records, expected)}"


def _malformed(answer: Answer, txt: str, expected: tuple[str, ...] | None) -> str:
    """Return why a text is not the record, and what to write."""
    what, advice, _ = missing(replace(answer, values=(txt,), target=None), TLSRPT)
    return f"{what}. {advice} {_write([txt], expected)}".replace(".  ", ". ")


def _none(answer: Answer, expected: tuple[str, ...] | None, elsewhere: bool) -> str:
    """Return what DNS has instead of the record, and what to publish. elsewhere: whether it is at a wrong name."""
    what, advice, _ = missing(answer, TLSRPT)
    if elsewhere:
        return f"{what}, so no sender reports failures: the record is at the wrong name. Move it here."
    domain = answer.name.removeprefix("_smtp._tls.")
    record = tlsrpt_record([f"tls-reports@{domain}"], expected)
    publish = "" if answer.target else f"Publish this TXT record there: {quote(record, 300)}."
    return " ".join(filter(None, (f"{what}, so no sender reports failures.", advice, publish)))


def _write(txts: Sequence[str], expected: tuple[str, ...] | None) -> str:
    """Return the record to write: the repository's, else one with the addresses in the texts."""
    record = tlsrpt_record(txts, expected)
    return f"Write {quote(record, 300)}." if record else "Write 'v=TLSRPTv1; rua=mailto:ADDRESS;', with your address."


def _misplaced(observed: Observed) -> Iterator[Finding]:
    right = observed.right
    there = bool(in_force(right.values, TlsRptRecord.PREFIX))
    for answer in observed.wrong:
        if any("tlsrp" in txt.lower() for txt in answer.values):
            advice = "Remove it." if there else observed.how.get(answer.name, f"Move it to {right.name}.")
            message = f"{answer.name} has a TLS reporting record, but no sender looks there. {advice}"
            yield Finding(REPORTING_MISPLACED, message)
