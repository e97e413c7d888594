"""Which identity providers were seen to work, over SQL: a column of theirs."""

from sqlalchemy import and_, select, update

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import identity_providers as table

_of_environment = table.c.environment_id == given(table.c.environment_id)
_this_provider = and_(_of_environment, table.c.provider_id == given(table.c.provider_id))


class SqlProviderTestStore:
    """``provider_tests.ProviderTestStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._any = engine.prepare(
            select(table.c.provider_id)
            .where(_of_environment, table.c.enabled.is_(True), table.c.tested_at.is_not(None))
            .limit(1)
        )
        self._when = engine.prepare(select(table.c.tested_at).where(_this_provider))
        self._tested = engine.prepare(
            update(table).where(_this_provider).values(tested_at=given(table.c.tested_at, "now"))
        )
        self._record = engine.prepare(append_record())

    async def is_any_tested(self, environment_id: EnvironmentId) -> bool:
        """Tell whether the environment has one that is on and was tested; see the port."""
        return bool(await self._engine.fetch(self._any, {"environment_id": environment_id}))

    async def tested(
        self, environment_id: EnvironmentId, provider_id: RowId, now: Milliseconds, *, record: AuditRecord
    ) -> bool:
        """Note that one works; see the port."""
        values = {"environment_id": environment_id, "provider_id": provider_id, "now": now}
        change = Change(((self._tested, values), (self._record, record_values(record))))
        return await self._engine.apply(change) is not None

    async def tested_at(self, environment_id: EnvironmentId, provider_id: RowId) -> Milliseconds | None:
        """Tell when one was last seen to work; see the port."""
        values = {"environment_id": environment_id, "provider_id": provider_id}
        rows = await self._engine.fetch(self._when, values)
        return rows[0][0] if rows else None
