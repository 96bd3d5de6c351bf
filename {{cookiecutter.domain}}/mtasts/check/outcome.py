"""What senders do with a domain's mail, given what was seen: groups of senders, if they differ (RFC 8461 §4, §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mtasts.check import mx_answers
from mtasts.check.clients.https import Failed
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.mx_hosts import Host
from mtasts.findings import listed
from mtasts.sts.policy import Mode, Policy
from mtasts.sts.record import StsRecord
from mtasts.sts.senders import Reading

GROUPS = 3  # reported of a domain, at most

# How long senders wait for a policy, in seconds, according to their source code; the RFC suggests 60 (§3.3).
PATIENCE = {"postfix-tlspol": 2, "postfix-mta-sts-resolver": 4, "mailauth": 15, "mox": 60}


class Does(str, Enum):
    """What happens to the mail."""

    DELIVERS = "delivers"  # over verified TLS, to every MX host that was seen
    IN_PART = "delivers-in-part"  # only to some MX hosts: mail that must go to the others waits, then bounces
    WAITS = "waits-then-bounces"  # to none
    REPORTS = "delivers-and-reports"  # mode testing: even if TLS fails
    UNPROTECTED = "delivers-unprotected"  # as if there were no policy
    NOWHERE = "no-mx-host"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Delivery:
    """What enforce does at the MX hosts. lost: where it does not deliver; unseen: where that is unknown."""

    does: Does
    lost: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Senders that do the same. mode: of the policy that they follow, None if they follow none.

    enforce: what enforce would do at the MX hosts, if they follow a policy whose mode is not none.
    until: when a policy expires that they have in their cache.
    """

    senders: str
    does: Does
    text: str
    mode: Mode | None = None
    enforce: Delivery | None = None
    until: datetime | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the stable form for JSON."""
        delivery = self.enforce or Delivery(Does.UNKNOWN)
        return {
            "senders": self.senders,
            "does": self.does.value,
            "text": self.text,
            "mode": self.mode.value if self.mode else None,
            "enforce": self.enforce.does.value if self.enforce else None,
            "not_at": list(delivery.lost),
            "not_seen": list(delivery.unseen),
            "until": self.until.isoformat() if self.until else None,
        }


@dataclass(frozen=True)
class Cached:
    """A policy that senders can have in their caches, if it was ever served. until: None if unknown."""

    policy: Policy
    until: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What was seen of a domain.

    announced: whether it has the TXT record, None if unknown. doubtful: whether some senders ignore that record.
    reading: of the served policy, None if none was served. host_unseen: whether this machine could not see the policy
    host. plain: whether the policy is served as text/plain. seconds: how long that took. failing: addresses of the
    policy host that answer without the policy, although others serve it. exchange: False if DNS gave no answer to MX.
    hosts: the MX hosts; more: how many of them were not checked.
    """

    announced: bool | None
    doubtful: bool = False
    reading: Reading | None = None
    host_unseen: bool = False
    plain: bool = True
    seconds: float = 0
    failing: tuple[str, ...] = ()
    exchange: bool = True
    hosts: tuple[Host, ...] = ()
    more: int = 0

    @property
    def delivery(self) -> Callable[[Policy], Delivery]:
        """What enforce does at the MX hosts, for a policy."""
        if not self.exchange:
            return lambda _: Delivery(Does.UNKNOWN, unseen=("the MX records",))
        return lambda policy: at_hosts(self.hosts, policy, self.more)

    @property
    def missed(self) -> bool:
        """Whether some senders do not get the policy that exists."""
        return not self.fetched or any(_that_read_nothing(self))

    @property
    def policy(self) -> Policy | None:
        """The policy that senders follow, if they see it."""
        return self.reading.policy if self.reading else None

    @property
    def fetched(self) -> bool:
        """Whether senders without a cached policy get the policy."""
        return bool(self.announced and self.policy)


# At the MX hosts


