"""An installation's database with all its stores, whichever engine keeps it."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from workgate.domain.ids import Milliseconds
from workgate.storage.accounts import SqlEnvironmentStore, SqlInstallationStore, SqlUserStore
from workgate.storage.application_keys import SqlApplicationKeyStore
from workgate.storage.applications import SqlApplicationStore
from workgate.storage.audit import SqlAuditStore
from workgate.storage.authorizations import SqlAuthorizationStore
from workgate.storage.central import SqlCentralStore
from workgate.storage.connected import SqlConnectionStore
from workgate.storage.engine import Engine
from workgate.storage.exchanges import SqlExchangeStore
from workgate.storage.identity_providers import SqlFederatedUserStore, SqlIdentityProviderStore
from workgate.storage.leases import SqlLeaseStore
from workgate.storage.mailed_links import SqlLinkStore
from workgate.storage.migrate import migrate
from workgate.storage.objects import SqlObjectStore
from workgate.storage.own_sessions import SqlOwnSessionStore
from workgate.storage.passwords import SqlPasswordStore
from workgate.storage.people import SqlPeopleStore
from workgate.storage.provider_states import SqlProviderStateStore
from workgate.storage.second_factors import SqlSecondFactorStore
from workgate.storage.sessions import SqlSessionStore
from workgate.storage.sign_in_requests import SqlSignInRequestStore
from workgate.storage.sign_in_rules import SqlSignInRulesStore
from workgate.storage.sqlite import SqliteEngine
from workgate.storage.sweeper import Sweeper
from workgate.storage.used_assertions import SqlUsedAssertionStore

S = TypeVar("S")


class _Made(Generic[S]):
    """A store of a database, made when it is first asked for: most processes need a few of them only."""

    def __init__(self, make: Callable[[Engine], S]) -> None:
        self._make = make

    def __set_name__(self, owner: "type[Database]", name: str) -> None:
        self._name = name

    def __get__(self, database: "Database", owner: "type[Database]") -> S:
        store = self._make(database.engine)
        database.__dict__[self._name] = store  # from now on found before this is asked
        return store


class Database:
    """The stores over one engine.

    Args:
        engine: a database of today's schema.
    """

    installation = _Made(SqlInstallationStore)
    environments = _Made(SqlEnvironmentStore)
    users = _Made(SqlUserStore)
    sign_in_rules = _Made(SqlSignInRulesStore)
    provider_states = _Made(SqlProviderStateStore)
    people = _Made(SqlPeopleStore)
    passwords = _Made(SqlPasswordStore)
    links = _Made(SqlLinkStore)
    own_sessions = _Made(SqlOwnSessionStore)
    second_factors = _Made(SqlSecondFactorStore)
    identity_providers = _Made(SqlIdentityProviderStore)
    federated_users = _Made(SqlFederatedUserStore)
    sign_in_requests = _Made(SqlSignInRequestStore)
    used_assertions = _Made(SqlUsedAssertionStore)
    applications = _Made(SqlApplicationStore)
    central = _Made(SqlCentralStore)
    keys = _Made(SqlApplicationKeyStore)
    exchanges = _Made(SqlExchangeStore)
    connections = _Made(SqlConnectionStore)
    authorizations = _Made(SqlAuthorizationStore)
    sessions = _Made(SqlSessionStore)
    objects = _Made(SqlObjectStore)
    audit = _Made(SqlAuditStore)
    leases = _Made(SqlLeaseStore)
    sweeper = _Made(Sweeper)

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def close(self) -> None:
        """Write what is under way, then close."""
        await self.engine.close()


def open_embedded(path: Path, now: Milliseconds) -> Database:
    """Open a SQLite file, created or migrated first.

    Args:
        path: the database file.
        now: the present instant, for what a migration writes.

    Raises:
        StoreUnavailable: the file cannot be used; the message says why.
    """
    migrate(path, now)
    return Database(SqliteEngine(path))


def open_postgres(url: str) -> Database:
    """Prepare to use a PostgreSQL database; connections are made when they are needed.

    Raises:
        ValueError: the address cannot be understood.
    """
    # Whoever uses the embedded database need not wait for the driver of the other one.
    from workgate.storage.postgres import PostgresEngine  # noqa: PLC0415

    return Database(PostgresEngine(url))


async def require_schema(database: Database) -> None:
    """Make sure that the database can be reached and is of a schema that suits; the embedded one is when it is open.

    Raises:
        StoreUnavailable: it is not; the message says what to do.
    """
    if not isinstance(database.engine, SqliteEngine):
        from workgate.storage import postgres_schema  # noqa: PLC0415 - as above

        await postgres_schema.require_schema(database.engine)  # type: ignore[arg-type]  # it is the other engine
