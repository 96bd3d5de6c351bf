"""octoDNS's providers, confined to our names: they read and do only what publishing a policy needs.

octoDNS manages whole zones. It parses every record before it compares any, so one record that it cannot parse stops all
of them; it creates a missing zone; and it cleans up after its other features. All of that needs more rights. The code
here changes only those places, in the one object that talks to a provider; everything else is octoDNS's own.
tests/dns/test_providers.py of the template tests this with octoDNS's classes, at the versions that dns/ requires.

Each file of this folder is a provider. PACKAGE: where its class comes from. REFUSAL: how it says that a right is
missing, None if it does not say so. confine(provider, ours): change its object. prepare(environment): optional, called
before octoDNS reads the variables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from contextlib import suppress
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

_FILES = [import_module(f"{__name__}.{name}") for _, name, _ in iter_modules(__path__) if not name.startswith("_")]


def prepare(environment: MutableMapping[str, str]) -> None:
    """Set the variables that octoDNS reads, from those that README.md names."""
    for file in _FILES:
        if hasattr(file, "prepare"):
            file.prepare(environment)


def is_refusal(reason: str) -> bool:
    """Tell whether a provider said that a right is missing."""
    return any(file.REFUSAL and file.REFUSAL.search(reason) for file in _FILES)


def confine(provider: Any, names: Mapping[str, Collection[str]]) -> None:
    """Let a provider see only records at our names. names: by zone, relative to it.

    A provider without a file here stays unchanged. OnlyOurs still guards the records that are not ours.
    """
    from octodns.idna import IdnaError, idna_encode

    full = {f"{name}.{zone}".lower() for zone, inside in names.items() for name in inside}

    def ours(name: str) -> bool:
        with suppress(IdnaError):
            return idna_encode(name).rstrip(".") in full
        return False

    packages = {kind.__module__.partition(".")[0] for kind in type(provider).__mro__}
    for file in _FILES:
        if file.PACKAGE in packages:
            file.confine(provider, ours)
