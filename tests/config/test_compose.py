"""Entries merged into a policy.yaml: whatever comes, nothing is lost, and the file stays without errors."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mtasts.check import policy_host, tls_reporting
from mtasts.check.clients.https import Fetched
from mtasts.check.clients.resolver import Answer, Status
from mtasts.check.importer import Published, evaluate
from mtasts.config import model
from mtasts.config.compose import Entry, merged
from mtasts.config.model import Config
from mtasts.findings import has_errors
from mtasts.sts.policy import Mode, MxPattern, Policy

NAMES = ["a.example", "b.example", "c.example", "107.example", "xn--bcher-kva.example", "on.example"]
MX = ["mx1.example.net", "MX2.example.net", "*.example.org", "1.5", "null", "0x1f", "2001-01-01", "mx1.example.net.eu"]
RUA = ["mailto:a@x.example", "https://x.example/#tls", "mailto:b@x.example?subject=a:b", "HTTPS://y.example/"]

POLICIES = st.just(Policy(Mode.NONE, (), 86400)) | st.builds(
    Policy,
    st.sampled_from(Mode),
    st.lists(st.sampled_from(MX).map(MxPattern), min_size=1, max_size=4, unique_by=str.lower).map(tuple),
    st.sampled_from([86400, 604800, 31557600]),
)
ENTRIES = st.lists(
    st.builds(
        Entry,
        st.sampled_from(NAMES),
        POLICIES,
        st.lists(st.sampled_from(RUA), max_size=3, unique=True).map(tuple),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda entry: entry.domain,
)
OWN: st.SearchStrategy[dict[str, Any] | None] = st.one_of(
    st.none(),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "mode": st.sampled_from(["testing", "enforce", "none"]),
            "max_age": st.just(86400),
            "mx": st.lists(st.sampled_from(MX), min_size=1, max_size=3, unique_by=str.lower),
            "zone": st.just("example"),
            "retired": st.booleans(),
        },
    ),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """Return a policy.yaml without errors: blocks, flow or JSON, with comments and either line end."""
    data = {
        "version": "STSv1",
        "mode": draw(st.sampled_from(["testing", "enforce", "none"])),
        "max_age": 604800,
        "mx": draw(st.lists(st.sampled_from(MX), min_size=1, max_size=3, unique_by=str.lower)),
        "domains": draw(st.dictionaries(st.sampled_from([*NAMES, "A.Example"][1:]), OWN, min_size=1, max_size=3)),
        "hosting": {"kind": "web-server", "hostname": "www.example.com"},
        **draw(st.sampled_from([{}, {"tls_reporting": {"rua": RUA[:1]}}, {"dns": {"ttl": 300}}])),
    }
    keys = draw(st.permutations(list(data)))
    ordered = json.loads(json.dumps({key: data[key] for key in keys}))  # no anchors for what is drawn once
    text = draw(
        st.sampled_from(
            [
                json.dumps(ordered),
                json.dumps(ordered, indent=2),
                *(
                    yaml.safe_dump(ordered, sort_keys=False, default_flow_style=flow, indent=indent)
                    for flow, indent in ((None, 2), (False, 2), (False, 4), (True, 2))
                ),
            ]
        )
    )
    if not text.startswith("{"):
        text = "".join(f"# {number}\n{line}" for number, line in enumerate(text.splitlines(keepends=True)))
        text = re.sub(r": null$", draw(st.sampled_from([":", ": ~", ":   # here"])), text, flags=re.MULTILINE)
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def read(text: str) -> Config:
    """Return a config that has no errors."""
    found, findings = model.read(text)
    assert found, (findings, text)
    return found


def others(found: Config, names: Sequence[str]) -> list[object]:
    """Return all that a merge of some domains must leave as it is."""
    domains = [domain for domain in (*found.domains, *found.retired) if domain.name not in names]
    return [sorted(domains, key=lambda domain: domain.name), found.hosting, found.ttl]


@given(files(), ENTRIES, st.booleans())
def test_all_that_was_there_stays_and_what_was_asked_is_there(text: str, entries: list[Entry], force: bool) -> None:
    """In any way of writing YAML: other entries, hosting, DNS, report addresses, comments and line ends."""
    before = read(text)
    result = merged(text, entries, force)
    assert result.text is not None
    assert result.refused == {}
    after, names = read(result.text), [entry.domain for entry in entries]
    assert others(after, names) == others(before, names)
    assert set(before.rua) <= set(after.rua)
    assert set(re.findall(r"# \d+", text)) <= set(re.findall(r"# \d+", result.text))
    assert ("\r\n" in text) is ("\r\n" in result.text)
    assert not re.search("[^\r]\n", result.text) or "\r\n" not in text
    earlier = {domain.name: domain for domain in (*before.domains, *before.retired)}
    there = {domain.name: domain for domain in (*after.domains, *after.retired)}
    for entry in entries:
        now = there[entry.domain]
        if entry.domain in earlier:
            assert now.zone == earlier[entry.domain].zone
        if entry.domain in earlier and not force:
            assert (entry.domain in result.kept, now) == (True, earlier[entry.domain])
        else:
            assert (now.policy.mode, now.policy.max_age) == (entry.policy.mode, entry.policy.max_age)
            assert set(now.policy.mx) == {pattern.lower() for pattern in entry.policy.mx or now.policy.mx}
            assert now in after.domains
    assert merged(result.text, entries, force).text == result.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  a.example:\n", "  a.example:\n"),
        ("  a.example:  # ours\n", "  a.example:  # ours\n"),
        ("  a.example: {zone: example}\n", "  a.example: {zone: example}\n"),
    ],
)
def test_a_repository_for_one_domain_keeps_its_policy_at_the_top(before: str, after: str) -> None:
    """As the template writes it: the entry inherits all of it."""
    top = "version: STSv1\nmode: {}\nmax_age: {}  # seconds\nmx:\n  # the hosts\n{}domains:\n"
    end = "hosting: {kind: web-server, hostname: www.example.com}\n"
    text = top.format("testing", 604800, "  - old.example.net\n  - mx1.example.net  # new\n") + before + end
    policy = Policy(Mode.ENFORCE, (MxPattern("MX1.example.net"), MxPattern("*.example.org")), 1209600)
    assert merged(text, [Entry("a.example", policy)], True).text == (
        top.format("enforce", 1209600, '  - mx1.example.net  # new\n  - "*.example.org"\n') + after + end
    )


@given(ENTRIES)
def test_a_new_file_has_what_was_asked_and_a_hosting_that_can_carry_it(entries: list[Entry]) -> None:
    """Of several domains at once, the first and the most common policy at the top."""
    result = merged(None, entries, force=False)
    assert (result.refused, result.kept) == ({}, frozenset())
    after = read(result.text or "")
    assert [domain.name for domain in after.domains] == [entry.domain for entry in entries]
    for domain, entry in zip(after.domains, entries, strict=True):
        assert (domain.policy.mode, domain.policy.max_age) == (entry.policy.mode, entry.policy.max_age)
        assert not entry.policy.mx or set(domain.policy.mx) == {pattern.lower() for pattern in entry.policy.mx}
    assert set(after.rua) == set(next((entry.rua for entry in entries if entry.rua), ()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "[  # ours\n  old.example.net,  # gone\n  mx1.example.net, # new, too\n]",
            '[  # ours\n  mx1.example.net, "*.example.org"  # gone\n   # new, too\n]',
        ),
        (
            "\n  # ours\n  - old.example.net  # gone\n  # the next\n  - mx1.example.net\n  # no more",
            '\n  # ours\n  # the next\n  - mx1.example.net\n  - "*.example.org"\n  # no more',
        ),
    ],
)
def test_comments_between_hosts_stay(before: str, after: str) -> None:
    """In brackets and in lines; only a comment behind a host in its line goes with the host."""
    text = (
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: {}\ndomains:\n  a.example:\n"
        "hosting: {{kind: web-server, hostname: www.example.com}}\n"
    )
    policy = Policy(Mode.TESTING, (MxPattern("*.example.org"), MxPattern("mx1.example.net")), 604800)
    assert merged(text.format(before), [Entry("a.example", policy)], True).text == text.format(after)


def test_a_byte_order_mark_stays_and_shifts_no_value() -> None:
    """Editors on Windows write one. The file was refused as "a layout that cannot be edited automatically"."""
    text = "version: STSv1\nmode: testing # yet\nmax_age: 604800\nmx: [a.example]\ndomains:\n  b.example:\n"
    text += "hosting: {kind: web-server}\n"
    found = merged("\ufeff" + text, [Entry("b.example", Policy(Mode.ENFORCE, (MxPattern("c.example"),), 86400))], True)
    assert not found.refused
    wanted = text.replace("testing", "enforce").replace("604800", "86400").replace("[a.example]", "[c.example]")
    assert found.text == "\ufeff" + wanted


def test_a_retired_domain_stays_retired_unless_forced() -> None:
    """And comes back into force by --force, which is said."""
    text = (
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx1.example.net]\ntls_reporting: {rua: ['https://x']}\n"
        "domains:\n  a.example:\n  b.example: {retired: true}\nhosting: {kind: web-server, hostname: www.example.com}\n"
    )
    entry = Entry("b.example", Policy(Mode.TESTING, (MxPattern("mx1.example.net"),), 604800))
    kept = merged(text, [entry], False)
    assert (kept.text, kept.notes["b.example"]) == (
        text,
        ("It is retired in policy.yaml, and stays retired. To replace its entry, add --force.",),
    )
    forced = merged(text, [entry], True)
    assert forced.text == text.replace("retired: true", "retired: false")
    assert forced.notes["b.example"] == ("It was retired in policy.yaml, and is active again.",)


BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                *(
                    b"version: STSv1",
                    b"mode: enforce",
                    b"mode: Testing",
                    b"mode: none",
                    b"mx: mx1.example.net",
                    b"mx: a_b.c",
                ),
                *(b"mx: *.co.uk", b"mx: a.example.", b"mx: ", b"mx: 192.0.2.1", b"mx: \xc3\xbc.example", b"mx: 1e3"),
                *(
                    b"max_age: 604800",
                    b"max_age: 0",
                    b"max_age: 1e9",
                    b"",
                    b"\xef\xbb\xbf",
                    b"# x",
                    b"<p>",
                    b"x: \x1b[2J",
                ),
            ]
        ),
        max_size=9,
    ).map(b"\n".join),
)
HOSTS = st.sampled_from(
    [
        *(
            "mx1.example.net",
            "*.co.uk",
            "*.mx.example",
            "192.0.2.1",
            "_dc-mx.1f.a.example",
            "a_b.example",
            "localhost",
            "1e3",
        ),
        *("x.mx-verification.google.com", "ms1.msv1.invalid", "smtp.google.com", "a.mail.protection.outlook.com", "."),
        *("a\\195\\188.example", "-.example", "MX1.example.NET", "a" * 64 + ".example"),
    ]
)
TXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["rua=mailto:a@x.example", "rua=a@x.example", "rua=https://x.example/,mailto:b@x.example!10m", "x=1", ""]
        ),
        max_size=3,
    ).map(lambda fields: "; ".join(["v=TLSRPTv1", *fields])),
    st.integers(15, 40).map(lambda many: "v=TLSRPTv1; rua=" + ",".join(f"mailto:{n}@x.example" for n in range(many))),
    st.just(f"v=TLSRPTv1; rua=mailto:{'a' * 5000}@x.example"),
)


@st.composite
def answers(draw: st.DrawFn) -> Published:
    """Return what a hostile domain may answer."""
    fetched = Fetched(
        "192.0.2.80", 200, {"content-type": "text/plain; charset=utf-8"}, draw(BYTES), "TLSv1.3", 4e9, 0.1
    )
    hosts = draw(st.lists(HOSTS, max_size=4))
    mx = tuple(f"{number} {host}" for number, host in enumerate(hosts))
    txts = draw(st.lists(TXTS, max_size=2))
    return Published(
        policy_host.Observed("mta-sts.a.example", (), (fetched,) if draw(st.booleans()) else ()),
        Answer("a.example", Status.FOUND if mx else Status.NO_DATA, mx),
        tls_reporting.Observed(
            Answer("_smtp._tls.a.example", Status.FOUND if txts else Status.NO_DATA, tuple(txts)), ()
        ),
    )


@given(answers(), files(), st.booleans())
def test_whatever_a_domain_answers_the_file_stays_right_and_every_mx_host_is_named(
    seen: Published, text: str, force: bool
) -> None:
    """The file has no error after it, and an MX host is covered, or named in what is said."""
    found = evaluate("a.example", seen)
    said = "\n".join(note if isinstance(note, str) else note.message for note in found.notes)
    for value in seen.exchange.values:
        host = value.partition(" ")[2].lower()
        if host != ".":
            assert (found.entry and found.entry.policy.matches(host)) or host[:60] in said.replace("\\\\", "\\")
    if found.entry:
        assert not any(name.startswith("_") or name.endswith(".invalid") for name in found.entry.policy.mx)
        for start in (None, text):
            result = merged(start, [found.entry], force)
            assert result.refused == {}
            assert not has_errors(model.read(result.text or "")[1])
