"""The stores that the services use, and how each can fail.

Every method may raise ``StoreUnavailable``: nothing was changed, and the caller answers that the service is
unavailable. Where the database is reached over a network, its answer can be lost after it made the change: then it
is an ``OutcomeUnknown``, and the caller answers just the same, since it must not acknowledge what it does not know.
A method that changes something returns only after the change is durable on disk. Methods that return a bool or
None-able result say what the caller must do with each outcome.
"""

from collections.abc import Sequence
from typing import Protocol

from workgate.domain.accounts import Environment, Session, SessionLimits, SessionOrigin, User
from workgate.domain.audit import AuditFilter, AuditNote, AuditPage, AuditRecord
from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.oauth import Application, ApplicationKey, Authorization, ClientSecret, Connection, ConnectionCount
from workgate.domain.objects import ObjectQuery, StoredObject
from workgate.domain.signing_in import Account


class StoreUnavailable(Exception):
    """The store could not do it; nothing was changed."""


class OutcomeUnknown(StoreUnavailable):
    """The answer to a change was lost: it was made or it was not."""


class AlreadyExists(Exception):
    """What was to be created exists already; nothing was changed."""


class EnvironmentStore(Protocol):
    """Environments: few, seldom changed, their domain and lane never."""

    async def environment(self, domain: str, lane: str) -> Environment | None:
        """Find one by its domain and lane; None: there is none."""

    async def oldest_environment(self) -> Environment | None:
        """Find the one that was created first, which is the default; None: there is none yet."""

    async def environments(self, domain: str) -> Sequence[Environment]:
        """List the lanes of a domain, oldest first."""

    async def create_environment(self, environment: Environment, now: Milliseconds) -> None:
        """Create one. Raises ``AlreadyExists`` if the domain has that lane."""


class UserStore(Protocol):
    """The people of an environment, and the state of their sign-in."""

    async def user(self, environment_id: EnvironmentId, user_id: ObjectId) -> User | None:
        """Find one by ID."""

    async def account_named(self, environment_id: EnvironmentId, username: str) -> Account | None:
        """Find what signing in needs to know; None: nobody has that user name."""

    async def account(self, environment_id: EnvironmentId, user_id: ObjectId) -> Account | None:
        """The same by ID."""

    async def create_user(self, user: User, password_hash: str | None, now: Milliseconds) -> None:
        """Create one. Raises ``AlreadyExists`` if the user name is taken."""

    async def failed_sign_in(self, user: User, *, now: Milliseconds, tries: int, lock_until: Milliseconds) -> bool:
        """Count a wrong password; True: this was the one that locked the account."""

    async def signed_in(self, user: User, *, now: Milliseconds, locked_too: bool = False) -> bool:
        """Reset the count, and the lock if ``locked_too``. False: meanwhile locked or disabled: refuse the sign-in."""

    async def set_active(self, environment_id: EnvironmentId, username: str, *, active: bool) -> bool:
        """Disable or enable a user, ending every session; False: nobody has that user name."""


