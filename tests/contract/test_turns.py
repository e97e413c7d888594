"""Several processes share one embedded database: nobody is refused, nobody starves, and nobody waits for ever."""

import asyncio
import fcntl
import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.contract.kit import NEVER, START, Stores, at, limits

from workgate.domain.audit import AuditNote
from workgate.domain.ids import EnvironmentId, RowId
from workgate.domain.ports import StoreUnavailable
from workgate.storage.database import Database, open_embedded
from workgate.storage.engine import Change
from workgate.storage.schema import installation
from workgate.storage.sqlite import SqliteEngine
from workgate.storage.turns import Turn

_SPAWN = multiprocessing.get_context("spawn")
_CHAINS = 6
_ROTATIONS = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workgate.db"


@pytest.fixture
def served(path: Path) -> Iterator[Stores]:
    with asyncio.Runner() as runner:
        made = Stores(open_embedded(path, START), runner)
        yield made
        made.close()


@pytest.fixture
def others_turn(path: Path) -> Iterator[Turn]:
    """Another process's place in the queue: locks exclude each other by where they were opened, not by process."""
    turn = Turn(path)
    yield turn
    turn.close()


def until_somebody_waits(path: Path) -> None:
    """Wait until somebody is next."""
    place = os.open(path.with_name("workgate.db-next"), os.O_RDWR)
    try:
        while True:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(place, fcntl.LOCK_UN)
            os.sched_yield()
    except BlockingIOError:
        return
    finally:
        os.close(place)


def rotate_beside(path: Path, environment_id: EnvironmentId, ids: dict[int, RowId], begin: Barrier) -> None:
    """In a process of its own: rotate every chain many times, all at once. Each rotation must succeed.

    Args:
        path: the database.
        environment_id: whose authorizations they are.
        ids: the authorizations, under numbers that no other process is given.
        begin: where the processes wait for each other.
    """

    async def chain(database: Database, row_id: RowId, first: int) -> None:
        for n in range(_ROTATIONS):
            seen = await database.authorizations.authorization(environment_id, row_id)
            assert seen is not None
            assert await database.authorizations.rotate(
                seen,
                key_id=1,
                now=at(1),
                consented_after=NEVER,
                active_after=NEVER,
                limits=limits(at(1)),
                note=AuditNote(RowId(first + n), None),
            )

    async def work() -> None:
        database = open_embedded(path, START)
        await asyncio.to_thread(begin.wait, 60)
        await asyncio.gather(*(chain(database, row_id, 1000 * number) for number, row_id in ids.items()))
        await database.close()

    asyncio.run(work())


def test_two_processes_write(served: Stores, path: Path) -> None:
    """Both do all their work without one refusal, and what they wrote is there."""
    begin = _SPAWN.Barrier(2)
    halves = [{1 + 2 * n + half: served.active().authorization_id for n in range(_CHAINS)} for half in range(2)]
    where = served.acme.environment_id
    processes = [_SPAWN.Process(target=rotate_beside, args=(path, where, half, begin)) for half in halves]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert {served.read(row_id).generation for half in halves for row_id in half.values()} == {1 + _ROTATIONS}


def test_who_waits_is_next(path: Path, others_turn: Turn) -> None:
    """A process that writes all the time waits behind one that came meanwhile."""
    with closing(Turn(path)) as busy:
        assert busy.take_at_once()
        waiting = threading.Thread(target=others_turn.take)
        waiting.start()
        until_somebody_waits(path)
        busy.give_back()
        assert not busy.take_at_once()
        waiting.join(timeout=30)
        assert not busy.take_at_once()
        others_turn.give_back()
        assert busy.take_at_once()


def test_the_loop_goes_on_while_a_change_waits(served: Stores, path: Path, others_turn: Turn) -> None:
    async def change() -> int:
        assert others_turn.take_at_once()
        waiting = asyncio.create_task(served.database.installation.raise_epoch(at(1)))
        await asyncio.to_thread(until_somebody_waits, path)
        assert await served.database.environments.oldest_environment() == served.acme
        assert not waiting.done()
        others_turn.give_back()
        return await waiting

    assert served.run(change()) == 2


def test_a_change_that_waits_too_long_is_not_made(served: Stores, path: Path, others_turn: Turn) -> None:
    """Its caller is told so, and it does not happen later; the next one does."""

    async def epochs() -> list[int]:
        engine = SqliteEngine(path, patience=0.02)
        raised = engine.prepare(update(installation).values(epoch=installation.c.epoch + 1))
        assert others_turn.take_at_once()
        for _ in range(2):  # the first waits for its turn, the second behind it
            with pytest.raises(StoreUnavailable, match="too long"):
                await engine.apply(Change(((raised, {}),)))
        others_turn.give_back()
        await engine.apply(Change(((raised, {}),)))
        await engine.close()
        return [await served.database.installation.raise_epoch(at(1))]

    assert served.run(epochs()) == [3]
