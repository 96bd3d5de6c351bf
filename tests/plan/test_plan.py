"""plan: what a change does and whether mail survives it, by real git histories at chosen dates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TEMPLATE, Bake, verb
from mtasts.config import model
from mtasts.findings import Finding
from mtasts.findings.forms import FORMATS, as_json, as_markdown, as_text
from mtasts.history import revisions, timeline
from mtasts.history.repository import Message
from mtasts.history.repository import Repository as History
from mtasts.history.timeline import Span, Timeline
from mtasts.plan import next_steps, overrides, report
from mtasts.plan.diff import Change
from mtasts.plan.observed import MX_NEEDED
from mtasts.plan.overrides import Allowance
from mtasts.plan.plan import Allowed, Plan, plan
from mtasts.plan.safety import Danger
from mtasts.sts.policy import Mode, MxPattern, Policy
from repositories import Repository

TESTING = "mode: testing, max_age: 604800"
ENFORCE = "mode: enforce, max_age: 2419200"
SCHEMA = json.loads((TEMPLATE / "mtasts" / "plan" / "plan.schema.json").read_text(encoding="utf-8"))


def policy(
    *domains: str, hostname: str = "app.example.net", rua: str = "mailto:tls@example.com", more: str = ""
) -> str:
    """Return a policy.yaml: every domain as `name: own keys`, beside example.net, which stays as it is."""
    entries = "".join(f"  {name}: {{{own}}}\n" for name, _, own in (each.partition(": ") for each in domains))
    return (
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx1.example.com]\n"
        f"domains:\n{entries}  example.net:\n"
        f"tls_reporting: {{rua: ['{rua}']}}\nhosting: {{kind: web-server, hostname: {hostname}}}\n{more}"
    )


class World:
    """A repository, and a clock that goes on with it."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder)
        self.path = folder / "policy.yaml"

    def propose(self, text: str, now: str, *messages: str) -> Plan:
        """Change policy.yaml as a pull request does, with commits that have these messages; return its plan."""
        start = self.repository.head()
        for message in messages:
            self.repository.commit({}, now, message)
        self.path.write_text(text, encoding="utf-8")
        after, findings = model.load(self.path)
        assert after, findings
        moment = datetime.fromisoformat(now).replace(tzinfo=timezone.utc)
        known = History.of(self.path)
        past = revisions.read(known, start, moment)
        given = list(overrides.allowances(known.messages(start, known.resolve("HEAD"))))
        made = plan(start, past, after, given, moment)
        self.repository.git("reset", "--quiet", "--hard", start)
        return made

    def merge(self, text: str, when: str) -> None:
        """Put a policy.yaml on main."""
        self.repository.commit({"policy.yaml": text}, when)

    def refused(self, text: str, now: str, *findings: tuple[str, str]) -> None:
        """Expect errors: their rules, and what their messages say."""
        made = self.propose(text, now)
        assert [each.finding.rule.id for each in made.unsafe] == [rule for rule, _ in findings]
        for danger, (_, said) in zip(made.unsafe, findings, strict=True):
            assert said in danger.finding.message
        assert made.next_steps == {}

    def accepted(self, text: str, now: str, step: str | None = None) -> None:
        """Expect no findings, and the next step for example.com; then merge it."""
        made = self.propose(text, now)
        assert made.findings == []
        assert [next_steps.said(each, "example.com") for each in made.next_steps.get("example.com", [])] == [
            *filter(None, [step])
        ]
        self.merge(text, now)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A new repository."""
    return World(tmp_path / "repository")


def test_a_year_of_a_domain(world: World) -> None:
    """From import over testing, enforce, an MX move and an incident to retirement: each shortcut has its date."""
    # Import: testing for a week.
    world.merge(policy(), "2026-01-02T09:00:00")
    week = "7 days (its max_age) after the new id is published"
    ready = f"example.com can move to enforce {week}, if the TLS reports show no failures."
    world.accepted(policy(f"example.com: {TESTING}"), "2026-01-05T09:00:00", ready)

    # Enforce, too soon and in time.
    soon = "example.com has been in testing for only 3 days, since 2026-01-05 09:00 UTC. Its max_age is 7 days,"
    enforced = policy(f"example.com: {ENFORCE}")
    world.refused(
        enforced, "2026-01-08T09:00:00", ("MTS502", f"{soon} so you can enforce from 2026-01-12 09:00 UTC on.")
    )
    world.refused(enforced, "2026-01-12T08:59:59", ("MTS502", "you can enforce from 2026-01-12 09:00 UTC on."))
    world.accepted(enforced, "2026-01-12T09:00:00")

    # A cut of the protection.
    cut = policy("example.com: mode: enforce, max_age: 1209599")
    said = "example.com: max_age drops from 2419200 to 1209599 in enforce. Write 1209600 or more."
    world.refused(cut, "2026-02-01T09:00:00", ("MTS508", said))

    # An MX move: the new host first, the old one last.
    at_once = policy(f"example.com: {ENFORCE}, mx: [mx2.example.com]")
    wait = "one hour (the record's TTL) after the id of that change is published."
    said = "this change replaces mx 'mx1.example.com' with 'mx2.example.com' in one step. Add 'mx2.example.com' first"
    said = f"{said}, and remove 'mx1.example.com' later. You can add 'mx2.example.com' to the MX records {wait}"
    world.refused(at_once, "2026-03-10T08:00:00", ("MTS511", said))
    both = policy(f"example.com: {ENFORCE}, mx: [mx1.example.com, mx2.example.com]")
    wait = "one hour (the record's TTL) after the new id is published."
    world.accepted(both, "2026-03-10T08:00:00", f"You can add mx2.example.com to the MX records of example.com {wait}")
    moved = policy(f"example.com: {ENFORCE}, mx: [mx2.example.com]")
    said = "mx 'mx1.example.com' is removed, but not all senders know 'mx2.example.com' yet. Run plan --live"
    world.refused(moved, "2026-03-10T08:59:59", ("MTS511", said))
    said = "mx 'mx1.example.com' is removed, but the MX records may still need it. Run plan --live"
    world.refused(moved, "2026-03-20T08:00:00", ("MTS511", said))
    world.merge(moved, "2026-03-20T08:00:00")  # as plan --live lets it through

    # The hosting moves; not with the policy.
    longer = "mode: enforce, max_age: 4838400, mx: [mx2.example.com]"
    other = policy(f"example.com: {longer}", hostname="new.example.net")
    said = "The hosting and the policy of example.com change together. Move only the hosting first."
    world.refused(other, "2026-04-01T08:00:00", ("MTS509", said))
    world.accepted(moved.replace("app.example", "new.example"), "2026-04-01T08:00:00")
    new = {"hostname": "new.example.net"}

    # An incident: back to testing at once, and to enforce when testing was long enough again.
    back = policy(f"example.com: {TESTING}, mx: [mx2.example.com]", **new)
    world.accepted(back, "2026-05-02T10:00:00", ready)
    again = policy(f"example.com: {ENFORCE}, mx: [mx2.example.com]", **new)
    world.refused(again, "2026-05-04T10:00:00", ("MTS502", "you can enforce from 2026-05-09 10:00 UTC on."))
    world.accepted(again, "2026-05-09T10:00:00")

    # The way out, by shortcuts and by steps.
    gone, retired = policy(**new), policy("example.com: retired: true", **new)
    month = "28 days (the max_age of the previous policy) after the new id is published"
    said = f"Keep its entry, with mode: none and max_age: 86400. You can retire it {month}."
    world.refused(gone, "2026-11-01T12:00:00", ("MTS507", said))
    world.refused(retired, "2026-11-01T12:00:00", ("MTS507", said))
    long = policy("example.com: mode: none, max_age: 604800", **new)
    said = "example.com: senders would keep mode none for 7 days. Write max_age: 86400."
    world.refused(long, "2026-11-01T12:00:00", ("MTS506", said))
    none = policy("example.com: mode: none, max_age: 86400", **new)
    world.accepted(none, "2026-11-01T12:00:00", f"You can retire example.com (retired: true) {month}.")
    said = "senders may still follow a policy from before mode none. Retire it from 2026-11-29 12:00 UTC on."
    for early in (gone, retired):
        world.refused(early, "2026-11-29T11:59:00", ("MTS505", said))
    said = "if you delete its entry now, its DNS records stay. Set retired: true first."
    world.refused(gone, "2026-11-29T12:00:00", ("MTS505", said))
    step = "Delete example.com from policy.yaml when DNS has no record of it any more."
    world.accepted(retired, "2026-11-29T12:00:00", step)
    world.accepted(gone, "2026-12-01T12:00:00")


def test_the_longest_memory_counts_not_the_latest(world: World) -> None:
    """A sender may have fetched the policy of half a year just before it was replaced by one of a week."""
    world.merge(policy("example.com: mode: enforce, max_age: 15552000"), "2026-01-01T00:00:00")
    world.merge(policy("example.com: mode: enforce, max_age: 604800"), "2026-02-01T00:00:00")
    world.merge(policy("example.com: mode: none, max_age: 86400"), "2026-03-01T00:00:00")
    said = "Retire it from 2026-07-31 00:00 UTC on."
    world.refused(policy("example.com: retired: true"), "2026-07-30T23:00:00", ("MTS505", said))
    assert world.propose(policy("example.com: retired: true"), "2026-07-31T00:00:00").findings == []


def test_a_testing_domain_is_not_dropped_either(world: World) -> None:
    """Its senders would go on reporting what cannot be corrected any more."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    said = (
        "example.com is in testing, and senders still follow the policy that they cached. Keep its entry, with "
        "mode: none and max_age: 86400. You can retire it 7 days (the max_age of the previous policy) after the new id "
        "is published."
    )
    world.refused(policy(), "2026-06-01T00:00:00", ("MTS505", said))


