"""The most common mistakes of public guides, as a domain on this machine has them: each message leads to its mend.

Seen in guides and in their readers' questions: a wrong file name, a redirect, a web page, `v=TLSRPv1`, a rua without
mailto, an MX host with a final dot, an id with hyphens, … One run of `check` over all of them, as a new user would.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from servers.bind import txt
from servers.https import Answer
from servers.internet import POLICY, STS, TLSRPT, Internet, Site, shows
from servers.tls import Authority

pytestmark = pytest.mark.slow  # starts a name server and policy hosts, once


def served(old: bytes, new: bytes) -> Site:
    """Return a site whose policy has this slip."""
    assert old in POLICY
    return Site(https=Answer(POLICY.replace(old, new)), ours=False)


def moved(path: str) -> Site:
    """Return a site that serves the policy at another path."""
    return Site(https=Answer(POLICY, path=path), ours=False)


def record(value: str) -> Site:
    """Return a site with this text as its record."""
    return Site(sts=f"_mta-sts {txt(value)}", ours=False)


def reports(value: str) -> Site:
    """Return a site with this text as its record for reports."""
    return Site(tlsrpt=f"_smtp._tls {txt(value)}", ours=False)


WWW = {"Location": "https://www.example.com/"}
HTML = {"Content-Type": "text/html"}
# The slip, the rule that is an error or a warning for it, and the words that lead to the mend.
CASES: dict[str, tuple[Site, str, str]] = {
    "file-name": (moved("/.well-known/mta-sts"), "MTS309", "The policy is at /.well-known/mta-sts: move it."),
    "file-twice": (moved("/.well-known/mta-sts.txt.txt"), "MTS309", "is at /.well-known/mta-sts.txt.txt: move it."),
    "file-case": (moved("/.well-known/MTA-STS.txt"), "MTS309", "The policy is at /.well-known/MTA-STS.txt: move it."),
    "folder": (moved("/mta-sts.txt"), "MTS309", "The policy is at /mta-sts.txt: move it."),
    "redirect": (Site(https=Answer(b"", 301, WWW), ours=False), "MTS308", "take /.well-known/mta-sts.txt out of that"),
    "page": (Site(https=Answer(b"<html></html>", 200, HTML), ours=False), "MTS312", "Serve the text alone."),
    "type": (Site(https=Answer(POLICY, 200, HTML), ours=False), "MTS310", "Set text/plain."),
    "record-served": (Site(https=Answer(STS.encode()), ours=False), "MTS116", "the TXT record, which belongs into DNS"),
    "mode-case": (served(b"enforce", b"Enforce"), "MTS111", "Write `mode: enforce`."),
    "key-case": (served(b"mode:", b"Mode:"), "MTS111", "Write mode there, in these letters."),
    "version": (served(b"STSv1", b"STS1"), "MTS110", "Write `version: STSv1`."),
    "final-dot": (served(b"*.mx.example", b"good.mx.example."), "MTS120", "Write 'good.mx.example'."),
    "mx-address": (served(b"*.mx.example", b"192.0.2.1"), "MTS121", "Write the name."),
    "yaml-list": (served(b"mx: ", b"mx:\r\n  - "), "MTS116", "Write 'mx: *.mx.example'."),
    "max-age-unit": (served(b"604800", b"7d"), "MTS112", "Write `max_age: 604800`."),
    "one-line": (Site(https=Answer(POLICY.replace(b"\r\n", b" ")), ours=False), "MTS116", "in a line of its own"),
    "id-hyphens": (record("v=STSv1; id=2026-01-01;"), "MTS203", "Write 'v=STSv1; id=20260101;'."),
    "id-missing": (record("v=STSv1;"), "MTS203", "Add an id"),
    "record-case": (record("v=stsv1; id=1;"), "MTS201", "Write v=STSv1; in just these letters."),
    "record-comma": (record("v=STSv1, id=1"), "MTS201", "it has no semicolon behind the version"),
    "record-quoted": (record(f'"{STS}"'), "MTS201", "Enter the value without them."),
    "record-twice": (
        Site(sts=f"_mta-sts {txt(STS)}\n_mta-sts {txt('v=STSv1; id=1;')}", ours=False),
        "MTS202",
        "Leave one",
    ),
    "zone-twice": (
        Site(sts=f"_mta-sts.zone-twice.example {txt(STS)}", ours=False),
        "MTS201",
        "The zone's name stands twice in that name, since the form adds it: enter _mta-sts alone.",
    ),
    "underscore": (Site(sts=f"_mta_sts {txt(STS)}", ours=False), "MTS201", "move the record to _mta-sts.underscore"),
    "at-the-host": (Site(sts=f"mta-sts {txt(STS)}", ours=False), "MTS201", "That is the policy host: move the record"),
    "at-the-apex": (Site(sts=f"@ {txt(STS)}", ours=False), "MTS201", "That is the domain itself: move the record"),
    "reports-version": (reports("v=TLSRPv1; rua=mailto:a@example.com"), "MTS222", "v=TLSRPTv1;"),
    "reports-mailto": (reports("v=TLSRPTv1; rua=a@example.com"), "MTS222", "mailto:a@example.com"),
    "reports-twice": (
        Site(tlsrpt=f"_smtp._tls.reports-twice.example {txt(TLSRPT)}", ours=False),
        "MTS224",
        "The zone's name stands twice in that name, since the form adds it: enter _smtp._tls alone.",
    ),
    "reports-name": (
        Site(tlsrpt=f"_smtp-tls {txt(TLSRPT)}", ours=False),
        "MTS224",
        "Move it to _smtp._tls.reports-name",
    ),
    "no-host": (Site(host="", ours=False), "MTS207", "Publish its CNAME."),
    "other-name": (
        Site(https=shows(lambda authority, _: authority.valid("www.other-name.example")), ours=False),
        "MTS305",
        "names 'www.other-name.example', and not mta-sts.other-name.example",
    ),
    "leaf-alone": (Site(https=shows(Authority.without_chain), ours=False), "MTS306", "Serve the whole chain"),
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What check says of each domain."""
    folder: Path = tmp_path_factory.mktemp("guides")
    with Internet(folder, {"good": Site(), **{name: site for name, (site, _, _) in CASES.items()}}) as internet:
        done = internet.check(*(f"{name}.example" for name in CASES), "--format", "json")
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(str(each["domain"]).removesuffix(".example"), []).append(each)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_message_leads_to_the_mend(messages: dict[str, list[dict[str, Any]]], name: str) -> None:
    """Without the README: it says what to write, and where."""
    _, rule, words = CASES[name]
    said = [each["message"] for each in messages[name] if each["rule"] == rule]
    assert len(said) == 1, messages[name]
    assert words in said[0]
