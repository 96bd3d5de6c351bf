"""What is deployed: build/function and function.zip, and build/static. The same input gives the same bytes.

A new build replaces the earlier one only when it is complete.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from mtasts.config.hosting import Kind
from mtasts.config.model import Config, Domain
from mtasts.findings import UserError
from mtasts.hosting.page import page
from mtasts.sts.policy import PATH
from mtasts.system import files

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Files = dict[str, bytes]


class Hosting:
    """What is built for a kind of hosting. source: the folder static/ or function/."""

    def static_files(self, config: Config, source: Path) -> Files:  # noqa: ARG002
        """Return the files for static hosting: a folder for each domain."""
        return sites({domain.name: (domain,) for domain in config.domains})

    def server_files(self, config: Config, source: Path) -> Files:  # noqa: ARG002
        """Return configuration for your own web server."""
        return {}

    def function_files(self, config: Config, source: Path, wheels: Path | None = None) -> Files | None:  # noqa: ARG002
        """Return the files of a Function, None if there is none. wheels: the folder for its dependencies, if any."""
        return None

    def prove(self, package: Path, say: Callable[[str], object]) -> Files:  # noqa: ARG002
        """Prove that a Function's package can be run, and return what else it gets. say: told what was not tried."""
        return {}


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


def texts(source: Path, names: Iterable[str]) -> Files:
    """Return files of the repository, with the line ends that they have in git: a checkout on Windows may turn them."""
    return {name: files.read(source / name, top=source.parent).replace(b"\r\n", b"\n") for name in names}


def write(root: Path, function: Files | None, static: Files, servers: Files, prove: Callable[[Path], Files]) -> Path:
    """Write build/ below root, in place of an earlier one, and return its path.

    prove: called with the Function's folder before it takes its place; it returns further files of the Function, and
    what it raises stops the build.
    Raises OSError, too. Whatever is raised, the earlier build stays as it was.
    """
    target, fresh = root / "build", Path(tempfile.mkdtemp(prefix=".build-", dir=root))
    try:
        if function is not None:
            write_files(fresh / "function", function)
            further = prove(fresh / "function")
            write_files(fresh / "function", further)
            _write_zip(fresh / "function.zip", {**function, **further})
        write_files(fresh / "static", static)
        write_files(fresh, servers)
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


def _write_zip(path: Path, contents: Files) -> None:
    # Stored and not deflated: compressors differ from one Python to the next, and so would the bytes.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, on Windows too
            archive.writestr(entry, content)
