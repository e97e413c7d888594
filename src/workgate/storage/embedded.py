"""An embedded installation opened: the database, its stores and its sweeper."""

from pathlib import Path

from workgate.domain.ids import Milliseconds
from workgate.storage.accounts import SqlEnvironmentStore, SqlInstallationStore, SqlUserStore
from workgate.storage.applications import SqlApplicationStore
from workgate.storage.audit import SqlAuditStore
from workgate.storage.authorizations import SqlAuthorizationStore
from workgate.storage.migrate import migrate
from workgate.storage.objects import SqlObjectStore
from workgate.storage.sessions import SqlSessionStore
from workgate.storage.sqlite import SqliteEngine
from workgate.storage.sweeper import Sweeper


class EmbeddedDatabase:
    """The stores over one SQLite file, created or migrated first.

    Args:
        path: the database file.
        now: the present instant, for what a migration writes.

    Raises:
        StoreUnavailable: the file cannot be used; the message says why.
    """

    def __init__(self, path: Path, now: Milliseconds) -> None:
        migrate(path, now)
        self.engine = SqliteEngine(path)
        self.installation = SqlInstallationStore(self.engine)
        self.environments = SqlEnvironmentStore(self.engine)
        self.users = SqlUserStore(self.engine)
        self.applications = SqlApplicationStore(self.engine)
        self.authorizations = SqlAuthorizationStore(self.engine)
        self.sessions = SqlSessionStore(self.engine)
        self.objects = SqlObjectStore(self.engine)
        self.audit = SqlAuditStore(self.engine)
        self.sweeper = Sweeper(self.engine)

    def close(self) -> None:
        """Write what is under way, then close."""
        self.engine.close()
