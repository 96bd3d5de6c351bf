"""Compile every lock again: each NAME.in, which people edit, to the NAME.txt beside it, which pip installs.

python ci/lock.py            what stands in a lock stays, unless its NAME.in does not allow it any more
python ci/lock.py --upgrade  the newest versions that each NAME.in allows
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workshop import ROOT, TESTS, environment

TOOLKIT = "{{cookiecutter.domain}}"
# One lock for every system, and for every Python from this one on.
_ANYWHERE = ("--universal", "--python-version=3.10")
# Azure runs the Function on Linux with this Python, and Microsoft's runtime needs it.
_AZURE = ("--python-platform=x86_64-manylinux2014", "--python-version=3.13")

LOCKS = {
    f"{TOOLKIT}/requirements.in": _ANYWHERE,
    **{path.relative_to(ROOT).as_posix(): _ANYWHERE for path in sorted((ROOT / TOOLKIT / "dns").glob("*.in"))},
    f"{TOOLKIT}/function/local.in": _ANYWHERE,
    f"{TOOLKIT}/function/requirements.in": _AZURE,
    "ci/demo.in": _ANYWHERE,
    "ci/node.in": _ANYWHERE,
    "ci/requirements.in": _ANYWHERE,
    "ci/runtime.in": ("--universal", "--python-version=3.13"),
}


def main() -> None:
    """Compile all locks, and fail if one cannot be compiled."""
    python = environment(TESTS)
    failed = [name for name in LOCKS if compile_lock(python, ROOT / name, LOCKS[name], sys.argv[1:]).returncode]
    sys.exit(f"Not compiled: {', '.join(failed)}" if failed else 0)


def compile_lock(
    python: Path, requirements: Path, target: tuple[str, ...], options: list[str]
) -> subprocess.CompletedProcess[str]:
    """Compile NAME.in to NAME.txt with uv. The command stands at the top of the lock: Dependabot reads it there."""
    # An extra stays with its pin. Asked for name[extra], pip 23 looks at versions newer than a plain pin of name.
    words = ["pip", "compile", *target, "--generate-hashes", "--no-strip-extras", "--emit-build-options"]
    files = [requirements.name, "--output-file", requirements.with_suffix(".txt").name]
    header = " ".join(["uv", *words, *files])
    return subprocess.run(
        [str(python), "-m", "uv", *words, *files, "--quiet", f"--custom-compile-command={header}", *options],
        cwd=requirements.parent,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
