"""A push to main, played from its first job to its last: real git, BIND, HTTPS, octoDNS, toolkit and Azure CLI.

Azure is the stand-in of servers/hosting.py. What has tests of its own is left out: installing, building and the last
check. The policy that a run deploys is served as soon as its job "deploy" has ended well, under the host names that
Azure has then; a web server takes it as soon as the run waits for it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from azure_steps import APP_GROUP, STORAGE
from bicep import SUBSCRIPTION
from granted import bootstrap
from mtasts.config.model import load
from pipeline_files import pipeline, what
from providers import Bind
from repositories import Repository, environment
from servers.cloud import TENANT
from servers.hosting import HOSTNAMES, PROOF, Hosting
from servers.https import Answer, PolicyHosts
from servers.loopback import Loopback
from servers.tls import Authority, context
from signed_in import APP, CONNECTIONS, PREFIX, SignedIn

DOMAINS = ("one.example", "two.example", "three.example", "four.example")
POLICY = """version: STSv1
mode: testing
max_age: {max_age}
mx: [mx.example.org]
tls_reporting: {{rua: ["mailto:tls@one.example"]}}
hosting: {{kind: {kind}, name: {name}, region: westeurope, hostname: {hostname}{proof}}}
domains:
"""
_PYTHON = """#!/usr/bin/env bash
case "$*" in
  "-m pip "* | "-m mtasts lint" | "-m mtasts build" | "-m mtasts check "*) exit 0 ;;
  "-m mtasts wait "*) set -- "$@" --for "$SECONDS_TO_WAIT" ;;
esac
case "$*" in
  "-m mtasts wait "* | "-m mtasts publish announcement "*)
    set -- "$@" --resolver "$RESOLVER" --ca-file "$CA_FILE" --https-port "$HTTPS_PORT" --timeout 20 ;;
esac
exec "{python}" -B "$@"
"""


class World:
    """A repository on main, its DNS zones, its hosting in Azure, and the servers that senders ask."""

    def __init__(self, folder: Path, repository: Path, kind: str, system: str, az: Mapping[str, str]) -> None:
        self.folder, self.kind, self.system, self.az, self.runs = folder, kind, system, az, 0
        self._running = ExitStack()
        self.dns = Bind(self.place("dns"), self._running)
        for zone in (*DOMAINS, HOSTNAMES[kind].partition(".")[2]):
            self.dns.add_zone(zone)
        self._start_https()
        words = [f"{kind}.rights.json", f"name={APP}", *([f"subjectPrefix={PREFIX}"] if system == "github" else [])]
        made = bootstrap(repository / "infra", words) if kind != "web-server" else None
        credentials = (made.credentials if system == "github" else CONNECTIONS) if made else []
        self.azure = Hosting(folder / "azure", kind, made.grants if made else [], credentials, self.dns.all)
        self._running.enter_context(self.azure)
        group = f"{APP_GROUP}/providers"
        self.azure.resources = [
            f"{group}/Microsoft.Web/sites/{APP}",
            f"{group}/Microsoft.Storage/storageAccounts/{STORAGE}",
        ]
        self.azure.made = {"hostname": HOSTNAMES[kind], "verification": PROOF.get(kind, ""), "verifications": []}
        self.origin = Repository(repository)

    def place(self, name: str) -> Path:
        """Return a new folder."""
        (self.folder / name).mkdir()
        return self.folder / name

    def _start_https(self) -> None:
        net, authority = Loopback(), Authority()
        address = net.address()
        self.dns.put(HOSTNAMES[self.kind], "A", [address])
        self.dns.start()
        self.answers: dict[str, Answer] = {}
        leaf = context(authority.valid(*(f"mta-sts.{name}" for name in DOMAINS)))
        self._running.enter_context(PolicyHosts(address, net.https_port, leaf, self.answers))
        self.network = {
            "RESOLVER": f"{Loopback.dns}:{self.dns.environment['RFC2136_PORT']}",
            "CA_FILE": str(authority.write(self.folder / "ca.pem")),
            "HTTPS_PORT": str(net.https_port),
            "SECONDS_TO_WAIT": "20",
        }

    def close(self) -> None:
        """Stop the servers."""
        self._running.close()

    def commit(self, *domains: str, max_age: int = 604800) -> str:
        """Commit a policy.yaml for these domains, each as it stands in the file, and return the commit."""
        proof = f", verification: {PROOF[self.kind]}" if self.kind in PROOF else ""
        hosting = {"kind": self.kind, "name": APP, "hostname": HOSTNAMES[self.kind], "proof": proof}
        text = POLICY.format(max_age=max_age, **hosting) + "".join(f"  {each}\n" for each in domains)
        return self.origin.commit({"policy.yaml": text}, "2026-11-01T12:00:00")

    def push(self, commit: str = "", attempt: int = 1, **before: Callable[[], object]) -> Push:
        """Play a run for a commit: main's tip, if none is named. before: what happens before a job."""
        self.runs += 1
        return Push(self, self.place(f"run{self.runs}"), commit or self.origin.head(), attempt, before)

    def records(self, *domains: str) -> list[str]:
        """Return what DNS has of these domains, but for what the zones had before."""
        lines = [line for line in self.dns.all() if " NS " not in line]
        return [line for line in lines if line.partition(" ")[0].endswith(domains or DOMAINS)]


