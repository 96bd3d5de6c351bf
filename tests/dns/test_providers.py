"""publish through octoDNS's real providers: what each provider has afterwards, and which requests it got.

The rows with a source come from public reports; the others from reading octodns-azure 1.2.0, octodns-cloudflare 1.2.0,
octodns-route53 1.3.1 and octodns-bind 1.1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conftest import PROVIDERS
from providers import Bind, Done, Publisher
from servers.api import Api
from servers.dns_azure import GROUP, SUBSCRIPTION, Azure
from servers.dns_cloudflare import Cloudflare
from servers.dns_route53 import Route53

pytestmark = pytest.mark.slow  # runs octoDNS with the classes of each provider

# The ids of the policies of these tests, by sha256sum.
TESTING = "862e2bab291cfe999cbbf2c298cebc64"
LONGER = "d6ef6013fce40a3e010618c7e4f6d85d"  # max_age: 700000

HOSTING = "mta-sts.example.com 3600 CNAME www.example.org."
REPORTS = "_smtp._tls.example.com 3600 TXT v=TLSRPTv1; rua=mailto:tls@example.com;"
FUNCTION = "kind: function, verification: A1B2"
ASKED = ("mta-sts.example.com", "_mta-sts.example.com", "_smtp._tls.example.com")

Start = Callable[[str], Publisher]


# What comes after an announcement. Its date hangs on the clock, and is proved beside the plan's.
NEXT = (
    r"next: example\.com can move to enforce from \d{4}-\d\d-\d\d \d\d:\d\d UTC on, "
    r"if the TLS reports show no failures\.\n"
)


def sts(identity: str) -> str:
    """Return the record of a policy."""
    return f"_mta-sts.example.com 3600 TXT v=STSv1; id={identity};"


def live(publisher: Publisher) -> list[Done]:
    """Publish, publish another policy, and take everything away again; return how each step ended."""
    done = []
    for max_age, more in ((604800, ""), (700000, ""), (700000, "{retired: true}")):
        publisher.write(f"example.com: {more}", max_age=max_age)
        done += [publisher.publish(stage, "--doit") for stage in ("hosting", "announcement")]
    return done


def finding(done: Done) -> str:
    """Return the one finding of a run that failed, and that printed nothing else."""
    found, number = done.printed.splitlines()
    assert (done.code, number) == (1, "1 error")
    return found


# What is published


def test_the_life_of_a_domain(publisher: Publisher) -> None:
    """Each change comes to DNS once, as a pipeline brings it, and nothing of others changes."""
    provider = publisher.provider
    others = provider.all()

    def published(stage: str, printed: str, *expected: str) -> None:
        done = publisher.run(stage, "--doit")
        assert (done.code, re.sub(NEXT, "next\n", done.printed)) == (0, printed)
        assert provider.all() == sorted([*others, *expected])

    publisher.write("example.com:")
    created = "create mta-sts.example.com. 3600 CNAME www.example.org.\n"
    dry_run = "This is a dry run, so DNS was not changed. To make these changes, add --doit.\n"
    assert publisher.publish("hosting") == (0, created + dry_run)
    assert provider.all() == others
    published("hosting", created, HOSTING)
    created = (
        f"create _mta-sts.example.com. 3600 TXT v=STSv1; id={TESTING};\n"
        "create _smtp._tls.example.com. 3600 TXT v=TLSRPTv1; rua=mailto:tls@example.com;\nnext\n"
    )
    published("announcement", created, HOSTING, sts(TESTING), REPORTS)
    assert publisher.publish("hosting", "--doit") == (0, "no changes\n")
    assert publisher.publish("announcement", "--doit") == (0, "no changes\n")

    publisher.write("example.com:", max_age=700000)
    change = f"v=STSv1; id={TESTING}; → v=STSv1; id={LONGER};"
    follows = (
        "next: example.com can move to enforce now, if the TLS reports show no failures.\n"  # testing since November 1
    )
    updated = f"update _mta-sts.example.com. 3600 TXT {change}\n{follows}"
    published("announcement", updated, HOSTING, sts(LONGER), REPORTS)

    publisher.write("example.com: {retired: true}", max_age=700000)
    assert publisher.publish("announcement", "--doit").code == 0
    assert provider.all() == sorted([*others, HOSTING])
    assert publisher.publish("hosting", "--doit").code == 0
    assert provider.all() == others


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_zone_that_holds_nothing_yet(start: Start, name: str) -> None:
    """octodns-cloudflare mistakes it for a missing zone."""
    publisher = start(name)
    publisher.provider.add_zone("example.com")
    others = publisher.provider.all()
    publisher.write("example.com:")
    assert publisher.publish("hosting", "--doit").code == 0
    assert publisher.provider.all() == sorted([*others, HOSTING])
    assert publisher.provider.zones() == ["example.com"]


def test_many_records_and_many_zones(publisher: Publisher) -> None:
    """Ours are after the first page of both lists; a second run finds them."""
    provider = publisher.provider
    for number in range(120):
        provider.add_zone(f"{number:03}.example")
    provider.add_zone("example.net")
    for number in range(320):
        provider.put(f"{number:03}.example.net", "A", ["192.0.2.1"])
    others = provider.all()
    publisher.write("example.net:")
    for stage in ("hosting", "announcement"):
        assert publisher.publish(stage, "--doit").code == 0
    ours = [line.replace("example.com", "example.net", 1) for line in (HOSTING, sts(TESTING), REPORTS)]
    assert provider.all() == sorted([*others, *ours])
    publisher.write("example.net:", max_age=700000)
    assert publisher.publish("hosting", "--doit") == (0, "no changes\n")
    assert publisher.publish("announcement", "--doit").code == 0
    ours[1] = sts(LONGER).replace("example.com", "example.net")
    assert provider.all() == sorted([*others, *ours])


# Rights


def test_the_documented_rights_are_enough_and_all_are_used(publisher: Publisher) -> None:
    """It uses no other rights, not even those that would be granted (external-dns#1973, octodns-cloudflare#83)."""
    provider = publisher.provider
    provider.rights = provider.RIGHTS
    if isinstance(provider, Route53):
        provider.names = set(ASKED)  # the condition on ChangeResourceRecordSetsNormalizedRecordNames
    others = provider.all()
    assert [done.printed for done in live(publisher) if done.code] == []
    assert provider.all() == others
    if isinstance(provider, Api):
        used = {call.rpartition(" ")[0] for call in provider.calls} - {"GET"}  # zones: every token of Cloudflare may
        assert used == provider.RIGHTS


RIGHTS = [(kind.provider, right) for kind in (Azure, Cloudflare, Route53, Bind) for right in sorted(kind.RIGHTS)]
REASONS = {
    "azure-dns": "(AuthorizationFailed) The client '000",
    "cloudflare": "Authentication error",
    "route53": "An error occurred (AccessDenied) when calling the ",
    "rfc2136": "Unable to perform update: REFUSED",
}


@pytest.mark.parametrize(("name", "right"), RIGHTS, ids=[f"{name}-{right}" for name, right in RIGHTS])
def test_a_right_that_is_missing_is_one_plain_finding(start: Start, name: str, right: str) -> None:
    """It names the zone, says what the provider says, and nothing is half done at a name of others."""
    publisher = start(name)
    provider = publisher.provider
    provider.add_zone("example.com")
    provider.put("example.com", "TXT", ["v=spf1 -all"])
    provider.rights = provider.RIGHTS - {right}
    others = provider.all()
    failed = [done for done in live(publisher) if done.code]
    assert failed
    for done in failed:
        message = finding(done)
        begin = "example.com: error MTS230: The zone example.com. could not be updated: "
        assert message.startswith(begin + REASONS[name])
        advice = "Correct this" if name == "rfc2136" else "Grant the rights that README.md lists"
        assert message.endswith(f". {advice}, and run the command again.")
        if name in ("azure-dns", "route53"):
            assert right in message
    assert set(others) <= set(provider.all())
    assert {line.split()[0] for line in provider.all()} <= {*ASKED, "example.com"}


# Zones


@pytest.mark.parametrize("words", [[], ["--doit"], ["--doit", "--force"]], ids=" ".join)
def test_a_zone_that_is_not_there_is_not_made(publisher: Publisher, words: list[str]) -> None:
    """octodns#174. The others are published, and the finding tells of zone: mail.example.com has none of its own."""
    provider = publisher.provider
    others = provider.all()
    publisher.write("example.com:", "mail.example.com:")
    done = publisher.publish("hosting", *words)
    assert done.code == 1
    (message,) = (line for line in done.printed.splitlines() if " error " in line)
    assert message.startswith("mail.example.com: error MTS230: The zone mail.example.com. could not be updated: ")
    if not isinstance(provider, Bind):
        assert (
            "publish never creates a zone. If the records belong in a parent zone, name that zone with zone:" in message
        )
    assert provider.zones() == ["example.com"]
    assert provider.all() == sorted([*others, HOSTING] if words else others)

    publisher.write("example.com:", "mail.example.com: {zone: example.com}")
    assert publisher.publish("hosting", "--doit").code == 0
    deeper = HOSTING.replace("example.com", "mail.example.com", 1)
    assert provider.all() == sorted([*others, HOSTING, deeper])


@pytest.mark.parametrize("name", ["azure-dns", "cloudflare", "route53"])
def test_a_private_zone_is_never_the_one(start: Start, name: str) -> None:
    """Neither before nor after the public zone of the same name, nor instead of it."""
    publisher = start(name)
    provider = publisher.provider
    provider.add_zone("example.net", private=True)
    for private in (True, False, True):
        provider.add_zone("example.com", private)
    others = provider.all()
    publisher.write("example.com:", "example.net:")
    done = publisher.publish("hosting", "--doit")
    assert [line.partition(":")[0] for line in done.printed.splitlines() if " error " in line] == ["example.net"]
    assert "publish never creates a zone" in done.printed
    assert provider.all() == sorted([*others, HOSTING])
    assert provider.zones() == ["example.com", "example.com", "example.com", "example.net"]


def test_a_zone_of_cloudflare_that_moved_away_is_not_the_one(start: Start) -> None:
    """The same name can be left behind in another account that the token sees."""
    publisher = start("cloudflare")
    provider = publisher.provider
    assert isinstance(provider, Cloudflare)
    for status in ("moved", "active", "pending"):
        provider.add_zone("example.com", status=status)
    publisher.write("example.com:")
    assert publisher.publish("hosting", "--doit").code == 0
    assert provider.all() == [HOSTING]


def test_a_zone_of_azure_in_capitals_is_not_made_again(start: Start) -> None:
    """octodns-azure compares the names of zones by case, and writes a zone that it misses: its tags would be lost."""
    publisher = start("azure-dns")
    publisher.provider.add_zone("Example.COM")
    publisher.write("example.com:")
    for stage in ("hosting", "announcement"):
        assert publisher.publish(stage, "--doit").code == 0
    assert publisher.provider.zones() == ["Example.COM"]
    assert {HOSTING, sts(TESTING), REPORTS} < set(publisher.provider.all())


OTHER = "99999999-2222-3333-4444-555555555555"
SUBSCRIPTIONS = [
    ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}, 0),
    ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_DNS_SUBSCRIPTION_ID": ""}, 0),
    ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_DNS_SUBSCRIPTION_ID": "$(AZURE_DNS_SUBSCRIPTION_ID)"}, 0),
    ({"AZURE_SUBSCRIPTION_ID": OTHER, "AZURE_DNS_SUBSCRIPTION_ID": SUBSCRIPTION}, 0),
    ({"AZURE_SUBSCRIPTION_ID": "", "AZURE_DNS_SUBSCRIPTION_ID": f" {SUBSCRIPTION}\n"}, 0),
    ({"AZURE_SUBSCRIPTION_ID": OTHER}, 1),
    ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_DNS_SUBSCRIPTION_ID": OTHER}, 1),
    ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_DNS_RESOURCE_GROUP": "another"}, 1),
    ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_DNS_RESOURCE_GROUP": GROUP.upper()}, 0),
]


