"""Azure on this machine, for the genuine `az`, octoDNS's Azure provider and what the pipelines' actions ask for.

It is the proxy of those programs, and every host of Azure's at once: the sign-in of Entra ID, the resource manager, a
storage account's blobs, a Function App's deployment site, and Azure DNS (dns_azure.py). It knows who was given which
rights, and refuses every other call with AuthorizationFailed. It makes nothing, and remembers deployments alone.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from servers.api import Api, RefusalError, Reply, Request
from servers.deployments import needs, outputs
from servers.dns_azure import SUBSCRIPTION, TOKEN, Azure
from servers.rights import Grant, Need, action_of, allowed, covers
from servers.tls import Authority, context

LOGIN, MANAGEMENT = "login.microsoftonline.com", "management.azure.com"
TENANT = "66666666-7777-8888-9999-aaaaaaaaaaaa"
AUDIENCE = "api://AzureADTokenExchange"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"


@dataclass(frozen=True)
class Credential:
    """What an identity may sign in with: a token from this issuer, for this subject."""

    client: str
    identity: str
    issuer: str
    subject: str


def assertion(issuer: str, subject: str) -> str:
    """Return a token as GitHub and Azure DevOps make it, without their signature."""
    claims = {"iss": issuer, "sub": subject, "aud": AUDIENCE}
    parts = [{"alg": "RS256", "kid": "1"}, claims, {}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class Cloud(Api):
    """A tenant with subscriptions. grants: who may do what. A client with a password is who it says.

    resources: the ids of what there is. made: what deployments print, by the name of the output. hosts: the host names
    that Front Door has. zones_in: the subscription of the DNS zones. faults: what Azure answers instead, once each, by
    the beginning of the call: `PUT /subscriptions/…`. given: the parameters of each deployment, by its name.
    done and refused: what each identity asked for, and what of that it may not do. blobs: which were asked for.
    """

    provider = "azure-dns"

    def __init__(self, folder: Path, grants: Sequence[Grant], credentials: Sequence[Credential]) -> None:
        super().__init__()
        self.grants, self.credentials = list(grants), list(credentials)
        self.resources: list[str] = []
        self.made: dict[str, Any] = {}
        self.zones_in = SUBSCRIPTION
        self.hosts: list[dict[str, Any]] = []
        self.faults: list[tuple[str, Reply]] = []
        self.given: dict[str, dict[str, Any]] = {}
        self.done: list[Need] = []
        self.refused: list[Need] = []
        self.blobs: list[str] = []
        self._deployments: dict[str, Any] = {}
        self._running = ExitStack()
        (folder / "dns").mkdir(parents=True)
        self.dns = self._running.enter_context(Azure(folder / "dns"))
        authority = Authority()
        names = (LOGIN, MANAGEMENT, "*.blob.core.windows.net", "*.scm.azurewebsites.net")
        self._context = context(authority.valid(*names))
        self.environment = {
            "HTTPS_PROXY": self.url,
            "REQUESTS_CA_BUNDLE": str(authority.write(folder / "ca.pem")),
            "AZURE_TENANT_ID": TENANT,
        }

    def __exit__(self, *error: object) -> None:
        self._running.close()
        super().__exit__(*error)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Proxied(super()._handler()):  # type: ignore[misc]
            connection: socket.socket

            def do_CONNECT(self) -> None:  # noqa: N802 - as the base class looks for it
                self.send_response(200)
                self.end_headers()
                self.connection = cloud._context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.close_connection = False

            def finish(self) -> None:
                super().finish()
                self.connection.close()

        return Proxied

    def answer(self, request: Request) -> Reply:
        """Let the host answer."""
        request = replace(request, parts=tuple(map(unquote, request.parts)))
        if request.host == LOGIN:
            return self._sign_in(request)
        identity = request.credential.removeprefix("Bearer token of ")
        if identity == request.credential:
            raise RefusalError(failure(401, "InvalidAuthenticationToken", "The access token is invalid."))
        if request.host == MANAGEMENT:
            return self._manage(request, identity)
        account, _, service = request.host.partition(".")
        answers: dict[str, Callable[[Request, str, str], Reply]] = {"blob": self._blob, "scm": self._publish}
        return answers[service.partition(".")[0]](request, identity, account)

    # Entra ID

    def _sign_in(self, request: Request) -> Reply:
        """Give a token to who shows a credential. Discovery is as in https://login.microsoftonline.com."""
        if request.parts[-1] == "openid-configuration":
            base = f"https://{LOGIN}/{TENANT}"
            found = {name: f"{base}/oauth2/v2.0/{name}" for name in ("authorization", "token")}
            return _json({f"{name}_endpoint": url for name, url in found.items()} | {"issuer": f"{base}/v2.0"})
        if request.parts[-1] == "instance":
            names = {"preferred_network": LOGIN, "preferred_cache": LOGIN, "aliases": [LOGIN]}
            return _json({"tenant_discovery_endpoint": "", "metadata": [names]})
        identity = self._identity({name: value[0] for name, value in parse_qs(request.body.decode()).items()})
        if identity is None:
            message = "AADSTS700213: No matching federated identity record found for presented assertion subject."
            return _json({"error": "invalid_client", "error_description": message}, 401)
        return _json({"access_token": f"token of {identity}", "expires_in": 86399, "token_type": "Bearer"})

    def _identity(self, form: Mapping[str, str]) -> str | None:
        if form.get("client_secret"):
            return form["client_id"]
        claims = json.loads(base64.urlsafe_b64decode(form["client_assertion"].split(".")[1] + "=="))
        shown = (form["client_id"], claims["iss"], claims["sub"])
        found = {(each.client, each.issuer, each.subject): each.identity for each in self.credentials}
        return found.get(shown) if claims["aud"] == AUDIENCE else None

    # The resource manager

    def _manage(self, request: Request, identity: str) -> Reply:
        parts = request.parts
        if parts == ("subscriptions",):
            return _json({"value": [_subscription(each) for each in self.visible(identity)]})
        if parts[2:] == ("resources",):
            return self._find(identity, request.query["filter"])
        action, scope = action_of(request.method, parts)
        self._need(identity, action, scope)
        self._fail(f"{request.method} /{'/'.join(parts)}")
        lower = [part.lower() for part in parts]
        if "dnszones" in lower:
            there = (parts[0], SUBSCRIPTION if parts[1] == self.zones_in else parts[1], *parts[2:])
            return self.dns.answer(replace(request, parts=there, credential=f"Bearer {TOKEN}"))
        if "deployments" in lower:
            at = lower.index("deployments") + 2
            return self._deploy(request, identity, parts[:at], (*lower[at:], request.method)[0])
        return self._plain(request, action)

    def _fail(self, call: str) -> None:
        for fault in self.faults:
            if call.lower().startswith(fault[0].lower()):
                self.faults.remove(fault)
                raise RefusalError(fault[1])

    def visible(self, identity: str) -> list[str]:
        """Return the subscriptions that an identity sees: where it may read any group (Azure/login#556)."""
        seen = [each for each in self.grants if each.identity == identity and each.allows(_reading(each))]
        self.done += map(_reading, seen)
        return sorted({each.scope.split("/")[2] for each in seen})

    def _find(self, identity: str, text: str) -> Reply:
        """List what there is of a type and a name in the subscription: what the caller may read of it."""
        kind, name = re.findall(r"'([^']+)'", text)
        found = [each for each in self.resources if each.lower().endswith(f"/{kind}/{name}".lower())]
        wanted = [Need(identity, f"{kind}/read", each) for each in found]
        seen = [need for need in wanted if allowed(self.grants, need)]
        self.done += seen
        self.refused += [need for need in wanted if need not in seen]
        return _json({"value": [{"id": need.scope, "kind": "functionapp,linux", "name": name} for need in seen]})

    def _need(self, identity: str, action: str, scope: str, data: bool = False) -> None:
        """Note what a call needs, and refuse it without the right."""
        need = Need(identity, action, scope, data)
        self.done.append(need)
        if not allowed(self.grants, need):
            self.refused.append(need)
            raise RefusalError(failure(403, "AuthorizationFailed", _denial(need)))

    def _deploy(self, request: Request, identity: str, place: tuple[str, ...], step: str) -> Reply:
        """Do what is asked of a deployment: its id is the place."""
        if step == "GET":
            return _json(self._deployments[place[-1]])
        if step == "operationstatuses":
            return _json({"status": "Succeeded"})
        properties = _body(request.body)["properties"]
        given = {name: each["value"] for name, each in properties.get("parameters", {}).items()}
        scope = f"/{'/'.join(place[: place.index('providers')])}"
        for action, at in self._needed(properties["template"], given, scope):
            if step == "validate" and not action.endswith("/write"):
                continue
            self._need(identity, action, at)
        self.given[place[-1]] = given
        if step == "whatif":
            return _json({"status": "Succeeded", "properties": {"changes": []}})
        printed = {"provisioningState": "Succeeded", "outputs": outputs(properties["template"], self.made)}
        self._deployments[place[-1]] = {"id": f"/{'/'.join(place)}", "name": place[-1], "properties": printed}
        if step == "validate":
            return _json({"properties": {"provisioningState": "Succeeded"}})
        follow = f"https://{MANAGEMENT}/{'/'.join(place)}/operationStatuses/1?api-version=2021-04-01"
        started = {**self._deployments[place[-1]], "properties": {"provisioningState": "Accepted"}}
        return _json(started, 201, {"Azure-AsyncOperation": follow, "Retry-After-Ms": "1"})

    def _needed(self, template: Any, given: Any, scope: str) -> Iterator[tuple[str, str]]:
        places = {"group": scope, "subscription": "/".join(scope.split("/")[:3])}
        yield from ((action, places[where]) for where, action in dict.fromkeys(needs(template, given)))

    def _plain(self, request: Request, action: str) -> Reply:
        """Answer a call that is allowed, as far as the pipelines read the answer."""
        answers = {
            "Microsoft.Web/staticSites/listSecrets/action": {"properties": {"apiKey": "the-token"}},
            "Microsoft.Web/sites/config/list/action": {"properties": {"scmUri": f"https://{request.parts[-3]}.scm"}},
            "Microsoft.Cdn/profiles/customDomains/read": {"value": self.hosts},
        }
        found = next((answers[each] for each in answers if covers(each, action)), None)
        there = {"id": f"/{'/'.join(request.parts)}", "properties": {}, "registrationState": "Registered"}
        return _json(there if found is None else found)

    # The data planes

    def _blob(self, request: Request, identity: str, account: str) -> Reply:
        """Take a blob. To write over one is `write`, and `add/action` makes a new one."""
        (place,) = (each for each in self.resources if each.endswith(f"/storageAccounts/{account}"))
        scope = f"{place}/blobServices/default/containers/{request.parts[0]}"
        self.blobs.append("/".join(request.parts))
        verb = {"PUT": "write", "GET": "read", "HEAD": "read", "DELETE": "delete"}[request.method]
        self._need(identity, f"{CONTAINERS}/blobs/{verb}", scope, data=True)
        stamp = {"ETag": '"1"', "Last-Modified": "Thu, 26 Nov 2026 00:00:00 GMT", "x-ms-version": "2021-08-06"}
        return Reply(201, b"", "application/xml", stamp)

    def _publish(self, request: Request, identity: str, app: str) -> Reply:
        """Take a package: a token of who may publish opens the site (azure-docs#78962)."""
        (place,) = (each for each in self.resources if each.endswith(f"/sites/{app}"))
        self._need(identity, "Microsoft.Web/sites/publish/action", place)
        return _json("1", 202) if request.method == "POST" else _json({"id": "1", "status": 4})


