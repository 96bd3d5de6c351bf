"""What it means that Azure refuses a deployment or a query, in one plain message.

`python -m mtasts.hosting.refusals FILE [last]` reads the error of `az` in a pipeline. It ends with 1 if another try is
useless, or if this was the last one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from mtasts.findings.forms import ANNOTATIONS, Annotation, format_for, plain

BYTES = 64 * 1024
_TITLE = "Azure refuses"
_RIGHTS = (
    "This identity does not have the right to do that in Azure. If infra/ is newer than the roles, run the command of "
    "step 1 in README.md again, as Owner. It can take half an hour until new rights work. Then run this again."
)
_OTHER = "The lines above have Azure's reason. Correct the cause, then run the failed jobs of this run again."
_TAKEN = (
    "Another resource in Azure already has this name or host name. Remove it there, or ask its owner to, and run this "
    "again."
)
# By words in the message of az: the first match counts.
_MEANINGS: Mapping[str, str] = {
    r"AuthorizationFailed|does not have authorization|required permissions": _RIGHTS,
    r"DeploymentActive": (
        "Another deployment of infra/ is running, such as that of the pipeline provision. Wait until it ends, and run "
        "this again."
    ),
    r"ResourceNotFound|ResourceGroupNotFound": (
        "The hosting does not exist in Azure yet. Run the pipeline provision with create, commit policy.yaml from its "
        "artifact, and run this again."
    ),
    r"already (exists|in use|assigned|associated|bound|taken|used)|is in use by|NameNotAvailable": _TAKEN,
}


def meaning(text: str) -> str | None:
    """Return what a refusal means, and what to do; None if another try may succeed."""
    return next((said for form, said in _MEANINGS.items() if re.search(form, text, re.IGNORECASE)), None)


def main(environment: Mapping[str, str], path: Path, *last: str) -> int:
    """Print what a refusal means, and return the exit code. last: given if no other try follows."""
    with path.open("rb") as file:
        said = meaning(file.read(BYTES).decode("utf-8", "replace")) or (_OTHER if last else None)
    if said is None:
        return 0
    annotate = ANNOTATIONS.get(format_for(environment))
    print(annotate(Annotation("error", said, _TITLE)) if annotate else plain(f"{_TITLE}: {said}"))
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ, Path(sys.argv[1]), *sys.argv[2:]))
