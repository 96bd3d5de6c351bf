"""Azure Storage behind Azure Front Door: a folder for each host name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mtasts.config.model import Config, Domain
from mtasts.hosting.build import Files, Hosting, sites
from mtasts.sts.policy import policy_host


class FrontDoor(Hosting):
    """A site for each policy host, and for Front Door's own host name, so that it can be tried before there is DNS."""

    def static_files(self, config: Config, source: Path) -> Files:  # noqa: ARG002
        """Return the sites."""
        hosts: dict[str, Sequence[Domain]] = {policy_host(domain.name): (domain,) for domain in config.domains}
        if config.hosting.hostname:
            hosts[config.hosting.hostname.lower()] = config.domains
        return sites(hosts)

    def folder(self, host: str) -> str:
        """Return the folder of a host: it has the same name."""
        return host


HOSTING = FrontDoor()
