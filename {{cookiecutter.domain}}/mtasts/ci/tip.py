"""Whether this pipeline run may deploy: only the tip of main is deployed, so that no old policy replaces a newer one.

`python3 -m mtasts.ci.tip` needs no packages and no token: it compares the run's commit with the main branch that the
job's checkout has just fetched. Later steps run only if the output `current` is true.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtasts.ci.outputs import set_output
from mtasts.findings import UserError
from mtasts.findings.forms import ANNOTATIONS, Annotation, format_for
from mtasts.history import git

MAIN = "refs/heads/main"

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_TITLE = "No deployment"


@dataclass(frozen=True)
class Run:
    """A pipeline run. ref: the full name of its branch; pushed: started by a push; again: a rerun."""

    ref: str
    commit: str
    pushed: bool
    again: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Run:
        """Read the predefined variables of GitHub Actions or of Azure Pipelines."""
        if format_for(environment) == "github":
            ref, commit, reason = (environment.get(f"GITHUB_{name}", "") for name in ("REF", "SHA", "EVENT_NAME"))
            attempts = {environment.get("GITHUB_RUN_ATTEMPT", "1")}
        else:
            names = ("SOURCEBRANCH", "SOURCEVERSION", "REASON")
            ref, commit, reason = (environment.get(f"BUILD_{name}", "") for name in names)
            # "Rerun failed jobs" increases the stage's attempt; a rerun of a single job increases the job's.
            attempts = {environment.get(f"SYSTEM_{name}ATTEMPT", "1") for name in ("STAGE", "JOB")}
        return cls(ref, commit, reason in ("push", "IndividualCI", "BatchedCI"), attempts != {"1"})


def fetched(folder: Path) -> str:
    """Return the commit of main that the job's checkout has fetched. Raises UserError if it fetched none."""
    words = ("rev-parse", "--verify", "--quiet", "refs/remotes/origin/main^{commit}")
    answer = git.ask(folder, *words)
    if answer.error:
        raise git.failed(folder, "rev-parse", answer.error)
    tip = answer.output.decode("ascii", "replace").strip()
    if not _COMMIT.fullmatch(tip):
        raise UserError(
            "The checkout did not fetch main, so this job cannot tell whether the run is up to date. Give this job's "
            f"checkout step ref: {MAIN} on GitHub, or fetchDepth: 0 in Azure Pipelines."
        )
    return tip


def superseded(run: Run, tip: str) -> str:
    """Return why a run leaves the deployment to a newer run, or nothing if it may deploy.

    Raises UserError if it may not deploy and no newer run does it, so that the run fails.
    """
    if run.ref != MAIN:
        raise UserError("This run is not for the branch main, and only main is deployed. Merge your change first.")
    if run.commit == tip:
        return ""
    moved = f"main has moved on to {tip[:10]} since this run's commit"
    if run.pushed and not run.again:
        return f"{moved}. This run changes nothing: the newer commit's run deploys it."
    raise UserError(
        f"{moved}. An old commit is never deployed, because it could bring back an old policy. To deploy the current "
        "main, start a new run. To undo a change, revert it on main."
    )


def main(environment: Mapping[str, str], folder: Path) -> int:
    """Tell the CI system whether this run may deploy. Return the exit code."""
    system = format_for(environment)
    if system not in ANNOTATIONS:
        print("Run this only in GitHub Actions or Azure Pipelines.", file=sys.stderr)
        return 2
    try:
        reason = superseded(Run.of(environment), fetched(folder))
    except UserError as error:
        print(ANNOTATIONS[system](Annotation("error", str(error), _TITLE)))
        return 1
    if reason:
        print(ANNOTATIONS[system](Annotation("notice", reason, _TITLE)))
    set_output(environment, "current", "false" if reason else "true")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ, Path()))
