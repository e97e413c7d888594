"""Environments, users and the installation over SQL."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import bindparam, case, exists, insert, select, update

from workgate.domain.accounts import Environment, User, username_key
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId
from workgate.domain.oauth import AuthorizationStatus
from workgate.domain.signing_in import Account
from workgate.storage.engine import Change, Engine, Row, given
from workgate.storage.schema import authorizations, environments, installation, second_factors, sessions, users
from workgate.storage.windows import in_windows

_ENVIRONMENT_COLUMNS = [
    environments.c[name]
    for name in (
        "environment_id",
        "customer_id",
        "domain",
        "lane",
        "name",
        "session_idle_seconds",
        "session_absolute_seconds",
    )
]
USER_COLUMNS = [
    users.c[name]
    for name in (
        "environment_id",
        "user_id",
        "username",
        "first_name",
        "last_name",
        "email",
        "is_admin",
        "is_active",
        "session_epoch",
    )
]
_ACCOUNT_COLUMNS = [
    *(users.c[name] for name in ("password_hash", "locked_until", "sso_only", "password_set_at")),
    exists()
    .where(second_factors.c.environment_id == users.c.environment_id, second_factors.c.user_id == users.c.user_id)
    .label("has_second_factor"),
]
_this_user = (users.c.environment_id == given(users.c.environment_id)) & (users.c.user_id == given(users.c.user_id))
_this_name = (users.c.environment_id == given(users.c.environment_id)) & (
    users.c.username_key == given(users.c.username_key)
)


@lru_cache(maxsize=4096)
def user_from(row: Row) -> User:
    """Make a user of the columns ``USER_COLUMNS``; the same columns give the same value, so it is made once."""
    environment_id, user_id, username, first_name, last_name, email, is_admin, is_active, session_epoch = row
    return User(
        environment_id=environment_id,
        user_id=user_id,
        username=username,
        first_name=first_name,
        last_name=last_name,
        email=email,
        is_admin=bool(is_admin),
        is_active=bool(is_active),
        session_epoch=session_epoch,
    )


class SqlInstallationStore:
    """``ports.InstallationStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._raise = engine.prepare(
            update(installation).values(epoch=installation.c.epoch + 1).returning(installation.c.epoch)
        )
        tables = (authorizations, sessions)
        self._any = [engine.prepare(select(table.c.environment_id).limit(1)) for table in tables]

    async def raise_epoch(self, now: Milliseconds) -> int:
        """End every token issued so far; see the port."""
        rows = await self._engine.apply(Change(((self._raise, {}),)))
        if rows is None:
            raise LookupError("the installation's row is missing")
        # With that everything has ended. Nobody can use these rows any more: as revoked ones they are cleaned up.
        revoked = AuthorizationStatus.REVOKED.value
        over = {"status": revoked, "revoked_at": given(authorizations.c.revoked_at, "now")}
        await in_windows(
            self._engine,
            authorizations,
            lambda these: update(authorizations).where(these, authorizations.c.status != revoked).values(over),
            {"now": now},
        )
        return int(rows[0][0])

    async def has_issued(self) -> bool:
        """Whether any token is out; see the port."""
        return any([await self._engine.fetch(statement, {}) for statement in self._any])

    async def database_time(self) -> Milliseconds | None:
        """Read the database's own clock; see the port."""
        return await self._engine.time()


