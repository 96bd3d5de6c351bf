"""Compares the host names that the hosting has in Azure, as infra/hosts.sh read them, with policy.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote as percent_encoded

from mtasts.config.hosting import FRONT_DOOR_HOSTS, FUNCTION_CERTIFICATES, SWA_FREE, SWA_STANDARD, Kind
from mtasts.config.model import Config
from mtasts.findings import UserError, quote
from mtasts.sts.policy import policy_host

BYTES = 4 * 1024 * 1024  # of all pages together

_API = {Kind.FUNCTION: "2024-11-01", Kind.STATIC_WEB_APP: "2024-11-01", Kind.FRONT_DOOR: "2025-06-01"}
_PLACES = {
    Kind.FUNCTION: "Microsoft.Web/sites/{}",
    Kind.STATIC_WEB_APP: "Microsoft.Web/staticSites/{}/customDomains",
    Kind.FRONT_DOOR: "Microsoft.Cdn/profiles/{}/customDomains",
}
_Found = TypeVar("_Found")
_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_RESOURCE = re.compile(r"[A-Za-z0-9-]{1,260}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HELP = "Read it again with infra/hosts.sh, or with the command in README.md."


@dataclass(frozen=True)
class Host:
    """A host name in Azure. status: in Azure's words. token: validates it for Front Door. resource: its name there."""

    name: str
    ready: bool
    status: str
    token: str | None = None
    resource: str | None = None

    @property
    def expired(self) -> bool:
        """Whether its token has expired. Front Door creates a new one only on request."""
        return bool(self.resource) and "TimedOut" in self.status

    @property
    def domain(self) -> str | None:
        """The mail domain of this policy host; None if it is not a policy host."""
        prefix = policy_host("")
        return self.name.removeprefix(prefix) if self.name.startswith(prefix) else None


@dataclass(frozen=True)
class Comparison:
    """The domains of policy.yaml compared with the host names in Azure.

    missing: to be created in Azure. pending: those, and the ones that Azure is not done with. left: of earlier domains.
    """

    missing: tuple[str, ...]
    pending: tuple[str, ...]
    left: tuple[Host, ...]


def addresses(config: Config, group: str) -> list[str]:
    """Return the addresses from which `az rest` reads the host names, and Front Door's route.

    Raises UserError if policy.yaml lacks a value.
    """
    hosting = config.hosting
    if hosting.kind not in _PLACES:
        raise UserError(f"hosting.kind is {hosting.kind}, so there are no host names in Azure.")
    lacking = [key for key in ("name", "hostname") if not getattr(hosting, key)]
    if hosting.kind is Kind.FUNCTION and not hosting.verification:
        lacking.append("verification")
    if lacking:
        raise UserError(
            f"policy.yaml has no hosting.{' and no hosting.'.join(lacking)}. Run the pipeline provision with create, "
            "and commit policy.yaml from its artifact."
        )
    name = percent_encoded(str(hosting.name))
    places = [_PLACES[hosting.kind].format(name)]
    if routed(hosting.kind):
        places.append(f"Microsoft.Cdn/profiles/{name}/afdEndpoints/{name}/routes/policy")
    return [f"{_group(group)}/providers/{place}?api-version={_API[hosting.kind]}" for place in places]


def routed(kind: Kind) -> bool:
    """Tell whether a route leads host names to the policies, and lists those that it has."""
    return kind is Kind.FRONT_DOOR


def _group(group: str) -> str:
    return f"/subscriptions/{{subscriptionId}}/resourceGroups/{percent_encoded(group)}"


def read(path: Path) -> list[Host]:
    """Return the host names in a file: pages of `az rest`, one behind the other, or a deployment's outputs.

    Raises UserError.
    """
    found = _read(path, lambda documents: [host for document in documents for host in _hosts(document)])
    return [host for host in found if _NAME.fullmatch(host.name)]  # a wildcard of somebody's is no policy host


def unrouted(path: Path) -> bool:
    """Tell whether Front Door's route, if it is in the file, lacks a rule set: an older version created it."""

    def of(documents: Iterator[Mapping[str, Any]]) -> bool:
        found = [dict(document.get("properties") or {}) for document in documents]
        return any("patternsToMatch" in each and not each.get("ruleSets") for each in found)

    return _read(path, of)


def _read(path: Path, take: Callable[[Iterator[Mapping[str, Any]]], _Found]) -> _Found:
    try:
        with path.open("rb") as file:
            text = file.read(BYTES + 1)
        if len(text) > BYTES:
            raise UserError(f"{path} is larger than {BYTES} bytes. {_HELP}")
        return take(_documents(_decoded(text)))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. {_HELP}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} does not contain host names from Azure. {_HELP}") from None


def _decoded(text: bytes) -> str:
    return text.decode(json.detect_encoding(text))  # Windows PowerShell writes UTF-16


def _documents(text: str) -> Iterator[Mapping[str, Any]]:
    decoder, text = json.JSONDecoder(), text.lstrip("\ufeff").strip()
    if not text:
        raise ValueError
    while text:
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:].lstrip()


