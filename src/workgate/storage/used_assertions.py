"""SAML assertions that were used, over SQL: one insert, which only the first of several makes."""

from sqlalchemy import select, true

from workgate.domain.ids import EnvironmentId, Milliseconds
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import used_assertions as table

_COLUMNS = ("environment_id", "expires_at", "digest")


class SqlUsedAssertionStore:
    """``sso_ports.UsedAssertionStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Both dialects write this construct alike; "where true" because SQLite would read "on" as a join's.
        row = select(*(given(table.c[name]) for name in _COLUMNS)).where(true())
        self._use = engine.prepare(engine.insert(table).from_select(list(_COLUMNS), row).on_conflict_do_nothing())

    async def use(self, environment_id: EnvironmentId, digest: bytes, *, until: Milliseconds) -> bool:
        """Use one; see the port."""
        values = {"environment_id": environment_id, "expires_at": until, "digest": digest}
        return await self._engine.apply(Change(((self._use, values),))) is not None
