"""Exchanges of JWTs over SQL: whether one was used, and the session that it opens, in one conditional write."""

from sqlalchemy import String, and_, insert, literal_column, null, select, true, update

from workgate.domain.accounts import SessionLimits, SessionOrigin, User
from workgate.domain.audit import AuditEvent, AuditNote
from workgate.domain.ids import Milliseconds, RowId
from workgate.domain.oauth import ApplicationKey, AuthorizationStatus
from workgate.storage.audit import append_record
from workgate.storage.engine import Engine, given
from workgate.storage.schema import application_keys, authorizations, used_jwts
from workgate.storage.sessions import open_session

_now = given(authorizations.c.active_at, "now")


class SqlExchangeStore:
    """``ports.ExchangeStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        table = authorizations
        # Both dialects write this construct alike; "where true" because SQLite would read "on" as a join's.
        columns = [given(used_jwts.c[name]) for name in ("environment_id", "expires_at", "digest")]
        used = (
            engine.insert(used_jwts)
            .from_select(["environment_id", "expires_at", "digest"], select(*columns).where(true()))
            .on_conflict_do_nothing()
        )
        row = {
            "environment_id": given(table.c.environment_id),
            "authorization_id": given(table.c.authorization_id, "row_id"),
            "client_id": given(table.c.client_id),
            "user_id": given(table.c.user_id),
            "redirect_uri": literal_column("''", String),
            "status": literal_column(str(AuthorizationStatus.ACTIVE.value)),
            "salt": given(table.c.salt),
            "key_id": given(table.c.key_id, "derived_under"),
            "generation": literal_column("0"),
            "session_sequence": literal_column("1"),
            "consented_at": _now,
            "code_expires_at": _now,
            "active_at": _now,
        }
        opened = open_session(
            engine,
            sequence=literal_column("1"),
            origin=literal_column(f"'{SessionOrigin.APPLICATION}'", String),
            opened_at=_now,
            last_seen_at=_now,
        )
        recorded = append_record(
            at=_now,
            event=literal_column(f"'{AuditEvent.JWT_EXCHANGED}'", String),
            actor=given(table.c.user_id),
            reference=null(),
            reason=null(),
        )
        key_used = (
            update(application_keys)
            .where(
                and_(
                    application_keys.c.environment_id == given(application_keys.c.environment_id),
                    application_keys.c.client_id == given(application_keys.c.client_id),
                    application_keys.c.key_id == given(application_keys.c.key_id),
                )
            )
            .values(last_used_at=_now)
        )
        self._exchange = engine.operation(
            used,
            insert(table).from_select(list(row), select(*row.values()).where(true())),
            opened,
            recorded,
            key_used,
            key={name: used_jwts.c[name] for name in ("environment_id", "expires_at", "digest")},
        )

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
        """Use a JWT up and open its session; see the port."""
        values = {
            "environment_id": key.environment_id,
            "expires_at": expires_at,
            "digest": digest,
            "row_id": row_id,
            "client_id": key.client_id,
            "user_id": user.user_id,
            "user_epoch": user.session_epoch,
            "salt": salt,
            "derived_under": key_id,
            "key_id": key.key_id,
            "now": now,
            "idle_seconds": limits.idle_seconds,
            "absolute_expires_at": limits.absolute_expires_at,
            "event_id": note.event_id,
            "address": note.address,
        }
        return await self._exchange(values) is not None
