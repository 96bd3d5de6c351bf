"""The pipelines, played with the genuine Azure CLI and octoDNS against the stand-in for Azure.

Each job is a new machine, and signs in as its system does: with a token for its environment on GitHub, for its service
connection in Azure DevOps. What else the pipelines run has tests of its own: installing, building and looking at HTTPS.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bicep import SUBSCRIPTION
from pipeline_files import Stage, what
from servers.actions import RefusedError, azure_function_app, functions_action, sign_in
from servers.cli import signed_out
from servers.cloud import Cloud, Credential, assertion

GITHUB_TOKENS = "https://token.actions.githubusercontent.com"
AZURE_TOKENS = "https://vstoken.dev.azure.com/organisation"
PREFIX = "repo:owner@1/repository@2"
APP = "mtasts-example-com"
# A service connection makes the credential of its identity by itself.
CONNECTIONS = [
    Credential(f"client-of-{name}", name, AZURE_TOKENS, f"sc://organisation/project/{name}")
    for name in ("provision", "deploy")
]
_PYTHON = f"""#!/usr/bin/env bash
case "$*" in
  "-m pip "* | "-m mtasts lint" | "-m mtasts build" | "-m mtasts check "* | "-m mtasts wait "*) exit 0 ;;
  "-m mtasts publish announcement "*) set -- "$@" --no-check ;;
esac
exec "{sys.executable}" -B "$@"
"""


class SignedIn(Stage):
    """A pipeline of one of the systems, in a repository's copy. variables: the repository's."""

    def __init__(
        self, folder: Path, repository: Path, cloud: Cloud, az: Mapping[str, str], variables: Mapping[str, str]
    ) -> None:
        super().__init__(folder, {"AZURE_FUNCTIONAPP_NAME": APP, **variables}, dns=False)
        shutil.copytree(repository, self.work, dirs_exist_ok=True)
        (self.programs / "az").unlink()
        (self.programs / "python").write_text(_PYTHON)
        path = f"{self.programs}{os.pathsep}{az['PATH']}"
        self._usual = {**az, **cloud.environment, "PATH": path, "PAUSE": "0"}
        self._folder, self._machines = folder, 0
        self.wrong = ""  # what the first step that failed said: jobs that look what happened come after it

    def job(self, name: str, job: Any) -> str:
        """Run a job on a new machine."""
        self._usual |= {"GITHUB_ACTIONS": "true"} if "runs-on" in job else {"TF_BUILD": "True"}
        environment = job.get("environment", "")
        self._subject = f"{PREFIX}:environment:{environment}"
        identity = {"provision": "provision"}.get(environment, "deploy")
        self.values["AZURE_CLIENT_ID"] = f"client-of-{identity}"
        self._machine()
        return super().job(name, job)

    def _machine(self) -> None:
        self._machines += 1
        # Azure DevOps gives every step all variables that are not secret.
        shown = {key: value for key, value in self.values.items() if key.isidentifier()}
        self.predefined = signed_out({**self._usual, **shown}, self._folder / f"machine{self._machines}")

    def step(self, step: dict[str, Any]) -> bool:
        """Run a step. It fails where Azure refuses what its action cannot do without."""
        try:
            if what(step) == "AzureCLI":
                self._connect(self.filled(step["inputs"]["azureSubscription"]))
            good = super().step(step)
        except RefusedError as error:
            self.said, good = str(error), False
        self.wrong = self.wrong or ("" if good else self.said)
        return good

    def act(self, step: dict[str, Any]) -> None:
        """Do what an action or a task asks of Azure."""
        given = {name: self.filled(str(text)) for name, text in (step.get("with") or step.get("inputs") or {}).items()}
        action, subscription = what(step), self.values.get("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
        if action == "azure/login":
            token = assertion(GITHUB_TOKENS, self._subject)
            sign_in(self.predefined, given["client-id"], given["subscription-id"], token)
        elif action == "Azure/functions-action":
            functions_action(self.predefined, subscription, given["app-name"])
        elif action == "AzureFunctionApp":
            self._connect(given["connectedServiceNameARM"])
            azure_function_app(self.predefined, subscription, given["appName"])
        elif action == "PublishPipelineArtifact" and given["artifact"] == "policy":
            (self._folder / "policy").mkdir(exist_ok=True)
            shutil.copy(self.work / given["targetPath"], self._folder / "policy")

    def _connect(self, connection: str) -> None:
        """Sign in by a service connection: to the subscription that it was made for."""
        token = assertion(AZURE_TOKENS, f"sc://organisation/project/{connection}")
        self._machine()
        where = self.values.get("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
        sign_in(self.predefined, f"client-of-{connection}", where, token)

    def filled(self, text: str) -> str:
        """Return a text with the values of variables: the first one that is set."""
        both = r"\$\{\{ vars\.(\w+) \|\| vars\.(\w+) \}\}"
        text = re.sub(both, lambda found: self.values.get(found[1]) or self.values.get(found[2], ""), text)
        return super().filled(text)
