"""Applications that others have installed, over SQL: a row where they are, which says what the owner's row says."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Insert, and_, delete, false, func, insert, literal, null, select, true, update
from sqlalchemy.sql import ColumnElement, Select

from workgate.domain.audit import AuditRecord
from workgate.domain.central import CentralApplication
from workgate.domain.ids import EnvironmentId, Milliseconds
from workgate.domain.oauth import ApplicationType, AuthorizationStatus, ConsentPolicy
from workgate.storage.applications import PLAIN, applications_from, definition, is_definition, without_secrets
from workgate.storage.engine import Engine, Row, given
from workgate.storage.registry_changes import RegistryChanges, installed_elsewhere, withdrawal, withdrawn_values
from workgate.storage.schema import applications, authorizations, environments

_own_application = and_(
    applications.c.environment_id == given(applications.c.environment_id),
    applications.c.client_id == given(applications.c.client_id),
    applications.c.owner_environment_id.is_(None),
)
_here = applications.alias("here")
_this_lane = environments.alias("this_lane")


class SqlCentralStore:
    """``central.CentralStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changes = RegistryChanges(engine)
        can_be = (applications.c.type != ApplicationType.MACHINE.value) & (applications.c.is_central == false())
        changed = update(applications).where(_own_application)
        self._give = engine.prepare(changed.where(can_be).values(is_central=true()))
        self._keep = engine.prepare(changed.where(applications.c.is_central == true()).values(is_central=false()))
        self._withdraw = withdrawal(engine)
        self._count = engine.prepare(select(func.count()).select_from(applications).where(installed_elsewhere))
        self._available = engine.prepare(_available().order_by(applications.c.name, applications.c.client_id))
        self._in_lane = engine.prepare(_in_lane())
        self._serves = engine.prepare(_serves())
        self._install = engine.prepare(_install())
        self._uninstall = engine.prepare(
            delete(applications).where(
                applications.c.environment_id == given(applications.c.environment_id),
                applications.c.client_id == given(applications.c.client_id),
                applications.c.owner_environment_id.is_not(None),
            )
        )
        self._over = engine.prepare(
            update(authorizations)
            .where(
                authorizations.c.environment_id == given(authorizations.c.environment_id),
                authorizations.c.client_id == given(authorizations.c.client_id),
                authorizations.c.status != AuthorizationStatus.REVOKED.value,
            )
            .values(status=AuthorizationStatus.REVOKED.value, revoked_at=given(authorizations.c.revoked_at, "now"))
        )

    async def set_central(
        self, environment_id: EnvironmentId, client_id: str, *, central: bool, record: AuditRecord
    ) -> bool:
        """Let others install it or take it from them; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id}
        if central:
            return await self._changes.make_shared(record, client_id, (self._give, values))
        withdrawn = [(statement, values | withdrawn_values(record)) for statement in self._withdraw]
        return await self._changes.make_shared(record, client_id, (self._keep, values), *withdrawn)

    async def installations(self, environment_id: EnvironmentId, client_id: str) -> int:
        """Count them; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id}
        return int((await self._engine.fetch(self._count, values))[0][0])

    async def available(self, environment_id: EnvironmentId) -> Sequence[CentralApplication]:
        """List them; see the port."""
        rows = await self._engine.fetch(self._available, {"environment_id": environment_id})
        return [_central_from(row) for row in rows]

    async def in_lane(self, lane: str, client_id: str) -> CentralApplication | None:
        """Find one of a lane; see the port."""
        rows = await self._engine.fetch(self._in_lane, {"lane": lane, "client_id": client_id})
        return _central_from(rows[0]) if rows else None

    async def serves(self, domain: str, lane: str, client_id: str) -> bool:
        """Tell whether an organisation has it; see the port."""
        values = {"domain": domain, "lane": lane, "client_id": client_id}
        return bool(await self._engine.fetch(self._serves, values))

    async def install(
        self, environment_id: EnvironmentId, client_id: str, *, now: Milliseconds, record: AuditRecord
    ) -> bool:
        """Install one; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id, "now": now}
        return await self._changes.install(record, (self._install, values), (self._over, values))

    async def uninstall(
        self, environment_id: EnvironmentId, client_id: str, *, now: Milliseconds, record: AuditRecord
    ) -> bool:
        """Take one away; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id, "now": now}
        return await self._changes.make(record, (self._uninstall, values), (self._over, values))


def _central(installed_at: ColumnElement[Any]) -> Select[Any]:
    """Applications that others may have, with their owners."""
    return (
        select(*without_secrets(applications), environments.c.domain, environments.c.name, installed_at)
        .select_from(applications)
        .join(environments, environments.c.environment_id == applications.c.environment_id)
        .where(applications.c.is_central == true())
    )


def _available() -> Select[Any]:
    here = given(applications.c.environment_id)
    return (
        _central(_here.c.created_at)
        .join(_this_lane, and_(_this_lane.c.lane == environments.c.lane, _this_lane.c.environment_id == here))
        .outerjoin(
            _here,
            and_(
                _here.c.environment_id == _this_lane.c.environment_id,
                _here.c.client_id == applications.c.client_id,
                _here.c.owner_environment_id == applications.c.environment_id,
            ),
        )
        .where(applications.c.environment_id != here)
    )


def _in_lane() -> Select[Any]:
    return _central(null()).where(
        applications.c.client_id == given(applications.c.client_id), environments.c.lane == given(environments.c.lane)
    )


def _serves() -> Select[Any]:
    return (
        select(literal(1))
        .select_from(environments)
        .join(applications, applications.c.environment_id == environments.c.environment_id)
        .join(definition, is_definition)
        .where(
            environments.c.domain == given(environments.c.domain),
            environments.c.lane == given(environments.c.lane),
            applications.c.client_id == given(applications.c.client_id),
            definition.c.is_central == true(),
        )
    )


def _install() -> Insert:
    here = given(applications.c.environment_id)
    own: dict[str, ColumnElement[Any]] = {
        "environment_id": here,
        "created_at": given(applications.c.created_at, "now"),
        # Its owner's users may be spared the question, these have not been.
        "consent": literal(ConsentPolicy.ALWAYS.value),
    }
    columns = {name: own.get(name, applications.c[name]) for name in PLAIN}
    columns |= {"owner_environment_id": applications.c.environment_id}
    source = (
        _available()
        .with_only_columns(*columns.values())
        .where(applications.c.client_id == given(applications.c.client_id), _here.c.client_id.is_(None))
    )
    return insert(applications).from_select(list(columns), source)


def _central_from(row: Row) -> CentralApplication:
    *columns, domain, name, installed_at = row
    (application,) = applications_from([columns])
    return CentralApplication(application=application, owner_domain=domain, owner_name=name, installed_at=installed_at)
