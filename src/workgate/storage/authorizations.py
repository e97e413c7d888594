"""Authorizations over SQL: every change is one conditional write whose row count decides."""

from typing import Any

from sqlalchemy import Insert, String, and_, literal_column, null, select, update
from sqlalchemy.sql import ColumnElement, Select

from workgate.domain.accounts import SessionLimits, SessionOrigin
from workgate.domain.audit import AuditEvent, AuditNote, AuditRecord
from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.oauth import Authorization, AuthorizationStatus
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import authorizations as table
from workgate.storage.schema import environments, installation, registry_version, users
from workgate.storage.sessions import open_session

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
    table.c.environment_id == given(table.c.environment_id),
    table.c.authorization_id == given(table.c.authorization_id, "row_id"),
)
_this_generation: ColumnElement[bool] = and_(
    _this_row,
    table.c.status == _ACTIVE,
    table.c.generation == given(table.c.generation, "seen_generation"),
    table.c.consented_at > given(table.c.consented_at, "consented_after"),
    table.c.active_at > given(table.c.active_at, "active_after"),
)
_now = given(table.c.active_at, "now")
_KEY = {"environment_id": table.c.environment_id, "row_id": table.c.authorization_id}
_TELLS = (table.c.session_sequence.label("sequence"), table.c.user_id, table.c.client_id, table.c.salt)
"""What the row tells to the steps that follow: its session and its record are of the same user and client."""
_OVER = {"status": _REVOKED, "revoked_at": _now}


