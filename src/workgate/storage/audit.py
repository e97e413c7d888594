"""The audit log's table over SQL."""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import Insert, bindparam, insert, select
from sqlalchemy.sql import ColumnElement

from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import EnvironmentId
from workgate.storage.engine import Engine, Row, given
from workgate.storage.schema import audit_events as table

_COLUMNS = tuple(field.name for field in fields(AuditRecord))
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


def _record(row: Row) -> AuditRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    return AuditRecord(**values | {"event": AuditEvent(values["event"])})
