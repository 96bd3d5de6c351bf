"""A web server of one's own: what the build configures for nginx and Caddy is run by them, and check looks at it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Bake, program, verb
from servers.bind import Named, txt
from servers.loopback import Loopback
from servers.tls import Authority

pytestmark = pytest.mark.slow  # starts nginx and Caddy

POLICY = """version: STSv1
mode: enforce
max_age: 604800
mx: [mx1.example.com]
domains:
  one.example:
  two.example: {mode: testing}
  three.example: {mx: [mx3.example.com]}
tls_reporting: {rua: ["mailto:tls@one.example"]}
hosting: {kind: web-server, hostname: www.one.example}
"""
DOMAINS = ("one.example", "two.example", "three.example")


@pytest.fixture
def built(bake: Bake, tmp_path: Path) -> Path:
    """A repository for three domains with three policies, built; the paths in its configuration are the tests' own."""
    folder = bake(hosting="web-server", domain="one.example")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    for name in ("nginx.conf", "Caddyfile"):
        text = (folder / "static" / name).read_text(encoding="utf-8")
        for path, own in (
            ("/var/www/mta-sts", folder / "build" / "static"),
            ("/etc/letsencrypt/live", tmp_path / "live"),
        ):
            text = text.replace(path, str(own))
        (folder / "static" / name).write_text(text, encoding="utf-8")
    done = verb(folder, "build")
    assert done.stdout.decode().split() == ["build/Caddyfile", "build/nginx.conf", "build/static/"]
    return folder


def certificates(folder: Path, authority: Authority) -> None:
    """Put a certificate for each policy host where certbot would put it."""
    for domain in DOMAINS:
        place = folder / "live" / f"mta-sts.{domain}"
        place.mkdir(parents=True)
        leaf = authority.valid(f"mta-sts.{domain}")
        leaf.private_key_pem.write_to_path(place / "privkey.pem")
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(place / "fullchain.pem", append=True)


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    """Run a server until the block ends."""
    with (folder / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            time.sleep(1)
            assert process.poll() is None, (folder / "server.log").read_text()
            yield
        finally:
            process.terminate()


def check(built: Path, folder: Path, net: Loopback, address: str) -> subprocess.CompletedProcess[bytes]:
    """Look at the three domains as a sender does, over HTTPS alone."""
    zones = {domain: f"mta-sts A {address}\n_mta-sts {txt('v=STSv1; id=x;')}\n" for domain in DOMAINS}
    (folder / "dns").mkdir()
    (folder / "dns").chmod(0o777)
    with Named(folder / "dns", net.dns_port, zones) as dns:
        network = ["--resolver", dns.resolver, "--https-port", str(net.https_port), "--ca-file", str(folder / "ca.pem")]
        return verb(built, "check", "--only", "https,policy", "--timeout", "15", *network)


@pytest.fixture
def net(tmp_path: Path) -> Loopback:
    """A network of this machine's own, with certificates for the policy hosts in it."""
    authority = Authority()
    authority.write(tmp_path / "ca.pem")
    certificates(tmp_path, authority)
    return Loopback()


def assert_good(done: subprocess.CompletedProcess[bytes]) -> None:
    """Expect that check has nothing to say of the three domains."""
    assert done.returncode == 0, done.stdout.decode()
    assert done.stdout.decode().splitlines()[-1] == "3 domains, none with errors: no findings"


def test_nginx_serves_each_domain_its_policy(built: Path, net: Loopback, tmp_path: Path) -> None:
    """By SNI and Host, as text/plain, with the repository's own bytes: check has nothing to say."""
    address = net.address()
    servers = (built / "build" / "nginx.conf").read_text(encoding="utf-8")
    servers = servers.replace("listen 443", f"listen {address}:{net.https_port}").replace(
        "    listen [::]:443 ssl;\n", ""
    )
    config = tmp_path / "main.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; worker_processes 1; user root;\n"
        "events {}\n"
        f"http {{ access_log off; include /etc/nginx/mime.types; client_body_temp_path {tmp_path}/t;\n{servers}\n}}\n",
        encoding="utf-8",
    )
    with running([program("nginx"), "-p", str(tmp_path), "-c", str(config)], tmp_path):
        done = check(built, tmp_path, net, address)
    assert_good(done)


def test_caddy_serves_each_domain_its_policy(built: Path, net: Loopback, tmp_path: Path) -> None:
    """The same; the certificates are given, since no authority can be asked here."""
    address = net.address()
    sites = (built / "build" / "Caddyfile").read_text(encoding="utf-8")
    for domain in DOMAINS:
        host = f"mta-sts.{domain}"
        live = tmp_path / "live" / host
        own = f"{host}:{net.https_port} {{\n\tbind {address}\n\ttls {live}/fullchain.pem {live}/privkey.pem"
        sites = sites.replace(f"{host} {{", own)
    config = tmp_path / "Caddyfile"
    config.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{sites}", encoding="utf-8")
    with running([program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"], tmp_path):
        done = check(built, tmp_path, net, address)
    assert_good(done)
