"""Pushes to main, one after the other, until senders see what they bring; and what stops one. See tests/pushes.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from azure_steps import APP_GROUP
from conftest import Bake
from pipeline_files import HOSTINGS, SYSTEMS, bash_only
from pushes import World
from servers.bind import Named
from servers.cloud import failure
from servers.hosting import HOSTNAMES
from servers.loopback import Loopback

pytestmark = [pytest.mark.slow, bash_only]  # runs the Azure CLI, BIND and octoDNS

Begin = Callable[..., World]
ID, OTHER_ID = "c16b250c06bd9e0a27e9dd5145b153f3", "37beddd9364626af98513670f88b45f9"  # by sha256sum: 604800, 604801
PROOFS = {
    "function": [("asuid.mta-sts", "A1B2")],
    "front-door": [("_dnsauth.mta-sts", "_token-mta-sts-{}")],
}


@pytest.fixture
def begin(bake: Bake, az: Mapping[str, str], tmp_path: Path) -> Iterator[Begin]:
    """Return the world of a hosting and a system: provisioned, and nothing deployed."""
    worlds: list[World] = []

    def begun(kind: str, system: str = "github") -> World:
        (tmp_path / "world").mkdir()
        answers = {"hosting": kind, "pipelines": system, "dns_provider": "rfc2136", "domain": "one.example"}
        repository = bake(app_name="mtasts-example-com", mail_provider="other", **answers)
        worlds.append(World(tmp_path / "world", repository, kind, system, az))
        return worlds[-1]

    yield begun
    for world in worlds:
        world.close()


def hosting(kind: str, *domains: str) -> list[str]:
    """Return the records that lead senders to the hosting."""
    lines = [f"mta-sts.{domain} 3600 CNAME {HOSTNAMES[kind]}." for domain in domains]
    for name, value in PROOFS.get(kind, []):
        lines += [f"{name}.{domain} 3600 TXT {value.format(domain.replace('.', '-'))}" for domain in domains]
    return lines


def announced(*domains: str, policy_id: str = ID) -> list[str]:
    """Return the records that tell senders of the policy."""
    return [
        line
        for domain in domains
        for line in (
            f"_mta-sts.{domain} 3600 TXT v=STSv1; id={policy_id};",
            f"_smtp._tls.{domain} 3600 TXT v=TLSRPTv1; rua=mailto:tls@one.example;",
        )
    ]


MAKING = {
    **{kind: {"dns", "domains"} for kind in HOSTINGS[:2]},
    "front-door": {"domains", "dns", "certificate"},
    "web-server": {"dns"},
}
USUAL = {
    **{kind: {"build", "look", "hosting", "deploy", "https", "announce", "check"} for kind in HOSTINGS[:3]},
    "web-server": {"build", "hosting", "dns", "https", "announce", "check"},
}
REMOVAL = {
    "function": "az functionapp config hostname delete --name mtasts-example-com --resource-group mtasts-example-com "
    "--hostname mta-sts.two.example",
    "static-web-app": "az staticwebapp hostname delete --yes --name mtasts-example-com "
    "--resource-group mtasts-example-com --hostname mta-sts.two.example",
    "front-door": 'az rest --method delete --url "/subscriptions/{subscriptionId}/resourceGroups/mtasts-example-com/'
    'providers/Microsoft.Cdn/profiles/mtasts-example-com/customDomains/mta-sts-two-example?api-version=2025-06-01"',
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kind", HOSTINGS)
def test_a_domain_comes_and_goes(kind: str, system: str, begin: Begin) -> None:
    """First push, the same run again, a second domain, an overtaken run, a removal, and back: each is one push."""
    world = begin(kind, system)
    one, two = "one.example", "two.example"

    first = world.commit("one.example:")
    push = world.push()
    assert (push.red(), set(push.ran())) == ([], USUAL[kind] | MAKING[kind]), push.all_said
    assert world.records() == sorted(hosting(kind, one) + announced(one))

    push = world.push(attempt=2)
    assert (push.red(), set(push.ran())) == ([], USUAL[kind]), push.all_said

    world.commit("one.example:", "two.example:")
    push = world.push()
    assert (push.red(), set(push.ran())) == ([], USUAL[kind] | MAKING[kind]), push.all_said
    both = sorted(hosting(kind, one, two) + announced(one, two))
    assert world.records() == both

    assert set(world.push(first).ran()) == {"build"}  # it was overtaken
    assert world.push(first, attempt=2).red() == ["build"]  # and a person has run it again
    assert world.records() == both

    world.commit("one.example:", "two.example: {retired: true}")
    push = world.push()
    assert (push.red(), set(push.ran())) == ([], USUAL[kind]), push.all_said
    assert world.records() == sorted(hosting(kind, one) + announced(one))
    if kind != "web-server":
        assert REMOVAL[kind] in push.summary()
        assert world.azure.names == [f"mta-sts.{one}", f"mta-sts.{two}"]  # no pipeline deletes

    world.origin.git("revert", "--no-edit", "HEAD")
    push = world.push()
    assert push.red() == [], push.all_said
    assert "domains" not in push.ran()  # Azure has the host name still
    assert world.records() == both


def test_two_pushes_at_once(begin: Begin) -> None:
    """The second comes while the first waits: the first ends green, deploys nothing, and the second ends the work."""
    world = begin("function")
    world.commit("one.example:")
    push = world.push(deploy=lambda: world.commit("one.example:", max_age=604801))
    assert (push.red(), push.ended["https"], push.ended["announce"]) == ([], "skipped", "skipped")
    assert (world.answers, world.records()) == ({}, sorted(hosting("function", "one.example")))
    assert world.push().red() == []
    assert world.records() == sorted(hosting("function", "one.example") + announced("one.example", policy_id=OTHER_ID))


# What stops a push: one plain message, before it harms what is served. The next run ends well.


def served(kind: str, begin: Begin, system: str = "github") -> World:
    """Return the world where one.example is served, and a push for two.example is to come."""
    world = begin(kind, system)
    world.commit("one.example:")
    push = world.push()
    assert push.red() == [], push.all_said
    world.commit("one.example:", "two.example:", max_age=604801)
    return world


def unharmed(world: World) -> bool:
    """Tell whether senders see of one.example what they saw before."""
    (answer,) = (each.body for name, each in world.answers.items() if name == "mta-sts.one.example")
    seen = set(hosting(world.kind, "one.example") + announced("one.example"))
    return b"max_age: 604800\r\n" in answer and seen == set(world.records("one.example"))


def ends_well(world: World) -> bool:
    """Run it again, and tell whether all is there."""
    push = world.push(attempt=2)
    names = ("one.example", "two.example")
    there = world.records() == sorted(hosting(world.kind, *names) + announced(*names, policy_id=OTHER_ID))
    assert push.red() == [] and there, push.all_said
    return True


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_host_name_that_another_app_holds(system: str, begin: Begin) -> None:
    """Azure's own words are there, and one message says what to do."""
    world = served("static-web-app", begin, system)
    world.azure.taken = {"mta-sts.two.example"}
    push = world.push()
    assert (push.red(), push.ended["deploy"], push.ended["azure"]) == (["domains"], "skipped", "success")
    assert push.all_said.count("Another resource in Azure already has this name") == 1
    assert "Traceback" not in push.all_said and unharmed(world)
    world.azure.taken = set()
    assert ends_well(world)


