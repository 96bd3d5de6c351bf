"""What senders do, from what was seen: a row for each case, its source first. What is expected was worked out by hand.

tests/senders/ shows the same with senders that enforce MTA-STS.
"""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtasts.check.clients.https import Failed
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.clients.smtp import Spoken
from mtasts.check.clients.tls import Fault
from mtasts.check.mx_hosts import Host
from mtasts.check.outcome import Cached, Does, Seen, announced, groups
from mtasts.sts.policy import Policy
from mtasts.sts.senders import read

IN_2100 = 4_102_444_800.0  # a certificate's end
V4, V6 = "192.0.2.1", "2001:db8::1"


def policy(mode: str = "enforce", mx: str = "mx.example.net", more: str = "") -> bytes:
    """Return a policy as it is served."""
    hosts = "".join(f"mx: {name}\r\n" for name in mx.split())
    return f"version: STSv1\r\nmode: {mode}\r\n{hosts}max_age: 604800\r\n{more}".encode()


def served(mode: str = "enforce", mx: str = "mx.example.net", more: str = "") -> dict[str, object]:
    """Return what was seen of a policy that is served and announced."""
    return {"announced": True, "reading": read(policy(mode, mx, more))}


def mx(**probes: Fault | None) -> Host:
    """Return mx.example.net with the answers of its addresses: None for verified TLS."""
    addresses = {"v4": V4, "v6": V6, "other": "192.0.2.2"}
    found = [
        Failed(addresses[name], fault, 0) if fault else Spoken(addresses[name], "TLSv1.3", IN_2100)
        for name, fault in probes.items()
    ]
    return Host("mx.example.net", (), tuple(found))


def nameless(status: Status, name: str = "mx.example.net") -> Host:
    """Return an MX host whose addresses are unknown."""
    return Host(name, (Answer(name, status), Answer(name, status)), ())


GOOD = mx(v4=None)
OTHER = Host("other.example.net", (), (Spoken("192.0.2.9", "TLSv1.3", IN_2100),))
UNTIL = datetime(2026, 12, 3, 9, 30, tzinfo=timezone.utc)
ENFORCED = Cached(Policy.parse(policy().decode()), UNTIL)

