"""The tasks that take several steps.

`explain` lists and prints these texts, and the README contains them to the letter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A task in numbered steps. name: the argument of `explain`; title and text: Markdown."""

    name: str
    title: str
    text: str

    def __str__(self) -> str:
        """Return the section of the README."""
        return f"### {self.title}\n\n{self.text}"


_TASKS = (
    Task(
        "enforce",
        "From testing to enforce",
        """\
1. Stay in `testing` for at least one `max_age`, until the TLS reports show no failures of your own hosts. The time
   starts with the deployment that announced the policy, which prints the date. `python -m mtasts plan` derives the
   date from the merge in git; with `--live` it also says whether DNS shows the policy.
   `python -m mtasts check` says whether every MX host would pass.
2. Set `mode: enforce`, with a `max_age` of several weeks (2419200 is four). The plan of the pull request checks the MX
   hosts once more. If the pipeline cannot reach port 25, it reports MTS510: run `python -m mtasts plan --live` from a
   network that may send mail. If that finds no error, allow it by name: `Allow: MTS510 example.com`.
3. Merge it. Senders enforce the policy when the record's TTL is over.""",
    ),
    Task(
        "mx-move",
        "Moving mail to another MX host",
        """\
1. Add the new host to `mx`, beside the old one, and merge. All senders know the new policy when the TTL of the
   `_mta-sts` record is over, counted from when its id was published, not from the merge (RFC 8461 §8.1). The
   deployment prints the date from which you can change the MX records. `python -m mtasts plan` on `main` shows the
   open step.
2. From that date on, change the MX records. Keep the old host running until their TTL is over.
3. When no MX record names the old host any more, remove its `mx`. Before that, `plan --live`, which pull requests run,
   blocks the change with MTS503. In `enforce`, `plan` blocks it with MTS511 if it cannot see the MX records: without
   `--live`, or if DNS does not answer.""",
    ),
    Task(
        "rollback",
        "Back to testing, in an incident",
        """\
1. Set `mode: testing`, or revert the commit that set `enforce`, and merge. plan never blocks this. Senders deliver
   again when they see the new id and fetch the policy, within the record's TTL. Senders that cannot get the record or
   the policy keep enforcing, for the old `max_age` at most. So if the policy host is down, bring it back first. Mail
   that enforce stopped waits at its sender, often for days: a quick rollback saves it.
2. Correct what was wrong, until `python -m mtasts check` finds no error.
3. Move to `enforce` as before: the time in testing starts again, and the plan says when it is over. If you know the
   cause and have removed it, you can skip that time: `Allow: MTS502 example.com`.""",
    ),
    Task(
        "early-id",
        "After an id that was announced before its policy",
        """\
1. A sender that sees the new id fetches the policy at once. If HTTPS still serves the old policy, the sender keeps
   that under the new id, and does not ask again until the old `max_age` is over. This happens if you enter the new id
   in DNS by hand too early.
2. Change `max_age` by one second and merge: that gives another id. Announce it only when
   `python -m mtasts check --only https` finds no error. Every sender then fetches the policy once more.""",
    ),
    Task(
        "retire",
        "Retiring a domain",
        """\
1. Give the domain `mode: none` and `max_age: 86400`, and merge. You can retire it when every earlier policy has expired
   (RFC 8461 §8.3): the deployment prints the date.
2. From that date on, replace its keys with `retired: true`, and merge. The deployment removes the domain's records,
   those of the announcement first. If you enter DNS by hand, remove them in the same order. If no domain is left to
   deploy, run `python -m mtasts publish announcement --doit` and then `python -m mtasts publish hosting --doit`.
3. When none of its records is left in DNS, delete its entry, and its host name at the hosting. In Azure, no pipeline
   has the right to delete that, so the page of each run shows the `az` commands for an *Owner*. Delete the hosting
   last: a CNAME that points to nothing lets a stranger serve your policy (§10.3).""",
    ),
    Task(
        "hosting",
        "Moving to another hosting, without a gap",
        """\
1. Set `dns: {ttl: 300}`, merge, and wait for an hour.
2. On a branch, add the files of the new kind: `cruft update --variables-to-update '{"hosting": "KIND"}'`, or make
   a repository with that answer beside this one and copy everything except `policy.yaml`. In `policy.yaml` change only
   `hosting` (MTS509): the policy and its id stay the same, so senders notice nothing.
3. Create the new hosting beside the old one, under another `name`, and upload the policy before you change DNS: run
   the commands *without the pipeline*, up to `outputs`, then `build` and the upload. Fetch `/.well-known/mta-sts.txt`
   from its own host name to see that it works.
4. Merge. The push replaces the CNAME to the old hosting, because this branch published it. The
   plan of the pull request lists these steps too, for the new hosting. Front Door and a web server can get their
   certificate before that, with `_dnsauth` or from your own authority. A Function or a Static Web App gets it minutes
   after the CNAME points there. Until then, senders that know the policy keep following it (RFC 8461 §3.3), and others
   deliver as if there were none: no mail is lost.
5. When `python -m mtasts check` finds no error and the TTL is over, delete the old hosting.""",
    ),
)
TASKS = {task.name: task for task in _TASKS}


def chapter() -> str:
    """Return all tasks, as the README has them."""
    return "\n\n".join(map(str, _TASKS))
