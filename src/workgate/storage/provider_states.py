"""What is known of identity providers besides their settings, over SQL."""

from collections.abc import Mapping

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.provider_states import ProviderState
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import federated_users, users
from workgate.storage.schema import identity_providers as table

_of_environment = table.c.environment_id == given(table.c.environment_id)
_this_provider = and_(_of_environment, table.c.provider_id == given(table.c.provider_id))


class SqlProviderStateStore:
    """``provider_states.ProviderStateStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        connected = and_(
            federated_users.c.environment_id == table.c.environment_id,
            federated_users.c.provider_id == table.c.provider_id,
        )
        whose = and_(
            users.c.environment_id == federated_users.c.environment_id, users.c.user_id == federated_users.c.user_id
        )
        people: ColumnElement[int] = func.count(users.c.user_id.distinct())
        without: ColumnElement[int] = func.count(case((users.c.sso_only.is_(True), users.c.user_id)).distinct())
        self._states = engine.prepare(
            select(table.c.provider_id, table.c.tested_at, people, without)
            .select_from(table.outerjoin(federated_users, connected).outerjoin(users, whose))
            .where(_of_environment)
            .group_by(table.c.provider_id, table.c.tested_at)
        )
        but = given(table.c.provider_id, "but")
        self._works = engine.prepare(
            select(table.c.provider_id)
            .where(
                _of_environment,
                table.c.enabled.is_(True),
                table.c.tested_at.is_not(None),
                or_(but.is_(None), table.c.provider_id != but),
            )
            .limit(1)
        )
        self._tested = engine.prepare(
            update(table).where(_this_provider).values(tested_at=given(table.c.tested_at, "now"))
        )
        self._record = engine.prepare(append_record())

    async def states(self, environment_id: EnvironmentId) -> Mapping[RowId, ProviderState]:
        """Give the state of each provider; see the port."""
        rows = await self._engine.fetch(self._states, {"environment_id": environment_id})
        return {row[0]: ProviderState(*row[1:]) for row in rows}

    async def works(self, environment_id: EnvironmentId, *, but: RowId | None = None) -> bool:
        """Tell whether there is one that is on and was tested; see the port."""
        return bool(await self._engine.fetch(self._works, {"environment_id": environment_id, "but": but}))

    async def tested(
        self, environment_id: EnvironmentId, provider_id: RowId, now: Milliseconds, *, record: AuditRecord
    ) -> bool:
        """Note that one works; see the port."""
        values = {"environment_id": environment_id, "provider_id": provider_id, "now": now}
        change = Change(((self._tested, values), (self._record, record_values(record))))
        return await self._engine.apply(change) is not None