class SqlAuthorizationStore:
    """``ports.AuthorizationStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = engine.lookup(_read_authorization())
        row = [given(table.c[name], "row_id" if name == "authorization_id" else name) for name in _COLUMNS]
        self._begin = engine.operation(
            engine.insert(table)
            .values(dict(zip(_COLUMNS, row, strict=True)))
            .on_conflict_do_nothing(index_elements=[column.name for column in table.primary_key]),
            _append(AuditEvent.CONSENT_GIVEN, now=given(table.c.consented_at)),
            key=_KEY,
        )
        next_session = {"session_sequence": table.c.session_sequence + 1, "active_at": _now}
        key_id = given(table.c.key_id, "key")
        self._redeem = engine.operation(
            update(table)
            .where(_this_row, table.c.status == _PENDING, table.c.code_expires_at > _now)
            .values(status=_ACTIVE, generation=1, key_id=key_id, **next_session),
            _open_session(engine),
            _append(AuditEvent.CODE_REDEEMED),
            key=_KEY,
            tells=_TELLS,
        )
        self._rotate = engine.operation(
            update(table)
            .where(_this_generation, table.c.session_sequence == given(table.c.session_sequence, "seen_sequence"))
            .values(generation=table.c.generation + 1, key_id=key_id, rotated_at=_now, **next_session),
            _open_session(engine),
            _append(AuditEvent.TOKEN_REFRESHED),
            key=_KEY,
            tells=_TELLS,
        )
        self._renew = engine.operation(
            update(table).where(_this_generation).values(next_session),
            _open_session(engine),
            _append(AuditEvent.TOKEN_REFRESHED),
            key=_KEY,
            tells=_TELLS,
        )
        self._revoke = engine.operation(
            update(table).where(_this_row, table.c.status != _REVOKED).values(_OVER), append_record(), key=_KEY
        )
        self._record = engine.prepare(append_record())
        self._withdraw = engine.prepare(
            update(table)
            .where(
                table.c.environment_id == given(table.c.environment_id),
                table.c.user_id == given(table.c.user_id),
                table.c.client_id == given(table.c.client_id),
                table.c.status != _REVOKED,
            )
            .values(_OVER)
        )

    async def authorization(self, environment_id: EnvironmentId, authorization_id: RowId) -> Authorization | None:
        """Read one; see the port."""
        rows = await self._read({"environment_id": environment_id, "row_id": authorization_id})
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
            version,
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
            registry_version=version,
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
        note: AuditNote,
    ) -> bool:
        """Record a consent whose code is pending; see the port."""
        values = {
            "event_id": note.event_id,
            "address": note.address,
            "environment_id": environment_id,
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
        return await self._begin(values) is not None

    async def redeem(
        self,
        authorization: Authorization,
        *,
        key_id: int,
        now: Milliseconds,
        limits: SessionLimits,
        note: AuditNote,
    ) -> bool:
        """Consume the code and open session 1; see the port."""
        values = _values(authorization, now, limits, note) | _told(authorization)
        values["key"] = key_id
        return await self._redeem(values) is not None

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
        """Advance by one generation; see the port."""
        values = _values(authorization, now, limits, note) | _told(authorization)
        values["key"] = key_id
        values["seen_sequence"] = authorization.session_sequence
        values["consented_after"] = consented_after
        values["active_after"] = active_after
        return await self._rotate(values) is not None

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
        """Open another session; see the port."""
        values = _values(authorization, now, limits, note)
        values["consented_after"] = consented_after
        values["active_after"] = active_after
        row = await self._renew(values)
        return None if row is None else int(row[0])

    async def revoke(
        self, environment_id: EnvironmentId, authorization_id: RowId, *, now: Milliseconds, record: AuditRecord
    ) -> bool:
        """End an authorization; see the port."""
        values = record_values(record) | {"environment_id": environment_id, "row_id": authorization_id, "now": now}
        return await self._revoke(values) is not None

    async def withdraw(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        client_id: str,
        *,
        now: Milliseconds,
        record: AuditRecord,
    ) -> int:
        """End all authorizations of a user for an application; see the port."""
        values = {"environment_id": environment_id, "user_id": user_id, "client_id": client_id, "now": now}
        steps = ((self._withdraw, values), (self._record, record_values(record)))
        rows = await self._engine.apply(Change(steps))
        return 0 if rows is None else int(rows[0][0])


def _values(
    authorization: Authorization, now: Milliseconds, limits: SessionLimits, note: AuditNote
) -> dict[str, object]:
    """What every operation that opens a session needs to know."""
    return {
        "environment_id": authorization.environment_id,
        "row_id": authorization.authorization_id,
        "seen_generation": authorization.generation,
        "now": now,
        "user_epoch": authorization.user_epoch,
        "idle_seconds": limits.idle_seconds,
        "absolute_expires_at": limits.absolute_expires_at,
        "event_id": note.event_id,
        "address": note.address,
    }


def _told(authorization: Authorization) -> dict[str, object]:
    """What the row will tell, as far as it is certain: where the sequence is part of the condition, or is 0."""
    return {
        "sequence": authorization.session_sequence + 1,
        "user_id": authorization.user_id,
        "client_id": authorization.client_id,
        "salt": authorization.salt,
    }


def _open_session(engine: Engine) -> Insert:
    origin = literal_column(f"'{SessionOrigin.APPLICATION}'", String)
    return open_session(engine, origin=origin, opened_at=_now, last_seen_at=_now)


def _append(event: AuditEvent, now: ColumnElement[Any] = _now) -> Insert:
    """The record of a change to which nothing needs to be explained."""
    return append_record(
        at=now,
        event=literal_column(f"'{event}'", String),
        actor=given(table.c.user_id),
        reference=null(),
        reason=null(),
    )


def _read_authorization() -> Select[Any]:
    return (
        select(
            *(table.c[name] for name in _COLUMNS),
            users.c.username,
            users.c.is_active,
            users.c.session_epoch,
            installation.c.epoch,
            registry_version,
        )
        .select_from(table)
        .join(
            users,
            and_(users.c.environment_id == table.c.environment_id, users.c.user_id == table.c.user_id),
        )
        .join(environments, environments.c.environment_id == table.c.environment_id)
        .join(installation, installation.c.installation_id == 1)
        .where(_this_row)
    )