@pytest.mark.parametrize(("variables", "code"), SUBSCRIPTIONS)
def test_the_subscription_and_group_of_a_zone(start: Start, variables: dict[str, str], code: int) -> None:
    """DNS may be in a subscription of its own; what is not set there is the app's."""
    publisher = start("azure-dns")
    publisher.provider.add_zone("example.com")
    publisher.write("example.com:")
    done = publisher.publish("hosting", "--doit", **variables)
    assert done.code == code
    assert ("publish never creates a zone" in done.printed) == bool(code)
    assert (HOSTING in publisher.provider.all()) != bool(code)
    assert publisher.provider.zones() == ["example.com"]


# Records of others


def odd(provider: Api | Bind) -> None:
    """Put records at other names that octoDNS's own provider cannot read."""
    provider.put("xn--i-7iq.example.com", "A", ["192.0.2.1"])  # IDNA 2003 had it
    provider.put("x.example.com", "TXT", ["münchen"])
    if isinstance(provider, Azure):
        provider.alias("example.com", "A")
        provider.alias("www.example.com", "CNAME")
        provider.alias("mta-sts.other.example.com", "CNAME")
        provider.empty("left.example.com", "CNAME")
        provider.put("child.example.com", "DS", ["1 8 x"])
    elif isinstance(provider, Cloudflare):
        provider.alias("example.com", "CNAME")
        provider.alias("www.example.com", "A")
        provider.put("loc.example.com", "LOC", ["1 N 1 E 1m"])
        provider.put("caa.example.com", "CAA", ["0 issue x"])
        provider.put("y.example.com", "OPENPGPKEY", ["x"], comment="theirs", tags=["a:b"])
    elif isinstance(provider, Route53):
        provider.alias("example.com", "A")
        provider.alias("www.example.com", "AAAA")
        provider.put(r"\052.example.com", "CAA", ["0 issue"])
        provider.put("mx.other.example.com", "MX", ["mx.example.com."])
        provider.put("https.example.com", "HTTPS", ["1 . alpn=h2"])
    else:
        provider.put("loc.example.com", "LOC", ["52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"])
        provider.put(r"\000\255.example.com", "A", ["192.0.2.1"])
        provider.put("new.example.com", "TYPE65280", [r"\# 1 00"])


