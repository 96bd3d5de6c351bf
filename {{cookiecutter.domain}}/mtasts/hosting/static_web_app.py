"""An Azure Static Web App: one policy for all domains."""

from __future__ import annotations

from pathlib import Path

from mtasts.config.model import Config
from mtasts.hosting.build import Files, Hosting, site, texts


class StaticWebApp(Hosting):
    """One site for all domains, and how Azure is to serve it."""

    def static_files(self, config: Config, source: Path) -> Files:
        """Return the site and its configuration."""
        return {**site(config.domains), **texts(source, ("staticwebapp.config.json",))}

    def folder(self, host: str) -> str:  # noqa: ARG002
        """Return the one folder, which answers for every host."""
        return ""


HOSTING = StaticWebApp()