RUNNING = failure(409, "DeploymentActive", "The deployment with resource id 'mta-sts' cannot be saved: it is active.")
DENIED = "This identity does not have the right to do that in Azure."


def test_a_deployment_that_runs_already(begin: Begin) -> None:
    """*provision* may run at the same time: no try is in vain, and the run says what it waits for."""
    world = served("function", begin)
    world.azure.faults = [(f"POST {APP_GROUP}/providers/Microsoft.Resources/deployments/mta-sts/validate", RUNNING)]
    push = world.push()
    assert (push.red(), push.ended["deploy"]) == (["domains"], "skipped")
    assert "Another deployment of infra/ is running" in push.all_said and unharmed(world)
    assert ends_well(world)


def test_dns_that_never_shows_the_record(begin: Begin) -> None:
    """Secondary name servers that lag, or a zone that is not the one that the world asks."""
    world = served("static-web-app", begin)
    with Named(world.place("lagging"), Loopback().dns_port, {"two.example": ""}) as lagging:
        usual = dict(world.network)
        world.network |= {"RESOLVER": lagging.resolver, "SECONDS_TO_WAIT": "1"}
        push = world.push()
        world.network = usual
    assert (push.red(), push.ended["domains"], push.ended["azure"]) == (["dns"], "skipped", "success")
    assert "MTS209" in push.all_said
    assert "mta-sts.two.example needs the CNAME record" in push.summary() and "run the failed jobs" in push.summary()
    assert unharmed(world) and ends_well(world)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_certificate_that_never_comes(system: str, begin: Begin) -> None:
    """The wait ends red, and then the run says what Azure says; the domain that is served stays as it was."""
    world = served("front-door", begin, system)
    world.azure.late = {"mta-sts.two.example"}
    port = world.network["HTTPS_PORT"]

    def nobody() -> None:
        world.network |= {"HTTPS_PORT": str(Loopback().https_port), "SECONDS_TO_WAIT": "1"}

    push = world.push(certificate=nobody)
    world.network |= {"HTTPS_PORT": port, "SECONDS_TO_WAIT": "20"}
    assert (push.red(), push.ended["deploy"], push.ended["azure"]) == (["certificate"], "skipped", "success")
    assert "MTS301" in push.summary() and "deploymentStatus InProgress" in push.summary()
    assert unharmed(world)
    world.azure.late = set()
    assert ends_well(world)


