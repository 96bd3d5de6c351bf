"""MTS2xx: what can be wrong in DNS, as a sending server sees it."""

from __future__ import annotations

from mtasts.findings import Rule, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING

RECORD_NONE = Rule(
    "MTS201",
    "There is no _mta-sts record",
    ERROR,
    "RFC 8461 §3.1",
    """Without a TXT record that begins with `v=STSv1;` at `_mta-sts.<domain>` senders look no further: the domain
has no policy for them, however well it is served. `python -m mtasts records` prints the record. Publish it once
HTTPS serves the policy.""",
)
RECORD_SEVERAL = Rule(
    "MTS202",
    "There are several _mta-sts records",
    ERROR,
    "RFC 8461 §3.1",
    """Where more than one TXT record begins with `v=STSv1;`, senders act as if there were none. Usually an old one
was left: remove all but the one that `python -m mtasts records` prints.""",
)
RECORD_MALFORMED = Rule(
    "MTS203",
    "The _mta-sts record is malformed",
    ERROR,
    "RFC 8461 §3.1",
    """`v=STSv1; id=…;` is all it takes: the version first, `;` between the fields, and an id of 1 to 32 letters and
digits. Senders ignore a record of any other form. `python -m mtasts records` prints a good one.""",
)
DNS_FAILURE = Rule(
    "MTS204",
    "A name server answers with a failure",
    ERROR,
    "RFC 8461 §3.1",
    """The name servers of the zone, or the resolver that was asked, answered SERVFAIL or REFUSED. Often DNSSEC is
broken (an expired signature, a wrong DS record), or a server does not know the zone. Senders see the same, and hold
the mail or go on without a policy.""",
)
DNS_TIMEOUT = Rule(
    "MTS205",
    "No name server answers in time",
    ERROR,
    "RFC 8461 §3.1",
    """No answer came within the time that `--timeout` gives. Look whether the zone's name servers can be reached,
over UDP and TCP. Where only this machine cannot reach them, name another resolver with `--resolver`.""",
)
RECORD_DRIFT = Rule(
    "MTS206",
    "The id in DNS is not the repository's",
    ERROR,
    "RFC 8461 §8.1",
    """Senders fetch the policy again when the id changes. With another id than the policy's they keep what they
have, or someone changed the record by hand. Publish the record that `python -m mtasts records` prints.""",
)
HOST_NONE = Rule(
    "MTS207",
    "The policy host has no address",
    ERROR,
    "RFC 8461 §3.3",
    """Senders fetch the policy from `mta-sts.<domain>`, and this name has neither an A nor an AAAA record. Publish
the CNAME that `python -m mtasts records` prints.""",
)
HOST_DANGLING = Rule(
    "MTS208",
    "The policy host points to a name that is not there",
    ERROR,
    "RFC 8461 §10.3",
    """The CNAME at `mta-sts.<domain>` leads to a name that does not exist. Whoever registers that name, an Azure
app name for instance, can serve a policy in your place. Make the hosting again, or remove the TXT record and the
CNAME.""",
)
MX_NONE = Rule(
    "MTS210",
    "The domain has no MX record",
    WARNING,
    "RFC 5321 §5.1",
    """Senders then deliver to the domain's own address, so the domain itself is its MX host. Where it takes mail
elsewhere, publish the MX records.""",
)
MX_NULL = Rule(
    "MTS211",
    "The domain takes no mail",
    WARNING,
    "RFC 7505 §3",
    """A null MX (`0 .`) says that no mail is taken, so there is nothing for a policy to protect. Retire the policy,
or publish the MX hosts.""",
)
MX_HOST_NONE = Rule(
    "MTS212",
    "An MX host has no address",
    ERROR,
    "RFC 5321 §5.1",
    """The MX record names a host that has neither an A nor an AAAA record, so no mail can reach it. Correct the
name, or remove the record.""",
)
ADDRESSES_MANY = Rule(
    "MTS214",
    "More addresses than are looked at",
    WARNING,
    "this toolkit",
    """At most 20 addresses of the policy host are looked at, and at most 50 MX hosts with 100 addresses, since a domain
could otherwise make this machine connect to thousands of addresses of others. Each MX host gets an equal share, half
of it IPv6. The addresses that were left out may have faults too.""",
)
REPORTING_NONE = Rule(
    "MTS220",
    "There is no _smtp._tls record",
    WARNING,
    "RFC 8460 §3",
    """Without it no sender reports what fails. `python -m mtasts records` prints the record where `tls_reporting`
is set.""",
)
REPORTING_SEVERAL = Rule(
    "MTS221",
    "There are several _smtp._tls records",
    ERROR,
    "RFC 8460 §3",
    """Where more than one TXT record begins with `v=TLSRPTv1;`, senders act as if there were none. Several
addresses go into one record, with commas between them.""",
)
REPORTING_MALFORMED = Rule(
    "MTS222",
    "The _smtp._tls record is malformed",
    ERROR,
    "RFC 8460 §3",
    """`v=TLSRPTv1; rua=mailto:…` is all it takes. Published guides have `v=TLSRPv1`, or a rua without `mailto:`:
senders ignore both.""",
)
REPORTING_DRIFT = Rule(
    "MTS223",
    "The addresses for reports are not the repository's",
    ERROR,
    "RFC 8460 §3",
    """The record in DNS names other addresses than `tls_reporting` in policy.yaml. Publish the record that `python
-m mtasts records` prints, or take the change into policy.yaml. If the reports go to a service that has its own record
there, remove `tls_reporting`: the record is then the service's.""",
)
REPORTING_MISPLACED = Rule(
    "MTS224",
    "A record for reports stands at a wrong name",
    WARNING,
    "RFC 8460 §3",
    """Senders look at `_smtp._tls.<domain>` and nowhere else. Some published guides name `_mta-sts._tls` or
`_smtp-tls`. Remove the record there.""",
)
MACHINE_LIMIT = Rule(
    "MTS298",
    "This machine has reached a limit of its own",
    WARNING,
    "this toolkit",
    """No open file, port, memory or thread was left for the connection, and none came free in time. That says nothing
about the domain. Run this again with fewer `--jobs`, or raise the limit (`ulimit -n`).""",
)
BROKEN_OFF = Rule(
    "MTS299",
    "The look at a domain broke off",
    ERROR,
    "this toolkit",
    """Something came that this toolkit does not know how to take, which is its own mistake. The other domains were
looked at as ever. Report it with the message.""",
)
ZONE_FAILED = Rule(
    "MTS230",
    "A zone could not be brought in line",
    ERROR,
    "octoDNS",
    """The DNS provider refused, did not answer, or does not have the zone. The message has its own words. Or after the
change the zone is not as it should be: a name server dropped a record in silence, or someone else changed it at the
same time. The other zones are done; running this again completes it.""",
)
ZONE_FOREIGN = Rule(
    "MTS231",
    "A record that is not ours stands in the way",
    ERROR,
    "octoDNS",
    """At one of the names that this repository publishes stands a record that it did not make: a vendor's record for
reports, an earlier policy of somebody else's, another service, another type. The domain was left as it is. A value is
this repository's if policy.yaml gives it now, or if a revision of this branch gave it within the last year (31557600
seconds, the longest max_age); at `_dnsauth` any token of Front Door is. So `publish` needs the whole git history: in a
shallow clone run `git fetch --unshallow`, and set `fetch-depth: 0` in a pipeline. Remove the record by hand, or run
`publish` with `--force` once you know what it is for: that replaces what is in the way, and nothing else.""",
)
NOT_ANNOUNCED = Rule(
    "MTS232",
    "The policy is not announced yet",
    ERROR,
    "RFC 8461 §8.1",
    """A sender that sees a new id fetches the policy at once, and keeps what it gets. So `publish announcement --doit`
looks itself before it makes or changes a record: HTTPS has to serve exactly this policy, at one address at least and
another policy at none, and with `enforce` the policy has to cover each MX host. If that is not so, or cannot be seen
from here, the domain is left as it is, and the others are announced. An old run that is run again ends so too. Correct
what the message says. `--no-check` announces without looking, if you know that it is right.""",
)
