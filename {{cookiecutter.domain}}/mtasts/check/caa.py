"""Whether CAA records (RFC 8659) allow the hosting's certificate authority to issue the policy host's certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.steps import Network, Unseen, lookup_fault
from mtasts.config.hosting import Kind
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.sts.policy import policy_host

CAA_FORBIDS = Rule(
    "MTS216",
    "CAA does not allow the hosting's certificate authority",
    Severity.WARNING,
    "RFC 8659 §4.2",
    """Azure gets the certificates of Functions and Static Web Apps from DigiCert. If your CAA records allow only other
authorities, DigiCert cannot issue the certificate, and cannot renew an existing one. Add `0 issue "digicert.com"` at
the name that has these records. A name server that fails to answer CAA queries has the same effect. An authority uses
the CAA records of the policy host or, if it has none, of the nearest name above it that has some; the records of a
CNAME's target count too.""",
)

# The names in CAA records that allow DigiCert.
DIGICERT = {
    "digicert.com",
    "www.digicert.com",
    "digicert.ne.jp",
    "symantec.com",
    "thawte.com",
    "geotrust.com",
    "rapidssl.com",
}
# The hostings whose certificates Azure gets; True if the authority is certainly DigiCert.
ISSUED: dict[Kind | None, bool] = {Kind.FUNCTION: True, Kind.STATIC_WEB_APP: True, Kind.FRONT_DOOR: False}
LABELS = 20  # of a name, asked about at most

_RECORD = re.compile(r"(\d+) (\S+) (.*)", re.DOTALL)
_KNOWN = {"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail"}


@dataclass(frozen=True)
class Caa:
    """The answer that counts: that of the nearest name with CAA records, or the first failure."""

    answer: Answer

    @property
    def records(self) -> list[tuple[int, str, str]]:
        """The records: flags, tag in lower case, value."""
        found = filter(None, map(_RECORD.fullmatch, self.answer.values))
        return [(int(each[1]), each[2].lower(), each[3]) for each in found]

    @property
    def allowed(self) -> list[str] | None:
        """The authorities that may issue a certificate for a name; None if any may."""
        issue = [value for _, tag, value in self.records if tag == "issue"]
        if not issue:
            return None
        return [name for name in (value.partition(";")[0].strip().lower() for value in issue) if name]

    @property
    def unknown(self) -> str | None:
        """A critical tag that no authority knows, so that none may issue (§4.5)."""
        return next((tag for flags, tag, _ in self.records if flags & 128 and tag not in _KNOWN), None)


async def observe(domain: str, network: Network) -> Caa:
    """Ask for the policy host, then for each name above it until one has records (RFC 8659 §3)."""
    labels = policy_host(domain).split(".")[-LABELS:]
    answer = Answer(domain, Status.NO_DATA)
    for number in range(len(labels)):
        answer = await network.lookup(".".join(labels[number:]), "CAA")
        if answer.values or answer.status not in (Status.NO_DATA, Status.NO_NAME):
            break
    return Caa(answer)


def evaluate(caa: Caa, certain: bool) -> Iterator[str | Finding | Unseen]:
    """Yield what CAA means for the hosting. certain: whether its authority is DigiCert; if not, only show the records.

    Front Door has changed its authorities more than once, so its CAA records are not judged.
    """
    allowed = caa.allowed
    if caa.answer.status is Status.FAILURE and certain:
        message = (
            f"{caa.answer.name}: the name server fails to answer CAA queries, so DigiCert must not issue a "
            "certificate. Check its log, and the zone's DNSSEC."
        )
        yield Finding(CAA_FORBIDS, message)
    elif caa.answer.status is Status.FAILURE:
        yield f"CAA at {caa.answer.name}: the name server fails to answer"
    elif fault := lookup_fault(caa.answer):
        yield fault
    elif caa.unknown and certain:
        message = (
            f"{caa.answer.name} has a critical CAA record with the unknown tag {quote(caa.unknown)}, so no authority "
            "may issue a certificate. Remove it."
        )
        yield Finding(CAA_FORBIDS, message)
    elif caa.unknown:
        yield f"CAA at {caa.answer.name} has a critical record with the unknown tag {quote(caa.unknown)}"
    elif allowed is not None and certain and not DIGICERT & set(allowed):
        who = f"only {listed(list(map(quote, allowed)))}" if allowed else "no authority"
        message = (
            f"CAA at {caa.answer.name} allows {who}, but Azure's certificates come from DigiCert. "
            'Add the record: 0 issue "digicert.com"'
        )
        yield Finding(CAA_FORBIDS, message)
    elif allowed is not None:
        yield f"CAA at {caa.answer.name} allows {listed(allowed) or 'no authority'}"
    elif not certain:
        yield "CAA allows every authority"
