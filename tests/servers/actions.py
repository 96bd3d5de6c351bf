"""What the actions and tasks of both systems ask of Azure, call by call, as their sources have it.

azure/login and AzureCLI@2 run `az`. Azure/functions-action and AzureFunctionApp@2 speak to Azure themselves.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

import urllib3

from servers.cloud import MANAGEMENT, TENANT


class RefusedError(Exception):
    """What Azure refused, and the action cannot do without."""


def az(environment: Mapping[str, str], *words: str) -> str:
    """Run the genuine CLI, and return what it prints."""
    done = subprocess.run(["az", *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(done.stderr)
    return done.stdout.strip()


def sign_in(environment: Mapping[str, str], client: str, subscription: str, token: str) -> None:
    """Sign in with a token of the system: azure/login v3 and AzureCLI@2 run the same two commands."""
    who = ("--service-principal", "--username", client, "--tenant", TENANT, "--federated-token", token)
    az(environment, "login", *who, "--output", "none")
    az(environment, "account", "set", "--subscription", subscription)


class _Caller:
    """Who speaks to Azure with a token of the CLI."""

    def __init__(self, environment: Mapping[str, str], subscription: str) -> None:
        words = ("account", "get-access-token", "--query", "accessToken", "--output", "tsv")
        self._token = az(environment, *words)
        self._pool = urllib3.ProxyManager(environment["HTTPS_PROXY"], ca_certs=environment["REQUESTS_CA_BUNDLE"])
        self._base = f"https://{MANAGEMENT}/subscriptions/{subscription}"

    def ask(self, method: str, path: str, fatal: bool = True, base: str = "") -> Any:
        """Ask, and return the answer. fatal: the action stops if this is refused."""
        answer = self._pool.request(
            method, f"{base or self._base}{path}", headers={"Authorization": f"Bearer {self._token}"}, retries=False
        )
        if answer.status >= 400 and fatal:
            raise RefusedError(answer.data.decode())
        return answer.json()

    def site(self, app: str) -> str:
        """Find an app in the subscription by its name, and return its path."""
        asked = f"/resources?$filter=resourceType EQ 'Microsoft.Web/Sites' AND name EQ '{app}'&api-version=2016-07-01"
        found = self.ask("GET", asked.replace(" ", "%20"))["value"]
        if not found:
            raise RefusedError("function app should exist")
        return str(found[0]["id"]).partition(self._base.removeprefix(f"https://{MANAGEMENT}"))[2]

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def functions_action(environment: Mapping[str, str], subscription: str, app: str) -> None:
    """Deploy as Azure/functions-action v1.5.7 does on Flex Consumption (handlers/resourceValidator.ts)."""
    caller = _Caller(environment, subscription)
    try:
        _validate(caller, app)
        _publish(caller, app)
    finally:
        caller.close()


def azure_function_app(environment: Mapping[str, str], subscription: str, app: str) -> None:
    """Deploy as AzureFunctionApp@2 does: it reads the configuration too, and only warns if it may not write it."""
    caller = _Caller(environment, subscription)
    try:
        site = _validate(caller, app)
        caller.ask("GET", f"{site}/config/web")
        caller.ask("PUT", f"{site}/config/metadata", fatal=False)
        _publish(caller, app)
    finally:
        caller.close()


def _validate(caller: _Caller, app: str) -> str:
    """Look at the app, and return its path. Without the policy the deployment goes on with the token."""
    site = caller.site(app)
    caller.ask("POST", f"{site}/config/publishingcredentials/list")
    caller.ask("GET", f"{site}/basicPublishingCredentialsPolicies/scm", fatal=False)
    caller.ask("GET", site)
    caller.ask("POST", f"{site}/config/appsettings/list")
    caller.ask("POST", f"{site}/publishxml")
    return site


def _publish(caller: _Caller, app: str) -> None:
    scm = f"https://{app}.scm.azurewebsites.net"
    caller.ask("POST", "/api/publish?remoteBuild=false&deployer=GITHUB_ZIP_DEPLOY_FUNCTIONS_V1", base=scm)
    caller.ask("GET", "/api/deployments/1", base=scm)
