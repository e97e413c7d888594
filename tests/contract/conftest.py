"""The engines. Every test of this folder that takes ``stores`` runs on each of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.kit import START, Stores
from tests.database.migrated import migrated

from workgate.storage.database import Database, open_embedded, open_postgres

ENGINES = ("sqlite", "postgres")


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A new database of each engine."""
    if request.param == "sqlite":
        return open_embedded(tmp_path / "workgate.db", START)
    return open_postgres(migrated(request.getfixturevalue("postgres")))


@pytest.fixture
def stores(database: Database) -> Iterator[Stores]:
    with asyncio.Runner() as runner:
        made = Stores(database, runner)
        yield made
        made.close()