def test_nothing_at_other_names_is_in_the_way(publisher: Publisher) -> None:
    """Microsoft advises alias record sets for a Static Web App, and octodns-azure takes each for a Traffic Manager."""
    provider = publisher.provider
    odd(provider)
    others = provider.all()
    publisher.write("example.com:")
    for stage in ("hosting", "announcement"):
        assert publisher.publish(stage, "--doit").code == 0
    assert provider.all() == sorted([*others, HOSTING, sts(TESTING), REPORTS])
    publisher.write("example.com:", max_age=700000)
    assert publisher.publish("announcement", "--doit").code == 0
    assert provider.all() == sorted([*others, HOSTING, sts(LONGER), REPORTS])
    publisher.write("example.com: {retired: true}", max_age=700000)
    for stage in ("hosting", "announcement"):
        assert publisher.publish(stage, "--doit").code == 0
    assert provider.all() == others


ALIASES = [(name, kind) for name in ("azure-dns", "cloudflare", "route53") for kind in ("A", "AAAA", "CNAME")]
ALIASES = [row for row in ALIASES if row not in (("cloudflare", "AAAA"), ("route53", "CNAME"))]


@pytest.mark.parametrize(("name", "kind"), ALIASES)
def test_an_alias_at_our_own_name_is_another_ones_record(start: Start, name: str, kind: str) -> None:
    """The finding names it, without an error of the provider, and everything else is still published."""
    publisher = start(name)
    provider = publisher.provider
    assert isinstance(provider, Api)
    provider.add_zone("example.com")
    plain = provider.all()
    provider.alias("mta-sts.example.com", kind)
    others = provider.all()
    publisher.write("example.com:")
    message = finding(publisher.publish("hosting", "--doit"))
    assert message.startswith("example.com: error MTS231: mta-sts.example.com. has ")
    assert provider.all() == others
    assert publisher.publish("announcement", "--doit").code == 0
    assert provider.all() == sorted([*others, sts(TESTING), REPORTS])
    assert publisher.publish("hosting", "--doit", "--force").code == 0
    assert provider.all() == sorted([*plain, HOSTING, sts(TESTING), REPORTS])


