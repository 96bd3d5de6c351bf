"""Azure Storage behind Azure Front Door: a folder for each host name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mtasts.config.model import Config, Domain
from mtasts.hosting.build import Files, sites
from mtasts.sts.policy import policy_host


def static_files(config: Config, source: Path) -> Files:  # noqa: ARG001
    """Return the sites. Front Door's own host name answers too, so that it can be tried before there is DNS."""
    hosts: dict[str, Sequence[Domain]] = {policy_host(domain.name): (domain,) for domain in config.domains}
    if config.hosting.hostname:
        hosts[config.hosting.hostname.lower()] = config.domains
    return sites(hosts)


def server_files(config: Config, source: Path) -> Files:  # noqa: ARG001
    """Return nothing: Azure's server needs no file of ours."""
    return {}
