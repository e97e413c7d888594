"""The engines. Every test of this folder that takes ``stores`` runs on each of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.kit import START, Stores

from workgate.storage.embedded import EmbeddedDatabase

ENGINES = ("sqlite",)


def opened(engine: str, folder: Path) -> EmbeddedDatabase:
    """Open a new database of an engine."""
    assert engine == "sqlite", f"no engine is called {engine}"
    return EmbeddedDatabase(folder / "workgate.db", START)


@pytest.fixture(params=ENGINES)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with asyncio.Runner() as runner:
        database = opened(request.param, tmp_path)
        made = Stores(database, runner)
        yield made
        made.close()
