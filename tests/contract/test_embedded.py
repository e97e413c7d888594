"""The embedded database's file: created, migrated and refused as it should be, beside other processes."""

import asyncio
import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from tests.contract.kit import START, Stores, at

from workgate.domain.ports import StoreUnavailable
from workgate.storage.database import open_embedded
from workgate.storage.migrate import HEAD, migrate
from workgate.storage.schema import metadata, whole_metadata
from workgate.storage.upgrade import MIGRATIONS

_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workgate.db"


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def installations(path: Path) -> list[tuple[int, int, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT installation_id, epoch, created_at FROM installation").fetchall()


def in_another_process(path: Path) -> list[tuple[int, int, int]]:
    """Open the database in another process, read, and close it, as the commands beside a server do."""
    with _SPAWN.Pool(1) as pool:
        return pool.apply(installations, (path,))


def test_head_is_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_models_are_what_the_migrations_make(path: Path) -> None:
    migrate(path, START)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, whole_metadata()) == []
    engine.dispose()
    assert tables(path) == {*metadata.tables, "alembic_version"}


def test_tables_without_rowid(path: Path) -> None:
    migrate(path, START)
    with closing(sqlite3.connect(path)) as connection:
        for name in metadata.tables:
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
            assert "WITHOUT ROWID" in sql.upper(), name


def test_migrating_is_idempotent(path: Path) -> None:
    migrate(path, START)
    assert installations(path) == [(1, 1, START)]
    content = path.read_bytes()
    for seconds in (10, 20):
        migrate(path, at(seconds))
    assert installations(path) == [(1, 1, START)]
    assert path.read_bytes() == content


def test_migrating_from_several_processes_at_once(path: Path) -> None:
    with _SPAWN.Pool(3) as pool:
        pool.starmap(migrate, [(path, at(n)) for n in range(9)], chunksize=1)
    assert tables(path) == {*metadata.tables, "alembic_version"}
    assert len(installations(path)) == 1


def test_a_new_database_is_its_owners(path: Path) -> None:
    migrate(path, START)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_newer_database_is_refused(path: Path) -> None:
    migrate(path, START)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE installation SET compatible_with = '9999'")
        connection.commit()
    with pytest.raises(StoreUnavailable, match="another version of Workgate") as refused:
        open_embedded(path, START)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [b"these are notes, not a database\n" * 100, b"SQLite format 3\0" + b"x" * 4000])
def test_what_is_not_a_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable) as refused:
        open_embedded(path, START)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == content


def test_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "workgate.db"):
        with pytest.raises(StoreUnavailable, match="cannot open the database"):
            open_embedded(path, START)


@pytest.fixture
def served(path: Path) -> Iterator[Stores]:
    """A database that this process has opened, as a server does."""
    with asyncio.Runner() as runner:
        made = Stores(open_embedded(path, START), runner)
        yield made
        made.close()


def test_another_process_that_closes_the_database_loses_nothing(served: Stores, path: Path) -> None:
    """A process that thinks it is the last one deletes the journal; what is then written to it is lost."""
    for epoch in (2, 3, 4):
        assert served.run(served.database.installation.raise_epoch(at(epoch))) == epoch
        assert in_another_process(path) == [(1, epoch, START)]
        assert path.with_name("workgate.db-wal").exists()


def test_opening_it_a_second_time_loses_nothing(served: Stores, path: Path) -> None:
    """The same when this process itself opens the file once more, and closes it."""
    migrate(path, START)

    async def opened_and_closed() -> None:
        await open_embedded(path, START).close()

    served.run(opened_and_closed())
    assert served.run(served.database.installation.raise_epoch(at(1))) == 2
    assert in_another_process(path) == [(1, 2, START)]
    assert served.run(served.database.installation.raise_epoch(at(2))) == 3
    assert in_another_process(path) == [(1, 3, START)]


def test_a_change_waits_for_another_processs_turn(served: Stores, path: Path) -> None:
    """Somebody else holds the write lock: the change is made when it is free, and is not lost."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE installation SET epoch = 7")

        async def change() -> int:
            waiting = asyncio.create_task(served.database.installation.raise_epoch(at(1)))
            reading = served.database.environments.oldest_environment()
            assert await reading == served.acme  # readers are not held up
            assert not waiting.done()
            other.execute("COMMIT")
            return await waiting

        assert served.run(change()) == 8


def test_closing_writes_what_was_handed_over(path: Path) -> None:
    with asyncio.Runner() as runner:
        made = Stores(open_embedded(path, START), runner)
        seen = made.active()
        session = made.run(made.database.sessions.session(seen.environment_id, seen.authorization_id, 1))
        assert session is not None

        async def note_and_close() -> None:
            await made.database.sessions.touch(session, at(77))
            await made.database.close()

        made.run(note_and_close())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT last_seen_at FROM sessions").fetchall() == [(at(77),)]