def test_what_cloudflare_has_beside_a_value_stays(start: Start) -> None:
    """octodns-cloudflare writes the whole set again: one TTL, and no comment and no tags (its `_apply_Update`)."""
    publisher = start("cloudflare")
    provider = publisher.provider
    assert isinstance(provider, Cloudflare)
    provider.add_zone("example.com")
    provider.put("asuid.mta-sts.example.com", "TXT", ["of an app"], 1, comment="theirs", tags=["team:web"])
    provider.put("asuid.mta-sts.example.com", "TXT", ["of another"], 60)
    others = provider.records()
    publisher.write("example.com:")
    provider.put("_mta-sts.example.com", "TXT", [f"v=STSv1; id={TESTING};"], comment="do not touch", tags=["mail:1"])
    publisher.write("example.com:", hosting=FUNCTION)
    assert publisher.publish("hosting", "--doit").code == 0
    assert "asuid.mta-sts.example.com 1 TXT A1B2" in provider.all()
    publisher.write("example.com:", max_age=700000)
    for stage in ("hosting", "announcement"):
        assert publisher.publish(stage, "--doit").code == 0
    assert [record for record in provider.records() if record["name"].startswith("asuid.")] == others
    (record,) = (each for each in provider.records() if each["name"] == "_mta-sts.example.com")
    assert record["content"] == f'"v=STSv1; id={LONGER};"'
    assert (record["comment"], record["tags"]) == ("do not touch", ["mail:1"])


