"""A web server of one's own: a folder for each domain, and configuration for nginx and Caddy."""

from __future__ import annotations

from pathlib import Path
from string import Template

from mtasts.config.model import Config
from mtasts.hosting.build import Files, Hosting, texts


class WebServer(Hosting):
    """A site for each domain."""

    def files(self, config: Config, repository: Path, wheels: Path | None) -> Files:
        """Return the sites, and the configuration of each web server: its file in static/, once for each domain."""
        read = texts(repository / "static", ("nginx.conf", "Caddyfile"))
        found = {name: Template(text.decode()) for name, text in read.items()}
        servers = {
            name: "\n".join(text.safe_substitute(domain=domain.name) for domain in config.domains).encode()
            for name, text in found.items()
        }
        return {**super().files(config, repository, wheels), **servers}


HOSTING = WebServer()
