"""The steps of the walk, as `check --only` names them. In each, `see` asks the network and `judge` asks nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from mtasts.check.https import Failed, Fetched
from mtasts.check.resolver import Answer
from mtasts.check.smtp import Spoken
from mtasts.findings import Finding

NAMES = ("dns", "https", "policy", "mx", "tlsrpt")


@dataclass(frozen=True)
class Reach:
    """How far a step can reach: the edges, for one domain and its deadline."""

    lookup: Callable[[str, str], Awaitable[Answer]]
    fetch: Callable[[str, str, str], Awaitable[Fetched | Failed]]
    probe: Callable[[str, str], Awaitable[Spoken | Failed]]


def addresses(answers: Sequence[Answer], most: int) -> list[str]:
    """Return the addresses to look at: all, or the first of each family in turn if there are more than so many."""
    found = [address for answer in answers for address in answer.values]
    if len(found) <= most:
        return found
    turns = zip_longest(*(answer.values for answer in answers))
    return [address for turn in turns for address in turn if address][:most]


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
