"""MTS1xx: what can be wrong in policy.yaml, or in a policy as it is served."""

from __future__ import annotations

from mtasts.findings import Rule, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING

# The file: can it be read at all?

FILE_UNREADABLE = Rule(
    "MTS101",
    "The file cannot be read",
    ERROR,
    "RFC 8461 §3.2",
    """The file is missing, is empty, is too large (8 MiB), is not UTF-8 text, or is no regular file. Save it as UTF-8
without a byte order mark, and run lint from the repository's own folder.

A symbolic link is refused: git holds where it leads, and not what stands there, so `plan` could not see what a change
does.""",
)
YAML_SYNTAX = Rule(
    "MTS102",
    "The file is not valid YAML",
    ERROR,
    "YAML 1.1",
    """YAML gives meaning to indentation, to a colon with a space, and to a value that starts with `*`: write a
wildcard in quotes, as `- "*.example.com"`. Indent with spaces, never with tabs.

Anchors, aliases and tags (`&x`, `*x`, `!x`) are refused, and so is nesting deeper than 16 levels: a policy needs
none of them, and with them a small file can unfold into a huge one.""",
)
DUPLICATE_KEY = Rule(
    "MTS103",
    "A key stands twice",
    ERROR,
    "RFC 8461 §3.2",
    """Of a key that stands twice, some readers take the first value and some the last. Senders differ in the same
way over a repeated line of the policy. What you see must be what senders get: keep one of the two.""",
)
UNKNOWN_KEY = Rule(
    "MTS104",
    "A key is not known",
    ERROR,
    "policy.schema.json",
    """A misspelt key would be ignored without a word, and the policy would not be the one that you meant. The keys
are described in policy.schema.json; an editor that knows JSON Schema completes them.""",
)
WRONG_VALUE = Rule(
    "MTS105",
    "A value is missing, or of the wrong type",
    ERROR,
    "policy.schema.json",
    """The message names the key and what belongs there. A list is written as one `- item` per line, a number
without quotes. policy.schema.json describes every key.

A number is written in digits, and does not begin with 0: `0604700`, `1_000`, `0x1f`, `604:30:00` and `1e6` are one
number to some readers of YAML, and another one, or text, to others. Write text that looks so in quotes.""",
)

# The policy itself

VERSION = Rule(
    "MTS110",
    "version is not STSv1",
    ERROR,
    "RFC 8461 §3.2",
    """`version: STSv1` is the only version there is. The key and the value are case-sensitive, and a sender ignores
a policy without it.""",
)
MODE = Rule(
    "MTS111",
    "mode is none of testing, enforce, none",
    ERROR,
    "RFC 8461 §3.2",
    """`testing`: senders deliver as ever, and report what would have failed. `enforce`: senders refuse to deliver
where TLS or the MX host fails. `none`: the domain has no policy any more, the step before its removal. Start with
`testing`, read the TLS reports, then go to `enforce`.""",
)
MAX_AGE = Rule(
    "MTS112",
    "max_age is not between 1 and 31557600 seconds",
    ERROR,
    "RFC 8461 §3.2",
    """`max_age` says for how many seconds a sender may keep the policy, at most one year (31557600). With `0` no
sender would keep it, so it would protect nothing. A day is 86400, a week 604800, a month 2592000.""",
)
MAX_AGE_SENSE = Rule(
    "MTS113",
    "max_age does not suit the mode",
    WARNING,
    "RFC 8461 §10.2",
    """While testing, a policy should be gone from senders' caches soon, yet live long enough to be used: between a
day (86400) and two weeks (1209600). In `enforce`, a short life lets an attacker who blocks the policy host wait
until it has run out: weeks are right, a week (604800) is the least.""",
)
MX_MISSING = Rule(
    "MTS114",
    "mx is missing",
    ERROR,
    "RFC 8461 §3.2",
    """A policy in `testing` or `enforce` names at least one MX host. Without one it is invalid, and senders go on
as if the domain had none. List every host that `nslookup -type=mx DOMAIN` shows, backups too.""",
)
TOO_LARGE = Rule(
    "MTS115",
    "The policy is larger than 64 KB",
    ERROR,
    "RFC 8461 §3.3",
    """Senders read at most 64 KB of a policy and throw a larger one away. A wildcard such as `*.mx.example.com` can
stand for many hosts.""",
)
LINE_FORM = Rule(
    "MTS116",
    "A line of the policy has the wrong form",
    ERROR,
    "RFC 8461 §3.2",
    """Each line is `key: value`, with nothing before the key and no space before the colon. There is no blank line,
no byte order mark, no comment, no HTML and no control character. Strict senders throw the whole policy away for one
such line. `python -m mtasts render` writes the safest form.""",
)
EXTENSION = Rule(
    "MTS117",
    "A key of the policy is not in the RFC",
    WARNING,
    "RFC 8461 §3.2",
    """Senders ignore keys that they do not know, so a misspelt `mx` names no host at all. The keys are `version`,
`mode`, `mx` and `max_age`, in lower case.""",
)

