"""A web server of one's own: a folder for each domain, and configuration for nginx and Caddy."""

from __future__ import annotations

from pathlib import Path
from string import Template

from mtasts.config.model import Config
from mtasts.hosting.build import Files, sites, texts


def static_files(config: Config, source: Path) -> Files:  # noqa: ARG001
    """Return the sites."""
    return sites({domain.name: (domain,) for domain in config.domains})


def server_files(config: Config, source: Path) -> Files:
    """Return configuration for web servers: the file in source, once for each domain."""
    found = {name: Template(text.decode()) for name, text in texts(source, ("nginx.conf", "Caddyfile")).items()}
    return {
        name: "\n".join(text.safe_substitute(domain=domain.name) for domain in config.domains).encode()
        for name, text in found.items()
    }