def test_three_certificates_and_a_fourth_domain(begin: Begin) -> None:
    """The host name of an earlier domain takes the third place: the run says how it goes, and changes nothing."""
    world = served("function", begin)
    world.azure.names += ["mta-sts.old.example", "mta-sts.older.example"]
    push = world.push()
    assert (push.red(), push.ran()) == (["look"], ["build"])
    assert "no room for two.example" in push.all_said
    assert "--hostname mta-sts.old.example" in push.summary() and unharmed(world)
    world.azure.names.remove("mta-sts.older.example")
    assert ends_well(world)


@pytest.mark.parametrize("kind", HOSTINGS[1:3])
def test_without_the_new_right_nothing_is_changed(kind: str, begin: Begin) -> None:
    """An installation whose bootstrap was not run again: *deploy* may not read the host names yet."""
    world = served(kind, begin)
    granted = list(world.azure.grants)
    right = {
        "static-web-app": "Microsoft.Web/staticSites/customDomains",
        "front-door": "Microsoft.Cdn/profiles/customdomains",
    }[kind]
    world.azure.grants = [each.without(f"{right}/read") if each.identity == "deploy" else each for each in granted]
    push = world.push()
    assert (push.red(), push.ran()) == (["look"], ["build"])
    assert DENIED in push.all_said and "step 1 in README.md" in push.all_said and unharmed(world)
    assert world.records("two.example") == []
    world.azure.grants = granted
    assert ends_well(world)


def test_a_record_of_somebody_else_in_the_way(begin: Begin) -> None:
    """It is named, nothing is waited for, and the domains that are there stay as they are."""
    world = served("function", begin)
    world.dns.put("mta-sts.two.example", "CNAME", ["www.example.net."])
    push = world.push()
    assert (push.red(), push.ended["dns"], push.ended["deploy"]) == (["hosting"], "skipped", "skipped")
    assert "MTS231" in push.all_said and unharmed(world)
    world.dns.put("mta-sts.two.example", "CNAME", [])
    assert ends_well(world)


def test_dns_by_hand(begin: Begin) -> None:
    """The run waits, and ends with the records to enter on its page; once they are there, it ends well."""
    world = begin("function")
    shutil.rmtree(world.origin.folder / "dns")
    world.commit("one.example:")
    world.network["SECONDS_TO_WAIT"] = "1"
    push = world.push()
    assert (push.red(), push.ended["domains"]) == (["dns"], "skipped")
    rows = ["| mta-sts.one.example. | mta-sts | CNAME | 3600 |", "| asuid.mta-sts.one.example. | asuid.mta-sts | TXT |"]
    assert [row for row in rows if row not in push.summary()] == []
    assert "Enter the records below in DNS. Then run the failed jobs" in push.summary()
    world.network["SECONDS_TO_WAIT"] = "20"
    world.dns.put("mta-sts.one.example", "CNAME", [f"{HOSTNAMES['function']}."])
    world.dns.put("asuid.mta-sts.one.example", "TXT", ["A1B2"])
    push = world.push(attempt=2)
    assert push.red() == [], push.all_said
    assert f"v=STSv1; id={ID};" in push.summary()  # what is to be announced now


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_route_of_an_older_version(system: str, begin: Begin) -> None:
    """Both paths are served before the route asks for the new one, so there is no moment without a policy."""
    world = begin("front-door", system)
    world.azure.names, world.azure.old_route = ["mta-sts.one.example"], True
    world.commit("one.example:")
    push = world.push()
    assert (push.red(), "domains" in push.ran(), "route" in push.ran()) == ([], False, True), push.all_said
    old, new = "$web/.well-known/mta-sts.txt", f"$web/{HOSTNAMES['front-door']}/.well-known/mta-sts.txt"
    assert {old, new} <= set(world.azure.blobs)
    world.azure.blobs.clear()
    push = world.push(attempt=2)
    assert (push.red(), push.ended["route"]) == ([], "skipped"), push.all_said
    assert new in world.azure.blobs and old not in world.azure.blobs


def test_a_new_domain_waits_for_the_new_route(begin: Begin) -> None:
    """Made with it, the new route would ask for folders that nobody has uploaded: the run says what comes first."""
    world = begin("front-door")
    world.azure.names, world.azure.old_route = ["mta-sts.one.example"], True
    world.commit("one.example:", "two.example:")
    push = world.push()
    assert (push.red(), push.ran()) == (["look"], ["build"])
    assert "Then add two.example." in push.all_said and world.azure.blobs == []