class SqlEnvironmentStore:
    """``ports.EnvironmentStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rows = select(*_ENVIRONMENT_COLUMNS).order_by(environments.c.environment_id)
        self._of_domain = engine.prepare(rows.where(environments.c.domain == bindparam("domain")))
        self._one = engine.prepare(
            rows.where(environments.c.domain == bindparam("domain"), environments.c.lane == bindparam("lane"))
        )
        self._oldest = engine.prepare(rows.limit(1))
        created = (*_ENVIRONMENT_COLUMNS, environments.c.created_at)
        self._create = engine.prepare(insert(environments).values({column.name: given(column) for column in created}))

    async def environment(self, domain: str, lane: str) -> Environment | None:
        """Find one by its domain and lane; see the port."""
        rows = await self._engine.fetch(self._one, {"domain": domain, "lane": lane})
        return Environment(*rows[0]) if rows else None

    async def oldest_environment(self) -> Environment | None:
        """Find the default one; see the port."""
        rows = await self._engine.fetch(self._oldest, {})
        return Environment(*rows[0]) if rows else None

    async def environments(self, domain: str) -> Sequence[Environment]:
        """List the lanes of a domain; see the port."""
        return [Environment(*row) for row in await self._engine.fetch(self._of_domain, {"domain": domain})]

    async def create_environment(self, environment: Environment, now: Milliseconds) -> None:
        """Create one; see the port."""
        values = {column.name: getattr(environment, column.name) for column in _ENVIRONMENT_COLUMNS}
        await self._engine.apply(Change(((self._create, {**values, "created_at": now}),)))


class SqlUserStore:
    """``ports.UserStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_id = engine.prepare(select(*USER_COLUMNS).where(_this_user))
        account = select(*USER_COLUMNS, *_ACCOUNT_COLUMNS)
        self._account_named = engine.prepare(account.where(_this_name))
        self._account = engine.prepare(account.where(_this_user))
        self._create = engine.prepare(insert(users))
        fails = users.c.failed_sign_ins + 1
        locks = fails >= bindparam("tries")
        unlocked = users.c.locked_until.is_(None) | (users.c.locked_until <= given(users.c.locked_until, "now"))
        self._failed = engine.prepare(
            update(users)
            .where(_this_user, unlocked)
            .values(
                failed_sign_ins=case((locks, 0), else_=fails),
                locked_until=case((locks, given(users.c.locked_until, "lock_until")), else_=None),
            )
            .returning(users.c.locked_until)
        )
        signed_in = (
            update(users)
            .where(_this_user, users.c.is_active.is_(True))
            .values(failed_sign_ins=0, locked_until=None, last_sign_in_at=given(users.c.last_sign_in_at, "now"))
        )
        self._signed_in = engine.prepare(signed_in.where(unlocked))
        self._signed_in_locked_too = engine.prepare(signed_in)
        ended = {"session_epoch": users.c.session_epoch + 1}
        self._set_active = engine.prepare(
            update(users).where(_this_name).values(is_active=given(users.c.is_active, "active"), **ended)
        )

    async def user(self, environment_id: EnvironmentId, user_id: ObjectId) -> User | None:
        """Find one by ID; see the port."""
        values = {"environment_id": environment_id, "user_id": user_id}
        rows = await self._engine.fetch(self._by_id, values)
        return user_from(rows[0]) if rows else None

    async def account_named(self, environment_id: EnvironmentId, username: str) -> Account | None:
        """Find what signing in needs to know; see the port."""
        return _account_from(await self._engine.fetch(self._account_named, _named(environment_id, username)))

    async def account(self, environment_id: EnvironmentId, user_id: ObjectId) -> Account | None:
        """The same by ID; see the port."""
        values = {"environment_id": environment_id, "user_id": user_id}
        return _account_from(await self._engine.fetch(self._account, values))

    async def create_user(self, user: User, password_hash: str | None, now: Milliseconds) -> None:
        """Create one; see the port."""
        await self._engine.apply(Change(((self._create, new_user_values(user, password_hash, now)),)))

    async def failed_sign_in(self, user: User, *, now: Milliseconds, tries: int, lock_until: Milliseconds) -> bool:
        """Count a wrong password; see the port."""
        values = {"now": now, "tries": tries, "lock_until": lock_until, **_key(user)}
        rows = await self._engine.apply(Change(((self._failed, values),)))
        return rows is not None and rows[0][0] is not None

    async def signed_in(self, user: User, *, now: Milliseconds, locked_too: bool = False) -> bool:
        """Reset the count; see the port."""
        statement = self._signed_in_locked_too if locked_too else self._signed_in
        return await self._engine.apply(Change(((statement, {"now": now, **_key(user)}),))) is not None

    async def set_active(self, environment_id: EnvironmentId, username: str, *, active: bool) -> bool:
        """Disable or enable; see the port."""
        values = {"active": active, **_named(environment_id, username)}
        return await self._engine.apply(Change(((self._set_active, values),))) is not None


def new_user_values(user: User, password_hash: str | None, now: Milliseconds) -> dict[str, object]:
    """The columns of a new user's row."""
    return {column.name: getattr(user, column.name) for column in USER_COLUMNS} | {
        "username_key": username_key(user.username),
        "password_hash": password_hash,
        "failed_sign_ins": 0,
        "locked_until": None,
        "last_sign_in_at": None,
        "created_at": now,
        "sso_only": False,
        "password_set_at": None if password_hash is None else now,
    }


def _account_from(rows: Sequence[Row]) -> Account | None:
    if not rows:
        return None
    *user, password_hash, locked_until, sso_only, password_set_at, has_second_factor = rows[0]
    return Account(
        user_from(tuple(user)), password_hash, locked_until, bool(sso_only), password_set_at, bool(has_second_factor)
    )


def _key(user: User) -> dict[str, object]:
    return {"environment_id": user.environment_id, "user_id": user.user_id}


def _named(environment_id: EnvironmentId, username: str) -> dict[str, object]:
    return {"environment_id": environment_id, "username_key": username_key(username)}
