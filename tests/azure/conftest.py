"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from servers.cli import installed


@pytest.fixture(scope="session")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The Azure CLI, loaded once."""
    with installed(tmp_path_factory.mktemp("az")) as environment:
        yield environment
