"""The engines. Every test of this folder that takes ``stores`` runs on each of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.kit import START, Stores
from tests.database.cluster import Cluster

from workgate.storage.database import Database, open_embedded, open_postgres
from workgate.storage.postgres import PostgresEngine
from workgate.storage.upgrade import upgrade_postgres

ENGINES = ("sqlite", "postgres")


def migrated(cluster: Cluster) -> str:
    """The address of a new database of today's schema."""
    template, is_new = cluster.template("workgate_schema")
    if is_new:
        asyncio.run(upgrade_postgres(PostgresEngine(cluster.url(template)), START))
    return cluster.url(cluster.database(template))


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
