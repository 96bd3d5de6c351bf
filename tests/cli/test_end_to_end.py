"""Published policies of real domains, baked, served, and read by senders' own code."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from checkdmarc.mta_sts import parse_mta_sts_policy, parse_mta_sts_record
from checkdmarc.smtp_tls_reporting import parse_smtp_tls_reporting_record
from hypothesis import given, settings
from hypothesis import strategies as st
from postfix_mta_sts_resolver.utils import parse_mta_sts_policy as parse_as_postfix
from postfix_mta_sts_resolver.utils import parse_mta_sts_record as parse_record_as_postfix

from conftest import Bake, Served, program, verb
from mtasts.sts.policy import Mode, MxPattern, Policy

pytestmark = pytest.mark.slow  # bakes and serves

PATH = "/.well-known/mta-sts.txt"
REAL = [
    ("mx1.forwardemail.net, mx2.forwardemail.net", "testing", ["mx1.forwardemail.net", "mx2.forwardemail.net"]),
    (
        "mx4425xx.smtp-engine.com, mx4445xx.smtp-engine.com, mx4485xx.smtp-engine.com",
        "testing",
        ["mx4425xx.smtp-engine.com", "mx4445xx.smtp-engine.com", "mx4485xx.smtp-engine.com"],
    ),
    ("*.mail.protection.outlook.com", "enforce", ["*.mail.protection.outlook.com"]),
]


@pytest.mark.parametrize(("mx_hosts", "mode", "mx"), REAL)
def test_a_real_policy_is_served_and_three_parsers_agree(
    bake: Bake, serve: Callable[[Path], Served], mx_hosts: str, mode: str, mx: list[str]
) -> None:
    """postfix-mta-sts-resolver, checkdmarc and this toolkit read the same values out of the served bytes."""
    folder = bake(mx_hosts=mx_hosts, mode=mode, max_age="604800", mail_provider="other")
    assert verb(folder, "lint").returncode == 0
    assert verb(folder, "build").returncode == 0
    status, headers, body = serve(folder).ask(PATH, "mta-sts.example.com")
    text = body.decode("ascii")
    assert (status, headers.get_content_type()) == (200, "text/plain")
    assert text == (
        f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {host}\r\n" for host in mx) + "max_age: 604800\r\n"
    )
    expected = {"version": "STSv1", "mode": mode, "mx": mx, "max_age": 604800}
    ours = Policy.parse(text)
    assert {"version": ours.version, "mode": ours.mode, "mx": list(ours.mx), "max_age": ours.max_age} == expected
    postfix = parse_as_postfix(text)
    assert {**postfix, "mx": list(postfix["mx"]), "max_age": int(postfix["max_age"])} == expected
    assert parse_mta_sts_policy(text)["policy"] == expected


def test_senders_read_the_records(bake: Bake) -> None:
    """The TXT values are what postfix-mta-sts-resolver and checkdmarc expect."""
    lines = verb(bake(), "records").stdout.decode().splitlines()
    sts, tlsrpt = (line.split(None, 4)[4] for line in lines[2:])
    assert parse_record_as_postfix(sts)["v"] == "STSv1"
    identity = re.fullmatch("v=STSv1; id=([0-9a-f]{32});", sts)
    assert identity
    assert parse_record_as_postfix(sts)["id"] == identity[1]
    assert parse_mta_sts_record(sts)["tags"]["id"] == identity[1]
    assert parse_smtp_tls_reporting_record(tlsrpt)["tags"]["rua"]["value"] == ["mailto:tls-reports@example.com"]


@settings(max_examples=200)
@given(
    st.sampled_from(Mode),
    st.lists(
        st.from_regex(r"(\*\.)?[a-z0-9]{1,20}(\.[a-z]{2,9}){1,3}", fullmatch=True), min_size=1, max_size=6, unique=True
    ),
    st.integers(1, 31557600),
)
def test_whatever_is_rendered_two_senders_read(mode: Mode, mx: list[str], max_age: int) -> None:
    """For every valid policy."""
    text = Policy(mode, tuple(map(MxPattern, mx)), max_age).render()
    postfix = parse_as_postfix(text)
    assert (postfix["mode"], list(postfix["mx"]), int(postfix["max_age"])) == (mode.value, mx, max_age)
    assert parse_mta_sts_policy(text)["policy"]["mx"] == mx


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page(bake: Bake, serve: Callable[[Path], Served], tmp_path: Path, scheme: str) -> None:
    """In Chromium, on a phone: the text is there, and nothing is blocked by the page's own policy."""
    chromium = shutil.which("chromium") or program("chromium")
    served = serve(bake(domain=f"{'long' * 12}.example.com"))
    url = f"http://localhost:{served.port}/"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=390,844", "--enable-logging=stderr", f"--force-{scheme}-mode", "--virtual-time-budget=2000",
    ]  # fmt: skip
    shot = tmp_path / "page.png"
    done = subprocess.run(
        [chromium, *flags, f"--screenshot={shot}", url], capture_output=True, text=True, check=False, timeout=60
    )
    assert shot.stat().st_size > 5000
    assert "Content Security Policy" not in done.stderr
    command = [chromium, *flags, "--dump-dom", url]
    dom = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "mx: *.mail.protection.outlook.com" in dom.stdout
