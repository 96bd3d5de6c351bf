"""Front Door with a policy for each domain: the compiled rule set in front of the storage that took the upload.

The rule set is what Bicep's compiler makes of infra/front-door.bicep, the storage is Azurite, the build and the
pipeline's script are genuine, and Front Door itself is a stand-in. What it puts in place of {hostname} for an odd
Host header is not known, so each is tried as it was sent and normalised: none may find another domain's policy.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

import bicep
from conftest import TEMPLATE, Bake, verb
from pipeline_files import bash_only, script_of
from servers.az import ACCOUNT, container
from servers.emulators import emulator, uploaded
from servers.front_door import Reading, as_sent, front_door, normalised
from servers.loopback import Loopback

pytestmark = [pytest.mark.slow, bash_only]  # starts the compiler, and Azure's emulators

ENDPOINT = "mtasts.z01.azurefd.net"
HEAD = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx1.example.com]\ndomains:\n"
TAIL = f"hosting: {{kind: front-door, hostname: {ENDPOINT}}}\n"
THREE = "  one.example:\n  two.example: {mx: [mx.two.example], mode: enforce}\n  xn--bcher-kva.example:\n"
ONE = b"version: STSv1\r\nmode: testing\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"
TWO = b"version: STSv1\r\nmode: enforce\r\nmx: mx.two.example\r\nmax_age: 604800\r\n"
PATH = "/.well-known/mta-sts.txt"


class Storage:
    """The storage account: what is deployed, and where it is read."""

    def __init__(self, repository: Path, work: Path, endpoint: str) -> None:
        self.repository, self.work, self.endpoint = repository, work, endpoint
        self.website = f"{endpoint}/{ACCOUNT}/$web"

    def deploy(self, domains: str, **variables: str) -> None:
        """Build for these domains, and upload it as the pipeline does."""
        (self.repository / "policy.yaml").write_text(HEAD + domains + TAIL, encoding="utf-8")
        done = verb(self.repository, "build")
        assert done.returncode == 0, done.stderr.decode()
        (self.work / "build").mkdir(parents=True, exist_ok=True)
        shutil.move(self.repository / "build" / "static", self.work / "build" / "static")
        assert uploaded(script_of("github", "front-door"), self.work, self.endpoint, **variables) == 0
        shutil.rmtree(self.work / "build")


@pytest.fixture
def storage(bake: Bake, tmp_path: Path) -> Iterator[Storage]:
    """Azurite, and a repository whose build is uploaded to it."""
    net = Loopback()
    address = net.address()
    endpoint = f"http://{address}:{net.https_port}"
    words = ["--blobHost", address, "--blobPort", str(net.https_port), "--inMemoryPersistence", "--silent"]
    words += ["--disableTelemetry", "--skipApiVersionCheck"]
    with emulator("azurite-blob", *words, folder=tmp_path, address=address, port=net.https_port):
        with container(endpoint, ACCOUNT, "$web") as blobs:
            blobs.create_container(public_access="blob")
        yield Storage(bake(hosting="front-door", domain="one.example"), tmp_path / "work", endpoint)


def predicted(*domains: str) -> bicep.Prediction:
    """Return what infra/front-door.bicep makes for these domains."""
    given = {"name": "mtasts", "location": "westeurope", "domains": list(domains)}
    return bicep.predict(TEMPLATE / "infra" / "front-door.bicep", given, "mtasts")


def ask(url: str, host: str, path: str = PATH) -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    with urllib3.HTTPConnectionPool(url.removeprefix("http://")) as pool:
        # A path is sent as it is, dots too, if the pool is not to look for its own host in it.
        answer = pool.urlopen("GET", path, headers={"Host": host}, redirect=False, retries=False)
        return answer.status, answer.data


@pytest.mark.parametrize("reading", [as_sent, normalised])
def test_each_domain_has_its_own_policy(storage: Storage, reading: Reading) -> None:
    """What a sender asks for, with a host name as senders send it."""
    storage.deploy(THREE)
    found = predicted("one.example", "two.example", "xn--bcher-kva.example")
    with front_door(found, ENDPOINT, storage.website, reading) as url:
        asked = {host: ask(url, host) for host in ("mta-sts.one.example", "mta-sts.two.example", ENDPOINT)}
        assert asked == {"mta-sts.one.example": (200, ONE), "mta-sts.two.example": (200, TWO), ENDPOINT: (200, ONE)}
        assert ask(url, "mta-sts.xn--bcher-kva.example") == (200, ONE)
        for host, headings in (("mta-sts.two.example", [b"two.example"]), (ENDPOINT, [b"one.example", b"two.example"])):
            status, page = ask(url, host, "/")
            assert (status, [page.count(b"<h2>" + each + b"</h2>") for each in headings]) == (200, [1] * len(headings))
        assert b"one.example" not in ask(url, "mta-sts.two.example", "/")[1]


ODD = ["MTA-STS.two.example", "mta-sts.two.example.", "mta-sts.two.example:443", "Mta-Sts.Two.Example.:443"]


@pytest.mark.parametrize("reading", [as_sent, normalised])
def test_an_odd_host_gets_its_own_policy_or_none(storage: Storage, reading: Reading) -> None:
    """Front Door may normalise a Host header or not: a folder that is not there is a 404."""
    storage.deploy(THREE)
    right = (200, TWO) if reading is normalised else (404, None)
    with front_door(predicted("one.example", "two.example"), ENDPOINT, storage.website, reading) as url:
        for host in ODD:
            status, body = ask(url, host)
            assert (status, body if status == 200 else None) == right, host


PATHS = ["//", "/..", "/index.htm", "/.well-known/", "/.WELL-KNOWN/mta-sts.txt", "/mta-sts.one.example" + PATH]
PATHS += ["/../mta-sts.one.example" + PATH, "/%2e%2e/mta-sts.one.example" + PATH, "/x/../../mta-sts.one.example" + PATH]


@pytest.mark.parametrize("reading", [as_sent, normalised])
def test_no_path_and_no_other_host_leads_to_another_policy(storage: Storage, reading: Reading) -> None:
    """An unknown host, one that is known and has no folder, and paths with dots."""
    storage.deploy(THREE)
    found = predicted("one.example", "two.example", "late.example")
    with front_door(found, ENDPOINT, storage.website, reading) as url:
        for host in ("mta-sts.other.example", "one.example", "mta-sts.late.example", "..", "$web", ""):
            status, body = ask(url, host)
            assert (status, b"STSv1" in body) == (404, False), host
        for path in PATHS:
            status, body = ask(url, "mta-sts.two.example", path)
            assert b"mx1.example.com" not in body, path


def test_a_removed_domain_answers_as_long_as_its_host_name_is_there(storage: Storage) -> None:
    """Senders that have its policy ask until that has run out. Nothing of another domain takes its place."""
    storage.deploy(THREE)
    storage.deploy("  one.example:\n")
    with front_door(predicted("one.example", "two.example"), ENDPOINT, storage.website, normalised) as url:
        assert (ask(url, "mta-sts.one.example"), ask(url, "mta-sts.two.example")) == ((200, ONE), (200, TWO))


def test_a_hundred_domains_have_a_hundred_policies(storage: Storage) -> None:
    """As many as Front Door takes, and one of them with another policy."""
    names = [f"d{number}.example" for number in range(100)]
    storage.deploy("".join(f"  {name}: {{mx: [mx.{name}]}}\n" for name in names))
    with front_door(predicted(*names), ENDPOINT, storage.website, normalised) as url:
        for name in names:
            policy = f"version: STSv1\r\nmode: testing\r\nmx: mx.{name}\r\nmax_age: 604800\r\n"
            assert ask(url, f"mta-sts.{name}") == (200, policy.encode())


def test_before_the_rule_set_is_made_and_after_it_the_policy_is_served(storage: Storage) -> None:
    """An installation of an older version: its route asks for the path as senders do. The push serves both."""
    storage.deploy(THREE, UNROUTED=ENDPOINT)
    own = storage.endpoint.removeprefix("http://")
    assert ask(storage.endpoint, own, f"/{ACCOUNT}/$web{PATH}") == (200, ONE)  # as the old route asks
    with front_door(predicted("one.example", "two.example"), ENDPOINT, storage.website, normalised) as url:
        assert (ask(url, "mta-sts.one.example"), ask(url, "mta-sts.two.example")) == ((200, ONE), (200, TWO))
