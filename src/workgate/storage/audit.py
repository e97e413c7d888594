"""The audit log's table over SQL."""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import Insert, Subquery, and_, bindparam, insert, or_, select
from sqlalchemy.sql import ColumnElement

from workgate.domain.audit import AuditEvent, AuditFilter, AuditPage, AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId, first_row_id
from workgate.storage.engine import Engine, Row, given
from workgate.storage.schema import audit_events as table

_COLUMNS = tuple(field.name for field in fields(AuditRecord))
_FILTERED = ("event", "actor", "client_id", "address")
_MOST_LOOKED_AT = 20_000
"""How many records one page looks at: a filter that nothing matches does not read the whole log at once."""
_CLOCK_SET_BACK = 60_000
_LAST_ID = 2**63 - 1
_pick = attrgetter(*_COLUMNS)


def append_record(**known: ColumnElement[Any]) -> Insert:
    """The statement that writes a record, alone or as a step of the operation that it tells of.

    Args:
        known: columns that the operation knows otherwise than as a parameter of the column's name.
    """
    return insert(table).values({name: known.get(name, given(table.c[name])) for name in _COLUMNS})


def record_values(record: AuditRecord) -> dict[str, object]:
    """The parameters of ``append_record``."""
    return dict(zip(_COLUMNS, _pick(record), strict=True))


class SqlAuditStore:
    """``ports.AuditStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rows = select(*(table.c[name] for name in _COLUMNS))
        key = {"environment_id": table.c.environment_id, "event_id": table.c.event_id}
        self._append = engine.operation(append_record(), key=key)
        self._by_reference = engine.prepare(
            rows.where(table.c.reference == given(table.c.reference)).order_by(table.c.event_id)
        )
        before = table.c.event_id < bindparam("before", type_=table.c.event_id.type)
        after = table.c.event_id >= bindparam("from_id", type_=table.c.event_id.type)
        of_environment = table.c.environment_id == given(table.c.environment_id)
        looked_at = (
            rows.where(of_environment, before, after)
            .order_by(table.c.event_id.desc())
            .limit(_MOST_LOOKED_AT)
            .subquery("looked_at")
        )
        self._find = engine.prepare(
            select(*(looked_at.c[name] for name in _COLUMNS))
            .where(*(_matches(looked_at, name) for name in _FILTERED), _within(looked_at))
            .order_by(looked_at.c.event_id.desc())
            .limit(bindparam("limit"))
        )
        self._end = engine.prepare(
            select(table.c.event_id)
            .where(of_environment, before, after)
            .order_by(table.c.event_id.desc())
            .limit(1)
            .offset(_MOST_LOOKED_AT - 1)
        )
        self._latest = engine.prepare(
            rows.where(table.c.environment_id == given(table.c.environment_id))
            .order_by(table.c.event_id.desc())
            .limit(bindparam("limit"))
        )

    def append(self, records: Sequence[AuditRecord]) -> None:
        """Write records without waiting; see the port."""
        for record in records:
            self._append.post(record_values(record))

    async def by_reference(self, reference: str) -> Sequence[AuditRecord]:
        """Find what a reference stands for; see the port."""
        return [_record(row) for row in await self._engine.fetch(self._by_reference, {"reference": reference})]

    async def latest(self, environment_id: EnvironmentId, limit: int) -> Sequence[AuditRecord]:
        """Give the newest records; see the port."""
        values = {"environment_id": environment_id, "limit": limit}
        return [_record(row) for row in await self._engine.fetch(self._latest, values)]

    async def find(
        self, environment_id: EnvironmentId, wanted: AuditFilter, *, before: RowId | None, limit: int
    ) -> AuditPage:
        """Give a page of what matches; see the port."""
        if wanted.reference is not None:
            found = [
                record
                for record in await self.by_reference(wanted.reference)
                if record.environment_id == environment_id and (before is None or record.event_id < before)
            ]
            return AuditPage([record for record in found if _is_wanted(record, wanted)][:limit], None)
        values: dict[str, object] = {name: getattr(wanted, name) for name in _FILTERED}
        span = {
            "environment_id": environment_id,
            "before": _LAST_ID if before is None else min(max(0, before), _LAST_ID),
            "from_id": 0,
        }
        # IDs are ordered by time, but for clocks that were set back a little.
        if wanted.since is not None:
            span["from_id"] = first_row_id(Milliseconds(wanted.since - _CLOCK_SET_BACK))
        if wanted.until is not None:
            span["before"] = min(span["before"], first_row_id(Milliseconds(wanted.until + _CLOCK_SET_BACK)))
        times = {
            "since": min(max(0, wanted.since or 0), _LAST_ID),
            "until": _LAST_ID if wanted.until is None else min(max(0, wanted.until), _LAST_ID),
        }
        rows = await self._engine.fetch(self._find, {**span, **values, **times, "limit": limit})
        records = [_record(row) for row in rows]
        if len(records) == limit:
            return AuditPage(records, records[-1].event_id)
        end = await self._engine.fetch(self._end, span)
        return AuditPage(records, end[0][0] if end else None)


def _matches(rows: Subquery, name: str) -> ColumnElement[bool]:
    value = bindparam(name, type_=rows.c[name].type)
    return or_(value.is_(None), rows.c[name] == value)


def _within(rows: Subquery) -> ColumnElement[bool]:
    kind = rows.c.at.type
    return and_(rows.c.at >= bindparam("since", type_=kind), rows.c.at < bindparam("until", type_=kind))


def _is_wanted(record: AuditRecord, wanted: AuditFilter) -> bool:
    same = all(getattr(wanted, name) in {None, getattr(record, name)} for name in _FILTERED)
    return same and (wanted.since or 0) <= record.at < (_LAST_ID if wanted.until is None else wanted.until)


def _record(row: Row) -> AuditRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    return AuditRecord(**values | {"event": AuditEvent(values["event"])})
