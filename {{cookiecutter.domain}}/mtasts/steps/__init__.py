"""The steps of the walk, as `check --only` names them. In each, `see` asks the network and `judge` asks nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mtasts.fetch import Failed, Fetched
from mtasts.findings import Finding
from mtasts.lookup import Answer
from mtasts.smtp import Spoken

NAMES = ("dns", "https", "policy", "mx", "tlsrpt")


@dataclass(frozen=True)
class Reach:
    """How far a step can reach: the edges, for one domain and its deadline."""

    lookup: Callable[[str, str], Awaitable[Answer]]
    fetch: Callable[[str, str, str], Awaitable[Fetched | Failed]]
    probe: Callable[[str, str], Awaitable[Spoken | Failed]]


@dataclass(frozen=True)
class Section:
    """What a step saw: facts that are fine, and findings, in the order in which a person would read them.

    unreached: the addresses that this machine has no way to, so that nothing is known of them.
    """

    title: str
    items: tuple[str | Finding, ...]
    unreached: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        """The findings among the items."""
        return [item for item in self.items if isinstance(item, Finding)]
