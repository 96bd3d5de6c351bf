"""A web server of one's own: a folder for each domain, and configuration for nginx and Caddy."""

from __future__ import annotations

from pathlib import Path
from string import Template

from mtasts.config.model import Config
from mtasts.hosting.build import Files, Hosting, texts


class WebServer(Hosting):
    """A site for each domain."""

    def server_files(self, config: Config, source: Path) -> Files:
        """Return configuration for each web server: the file in source, once for each domain."""
        found = {name: Template(text.decode()) for name, text in texts(source, ("nginx.conf", "Caddyfile")).items()}
        return {
            name: "\n".join(text.safe_substitute(domain=domain.name) for domain in config.domains).encode()
            for name, text in found.items()
        }


HOSTING = WebServer()
