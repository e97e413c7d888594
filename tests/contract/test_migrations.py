"""Migrations on both engines: rows of the release before are read, and its statements go on working while it serves."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.kit import START, at
from tests.database.cluster import Cluster

from workgate.domain.ids import EnvironmentId, RowId
from workgate.domain.oauth import AuthorizationStatus
from workgate.domain.ports import StoreUnavailable
from workgate.storage.database import Database, open_embedded, open_postgres, require_schema
from workgate.storage.migrate import HEAD, Schema
from workgate.storage.postgres import PostgresEngine
from workgate.storage.upgrade import on_paper, pending, upgrade_embedded, upgrade_postgres

SALT = b"\x07" * 32
# What a node of revision 0001 writes: every column that it knows of, and none besides.
WRITTEN_BY_0001 = (
    "INSERT INTO environments (environment_id, customer_id, domain, lane, name, session_idle_seconds,"
    f" session_absolute_seconds, created_at) VALUES (7, '{'c' * 32}', 'acme', 'my', 'Acme', 3600, 86400, {START})",
    "INSERT INTO users (environment_id, user_id, username, username_key, first_name, last_name, email, is_admin,"
    " is_active, password_hash, session_epoch, failed_sign_ins, locked_until, last_sign_in_at, created_at) VALUES"
    f" (7, '{'u' * 32}', 'ann', 'ann', 'Ann', '', '', true, true, 'a hash', 0, 0, NULL, NULL, {START})",
    "INSERT INTO applications (environment_id, client_id, name, type, redirect_uris, rotate_refresh_tokens,"
    " refresh_absolute_seconds, refresh_inactivity_seconds, code_seconds, consent, description, description_url,"
    " developer_name, developer_email, privacy_url, logo_type, logo, created_at) VALUES"
    f""" (7, '{"a" * 32}', 'App', 'web', '["https://client.example/callback"]', true, NULL, 2592000, 120, 'always',"""
    f" '', '', '', '', '', NULL, NULL, {START})",
    "INSERT INTO authorizations (environment_id, authorization_id, client_id, user_id, redirect_uri, code_challenge,"
    " status, salt, key_id, generation, session_sequence, consented_at, code_expires_at, active_at, rotated_at,"
    f" revoked_at) VALUES (7, 70, '{'a' * 32}', '{'u' * 32}', 'https://client.example/callback', NULL, 1, %SALT%, 1,"
    f" 3, 3, {START}, {at(120)}, {at(60)}, {at(60)}, NULL)",
    "INSERT INTO sessions (environment_id, row_id, slot, sequence, origin, user_id, user_epoch, client_id, salt,"
    f" opened_at, last_seen_at, idle_seconds, absolute_expires_at) VALUES (7, 70, 3, 3, 'application', '{'u' * 32}',"
    f" 0, '{'a' * 32}', %SALT%, {at(60)}, {at(60)}, 3600, {at(86460)})",
)
# And what it does while it serves; each of these must touch a row.
DONE_BY_0001 = (
    f"UPDATE authorizations SET generation = 4, session_sequence = 4, active_at = {at(90)}, rotated_at = {at(90)}"
    " WHERE environment_id = 7 AND authorization_id = 70 AND status = 1 AND generation = 3 AND session_sequence = 3",
    "UPDATE installation SET epoch = epoch + 1",
    "DELETE FROM sessions WHERE environment_id = 7 AND row_id = 70 AND slot = 3",
)

Execute = Callable[[str], int]


class Old:
    """A database as a release of revision 0001 left it, on one of the engines."""

    def __init__(self, engine: str, folder: Path, cluster: Cluster | None) -> None:
        self.path = folder / "workgate.db"
        self.cluster = cluster
        self.name = cluster.database() if cluster else ""
        self.upgrade("0001")
        for statement in WRITTEN_BY_0001:
            self.execute(statement)

    def upgrade(self, revision: str = "head") -> None:
        if self.cluster is None:
            upgrade_embedded(self.path, START, revision)
        else:
            asyncio.run(upgrade_postgres(PostgresEngine(self.cluster.url(self.name)), START, revision))

    def execute(self, statement: str) -> int:
        """Run a statement, as the release of that time did; how many rows it touched."""
        if self.cluster is None:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                return connection.execute(statement.replace("%SALT%", f"x'{SALT.hex()}'")).rowcount
        counted = f"WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done"
        return int(self.cluster.sql(counted.replace("%SALT%", f"'\\x{SALT.hex()}'"), self.name))

    def open(self) -> Database:
        return open_postgres(self.cluster.url(self.name)) if self.cluster else open_embedded(self.path, START)


@pytest.fixture(params=("sqlite", "postgres"))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    engine: str = request.param
    return Old(engine, tmp_path, request.getfixturevalue("postgres") if engine == "postgres" else None)


def test_rows_of_the_release_before_are_read(old: Old) -> None:
    old.upgrade()

    async def read() -> None:
        database = old.open()
        await require_schema(database)
        found = await database.authorizations.authorization(EnvironmentId(7), RowId(70))
        session = await database.sessions.session(EnvironmentId(7), RowId(70), 3)
        application = await database.applications.application(EnvironmentId(7), "a" * 32)
        await database.close()
        assert found is not None
        assert (found.status, found.generation, found.salt) == (AuthorizationStatus.ACTIVE, 3, SALT)
        assert session is not None
        assert session.user.username == "ann"
        assert application is not None
        assert application.redirect_uris == ("https://client.example/callback",)

    asyncio.run(read())


def test_nodes_of_the_release_before_go_on(old: Old) -> None:
    old.upgrade()
    assert [old.execute(statement) for statement in DONE_BY_0001] == [1] * len(DONE_BY_0001)
    old.execute(WRITTEN_BY_0001[0].replace("7,", "8,", 1).replace("'acme'", "'globex'"))
    assert old.execute("UPDATE environments SET name = 'Globex' WHERE environment_id = 8") == 1


def test_a_migration_is_run_once(old: Old) -> None:
    old.upgrade()
    old.upgrade()
    assert old.execute("UPDATE installation SET epoch = epoch") == 1


def test_what_a_schema_suits() -> None:
    assert Schema(HEAD, HEAD).suits
    assert not Schema(None, None).suits
    assert not Schema("0000", "0000").suits
    assert Schema("9999", HEAD).suits
    assert not Schema("9999", "9998").suits
    assert Schema("9999", "9998").is_newer


@pytest.mark.parametrize("suits", [True, False])
def test_a_schema_one_revision_ahead(old: Old, suits: bool) -> None:
    """While nodes are restarted one by one, one of the release before may be started again, if the schema suits it."""
    old.upgrade()
    old.execute("UPDATE alembic_version SET version_num = '9999'")
    old.execute(f"UPDATE installation SET compatible_with = '{HEAD if suits else '9999'}'")

    async def started() -> None:
        database = old.open()
        try:
            await require_schema(database)
        finally:
            await database.close()

    if suits:
        asyncio.run(started())
    else:
        with pytest.raises(StoreUnavailable, match="another version of Workgate: it is at revision 9999"):
            asyncio.run(started())


def test_an_old_schema_is_not_served(postgres: Cluster) -> None:
    made = Old("postgres", Path(), postgres)
    with pytest.raises(StoreUnavailable, match=r"is at revision 0001, not .* run 'workgate migrate'"):
        asyncio.run(require_schema(made.open()))


def test_migrations_that_start_at_once_take_turns(postgres: Cluster) -> None:
    url = postgres.url(postgres.database())

    async def together() -> None:
        await asyncio.gather(*(upgrade_postgres(PostgresEngine(url), START) for _ in range(4)))
        await require_schema(open_postgres(url))

    asyncio.run(together())


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_on_paper(dialect: str) -> None:
    sql = on_paper("0001", dialect, START)
    assert "CREATE TABLE leases" in sql
    assert "CREATE TABLE users" not in sql
    assert "CREATE TABLE users" in on_paper(None, dialect, START)
    assert pending("0001")[0] == "0002"
    assert pending(HEAD) == []
    assert pending(None)[0] == "0001"