# Source, what was seen, what the cache may hold, and for each group of senders what they do.
CASES: dict[str, tuple[dict[str, object], Cached | None, list[str]]] = {
    # A: what this machine cannot see
    "A2: AAAA alone, no IPv6 here": ({"announced": True, "host_unseen": True}, None, ["unknown"]),
    "A3: the MX host's A and AAAA time out": (
        {**served(), "hosts": (nameless(Status.TIMEOUT),)}, None, ["unknown"]),
    "A3: SERVFAIL for the MX host is what senders see, too": (
        {**served(), "hosts": (nameless(Status.FAILURE),)}, None, ["waits-then-bounces"]),
    "A4: the IPv4 address is fine, and there is no IPv6 here": (
        {**served(), "hosts": (mx(v4=None, v6=Fault.NO_ROUTE),)}, None, ["delivers"]),
    "port 25 is blocked": ({**served(), "hosts": (mx(v4=Fault.TIMEOUT),)}, None, ["unknown"]),
    "too many open files": ({**served(), "hosts": (mx(v4=Fault.NOT_TRIED),)}, None, ["unknown"]),
    "one host is fine, of another nothing was seen": (
        {**served(mx="*.example.net"), "hosts": (mx(v4=Fault.TIMEOUT), OTHER)}, None, ["delivers"]),
    "one host fails, of another nothing was seen": (
        {**served(mx="*.example.net"), "hosts": (mx(v4=Fault.EXPIRED), nameless(Status.TIMEOUT, "b.example.net"))},
        None, ["unknown"]),
    "DNS gives no answer at _mta-sts": ({"announced": None, "reading": read(policy())}, None, ["unknown"]),
    "DNS gives no answer to MX": ({**served(), "exchange": False}, None, ["unknown"]),
    "A is expired, and AAAA times out": (
        {**served(), "hosts": (Host("mx.example.net", (Answer("mx.example.net", Status.FOUND, (V4,)),
         Answer("mx.example.net", Status.TIMEOUT)), (Failed(V4, Fault.EXPIRED, 0),)),)}, None, ["unknown"]),
    "more addresses than are looked at, and those fail": (
        {**served(), "hosts": (Host("mx.example.net", (Answer("mx.example.net", Status.FOUND, (V4, "192.0.2.2")),),
         (Failed(V4, Fault.EXPIRED, 0),)),)}, None, ["unknown"]),
    "more MX hosts than are looked at, and those fail": (
        {**served(), "hosts": (mx(v4=Fault.EXPIRED),), "more": 10}, None, ["unknown"]),
    "more MX hosts than are looked at, and those take mail": (
        {**served(), "hosts": (GOOD,), "more": 10}, None, ["delivers"]),
    # B: RFC 8461 §5, §8.3
    "B1: mode none, without mx, as it is published for a retirement": (
        {**served("none", ""), "hosts": (GOOD,)}, None, ["delivers-unprotected"]),
    "B2: mode none, an MX host with an expired certificate": (
        {**served("none"), "hosts": (mx(v4=Fault.EXPIRED), OTHER)}, None, ["delivers-unprotected"]),
    # C: senders that read more than others
    "C1: a blank last line, and the MX host is not covered": (
        {**served(mx="old.example.net", more="\r\n"), "hosts": (GOOD,)}, None,
        ["waits-then-bounces", "delivers-unprotected"]),
    "a blank last line, and all is well": (
        {**served(more="\r\n"), "hosts": (GOOD,)}, None, ["delivers", "delivers-unprotected"]),
    "Enforce: mailauth alone takes it": (
        {**served("Enforce"), "hosts": (mx(v4=Fault.STARTTLS_NONE),)}, None,
        ["waits-then-bounces", "delivers-unprotected"]),
    "not text/plain": ({**served(), "plain": False, "hosts": (GOOD,)}, None, ["delivers", "delivers-unprotected"]),
    "C2: v=STSv1 ;": ({**served(), "doubtful": True, "hosts": (GOOD,)}, None, ["delivers", "delivers-unprotected"]),
    "two modes: the strictest take the first, others the last": (
        {"announced": True, "reading": read(policy("none").replace(b"max_age", b"mode: enforce\r\nmax_age")),
         "hosts": (mx(v4=Fault.EXPIRED),)}, None, ["delivers-unprotected", "waits-then-bounces"]),
    "rollback is served with a blank line, enforce is in the cache, and the MX host has moved": (
        {**served("testing", "other.example.net", "\r\n"), "hosts": (OTHER,)}, ENFORCED,
        ["delivers-and-reports", "waits-then-bounces", "delivers-unprotected"]),
    "rollback comes after 5 s, and enforce is in the cache": (
        {**served("testing", "other.example.net"), "seconds": 5.0, "hosts": (OTHER,)}, ENFORCED,
        ["delivers-and-reports", "waits-then-bounces", "delivers-unprotected"]),
    "one of two addresses of the policy host has an expired certificate": (
        {**served(), "failing": ("192.0.2.80",), "hosts": (GOOD,)}, None, ["delivers", "delivers-unprotected"]),
    "slow, and the same policy is in the cache": (
        {**served(), "seconds": 5.0, "hosts": (GOOD,)}, ENFORCED, ["delivers", "delivers-unprotected"]),
    # K: tried with real senders
    "K2: enforce in the cache, and the policy host is down": (
        {"announced": True, "hosts": (GOOD,)}, ENFORCED, ["delivers-unprotected", "delivers"]),
    "K2: enforce in the cache, the record is gone, and the MX host is not covered": (
        {"announced": False, "reading": read(policy()), "hosts": (OTHER,)}, ENFORCED,
        ["delivers-unprotected", "waits-then-bounces"]),
    "K2: testing in the cache, and the policy host is down": (
        {"announced": True, "hosts": (OTHER,)}, Cached(Policy.parse(policy("testing").decode())),
        ["delivers-unprotected", "delivers-and-reports"]),
    "none in the cache": (
        {"announced": False, "hosts": (OTHER,)}, Cached(Policy.parse(policy("none").decode())),
        ["delivers-unprotected"]),
    "the new policy is read, so the old one matters no more": (
        {**served("none"), "hosts": (OTHER,)}, ENFORCED, ["delivers-unprotected"]),
    "a domain without MTA-STS": ({"announced": False, "hosts": (GOOD,)}, None, ["delivers-unprotected"]),
    "a record without a policy: others may know it": (
        {"announced": True, "hosts": (GOOD,)}, None, ["delivers-unprotected", "unknown"]),
    "K4: one of two addresses has an expired certificate": (
        {**served(), "hosts": (mx(v4=None, other=Fault.EXPIRED),)}, None, ["delivers-in-part"]),
    "K4: one of two addresses is without STARTTLS": (
        {**served(), "hosts": (mx(v4=Fault.STARTTLS_NONE, other=None),)}, None, ["delivers-in-part"]),
    "K4: one of two addresses refuses": (
        {**served(), "hosts": (mx(v4=Fault.REFUSED, other=None),)}, None, ["delivers-in-part"]),
    "K4: both addresses fail": (
        {**served(), "hosts": (mx(v4=Fault.REFUSED, other=Fault.EXPIRED),)}, None, ["waits-then-bounces"]),
    "one of two hosts is not covered": ({**served(), "hosts": (GOOD, OTHER)}, None, ["delivers-in-part"]),
    "K8: the policy comes after 5 s": (
        {**served(), "seconds": 5.0, "hosts": (GOOD,)}, None, ["delivers", "delivers-unprotected"]),
    "testing, and enforce would fail": (
        {**served("testing"), "hosts": (mx(v4=Fault.EXPIRED),)}, None, ["delivers-and-reports"]),
    "a null MX": (served(), None, ["no-mx-host"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_senders_do_follows_from_what_was_seen(name: str) -> None:
    """There is a group for each kind of senders that act alike, first those that read the policy."""
    given_, cached, expected = CASES[name]
    assert [group.does.value for group in groups(Seen(**given_), cached)] == expected  # type: ignore[arg-type]


SAID = {
    "A2: AAAA alone, no IPv6 here": ["This machine cannot tell what senders do"],
    "B1: mode none, without mx, as it is published for a retirement": ["act as if there were no policy"],
    "C1: a blank last line, and the MX host is not covered": [
        "Some senders (postfix-mta-sts-resolver, mailauth, checkdmarc) follow the policy",
        "mail waits, then bounces",
        "The strictest senders see no policy",
    ],
    "Enforce: mailauth alone takes it": ["Some senders (mailauth)"],
    "K2: enforce in the cache, and the policy host is down": [
        "Senders that do not know the policy yet see no policy, so they deliver without the protection of MTA-STS.",
        "in their cache keep using it until 2026-12-03 09:30 UTC at the latest: they would deliver to every MX host.",
    ],
    "K4: one of two addresses has an expired certificate": [
        "would deliver, but not to mx.example.net (192.0.2.2): mail that must go there waits, then bounces.",
    ],
    "K4: both addresses fail": [
        "would not deliver: mail waits, then bounces. A quick rollback saves the waiting mail."
    ],
    "K8: the policy comes after 5 s": [
        "Senders that do not wait 5 s for the policy (postfix-tlspol, postfix-mta-sts-resolver) do not get it",
    ],
    "one host is fine, of another nothing was seen": ["the TLS of mx.example.net could not be checked"],
}


@pytest.mark.parametrize("name", SAID)
def test_the_verdict_says_it_in_a_line_for_each_group(name: str) -> None:
    """Who, what, and where it fails."""
    given_, cached, _ = CASES[name]
    text = "\n".join(group.text for group in groups(Seen(**given_), cached))  # type: ignore[arg-type]
    assert [part for part in SAID[name] if part not in text] == [], text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("_mta-sts.example.com", Status.FOUND, ("v=STSv1; id=1;",)), True),
        (Answer("_mta-sts.example.com", Status.FOUND, ("v=STSv1 ; id=1;",)), True),
        (Answer("_mta-sts.example.com", Status.FOUND, ("v=STSv1;",)), False),
        (Answer("_mta-sts.example.com", Status.NO_NAME), False),
        *((Answer("_mta-sts.example.com", each), None) for each in (Status.FAILURE, Status.TIMEOUT, Status.NOT_ASKED)),
    ],
)
def test_only_an_answer_tells_whether_the_policy_is_announced(answer: Answer, expected: bool | None) -> None:
    """No answer does not mean that the record is missing."""
    assert announced(answer) is expected


