"""Brings an embedded database to today's schema. Alembic is loaded only when there is something to do."""

import fcntl
import os
import sqlite3
from pathlib import Path

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import StoreUnavailable
from workgate.storage.sqlite import connect

HEAD = "0001"
"""The newest revision; a test compares it with Alembic's own answer."""


def migrate(path: Path, now: Milliseconds) -> None:
    """Create or upgrade the embedded database at ``path``.

    Processes that start at once take turns. Raises ``StoreUnavailable`` if the file is not a database, or
    one of a newer Workgate.
    """
    connection = connect(path)
    try:
        if _revision(connection) == HEAD:
            return
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"{path} is not a Workgate database: {error}") from error
    finally:
        connection.close()
    # Alembic is loaded only here: it costs a tenth of a second, which most starts need not spend.
    from workgate.storage.upgrade import upgrade  # noqa: PLC0415

    turn = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        upgrade(path, now)
    finally:
        os.close(turn)


def _revision(connection: sqlite3.Connection) -> str | None:
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
    if not tables:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])