@pytest.mark.parametrize("before", [None, "mode: none, max_age: 86400", "retired: true"])
def test_enforce_out_of_nowhere_is_refused(world: World, before: str | None) -> None:
    """There is no date: testing has to begin first."""
    world.merge(policy(*([f"example.com: {before}"] if before else [])), "2026-01-01T00:00:00")
    said = "example.com is not in testing. Start with mode: testing, and move to enforce after one max_age."
    world.refused(policy(f"example.com: {ENFORCE}"), "2026-06-01T00:00:00", ("MTS502", said))


def test_a_break_in_testing_begins_anew(world: World) -> None:
    """A day without a policy in the middle is a day that no report tells of."""
    for when, own in (("01", TESTING), ("05", "mode: none, max_age: 86400"), ("06", TESTING)):
        world.merge(policy(f"example.com: {own}"), f"2026-01-{when}T00:00:00")
    world.merge(policy(f"example.com: {TESTING}, mx: [mx9.example.com]"), "2026-01-08T00:00:00")  # no break
    said = "since 2026-01-06 00:00 UTC. Its max_age is 7 days, so you can enforce from 2026-01-13 00:00 UTC on."
    world.refused(policy(f"example.com: {ENFORCE}"), "2026-01-10T00:00:00", ("MTS502", said))


