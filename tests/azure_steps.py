"""Each step of the pipelines that asks something of Azure, by itself.

It is of GitHub's, with the zones in another subscription. Its commands are those of the pipelines and of README.md.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bicep import DNS_SUBSCRIPTION, SUBSCRIPTION
from conftest import verb
from providers import Publisher
from servers.actions import RefusedError, azure_function_app, functions_action, sign_in
from servers.cloud import Cloud, assertion
from servers.dns_azure import GROUP
from signed_in import APP, GITHUB_TOKENS, PREFIX

STORAGE = "mtastsexample"
APP_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{APP}"
UPLOAD = (
    f"az storage blob upload-batch --auth-mode login --account-name {STORAGE} --source build/static"
    " --destination '$web' --overwrite --content-cache-control no-store --no-progress"
)
_FORM = f"az deployment group {{}} --name mta-sts --resource-group {APP}"
_READ = f"az rest --method get --url {APP_GROUP}/providers/{{}}?api-version=2024-11-01"  # as infra/hosts.sh
_OWN = {
    "function": [("deploy", _READ.format(f"Microsoft.Web/sites/{APP}"))],
    "static-web-app": [
        ("deploy", _READ.format(f"Microsoft.Web/staticSites/{APP}/customDomains")),
        ("deploy", f"az staticwebapp secrets list --name {APP} --resource-group {APP}"),
    ],
    "front-door": [
        ("deploy", _READ.format(f"Microsoft.Cdn/profiles/{APP}/customDomains")),
        ("deploy", _READ.format(f"Microsoft.Cdn/profiles/{APP}/afdEndpoints/{APP}/routes/policy")),
        ("deploy", UPLOAD),
    ],
}

Machines = Mapping[str, Mapping[str, str]]  # the environment of each identity, with a folder of its own for `az`


class Step(NamedTuple):
    """A step: whose it is, and how to take it. It tells whether it went well."""

    identity: str
    take: Callable[[], bool]


def bash(command: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command as a pipeline does."""
    words = ["bash", "-c", command]
    return subprocess.run(words, cwd=folder, env=environment, check=False, capture_output=True, encoding="utf-8")


def prepare(repository: Path) -> None:
    """Put what other steps make where the steps here look for it."""
    (repository / "build" / "static").mkdir(parents=True)
    (repository / "build" / "static" / "mta-sts.txt").write_text("version: STSv1\n")
    for phase in ("app", "domains"):
        written = verb(repository, "parameters", "--phase", phase, "--output", f"{phase}.json")
        assert written.returncode == 0 or "web-server" in written.stderr.decode()


def commands(hosting: str) -> list[tuple[str, str]]:
    """Return the `az` calls of a hosting, with whose they are."""
    if hosting == "web-server":
        return []
    form = f"{_FORM} --template-file infra/{hosting}.bicep --parameters {{}}.json"
    made = [form.format("what-if", "app"), form.format("create", "app"), form.format("create", "domains")]
    if hosting == "function":
        made[-1] += " applicationInsights=true"  # as infra/function.bicep may be edited to have it
    return [*(("provision", each) for each in (*made, _FORM.format("show"))), *_OWN[hosting]]


def steps(hosting: str, repository: Path, machines: Machines, cloud: Cloud) -> list[Step]:
    """Return the steps of a hosting. The first ones sign in."""

    def ran(identity: str, command: str) -> bool:
        return bash(command, repository, machines[identity]).returncode == 0

    taken = [Step(identity, partial(_signed_in, identity, hosting, machines[identity])) for identity in machines]
    taken += [Step(identity, partial(ran, identity, command)) for identity, command in commands(hosting)]
    if hosting == "function":
        deploys = (functions_action, azure_function_app)
        taken += [Step("deploy", partial(_acted, action, machines["deploy"])) for action in deploys]
    return [*taken, Step("deploy", partial(_published, repository, cloud, machines["deploy"]))]


def _acted(action: Callable[[Mapping[str, str], str, str], None], machine: Mapping[str, str]) -> bool:
    with suppress(RefusedError):
        action(machine, SUBSCRIPTION, APP)
        return True
    return False


def _signed_in(identity: str, hosting: str, machine: Mapping[str, str]) -> bool:
    """Sign in to each subscription that the jobs of an identity name."""
    subscriptions = [DNS_SUBSCRIPTION] if identity == "deploy" else []
    subscriptions += [] if hosting == "web-server" else [SUBSCRIPTION]
    environment = {"provision": "provision", "deploy": "production"}[identity]
    token = assertion(GITHUB_TOKENS, f"{PREFIX}:environment:{environment}")
    Path(machine["AZURE_CONFIG_DIR"], "azureProfile.json").unlink(missing_ok=True)  # as on a new machine
    with suppress(RefusedError):
        for each in subscriptions:
            sign_in(machine, f"client-of-{identity}", each, token)
        return True
    return False


def _published(repository: Path, cloud: Cloud, machine: Mapping[str, str]) -> bool:
    """Publish, publish another policy, and take everything away again."""
    cloud.dns.clear()
    cloud.dns.add_zone("example.com")
    cloud.environment = {**machine, "AZURE_SUBSCRIPTION_ID": DNS_SUBSCRIPTION, "AZURE_DNS_RESOURCE_GROUP": GROUP}
    with TemporaryDirectory() as folder:
        publisher = Publisher(shutil.copytree(repository, Path(folder, "repository")), cloud)
        for max_age, more in ((604800, ""), (700000, ""), (700000, "{retired: true}")):
            publisher.write(f"example.com: {more}", max_age=max_age)
            if any(publisher.publish(stage, "--doit").code for stage in ("hosting", "announcement")):
                return False
    return True
