"""Changes of what an environment has registered: counted, so that whoever remembers it notices, and put on record.

Who installs an application that others own and who changes it wait for each other at the installation's row, which is
always the last that is locked: nobody is left with what its owner has just taken back.
"""

from collections.abc import Sequence

from sqlalchemy import and_, delete, insert, literal, select, update

from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, Prepared, Values, given
from workgate.storage.schema import applications, audit_events, environments, installation

_this_application = and_(
    applications.c.environment_id == given(applications.c.environment_id),
    applications.c.client_id == given(applications.c.client_id),
)
installed_elsewhere = and_(
    applications.c.owner_environment_id == given(applications.c.environment_id),
    applications.c.client_id == given(applications.c.client_id),
)
"""The rows of an application in the environments that installed it."""


class RegistryChanges:
    """Makes changes of an environment's applications, and puts them on record in the same commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._record = engine.prepare(append_record())
        self._count = engine.prepare(
            update(environments)
            .where(environments.c.environment_id == given(environments.c.environment_id))
            .values(registry_version=environments.c.registry_version + 1)
        )
        counted = update(installation).where(installation.c.installation_id == 1)
        counted = counted.values(central_version=installation.c.central_version + 1)
        central = select(literal(1)).select_from(applications).where(_this_application, applications.c.is_central)
        self._count_central = engine.prepare(counted.where(central.exists()))
        self._count_install = engine.prepare(counted)

    async def make(self, record: AuditRecord, *steps: tuple[Prepared, Values]) -> bool:
        """Make a change and count it, which comes first: so changes of one environment wait for each other.

        Returns:
            False: its first step touched nothing, so nothing was changed and nothing recorded.
        """
        return await self._make(record, steps)

    async def make_shared(self, record: AuditRecord, client_id: str, *steps: tuple[Prepared, Values]) -> bool:
        """The same for what others can have installed, who remember it too; it waits for whoever is installing it."""
        values = {"environment_id": record.environment_id, "client_id": client_id}
        return await self._make(record, steps, (self._count_central, values))

    async def install(self, record: AuditRecord, *steps: tuple[Prepared, Values]) -> bool:
        """The same where what others own is installed: it waits for its owner."""
        return await self._make(record, steps, (self._count_install, {}))

    async def _make(
        self, record: AuditRecord, steps: Sequence[tuple[Prepared, Values]], *counted: tuple[Prepared, Values]
    ) -> bool:
        before = ((self._count, {"environment_id": record.environment_id}), *counted)
        recorded = (self._record, record_values(record))
        return await self._engine.apply(Change((*steps, recorded), before=before)) is not None


def withdrawal(engine: Engine) -> Sequence[Prepared]:
    """Statements that take an application from every environment which has it installed, and tell each why."""
    told = {
        "environment_id": applications.c.environment_id,
        "event_id": given(audit_events.c.event_id),
        "at": given(audit_events.c.at),
        "event": literal(AuditEvent.APPLICATION_UNINSTALLED.value),
        "client_id": applications.c.client_id,
        "reason": literal("its owner does not give it to other organisations any more"),
    }
    recorded = insert(audit_events).from_select(list(told), select(*told.values()).where(installed_elsewhere))
    return engine.prepare(recorded), engine.prepare(delete(applications).where(installed_elsewhere))


def withdrawn_values(record: AuditRecord) -> dict[str, object]:
    """What they need besides the application's owner and client_id."""
    return {"event_id": record.event_id, "at": record.at}