def test_several_dangers_have_the_latest_date(world: World) -> None:
    """One line says when the whole change is safe."""
    world.merge(policy(f"example.com: {TESTING}", "example.org: mode: testing, max_age: 864000"), "2026-01-01T00:00:00")
    change = policy(f"example.com: {ENFORCE}", f"example.org: {ENFORCE}")
    made = world.propose(change, "2026-01-02T00:00:00")
    assert report.verdict(made) == "Not safe: 2 errors. It is safe to merge from 2026-01-11 00:00 UTC on."


def test_what_waiting_does_not_help_has_no_date(world: World) -> None:
    """A date would be a promise."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    change = policy(f"example.com: {ENFORCE}", "example.org: mode: enforce, max_age: 604800")
    assert report.verdict(world.propose(change, "2026-01-02T00:00:00")) == "Not safe: 2 errors."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (policy(), "Nothing changes for senders."),
        ("# a comment\n" + policy(), "Nothing changes for senders."),
        (policy(rua="mailto:other@example.com"), "Safe: 1 domain changes."),
        (policy(more="dns: {ttl: 300}\n"), "Safe: 1 domain changes."),
        (policy(hostname="new.example.net"), "Safe: 1 domain changes."),
        (policy(f"example.com: {TESTING}", f"example.org: {TESTING}"), "Safe: 2 domains change."),
    ],
)
def test_safe_changes(world: World, text: str, said: str) -> None:
    """Reports, records and new domains can change at any time."""
    world.merge(policy(), "2026-01-01T00:00:00")
    made = world.propose(text, "2026-01-02T00:00:00")
    assert (made.findings, report.verdict(made)) == ([], said)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        # I3: what explain mx-move promises. Mail may still go there, and nobody looked.
        ("[a.example.net, b.example.net]", "[a.example.net]", "b.example.net"),
        ("['*.example.net']", "[a.example.net, b.example.net]", "*.example.net"),
        ("['*.example.net', c.example.org]", "['*.example.net']", "c.example.org"),
        # The same hosts, written in another way, or more of them.
        ("[a.example.net, b.example.net]", "['*.example.net']", None),
        ("[a.example.net]", "[A.EXAMPLE.NET, b.example.net]", None),
    ],
)
def test_an_mx_goes_in_enforce_only_if_someone_looked(world: World, before: str, after: str, gone: str | None) -> None:
    """However long the policy has been in force: where the MX records lead is not in git."""
    world.merge(policy(f"example.com: {ENFORCE}, mx: {before}"), "2026-01-01T00:00:00")
    made = world.propose(policy(f"example.com: {ENFORCE}, mx: {after}"), "2026-06-01T00:00:00")
    said = f"example.com: mx '{gone}' is removed, but the MX records may still need it. Run plan --live"
    assert [each.finding.rule.id for each in made.unsafe] == (["MTS511"] if gone else [])
    assert not gone or made.findings[0].message.startswith(said)
    assert made.safe_from is None


@pytest.mark.parametrize(
    "own", ["mode: enforce, max_age: 1209600", "mode: enforce, max_age: 4838400", "mode: testing, max_age: 86400"]
)
def test_max_age_may_be_halved_raised_or_cut_outside_enforce(world: World, own: str) -> None:
    """By half is still safe; and in testing nobody relies on it."""
    world.merge(policy(f"example.com: {ENFORCE}"), "2026-01-01T00:00:00")
    assert world.propose(policy(f"example.com: {own}"), "2026-06-01T00:00:00").findings == []


def test_a_first_host_name_is_no_move(world: World) -> None:
    """The hosting is found out after the first commit, when the policy may still be in the making."""
    world.merge(policy(f"example.com: {TESTING}").replace(", hostname: app.example.net", ""), "2026-01-01T00:00:00")
    assert world.propose(policy("example.com: max_age: 86400"), "2026-01-02T00:00:00").findings == []


# The hosting moves


def hosted(own: str, more: str = "") -> str:
    """Return a policy.yaml with this hosting."""
    return policy().replace("{kind: web-server, hostname: app.example.net}", f"{{{own}}}") + more


FUNCTION = "kind: function, name: mtasts-a, region: westeurope, hostname: mtasts-a.azurewebsites.net"
STATIC = "kind: static-web-app, name: mtasts-b, region: westeurope, hostname: b.azurestaticapps.net"
DOOR = "kind: front-door, name: mtasts-d, hostname: d.z01.azurefd.net"
SERVER = "kind: web-server, hostname: app.example.net"
MOVES = [
    # I6: "Safe: no domain changes."
    (FUNCTION, STATIC, "Safe: 1 domain changes.", "points to b.azurestaticapps.net.", "Azure issues"),
    (STATIC, FUNCTION, "Safe: 1 domain changes.", "points to mtasts-a.azurewebsites.net.", "Azure issues"),
    (FUNCTION, DOOR, "Safe: 1 domain changes.", "points to d.z01.azurefd.net.", "using the record _dnsauth.mta-sts"),
    (FUNCTION, SERVER, "Safe: 1 domain changes.", "points to app.example.net.", "needs a certificate for each policy"),
    (SERVER, SERVER.replace("app.", "new."), "Safe: 1 domain changes.", "points to new.example.net.", "such as Caddy"),
    ("kind: function", "kind: web-server", "Safe: the hosting changes.", "points to the new hosting", "needs a"),
    ("kind: front-door", "kind: function", "Safe: the hosting changes.", "points to the new hosting", "within minutes"),
    (FUNCTION.split(", host")[0], FUNCTION.split(", host")[0].replace("-a", "-c"), "Safe: the hosting changes.",
     "points to the new hosting.", "Azure issues the certificate"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "said", "cname", "certificate"), MOVES)
def test_a_move_of_the_hosting_says_its_steps(
    world: World, before: str, after: str, said: str, cname: str, certificate: str
) -> None:
    """The new hosting, the CNAME, the certificate, and the end of the old hosting, in this order."""
    world.merge(hosted(before), "2026-01-01T00:00:00")
    made = world.propose(hosted(after), "2026-01-02T00:00:00")
    new, records, proof, old = made.hosting_steps
    assert report.verdict(made) == said
    assert new.startswith("Before the merge, create the new hosting beside the old one, and upload the policy to it.")
    assert ("set hosting.hostname in policy.yaml to its host name" in new) == ("points to the new hosting" in cname)
    assert f"the deployment points the CNAME of each policy host {cname.removeprefix('points ')}" in records
    assert certificate in proof
    assert old.startswith("Keep the old hosting until the CNAME has changed, one hour (its TTL) has passed")
    shown = report.plan_report(made)
    assert [line for line in as_text(shown).splitlines() if line.startswith("next, for the hosting: ")] == [
        f"next, for the hosting: {step}" for step in made.hosting_steps
    ]
    assert json.loads(as_json(shown))["hosting_steps"] == list(made.hosting_steps)


@pytest.mark.parametrize(
    ("before", "after"),
    [(SERVER, SERVER), ("kind: function", FUNCTION), ("kind: web-server", SERVER)],
)
def test_what_is_no_move_has_no_steps(world: World, before: str, after: str) -> None:
    """A host name that was not known before is the first deployment's."""
    world.merge(hosted(before), "2026-01-01T00:00:00")
    assert world.propose(hosted(after), "2026-01-02T00:00:00").hosting_steps == ()


