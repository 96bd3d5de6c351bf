"""What is deployed, in Azure's own emulators: a static web app's files are served, and the storage takes the upload.

Both emulators are Microsoft's, and neither is Azure: they know nothing of custom domains, of certificates, or of who
may do what.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import urllib3

from conftest import Bake, verb
from pipeline_files import SYSTEMS, bash_only, script_of
from servers.az import ACCOUNT, container
from servers.bind import Named, txt
from servers.emulators import emulator, uploaded
from servers.loopback import Loopback
from servers.tls import Authority

pytestmark = pytest.mark.slow  # starts Azure's emulators

CONFIG = """version: STSv1
mode: enforce
max_age: 604800
mx: [mx1.example.com, "*.mail.example.com"]
domains:
  one.example:
  two.example:
  three.example:
tls_reporting: {{rua: ["mailto:tls@one.example"]}}
hosting: {{kind: {kind}, hostname: {hostname}}}
"""
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.mail.example.com\r\nmax_age: 604800\r\n"
DOMAINS = ("one.example", "two.example", "three.example")
HOST_NAMES = {"static-web-app": "gentle-field.azurestaticapps.net", "front-door": "mtasts.azurefd.net"}


def built(bake: Bake, kind: str) -> Path:
    """Bake and build a repository for three domains with one policy, and return the files that are deployed."""
    folder = bake(hosting=kind, domain="one.example")
    config = CONFIG.format(kind=kind, hostname=HOST_NAMES[kind])
    (folder / "policy.yaml").write_text(config, encoding="utf-8")
    done = verb(folder, "build")
    assert done.returncode == 0, done.stderr.decode()
    return folder / "build" / "static"


def ask(url: str, method: str = "GET") -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers and body of the first answer: no redirect is followed, as no sender follows one."""
    with urllib3.PoolManager() as pool:
        answer = pool.request(method, url, redirect=False, retries=False, timeout=10)
        return answer.status, answer.headers, answer.data


# The static web app


def served(static: Path, *more: str) -> list[str]:
    """Return the words that make the emulator serve these files, by the configuration among them."""
    return ["start", str(static), "--swa-config-location", str(static), *more]


def at(net: Loopback, address: str) -> list[str]:
    """Return the words that make the emulator listen here."""
    return ["--host", address, "--port", str(net.https_port)]


def taken(log: Path, static: Path) -> bool:
    """Tell from the messages whether the emulator took the configuration. It serves the files in either case."""
    messages = log.read_text(encoding="utf-8")
    found = f"Found configuration file:\n  {static}/staticwebapp.config.json\n" in messages
    return found and "✖" not in messages and "Failed to" not in messages


HEADERS = {
    "Content-Type": "text/plain",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}


def test_a_static_web_app_serves_the_policy(bake: Bake, tmp_path: Path) -> None:
    """Prove that the path answers by itself, as text, with our headers: else senders would ignore the policy.

    An unknown path is not found. With the page in its place, a sender would read HTML as a broken policy.
    """
    static, net = built(bake, "static-web-app"), Loopback()
    address = net.address()
    place = f"http://{address}:{net.https_port}"
    words = [*served(static), *at(net, address)]
    with emulator("swa", *words, folder=tmp_path, address=address, port=net.https_port) as log:
        status, headers, body = ask(f"{place}/.well-known/mta-sts.txt")
        assert (status, body) == (200, POLICY)
        assert {name: headers[name] for name in HEADERS} == HEADERS
        status, headers, body = ask(f"{place}/.well-known/mta-sts.txt", "HEAD")
        assert (status, headers["Content-Length"], body) == (200, "93", b"")
        assert {name: headers[name] for name in HEADERS} == HEADERS
        status, headers, body = ask(f"{place}/")
        assert (status, headers["Content-Type"], headers["X-Content-Type-Options"]) == (200, "text/html", "nosniff")
        assert body.count(b"<h2>") == 3 and b"<h2>two.example</h2>" in body
        for path in ("/mta-sts.txt", "/.well-known/", "/.well-known/other.txt", "/staticwebapp.config.json"):
            status, _, body = ask(f"{place}{path}")
            assert (status, b"STSv1" in body) == (404, False), path
    assert taken(log, static)


