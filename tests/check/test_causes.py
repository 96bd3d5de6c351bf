"""The cause that was seen: each kind of fault has its own advice, and the message leads to the mend by itself.

A row for each case, its source first. Real servers make the same faults in test_check.py; here are more of each kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mtasts.check import mx_hosts, policy_answers, txt_record
from mtasts.check.https import Fetched
from mtasts.check.mx_hosts import Host
from mtasts.check.resolver import Answer, Status
from mtasts.check.smtp import Spoken
from mtasts.config.model import load
from mtasts.findings import Finding
from mtasts.sts.lint import lint_policy
from mtasts.sts.policy import Policy

IN_2100 = 4_102_444_800.0
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "sign in"),  # G2: a firewall, and a site behind a login
        (403, "a filter for bots or countries"),  # G2
        (404, "Deploy the policy"),
        (405, "does not take GET"),
        (418, "does not take the request"),
        (421, "Bind the name"),
        (429, "limits how often"),  # G2
        (500, "The hosting fails"),
        (503, "start it again"),  # G2: a stopped app
        (530, "The hosting fails"),
        (204, "Senders take 200 alone"),
        (101, "no answer yet"),
    ],
)
def test_each_status_has_its_own_advice(status: int, said: str) -> None:
    """RFC 8461 §3.3: 200 alone counts. What mends it differs."""
    answer = Fetched("192.0.2.1", status, {}, b"", "TLSv1.3", IN_2100, 0.1)
    (finding,) = policy_answers.evaluate("mta-sts.example.com", answer, None)
    assert isinstance(finding, Finding)
    assert (finding.rule.id, finding.result_type) == ("MTS309", "sts-policy-fetch-error")
    assert f"answers {status}" in finding.message and said in finding.message


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        # G3: a TXT record cannot stand beside a CNAME, so "publish the record" could not be followed.
        (
            Answer("_mta-sts.example.com", Status.NO_NAME, target="gone.vendor.example"),
            ["is a CNAME to 'gone.vendor.example', which does not exist", "remove the CNAME"],
        ),
        (
            Answer("_mta-sts.example.com", Status.NO_DATA, target="here.vendor.example"),
            ["is a CNAME to 'here.vendor.example', which has no TXT record", "Correct its target"],
        ),
        (Answer("_mta-sts.example.com", Status.FOUND, ("v=spf1 -all",), "vendor.example"), ["remove the CNAME"]),
        (Answer("_mta-sts.example.com", Status.NO_NAME), ["does not exist. Publish the record."]),
        (
            Answer("_mta-sts.example.com", Status.FOUND, ('"v=STSv1; id=1;"',)),
            ["does not begin with v=STSv1;", "as `python -m mtasts records` prints it"],
        ),
    ],
)
def test_a_missing_record_says_what_stands_in_its_place(answer: Answer, parts: list[str]) -> None:
    """Nothing, a CNAME, or something that was to be the record."""
    (finding,) = txt_record.evaluate(answer, None).findings
    assert finding.rule.id == "MTS201"
    assert [part for part in parts if part not in finding.message] == [], finding.message


@pytest.mark.parametrize(
    ("mx", "host", "said"),
    [
        # PS.MTA-STS#33: a `*` is one label
        ("*.mx.microsoft", "example-com.h-v1.mx.microsoft", "write '*.h-v1.mx.microsoft'"),
        ("mail.protection.outlook.com", "x.mail.protection.outlook.com", "write '*.mail.protection.outlook.com'"),
        ("*.example.com", "example.com", "add 'example.com'"),
        ("*.example.com", "a.b.example.com", "write '*.b.example.com'"),
        ("mx1.example.com", "mx2.example.com", "is in no mx of the policy. With enforce"),
    ],
)
def test_a_near_miss_of_a_pattern_is_named(mx: str, host: str, said: str) -> None:
    """And what is offered covers the host."""
    policy = Policy.parse(POLICY.decode().replace("mx1.example.com", mx))
    seen = Host(host, (), (Spoken("192.0.2.1", "TLSv1.3", IN_2100),))
    finding = next(item for item in mx_hosts.evaluate_host(seen, policy) if isinstance(item, Finding))
    assert finding.rule.id == "MTS401"
    assert said in finding.message


LINES = POLICY.decode().split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\r".join(LINES) + "\r", "carriage return alone"),  # G4
        (POLICY.decode().encode("utf-16").decode("utf-8", "surrogateescape"), "UTF-16"),  # G4
        (POLICY.decode().encode("utf-16-be").decode("utf-8", "surrogateescape"), "UTF-16"),
        (r"{\rtf1\ansi version: STSv1}", "RTF"),  # G4
        (" ".join(LINES), "All keys stand in one line"),  # G4
        (POLICY.decode() + "x: é\r\n".encode("latin-1").decode("utf-8", "surrogateescape"), "Latin-1"),  # G4
        ("version: STSv1\r\nmode: enforce\r\nmx:\r\n  - mx1.example.com\r\nmax_age: 604800\r\n", "YAML list"),  # G4
        ("<html><body>version: STSv1</body></html>", "HTML"),
        ("\ufeff" + POLICY.decode(), "byte order mark"),
    ],
)
def test_a_text_that_is_no_policy_names_its_cause(text: str, said: str) -> None:
    """In its first finding about the form of a line."""
    found = [finding for finding in lint_policy(text) if finding.rule.id == "MTS116"]
    assert said in found[0].message


HEAD = "version: STSv1\nmode: testing\nmax_age: 604800\nmx:\n  - mx1.example.com\ndomains: {example.com: }\n"
TAIL = "tls_reporting: {rua: ['mailto:a@example.com']}\nhosting: {kind: web-server, hostname: www.example.org}\n"


@pytest.mark.parametrize(
    ("old", "new", "rules", "said"),
    [
        ("  - mx1", "\t- mx1", ["MTS102"], "a tab stands in the indentation"),  # G8
        ("mode: testing", "mode: on", ["MTS111"], "mode is on, which YAML reads as true"),  # G8
        ("mode: testing", "mode: No", ["MTS111"], "mode is No, which YAML reads as false"),
        ("max_age:", "maxage:", ["MTS104"], "Did you mean max_age?"),  # G8: and no second finding that it is missing
        ("Version".lower(), "Version", ["MTS104"], "Did you mean version?"),
        ("- mx1.example.com", "- 10 mx1.example.com", ["MTS123"], "Write 'mx1.example.com'."),  # G8
    ],
)
def test_a_slip_in_yaml_has_one_finding_with_its_cause(
    tmp_path: Path, old: str, new: str, rules: list[str], said: str
) -> None:
    """What was written is shown, and the real cause is the only one."""
    text = HEAD + TAIL
    assert text.count(old) == 1
    (tmp_path / "policy.yaml").write_text(text.replace(old, new), encoding="utf-8")
    found = load(tmp_path / "policy.yaml")[1]
    assert [finding.rule.id for finding in found] == rules
    assert said in found[0].message