# Overrides


SOON = f"example.com: {ENFORCE}"


def proposed(world: World, *messages: str) -> Plan:
    """Propose to enforce a day after testing began, with commits that have these messages."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    return world.propose(policy(SOON), "2026-01-02T00:00:00", *messages)


@pytest.mark.parametrize(
    "message",
    [
        "Enforce\n\nAllow: MTS502 example.com",
        "allow:mts502   EXAMPLE.COM.  \nReviewed-by: me",
        "Enforce\r\n\r\nAllow: MTS502 example.com\r\n",
    ],
)
def test_an_allow_line_lets_an_error_through(world: World, message: str) -> None:
    """And it is shown, with its commit: reviewed like code."""
    made = proposed(world, "One", message)
    assert made.findings == []
    assert [each.danger.finding.rule.id for each in made.allowed] == ["MTS502"]
    assert report.verdict(made) == "Allowed, with 1 error let through by name: 1 domain changes."
    commit = made.allowed[0].by.commit[:12]
    shown = report.plan_report(made)
    assert f"allowed by commit {commit}: MTS502 example.com has been in testing for only 1 day," in as_text(shown)
    # I5: it said ✅.
    summary = "Allowed, with 1 error let through by name: 1 domain changes."
    assert as_text(shown).splitlines()[-1] == f"⚠️ {summary}"
    for form in ("github", "azure-devops"):
        assert FORMATS[form](shown).splitlines()[-1] == f"⚠️ {summary}"
    assert as_markdown(shown).splitlines()[0] == f"## ⚠️ MTA-STS: {summary}"
    assert json.loads(as_json(shown))["verdict"] == "safe"
    assert not any("✅" in FORMATS[form](shown) for form in FORMATS)
    assert f"- Allowed by commit {commit}: MTS502 example.com has been" in as_markdown(shown)


def test_an_error_that_is_left_is_no_override(world: World) -> None:
    """One is let through, and another is not: ❌."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    made = world.propose(policy(SOON, f"new.example: {ENFORCE}"), "2026-01-02T00:00:00", "Allow: MTS502 example.com")
    shown = report.plan_report(made)
    assert as_markdown(shown).startswith("## ❌ MTA-STS: Not safe: 1 error.")
    assert as_text(shown).splitlines()[-1] == "Not safe: 1 error."


