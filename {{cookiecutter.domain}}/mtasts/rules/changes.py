"""MTS5xx: what can be wrong with a change, though the policy after it is right.

An error stops the pull request, unless a commit in it has a line such as `Allow: MTS502 example.net`.
"""

from __future__ import annotations

from mtasts.findings import Rule, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING

ENFORCE_FAILS = Rule(
    "MTS501",
    "Enforce, while an MX host would fail",
    ERROR,
    "RFC 8461 §5",
    """With `mode: enforce` senders do not deliver to an MX host that no `mx` covers, that offers no STARTTLS, or whose
certificate is not valid for its name. `plan --live` has met such a host. Correct it first: `python -m mtasts check`
shows all that is wrong. What senders cached in testing does no harm meanwhile.""",
)
ENFORCE_SOON = Rule(
    "MTS502",
    "Enforce, without long enough in testing",
    ERROR,
    "RFC 8461 §8.2",
    """In testing, senders deliver as ever and report what they would have refused. Only after one `max_age` of the
testing policy have all of them seen it, so only then do the reports tell enough. How long the domain has been in
testing is read from the history of this branch; the message says from when on it is long enough. After a rollback
to testing the time begins anew.""",
)
MX_NEEDED = Rule(
    "MTS503",
    "An mx is removed that mail still needs",
    ERROR,
    "RFC 8461 §8.1",
    """The domain's MX records still lead to a host that only this `mx` covers. To move: add the new host's `mx`, wait
until its TTL is over, change the MX records, wait until their TTL is over, then remove the old `mx`.""",
)
MX_UNCOVERED = Rule(
    "MTS504",
    "An MX host in DNS is covered by no mx",
    ERROR,
    "RFC 8461 §4.1",
    """The domain's MX records lead to a host that the policy does not name. In `enforce` senders do not deliver to it;
in `testing` they report it. Add it to `mx`, or remove the MX record.""",
)
REMOVED_EARLY = Rule(
    "MTS505",
    "A domain is removed before it is retired",
    ERROR,
    "RFC 8461 §8.3",
    """Senders go by the policy that they have cached for as long as its `max_age` says, also when it is gone. So a
domain leaves in steps: `mode: none` with a `max_age` of a day; then, when every policy served before has run out,
`retired: true`, which takes the records from DNS; then its entry can go. The message says from when on the next
step is safe, by the history of this branch.""",
)
NONE_LONG = Rule(
    "MTS506",
    "Mode none with a long max_age",
    ERROR,
    "RFC 8461 §8.3",
    """`mode: none` is the way out, or a pause. Senders keep it for `max_age`, and do not look again before that unless
the id changes. With more than a day (86400) a return to testing is slow for those who miss the id. Write
`max_age: 86400`.""",
)
ENFORCE_REMOVED = Rule(
    "MTS507",
    "An enforced policy is removed at once",
    ERROR,
    "RFC 8461 §8.3",
    """Senders that have the policy cached go on enforcing it until its `max_age` is over, and cannot see that it is
gone. When an MX host changes in that time, mail bounces. Publish `mode: none` with a `max_age` of a day first.""",
)
MAX_AGE_CUT = Rule(
    "MTS508",
    "max_age is cut by more than half in enforce",
    ERROR,
    "RFC 8461 §10.2",
    """A long `max_age` is what protects a domain from an attacker who blocks DNS or HTTPS for a while. A deep cut is
seldom meant, and often the first step of someone who wants the protection to be gone. Cut it by half at the most,
or allow it by name.""",
)
HOSTING_TOO = Rule(
    "MTS509",
    "The hosting moves together with the policy",
    ERROR,
    "RFC 8461 §8.1",
    """When the host that serves the policy changes, a sender may meet the old one or the new one for as long as the
CNAME's TTL. With one policy on both that does no harm. With two, some senders get the one and some the other. Move
the hosting in one change, and change the policy in the next.""",
)
ENFORCE_UNSEEN = Rule(
    "MTS510",
    "Enforce, while something cannot be seen",
    ERROR,
    "RFC 8461 §5",
    """`plan --live` got no answer, from DNS or from an MX host, so it is open whether enforce would lose mail. Most
networks of CI systems block port 25: run `python -m mtasts plan --live` from a network that may send mail. Where
that is fine, or the TLS reports of the testing time show no failure, allow it by name.""",
)
MX_AT_ONCE = Rule(
    "MTS511",
    "An mx goes before its successor is known",
    ERROR,
    "RFC 8461 §8.1",
    """In `enforce` a move to another MX host takes three steps: the new `mx` joins the old one; when the record's TTL
is over, and all senders know it, the MX records change; when those lead to the old host no more, the old `mx` goes.
This change takes the steps at once, or too early. What the MX records say is not known here: where they need the old
`mx` no more, `plan --live` sees that, and has no objection.""",
)
LIVE_UNKNOWN = Rule(
    "MTS520",
    "Something cannot be seen",
    WARNING,
    "RFC 8461 §3.1",
    """`plan --live` got no answer, so what is in force there is unknown. The change is judged by the history of this
branch alone. `python -m mtasts check` says more.""",
)
DRIFT = Rule(
    "MTS521",
    "What is in force is not what this branch has",
    WARNING,
    "RFC 8461 §8.1",
    """HTTPS or DNS serves something else than the revision that this change starts from. A deployment failed or is
under way, or someone changed it by hand. This change will replace it. See what it is for before you merge.""",
)
REVISION_INVALID = Rule(
    "MTS522",
    "A revision in the history is not valid",
    WARNING,
    "this toolkit",
    """The pipeline deploys no policy.yaml that lint refuses, so this revision is passed over: what was there before it
is taken to have stayed in force.""",
)
COMMIT_MISDATED = Rule(
    "MTS523",
    "A commit's date cannot be right",
    WARNING,
    "this toolkit",
    """The commit is dated in the future, before the commit that it follows, or before there was MTA-STS. A clock was
wrong, here or there. It is taken to be as late as it can be, so that no policy looks older than it is.""",
)
ALLOW_IDLE = Rule(
    "MTS524",
    "An Allow line allows nothing",
    WARNING,
    "this toolkit",
    """A commit of this change has an `Allow:` line, and nothing was found that it could allow. It may hold a slip: the
form is `Allow: MTS502 example.net`, with the rule and the domain of the finding, or the rule alone where the
finding has no domain.""",
)
