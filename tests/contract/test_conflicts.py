"""PostgreSQL alone: changes that are in each other's way, as a deadlock or behind a lock that lasts too long."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import asyncpg
import pytest
from tests.browser import a_world, at_once
from tests.contract.kit import Stores, at
from tests.database.cluster import Cluster
from tests.database.daemon import eventually
from tests.database.migrated import migrated

from workgate.domain.accounts import SESSION_SLOTS
from workgate.domain.ports import StoreUnavailable
from workgate.storage.connections import PostgresLimits
from workgate.storage.database import Database
from workgate.storage.postgres import PostgresEngine

_LOCK_SECONDS = 0.5
_HOLD = 7
"""The advisory lock at which a test stops a statement half-way."""
_STOPS = f"""\
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared({_HOLD}); RETURN NEW; END $$;
CREATE TRIGGER stop BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION stop();
"""
_LOCK = "SELECT FROM authorizations WHERE authorization_id = $1 FOR UPDATE"
_WAITING = """\
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'workgate'
AND wait_event_type = 'Lock' AND wait_event = $1
"""


@contextmanager
def stores_at(url: str, lock_seconds: float) -> Iterator[Stores]:
    """Stores that wait for locks so long."""
    limits = PostgresLimits(lock=lock_seconds, statement=20, answer=20)
    with asyncio.Runner() as runner:
        made = Stores(Database(PostgresEngine(url, limits)), runner)
        yield made
        made.close()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection that is none of the server's."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def until_one_waits(connection: Any, event: str) -> None:
    """Wait until a statement of the server waits for a lock of this kind."""
    async with asyncio.timeout(20):
        while await connection.fetchval(_WAITING, event) == 0:
            pass


@pytest.mark.parametrize("stopped", ["touch", "renew"])
def test_who_is_undone_by_a_deadlock_is_tried_again(postgres: Cluster, stopped: str) -> None:
    """One locks the session and then its authorization, the other one the authorization and then its seventeenth
    session, which sits in the place of the first. Stopped between its two until the other one waits, one of them is
    undone by PostgreSQL.
    """
    url = migrated(postgres)
    name = url.rpartition("/")[2]
    postgres.sql(f'ALTER DATABASE "{name}" SET deadlock_timeout = 100', name)

    async def crossed(stores: Stores, seen: Any) -> list[Any]:
        session = await stores.database.sessions.session(seen.environment_id, seen.authorization_id, 1)
        assert session is not None
        touch, renew = stores.database.sessions.touch(session, at(100)), stores.renewing(seen, at(100))
        first, second = (touch, renew) if stopped == "touch" else (renew, touch)
        async with connected(url) as other:
            await other.execute(f"SELECT pg_advisory_lock({_HOLD})")
            begun = asyncio.gather(first, return_exceptions=True)
            await until_one_waits(other, "advisory")
            behind = asyncio.gather(second, return_exceptions=True)
            await until_one_waits(other, "transactionid")
            await other.execute(f"SELECT pg_advisory_unlock({_HOLD})")
            results = [*await begun, *await behind]
        assert not any(isinstance(result, BaseException) for result in results), results
        return results

    with stores_at(url, lock_seconds=20) as stores:
        seen = stores.active()
        for _ in range(SESSION_SLOTS - 1):
            assert stores.run(stores.renewing(seen))
        postgres.sql(_STOPS % ("sessions" if stopped == "touch" else "authorizations"), name)
        assert set(stores.run(crossed(stores, seen))) == {None, SESSION_SLOTS + 1}
        assert stores.sequences(seen) == list(range(2, SESSION_SLOTS + 2))
    counted = f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'"
    eventually(lambda: int(postgres.sql(counted)) > 0, "there was a deadlock")


def test_a_batch_behind_a_long_lock_fails_as_a_whole(postgres: Cluster) -> None:
    """Nobody's change is made, half made or made later, nobody waits for the others' turns, and the next one is."""
    url = migrated(postgres)

    def left(stores: Stores) -> tuple[int, int]:
        return stores.count("sessions"), stores.count("audit_events")

    async def blocked(stores: Stores, rows: list[Any]) -> tuple[list[Any], float]:
        async with connected(url) as other, other.transaction():
            await other.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await other.fetch(_LOCK, rows[4].authorization_id)
            began = time.monotonic()
            results = await asyncio.gather(*(stores.rotating(row, at(1)) for row in rows), return_exceptions=True)
            return results, time.monotonic() - began

    with stores_at(url, lock_seconds=_LOCK_SECONDS) as stores:
        rows = [stores.active() for _ in range(9)]
        stores.flush()
        sessions, records = left(stores)
        (*together, alone), took = stores.run(blocked(stores, rows))
        assert alone is True  # eight go together; the ninth goes meanwhile, by itself
        assert all(isinstance(error, StoreUnavailable) and "took too long" in str(error) for error in together)
        assert took < 3 * _LOCK_SECONDS
        assert [stores.read(row.authorization_id).generation for row in rows] == [1] * 8 + [2]
        assert left(stores) == (sessions + 1, records + 1)
        assert stores.gather(stores.rotating(row, at(2)) for row in rows) == [True] * 8 + [False]
        assert [stores.read(row.authorization_id).generation for row in rows] == [2] * 9
        assert left(stores) == (sessions + 9, records + 9)


def test_whose_answer_is_503_can_ask_again(postgres: Cluster) -> None:
    """Refreshes behind a long lock are answered with 503, and the same tokens are good afterwards."""
    url = migrated(postgres)
    with ExitStack() as stack:
        world = stack.enter_context(a_world(database_url=url))
        tokens = [world.connect(world.web)["refresh_token"] for _ in range(6)]
        runner = stack.enter_context(asyncio.Runner())
        other = runner.run(asyncpg.connect(url))
        runner.run(other.execute("BEGIN; SELECT FROM authorizations FOR UPDATE"))
        calls = [partial(world.refresh, world.web, token) for token in tokens]
        refused = at_once(calls)
        runner.run(other.close())
        assert {answer.status_code for answer in refused} == {503}
        assert all(token not in answer.text for token in tokens for answer in refused)
        answers = at_once(calls)
        assert [answer.status_code for answer in answers] == [200] * 6
        assert all(world.works(answer.json()["access_token"]) for answer in answers)