# Names of hosts and domains, wherever they stand

NAME_DOT = Rule(
    "MTS120",
    "A name ends in a dot",
    ERROR,
    "RFC 8461 §4.1",
    """Zone files end a full name with a dot, policies do not. Senders compare the pattern with the host name letter
by letter, and with the dot it never matches.""",
)
NAME_ADDRESS = Rule(
    "MTS121",
    "An IP address stands where a name belongs",
    ERROR,
    "RFC 8461 §4.1",
    """The certificate of an MX host is checked against its name, so a policy lists names and no addresses. Write
the name that the MX record points to.""",
)
NAME_ULABEL = Rule(
    "MTS122",
    "A name is not written in A-labels",
    ERROR,
    "RFC 8461 §3.2",
    """DNS and certificates hold internationalised names as A-labels (`xn--…`), and so does a policy. The message
offers the A-label form: compare it with what your registrar shows before you use it.""",
)
NAME_FORM = Rule(
    "MTS123",
    "A name is not a valid host name",
    ERROR,
    "RFC 5321 §4.1.2",
    """A host name is made of labels of 1 to 63 letters, digits and hyphens, with a dot between them. A label
neither starts nor ends with a hyphen, and has no underscore. It is no URL, no mail address, and has no port.""",
)
NAME_LONG = Rule(
    "MTS124",
    "A name is longer than DNS allows",
    ERROR,
    "RFC 1035 §2.3.4",
    """A name in DNS has at most 253 octets. The policy host puts `mta-sts.` before the domain, and the TXT record
`_mta-sts.`, so a domain may have at most 244.""",
)
WILDCARD = Rule(
    "MTS125",
    "A wildcard is not the whole first label",
    ERROR,
    "RFC 8461 §4.1",
    """`*.example.com` is the only form: the `*` stands for exactly one label, the left-most. `mx*.example.com`,
`*.*.example.com` and `*` alone match nothing.""",
)
WILDCARD_PUBLIC = Rule(
    "MTS126",
    "A wildcard covers a public suffix",
    ERROR,
    "RFC 8461 §4.1",
    """Under a public suffix such as `com` or `co.uk` anyone can register a name, get a certificate for it, and so
take your mail. Name your own MX hosts.""",
)
MX_DUPLICATE = Rule(
    "MTS127",
    "An mx pattern stands twice",
    WARNING,
    "RFC 8461 §3.2",
    """Case does not matter in a host name, and each host needs one line. The second one does nothing: remove it.
Often it was meant to be another host: compare the list with `nslookup -type=mx DOMAIN`.""",
)
MX_COVERED = Rule(
    "MTS128",
    "An mx pattern is covered by another",
    WARNING,
    "RFC 8461 §4.1",
    """The wildcard already matches this host, so the line changes nothing. Remove the host, or, better, remove the
wildcard and list each host: the narrower the policy, the less it lets through.""",
)

# Domains

DOMAIN_PREFIX = Rule(
    "MTS130",
    "The policy host stands where the mail domain belongs",
    ERROR,
    "RFC 8461 §3.3",
    """Under `domains` stands the mail domain, the part after the `@`. The policy host `mta-sts.<domain>` is made
from it.""",
)
DOMAIN_TWICE = Rule(
    "MTS131",
    "A domain is listed twice",
    ERROR,
    "RFC 1035 §2.3.3",
    """Case does not matter in a domain name: `Example.com` and `example.com` are one domain. Keep one of the two.""",
)
ZONE_PARENT = Rule(
    "MTS132",
    "The zone does not hold the domain",
    ERROR,
    "RFC 1034 §4.2",
    """`zone` names the DNS zone that the domain's records go into: the domain itself, or a parent of it, such as
`example.com` for `mail.example.com`. Leave it out where the domain has a zone of its own.""",
)
ZONE_UNNAMED = Rule(
    "MTS133",
    "A domain below another does not name its zone",
    WARNING,
    "RFC 1034 §4.2",
    """Without `zone`, the records of a domain go into a DNS zone of its own name. Most domains below a registered
one have no zone of their own: `mail.example.com` stands in the zone `example.com`. Then `records` prints wrong names
for DNS forms, and `publish` finds no zone. Name the zone with `zone: example.com`, or say that the domain has one of
its own with `zone: mail.example.com`.""",
)

