"""What senders do with a domain's mail: groups of senders, if they differ (RFC 8461 §4, §5).

Everything follows from what was seen, and nothing from which rules were raised.
"""

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

GROUPS = 3  # said of a domain, at the most

# How long senders wait for a policy, in seconds, by their sources; the RFC suggests 60 (§3.3).
PATIENCE = {"postfix-tlspol": 2, "postfix-mta-sts-resolver": 4, "mailauth": 15, "mox": 60}


class Does(str, Enum):
    """What happens to the mail."""

    DELIVERS = "delivers"  # over verified TLS, to every MX host that was seen
    IN_PART = "delivers-in-part"  # not everywhere: mail that has to go to the other places waits, then bounces
    WAITS = "waits-then-bounces"  # nowhere
    REPORTS = "delivers-and-reports"  # mode testing: whatever TLS is like
    UNPROTECTED = "delivers-unprotected"  # as if there were no policy
    NOWHERE = "no-mx-host"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fate:
    """What enforce does at the MX hosts. lost: where it does not deliver; unseen: where it cannot be told."""

    does: Does
    lost: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Senders that do the same. mode: of the policy that they follow, None if they follow none.

    enforce: what enforce would do at the MX hosts, if they follow a policy that is not none.
    until: when they forget a policy that they have in the cache.
    """

    senders: str
    does: Does
    text: str
    mode: Mode | None = None
    enforce: Fate | None = None
    until: datetime | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the stable form for JSON."""
        fate = self.enforce or Fate(Does.UNKNOWN)
        return {
            "senders": self.senders,
            "does": self.does.value,
            "text": self.text,
            "mode": self.mode.value if self.mode else None,
            "enforce": self.enforce.does.value if self.enforce else None,
            "not_at": list(fate.lost),
            "not_seen": list(fate.unseen),
            "until": self.until.isoformat() if self.until else None,
        }


@dataclass(frozen=True)
class Cached:
    """A policy that senders may have in the cache, if it was ever served. until: None if nobody knows."""

    policy: Policy
    until: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What was seen of a domain.

    announced: whether its TXT record leads senders to the policy, None if that could not be seen. doubtful: whether
    some senders skip that record. reading: of the served policy, None if none was served. host_unseen: whether the
    policy host could not be looked at. plain: whether it is served as text/plain. seconds: how long that took.
    failing: addresses of the policy host that answer without the policy, beside others that serve it.
    exchange: False if DNS gave no answer to MX. hosts: the MX hosts; more: how many of them were not looked at.
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
    def fate(self) -> Callable[[Policy], Fate]:
        """What enforce does at the MX hosts, for a policy."""
        if not self.exchange:
            return lambda _: Fate(Does.UNKNOWN, unseen=("the MX records",))
        return lambda policy: at_hosts(self.hosts, policy, self.more)

    @property
    def missed(self) -> bool:
        """Whether some senders do not come to follow the policy that is there."""
        return not self.fetched or any(_that_read_nothing(self))

    @property
    def policy(self) -> Policy | None:
        """The policy that senders follow, if they see it."""
        return self.reading.policy if self.reading else None

    @property
    def fetched(self) -> bool:
        """Whether senders that have nothing in the cache come to follow the policy."""
        return bool(self.announced and self.policy)


# At the MX hosts


def at_host(host: Host, policy: Policy) -> Fate:
    """Return what enforce does at one MX host. A sender tries one address after another."""
    if not policy.matches(host.name):
        return Fate(Does.WAITS, (host.name,))
    if not host.probes:
        return Fate(Does.UNKNOWN, unseen=(host.name,)) if _more_addresses(host) else Fate(Does.WAITS, (host.name,))
    failed = [probe for probe in host.probes if isinstance(probe, Failed)]
    lost = [probe.address for probe in failed if probe.fault not in mx_answers.UNKNOWN]
    if len(failed) < len(host.probes):
        return Fate(Does.IN_PART if lost else Does.DELIVERS, tuple(f"{host.name} ({each})" for each in lost))
    if len(lost) < len(failed) or _more_addresses(host):
        return Fate(Does.UNKNOWN, tuple(f"{host.name} ({each})" for each in lost), (host.name,))
    return Fate(Does.WAITS, (host.name,))


def _more_addresses(host: Host) -> bool:
    """Tell whether a host may have addresses that were not looked at: DNS did not answer, or they are too many."""
    unanswered = any(answer.status in (Status.TIMEOUT, Status.NOT_ASKED) for answer in host.answers)
    return unanswered or sum(len(answer.values) for answer in host.answers) > len(host.probes)


def at_hosts(hosts: Sequence[Host], policy: Policy, more: int = 0) -> Fate:
    """Return what enforce does at all MX hosts: mail is lost only if no address of any of them takes it.

    more: how many hosts there are that were not looked at.
    """
    fates = [at_host(host, policy) for host in hosts]
    lost = tuple(each for fate in fates for each in fate.lost)
    unseen = tuple(each for fate in fates for each in fate.unseen) + ((f"{more} more MX hosts",) if more else ())
    if not fates:
        return Fate(Does.NOWHERE)
    if any(fate.does in (Does.DELIVERS, Does.IN_PART) for fate in fates):
        return Fate(Does.IN_PART if lost else Does.DELIVERS, lost, unseen)
    return Fate(Does.UNKNOWN if unseen else Does.WAITS, lost, unseen)


