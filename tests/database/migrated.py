"""New PostgreSQL databases of today's schema, as copies of one that was migrated."""

import asyncio

from tests.database.cluster import Cluster
from workgate.domain.ids import Milliseconds
from workgate.storage.postgres import PostgresEngine
from workgate.storage.upgrade import upgrade_postgres

_MIGRATED_AT = Milliseconds(1_790_000_000_000)


def migrated(cluster: Cluster) -> str:
    """The address of a new database of today's schema."""
    template, is_new = cluster.template("workgate_schema")
    if is_new:
        asyncio.run(upgrade_postgres(PostgresEngine(cluster.url(template)), _MIGRATED_AT))
    return cluster.url(cluster.database(template))
