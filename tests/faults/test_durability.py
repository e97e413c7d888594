"""What was acknowledged is on disk, though the database's own default is to answer before."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, Table, Text, func, insert, select
from tests.database.cluster import OWNER, Cluster, a_folder
from tests.database.fixtures import MakeCluster
from tests.database.proxies import pgbouncer

from workgate.storage.engine import Change, given
from workgate.storage.postgres import PostgresEngine

pytestmark = pytest.mark.faults
_OFF = {"synchronous_commit": "off"}
_SETTING = func.current_setting("synchronous_commit")
_table = Table("written", MetaData(), Column("way", Text, primary_key=True), Column("setting", Text))


@pytest.fixture(params=["the server's", "the user's"])
def lax(request: pytest.FixtureRequest, a_cluster: MakeCluster) -> tuple[Cluster, str]:
    """A cluster with a database where a commit is answered before it is on disk, which takes ten seconds there."""
    settings = {"wal_writer_delay": "10000", "checkpoint_timeout": "3600"}
    cluster = a_cluster(settings=settings | (_OFF if request.param == "the server's" else {}))
    name = cluster.database()
    cluster.sql(
        f"CREATE TABLE written (way text PRIMARY KEY, setting text); ALTER TABLE written OWNER TO {OWNER}", name
    )
    if request.param == "the user's":
        cluster.sql(f"ALTER ROLE {OWNER} SET synchronous_commit = off")
    return cluster, name


@contextmanager
def address(cluster: Cluster, name: str, *, pooled: bool) -> Iterator[str]:
    """Where a node connects to."""
    if not pooled:
        yield cluster.url(name)
        return
    with a_folder() as folder, pgbouncer(cluster, folder, connections=2) as proxy:
        yield f"postgresql://{OWNER}@127.0.0.1:{proxy.port}/{name}?pooler=transaction"


async def write(engine: PostgresEngine) -> None:
    """Write in every way that there is: an operation, several together, a change of one step and one of two."""
    row = insert(_table).values(way=given(_table.c.way), setting=_SETTING)
    operation = engine.operation(row, key={"way": _table.c.way})
    await operation({"way": "operation"})
    await asyncio.gather(*(operation({"way": f"together {n}"}) for n in range(8)))
    prepared = engine.prepare(row)
    await engine.apply(Change(((prepared, {"way": "change"}),)))
    await engine.apply(Change(((prepared, {"way": "step 1"}), (prepared, {"way": "step 2"}))))


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "through a pooler"])
def test_nothing_acknowledged_is_lost_with_the_server(lax: tuple[Cluster, str], pooled: bool) -> None:
    cluster, name = lax

    async def written_and_killed(url: str) -> None:
        engine = PostgresEngine(url)
        assert (await engine.fetch(engine.prepare(select(_SETTING)), {}))[0][0] == "on"
        other = await asyncpg.connect(url.partition("?")[0], statement_cache_size=0)
        # Through a pooler, this takes the server's process away that the engine had: it gets a new one.
        await other.execute("BEGIN")
        assert await other.fetchval("SELECT current_setting('synchronous_commit')") == "off"
        await write(engine)
        cluster.kill()
        other.terminate()
        await engine.close()

    with address(cluster, name, pooled=pooled) as url:
        asyncio.run(written_and_killed(url))
    cluster.start()
    assert cluster.sql("SELECT setting, count(*) FROM written GROUP BY setting", name) == "on|12"