@pytest.mark.parametrize(
    "line",
    ["MTS502", "MTS502 example.net", "MTS505 example.com", "MTS502 *", "example.com MTS502", "everything", ""],
)
def test_an_allow_line_that_fits_nothing_is_told_of(world: World, line: str) -> None:
    """A slip in it would otherwise look as if it had no effect."""
    made = proposed(world, f"Enforce\n\nAllow: {line}")
    assert [finding.rule.id for finding in made.findings] == ["MTS502", "MTS524"]
    assert f"'Allow: {line}' in commit " in made.findings[1].message
    assert made.findings[1].message.endswith(" matches no error. Correct it or remove it.")


def test_an_allow_line_on_main_allows_nothing_more(world: World) -> None:
    """It holds for its own pull request."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    world.repository.commit({}, "2026-01-01T01:00:00", "Allow: MTS502 example.com")
    made = world.propose(policy(SOON), "2026-01-02T00:00:00")
    assert [finding.rule.id for finding in made.findings] == ["MTS502"]


def test_a_warning_needs_no_allow_line(world: World) -> None:
    """Only errors are let through by name."""
    world.merge(policy(), "2026-01-01T00:00:00")
    world.merge("version: STSv9\n", "2026-01-02T00:00:00")
    made = world.propose(policy(), "2026-01-03T00:00:00", "Allow: MTS522")
    assert [finding.rule.id for finding in made.findings] == ["MTS522", "MTS524"]


# The history


def test_a_revision_that_lint_refuses_is_skipped_and_named(world: World) -> None:
    """No pipeline deployed it: testing went on, and the change is compared with what was before."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    world.merge(policy("example.com: mode: enforced"), "2026-01-05T00:00:00")
    broken = world.repository.head()
    made = world.propose(policy(SOON), "2026-01-09T00:00:00")
    (warning,) = made.findings
    assert (warning.rule.id, made.unsafe) == ("MTS522", [])
    assert warning.message.startswith(
        f"Commit {broken[:12]} is skipped, because its policy.yaml does not pass lint: Unknown mode 'enforced' for"
    )
    assert made.change.domains[0].title == "mode testing to enforce, max_age 604800 to 2419200"


def test_a_commit_from_the_future_is_named_and_counts_as_late(world: World) -> None:
    """A clock that goes ahead must not make testing look longer, nor hold it up for ever."""
    world.merge(policy(f"example.com: {TESTING}"), "2031-01-01T00:00:00")
    wrong = world.repository.head()
    made = world.propose(policy(SOON), "2026-01-09T00:00:00")
    assert [finding.rule.id for finding in made.findings] == ["MTS502", "MTS523"]
    assert "you can enforce from 2026-01-16 00:00 UTC on." in made.findings[0].message
    said = f"Commit {wrong[:12]} has an impossible date. The plan uses the latest possible one. Check the clock."
    assert made.findings[1].message == said


def test_a_merge_counts_when_it_was_merged(world: World) -> None:
    """A branch that waited for months was not in testing meanwhile."""
    world.merge(policy(), "2026-01-01T00:00:00")
    world.repository.branch("change")
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-02T00:00:00")
    world.repository.switch("main")
    world.repository.merge("change", "2026-05-01T00:00:00")
    world.refused(policy(SOON), "2026-05-02T00:00:00", ("MTS502", "you can enforce from 2026-05-08 00:00 UTC on."))


def test_a_renamed_file_has_its_history(world: World) -> None:
    """Moving policy.yaml into a folder begins nothing anew."""
    world.merge(policy(f"example.com: {TESTING}"), "2026-01-01T00:00:00")
    world.repository.rename("policy.yaml", "mail/policy.yaml", "2026-01-07T00:00:00")
    world.path = world.path.parent / "mail" / "policy.yaml"
    assert world.propose(policy(SOON), "2026-01-09T00:00:00").findings == []


# What comes from outside, as properties


