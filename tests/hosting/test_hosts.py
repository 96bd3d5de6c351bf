"""hosts: what Azure has of host names, as `az rest` prints it, beside the domains of policy.yaml; and its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtasts.config.model import Config
from mtasts.config.model import read as load
from mtasts.findings import UserError
from mtasts.hosting import hosts, refusals

POLICY = """version: STSv1
mode: testing
max_age: 604800
mx: [mx1.example.com]
hosting: {{kind: {kind}, name: app, region: westeurope, hostname: app.example.net{more}}}
domains:
"""


def config(kind: str, *domains: str, more: str = "") -> Config:
    """Return a config with these domains, each as it stands in policy.yaml."""
    found, findings = load(POLICY.format(kind=kind, more=more) + "".join(f"  {each}:\n" for each in domains))
    assert found, findings
    return found


def site(**states: str) -> dict[str, Any]:
    """Return a Function App, as GET Microsoft.Web/sites gives it. A name's dots are written as underscores here."""
    listed = [{"name": name.replace("_", "."), "sslState": state} for name, state in states.items()]
    return {"name": "app", "properties": {"hostNameSslStates": listed}}


def page(*properties: dict[str, Any]) -> dict[str, Any]:
    """Return a page of custom domains."""
    return {"value": [{"name": f"host-{number}", "properties": each} for number, each in enumerate(properties, 1)]}


def door(name: str, state: str = "Approved", deployed: str = "Succeeded", **more: Any) -> dict[str, Any]:
    """Return the properties of a custom domain of Front Door."""
    return {"hostName": name, "domainValidationState": state, "deploymentStatus": deployed, **more}


def read(folder: Path, *documents: Any) -> list[hosts.Host]:
    """Write documents one behind the other, and read them."""
    file = folder / "hosts.json"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in documents), encoding="utf-8")
    return hosts.read(file)


APP = {"app_azurewebsites_net": "Disabled"}
DOMAINS = ("one.example", "two.example")
CASES: list[tuple[str, list[Any], tuple[str, ...], tuple[str, ...], list[str]]] = [
    # The kind, what Azure says, what is missing, what it is not done with, and what is left of earlier domains.
    ("function", [site(**APP)], DOMAINS, DOMAINS, []),
    ("function", [site(**{"MTA-STS_one_example": "SniEnabled"})], ("two.example",), ("two.example",), []),
    ("function", [site(**{"mta-sts_one_example": "Disabled"})], DOMAINS, DOMAINS, []),  # bound, without certificate
    (
        "function",
        [site(**{f"mta-sts_{name}_example": "SniEnabled" for name in ("one", "two", "old")})],
        (),
        (),
        ["old"],
    ),
    ("function", [{"name": "app", "properties": {"hostNameSslStates": None}}], DOMAINS, DOMAINS, []),
    ("static-web-app", [page()], DOMAINS, DOMAINS, []),
    ("static-web-app", [page({"domainName": "mta-sts.one.example", "status": "Ready"})], DOMAINS[1:], DOMAINS[1:], []),
    ("static-web-app", [page({"domainName": "mta-sts.one.example", "status": "Failed"})], DOMAINS, DOMAINS, []),
    ("front-door", [page()], DOMAINS, DOMAINS, []),
    ("front-door", [page(door("mta-sts.one.example", "Pending"))], DOMAINS[1:], DOMAINS, []),
    ("front-door", [page(door("mta-sts.one.example", "Approved", "InProgress"))], DOMAINS[1:], DOMAINS, []),
    ("front-door", [page(door("mta-sts.one.example")), page(door("mta-sts.two.example"))], (), (), []),  # two pages
    ("front-door", [page(door("www.example.com"), door("mta-sts.old.example"))], DOMAINS, DOMAINS, ["old"]),
    ("front-door", [page(door("*.example.com"))], DOMAINS, DOMAINS, []),
]


@pytest.mark.parametrize(("kind", "documents", "missing", "pending", "left"), CASES)
def test_what_is_missing(
    kind: str, documents: list[Any], missing: tuple[str, ...], pending: tuple[str, ...], left: list[str], tmp_path: Path
) -> None:
    """Prove that only what Azure lacks is made, and that what it is not done with is waited for."""
    more = ", verification: A1" if kind == "function" else ""
    found = hosts.compare(config(kind, *DOMAINS, more=more), read(tmp_path, *documents))
    assert (found.missing, found.pending) == (missing, pending)
    assert [host.name for host in found.left] == [f"mta-sts.{name}.example" for name in left]


@pytest.mark.parametrize(
    ("kind", "domains", "left", "room"),
    [
        ("function", 2, 1, True),
        ("function", 2, 2, False),
        ("function", 3, 1, False),
        ("static-web-app", 2, 1, False),
        ("static-web-app", 3, 2, True),
        ("static-web-app", 3, 3, False),
    ],
)
def test_host_names_of_earlier_domains_take_their_place(kind: str, domains: int, left: int, room: bool) -> None:
    """Three certificates and a fourth domain; and a Static Web App on the Free plan takes two."""
    more = ", verification: A1" if kind == "function" else ""
    there = [hosts.Host(f"mta-sts.old{number}.example", True, "") for number in range(left)]
    wanted = config(kind, *(f"d{number}.example" for number in range(domains)), more=more)
    if room:
        assert len(hosts.compare(wanted, there).missing) == domains
    else:
        with pytest.raises(UserError, match=r"no room for d0\.example"):
            hosts.compare(wanted, there)


