"""What this machine cannot see counts against no domain: check without IPv6, and with routes that lead nowhere.

actions/runner-images#668 and #9401: hosted runners have no IPv6, and Front Door answers AAAA; aykevl/mta-sts#17.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import give_up

pytestmark = pytest.mark.slow  # makes a network namespace for every row

PROGRAM = Path(__file__).with_name("namespace.py")
NO_IPV6 = ["sysctl -q net.ipv6.conf.all.disable_ipv6=1", "ip route add unreachable 192.0.2.0/24"]
ROUTES = {
    "no IPv6": NO_IPV6,
    "no route at all": [],
    "unreachable": ["ip route add unreachable 192.0.2.0/24", "ip route add unreachable 2001:db8::/32"],
    "prohibit": ["ip route add prohibit 192.0.2.0/24", "ip route add prohibit 2001:db8::/32"],
    "blackhole": ["ip route add blackhole 192.0.2.0/24", "ip route add blackhole 2001:db8::/32"],
}
ENFORCE = "With enforce, senders would deliver to every MX host."
UNKNOWN = "This machine cannot tell what senders do: it could not check the policy host."


def in_namespace(folder: Path, commands: list[str]) -> list[dict[str, Any]]:
    """Run the program in a network namespace; skip the test if none can be created."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        give_up("a network namespace takes unshare and ip, on Linux")
    words = ["unshare", "--net", sys.executable, str(PROGRAM), str(folder), *commands]
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        give_up("this user may make no network namespace")
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ROUTES)
def test_an_address_without_a_route_is_unknown(tmp_path: Path, name: str) -> None:
    """A1, A2, A4: one warning for the run, verdicts and errors only about what was seen."""
    seen, waited, both, mx = in_namespace(tmp_path, ROUTES[name])
    errors = {each["domain"]: each["rule"] for each in seen["findings"] if each["severity"] == "error"}
    assert errors == {"refused.example": "MTS301"}
    of_the_run = [each for each in seen["findings"] if each["domain"] is None]
    assert [each["rule"] for each in of_the_run] == ["MTS319"]
    assert of_the_run[0]["message"].startswith("This machine has no IPv4 and no IPv6: 4 addresses not checked (")
    verdicts = {each["domain"].removesuffix(".example"): each["verdict"] for each in seen["domains"]}
    assert {each: verdicts[each] for each in ("both", "six", "elsewhere", "mx-both")} == {
        "both": ENFORCE,
        "six": UNKNOWN,
        "elsewhere": UNKNOWN,
        "mx-both": ENFORCE,
    }
    assert "this machine could not check the TLS of mx-elsewhere.mx.example" in verdicts["mx-elsewhere"]
    # The deploy waits for the policy host, and not for MX hosts, which no hosted runner can reach.
    assert [(each["code"], each["stderr"]) for each in (waited, both, mx)] == [(1, ""), (0, ""), (0, "")]
