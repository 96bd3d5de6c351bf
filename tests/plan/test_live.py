"""plan --live against real servers: what is in force beside the change closes the gate where mail would be lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from repositories import Repository
from servers import smtp
from servers.bind import txt
from servers.https import Answer
from servers.internet import ID, POLICY, Internet, Site, mx, nobody
from servers.loopback import NO_ROUTE
from servers.tls import Authority

pytestmark = pytest.mark.slow  # starts servers, and waits for those that hang

TESTING = POLICY.replace(b"enforce", b"testing")
STS = "v=STSv1; id=24248a25e9917cb544c298dc540871bc;"  # of that, by sha256sum
ENFORCE = "{mode: enforce}"
MOVED = '{mx: ["*.new.example"]}'
LONGER = "{max_age: 864000}"
OWN_MX = {"mx": "@ MX 10 good.mx.example.\n@ MX 20 mail\nmail A {good_smtp}"}


@dataclass(frozen=True)
class Case:
    """A domain in testing for a month, what the change makes of it, and the rules that say what stands against that."""

    own: str
    rules: str
    site: Site
    said: str = ""


def case(own: str, rules: str = "", said: str = "", **site: Any) -> Case:
    """Return a case: all of its site is good but for what is given, and in testing."""
    return Case(own, rules, Site(**{"sts": f"_mta-sts {txt(STS)}", "https": Answer(TESTING), **site}), said)


CASES = {
    "good": case(ENFORCE),
    "deployed": case(ENFORCE, https=Answer(POLICY), sts=f"_mta-sts {txt(f'v=STSv1; id={ID};')}"),
    "uncovered": case(ENFORCE, "MTS501", "name 'mail.uncovered.example', which no mx covers.", **OWN_MX),
    "expired": case(ENFORCE, "MTS501", "expired", smtp=mx(Authority.expired)),
    "without-tls": case(ENFORCE, "MTS501", "STARTTLS", smtp=lambda place: smtp.mx_host(place.address, place.port)),
    "refused": case(ENFORCE, "MTS501", "Make the mail server listen there", smtp=nobody),
    "unreached": case(ENFORCE, "MTS510", "from a network that can send", smtp=nobody, mx_host=f"{{mx}} A {NO_ROUTE}"),
    "no-mx": case(ENFORCE, "MTS501", "Without an MX record, mail goes to 'no-mx.example', which no mx covers.",
                  mx="@ A {good_smtp}"),
    "null-mx": case(ENFORCE, mx="@ MX 0 ."),
    "crowded": case(ENFORCE, " ".join(["MTS510"] * 51), "10 MX hosts", smtp=nobody,
                    mx="\n".join(f"@ MX {number} c{number}.mx.example." for number in range(60)),
                    mx_host="\n".join(f"c{number} A {NO_ROUTE}" for number in range(60))),
    "unnamed": case(ENFORCE, "MTS510 MTS510 MTS510", "Cannot tell which MX hosts there are. unnamed", failing=""),
    "unserved": case(ENFORCE, "MTS510", "tell which policy HTTPS serves. mta-sts.unserved.example", https=nobody),
    "needed": case(MOVED, "MTS503", "which only mx '*.mx.example' covers. Change the MX records first."),
    "stray": case(LONGER, "MTS504", "name 'mail.stray.example', which no mx covers.", **OWN_MX),
    "longer": case(LONGER),
    "down": case(LONGER, "MTS520", "Cannot tell which policy HTTPS serves. mta-sts.down.example", https=nobody),
    "still": case(""),
    "still-down": case("", "MTS520", "Cannot tell which policy HTTPS serves.", https=nobody),
    "served-else": case("", "MTS521", "HTTPS serves mode enforce, max_age 604800, mx *.mx.example. This branch has "
                        "mode testing, max_age 604800, mx *.mx.example, id 24248a25", https=Answer(POLICY)),
    "announced-else": case("", "MTS521", "DNS has the id 20260101.", sts=f"_mta-sts {txt('v=STSv1; id=20260101;')}"),
    "unannounced": case("", "MTS521", "DNS does not announce the policy of this branch.", sts=""),
    # I4: months of commits, and nothing was ever announced.
    "undeployed": case(ENFORCE, "MTS502", "DNS does not announce a policy, so no sender has seen it in", sts=""),
    "new": case("{mode: testing}", "MTS521 MTS521", "HTTPS serves mode enforce", https=Answer(POLICY),
                sts=f"_mta-sts {txt('v=STSv1; id=20260101;')}"),
    "new-and-clean": case("{mode: testing}", sts="", https=nobody, host=""),
}  # fmt: skip
HEAD = """version: STSv1
mode: testing
max_age: 604800
mx: ["*.mx.example"]
tls_reporting: {rua: ["mailto:tls-reports@example.com"]}
hosting: {kind: web-server, hostname: www.example.com}
domains:
"""


def policy(**changed: str) -> str:
    """Return a policy.yaml in which some domains have keys of their own, by the part of the name before .example."""
    new = {name: own for name, own in changed.items() if name.startswith("new")}
    names = [name for name in CASES if not name.startswith("new")]
    return HEAD + "".join(f"  {name}.example: {changed.get(name, '')}\n" for name in (*names, *new))


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """All the domains at once."""
    folder = tmp_path_factory.mktemp("internet")
    folder.chmod(0o777)
    with Internet(folder, {name: each.site for name, each in CASES.items()}) as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Every domain in testing for a month, but for the new ones."""
    made = Repository(tmp_path / "repository")
    month = (datetime.now(timezone.utc) - timedelta(days=30)).isoformat(timespec="seconds")
    made.commit({"policy.yaml": policy()}, month)
    return made


