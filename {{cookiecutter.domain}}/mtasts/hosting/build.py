"""What is deployed: build/function and function.zip, and build/static. The same input gives the same bytes.

It is made beside the earlier build, and replaces it only when it is complete.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from string import Template

from mtasts.config.hosting import Kind
from mtasts.config.model import Config, Domain
from mtasts.hosting.page import page
from mtasts.sts.policy import PATH
from mtasts.system import files

_FUNCTION_FILES = ("function_app.py", "host.json", "requirements.txt")
_SWA_FILES = ("staticwebapp.config.json",)
_SERVER_FILES = ("nginx.conf", "Caddyfile")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Files = dict[str, bytes]


def needs_function(config: Config) -> bool:
    """Tell whether the hosting is the Azure Function; the other kinds serve the static files."""
    return config.hosting.kind is Kind.FUNCTION


def function_files(config: Config, source: Path) -> Files:
    """Return the Function's own files: the code from source, and the finished policies and page."""
    found = _texts(source, _FUNCTION_FILES)
    policies = {domain.name: domain.policy.render() for domain in config.domains}
    built = {"hostname": config.hosting.hostname, "policies": policies}
    found["policies.json"] = json.dumps(built, indent=2).encode()
    found["index.html"] = page(config.domains).encode()
    return found


def static_files(config: Config, source: Path) -> Files:
    """Return the files for static hosting: one set for all domains, or a folder for each, as the kind wants it."""
    if config.hosting.kind.one_policy:
        return {
            PATH[1:]: config.domains[0].policy.render().encode(),
            "index.html": page(config.domains).encode(),
            **_texts(source, _SWA_FILES if config.hosting.kind is Kind.STATIC_WEB_APP else ()),
        }
    front_door = config.hosting.kind is Kind.FRONT_DOOR
    hosts: dict[str, tuple[Domain, ...]] = {
        f"mta-sts.{domain.name}" if front_door else domain.name: (domain,) for domain in config.domains
    }
    if front_door and config.hosting.hostname:  # its own name answers, so that it can be tried before there is DNS
        hosts[config.hosting.hostname.lower()] = config.domains
    return {
        f"{host}/{name}": content.encode()
        for host, domains in hosts.items()
        for name, content in ((PATH[1:], domains[0].policy.render()), ("index.html", page(domains)))
    }


def server_files(config: Config, source: Path) -> Files:
    """Return configuration for web servers of one's own: the file in source, once for each domain."""
    if config.hosting.kind is not Kind.WEB_SERVER:
        return {}
    texts = {name: Template(content.decode()) for name, content in _texts(source, _SERVER_FILES).items()}
    return {
        name: "\n".join(text.safe_substitute(domain=domain.name) for domain in config.domains).encode()
        for name, text in texts.items()
    }


def _texts(source: Path, names: Iterable[str]) -> Files:
    # A checkout on Windows may have turned the line ends.
    return {name: files.read(source / name, top=source.parent).replace(b"\r\n", b"\n") for name in names}


def write(root: Path, function: Files | None, static: Files, servers: Files, prove: Callable[[Path], Files]) -> Path:
    """Write build/ below root, in place of an earlier one, and return its path.

    prove: called with the Function's folder before it takes its place; it returns further files of the Function, and
    what it raises stops the build.
    Raises OSError, too. If anything is raised, the earlier build is unchanged.
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
        target.unlink()  # only the link: its target is not ours
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