@given(st.text(max_size=200))
def test_any_commit_message_is_read(text: str) -> None:
    """No message breaks the reading, and what is allowed is a rule of changes, for one domain or for none."""
    for each in overrides.allowances([Message("1" * 40, f"Change\n\nAllow: {text}\nAllow: MTS502 {text}")]):
        assert each.rule is None or re.fullmatch("MTS5[0-9][0-9]", each.rule)
        assert each.domain is None or not re.search(r"\s", each.domain)


HOSTILE_TEXTS = st.text(
    st.one_of(st.sampled_from('<>|`*_[]()#!@:/\\\n\r\t&"$~\x1b'), st.characters(codec="utf-8")), max_size=40
).map(lambda text: f"{text}##vso[x]\n::error::y <b> [z](https://z) | `")


@given(HOSTILE_TEXTS, HOSTILE_TEXTS)
def test_hostile_text_means_nothing_in_any_form(said: str, line: str) -> None:
    """Neither a terminal, nor a pipeline's log, nor Markdown takes any of it for more than text."""
    danger = Danger(Finding(MX_NEEDED, said, domain="example.com"))
    made = Plan("1" * 40, Change(()), (danger,), (Allowed(danger, Allowance("2" * 40, line, None, None)),), {}, True)
    for form in ("text", "github", "azure-devops"):
        for each in FORMATS[form](report.plan_report(made)).splitlines()[1 if form != "text" else 0 :]:
            assert each.isprintable() and "##vso[" not in each and not each.lstrip().startswith("::")
    shown = as_markdown(report.plan_report(made))
    for bad in ("<b>", "](", "`]", "##vso[", "https://"):
        assert bad not in shown
    (row,) = [each for each in shown.splitlines() if each.startswith("| error")]
    assert row.count("|") == 5
    assert json.loads(as_json(report.plan_report(made)))["findings"][0]["message"] == said


# Dates, as properties


MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1)).map(lambda when: when.replace(tzinfo=timezone.utc))
POLICIES = st.builds(Policy, st.sampled_from(Mode), st.just((MxPattern("mx.example.com"),)), st.integers(1, 31557600))


@st.composite
def histories(draw: Callable[[Any], Any]) -> tuple[Timeline, datetime]:
    """Make a life, and a now that is not before its end."""
    whens = sorted(draw(st.lists(MOMENTS, min_size=1, max_size=8, unique=True)))
    spans = tuple(Span(draw(st.one_of(st.none(), POLICIES)), when) for when in whens[:-1])
    return spans, whens[-1]


@given(histories())
def test_no_sender_remembers_longer(made: tuple[Timeline, datetime]) -> None:
    """Who fetched any policy at any moment of its span has forgotten it by then; who was last, only then."""
    spans, now = made
    last = timeline.forgotten(spans, now)
    ends = [*(span.since for span in spans), now][1:]
    asked = [
        end.timestamp() + span.policy.max_age
        for span, end in zip(spans, ends, strict=True)
        if span.policy and span.policy.mode is not Mode.NONE
    ]
    assert (last.timestamp() if last else None) == (max(asked) if asked else None)


@given(histories())
def test_testing_goes_back_to_the_last_other_policy(made: tuple[Timeline, datetime]) -> None:
    """Since then every span is testing, and the one before is not."""
    spans, _ = made
    since = timeline.testing_since(spans)
    modes = [span.policy.mode if span.policy else None for span in spans]
    assert (since is not None) == bool(modes and modes[-1] is Mode.TESTING)
    if since:
        first = next(index for index, span in enumerate(spans) if span.since == since)
        assert set(modes[first:]) == {Mode.TESTING}
        assert first == 0 or modes[first - 1] is not Mode.TESTING


# The verb


def ago(**time: int) -> str:
    """Return a moment before now, as git takes it."""
    from datetime import timedelta

    return (datetime.now(timezone.utc) - timedelta(**time)).isoformat(timespec="seconds")


@pytest.fixture
def repository(bake: Bake) -> Repository:
    """A baked repository whose policy has been in testing for three days, with a branch to change it on."""
    made = Repository(bake(mail_provider="other", hosting="web-server"))
    made.commit({"policy.yaml": policy(f"example.com: {TESTING}")}, ago(days=3))
    made.branch("change")
    return made


@pytest.mark.slow
def test_exit_codes(repository: Repository) -> None:
    """Without --exit-code a safe change is 0; with it no change is 0, unsafe or invalid 1, and a safe change 2."""
    for text, codes in (
        (policy(f"example.com: {TESTING}"), (0, 0)),
        (policy(f"example.com: {TESTING}", rua="https://example.com/tls"), (0, 2)),
        (policy(SOON), (1, 1)),
        ("version: STSv1\n", (1, 1)),
    ):
        repository.write({"policy.yaml": text})
        plain, told = (verb(repository.folder, "plan", *words).returncode for words in ((), ("--exit-code",)))
        assert (plain, told) == codes, text


