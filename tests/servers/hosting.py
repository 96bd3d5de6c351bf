"""A hosting in Azure that takes host names, as far as a push sees of it: beside what the stand-in for Azure does.

A deployment adds the host names that it is given. As in Azure, a Function or a Static Web App takes one only if its
records are in DNS, and Front Door makes it at once, and approves it when DNS shows its token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from servers.api import RefusalError, Reply, Request
from servers.cloud import Cloud, Credential, failure
from servers.rights import Grant

HOSTNAMES = {
    "function": "mtasts-example-com.azurewebsites.net",
    "static-web-app": "agreeable-sand-0a1b2c3d.5.azurestaticapps.net",
    "front-door": "mtasts-example-com.z01.azurefd.net",
    "web-server": "www.example.org",
}
PROOF = {"function": "A1B2"}


class Hosting(Cloud):
    """Azure with a hosting. records: what DNS has, as `name TTL TYPE value`.

    names: the host names that it has. taken: those that another app has. late: those whose certificate does not come.
    old_route: whether Front Door's route is as the first version of the template made it, without a rule set.
    """

    def __init__(
        self,
        folder: Path,
        kind: str,
        grants: Sequence[Grant],
        credentials: Sequence[Credential],
        records: Callable[[], list[str]],
    ) -> None:
        super().__init__(folder, grants, credentials)
        self.kind, self.records = kind, records
        self.names: list[str] = []
        self.taken: set[str] = set()
        self.late: set[str] = set()
        self.old_route = False

    def served(self) -> list[str]:
        """Return the host names that HTTPS answers for."""
        return [name for name in self.names if name not in self.late and self._approved(name)]

    def _deploy(self, request: Request, identity: str, place: tuple[str, ...], step: str) -> Reply:
        reply = super()._deploy(request, identity, place, step)
        given = self.given.get(place[-1], {})
        if step == "PUT" and (self.kind == "front-door" or given["phase"] == "domains"):
            for domain in given["domains"]:
                self._add(f"mta-sts.{domain}")
            self.old_route = False
        return reply

    def _add(self, name: str) -> None:
        if name in self.taken:
            raise RefusalError(failure(409, "Conflict", f"Hostname '{name}' already exists. Please select another."))
        if self.kind != "front-door" and not self._seen(name):
            raise RefusalError(failure(400, "BadRequest", f"A CNAME record pointing from {name} was not found."))
        if name not in self.names:
            self.names.append(name)

    def _seen(self, name: str) -> bool:
        lines = {f"{name} 3600 CNAME {HOSTNAMES[self.kind]}."}
        if self.kind in PROOF:
            lines.add(f"asuid.{name} 3600 TXT {PROOF[self.kind]}")
        return lines <= set(self.records())

    def _approved(self, name: str) -> bool:
        return self.kind != "front-door" or f"_dnsauth.{name} 3600 TXT {token(name)}" in self.records()

    def _plain(self, request: Request, action: str) -> Reply:
        if request.method == "GET" and (found := self._found(action.lower())):
            return Reply(200, json.dumps(found).encode(), "application/json", {})
        return super()._plain(request, action)

    def _found(self, action: str) -> dict[str, Any] | None:
        if action == "microsoft.web/sites/read" and self.kind == "function":
            states = [{"name": HOSTNAMES[self.kind], "sslState": "Disabled"}]
            states += [{"name": name, "sslState": "SniEnabled"} for name in self.names]
            return {"name": "app", "properties": {"hostNameSslStates": states}}
        if action == "microsoft.web/staticsites/customdomains/read":
            return {"value": [{"name": name, "properties": {"status": "Ready"}} for name in self.names]}
        if action == "microsoft.cdn/profiles/customdomains/read":
            return {"value": list(map(self._custom_domain, self.names))}
        if action == "microsoft.cdn/profiles/afdendpoints/routes/read":
            rules = [] if self.old_route else [{"id": "policies"}]
            return {"properties": {"patternsToMatch": ["/*"], "ruleSets": rules}}
        return None

    def _custom_domain(self, name: str) -> dict[str, Any]:
        done = self._approved(name)
        state = {"hostName": name, "domainValidationState": "Approved" if done else "Pending"}
        deployed = {"deploymentStatus": "Succeeded" if name in self.served() else "InProgress"}
        proof = {"validationProperties": {"validationToken": token(name)}}
        return {"name": name.replace(".", "-"), "properties": {**state, **deployed, **proof}}


def token(name: str) -> str:
    """Return what proves a host name to Front Door."""
    return f"_token-{name.replace('.', '-')}"
