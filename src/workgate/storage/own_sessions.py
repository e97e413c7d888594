"""A person's own sessions over SQL: found by the index of those that belong to no application."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Integer, and_, bindparam, cast, delete, select, tuple_
from sqlalchemy.sql import ColumnElement

from workgate.domain.accounts import SessionOrigin, User
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import Milliseconds, RowId
from workgate.domain.own_sessions import OwnSession
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, Prepared, given
from workgate.storage.schema import sessions as table

_LAST_ID = 2**63 - 1
_of_person: ColumnElement[bool] = and_(
    table.c.environment_id == given(table.c.environment_id),
    table.c.user_id == given(table.c.user_id),
    table.c.client_id.is_(None),
)


def _among(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Rows of the person, first found by their keys, which the index holds: else SQLite walks the whole environment."""
    keys = select(*table.primary_key).where(_of_person, which)
    return tuple_(*table.primary_key).in_(keys)


class SqlOwnSessionStore:
    """``sign_in_ports.OwnSessionStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        now = given(table.c.last_seen_at, "now")
        names = ("row_id", "origin", "opened_at", "last_seen_at", "address", "agent")
        self._list = engine.prepare(
            select(*(table.c[name] for name in names))
            .where(
                _among(table.c.row_id < given(table.c.row_id, "before")),
                table.c.user_epoch == given(table.c.user_epoch),
                table.c.absolute_expires_at > now,
                table.c.last_seen_at + cast(table.c.idle_seconds, BigInteger) * 1000 > now,
            )
            .order_by(table.c.row_id.desc())
            .limit(bindparam("limit", type_=Integer))
        )
        self._end = engine.prepare(delete(table).where(_of_person, table.c.row_id == given(table.c.row_id)))
        self._end_others = engine.prepare(delete(table).where(_among(table.c.row_id != given(table.c.row_id))))
        self._record = engine.prepare(append_record())

    async def sessions_of(
        self, user: User, *, now: Milliseconds, before: RowId | None, limit: int
    ) -> Sequence[OwnSession]:
        """List those that live; see the port."""
        values = {
            "environment_id": user.environment_id,
            "user_id": user.user_id,
            "user_epoch": user.session_epoch,
            "before": _LAST_ID if before is None else before,
            "now": now,
            "limit": limit,
        }
        rows = await self._engine.fetch(self._list, values)
        return [OwnSession(row_id, SessionOrigin(origin), *rest) for row_id, origin, *rest in rows]

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