def _reading(grant: Grant) -> Need:
    return Need(grant.identity, "Microsoft.Resources/subscriptions/resourceGroups/read", grant.scope)


def _subscription(name: str) -> dict[str, Any]:
    found = {"id": f"/subscriptions/{name}", "subscriptionId": name, "displayName": name, "tenantId": TENANT}
    return {**found, "state": "Enabled", "authorizationSource": "RoleBased", "managedByTenants": []}


def _denial(need: Need) -> str:
    who = f"The client '{need.identity}' with object id '{need.identity}'"
    return f"{who} does not have authorization to perform action '{need.action}' over scope '{need.scope}'."


def _body(body: bytes) -> Any:
    """Return a deployment's body: az writes the template's text as it is, behind a key without quotes."""
    return json.loads(re.sub(rb"(?<=[{ ,])template:", b'"template":', body, count=1))


def _json(found: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(found).encode(), "application/json", headers or {})


def failure(status: int, code: str, message: str) -> Reply:
    """Return an error as the resource manager writes it."""
    return _json({"error": {"code": code, "message": message}}, status)


def half_done(code: str, message: str) -> Reply:
    """Return how a deployment is that failed when a part of it was done."""
    error = {"code": "DeploymentFailed", "message": "At least one resource deployment operation failed."}
    return _json({"status": "Failed", "error": {**error, "details": [{"code": code, "message": message}]}})
