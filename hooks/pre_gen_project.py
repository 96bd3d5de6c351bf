"""Stop before anything is written: with a Python that is too old, or where a bake would damage what is there.

post_gen_project.py checks the answers: it has the toolkit, and with it the rules that lint has.
This file must parse with every Python 3, so that an old one can say what it lacks.
"""

import os.path
import sys

MINIMUM = (3, 10)

# A bake writes these, or removes what was not chosen of them: with `-f`, in a folder that is there already.
# README.md and git's own files are not among them: a new repository begins with such.
TAKEN = (
    *("policy.yaml", "policy.schema.json", "pyproject.toml", "requirements.in", "requirements.txt"),
    *(".azuredevops", ".github", "dns", "function", "infra", "mtasts", "static", "tests"),
)
BEGUN = ("README.md", ".gitattributes", ".gitignore")


def version_fault(version: "tuple[int, ...]") -> str:
    """Say that a Python is too old for the hooks and for the toolkit."""
    if tuple(version[:2]) >= MINIMUM:
        return ""
    return (
        "This template needs Python {}.{} or newer, and cookiecutter runs on Python {}.{}.\n"
        "Install cookiecutter with a newer Python, for example: pipx install --python python3.13 cookiecutter\n"
    ).format(*MINIMUM, *version[:2])


def folder_fault(folder: str, taken: "list[str]") -> str:
    """Say what a bake would damage in a folder. taken: the names in it that the template has too."""
    if not taken:
        return ""
    return (
        "The folder {!r} already has {}. A bake would write over that or remove it, so nothing was written.\n"
        "To bring a newer template into a repository, run in it: cruft update\n"
        "To make another one, bake elsewhere: add --output-dir FOLDER\n"
    ).format(folder, ", ".join(taken))


def main() -> None:
    """Stop cookiecutter if the bake cannot go well."""
    folder = os.path.basename(os.getcwd())  # noqa: PTH109, PTH119 - pathlib takes as long as the rest of this hook
    taken = [name for name in TAKEN if os.path.lexists(name)]
    # cookiecutter would write through a link, to a file elsewhere, and breaks off in the middle at a folder.
    taken += [name for name in BEGUN if os.path.lexists(name) and (os.path.islink(name) or not os.path.isfile(name))]  # noqa: PTH113, PTH114
    fault = version_fault(sys.version_info[:3]) or folder_fault(folder, taken)
    if fault:
        sys.exit(fault)


if __name__ == "__main__":
    main()
