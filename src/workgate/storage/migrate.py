"""Brings an embedded database to today's schema, and says whether a program may work with the schema it finds.

A program works with its own revision, and with later ones that say they suit it: so nodes of the release before go on
serving while the database is migrated. Alembic is loaded only when there is something to do.
"""

import fcntl
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import StoreUnavailable
from workgate.storage.sqlite import connect

HEAD = "0004"
"""The newest revision; a test compares it with Alembic's own answer."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of its schema; ``revision`` is None in an empty one."""

    revision: str | None
    compatible_with: str | None

    @property
    def suits(self) -> bool:
        """Whether this program can work with it: revisions are numbers of four digits, in their order."""
        if self.revision is None or self.revision < HEAD:
            return False
        return self.revision == HEAD or (self.compatible_with or self.revision) <= HEAD

    @property
    def is_newer(self) -> bool:
        """Whether a later program wrote it."""
        return self.revision is not None and self.revision > HEAD


def migrate(path: Path, now: Milliseconds) -> None:
    """Create or upgrade the embedded database at ``path``.

    Processes that start at once take turns. Raises ``StoreUnavailable`` if the file is not a database, or
    one of a newer Workgate that this one cannot work with.
    """
    schema = embedded_schema(path)
    if schema.suits:
        return
    if schema.is_newer:
        raise too_new(str(path), schema)
    # Alembic is loaded only here: it costs a tenth of a second, which most starts need not spend.
    from workgate.storage.upgrade import upgrade_embedded  # noqa: PLC0415

    turn = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        upgrade_embedded(path, now)
    finally:
        os.close(turn)


def embedded_schema(path: Path) -> Schema:
    """What an embedded database says of its schema; the file is made if it is not there.

    Raises:
        StoreUnavailable: it is not a database.
    """
    connection = connect(path)
    try:
        return Schema(
            _embedded_value(connection, "alembic_version", "version_num"),
            _embedded_value(connection, "installation", "compatible_with"),
        )
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"{path} is not a Workgate database: {error}") from error
    finally:
        connection.close()


def too_new(name: str, schema: Schema) -> StoreUnavailable:
    """The refusal of a schema that only a newer program understands."""
    return StoreUnavailable(
        f"{name} was written by another version of Workgate: it is at revision {schema.revision}, this program "
        f"knows {HEAD}, and at least {schema.compatible_with} is needed"
    )


def _embedded_value(connection: sqlite3.Connection, table: str, column: str) -> str | None:
    columns = connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchall()
    row = connection.execute(f"SELECT {column} FROM {table}").fetchone() if columns else None  # noqa: S608 - our names
    return None if row is None else str(row[0])
