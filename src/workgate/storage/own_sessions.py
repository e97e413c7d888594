"""A person's own sessions over SQL: found by the index of those that belong to no application."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, and_, cast, delete, select
from sqlalchemy.sql import ColumnElement

from workgate.domain.accounts import SessionOrigin, User
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import Milliseconds, RowId
from workgate.domain.own_sessions import OwnSession
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, Prepared, given
from workgate.storage.schema import sessions as table

_of_person: ColumnElement[bool] = and_(
    table.c.environment_id == given(table.c.environment_id),
    table.c.user_id == given(table.c.user_id),
    table.c.client_id.is_(None),
)


class SqlOwnSessionStore:
    """``sign_in_ports.OwnSessionStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Which there are is all in the index, and asked alone: else an engine that does not know how full the table is
        # walks the whole environment along the primary key.
        self._ids = engine.prepare(
            select(table.c.row_id).where(_of_person, table.c.user_epoch == given(table.c.user_epoch))
        )
        now = given(table.c.last_seen_at, "now")
        names = ("row_id", "origin", "opened_at", "last_seen_at", "address", "agent")
        self._read = engine.lookup(
            select(*(table.c[name] for name in names)).where(
                table.c.environment_id == given(table.c.environment_id),
                table.c.row_id == given(table.c.row_id),
                table.c.slot == 0,
                table.c.absolute_expires_at > now,
                table.c.last_seen_at + cast(table.c.idle_seconds, BigInteger) * 1000 > now,
            )
        )
        self._end = engine.prepare(delete(table).where(_of_person, table.c.row_id == given(table.c.row_id)))
        self._end_others = engine.prepare(delete(table).where(_of_person, table.c.row_id != given(table.c.row_id)))
        self._record = engine.prepare(append_record())

    async def sessions_of(
        self, user: User, *, now: Milliseconds, before: RowId | None, limit: int
    ) -> Sequence[OwnSession]:
        """List those that live; see the port."""
        person = {"environment_id": user.environment_id, "user_id": user.user_id, "user_epoch": user.session_epoch}
        ids = [row[0] for row in await self._engine.fetch(self._ids, person)]
        found: list[OwnSession] = []
        for row_id in sorted((row_id for row_id in ids if before is None or row_id < before), reverse=True):
            values = {"environment_id": user.environment_id, "row_id": row_id, "now": now}
            for _, origin, *rest in await self._read(values):
                found.append(OwnSession(row_id, SessionOrigin(origin), *rest))
            if len(found) == limit:
                break
        return found

    async def end_own(self, user: User, row_id: RowId, *, record: AuditRecord) -> bool:
        """End one; see the port."""
        return await self._make(self._end, user, row_id, record)

    async def end_others(self, user: User, row_id: RowId, *, record: AuditRecord) -> bool:
        """End all but one; see the port."""
        return await self._make(self._end_others, user, row_id, record)

    async def _make(self, statement: Prepared, user: User, row_id: RowId, record: AuditRecord) -> bool:
        values = {"environment_id": user.environment_id, "user_id": user.user_id, "row_id": row_id}
        change = Change(((statement, values), (self._record, record_values(record))))
        return await self._engine.apply(change) is not None
