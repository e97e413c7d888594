"""Public keys of applications over SQL; they are few, seldom used, and never remembered."""

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, delete, func, insert, literal, select

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, RowId
from workgate.domain.oauth import ApplicationKey
from workgate.storage.engine import Engine, given
from workgate.storage.registry_changes import RegistryChanges
from workgate.storage.schema import application_keys as table
from workgate.storage.schema import applications

_COLUMNS = (
    "environment_id",
    "client_id",
    "key_id",
    "user_id",
    "note",
    "public_key",
    "fingerprint",
    "bits",
    "created_at",
    "last_used_at",
)
_of_application = and_(
    table.c.environment_id == given(table.c.environment_id), table.c.client_id == given(table.c.client_id)
)


class SqlApplicationKeyStore:
    """``ports.ApplicationKeyStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changes = RegistryChanges(engine)
        self._all = engine.prepare(
            select(*(table.c[name] for name in _COLUMNS)).where(_of_application).order_by(table.c.key_id)
        )
        there = (
            select(literal(1))
            .select_from(applications)
            .where(
                applications.c.environment_id == given(applications.c.environment_id),
                applications.c.client_id == given(applications.c.client_id),
                applications.c.owner_environment_id.is_(None),
            )
            .exists()
        )
        same = select(literal(1)).where(_of_application, table.c.fingerprint == given(table.c.fingerprint)).exists()
        count = select(func.count()).select_from(table).where(_of_application).scalar_subquery()
        self._add = engine.prepare(
            insert(table).from_select(
                list(_COLUMNS),
                select(*(given(table.c[name]) for name in _COLUMNS)).where(there, ~same, count < bindparam("at_most")),
            )
        )
        self._delete = engine.prepare(delete(table).where(_of_application, table.c.key_id == given(table.c.key_id)))

    async def keys(self, environment_id: EnvironmentId, client_id: str) -> Sequence[ApplicationKey]:
        """List an application's keys; see the port."""
        rows = await self._engine.fetch(self._all, {"environment_id": environment_id, "client_id": client_id})
        return [ApplicationKey(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    async def add_key(self, key: ApplicationKey, *, at_most: int, record: AuditRecord) -> bool:
        """Add one; see the port."""
        values = {name: getattr(key, name) for name in _COLUMNS}
        return await self._changes.make(record, (self._add, {**values, "at_most": at_most}))

    async def delete_key(
        self, environment_id: EnvironmentId, client_id: str, key_id: RowId, *, record: AuditRecord
    ) -> bool:
        """Delete one; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id, "key_id": key_id}
        return await self._changes.make(record, (self._delete, values))
