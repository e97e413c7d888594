"""``workgate migrate`` and ``workgate copy``.

What only these two need is loaded when they run: Alembic would be a quarter of every other command's start.
"""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from workgate.cli.context import FAILURES, AsJson, Database, fail, settings_for, show
from workgate.domain.ids import Milliseconds
from workgate.domain.problems import Problem
from workgate.opening import SystemClock, open_database
from workgate.ops.settings import Settings
from workgate.storage.migrate import HEAD, Schema, embedded_schema
from workgate.storage.migrate import migrate as migrate_embedded


def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only say where the database is.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the SQL that would be run.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Bring a database to today's schema. Nodes of the release before may go on serving meanwhile."""
    from workgate.storage.upgrade import on_paper, pending

    settings = settings_for(database)
    now = SystemClock().now()
    try:
        before = asyncio.run(_schema(settings))
        lacking = [] if before.is_newer else pending(before.revision)
        result: dict[str, Any] = {"revision": before.revision, "head": HEAD, "pending": lacking}
        if dry_run:
            dialect = "sqlite" if settings.embedded_path else "postgresql"
            result["sql"] = on_paper(before.revision, dialect, now) if lacking else ""
            show(as_json, result, result["sql"] or "nothing would be changed")
            return
        if not status and lacking:
            asyncio.run(_migrate(settings, now))
            result |= {"revision": HEAD, "pending": [], "applied": lacking}
    except FAILURES as error:
        fail(str(error))
    if before.is_newer:
        text = f"the database is at {before.revision}, which is newer than this program's {HEAD}"
    elif status:
        text = f"the database is at {before.revision or 'nothing'}; to be applied: {', '.join(lacking) or 'nothing'}"
    else:
        text = f"the database is at {HEAD}; applied: {', '.join(lacking) or 'nothing, it was there already'}"
    show(as_json, result, text)


def copy(
    source: Annotated[str, typer.Option("--from", help="The database to copy.")],
    target: Annotated[str, typer.Option("--to", help="An empty database; it is migrated first.")],
    as_json: AsJson = False,
) -> None:
    """Copy an installation to another database, with a count and a checksum for each table.

    Stop its server first. The key ring is not in the database: go on with the same one, and nobody is signed out.
    """
    try:
        sums = asyncio.run(_copy(settings_for(source), settings_for(target)))
    except FAILURES as error:
        fail(str(error))
    lines = [f"{row['table']:20} {row['rows']:>10} rows  {row['checksum'][:16]}…" for row in sums]
    show(as_json, {"tables": sums}, "\n".join([*lines, "the same in both; use the same key ring with it"]))


async def _schema(settings: Settings) -> Schema:
    path = settings.embedded_path
    if path is not None:
        return embedded_schema(path)
    from workgate.storage.postgres import PostgresEngine
    from workgate.storage.postgres_schema import postgres_schema

    return await postgres_schema(PostgresEngine(settings.database_url))


async def _migrate(settings: Settings, now: Milliseconds) -> None:
    path = settings.embedded_path
    if path is not None:
        migrate_embedded(path, now)
    else:
        from workgate.storage.postgres import PostgresEngine
        from workgate.storage.upgrade import upgrade_postgres

        await upgrade_postgres(PostgresEngine(settings.database_url), now)


async def _copy(source: Settings, target: Settings) -> list[dict[str, Any]]:
    from workgate.storage.copying import copy_installation

    now = SystemClock().now()
    path = source.embedded_path
    if path is not None and not path.exists():
        raise Problem(f"there is no database {path}")
    for settings, name in ((source, "--from"), (target, "--to")):
        schema = await _schema(settings)
        if schema.revision is None and settings is source:
            raise Problem("the database to copy is empty")
        if schema.is_newer:
            raise Problem(f"the database of {name} is at revision {schema.revision}, newer than this program's {HEAD}")
        if not schema.suits:
            await _migrate(settings, now)
    opened = [open_database(settings, now) for settings in (source, target)]
    try:
        sums = await copy_installation(opened[0].engine, opened[1].engine)
    finally:
        for database in opened:
            await database.close()
    return [asdict(one) for one in sums]