def test_check_passes_a_static_web_app(bake: Bake, tmp_path: Path) -> None:
    """Prove that a sender accepts each domain's policy over TLS. Name server, certificate and authority are ours."""
    static, net, authority = built(bake, "static-web-app"), Loopback(), Authority()
    authority.write(tmp_path / "ca.pem")
    leaf = authority.valid(*(f"mta-sts.{domain}" for domain in DOMAINS))
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in leaf.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    address = net.address()
    tls = ["--ssl", "--ssl-cert", str(tmp_path / "cert.pem"), "--ssl-key", str(tmp_path / "key.pem")]
    words = [*served(static, *tls), *at(net, address)]
    zones = {domain: f"mta-sts A {address}\n_mta-sts {txt('v=STSv1; id=x;')}\n" for domain in DOMAINS}
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns").chmod(0o777)
    with (
        emulator("swa", *words, folder=tmp_path, address=address, port=net.https_port),
        Named(tmp_path / "dns", net.dns_port, zones) as dns,
    ):
        network = ["--resolver", dns.resolver, "--https-port", str(net.https_port), "--timeout", "15"]
        trust = ["--ca-file", str(tmp_path / "ca.pem")]
        done = verb(static.parent.parent, "check", "--only", "https,policy", *network, *trust)
    report = done.stdout.decode()
    assert (done.returncode, report.splitlines()[-1]) == (0, "3 domains, none with errors: no findings")
    assert report.count("✓ mx mx1.example.com, *.mail.example.com\n") == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"globalHeaders"', '"globalHeader"'),
        ('"mimeTypes"', '"mimetypes"'),
        ('"no-store",', '"no-store"'),
    ],
    ids=["unknown key", "wrong case", "no JSON"],
)
def test_the_emulator_tells_of_a_broken_configuration(bake: Bake, old: str, new: str, tmp_path: Path) -> None:
    """Prove that the tests above would see it: the policy is served all the same, without the headers."""
    static, net = built(bake, "static-web-app"), Loopback()
    config = static / "staticwebapp.config.json"
    text = config.read_text(encoding="utf-8")
    assert text.count(old) == 1
    config.write_text(text.replace(old, new), encoding="utf-8")
    address = net.address()
    words = [*served(static), *at(net, address)]
    with emulator("swa", *words, folder=tmp_path, address=address, port=net.https_port) as log:
        status, headers, body = ask(f"http://{address}:{net.https_port}/.well-known/mta-sts.txt")
    assert (status, body) == (200, POLICY)
    assert headers["Cache-Control"] == "must-revalidate, max-age=30"
    assert not taken(log, static)


# The storage behind Front Door


@bash_only
@pytest.mark.parametrize(("system", "artifact"), [("github", "build/static"), ("azure-devops", "build")])
def test_the_storage_takes_the_upload(system: str, artifact: str, bake: Bake, tmp_path: Path) -> None:
    """Prove that all files arrive with their types, and that the next deployment replaces them.

    Genuine are the pipeline's script, the build, Microsoft's storage library and Azurite. A stand-in is `az`, because
    it is 730 MB and can sign in to no emulator. Azurite has no static website: its container is read as that reads it.
    """
    static, net = built(bake, "front-door"), Loopback()
    artifact_folder = tmp_path / "work" / artifact
    artifact_folder.parent.mkdir(parents=True)
    static.rename(artifact_folder)
    address = net.address()
    endpoint = f"http://{address}:{net.https_port}"
    web = f"{endpoint}/{ACCOUNT}/$web"
    words = ["--blobHost", address, "--blobPort", str(net.https_port), "--inMemoryPersistence", "--silent"]
    words += ["--disableTelemetry", "--skipApiVersionCheck"]
    with emulator("azurite-blob", *words, folder=tmp_path, address=address, port=net.https_port):
        with container(endpoint, ACCOUNT, "$web") as blobs:
            blobs.create_container(public_access="blob")
            assert uploaded(script_of(system, "front-door"), tmp_path / "work", endpoint) == 0
            hosts = (*(f"mta-sts.{domain}" for domain in DOMAINS), "mtasts.azurefd.net")
            wanted = [f"{host}/{name}" for host in hosts for name in (".well-known/mta-sts.txt", "index.html")]
            assert sorted(blob.name for blob in blobs.list_blobs()) == sorted(wanted)
        for method, content in (("GET", POLICY), ("HEAD", b"")):
            status, headers, body = ask(f"{web}/mta-sts.two.example/.well-known/mta-sts.txt", method)
            assert (status, body) == (200, content)
            assert (headers["Content-Type"], headers["Cache-Control"]) == ("text/plain", "no-store")
        status, headers, body = ask(f"{web}/mtasts.azurefd.net/index.html")
        assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "text/html", "no-store")
        assert body.count(b"<h2>") == 3
        (artifact_folder / "mta-sts.two.example" / ".well-known" / "mta-sts.txt").write_bytes(b"the next policy\n")
        assert uploaded(script_of(system, "front-door"), tmp_path / "work", endpoint) == 0
        assert ask(f"{web}/mta-sts.two.example/.well-known/mta-sts.txt")[2] == b"the next policy\n"


@bash_only
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("old", "new"), [("--overwrite", "--overwrit"), ("--auth-mode login", ""), ("upload-batch", "upload")]
)
def test_the_stand_in_takes_no_other_words(system: str, old: str, new: str, tmp_path: Path) -> None:
    """Prove that a script with a word that az does not know, or without one that it needs, fails before any upload."""
    script = script_of(system, "front-door")
    assert old in script
    assert uploaded(script.replace(old, new), tmp_path, "http://nowhere.invalid") == 2