def test_the_metadata_of_a_record_set_of_azure_stays(start: Start) -> None:
    """Terraform calls them tags. octodns-azure puts a record set without them in its place."""
    publisher = start("azure-dns")
    provider = publisher.provider
    assert isinstance(provider, Azure)
    provider.add_zone("example.com")
    asuid = "asuid.mta-sts.example.com"
    provider.put(asuid, "TXT", ["of an app"], metadata={"team": "web"})
    publisher.write("example.com:", hosting=FUNCTION)
    assert publisher.publish("hosting", "--doit").code == 0
    assert {f"{asuid} 3600 TXT A1B2", f"{asuid} 3600 TXT of an app"} < set(provider.all())
    assert provider.metadata(asuid, "TXT") == {"team": "web"}


@pytest.mark.parametrize(("content", "shown"), [('x" "y', "x\\034 \\034y"), ('"x" "y"', "xy"), (r'"\"x\""', r"\"x\"")])
def test_text_of_cloudflare_with_and_without_quotation_marks(start: Start, content: str, shown: str) -> None:
    """Records from before 2024 have none, and in them a quotation mark is one."""
    publisher = start("cloudflare")
    provider = publisher.provider
    assert isinstance(provider, Cloudflare)
    provider.add_zone("example.com")
    provider.put("_mta-sts.example.com", "TXT", ["replaced"])
    provider.records()[0]["content"] = content
    publisher.write("example.com:")
    assert f"has TXT '{shown}'" in finding(publisher.publish("announcement", "--doit")).replace("\\\\", "\\")
    assert provider.records()[0]["content"] == content


@pytest.mark.parametrize("name", ["azure-dns", "cloudflare", "route53"])
def test_what_others_write_after_the_plan_is_seen(start: Start, name: str) -> None:
    """All zones are planned before the first is changed, which takes a while, and two of octoDNS's classes cache."""
    publisher = start(name)
    provider = publisher.provider
    assert isinstance(provider, Api)
    provider.add_zone("example.com")
    reads: list[str] = []

    def before(call: str) -> None:
        right = call.partition(" example.com")[0]
        reads.extend([call] if right.endswith(("recordsets/read", "DNS Read")) or "ListResource" in right else [])
        if len(reads) == 2 and call is reads[-1]:
            provider.put("mta-sts.example.com", "A", ["192.0.2.7"])

    provider.before = before
    publisher.write("example.com:")
    message = finding(publisher.publish("hosting", "--doit"))
    assert message.startswith("example.com: error MTS231: mta-sts.example.com. has A '192.0.2.7'")


@pytest.mark.parametrize("name", ["azure-dns", "route53"])
@pytest.mark.parametrize(("there", "domain"), [("of an app", ""), ("", ""), ("of an app", "{retired: true}")])
def test_what_others_write_after_the_last_look_stays(start: Start, name: str, there: str, domain: str) -> None:
    """Both providers write whole record sets: a value that came meanwhile was gone, and the run ended with 0."""
    publisher = start(name)
    provider = publisher.provider
    assert isinstance(provider, Api)
    provider.add_zone("example.com")
    asuid = "asuid.mta-sts.example.com"
    begun = [*([there] if there else []), *(["A1B2"] if domain else [])]
    if begun:
        provider.put(asuid, "TXT", begun)
    publisher.write("example.com:", hosting=FUNCTION)
    publisher.write(f"example.com: {domain}", hosting=FUNCTION)

    def before(call: str) -> None:
        if call in (f"Microsoft.Network/dnszones/TXT/write {asuid}", f"route53:ChangeResourceRecordSets {asuid}"):
            provider.put(asuid, "TXT", [*begun, "of another"])

    provider.before = before
    begin = "example.com: error MTS230: The zone example.com. could not be updated: "
    assert finding(publisher.publish("hosting", "--doit")).startswith(begin)
    values = [line.rpartition(" TXT ")[2] for line in provider.all() if line.startswith(asuid)]
    assert values == sorted([*begun, "of another"])
    provider.before = str
    assert publisher.publish("hosting", "--doit").code == 0
    assert f"{asuid} 3600 TXT of another" in provider.all()


def test_a_proxied_record_of_ours_becomes_dns_only(start: Start) -> None:
    """Cloudflare's proxy would present its own certificate, and serve no policy."""
    publisher = start("cloudflare")
    provider = publisher.provider
    assert isinstance(provider, Cloudflare)
    provider.add_zone("example.com")
    provider.put("mta-sts.example.com", "CNAME", ["www.example.org."], 1, proxied=True)
    publisher.write("example.com:")
    assert publisher.publish("hosting", "--doit").code == 0
    assert provider.all() == [HOSTING]
    assert publisher.publish("hosting", "--doit") == (0, "no changes\n")
