"""Whether DNS lets the hosting's authority issue the policy host's certificate: CAA (RFC 8659)."""

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
    "CAA does not allow the hosting's authority",
    Severity.WARNING,
    "RFC 8659 §4.2",
    """Azure gets the certificate of a Function or a Static Web App from DigiCert. A CAA record that names other
authorities alone keeps DigiCert from issuing it, and from renewing one that is there. Add `0 issue "digicert.com"`
where the record stands. A name server that fails on the question has the same effect. The nearest name from the policy
host upwards that has CAA records counts, so those of the whole domain count too, and those of the name that a CNAME
leads to.""",
)

# The names by which DigiCert takes CAA as its own.
DIGICERT = {
    "digicert.com",
    "www.digicert.com",
    "digicert.ne.jp",
    "symantec.com",
    "thawte.com",
    "geotrust.com",
    "rapidssl.com",
}
# The hostings whose certificates Azure gets, and whether it is known from whom: from DigiCert.
ISSUED: dict[Kind | None, bool] = {Kind.FUNCTION: True, Kind.STATIC_WEB_APP: True, Kind.FRONT_DOOR: False}
LABELS = 20  # of a name, climbed at most

_RECORD = re.compile(r"(\d+) (\S+) (.*)", re.DOTALL)
_KNOWN = {"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail"}


@dataclass(frozen=True)
class Caa:
    """The answer that counts: of the nearest name that has CAA records, or the one that failed."""

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
        """A critical tag that no authority knows: then none may issue (§4.5)."""
        return next((tag for flags, tag, _ in self.records if flags & 128 and tag not in _KNOWN), None)


async def observe(domain: str, network: Network) -> Caa:
    """Ask at the policy host, and at each name above it until one has records (RFC 8659 §3)."""
    labels = policy_host(domain).split(".")[-LABELS:]
    answer = Answer(domain, Status.NO_DATA)
    for number in range(len(labels)):
        answer = await network.lookup(".".join(labels[number:]), "CAA")
        if answer.values or answer.status not in (Status.NO_DATA, Status.NO_NAME):
            break
    return Caa(answer)


def evaluate(caa: Caa, certain: bool) -> Iterator[str | Finding | Unseen]:
    """Yield what CAA means for the hosting. certain: whether DigiCert is its authority; else it is only shown.

    Which authorities Front Door takes has changed more than once, so of those nothing is judged.
    """
    allowed = caa.allowed
    if caa.answer.status is Status.FAILURE and certain:
        message = (
            f"{caa.answer.name}: the name server fails when it is asked for CAA, and then DigiCert may issue no "
            "certificate. See its log, and the zone's DNSSEC."
        )
        yield Finding(CAA_FORBIDS, message)
    elif caa.answer.status is Status.FAILURE:
        yield f"CAA at {caa.answer.name}: the name server fails"
    elif fault := lookup_fault(caa.answer):
        yield fault
    elif caa.unknown and certain:
        message = (
            f"{caa.answer.name} has a critical CAA record {quote(caa.unknown)}, which no authority knows. Remove it."
        )
        yield Finding(CAA_FORBIDS, message)
    elif caa.unknown:
        yield f"CAA at {caa.answer.name} has a critical record {quote(caa.unknown)}, which no authority knows"
    elif allowed is not None and certain and not DIGICERT & set(allowed):
        who = listed(list(map(quote, allowed))) or "no authority at all"
        message = (
            f"CAA at {caa.answer.name} allows {who}, and Azure's certificates come from DigiCert. "
            'Add the record: 0 issue "digicert.com"'
        )
        yield Finding(CAA_FORBIDS, message)
    elif allowed is not None:
        yield f"CAA at {caa.answer.name} allows {listed(allowed) or 'no authority'}"
    elif not certain:
        yield "CAA allows every authority"
