"""Authorizations over SQL: every change is one conditional write whose row count decides."""

from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update
from sqlalchemy.sql import ColumnElement, Select

from workgate.domain.accounts import SessionLimits, SessionOrigin
from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.oauth import Authorization, AuthorizationStatus
from workgate.storage.engine import Change, Engine
from workgate.storage.schema import authorizations as table
from workgate.storage.schema import installation, users
from workgate.storage.sessions import open_next_session, open_session, slot_of

_COLUMNS = (
    "environment_id",
    "authorization_id",
    "client_id",
    "user_id",
    "redirect_uri",
    "code_challenge",
    "status",
    "salt",
    "key_id",
    "generation",
    "session_sequence",
    "consented_at",
    "code_expires_at",
    "active_at",
    "rotated_at",
)
_PENDING, _ACTIVE, _REVOKED = (status.value for status in AuthorizationStatus)
_this_row = and_(
    table.c.environment_id == bindparam("environment_id"),
    table.c.authorization_id == bindparam("row_id"),
)
_this_generation: ColumnElement[bool] = and_(
    _this_row,
    table.c.status == _ACTIVE,
    table.c.generation == bindparam("seen_generation"),
    table.c.consented_at > bindparam("consented_after"),
    table.c.active_at > bindparam("active_after"),
)


