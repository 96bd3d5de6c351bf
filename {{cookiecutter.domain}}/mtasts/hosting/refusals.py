"""What Azure's refusal of a deployment or of a question means, in one plain message.

`python -m mtasts.hosting.refusals FILE [last]` reads what `az` wrote, in a pipeline. It ends with 1 if another try is
in vain, or if there is none.
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
    "Azure does not give this identity the right to do that. If infra/ is newer than the roles, run the command of "
    "step 1 in README.md again, as Owner. New rights can take half an hour to be known everywhere. Then run this again."
)
_OTHER = "Azure says why in the lines above. Once that is gone, run the failed jobs of this run again."
_TAKEN = (
    "Another resource in Azure has this host name or this name already. Remove it there, or write to its owner, and "
    "run this again."
)
# By what stands in az's message: the first one counts.
_MEANINGS: Mapping[str, str] = {
    r"AuthorizationFailed|does not have authorization|required permissions": _RIGHTS,
    r"DeploymentActive": (
        "Another deployment of infra/ is running, such as that of the pipeline provision. Wait until it has ended, and "
        "run this again."
    ),
    r"ResourceNotFound|ResourceGroupNotFound": (
        "Azure does not have the hosting yet. Run the pipeline provision with create, commit policy.yaml as it leaves "
        "it, and run this again."
    ),
    r"already (exists|in use|assigned|associated|bound|taken|used)|is in use by|NameNotAvailable": _TAKEN,
}


def meaning(text: str) -> str | None:
    """Return what a refusal means, and what to do; None if another try may go well."""
    return next((said for form, said in _MEANINGS.items() if re.search(form, text, re.IGNORECASE)), None)


def main(environment: Mapping[str, str], path: Path, *last: str) -> int:
    """Say what a refusal means. Return the exit code. last: given if no other try follows."""
    with path.open("rb") as file:
        said = meaning(file.read(BYTES).decode("utf-8", "replace")) or (_OTHER if last else None)
    if said is None:
        return 0
    annotate = ANNOTATIONS.get(format_for(environment))
    print(annotate(Annotation("error", said, _TITLE)) if annotate else plain(f"{_TITLE}: {said}"))
    return 1


if __name__ == "__main__":
    sys.exit(main(os.environ, Path(sys.argv[1]), *sys.argv[2:]))