def at_host(host: Host, policy: Policy) -> Delivery:
    """Return what enforce does at one MX host. A sender tries one address after another."""
    if not policy.matches(host.name) or not (host.probes or _more_addresses(host)):
        return Delivery(Does.WAITS, (host.name,))
    if not host.probes:
        return Delivery(Does.UNKNOWN, unseen=(host.name,))
    failed = [probe for probe in host.probes if isinstance(probe, Failed)]
    lost = [probe.address for probe in failed if probe.fault not in mx_answers.UNKNOWN]
    if len(failed) < len(host.probes):
        return Delivery(Does.IN_PART if lost else Does.DELIVERS, tuple(f"{host.name} ({each})" for each in lost))
    if len(lost) < len(failed) or _more_addresses(host):
        return Delivery(Does.UNKNOWN, tuple(f"{host.name} ({each})" for each in lost), (host.name,))
    return Delivery(Does.WAITS, (host.name,))


def _more_addresses(host: Host) -> bool:
    """Tell whether a host can have addresses that were not checked: DNS did not answer, or there are too many."""
    unanswered = any(answer.status in (Status.TIMEOUT, Status.NOT_ASKED) for answer in host.answers)
    return unanswered or sum(len(answer.values) for answer in host.answers) > len(host.probes)


def at_hosts(hosts: Sequence[Host], policy: Policy, more: int = 0) -> Delivery:
    """Return what enforce does at all MX hosts: mail is lost only if no address of any of them accepts it.

    more: how many hosts were not checked.
    """
    found = [at_host(host, policy) for host in hosts]
    lost = tuple(each for one in found for each in one.lost)
    unseen = tuple(each for one in found for each in one.unseen) + ((f"{more} more MX hosts",) if more else ())
    if not found:
        return Delivery(Does.NOWHERE)
    if any(one.does in (Does.DELIVERS, Does.IN_PART) for one in found):
        return Delivery(Does.IN_PART if lost else Does.DELIVERS, lost, unseen)
    return Delivery(Does.UNKNOWN if unseen else Does.WAITS, lost, unseen)


_ENFORCE = {
    Does.NOWHERE: "would find no MX host to deliver to",
    Does.DELIVERS: "would deliver to every MX host{unchecked}",
    Does.IN_PART: "would deliver, but not to {lost}: mail that must go there waits, then bounces{unchecked}",
    Does.WAITS: "would not deliver: mail waits, then bounces. A quick rollback saves the waiting mail",
}


def _would(who: str, delivery: Delivery) -> str:
    """Return the sentence about what enforce would do."""
    lost, unseen = listed(delivery.lost), listed(delivery.unseen)
    if delivery.does is not Does.UNKNOWN:
        unchecked = f"; the TLS of {unseen} could not be checked" if unseen else ""
        return f"{who} {_ENFORCE[delivery.does].format(lost=lost, unchecked=unchecked)}."
    if delivery.unseen == ("the MX records",):
        return f"{who} may or may not deliver: DNS gives no answer for the MX records."
    failing = f" Delivery to {lost} would fail." if lost else ""
    return f"{who} may or may not deliver: this machine could not check the TLS of {unseen}.{failing}"


# Groups

ALL = "all senders"
UNPROTECTED = "so they deliver without the protection of MTA-STS"
_NO_RECORD = "This machine cannot tell what senders do: DNS gives no answer at _mta-sts."
_NO_HOST = "This machine cannot tell what senders do: it could not check the policy host."


def groups(seen: Seen, cached: Cached | None = None) -> list[Group]:
    """Return what senders do, the most important group first. cached: the policy that some can still have.

    One group stands for all senders. If there are several, each says who it is.
    """
    if seen.announced is None or (seen.announced and seen.host_unseen):
        return [Group(ALL, Does.UNKNOWN, _NO_RECORD if seen.announced is None else _NO_HOST)]
    if seen.fetched:
        return list(_that_read(seen, cached))[:GROUPS]
    others = list(_that_remember(seen, cached))
    return [_that_see_nothing(seen, bool(others)), *others]


def _that_see_nothing(seen: Seen, others: bool) -> Group:
    unannounced = "record at _mta-sts" if seen.policy or seen.host_unseen else "policy and no record"
    missing = "policy" if seen.announced else unannounced
    who = "senders that do not know the policy yet" if others else ALL
    return Group(who, Does.UNPROTECTED, f"{_begun(who)} see no {missing}, {UNPROTECTED}.")