def test_a_full_hosting_that_lacks_nothing_goes_on() -> None:
    """What is left does no harm while nothing has to be made."""
    there = [hosts.Host(f"mta-sts.{name}.example", True, "") for name in ("one", "two", "three", "old")]
    wanted = config("function", "one.example", "two.example", "three.example", more=", verification: A1")
    assert hosts.compare(wanted, there).missing == ()


def test_tokens_are_read_by_domain(tmp_path: Path) -> None:
    """From the pages of `az rest`, and from the outputs of a deployment; without one there is none."""
    pages = page(
        door("mta-sts.one.example", validationProperties={"validationToken": "_a1"}),
        door("mta-sts.two.example", validationProperties=None),
        door("www.example.com", validationProperties={"validationToken": "_b2"}),
    )
    assert hosts.tokens(read(tmp_path, pages)) == {"one.example": "_a1"}
    outputs = {
        "hostname": {"value": "app.example.net"},
        "verifications": {"type": "Array", "value": [{"domain": "One.example", "verification": "_c3"}]},
    }
    assert hosts.tokens(read(tmp_path, outputs)) == {"one.example": "_c3"}


HOSTILE = [
    "",
    "[]",
    "{}{",
    "null",
    '{"value": 1}',
    '{"value": [{}]}',
    json.dumps(page({"hostName": 7})),
    json.dumps(page(door("mta-sts.one.example", validationProperties={"validationToken": "a\n##vso[x]"}))),
    json.dumps({"properties": {"hostNameSslStates": [{"name": "a"}]}}),
    "[" * 100_000,
    '{"value": []}' + " " * hosts.BYTES,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_answer_of_azure_is_one_message(text: str, tmp_path: Path) -> None:
    """Cut off, of another command, too large, or with what Azure never gives."""
    file = tmp_path / "hosts.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"Read it again with infra/hosts\.sh"):
        hosts.read(file)


@given(st.text(max_size=40))
def test_a_command_for_an_owner_holds_no_name_that_is_more_than_a_name(name: str) -> None:
    """What stands in the summary is pasted into a shell."""
    file = {"value": [{"name": name, "properties": door(f"mta-sts.{name}.example")}]}
    try:
        found = [host for page_ in hosts._documents(json.dumps(file)) for host in hosts._hosts(page_)]
    except ValueError:
        return
    for host in found:
        assert host.resource is not None
        assert set(host.resource) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


RIGHTS, TAKEN = (
    "This identity does not have the right to do that in Azure",
    "Another resource in Azure already has this name",
)
MESSAGES = [
    # As the resource manager, App Service, Static Web Apps and Front Door write them; the first six are documented.
    ("(AuthorizationFailed) The client 'x' with object id 'x' does not have authorization to perform action", RIGHTS),
    ("ERROR: LinkedAuthorizationFailed", RIGHTS),
    ("(DeploymentActive) The deployment with resource id cannot be saved, because this would overwrite", "Another dep"),
    ("(ResourceGroupNotFound) Resource group 'app' could not be found.", "The hosting does not exist in Azure yet"),
    (
        "(ResourceNotFound) The Resource 'Microsoft.Web/sites/app' was not found.",
        "The hosting does not exist in Azure yet",
    ),
    ("Hostname 'mta-sts.one.example' already exists. Please try with a different hostname.", TAKEN),
    ("Custom domain is already in use by another Front Door", TAKEN),
    ("(Conflict) Hostname mta-sts.one.example is already bound to another site", TAKEN),
    ("A CNAME record pointing from mta-sts.one.example to app.azurewebsites.net was not found.", None),
    ("(BadGateway) try again", None),
    ("", None),
]


@pytest.mark.parametrize(("said", "meaning"), MESSAGES)
def test_a_refusal_means(said: str, meaning: str | None) -> None:
    """Prove that a try in vain is told from one that may go well a minute later."""
    found = refusals.meaning(said)
    assert (found is None) if meaning is None else (found or "").startswith(meaning)


def test_the_last_try_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever Azure said: it stands above, in its own words."""
    (tmp_path / "refusal.txt").write_text("##vso[task.complete]who knows", encoding="utf-8")
    environment = {"GITHUB_ACTIONS": "true"}
    assert refusals.main(environment, tmp_path / "refusal.txt") == 0
    assert capsys.readouterr().out == ""
    assert refusals.main(environment, tmp_path / "refusal.txt", "last") == 1
    assert capsys.readouterr().out == (
        "::error title=Azure refuses::The lines above have Azure's reason. Correct the cause, then run the failed "
        "jobs of this run again.\n"
    )
