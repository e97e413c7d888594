"""The audit log's table over SQL."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import bindparam, insert, select

from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import EnvironmentId
from workgate.storage.engine import Change, Engine, Row
from workgate.storage.schema import audit_events as table

_COLUMNS = tuple(field.name for field in fields(AuditRecord))


class SqlAuditStore:
    """``ports.AuditStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rows = select(*(table.c[name] for name in _COLUMNS))
        self._append = engine.prepare(insert(table).values({name: bindparam(name) for name in _COLUMNS}))
        self._by_reference = engine.prepare(
            rows.where(table.c.reference == bindparam("reference")).order_by(table.c.event_id)
        )
        self._latest = engine.prepare(
            rows.where(table.c.environment_id == bindparam("environment_id"))
            .order_by(table.c.event_id.desc())
            .limit(bindparam("limit"))
        )

    def append(self, records: Sequence[AuditRecord]) -> None:
        """Write records without waiting; see the port."""
        for record in records:
            values = {name: getattr(record, name) for name in _COLUMNS}
            self._engine.post(Change(((self._append, values),)))

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