# TLS reporting

REPORTING_MISSING = Rule(
    "MTS140",
    "Testing without TLS reports",
    WARNING,
    "RFC 8460 §3",
    """The point of `testing` is to read in the reports which senders would fail. Without an address under
`tls_reporting` nobody tells you. Add `tls_reporting: {rua: [mailto:tls-reports@example.com]}`.""",
)
RUA_MAILTO = Rule(
    "MTS141",
    "A report address lacks mailto:",
    ERROR,
    "RFC 8460 §3",
    """`rua` is a list of URIs: a mail address is written `mailto:tls-reports@example.com`. Senders send nothing to
a bare address.""",
)
RUA_RECORD = Rule(
    "MTS142",
    "A report address holds a piece of the DNS record",
    ERROR,
    "RFC 8460 §3",
    """Only the address belongs here; `v=TLSRPTv1; rua=` is added when the record is written. Some published guides
say `v=TLSRPv1`: senders ignore such a record.""",
)
RUA_ENCODING = Rule(
    "MTS143",
    "A report address must be percent-encoded",
    ERROR,
    "RFC 8460 §3",
    """`,` `!` and `;` separate things in the DNS record. Inside an address they are written `%2C`, `%21` and `%3B`.""",
)
RUA_FORM = Rule(
    "MTS144",
    "A report address is no mailto: or https: URI",
    ERROR,
    "RFC 8460 §3",
    """Reports go to `mailto:` addresses or are POSTed to `https:` URIs, in ASCII and without spaces. Nothing else
is understood by senders.""",
)

# Hosting

FUNCTION_DOMAINS = Rule(
    "MTS150",
    "More domains than a Function App has certificates",
    ERROR,
    "Azure Functions, Flex Consumption",
    """A Flex Consumption app holds three site-scoped certificates, and each domain needs one. Choose another kind
of hosting, or split the domains over several repositories.""",
)
SWA_DOMAINS = Rule(
    "MTS151",
    "More domains than a Static Web App takes",
    ERROR,
    "Azure Static Web Apps quotas",
    """A Static Web App takes two custom domains on the Free plan and five on Standard. Choose another kind of
hosting, or split the domains over several repositories.""",
)
SWA_STANDARD = Rule(
    "MTS152",
    "The domains need the Standard plan",
    WARNING,
    "Azure Static Web Apps quotas",
    """A Static Web App on the Free plan takes two custom domains; three to five need the Standard plan, which costs
money every month.""",
)
ONE_POLICY = Rule(
    "MTS153",
    "Different policies on a hosting that serves one",
    ERROR,
    "RFC 8461 §3.3",
    """A Static Web App, and Storage behind Front Door, serve one set of files under every name, so each domain
would get the policy of the first. Give all domains the same policy, or choose `function` or `web-server`.""",
)
SWA_PUNYCODE = Rule(
    "MTS154",
    "A Static Web App takes no internationalised domain",
    ERROR,
    "Azure Static Web Apps custom domains",
    """Azure refuses a custom domain with an A-label (`xn--…`) on a Static Web App. Choose another kind of hosting.""",
)
HOSTNAME_MISSING = Rule(
    "MTS155",
    "hosting.hostname is not set",
    WARNING,
    "RFC 8461 §3.3",
    """`mta-sts.<domain>` is a CNAME to this name. Azure tells it once the resource exists (for a web server it is
the server's own name). Until it stands here, `records` cannot print the CNAME.""",
)
HOSTNAME_LOOP = Rule(
    "MTS156",
    "hosting.hostname is a policy host itself",
    ERROR,
    "RFC 1034 §3.6.2",
    """`mta-sts.<domain>` is published as a CNAME to `hosting.hostname`. If that is a policy host of this file, the
CNAME points to itself or into a circle, and senders find no address. Write the name that Azure gave the hosting, or
the server's own name. If a web server has no other name than `mta-sts.<domain>`, enter its address in DNS by hand and
remove `hostname`.""",
)
