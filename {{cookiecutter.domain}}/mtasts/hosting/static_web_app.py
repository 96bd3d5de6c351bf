"""An Azure Static Web App: one policy for all domains."""

from __future__ import annotations

from pathlib import Path

from mtasts.config.model import Config
from mtasts.hosting.build import Files, site, texts


def static_files(config: Config, source: Path) -> Files:
    """Return the site, and how Azure is to serve it."""
    return {**site(config.domains), **texts(source, ("staticwebapp.config.json",))}


def server_files(config: Config, source: Path) -> Files:  # noqa: ARG001
    """Return nothing: Azure's server needs no file beside the site."""
    return {}