class SqlAuthorizationStore:
    """``ports.AuthorizationStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = engine.prepare(_read_authorization())
        self._begin = engine.prepare(
            insert(table).from_select(
                list(_COLUMNS),
                select(*(bindparam(name) for name in _COLUMNS)).where(
                    ~select(table.c.status).where(_this_row).exists()
                ),
            )
        )
        used: dict[str, Any] = {
            "key_id": bindparam("key"),
            "active_at": bindparam("now"),
            "rotated_at": bindparam("now"),
        }
        self._redeem = engine.prepare(
            update(table)
            .where(_this_row, table.c.status == _PENDING, table.c.code_expires_at > bindparam("now"))
            .values(status=_ACTIVE, generation=1, session_sequence=1, **(used | {"rotated_at": None}))
        )
        self._rotate = engine.prepare(
            update(table)
            .where(_this_generation, table.c.session_sequence == bindparam("seen_sequence"))
            .values(generation=table.c.generation + 1, session_sequence=table.c.session_sequence + 1, **used)
        )
        self._renew = engine.prepare(
            update(table)
            .where(_this_generation)
            .values(
                session_sequence=table.c.session_sequence + 1,
                active_at=bindparam("now"),
            )
            .returning(table.c.session_sequence)
        )
        over = {"status": _REVOKED, "revoked_at": bindparam("now")}
        self._revoke = engine.prepare(update(table).where(_this_row, table.c.status != _REVOKED).values(over))
        self._withdraw = engine.prepare(
            update(table)
            .where(
                table.c.environment_id == bindparam("environment_id"),
                table.c.user_id == bindparam("user"),
                table.c.client_id == bindparam("client"),
                table.c.status != _REVOKED,
            )
            .values(over)
        )
        self._open_session = engine.prepare(open_session())
        self._open_next_session = engine.prepare(open_next_session())

    async def authorization(self, environment_id: EnvironmentId, authorization_id: RowId) -> Authorization | None:
        """Read one; see the port."""
        rows = await self._engine.fetch(self._read, {"environment_id": environment_id, "row_id": authorization_id})
        if not rows:
            return None
        (
            environment_id,
            authorization_id,
            client_id,
            user_id,
            redirect_uri,
            code_challenge,
            status,
            salt,
            key_id,
            generation,
            session_sequence,
            consented_at,
            code_expires_at,
            active_at,
            rotated_at,
            username,
            user_active,
            user_epoch,
            epoch,
        ) = rows[0]
        return Authorization(
            environment_id=environment_id,
            authorization_id=authorization_id,
            client_id=client_id,
            user_id=user_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            status=AuthorizationStatus(status),
            salt=salt,
            key_id=key_id,
            generation=generation,
            session_sequence=session_sequence,
            consented_at=consented_at,
            code_expires_at=code_expires_at,
            active_at=active_at,
            rotated_at=rotated_at,
            username=username,
            user_active=bool(user_active),
            user_epoch=user_epoch,
            epoch=epoch,
        )

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
    ) -> bool:
        """Record a consent whose code is pending; see the port."""
        values = {
            "environment_id": environment_id,
            "authorization_id": authorization_id,
            "row_id": authorization_id,
            "client_id": client_id,
            "user_id": user_id,
            "redirect_uri": redirect_uri,
            "code_challenge": code_challenge,
            "status": _PENDING,
            "salt": salt,
            "key_id": key_id,
            "generation": 0,
            "session_sequence": 0,
            "consented_at": now,
            "code_expires_at": code_expires_at,
            "active_at": now,
            "rotated_at": None,
        }
        return await self._engine.apply(Change(((self._begin, values),))) is not None

    async def redeem(
        self, authorization: Authorization, *, key_id: int, now: Milliseconds, limits: SessionLimits
    ) -> bool:
        """Consume the code and open session 1; see the port."""
        values = _values(authorization, key_id, now, limits) | {"sequence": 1, "slot": slot_of(1)}
        change = Change(((self._redeem, values), (self._open_session, values)))
        return await self._engine.apply(change) is not None

    async def rotate(
        self,
        authorization: Authorization,
        *,
        key_id: int,
        now: Milliseconds,
        consented_after: Milliseconds,
        active_after: Milliseconds,
        limits: SessionLimits,
    ) -> bool:
        """Advance by one generation; see the port."""
        sequence = authorization.session_sequence + 1
        values = _values(authorization, key_id, now, limits) | {
            "seen_sequence": authorization.session_sequence,
            "consented_after": consented_after,
            "active_after": active_after,
            "sequence": sequence,
            "slot": slot_of(sequence),
        }
        change = Change(((self._rotate, values), (self._open_session, values)))
        return await self._engine.apply(change) is not None

    async def renew(
        self,
        authorization: Authorization,
        *,
        now: Milliseconds,
        consented_after: Milliseconds,
        active_after: Milliseconds,
        limits: SessionLimits,
    ) -> int | None:
        """Open another session; see the port."""
        values = _values(authorization, authorization.key_id, now, limits) | {
            "consented_after": consented_after,
            "active_after": active_after,
        }
        rows = await self._engine.apply(Change(((self._renew, values), (self._open_next_session, values))))
        return None if rows is None else int(rows[0][0])

    async def revoke(self, environment_id: EnvironmentId, authorization_id: RowId, *, now: Milliseconds) -> bool:
        """End an authorization; see the port."""
        values = {"environment_id": environment_id, "row_id": authorization_id, "now": now}
        return await self._engine.apply(Change(((self._revoke, values),))) is not None

    async def withdraw(
        self, environment_id: EnvironmentId, user_id: ObjectId, client_id: str, *, now: Milliseconds
    ) -> int:
        """End all authorizations of a user for an application; see the port."""
        values = {"environment_id": environment_id, "user": user_id, "client": client_id, "now": now}
        rows = await self._engine.apply(Change(((self._withdraw, values),)))
        return 0 if rows is None else int(rows[0][0])


def _values(authorization: Authorization, key_id: int, now: Milliseconds, limits: SessionLimits) -> dict[str, object]:
    return {
        "environment_id": authorization.environment_id,
        "row_id": authorization.authorization_id,
        "seen_generation": authorization.generation,
        "key": key_id,
        "now": now,
        "origin": SessionOrigin.APPLICATION.value,
        "user_id": authorization.user_id,
        "user_epoch": authorization.user_epoch,
        "client_id": authorization.client_id,
        "salt": authorization.salt,
        "opened_at": now,
        "last_seen_at": now,
        "idle_seconds": limits.idle_seconds,
        "absolute_expires_at": limits.absolute_expires_at,
    }


def _read_authorization() -> Select[Any]:
    return (
        select(
            *(table.c[name] for name in _COLUMNS),
            users.c.username,
            users.c.is_active,
            users.c.session_epoch,
            installation.c.epoch,
        )
        .select_from(table)
        .join(
            users,
            and_(users.c.environment_id == table.c.environment_id, users.c.user_id == table.c.user_id),
        )
        .join(installation, installation.c.installation_id == 1)
        .where(_this_row)
    )