def planned(internet: Internet, repository: Repository, text: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Run plan --live for a policy.yaml; return its exit code and its JSON."""
    repository.write({"policy.yaml": text})
    done = internet.run("plan", repository.folder / "policy.yaml", "--live", "--format", "json", *words)
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def test_what_is_in_force_is_held_against_the_change(internet: Internet, repository: Repository) -> None:
    """Each domain gets its own findings and no other's; nothing of the good ones is complained of."""
    code, found = planned(internet, repository, policy(**{name: each.own for name, each in CASES.items()}))
    assert (code, found["verdict"], found["live"]) == (1, "unsafe", True)
    for name, each in CASES.items():
        own = [finding for finding in found["findings"] if finding["domain"] == f"{name}.example"]
        assert [finding["rule"] for finding in own] == each.rules.split(), (name, own)
        assert not own or any(each.said in finding["message"] for finding in own), (name, own)
    assert all(finding["domain"] for finding in found["findings"])


def test_unknown_closes_the_gate_for_enforce_alone(internet: Internet, repository: Repository) -> None:
    """The same dead name server: a longer max_age goes through with a warning, enforce does not."""
    text = policy(unnamed=LONGER)
    code, found = planned(internet, repository, text, "--exit-code")
    assert (code, found["verdict"]) == (2, "safe")
    own = [finding for finding in found["findings"] if finding["domain"] == "unnamed.example"]
    assert {finding["rule"] for finding in own} == {"MTS520"}
    code, found = planned(internet, repository, policy(unnamed=ENFORCE), "--exit-code")
    assert (code, found["verdict"]) == (1, "unsafe")


def test_an_mx_is_not_removed_while_nobody_sees_the_mx_records(internet: Internet, repository: Repository) -> None:
    """I3: a name server that does not answer is like nobody looking; one that answers lets the move end."""
    before, after = '{mode: enforce, mx: ["*.mx.example", old.example]}', '{mode: enforce, mx: ["*.mx.example"]}'
    month = (datetime.now(timezone.utc) - timedelta(days=29)).isoformat(timespec="seconds")
    repository.commit({"policy.yaml": policy(unnamed=before, good=before)}, month)
    _, found = planned(internet, repository, policy(unnamed=after, good=after))
    errors = [(each["rule"], each["domain"]) for each in found["findings"] if each["severity"] == "error"]
    assert errors and set(errors) == {("MTS511", "unnamed.example")}


def test_main_says_whether_dns_shows_the_id(internet: Internet, repository: Repository) -> None:
    """I1: the open step, and what was seen of it."""
    _, found = planned(internet, repository, policy())
    steps = {each["domain"]: each["step"] for each in found["next"]}
    assert found["verdict"] == "unchanged"
    assert steps["good.example"] == (
        "good.example can move to enforce now, if the TLS reports show no failures. DNS shows the id."
    )
    assert steps["unannounced.example"] == (
        "unannounced.example can move to enforce 7 days (its max_age) after the new id is published, if the TLS "
        "reports show no failures. DNS does not show the new id yet."
    )
    assert ", if the deployment of commit " in steps["unnamed.example"]


def test_enforce_unseen_can_be_allowed_by_name(internet: Internet, repository: Repository) -> None:
    """From most CI systems port 25 cannot be reached, and the reports of the testing time may say enough."""
    base = repository.head()
    repository.commit({"policy.yaml": policy(unreached=ENFORCE)}, "@1900000000", "Allow: MTS510 unreached.example")
    code, found = planned(internet, repository, policy(unreached=ENFORCE), "--base", base)
    assert (code, [each["rule"] for each in found["allowed"]]) == (0, ["MTS510"])


def test_without_live_nobody_is_asked(internet: Internet, repository: Repository) -> None:
    """The history alone decides, and the report says so."""
    repository.write({"policy.yaml": policy(uncovered=ENFORCE)})
    done = internet.run("plan", repository.folder / "policy.yaml", "--format", "markdown", "--resolver", "192.0.2.1")
    assert done.returncode == 0
    text = done.stdout.decode()
    assert text.count("This plan uses the git history only: what was merged, not what was published.") == 1
    assert text.splitlines()[-1].endswith(" and its history.") and "--live` was not given" not in text


def test_a_resolver_that_never_answers_ends_in_time(internet: Internet, repository: Repository) -> None:
    """Bounded per domain, and unknown is shown as unknown."""
    repository.write({"policy.yaml": policy(longer=LONGER)})
    words = ("--live", "--format", "json", "--resolver", NO_ROUTE)
    done = internet.run("plan", repository.folder / "policy.yaml", *words, timeout=1)
    found = json.loads(done.stdout)
    assert (done.returncode, {finding["rule"] for finding in found["findings"]}) == (0, {"MTS520"})
