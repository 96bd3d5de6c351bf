"""Pushes to main, one after the other, until senders see what they bring; and what stops one. See tests/pushes.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from conftest import Bake
from pipeline_files import HOSTINGS, SYSTEMS, bash_only
from pushes import World
from servers.hosting import HOSTNAMES

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
    assert (world.answers, world.records()) == ({}, hosting("function", "one.example"))
    assert world.push().red() == []
    assert world.records() == sorted(hosting("function", "one.example") + announced("one.example", policy_id=OTHER_ID))


# What stops a push: one plain message, before it harms what is served. The next run ends well.


def served(kind: str, begin: Begin, system: str = "github") -> World:
    """Return the world where one.example is served, and a push for two.example is to come."""
    world = begin(kind, system)
    world.commit("one.example:")
    assert world.push().red() == []
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
    assert push.all_said.count("Another resource in Azure has this host name") == 1
    assert "Traceback" not in push.all_said and unharmed(world)
    world.azure.taken = set()
    assert ends_well(world)
