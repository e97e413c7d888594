"""Runs Alembic's revisions: on an embedded database, on PostgreSQL, or on paper."""

import io
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import StoreUnavailable
from workgate.storage.postgres import PostgresEngine

MIGRATIONS = Path(__file__).parent / "migrations"
_TRIES = 3
_PREPARE_POSTGRES = (
    # Nodes that serve wait for a lock at most this long, and the migration gives up rather than hold them up.
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL statement_timeout = '15min'",
    "CREATE TABLE IF NOT EXISTS alembic_version"
    " (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    # Migrations that are started at once take turns.
    "LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE",
)


def upgrade_embedded(path: Path, now: Milliseconds, revision: str = "head") -> None:
    """Run every revision that the database lacks, up to one or to the newest.

    Raises:
        StoreUnavailable: the database is at a revision that this release does not know.
    """
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            _upgrade(connection, now, revision)
    except CommandError as error:
        raise StoreUnavailable(f"the database {path} was written by another version of Workgate: {error}") from error
    finally:
        engine.dispose()


async def upgrade_postgres(database: PostgresEngine, now: Milliseconds, revision: str = "head") -> None:
    """Run every revision that the database lacks, up to one or to the newest, in one transaction.

    Raises:
        StoreUnavailable: nothing was changed; the message says why.
    """

    async def connect() -> Any:  # noqa: ANN401 - the driver's own connection
        return (await database.connect()).raw

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    try:
        for attempt in range(_TRIES):
            try:
                async with engine.begin() as connection:
                    for statement in _PREPARE_POSTGRES:
                        await connection.execute(text(statement))
                    await connection.run_sync(_upgrade, now, revision)
                return
            except DBAPIError as error:
                # Two that create the first table at once: the second one finds it when it tries again.
                cause = None if error.orig is None else error.orig.__cause__
                if attempt == _TRIES - 1 or not isinstance(cause, asyncpg.UniqueViolationError):
                    raise StoreUnavailable(f"the migration was undone: {error.orig}") from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, CommandError) as error:
        raise StoreUnavailable(f"the migration was undone: {error}") from error
    finally:
        await engine.dispose()


def on_paper(revision: str | None, dialect: str, now: Milliseconds) -> str:
    """Give the SQL that would be run on a database that is at ``revision``."""
    written = io.StringIO()
    config = _config(now)
    config.output_buffer = written
    config.attributes["dialect"] = dialect
    command.upgrade(config, f"{revision or 'base'}:head", sql=True)
    return written.getvalue()


def pending(revision: str | None) -> list[str]:
    """Name the revisions that a database at ``revision`` lacks, in their order."""
    script = ScriptDirectory.from_config(_config(Milliseconds(0)))
    return [one.revision for one in reversed(list(script.iterate_revisions("head", revision or "base")))]


def _upgrade(connection: Connection, now: Milliseconds, revision: str) -> None:
    config = _config(now)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config(now: Milliseconds) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["now"] = now
    return config
