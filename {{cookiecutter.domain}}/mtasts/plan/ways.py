"""The ways from one state of a domain to another, step by step.

`explain` lists and prints them from here, and the README has them to the letter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """Numbered steps. name: as `explain` takes it; title and text: Markdown."""

    name: str
    title: str
    text: str

    def __str__(self) -> str:
        """Return all of it, as the README has it."""
        return f"### {self.title}\n\n{self.text}"


_WAYS = (
    Way(
        "enforce",
        "From testing to enforce",
        """\
1. Stay in `testing` for one `max_age` at least, until the TLS reports show no failure of your own hosts. The time
   counts from the deployment that announced it, which prints the date. `python -m mtasts plan` derives it from git,
   which has what was merged; with `--live` it says whether DNS shows the policy. `python -m mtasts check` says whether
   every MX host would pass.
2. Set `mode: enforce`, with a `max_age` of weeks (2419200 is four). The plan of the pull request looks at the MX hosts
   once more. If the pipeline cannot reach port 25, it says MTS510: run `python -m mtasts plan --live` from a network
   that may send mail, and let it through by name, as `Allow: MTS510 example.com`.
3. Merge it. Senders enforce when the record's TTL is over.""",
    ),
    Way(
        "mx-move",
        "To move the mail to another MX host",
        """\
1. Add the new host to `mx`, beside the old one, and merge. All senders know the new policy when the TTL of the
   `_mta-sts` record is over, counted from when its id was published, not from the merge (RFC 8461 §8.1). The
   deployment prints the date from which the MX records may change. `python -m mtasts plan` on `main` has the open step.
2. From then on, change the MX records. The old host goes on taking mail until their TTL is over.
3. When no MX record leads to the old host any more, remove its `mx`. Before that, `plan --live`, as pull requests run
   it, refuses with MTS503. In `enforce`, without `--live`, or if DNS does not answer, nobody has seen the MX records:
   then it refuses with MTS511, at any time.""",
    ),
    Way(
        "rollback",
        "Back to testing, in an incident",
        """\
1. Set `mode: testing`, or revert the commit that brought `enforce`, and merge. plan never blocks this. Senders deliver
   again when they see the new id and fetch the policy, within the record's TTL. Those that miss either one, the record
   or the policy, go on enforcing, for the old `max_age` at most. So if the policy host is down, bring it back first.
   Mail that enforce stopped waits at its sender, often for days: a quick rollback saves it.
2. Correct what was wrong, until `python -m mtasts check` finds no error.
3. Go to `enforce` as before: the time in testing begins anew, and the plan says when it is over. Where the reason is
   known and gone, let it through by name: `Allow: MTS502 example.com`.""",
    ),
    Way(
        "early-id",
        "After an id that was announced before its policy",
        """\
1. A sender that sees the new id fetches the policy at once. If HTTPS still served the old one, it keeps that under the
   new id, and does not ask again until the old `max_age` is over. This happens if DNS is entered by hand, too early.
2. Change `max_age` by one second and merge: that gives another id. Announce it only when
   `python -m mtasts check --only https` finds no error. Every sender then fetches the policy once more.""",
    ),
    Way(
        "retire",
        "To retire a domain",
        """\
1. Give the domain `mode: none` and `max_age: 86400`, and merge. It may go when every policy served before has run out
   (RFC 8461 §8.3): the deployment prints the date.
2. From then on, write `retired: true` in place of its keys, and merge. The deployment removes the domain's TXT records,
   and *provision* its CNAME; DNS by hand, in the same order. If no domain is left to deploy,
   `python -m mtasts publish announcement --doit` and then `publish hosting --doit` do it.
3. When none of its records is left in DNS, delete its entry, and its host name at the hosting. The hosting itself goes
   last: a CNAME that leads nowhere lets a stranger serve your policy (§10.3).""",
    ),
    Way(
        "hosting",
        "To another hosting, without a gap",
        """\
1. Set `dns: {ttl: 300}`, merge, run *provision* with *create*, and wait for an hour.
2. On a branch, bring in the files of the new kind: `cruft update --variables-to-update '{"hosting": "KIND"}'`, or make
   a repository with that answer beside this one and copy all but `policy.yaml`. In `policy.yaml` change `hosting` and
   nothing else (MTS509): the policy and its id stay, so senders notice nothing.
3. Make the new hosting beside the old one, under another `name`, and put the policy on it before DNS leads there:
   the commands *without the pipeline*, up to `outputs`, then `build` and the upload. Ask its own host name for
   `/.well-known/mta-sts.txt`.
4. Merge, and run *provision* with *create*: the CNAME to the old hosting came from this branch, so it is
   replaced. The plan of the pull request names these steps too, for the hosting it goes to. Front Door and a web server
   can have their certificate before that, by `_dnsauth` or your own authority. A Function or a Static Web App gets it
   minutes after the CNAME leads there. Meanwhile senders that know the policy go on with it (RFC 8461 §3.3), and others
   deliver as if there were none: no mail is lost.
5. When `python -m mtasts check` is clean and the TTL is over, delete the old hosting.""",
    ),
)
WAYS = {way.name: way for way in _WAYS}


def chapter() -> str:
    """Return all ways, as the README has them."""
    return "\n\n".join(map(str, _WAYS))
