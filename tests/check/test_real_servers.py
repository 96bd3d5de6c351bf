"""check in a baked repository, with the servers that people run: bind9, Postfix, and an HTTPS server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conftest import Bake, verb
from servers.bind import Named
from servers.https import Answer, PolicyHosts
from servers.loopback import Loopback
from servers.postfix import Postfix
from servers.tls import Authority, context

pytestmark = pytest.mark.slow  # starts bind9 and Postfix

OURS = b"max_age: 604800"
CHANGED = b"max_age: 1209600"


def test_a_new_domain_is_good_from_the_first_record_to_postfix(bake: Bake, tmp_path: Path) -> None:
    """What `records` and `render` print is all that a domain needs to publish; a change in the file alone is drift."""
    folder = bake(domain="example.com", mail_provider="other", mx_hosts="mx.example.com", mode="enforce")
    net, authority = Loopback(), Authority()
    policy_host, mx = net.address(), net.address()
    policy = verb(folder, "render").stdout
    records = verb(folder, "records", "--format", "zone").stdout.decode()
    zones = {
        "example.com": f"{records}\n@ MX 10 mx.example.com.\nmx A {mx}\n",
        "azurewebsites.net": f"mtasts-example-com A {policy_host}\n",
    }
    name = "mta-sts.example.com"
    with (
        Named(tmp_path, net.dns_port, zones) as dns,
        PolicyHosts(policy_host, net.https_port, context(authority.valid(name)), {name: Answer(policy)}),
        Postfix(mx, net.smtp_port, "mx.example.com", "example.com", authority.valid("mx.example.com")) as postfix,
    ):
        words = (
            "--resolver", dns.resolver, "--ca-file", str(authority.write(tmp_path / "ca.pem")),
            "--https-port", str(net.https_port), "--smtp-port", str(net.smtp_port), "--timeout", "30",
        )  # fmt: skip

        def check() -> subprocess.CompletedProcess[bytes]:
            return verb(folder, "check", "--format", "json", *words)

        done = check()
        assert (done.returncode, done.stderr) == (0, b"")
        assert json.loads(done.stdout)["findings"] == []
        (domain,) = json.loads(done.stdout)["domains"]
        assert domain["verdict"] == "With enforce, senders would deliver to every MX host."
        assert postfix.logged("Anonymous TLS connection established from unknown[127."), postfix.log()

        file = folder / "policy.yaml"
        assert file.read_bytes().count(OURS) == 1
        file.write_bytes(file.read_bytes().replace(OURS, CHANGED))
        done = check()
    assert done.returncode == 1
    found = {finding["rule"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert set(found) == {"MTS206", "MTS316"}
    assert "-max_age: 1209600" in found["MTS316"]["message"]
    assert "+max_age: 604800" in found["MTS316"]["message"]