class ApplicationStore(Protocol):
    """Registered applications with their secrets' digests.

    A change is on the audit log if it happened: its record is written with it, in the same commit. Each may raise
    ``AlreadyExists``, when another process made the same ID for its record: then nothing was changed, try again.
    """

    async def application(
        self, environment_id: EnvironmentId, client_id: str, *, version: int | None = None
    ) -> Application | None:
        """Find one by its client_id, own or installed; None: there is none in this environment.

        With the ``registry_version`` that the caller has just read of something else, one that was remembered
        under that version is as good as a read; only when its secrets were last used may be older.
        """

    async def applications(self, environment_id: EnvironmentId) -> Sequence[Application]:
        """List the environment's own, oldest first."""

    async def installed(self, environment_id: EnvironmentId) -> Sequence[Application]:
        """List those that it installed and others own, oldest first. Only ``central.CentralStore`` changes these."""

    async def spa_redirect_uris(self, environment_id: EnvironmentId) -> tuple[str, ...]:
        """Give the redirect URIs of all single page applications, as they are at this moment."""

    async def create_application(
        self, application: Application, logo: tuple[str, bytes] | None, *, at_most: int, record: AuditRecord
    ) -> bool:
        """Create one with its secrets; False: the environment has ``at_most`` applications already."""

    async def update_application(
        self, application: Application, logo: tuple[str, bytes] | None, *, keep_logo: bool, record: AuditRecord
    ) -> bool:
        """Write every field but type, time of creation and secrets, and the logo or its absence; False: not there."""

    async def delete_application(self, environment_id: EnvironmentId, client_id: str, *, record: AuditRecord) -> bool:
        """Delete one: its codes, tokens and sessions are worth nothing anywhere from now on; False: not there."""

    async def add_secret(
        self, environment_id: EnvironmentId, client_id: str, secret: ClientSecret, *, record: AuditRecord
    ) -> bool:
        """Add a secret; False: the application is not there (any more)."""

    async def note_secret(
        self, environment_id: EnvironmentId, client_id: str, secret_id: RowId, note: str, *, record: AuditRecord
    ) -> bool:
        """Give a secret another note; False: not there."""

    async def delete_secret(
        self, environment_id: EnvironmentId, client_id: str, secret_id: RowId, *, record: AuditRecord
    ) -> bool:
        """Delete a secret. Tokens that it fetched live on; False: not there."""

    async def secret_used(
        self, environment_id: EnvironmentId, client_id: str, secret_id: RowId, now: Milliseconds
    ) -> None:
        """Note when a secret was last used."""

    async def logo(self, environment_id: EnvironmentId, client_id: str) -> tuple[str, bytes] | None:
        """Give a logo's media type and bytes; None: there is none."""


class ApplicationKeyStore(Protocol):
    """Public keys of applications; the same holds for changes."""

    async def keys(self, environment_id: EnvironmentId, client_id: str) -> Sequence[ApplicationKey]:
        """List an application's keys, oldest first."""

    async def add_key(self, key: ApplicationKey, *, at_most: int, record: AuditRecord) -> bool:
        """Add one; False: the application is gone, has this key, or has ``at_most`` of them."""

    async def delete_key(
        self, environment_id: EnvironmentId, client_id: str, key_id: RowId, *, record: AuditRecord
    ) -> bool:
        """Delete one. Sessions that it opened live on; False: not there."""


class ExchangeStore(Protocol):
    """Exchanges of JWTs for sessions."""

    async def exchange(
        self,
        key: ApplicationKey,
        row_id: RowId,
        *,
        user: User,
        digest: bytes,
        expires_at: Milliseconds,
        salt: bytes,
        key_id: int,
        now: Milliseconds,
        limits: SessionLimits,
        note: AuditNote,
    ) -> bool:
        """Use a JWT up and open session 1 of a new authorization; False: it was used before, so open nothing.

        Raises ``AlreadyExists`` if another process made the same ID; nothing was changed.

        Args:
            key: the public key that signed it, whose last use is noted.
            row_id: of the new authorization.
            user: for whom.
            digest: names the JWT.
            expires_at: the JWT's own, until when it is remembered.
            salt: the new row's.
            key_id: the key of ours under which the session ID is derived.
            now: the present instant.
            limits: the session's.
            note: for the audit log.
        """


class ConnectionStore(Protocol):
    """Which applications may act for whom: authorizations in use, by user and application."""

    async def of_user(self, environment: Environment, user_id: ObjectId, *, now: Milliseconds) -> Sequence[Connection]:
        """List what may act for a user, by name."""

    async def of_application(
        self, environment: Environment, client_id: str, *, now: Milliseconds, after: str, limit: int
    ) -> Sequence[Connection]:
        """List for whom an application may act, by user ID, from the one after ``after``."""

    async def count(
        self, environment: Environment, client_id: str, *, now: Milliseconds, soon: Milliseconds
    ) -> ConnectionCount:
        """Count for how many users, and for how many of them that ends before ``soon`` if they do nothing."""


