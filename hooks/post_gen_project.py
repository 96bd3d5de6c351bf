"""Remove what was not chosen, and say what comes next. Updates run it again, so it bears that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

HOSTING = ("function", "static-web-app", "front-door", "web-server")
STATIC = {"static-web-app": ("staticwebapp.config.json",), "web-server": ("nginx.conf", "Caddyfile")}
DNS = ("azure-dns", "cloudflare", "route53", "rfc2136", "manual")
PIPELINES = {"github": ".github", "azure-devops": ".azuredevops"}
WORKFLOWS = (".github/workflows", ".azuredevops")
AZURE_STEPS = ("variables", "azure", "policy")
ONLY_FOR_AZURE = ("infra", ".github/actions/variables", *(f".azuredevops/steps/{name}.yml" for name in AZURE_STEPS))


def prune(root: Path, answers: Mapping[str, str]) -> None:
    """Remove what belongs to another hosting, other pipelines or another DNS provider."""
    hosting, dns = answers["hosting"], answers["dns_provider"]
    for pipelines, folder in PIPELINES.items():
        if pipelines != answers["pipelines"]:
            remove(root / folder)
    for folder in WORKFLOWS:
        keep_one(root / folder, f"deploy-{hosting}", [f"deploy-{kind}" for kind in HOSTING])
        provision = "provision-web-server" if hosting == "web-server" else "provision"
        keep_one(root / folder, provision, ["provision", "provision-web-server"])
    keep_one(root / "infra", hosting, HOSTING)
    keep_one(root / "dns", dns, DNS)
    if hosting == "web-server":
        for name in ONLY_FOR_AZURE:
            remove(root / name)
    if dns == "manual":
        remove(root / "dns")
    prune_serving(root, hosting)


def prune_serving(root: Path, hosting: str) -> None:
    """Remove what only another hosting serves with."""
    if hosting != "function":
        remove(root / "function")
        remove(root / "tests" / "test_function.py")
    static = root / "static"
    for kind, names in STATIC.items():
        for name in names if kind != hosting else ():
            remove(static / name)
    if static.is_dir() and not any(static.iterdir()):
        remove(static)


def keep_one(folder: Path, chosen: str, names: Collection[str]) -> None:
    """Remove the files and folders called by one of the names up to the first dot, but for the chosen one."""
    for path in sorted(folder.glob("*")):
        name = path.name.split(".")[0]
        if name in names and name != chosen:
            remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def next_steps(folder: str, domain: str) -> str:
    """Return what to do next, in commands that every shell takes."""
    return f"""
{domain} is ready. Go to it, and check it:

  cd {folder}
  python -m pip install -r requirements.txt
  python -m mtasts lint

Compare the mx of policy.yaml with the MX records that the domain has:

  nslookup -type=mx {domain}

Commit it, then open README.md: it leads from here to the first deployment.

  git init
  git add .
  git commit -m "Add the MTA-STS policy of {domain}"
"""


def main() -> None:
    """Finish the new repository in the current folder."""
    answers = json.loads(r"""{{ cookiecutter | tojson }}""")
    folder = Path.cwd()
    prune(folder, answers)
    if "_commit" not in answers or not is_temporary(folder):
        print(next_steps(folder.name, answers["domain"]))


def is_temporary(folder: Path) -> bool:
    """Tell whether nobody goes there: cruft (which sets _commit) compares and updates in such a folder."""
    import tempfile  # here, since it slows every other bake

    return Path(tempfile.gettempdir()).resolve() in folder.resolve().parents


if __name__ == "__main__":
    main()