class Push(SignedIn):
    """A run of the deployment. ended: how its jobs ended."""

    def __init__(
        self, world: World, folder: Path, commit: str, attempt: int, before: Mapping[str, Callable[[], object]]
    ) -> None:
        variables = {
            "AZURE_TENANT_ID": TENANT,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZURE_RESOURCE_GROUP": APP,
            "AZURE_STATICWEBAPP_NAME": APP,
            "AZURE_STORAGE_ACCOUNT": STORAGE,
            **world.dns.environment,
        }
        super().__init__(folder, world.origin.folder, world.azure, world.az, variables)
        self.world, self.commit, self.before = world, commit, before
        shutil.rmtree(self.work)
        self._git("clone", "--quiet", world.origin.folder.as_uri(), str(self.work), cwd=folder)
        (self.programs / "python").write_text(_PYTHON.format(python=sys.executable), encoding="utf-8")
        (self.programs / "python3").unlink()
        (self.programs / "python3").symlink_to(sys.executable)
        self._usual |= {**_begun(world.system, commit, attempt), "GIT_CONFIG_GLOBAL": os.devnull}
        self._usual["AGENT_TEMPDIRECTORY"] = str(folder)
        self.ended = self.play(pipeline(world.system, f"deploy-{world.kind}"))

    def job(self, name: str, job: Any) -> str:
        """Run a job on a new machine, after what happens before it."""
        self.before.get(name, lambda: None)()
        self._usual |= self.world.network
        if name == "https" and self.world.kind == "web-server":
            self.serve(f"mta-sts.{name}" for name in DOMAINS)
        if "job" in job:  # Azure DevOps checks out by itself
            self.check_out("")
        ended = super().job(name, job)
        if (name, ended, self.outputs.get("tip.current")) == ("deploy", "success", "true"):
            self.serve(self.world.azure.served())
        return ended

    def serve(self, names: Any) -> None:
        """Let HTTPS serve the policies of this run's commit under these host names."""
        config, _ = load(self.work / "policy.yaml")
        assert config
        policies = {f"mta-sts.{domain.name}": domain.policy.render().encode() for domain in config.domains}
        self.world.answers |= {name: Answer(policies[name]) for name in names if name in policies}

    def act(self, step: dict[str, Any]) -> None:
        """Check out as the system does, and carry the one file that a later job reads."""
        if what(step) in ("actions/checkout", "checkout"):
            self.check_out(step.get("with", {}).get("ref", ""))
        given = {name: self.filled(str(text)) for name, text in (step.get("inputs") or {}).items()}
        if given.get("artifact") == "hosts":
            place = Path(self.values["Pipeline.Workspace"], "hosts")
            place.mkdir(exist_ok=True)
            shutil.copy(self.work / given["targetPath"], place)
        if given.get("artifact") != "build":
            super().act(step)

    def check_out(self, ref: str) -> None:
        """Fetch all branches, and check out the tip of one or this run's commit. The build is where it would be."""
        self._git("fetch", "--quiet", "--prune", "origin", cwd=self.work)
        commit = f"origin/{ref.removeprefix('refs/heads/')}" if ref else self.commit
        self._git("checkout", "--quiet", "--force", "--detach", commit, cwd=self.work)
        for build in ("build/static", "build"):  # GitHub's artifact, and that of Azure DevOps
            folder = self.work / build / HOSTNAMES[self.world.kind] / ".well-known"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "mta-sts.txt").write_text("built")

    def _git(self, *words: str, cwd: Path) -> None:
        subprocess.run(["git", *words], cwd=cwd, env=environment(), check=True, capture_output=True, timeout=60)

    def red(self) -> list[str]:
        """Return the jobs that failed."""
        return [name for name, result in self.ended.items() if result == "failure"]

    def ran(self) -> list[str]:
        """Return the jobs that ended well."""
        return [name for name, result in self.ended.items() if result == "success"]

    def summary(self) -> str:
        """Return what stands on the page of the run."""
        paths = re.findall(r"##vso\[task\.uploadsummary\](.*)", self.all_said)
        own = [self.left["GITHUB_STEP_SUMMARY"], *map(Path, dict.fromkeys(paths))]
        return "\n".join(path.read_text(encoding="utf-8") for path in own if path.exists())


def _begun(system: str, commit: str, attempt: int) -> dict[str, str]:
    """Return what a system sets in the environment of a run that a push began."""
    if system == "github":
        names = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": commit}
        return {**names, "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ATTEMPT": str(attempt)}
    names = {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/heads/main", "BUILD_SOURCEVERSION": commit}
    return {**names, "BUILD_REASON": "IndividualCI", "SYSTEM_STAGEATTEMPT": str(attempt), "SYSTEM_JOBATTEMPT": "1"}