_AT_HOSTS: dict[Does, Callable[[Fate], str]] = {
    Does.NOWHERE: lambda _: "would find no MX host to deliver to.",
    Does.DELIVERS: lambda fate: f"would deliver to every MX host{_but_unseen(fate)}.",
    Does.IN_PART: lambda fate: (
        f"would deliver, but not at {listed(fate.lost)}: mail that has to go there waits, then "
        f"bounces{_but_unseen(fate)}."
    ),
    Does.WAITS: lambda _: "would not deliver: mail waits, then bounces. A quick rollback saves what waits.",
}


def _but_unseen(fate: Fate) -> str:
    return f"; no TLS was seen of {listed(fate.unseen)}" if fate.unseen else ""


def _told(who: str, fate: Fate) -> str:
    """Return the sentence about what enforce does."""
    if fate.does is not Does.UNKNOWN:
        return f"{who} {_AT_HOSTS[fate.does](fate)}"
    lost = f" It would not deliver at {listed(fate.lost)}." if fate.lost else ""
    if fate.unseen == ("the MX records",):
        return f"{who}: cannot be told from here, since DNS gives no answer for the MX records."
    return f"{who}: cannot be told from here, since no TLS was seen of {listed(fate.unseen)}.{lost}"


# Groups

ALL = "all senders"
UNPROTECTED = "so they deliver without the protection of MTA-STS"
_NOT_SEEN = {
    "record": "What senders do cannot be told from here: DNS gives no answer at _mta-sts.",
    "host": "What senders do cannot be told from here: this machine could not look at the policy host.",
}


def groups(seen: Seen, cached: Cached | None = None) -> list[Group]:
    """Return what senders do, the most important group first. cached: the policy that some may still have.

    One group is all senders. With several, each says who it is.
    """
    if seen.announced is None or (seen.announced and seen.host_unseen):
        text = _NOT_SEEN["record" if seen.announced is None else "host"]
        return [Group(ALL, Does.UNKNOWN, text)]
    if seen.fetched:
        return list(_that_read(seen, cached))[:GROUPS]
    others = list(_that_remember(seen, cached))
    return [_that_see_nothing(seen, bool(others)), *others]


def _that_see_nothing(seen: Seen, others: bool) -> Group:
    missing = "policy" if seen.announced else "record at _mta-sts" if seen.policy else "policy and no record"
    if not seen.announced and seen.host_unseen:
        missing = "record at _mta-sts"
    who = "senders that do not know the policy yet" if others else ALL
    return Group(who, Does.UNPROTECTED, f"{_begun(who)} see no {missing}, {UNPROTECTED}.")


def _that_remember(seen: Seen, cached: Cached | None) -> Iterator[Group]:
    """Yield those that go on with a policy in the cache: to them no record and no policy mean no change (§3.3)."""
    who = "senders that have a policy in the cache"
    until = f"until {cached.until:%Y-%m-%d %H:%M} UTC at the latest" if cached and cached.until else "until it runs out"
    if cached and cached.policy.mode is Mode.NONE:
        return
    if cached:
        lead = f"Senders that have the policy (mode {cached.policy.mode}) in the cache go on with it {until}"
        fate = seen.fate(cached.policy)
        then = "they deliver, and report what fails." if cached.policy.mode is Mode.TESTING else _told("they", fate)
        does = Does.REPORTS if cached.policy.mode is Mode.TESTING else fate.does
        yield Group(who, does, f"{lead}: {then}", cached.policy.mode, fate, cached.until)
    elif seen.announced or seen.policy:
        yield Group(who, Does.UNKNOWN, f"{_begun(who)} go on with it {until}.")


def _begun(who: str) -> str:
    """Return the beginning of a sentence about senders."""
    return "Senders" if who == ALL else f"{who[0].upper()}{who[1:]}"


def _that_read(seen: Seen, cached: Cached | None) -> Iterator[Group]:
    """Yield those that read the served policy, those that have another one in the cache, and those that see none."""
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
    fate = seen.fate(policy)
    if policy.mode is Mode.TESTING:
        return Group(who, Does.REPORTS, _testing(who, fate), policy.mode, fate)
    lead = "A sender with enforce" if who == ALL else f"{_begun(who)} follow the policy: with enforce, they"
    return Group(who, fate.does, _told(lead, fate), policy.mode, fate)


def _testing(who: str, fate: Fate) -> str:
    if who != ALL:
        return f"{_begun(who)} follow the policy (testing): they deliver, and report what fails."
    ready = " It is ready for enforce." if fate.does is Does.DELIVERS and not fate.unseen else ""
    return _told("The policy is testing. With enforce, a sender", fate) + ready


def _that_read_nothing(seen: Seen) -> Iterator[Group]:
    """Yield those that see no policy where others do. One in the cache goes on."""
    text = f"{{}}, {UNPROTECTED}, unless they have a policy in the cache."
    if seen.reading and seen.reading.some_only:
        who = "the strictest senders"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no policy in what is served"))
    elif not seen.plain:
        who = "senders that take nothing but text/plain"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no policy"))
    if seen.doubtful:
        who = "senders that want `v=STSv1;` without a blank"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no record"))
    if seen.failing:
        who = f"senders that come to {listed(seen.failing)} of the policy host"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} see no policy"))
    missing = [name for name, seconds in PATIENCE.items() if seconds < seen.seconds]
    if missing:
        who = f"senders that do not wait {seen.seconds:.0f} s for the policy ({', '.join(missing)})"
        yield Group(who, Does.UNPROTECTED, text.format(f"{_begun(who)} miss it"))


def announced(record: Answer) -> bool | None:
    """Tell whether the record leads a sender to the policy; None if DNS gives no answer."""
    if record.status in (Status.FAILURE, Status.TIMEOUT, Status.NOT_ASKED):
        return None
    return StsRecord.select(record.values) is not None
