"""What a PostgreSQL database says of its schema. It is migrated by ``workgate migrate`` alone, never by a node."""

import asyncpg

from workgate.domain.ports import StoreUnavailable
from workgate.storage.migrate import HEAD, Schema, too_new
from workgate.storage.postgres import PostgresEngine


async def postgres_schema(engine: PostgresEngine) -> Schema:
    """What a PostgreSQL database says of its schema.

    Raises:
        StoreUnavailable: it cannot be reached; the message says why, without the address's password.
    """
    try:
        connection = await engine.connect()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or type(error).__name__
        raise StoreUnavailable(f"cannot connect to the database: {reason}") from error
    except ValueError:
        # The driver's words would show what it took for the port, and that can be a part of the password.
        raise StoreUnavailable("the database address is malformed: percent-encode what is special in it") from None
    try:
        return Schema(
            await _postgres_value(connection.raw, "alembic_version", "version_num"),
            await _postgres_value(connection.raw, "installation", "compatible_with"),
        )
    except asyncpg.PostgresError as error:
        raise StoreUnavailable(f"cannot read the database's schema: {error}") from error
    finally:
        await connection.close()


async def require_schema(engine: PostgresEngine) -> None:
    """Make sure that a PostgreSQL database is there and of a schema that suits.

    Raises:
        StoreUnavailable: it is not; the message says what to do.
    """
    schema = await postgres_schema(engine)
    if schema.is_newer and not schema.suits:
        raise too_new("the database", schema)
    if not schema.suits:
        found = "is empty" if schema.revision is None else f"is at revision {schema.revision}, not {HEAD}"
        raise StoreUnavailable(f"the database {found}: run 'workgate migrate' with the same --database first")


async def _postgres_value(raw: asyncpg.Connection, table: str, column: str) -> str | None:
    there = await raw.fetchval(
        "SELECT 1 FROM information_schema.columns"
        " WHERE table_schema = ANY (current_schemas(false)) AND table_name = $1 AND column_name = $2",
        table,
        column,
    )
    value = await raw.fetchval(f"SELECT {column} FROM {table}") if there else None  # noqa: S608 - our own names
    return None if value is None else str(value)
