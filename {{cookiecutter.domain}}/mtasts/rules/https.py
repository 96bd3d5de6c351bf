"""MTS3xx: what can be wrong when a sending server fetches the policy."""

from __future__ import annotations

from mtasts.findings import Rule, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING

UNREACHABLE = Rule(
    "MTS301",
    "The policy host cannot be reached",
    ERROR,
    "RFC 8461 §3.3",
    """No connection on port 443: refused, or no way there. Senders then go on without a policy, or with the one
that they kept. Look at the hosting, its firewall, and each address in DNS, IPv6 too.""",
)
TIMEOUT = Rule(
    "MTS302",
    "The policy host does not answer in time",
    ERROR,
    "RFC 8461 §3.3",
    """The whole policy did not come within the time that `--timeout` gives. The RFC suggests a minute; real senders
wait 2 to 15 seconds.""",
)
HANDSHAKE = Rule(
    "MTS303",
    "TLS with the policy host fails",
    ERROR,
    "RFC 8461 §3.3",
    """The handshake ended before a certificate could be judged. Often there is no certificate for this name yet, or
another service answers at the port.""",
)
CERTIFICATE_EXPIRED = Rule(
    "MTS304",
    "The policy host's certificate is not valid today",
    ERROR,
    "RFC 8461 §3.3",
    """It has expired, or is not valid yet. Senders do not take the policy. See why it was not renewed: a managed
certificate needs the CNAME, and a CAA record that allows the issuer.""",
)
CERTIFICATE_NAME = Rule(
    "MTS305",
    "The policy host's certificate is for another name",
    ERROR,
    "RFC 8461 §3.3",
    """The certificate must name `mta-sts.<domain>` among its DNS names; the common name does not count. Bind a
certificate for this name at the hosting.""",
)
CERTIFICATE_UNTRUSTED = Rule(
    "MTS306",
    "The policy host's certificate is not trusted",
    ERROR,
    "RFC 8461 §3.3",
    """It is self-signed, its issuer is not known to senders, or the server does not send the certificates between.
Use a public certificate authority, and serve the whole chain.""",
)
TLS_VERSION = Rule(
    "MTS307",
    "The policy host speaks no TLS 1.2",
    ERROR,
    "RFC 8461 §3.3",
    """Senders need TLS 1.2 or 1.3. Switch the older versions off at the hosting, and these on.""",
)
REDIRECT = Rule(
    "MTS308",
    "The policy is redirected",
    ERROR,
    "RFC 8461 §3.3",
    """Senders do not follow redirects, so there is no policy for them. Forwarding a domain at a registrar, and
rules that send every visitor to `www`, cause this: serve the text itself at this address.""",
)
STATUS = Rule(
    "MTS309",
    "The policy host answers with another status than 200",
    ERROR,
    "RFC 8461 §3.3",
    """Only 200 counts. At 404 look at the path: it is `/.well-known/mta-sts.txt`, with a dot, an `n` at the end of
`known`, and folders that begin with a dot are easily left out of an upload.""",
)
CONTENT_TYPE = Rule(
    "MTS310",
    "The policy is not served as text/plain",
    ERROR,
    "RFC 8461 §3.2",
    """Some senders throw away anything but `Content-Type: text/plain`. Set it at the hosting.""",
)
EMPTY = Rule(
    "MTS311",
    "The policy host answers with nothing",
    ERROR,
    "RFC 8461 §3.2",
    """The status is 200 and the body is empty. The file at the hosting is empty, or an upload went wrong: deploy
again.""",
)
HTML = Rule(
    "MTS312",
    "The policy host answers with a web page",
    ERROR,
    "RFC 8461 §3.2",
    """Senders need the text of the policy and nothing around it. An index page for every path, a parking page, or a
registrar's frame that forwards visitors are the usual causes.""",
)
TOO_LARGE = Rule(
    "MTS313",
    "The answer is larger than 64 KB",
    ERROR,
    "RFC 8461 §3.3",
    """Senders stop reading there and throw the policy away. Something else than the policy is served at this
address.""",
)
INCOMPLETE = Rule(
    "MTS314",
    "The answer breaks off, or is no HTTP",
    ERROR,
    "RFC 8461 §3.3",
    """The connection ended before the answer was whole, or what came was not HTTP. Look at what stands between: a
proxy, a load balancer, a crashed app.""",
)
SLOW = Rule(
    "MTS315",
    "The policy comes slowly",
    WARNING,
    "RFC 8461 §3.3",
    """Some senders wait 2 seconds, others 4. A Function that scales to zero starts cold: keep one instance always
ready, or choose static hosting.""",
)
DRIFT = Rule(
    "MTS316",
    "The served policy is not the repository's",
    ERROR,
    "RFC 8461 §8.1",
    """What senders get differs from what policy.yaml says. The last deployment failed or has not run, or the
hosting was changed by hand: deploy again, or take the change into policy.yaml.""",
)
ENCODED = Rule(
    "MTS317",
    "The policy is served compressed",
    ERROR,
    "RFC 8461 §3.3",
    """Senders ask for the plain text, and many cannot unpack what comes. Switch compression off for this path.""",
)
CERTIFICATE_ENDS = Rule(
    "MTS318",
    "The policy host's certificate ends soon",
    WARNING,
    "RFC 8461 §3.3",
    """Certificates are renewed weeks before their end. See why this one was not yet: once it has ended, senders with
enforce take no policy.""",
)
NO_ROUTE = Rule(
    "MTS319",
    "Some addresses cannot be looked at from here",
    WARNING,
    "RFC 8461 §3.3",
    """This machine has no route to some addresses of the policy hosts, most often because it has no IPv6: GitHub's
runners have none. What is there is unknown, so nothing is held against the domain. To see these addresses too, run
`check` on a machine with IPv6.""",
)
