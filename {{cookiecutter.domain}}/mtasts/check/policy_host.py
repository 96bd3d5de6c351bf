"""The policy host: its addresses, and whether all of them serve the same policy (RFC 8461 §3.3)."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mtasts.check import dns_mistakes, policy_answers
from mtasts.check.clients.chain import AZURE
from mtasts.check.clients.https import Failed, Fetched
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.clients.tls import Fault
from mtasts.check.policy_answers import CONTENT_TYPE, answer_fault, is_html
from mtasts.check.steps import ADDRESSES_MANY, Network, Section, Unseen, addresses, first_fault, resolved
from mtasts.findings import Finding, Rule, Severity, listed, quote
from mtasts.sts.policy import PATH, policy_host

HOST_NONE = Rule(
    "MTS207",
    "The policy host has no address",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders fetch the policy from `mta-sts.<domain>`, but this name has no A or AAAA record. Publish a CNAME that
points to the hosting. If `hosting.hostname` is set, `python -m mtasts records` prints it.""",
)
HOST_DANGLING = Rule(
    "MTS208",
    "The policy host points to a name that does not exist",
    Severity.ERROR,
    "RFC 8461 §10.3",
    """The CNAME at `mta-sts.<domain>` points to a name that does not exist. Anyone who registers that name, for
example as an Azure app, can serve a policy for your domain. Create the hosting again, or remove the TXT record and the
CNAME.""",
)
DRIFT = Rule(
    "MTS316",
    "The served policy is not the repository's",
    Severity.ERROR,
    "RFC 8461 §8.1",
    """Senders get a policy that differs from policy.yaml. The last deployment failed or has not run, or somebody
changed the hosting by hand. Deploy again, or change policy.yaml to match.""",
)
NO_ROUTE = Rule(
    "MTS319",
    "This machine has no route to some addresses",
    Severity.WARNING,
    "RFC 8461 §3.3",
    """This machine has no route to some addresses of policy hosts or MX hosts, usually because it has no IPv6:
GitHub's runners have none. These addresses were not checked, so they do not count as errors. To check them too, run
`check` on a machine with IPv6.""",
)


ADDRESSES = 20  # of a policy host; more are not checked
# Where people put the policy by mistake. Asked of one address, and only if it answers 404.
MISPLACED = (
    *("/.well-know/mta-sts.txt", "/well-known/mta-sts.txt", "/.well_known/mta-sts.txt", "/mta-sts.txt"),
    *("/.wellknown/mta-sts.txt", "/_well-known/mta-sts.txt", "/.Well-Known/mta-sts.txt", "/.well-known/mta-sts.html"),
    *("/.well-known/mta-sts", "/.well-known/mta-sts.txt.txt", "/.well-known/mta_sts.txt", "/.well-known/MTA-STS.txt"),
    *("/.well-known/mtasts.txt", "/.well-known/mta-sts/mta-sts.txt", "/.well-known/.well-known/mta-sts.txt"),
)
# How people misspell the first label of the policy host.
LABELS = ("mta_sts", "mtasts", "_mta-sts", "mta-sts.www")


@dataclass(frozen=True)
class Observed:
    """The answers to A and AAAA, and one fetch per address.

    misplaced: a wrong path where the policy was found. meant: if the host has no address, what was found at another
    name, and what to do.
    """

    host: str
    answers: tuple[Answer, ...]
    fetched: tuple[Fetched | Failed, ...]
    misplaced: str | None = None
    meant: str | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The text that each address serves, even with a wrong content type."""
        return {
            one.address: one.body.decode("utf-8", "surrogateescape")
            for one in self.fetched
            if isinstance(one, Fetched) and (answer_fault(one) or (CONTENT_TYPE,))[0] is CONTENT_TYPE
        }

    @property
    def text(self) -> str | None:
        """The text of the first address that has one."""
        return next(iter(self.texts.values()), None)

    @property
    def unreached(self) -> tuple[str, ...]:
        """The addresses that this machine has no route to."""
        failed = (one for one in self.fetched if isinstance(one, Failed))
        return tuple(one.address for one in failed if one.fault is Fault.NO_ROUTE)

    @property
    def unseen(self) -> bool:
        """Whether this machine could see nothing: it could reach neither DNS nor any of the addresses."""
        failed = [one for one in self.fetched if isinstance(one, Failed)]
        lost = [one for one in failed if one.fault in (Fault.NO_ROUTE, Fault.NOT_TRIED)]
        if self.fetched:
            return len(lost) == len(self.fetched)
        return any(answer.status in (Status.TIMEOUT, Status.NOT_ASKED) for answer in self.answers)


async def observe(domain: str, network: Network) -> Observed:
    """Resolve the policy host, and fetch from each of its addresses."""
    host = policy_host(domain)
    answers = await resolved(host, network)
    found = addresses(answers, ADDRESSES)
    fetched = await asyncio.gather(*(network.fetch(host, address, PATH) for address in found))
    missing = [one.address for one in fetched if isinstance(one, Fetched) and one.status == 404]
    misplaced = await _misplaced(host, missing[0], network) if missing else None
    gone = not found and all(answer.status in (Status.NO_NAME, Status.NO_DATA) for answer in answers)
    meant = await _meant(domain, answers[0].target, network) if gone else None
    return Observed(host, answers, tuple(fetched), misplaced, meant)


async def _misplaced(host: str, address: str, network: Network) -> str | None:
    """Return the wrong path that has the policy, if there is one."""
    tried = await asyncio.gather(*(network.fetch(host, address, path) for path in MISPLACED))
    return next((path for path, one in zip(MISPLACED, tried, strict=True) if _is_policy(one)), None)


def _is_policy(one: Fetched | Failed) -> bool:
    return isinstance(one, Fetched) and one.status == 200 and b"STSv1" in one.body and not is_html(one.body)


async def _meant(domain: str, target: str | None, network: Network) -> str | None:
    """Return which other name has an address, and what to do, if there is one."""
    right, short = policy_host(domain), target and dns_mistakes.undoubled(target, domain)
    names = {f"{label}.{domain}": f"Rename it to {right}." for label in LABELS}
    names |= dns_mistakes.doubled("mta-sts", domain)
    if short:
        names = {short: dns_mistakes.target_advice(short)}
    for name, found in zip(names, await asyncio.gather(*(resolved(each, network) for each in names)), strict=True):
        if any(answer.values for answer in found):
            return f"{quote(name, 253)} has one. {names[name]}"
    return None if target else await _elsewhere(domain, network)


async def _elsewhere(domain: str, network: Network) -> str | None:
    """Return what to do if the domain's own web site serves the policy."""
    for host in (domain, f"www.{domain}"):
        found = addresses(await resolved(host, network), 1)
        if found and _is_policy(await network.fetch(host, found[0], PATH)):
            site = f"https://{host}{PATH} has the policy, but no sender looks there."
            return f"{site} Make that web server serve {policy_host(domain)} too, with a certificate for it."
    return None


