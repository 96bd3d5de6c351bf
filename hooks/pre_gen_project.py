"""Stop before anything is written if Python is too old, or if the bake would damage files that are already there.

post_gen_project.py checks the answers, because it can use the toolkit and its rules.
This file must parse with every Python 3, so that an old one can print the message.
"""

import os.path
import sys

MINIMUM = (3, 10)

# The bake writes these, or removes those that the answers do not need: with `-f`, in an existing folder, too.
# README.md and git's own files are not in this list, because a new repository on GitHub starts with them.
TAKEN = (
    *("policy.yaml", "policy.schema.json", "pyproject.toml", "requirements.in", "requirements.txt"),
    *(".azuredevops", ".github", "dns", "function", "infra", "mtasts", "static", "tests"),
)
BEGUN = ("README.md", ".gitattributes", ".gitignore")


def version_fault(version: "tuple[int, ...]") -> str:
    """Return a message if Python is too old for the hooks and the toolkit."""
    if tuple(version[:2]) >= MINIMUM:
        return ""
    return (
        "This template needs Python {}.{} or newer, but cookiecutter runs on Python {}.{}.\n"
        "Install cookiecutter with a newer Python, for example: pipx install --python python3.13 cookiecutter\n"
    ).format(*MINIMUM, *version[:2])


def folder_fault(folder: str, taken: "list[str]") -> str:
    """Return a message if the bake would damage a folder. taken: the names that the template has, too."""
    if not taken:
        return ""
    return (
        "The folder {!r} already has {}. This template would overwrite or remove that, so nothing was written.\n"
        "To update the repository to a newer template, run inside it: cruft update\n"
        "To create another repository, choose another place: add --output-dir FOLDER\n"
    ).format(folder, ", ".join(taken))


def main() -> None:
    """Stop cookiecutter if the bake cannot succeed."""
    folder = os.path.basename(os.getcwd())  # noqa: PTH109, PTH119 - pathlib takes as long as the rest of this hook
    taken = [name for name in TAKEN if os.path.lexists(name)]
    # cookiecutter would follow a link and overwrite its target, and a folder of this name would stop it half-way.
    taken += [name for name in BEGUN if os.path.lexists(name) and (os.path.islink(name) or not os.path.isfile(name))]  # noqa: PTH113, PTH114
    fault = version_fault(sys.version_info[:3]) or folder_fault(folder, taken)
    if fault:
        sys.exit(fault)


if __name__ == "__main__":
    main()
