"""Senders that enforce MTA-STS judge the verdicts of check: Postfix with postfix-mta-sts-resolver, and mailauth.

lab.py lives the life of a domain in a network namespace. At each step four senders send a mail: two of each kind, one
that knows nothing yet and one that keeps what it has learnt. What each must do was worked out from RFC 8461 before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conftest import give_up, program

pytestmark = pytest.mark.slow  # starts BIND, nginx and two Postfix, and sends 48 mails

LAB = Path(__file__).with_name("lab.py")

# What becomes of a mail, by what the sender knew before, and where RFC 8461 says so.
VERIFIED, UNPROTECTED, KEPT = "verified", "unprotected", "kept"
# Postfix defers, and tries again for days. mx-connect refuses, and leaves that to who calls it.
SAYS = {"verified": VERIFIED, "unprotected": UNPROTECTED, "deferred": KEPT, "refused": KEPT}


class Expected(NamedTuple):
    """What becomes of the mail of senders that know nothing yet, and of those that know what was before."""

    fresh: str
    cached: str


LIFE = {
    "no policy": Expected(UNPROTECTED, UNPROTECTED),  # §3.1
    "testing": Expected(UNPROTECTED, UNPROTECTED),  # §5: delivered whatever TLS is like
    "enforce": Expected(VERIFIED, VERIFIED),  # §5
    "an MX host that is not covered": Expected(KEPT, KEPT),  # §4.1
    "an expired certificate at one address": Expected(VERIFIED, VERIFIED),  # §4.2, at the other address
    "both MX hosts in the policy": Expected(VERIFIED, VERIFIED),
    "the MX record has moved": Expected(VERIFIED, VERIFIED),  # §8.1
    "an expired certificate at the only address": Expected(KEPT, KEPT),  # §4.2
    "rollback, and the policy host is down": Expected(UNPROTECTED, KEPT),  # §3.3: the cached policy goes on
    "rollback": Expected(UNPROTECTED, UNPROTECTED),  # §5
    "none": Expected(UNPROTECTED, UNPROTECTED),  # §8.3
    "retired": Expected(UNPROTECTED, UNPROTECTED),
}
# What check's word for it in `groups` means for a mail.
MEANS = {
    "delivers": VERIFIED,
    "delivers-in-part": VERIFIED,
    "delivers-and-reports": UNPROTECTED,
    "delivers-unprotected": UNPROTECTED,
    "waits-then-bounces": KEPT,
}
SENDERS = ("Postfix, fresh", "Postfix, cached", "mailauth, fresh", "mailauth, cached")

Lived = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def repository(cookiecutter_config: Path) -> Iterator[Path]:
    """A repository whose web server is the lab's. Not in pytest's folder, which is closed to Postfix's own user."""
    from cookiecutter.main import cookiecutter

    from conftest import ROOT

    with tempfile.TemporaryDirectory(prefix="senders-") as name:
        Path(name).chmod(0o755)
        answers = {"hosting": "web-server", "dns_provider": "manual", "mail_provider": "other"}
        where = {"output_dir": name, "config_file": str(cookiecutter_config)}
        folder = Path(cookiecutter(str(ROOT), no_input=True, extra_context=answers, **where))
        config = folder / "static" / "nginx.conf"
        text = config.read_text(encoding="utf-8").replace("/var/www/mta-sts", str(folder / "build" / "static"))
        config.write_text(text.replace("/etc/letsencrypt/live", f"{name}/lab/live"), encoding="utf-8")
        (Path(name) / "lab").mkdir()
        yield folder


@pytest.fixture(scope="module")
def lived(repository: Path) -> Lived:
    """What the four senders did at each step, and what check said."""
    for needed in ("named", "nginx", "postconf", "unshare", "ip"):
        program(needed)
    if "MTASTS_NODE_TOOLS" not in os.environ:
        give_up("mailauth is not installed: python ci/test.py installs it, on Linux")
    if not (Path(os.environ["MTASTS_NODE_TOOLS"]) / "node_modules" / "mx-connect").exists():
        give_up("MTASTS_NODE_TOOLS has no mx-connect: python ci/test.py installs it")
    space = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*space, "true"], capture_output=True, check=False).returncode:
        give_up("this user may make no network namespace")
    command = [*space, sys.executable, str(LAB), str(repository.parent / "lab"), str(repository)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {each["step"]: each for each in json.loads(done.stdout)}


def test_check_says_at_each_step_what_the_senders_do(lived: Lived) -> None:
    """One test, so that the life is lived once.

    The senders do what the RFC says, or the lab would prove nothing. The first group is about who knows nothing yet; a
    group of its own is about those with a policy in the cache. And check names the address that fails, and the date.
    """
    assert list(lived) == list(LIFE)
    did = {step: {name: became(each["did"][name]) for name in SENDERS} for step, each in lived.items()}
    assert did == {
        step: {name: each.cached if name.endswith("cached") else each.fresh for name in SENDERS}
        for step, each in LIFE.items()
    }, {step: each["did"] for step, each in lived.items()}
    assert {step: said(each["check"]["groups"]) for step, each in lived.items()} == did
    (group,) = lived["an expired certificate at one address"]["check"]["groups"]
    assert group["not_at"] == ["mx1.example.net (127.0.0.25)"]
    assert lived["an expired certificate at one address"]["did"] == dict.fromkeys(SENDERS, "verified: 127.0.0.25")
    _, kept = lived["rollback, and the policy host is down"]["check"]["groups"]
    assert (kept["mode"], kept["does"]) == ("enforce", "waits-then-bounces")
    assert kept["until"] and kept["until"][:10] in kept["text"]


def became(did: str) -> str:
    """Return what became of a mail, by the first word."""
    return SAYS.get(did.partition(":")[0], did)


def said(groups: list[dict[str, Any]]) -> dict[str, str]:
    """Return what check says of each of the four senders."""
    first, *others = groups
    cached = next((group for group in others if "in their cache" in group["senders"]), first)
    return {name: MEANS[(cached if name.endswith("cached") else first)["does"]] for name in SENDERS}