def test_the_place_is_the_domains_line(repository: Repository) -> None:
    """The finding appears beside it on the pull request."""
    repository.write({"policy.yaml": policy(SOON)})
    done = verb(repository.folder, "plan", env={"GITHUB_ACTIONS": "true"})
    first = done.stdout.decode().splitlines()[0]
    assert first.startswith(
        "::error file=policy.yaml,line=6,col=3,title=MTS502::example.com has been in testing for only 3 "
    )
    done = verb(repository.folder, "plan", env={"TF_BUILD": "True"})
    start = "##vso[task.logissue type=error;sourcepath=policy.yaml;linenumber=6;columnnumber=3;code=MTS502]example.com"
    assert done.stdout.decode().startswith(start)


# What sha256sum says of the served texts, its first 32 digits.
FIRST = "31a77c838c175b1b2452dcced324368f"
SECOND = "c2ef7bac75bc04b9e00d2f57eb306139"


def test_the_text_shows_all_that_changes(repository: Repository) -> None:
    """Policy, id, records, reports, and the verdict in the last line."""
    changed = policy("example.com: mode: testing, max_age: 604800, mx: [mx2.example.com]", rua="https://example.com/t")
    repository.write({"policy.yaml": changed})
    done = verb(repository.folder, "plan")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[:9] == [
        "example.com: mx +mx2.example.com -mx1.example.com",
        "    version: STSv1",
        "    mode: testing",
        "  - mx: mx1.example.com",
        "  + mx: mx2.example.com",
        "    max_age: 604800",
        f"    id {FIRST} to {SECOND}",
        f"  ~ _mta-sts.example.com. TXT 3600 v=STSv1; id={FIRST}; to 3600 v=STSv1; id={SECOND};",
        "  ~ _smtp._tls.example.com. TXT 3600 v=TLSRPTv1; rua=mailto:tls@example.com; to 3600 v=TLSRPTv1; "
        "rua=https://example.com/t;",
    ]
    assert lines[-1] == "Safe: 2 domains change."


def test_main_says_what_is_open_and_what_nobody_saw(repository: Repository) -> None:
    """I4: without --live, nothing shows that a policy was ever published; said once, and with one colon a line."""
    repository.switch("main")
    repository.git("merge", "--quiet", "change")
    done = verb(repository.folder, "plan", "--format", "markdown")
    commit = repository.git("rev-parse", "--short=12", "HEAD")
    step, note = done.stdout.decode().split("\n\n")[1].splitlines()
    assert step.startswith("- Next: 2 domains can move to enforce from 20") and step.count(": ") == 1
    assert step.endswith(
        f" on, if the deployment of commit {commit} announced it and the TLS reports show no failures."
    )
    assert note.startswith("- This plan uses the git history only: what was merged, not what was published.")
    assert done.stdout.decode().count("git history only") == 1


def test_the_json_is_what_its_schema_says(repository: Repository) -> None:
    """Tools rely on it, for every verdict."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    verdicts = {}
    for verdict, text in (
        ("unchanged", policy(f"example.com: {TESTING}")),
        ("safe", policy(f"example.com: {TESTING}", f"example.org: {TESTING}", hostname="new.example.net")),
        ("unsafe", policy(SOON)),
        ("invalid", "version: STSv1\n"),
    ):
        repository.write({"policy.yaml": text})
        verdicts[verdict] = json.loads(verb(repository.folder, "plan", "--format", "json").stdout)
        validator.validate(verdicts[verdict])
        assert verdicts[verdict]["verdict"] == verdict
    unsafe = verdicts["unsafe"]
    assert unsafe["findings"][0]["safe_from"] == unsafe["safe_from"]
    assert unsafe["domains"][0]["before"]["text"].splitlines()[1] == "mode: testing"
    assert unsafe["domains"][0]["diff"][1:3] == ["- mode: testing", "+ mode: enforce"]


def test_a_file_gets_the_form_and_the_log_the_cis_own(repository: Repository) -> None:
    """The summary is Markdown, and the annotations still appear."""
    repository.write({"policy.yaml": policy(SOON)})
    words = ("plan", "--format", "markdown", "--output", "plan.md")
    done = verb(repository.folder, *words, env={"GITHUB_ACTIONS": "true"})
    assert (done.returncode, done.stdout[:14]) == (1, b"::error file=p")
    text = (repository.folder / "plan.md").read_text(encoding="utf-8")
    assert text.startswith("## ❌ MTA-STS: Not safe: 1 error. It is safe to merge from ")
    assert "<details><summary>example.com: mode testing to enforce, max&#95;age 604800 to 2419200</summary>" in text
    repository.write({"policy.yaml": "version: STSv1\n"})
    verb(repository.folder, *words)
    text = (repository.folder / "plan.md").read_text(encoding="utf-8")
    assert text.startswith("## ❌ MTA-STS: Not valid: ")


def test_many_domains_that_change_alike_are_shown_once(repository: Repository) -> None:
    """A thousand domains with one new policy are one diff."""
    names = [f"example.com: {TESTING}", *(f"d{number}.example: " for number in range(30))]
    repository.commit({"policy.yaml": policy(*names)}, ago(days=2))
    repository.git("branch", "--force", "main")
    text = policy(*names).replace("max_age: 604800\n", "max_age: 864000\n")
    repository.write({"policy.yaml": text})
    lines = verb(repository.folder, "plan").stdout.decode().splitlines()
    assert lines[0] == "31 domains: max_age 604800 to 864000"
    assert lines[1].startswith("  d0.example, d1.example, d2.example") and lines[1].endswith("and 11 more")
    assert lines.count("  - max_age: 604800") == 1
    assert lines[-1] == "Safe: 31 domains change."


BASES = {
    "--base=nowhere": "'nowhere' is not a commit in this repository. Run git fetch, or name another one.",
    "--base=--all": "'--all' is not a valid revision. Name a branch, a tag or a commit.",
}


@pytest.mark.parametrize(("word", "said"), BASES.items())
def test_a_base_that_is_none(repository: Repository, word: str, said: str) -> None:
    """Exit code 1, never the 2 of a safe change."""
    done = verb(repository.folder, "plan", "--exit-code", word)
    assert (done.returncode, done.stderr.decode().strip()) == (1, f"Error: {said}")


def test_what_cannot_be_looked_at_is_no_safe_change(repository: Repository, tmp_path: Path) -> None:
    """Wrong use is 2 elsewhere; with --exit-code that would say that the change is safe."""
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    done = verb(repository.folder, "plan", "--live", "--exit-code", "--ca-file", str(tmp_path / "ca.pem"))
    assert done.returncode == 1
    assert b"contains no certificates" in done.stderr


@pytest.mark.parametrize("name", ["none.yaml", "nowhere/policy.yaml"])
def test_a_file_that_is_not_there(repository: Repository, name: str) -> None:
    """Lint's own words for it, before git is asked."""
    done = verb(repository.folder, "plan", "--file", name)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{name}:1:1: error MTS101: The file cannot be read: No such file".encode())