def evaluate(observed: Observed, expected: str | None) -> Section:
    """Say what the policy host means to a sender. expected: the text that the repository would serve."""
    items: list[str | Finding | Unseen] = list(_evaluate_addresses(observed))
    if more := sum(len(answer.values) for answer in observed.answers) - len(observed.fetched):
        message = f"{observed.host} has {more} more addresses than the limit of {ADDRESSES}. Publish fewer."
        items.append(Finding(ADDRESSES_MANY, message))
    for one in observed.fetched:
        if one.address in observed.unreached:
            continue  # nothing is known about it; `unreached` reports it, once for all domains
        items += policy_answers.evaluate(observed.host, one, observed.misplaced)
    # Even without a repository to compare with, all addresses must serve the same.
    wanted = observed.text if expected is None else expected
    for address, text in observed.texts.items():
        if wanted is not None and text.splitlines() != wanted.splitlines():
            whose = "the other address" if expected is None else "the repository"
            items.append(_drift(f"{observed.host} ({address})", text, wanted, whose))
    return Section("HTTPS", tuple(items), observed.unreached)


def unreached(addresses: Iterable[str]) -> Finding | None:
    """Return the finding for addresses that this machine has no route to, None if there are none."""
    found = sorted(set(addresses))
    if not found:
        return None
    families = " and no ".join(sorted({"IPv6" if ":" in address else "IPv4" for address in found}))
    number = "1 address" if len(found) == 1 else f"{len(found)} addresses"
    message = (
        f"This machine has no {families}: {number} not checked ({listed(found)}). To check them, run the command on a "
        "machine that has it."
    )
    return Finding(NO_ROUTE, message)


def _evaluate_addresses(observed: Observed) -> Iterator[str | Finding | Unseen]:
    target = next((answer.target for answer in observed.answers if answer.target), None)
    if target:
        yield f"{observed.host} is a CNAME to {target}"
    if any(answer.values for answer in observed.answers):
        return
    if target and all(answer.status in (Status.NO_NAME, Status.NO_DATA) for answer in observed.answers):
        message = (
            f"{observed.host} points to {quote(target, 253)}, which has no address. "
            f"{_and(observed.meant) or _hosting(target)}"
        )
        yield Finding(HOST_DANGLING, message)
    elif fault := first_fault(observed.answers):
        yield fault
    else:
        advice = _and(observed.meant) or "Publish a CNAME that points to the hosting."
        yield Finding(HOST_NONE, f"{observed.host} has no address. {advice}")


def _and(meant: str | None) -> str:
    return f"But {meant}" if meant else ""


def _hosting(target: str) -> str:
    """Return what to do about a target that does not exist. In Azure, a new app of that name gets the visitors."""
    if target.lower().endswith(AZURE):
        return "Azure has no app with this name, so anyone can create one. Create yours again, or remove the CNAME now."
    return "Create the hosting, or remove the CNAME."


def _drift(where: str, text: str, wanted: str, whose: str) -> Finding:
    changes = [
        line
        for line in difflib.unified_diff(wanted.splitlines(), text.splitlines(), lineterm="", n=0)
        if re.match(r"[+-](?![+-])", line)
    ]
    shown = "; ".join(quote(line) for line in changes[:8])
    message = f"{where} does not serve the policy of {whose} (+ served, - expected): {shown}. Deploy again."
    return Finding(DRIFT, message)
