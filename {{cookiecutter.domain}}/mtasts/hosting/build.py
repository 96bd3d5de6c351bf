"""What is deployed: the folder build/. The same input gives the same bytes.

A new build replaces the earlier one only when it is complete.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mtasts.config.hosting import Kind
from mtasts.config.model import Config, Domain
from mtasts.findings import UserError
from mtasts.hosting.page import page
from mtasts.sts.policy import PATH
from mtasts.system import files

if TYPE_CHECKING:  # a build serves nothing
    from mtasts.hosting.serve import Application

Files = dict[str, bytes]


class Hosting:
    """What is built for a kind of hosting. repository: the folder that holds static/ and function/."""

    def static_files(self, config: Config, source: Path) -> Files:  # noqa: ARG002
        """Return the files for static hosting: a folder for each domain. source: the folder static/."""
        return sites({domain.name: (domain,) for domain in config.domains})

    def files(self, config: Config, repository: Path, wheels: Path | None) -> Files:  # noqa: ARG002
        """Return the files of build/. wheels: the folder for a package's dependencies, None to leave them out."""
        return below("static", self.static_files(config, repository / "static"))

    def finish(self, built: Path, packages: bool, say: Callable[[str], object]) -> None:
        """Prove that what was built can be run, and add what else it needs. say: told what could not be proved."""

    def application(self, config: Config, repository: Path, folder: Path, port: int) -> Application:  # noqa: ARG002
        """Return what serves the policies on this machine. folder: a temporary one."""
        from mtasts.hosting.serve import static_host  # not at the top: a build serves nothing

        return static_host(self.static_files(config, repository / "static"), self.folder)

    def folder(self, host: str) -> str:
        """Return the folder of the static files that answers for a host."""
        return host.removeprefix("mta-sts.")


def of(kind: Kind) -> Hosting:
    """Return the builder of a kind. A repository has only that of its own kind."""
    name = f"mtasts.hosting.{kind.value.replace('-', '_')}"
    try:
        found: Hosting = import_module(name).HOSTING
    except ModuleNotFoundError as missing:
        if missing.name != name:
            raise
        update = f"""cruft update --variables-to-update '{{"hosting": "{kind.value}"}}'"""
        raise UserError(
            f"This repository has no files for the hosting {kind.value}. To add them, run: {update}"
        ) from None
    return found


def site(domains: Sequence[Domain]) -> Files:
    """Return a policy, that of the first of these domains, and the page about all of them."""
    return {PATH[1:]: domains[0].policy.render().encode(), "index.html": page(domains).encode()}


def sites(hosts: Mapping[str, Sequence[Domain]]) -> Files:
    """Return a folder for each host, with the site of its domains."""
    return {f"{host}/{name}": content for host, domains in hosts.items() for name, content in site(domains).items()}


def below(folder: str, found: Files) -> Files:
    """Return files with their paths below a folder."""
    return {f"{folder}/{name}": content for name, content in found.items()}


def texts(source: Path, names: Iterable[str]) -> Files:
    """Return files of the repository, with the line ends that they have in git: a checkout on Windows may turn them."""
    return {name: files.read(source / name, top=source.parent).replace(b"\r\n", b"\n") for name in names}


def write(root: Path, contents: Files, finish: Callable[[Path], None]) -> Path:
    """Write build/ below root, in place of an earlier one, and return its path.

    finish: called with the new folder before it replaces the earlier one; what it raises stops the build.
    Raises OSError, too. Whatever is raised, the earlier build stays as it was.
    """
    target, fresh = root / "build", Path(tempfile.mkdtemp(prefix=".build-", dir=root))
    try:
        write_files(fresh, contents)
        finish(fresh)
        _let_all_read(fresh)
        _replace(target, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _let_all_read(folder: Path) -> None:
    """Give everything the same modes, whatever the umask is: a web server runs as another user."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _replace(target: Path, fresh: Path) -> None:
    earlier = fresh.with_name(f"{fresh.name}-earlier")
    if target.is_symlink():
        target.unlink()  # the link alone: what it leads to is not ours
    elif target.exists():
        target.rename(earlier)
    try:
        fresh.rename(target)
    except BaseException:
        if earlier.exists():
            earlier.rename(target)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def write_files(folder: Path, contents: Files) -> None:
    """Write files below a folder, and the folders that they need."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