def _hosts(document: Mapping[str, Any]) -> Iterator[Host]:
    if "value" in document:  # a page of custom domains
        for each in document["value"]:
            yield _custom_domain(each)
    elif "properties" in document:  # a Function App
        for each in document["properties"].get("hostNameSslStates") or ():
            yield Host(each["name"].lower(), each["sslState"] != "Disabled", _said(each["sslState"]))
    elif "hostname" in document:  # what a deployment prints: nothing is known but the tokens
        for each in document["verifications"]["value"] if "verifications" in document else ():
            token = _fitting(_TOKEN, each["verification"])
            yield Host(policy_host(each["domain"].lower()), False, "", token)
    else:
        raise ValueError


def _custom_domain(each: Mapping[str, Any]) -> Host:
    of = each["properties"]
    if "hostName" not in of:  # of a Static Web App
        status = ", ".join(filter(None, (_said(of["status"]), _said(of.get("errorMessage")))))
        return Host((of.get("domainName") or each["name"]).lower(), of["status"] == "Ready", status)
    state, deployed = _said(of.get("domainValidationState")), _said(of.get("deploymentStatus"))
    token = (of.get("validationProperties") or {}).get("validationToken")
    return Host(
        of["hostName"].lower(),
        (state, deployed) == ("Approved", "Succeeded"),
        f"domainValidationState {state or 'unknown'}, deploymentStatus {deployed or 'unknown'}",
        _fitting(_TOKEN, token) if token else None,
        _fitting(_RESOURCE, each["name"]) if "name" in each else None,
    )


def _said(text: object) -> str:
    return " ".join(str(text).split())[:300] if text else ""


def _fitting(form: re.Pattern[str], value: str) -> str:
    if not form.fullmatch(value):
        raise ValueError(value)
    return value


def tokens(hosts: Sequence[Host]) -> dict[str, str]:
    """Return the token that validates each domain for Front Door, by the domain."""
    return {host.domain: host.token for host in hosts if host.domain and host.token}


def compare(config: Config, hosts: Sequence[Host]) -> Comparison:
    """Return what is missing in Azure, and what is left there. Raises UserError if there is no room for the missing."""
    there = {host.domain: host for host in hosts if host.domain}
    names = [domain.name for domain in config.domains]
    pending = tuple(name for name in names if name not in there or not there[name].ready)
    # A binding without its certificate, or a host name that failed, is made again; Front Door goes on by itself.
    made_again = config.hosting.kind is not Kind.FRONT_DOOR
    missing = tuple(name for name in pending if made_again or name not in there)
    _room(config.hosting.kind, len(names), missing, left(config, hosts))
    return Comparison(missing, pending, left(config, hosts))


def left(config: Config, hosts: Sequence[Host]) -> tuple[Host, ...]:
    """Return the policy hosts in Azure whose domain is not in policy.yaml."""
    names = {domain.name for domain in config.domains}
    return tuple(host for host in hosts if host.domain and host.domain not in names)


def _most(kind: Kind, number: int) -> int:
    """Return how many host names the hosting accepts. For a Static Web App it depends on the number of domains."""
    if kind is Kind.STATIC_WEB_APP:
        return SWA_FREE if number <= SWA_FREE else SWA_STANDARD
    return {Kind.FUNCTION: FUNCTION_CERTIFICATES, Kind.FRONT_DOOR: FRONT_DOOR_HOSTS}[kind]


def _room(kind: Kind, number: int, missing: Sequence[str], more: Sequence[Host]) -> None:
    if missing and number + len(more) > _most(kind, number):
        names = ", ".join(host.name for host in more)
        raise UserError(
            f"The hosting accepts {_most(kind, number)} host names, and {names} of earlier domains still count: there "
            f"is no room for {missing[0]}. Remove the old ones with the commands on this run's page, then run it again."
        )


def removal(config: Config, group: str, host: Host) -> tuple[str, ...]:
    """Return the commands with which an owner removes a host name, and its certificate."""
    name, kind = config.hosting.name, config.hosting.kind
    where = f"--resource-group {_word(group)}"
    if kind is Kind.STATIC_WEB_APP:
        return (f"az staticwebapp hostname delete --yes --name {name} {where} --hostname {host.name}",)
    base = f"{_group(group)}/providers/{_PLACES[kind].format(percent_encoded(str(name)))}"
    if kind is Kind.FRONT_DOOR:
        return (f'az rest --method delete --url "{base}/{host.resource or host.name}?api-version={_API[kind]}"',)
    listed = f'az rest --method get --url "{base}/certificates?api-version={_API[kind]}"'
    query = f"\"value[?properties.canonicalName=='{host.name}'].id\""
    return (
        f"az functionapp config hostname delete --name {name} {where} --hostname {host.name}",
        f"az resource delete --api-version {_API[kind]} --ids $({listed} --query {query} --output tsv)",
    )


def renewal(config: Config, group: str, host: Host) -> str:
    """Return the command with which an owner lets Front Door make a new token."""
    kind = config.hosting.kind
    base = f"{_group(group)}/providers/{_PLACES[kind].format(percent_encoded(str(config.hosting.name)))}"
    return f'az rest --method post --url "{base}/{host.resource}/refreshValidationToken?api-version={_API[kind]}"'


def _word(text: str) -> str:
    return text if re.fullmatch(r"[\w.-]+", text) else quote(text)
