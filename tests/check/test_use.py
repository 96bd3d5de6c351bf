"""check as people and pipelines use it: which domains, which steps, which forms, which exit codes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import https, smtp
from servers.bind import txt
from servers.https import Answer
from servers.internet import POLICY, STS, TLSRPT, Internet, Site, raw, talks
from servers.loopback import Connection, SilentDns, Talk
from servers.tls import Authority

pytestmark = pytest.mark.slow  # starts servers, and waits for those that hang

RUIN = Site(
    sts=f"_mta-sts {txt(STS)}\n_mta-sts {txt(f'{STS} a=b;')}",
    https=Answer(b"", 404),
    smtp=lambda place: smtp.mx_host(place.address, place.port),
    tlsrpt=f"_smtp._tls {txt(TLSRPT)}\n_smtp._tls {txt(f'{TLSRPT} a=b;')}",
    ours=False,
)


def becoming_good() -> Talk:
    """Return a talk that answers 404 once, and then with the policy, as a deployment does that takes a while."""
    answers = [https.sends(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")] * 4  # the misspelt paths are tried

    def talk(connection: Connection) -> None:
        (answers.pop() if answers else https.answers(POLICY))(connection)

    return talk


SITES = {
    "late": Site(https=talks(becoming_good()), ours=False),
    "first": Site(),
    "second": Site(),
    "stranger": Site(ours=False),
    "slow": Site(https=talks(https.delayed(POLICY, 2.2)), ours=False),
    "ruin": RUIN,
    "bad-policy": Site(https=Answer(POLICY.replace(b"enforce", b"on")), ours=False),
    "hanging": Site(https=raw(Connection.hang), ours=False),
}


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """Running domains: two are in policy.yaml, and have no faults."""
    with Internet(tmp_path_factory.mktemp("use"), SITES) as running:
        yield running


def rules(internet: Internet, *words: str, timeout: float = 30) -> dict[str, set[str]]:
    """Return the rules that check finds, by domain; those without a finding too."""
    printed = json.loads(internet.check(*words, "--format", "json", timeout=timeout).stdout)
    found: dict[str, set[str]] = {each["domain"]: set() for each in printed["domains"]}
    for finding in printed["findings"]:
        found.setdefault(finding["domain"] or "the run", set()).add(finding["rule"])
    return found


def test_without_a_domain_all_of_policy_yaml_are_looked_at(internet: Internet) -> None:
    """It prints a tree for each, the verdict and a summary line. Without errors, the exit code is 0."""
    done = internet.check()
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "first.example",
        "second.example",
        "2 domains, none with errors: no findings",
    ]
    assert lines.count("  = With enforce, senders would deliver to every MX host.") == 2
    assert f"    ✓ _mta-sts.first.example: {STS}" in lines
    assert "    ✓ mode enforce, max_age 604800 s (7 days)" in lines
    assert not [line for line in lines if "✗" in line or "!" in line]


def test_domains_are_named_as_people_write_them(internet: Internet) -> None:
    """In any case, with the final dot, twice; in policy.yaml or not."""
    assert rules(internet, "FIRST.example.", "first.example", "stranger.example") == {
        "first.example": set(),
        "stranger.example": set(),
    }


def test_without_policy_yaml_a_domain_can_be_looked_at(internet: Internet, tmp_path: Path) -> None:
    """Any domain, from any folder. Without a domain, it says that there is no file."""
    missing = ("--file", str(tmp_path / "policy.yaml"))
    assert rules(internet, "stranger.example", *missing) == {"stranger.example": set()}
    done = internet.check(*missing)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"error MTS101" in done.stdout


def test_warnings_alone_are_exit_code_0(internet: Internet) -> None:
    """A slow policy still works."""
    done = internet.check("slow.example", "--format", "json")
    assert done.returncode == 0
    assert [finding["rule"] for finding in json.loads(done.stdout)["findings"]] == ["MTS315"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("dns", "MTS202"),
        ("https", "MTS309"),
        ("policy", ""),
        ("mx", "MTS414"),
        ("tlsrpt", "MTS221"),
        ("tlsrpt,dns", "MTS202 MTS221"),
    ],
)
def test_steps_can_be_chosen(internet: Internet, only: str, expected: str) -> None:
    """The deployment checks only https, and other faults do not stop it."""
    assert rules(internet, "ruin.example", "--only", only) == {"ruin.example": set(expected.split())}


def test_the_policy_alone_is_judged_as_it_is_served(internet: Internet) -> None:
    """It says nothing about how the policy is served."""
    assert rules(internet, "bad-policy.example", "--only", "policy") == {"bad-policy.example": {"MTS111"}}


def test_one_job_at_a_time_finds_the_same(internet: Internet) -> None:
    """Only later."""
    names = [f"{name}.example" for name in ("first", "ruin", "bad-policy", "stranger")]
    assert rules(internet, *names, "--jobs", "1") == rules(internet, *names)


def test_a_timeout_begins_when_the_domain_does(internet: Internet) -> None:
    """A domain that waits for its turn behind one that hangs loses nothing of its time."""
    start = time.monotonic()
    found = rules(internet, "hanging.example", "first.example", "--jobs", "1", timeout=3)
    assert found == {"hanging.example": {"MTS302"}, "first.example": set()}
    assert 3 <= time.monotonic() - start < 9


def test_a_resolver_that_says_nothing_costs_the_timeout_once(internet: Internet) -> None:
    """Whatever is asked, and for all domains together."""
    with SilentDns(internet.net.address(), internet.net.dns_port) as silent:
        start = time.monotonic()
        found = rules(internet, "--resolver", silent.resolver, timeout=2)
        assert time.monotonic() - start < 7
    assert found == {"first.example": set(), "second.example": set(), "the run": {"MTS205"}}


def test_the_deploy_gate_waits_until_the_policy_is_there(internet: Internet) -> None:
    """With --wait, it checks again until no fault is left; then the exit code is 0."""
    done = internet.check("late.example", "--only", "https", "--wait", "60", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])


def test_certificates_are_judged_by_the_roots_given(internet: Internet, tmp_path: Path) -> None:
    """By another root than the one that made them, policy host and MX host are untrusted."""
    other = str(Authority().write(tmp_path / "other.pem"))
    assert rules(internet, "first.example", "--ca-file", other) == {"first.example": {"MTS306", "MTS420"}}


def test_the_ci_chooses_the_form_and_a_file_can_have_another(internet: Internet, tmp_path: Path) -> None:
    """The daily watch prints annotations, and keeps the Markdown report for its issue."""
    report = tmp_path / "report.md"
    words = ("ruin.example", "--format", "markdown", "--output", str(report))
    done = internet.check(*words, GITHUB_ACTIONS="true")
    assert done.returncode == 1
    assert done.stdout.startswith(b"::error title=MTS202::")
    assert report.read_text(encoding="utf-8").startswith("**1 domain, 1 with errors: 4 errors")
    on_azure = internet.check("ruin.example", TF_BUILD="True")
    assert on_azure.stdout.startswith(b"##vso[task.logissue type=error;code=MTS202]")


@pytest.mark.parametrize(
    "words",
    [
        ("--only", "dns,smtp"),
        ("--resolver", "dns.example"),
        ("--resolver", "127.0.0.1:x"),
        ("--ca-file", __file__),
        ("--ca-file", "no-such-file.pem"),
        ("--timeout", "0"),
        ("--jobs", "0"),
        ("--https-port", "70000"),
        ("user@example.com",),
        ("https://example.com/",),
        ("a" * 64 + ".example",),
        ("",),
    ],
)
def test_wrong_use_is_exit_code_2(internet: Internet, words: tuple[str, ...]) -> None:
    """Told apart from findings, in a line and without a traceback."""
    done = internet.check(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Error: " in done.stderr
    assert b"Traceback" not in done.stderr