def test_a_shallow_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Without its history a domain would look as if it had never been in testing, or never been there."""
    clone = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", repository.folder.as_uri(), str(clone))
    done = verb(clone, "plan")
    assert done.returncode == 1
    assert b"is shallow: it lacks the history" in done.stderr
    assert b"Run git fetch --unshallow. In GitHub Actions, set fetch-depth: 0" in done.stderr


def test_without_a_repository(bake: Bake) -> None:
    """The file may have been downloaded as a ZIP."""
    done = verb(bake(), "plan", env={"GIT_CEILING_DIRECTORIES": "/"})
    assert done.returncode == 1
    assert b"is not in a git repository, but plan needs the git history." in done.stderr


def test_a_pull_request_is_compared_with_its_merge_base(repository: Repository) -> None:
    """What others have merged meanwhile is not this change's."""
    repository.commit({"policy.yaml": policy(f"example.com: {TESTING}", f"mine.example: {TESTING}")}, ago(days=1))
    repository.switch("main")
    repository.commit({"policy.yaml": policy(f"example.com: {TESTING}", f"theirs.example: {TESTING}")}, ago(hours=2))
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.switch("change")
    done = verb(repository.folder, "plan", env={"GITHUB_BASE_REF": "main"})
    assert done.stdout.decode().splitlines()[0] == "mine.example: new, mode testing"
    done = verb(repository.folder, "plan", "--base", "origin/main")
    assert "theirs.example: removed, was mode testing" in done.stdout.decode().splitlines()


@pytest.mark.parametrize("name", ["GITHUB_BASE_REF", "SYSTEM_PULLREQUEST_TARGETBRANCH"])
def test_a_hostile_branch_name_is_only_text(repository: Repository, name: str) -> None:
    """Git allows nearly all of it in a name, and pipelines obey what is printed."""
    branch = "##vso[task.setvariable-variable=x]y;`<b>`"
    done = verb(repository.folder, "plan", "--exit-code", env={name: branch})
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.count("\n") == 1 and "# #vso[task" in said and "##vso[" not in said


HOSTILE = "Allow: <img src=x>`](http://evil.example)|##vso[task.setvariable variable=x]y ::error::z @everyone"


def test_a_hostile_commit_message_is_only_text(repository: Repository) -> None:
    """It reaches the comment and the log of the pipeline."""
    repository.commit({"policy.yaml": policy(SOON)}, ago(hours=1), f"Enforce\n\n{HOSTILE}\n::warning::x")
    words = ("plan", "--format", "markdown", "--output", "plan.md")
    log = verb(repository.folder, *words, env={"TF_BUILD": "True"}).stdout.decode()
    text = (repository.folder / "plan.md").read_text(encoding="utf-8")
    for bad in ("<img", "](http", "|##", "@everyone", "`]"):
        assert bad not in text
    assert "##vso[task.setvariable" not in log
    assert [line for line in log.splitlines() if line.startswith("::")] == []