class AuthorizationStore(Protocol):
    """Authorizations. Each of these changes is one conditional write whose outcome decides.

    A change is on the audit log if it happened: its record is written with it, in the same commit.
    """

    async def authorization(self, environment_id: EnvironmentId, authorization_id: RowId) -> Authorization | None:
        """Read one with its user's state; None: unknown, cleaned up, or of another environment."""

    async def begin(
        self,
        environment_id: EnvironmentId,
        authorization_id: RowId,
        *,
        client_id: ClientId,
        user_id: ObjectId,
        redirect_uri: str,
        code_challenge: str | None,
        salt: bytes,
        key_id: int,
        now: Milliseconds,
        code_expires_at: Milliseconds,
        note: AuditNote,
    ) -> bool:
        """Record a consent whose code is pending; False: it was recorded before, so issue nothing."""

    async def redeem(
        self,
        authorization: Authorization,
        *,
        key_id: int,
        now: Milliseconds,
        limits: SessionLimits,
        note: AuditNote,
    ) -> bool:
        """Consume the code and open session 1; False: somebody else did, or it expired: read again."""

    async def rotate(
        self,
        authorization: Authorization,
        *,
        key_id: int,
        now: Milliseconds,
        consented_after: Milliseconds,
        active_after: Milliseconds,
        limits: SessionLimits,
        note: AuditNote,
    ) -> bool:
        """Advance generation and session by one. False: it changed or expired meanwhile: read again.

        ``consented_after`` and ``active_after`` are the instants after which consent and last activity
        must lie for the refresh token to be within its two expiries.
        """

    async def renew(
        self,
        authorization: Authorization,
        *,
        now: Milliseconds,
        consented_after: Milliseconds,
        active_after: Milliseconds,
        limits: SessionLimits,
        note: AuditNote,
    ) -> int | None:
        """Open another session, the generation stays; its sequence, or None: read again."""

    async def revoke(
        self, environment_id: EnvironmentId, authorization_id: RowId, *, now: Milliseconds, record: AuditRecord
    ) -> bool:
        """End an authorization with all its sessions; False: it was over already."""

    async def withdraw(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        client_id: str,
        *,
        now: Milliseconds,
        record: AuditRecord,
    ) -> int:
        """End every authorization of a user for an application; gives how many ended."""


class SessionStore(Protocol):
    """Sessions of every origin."""

    async def session(self, environment_id: EnvironmentId, row_id: RowId, sequence: int) -> Session | None:
        """Read one with everything that decides whether it is alive, in one statement."""

    async def open_session(
        self,
        environment_id: EnvironmentId,
        row_id: RowId,
        *,
        user: User,
        origin: SessionOrigin,
        salt: bytes,
        now: Milliseconds,
        limits: SessionLimits,
        address: str,
        agent: str,
    ) -> None:
        """Open a session that a person signed in for, from an address and by a program that names itself ``agent``."""

    async def touch(self, session: Session, now: Milliseconds) -> None:
        """Note that a session, and the authorization it belongs to, was used now."""

    async def end_session(self, session: Session) -> bool:
        """End one session; False: it had ended already."""


class ObjectStore(Protocol):
    """The objects of the API."""

    async def insert(self, objects: Sequence[StoredObject]) -> None:
        """Store new objects, all or none."""

    async def find(self, environment_id: EnvironmentId, query: ObjectQuery) -> Sequence[StoredObject]:
        """Give the objects that a query names, oldest first."""


class AuditStore(Protocol):
    """The audit log's table."""

    def append(self, records: Sequence[AuditRecord]) -> None:
        """Write records with the next group of changes, without waiting for the disk."""

    async def by_reference(self, reference: str) -> Sequence[AuditRecord]:
        """Find what a reference stands for, in every environment."""

    async def latest(self, environment_id: EnvironmentId, limit: int) -> Sequence[AuditRecord]:
        """Give the newest records, newest first."""

    async def find(
        self, environment_id: EnvironmentId, wanted: AuditFilter, *, before: RowId | None, limit: int
    ) -> AuditPage:
        """Give a page of the records that match, newest first, older than ``before``."""


class InstallationStore(Protocol):
    """What belongs to the installation as a whole."""

    async def raise_epoch(self, now: Milliseconds) -> int:
        """End every code, session and refresh token issued so far; gives the new epoch."""

    async def has_issued(self) -> bool:
        """Whether any code, session or refresh token is out, ended or not."""

    async def database_time(self) -> Milliseconds | None:
        """Read the database's own clock, or None if it has none; either way the database has answered."""


class LeaseStore(Protocol):
    """Leases: what only one of several nodes may do at a time."""

    async def hold(self, name: str, holder: str, *, now: Milliseconds, until: Milliseconds) -> bool:
        """Take a lease until then, or renew one's own. False: somebody else holds it, so leave the work to them."""
