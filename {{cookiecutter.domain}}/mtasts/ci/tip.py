"""Whether this run of a pipeline may deploy: only the tip of main is deployed, so no old policy replaces a newer one.

`python3 -m mtasts.ci.tip` needs nothing installed, and no token: it compares the commit of the run with the main that
the job's checkout has just fetched. A later step acts only if the output `current` is true.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtasts.ci.handing_over import hand_over
from mtasts.findings import UserError
from mtasts.findings.forms import ANNOTATIONS, Annotation, format_for
from mtasts.history import git

MAIN = "refs/heads/main"

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_TITLE = "No deployment"


@dataclass(frozen=True)
class Run:
    """A run of a pipeline. ref: its branch in full; pushed: begun by a push; again: run a second time."""

    ref: str
    commit: str
    pushed: bool
    again: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Run:
        """Read the predefined variables of GitHub Actions, or else of Azure Pipelines."""
        if format_for(environment) == "github":
            ref, commit, reason = (environment.get(f"GITHUB_{name}", "") for name in ("REF", "SHA", "EVENT_NAME"))
            attempts = {environment.get("GITHUB_RUN_ATTEMPT", "1")}
        else:
            names = ("SOURCEBRANCH", "SOURCEVERSION", "REASON")
            ref, commit, reason = (environment.get(f"BUILD_{name}", "") for name in names)
            # "Rerun failed jobs" counts the stage, and a single job that is run again counts itself.
            attempts = {environment.get(f"SYSTEM_{name}ATTEMPT", "1") for name in ("STAGE", "JOB")}
        return cls(ref, commit, reason in ("push", "IndividualCI", "BatchedCI"), attempts != {"1"})


def fetched(folder: Path) -> str:
    """Return the commit of main that the job's checkout has fetched. Raises UserError if there is none."""
    words = ("rev-parse", "--verify", "--quiet", "refs/remotes/origin/main^{commit}")
    answer = git.ask(folder, *words)
    if answer.error:
        raise git.failed(folder, "rev-parse", answer.error)
    tip = answer.output.decode("ascii", "replace").strip()
    if not _COMMIT.fullmatch(tip):
        raise UserError(
            "The checkout has not fetched main, so nobody can tell whether this run is up to date. Give the checkout "
            f"of this job ref: {MAIN} on GitHub, and fetchDepth: 0 in Azure Pipelines."
        )
    return tip


def overtaken(run: Run, tip: str) -> str:
    """Return why a run leaves the deployment to a newer one, or nothing if it may deploy.

    Raises UserError if it may not deploy, and somebody must know: it ends red.
    """
    if run.ref != MAIN:
        raise UserError("This run is not of the branch main, and only main is deployed. Merge the change first.")
    if run.commit == tip:
        return ""
    moved = f"main has moved on to {tip[:10]} since this run's commit"
    if run.pushed and not run.again:
        return f"{moved}. Nothing was changed: the run of the newer commit deploys it."
    raise UserError(
        f"{moved}, and an old commit is never deployed: it could bring back an old policy. To deploy main as it is "
        "now, start a new run. To go back, revert the change on main."
    )


def main(environment: Mapping[str, str], folder: Path) -> int:
    """Say whether this run may deploy, in the words of the system that runs it. Return the exit code."""
    system = format_for(environment)
    if system not in ANNOTATIONS:
        print("This is for a pipeline of GitHub Actions or Azure Pipelines.", file=sys.stderr)
        return 2
    try:
        reason = overtaken(Run.of(environment), fetched(folder))
    except UserError as error:
        print(ANNOTATIONS[system](Annotation("error", str(error), _TITLE)))
        return 1
    if reason:
        print(ANNOTATIONS[system](Annotation("notice", reason, _TITLE)))
    hand_over(environment, "current", "false" if reason else "true")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ, Path()))