def _that_remember(seen: Seen, cached: Cached | None) -> Iterator[Group]:
    """Yield those that keep using a cached policy: without a record or a policy, nothing changes for them (§3.3)."""
    who = "senders that have a policy in their cache"
    until = f"until {cached.until:%Y-%m-%d %H:%M} UTC at the latest" if cached and cached.until else "until it expires"
    if cached and cached.policy.mode is Mode.NONE:
        return
    if cached:
        lead = f"Senders that have the policy (mode {cached.policy.mode}) in their cache keep using it {until}"
        found = seen.delivery(cached.policy)
        then = "they deliver, and report failures." if cached.policy.mode is Mode.TESTING else _would("they", found)
        does = Does.REPORTS if cached.policy.mode is Mode.TESTING else found.does
        yield Group(who, does, f"{lead}: {then}", cached.policy.mode, found, cached.until)
    elif seen.announced or seen.policy:
        yield Group(who, Does.UNKNOWN, f"{_begun(who)} keep using it {until}.")


def _begun(who: str) -> str:
    """Return the beginning of a sentence about senders."""
    return "Senders" if who == ALL else f"{who[0].upper()}{who[1:]}"


def _that_read(seen: Seen, cached: Cached | None) -> Iterator[Group]:
    """Yield those that read the served policy, those that have another one cached, and those that see none."""
    reading, policy = seen.reading, seen.policy
    assert reading and policy  # noqa: S101 - `fetched` says so
    without = list(_that_read_nothing(seen))
    others: dict[Mode, list[str]] = {}
    for name, other in reading.others.items():
        others.setdefault(other.mode, []).append(name)
    readers = [name for name, other in reading.lenient.items() if other.mode is policy.mode]
    known = "senders that read it" if without else "the strictest senders" if others else ALL
    yield _following(policy, f"some senders ({', '.join(readers)})" if reading.some_only else known, seen)
    for names in others.values():
        yield _following(reading.lenient[names[0]], f"some senders ({', '.join(names)})", seen)
    if without and cached and cached.policy != policy:
        yield from _that_remember(seen, cached)
    yield from without


def _following(policy: Policy, who: str, seen: Seen) -> Group:
    """Return the group that follows a policy."""
    if policy.mode is Mode.NONE:
        text = f"{_begun(who)} act as if there were no policy: its mode is none."
        return Group(who, Does.UNPROTECTED, text, policy.mode)
    found = seen.delivery(policy)
    if policy.mode is Mode.TESTING:
        return Group(who, Does.REPORTS, _testing(who, found), policy.mode, found)
    lead = "With enforce, senders" if who == ALL else f"{_begun(who)} follow the policy: with enforce, they"
    return Group(who, found.does, _would(lead, found), policy.mode, found)


def _testing(who: str, delivery: Delivery) -> str:
    if who != ALL:
        return f"{_begun(who)} follow the policy (testing): they deliver, and report failures."
    ready = " It is ready for enforce." if delivery.does is Does.DELIVERS and not delivery.unseen else ""
    return _would("The policy is in mode testing. With enforce, senders", delivery) + ready


def _that_read_nothing(seen: Seen) -> Iterator[Group]:
    """Yield those that see no policy although others do."""
    text = f"{{}}, {UNPROTECTED}, unless they have a policy in their cache."
    if seen.reading and seen.reading.some_only:
        who = "the strictest senders"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no policy in what is served"))
    elif not seen.plain:
        who = "senders that accept only text/plain"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no policy"))
    if seen.doubtful:
        who = "senders that require `v=STSv1;` without a space"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no record"))
    if seen.failing:
        who = f"senders that connect to {listed(seen.failing)} of the policy host"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no policy"))
    missing = [name for name, seconds in PATIENCE.items() if seconds < seen.seconds]
    if missing:
        who = f"senders that do not wait {seen.seconds:.0f} s for the policy ({', '.join(missing)})"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} do not get it"))


def announced(record: Answer) -> bool | None:
    """Tell whether a sender finds the record; None if DNS gives no answer."""
    if record.status in (Status.FAILURE, Status.TIMEOUT, Status.NOT_ASKED):
        return None
    return StsRecord.select(record.values) is not None