FAULTS = st.sampled_from([None, *Fault])
HOSTS = st.lists(st.dictionaries(st.sampled_from(["v4", "v6", "other"]), FAULTS, min_size=1).map(lambda p: mx(**p)))


@given(HOSTS)
def test_mail_bounces_only_if_no_address_takes_it(hosts: list[Host]) -> None:
    """RFC 8461 §5: a sender goes on to the next address, and to the next MX host."""
    (group,) = groups(Seen(**served(), hosts=tuple(hosts)))  # type: ignore[arg-type]
    spoken = any(isinstance(probe, Spoken) for host in hosts for probe in host.probes)
    assert (group.does in (Does.DELIVERS, Does.IN_PART)) == spoken
    if group.does is Does.WAITS:
        assert "waits, then bounces" in group.text


@given(HOSTS, st.sampled_from(["none", "testing", "enforce", "Enforce", "nonsense"]), st.booleans(), st.booleans())
def test_there_are_at_most_three_lines(hosts: list[Host], mode: str, plain: bool, doubtful: bool) -> None:
    """If there are several, each says which senders it is about."""
    reading = read(policy(mode, more="\r\n" if doubtful else ""))
    found = groups(Seen(True, doubtful, reading, plain=plain, seconds=20, hosts=tuple(hosts)), ENFORCED)
    assert 1 <= len(found) <= 3
    assert len(found) == 1 or len({group.senders for group in found}) == len(found)
    assert all("\n" not in group.text and group.text.endswith(".") for group in found)
