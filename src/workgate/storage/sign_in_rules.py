"""The rules of signing in over SQL: one JSON text for each environment, the defaults where there is none."""

import msgspec
from sqlalchemy import select

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId
from workgate.domain.signing_in import SignInRules
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import sign_in_rules as table


class SqlSignInRulesStore:
    """``sign_in_ports.SignInRulesStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = engine.prepare(
            select(table.c.rules).where(table.c.environment_id == given(table.c.environment_id))
        )
        statement = engine.insert(table).values(
            environment_id=given(table.c.environment_id), rules=given(table.c.rules)
        )
        self._write = engine.prepare(
            statement.on_conflict_do_update(index_elements=["environment_id"], set_={"rules": statement.excluded.rules})
        )
        self._record = engine.prepare(append_record())

    async def rules(self, environment_id: EnvironmentId) -> SignInRules:
        """Give an environment's rules; see the port."""
        rows = await self._engine.fetch(self._read, {"environment_id": environment_id})
        return msgspec.json.decode(rows[0][0], type=SignInRules) if rows else SignInRules()

    async def set_rules(self, environment_id: EnvironmentId, rules: SignInRules, *, record: AuditRecord) -> None:
        """Write them; see the port."""
        values = {"environment_id": environment_id, "rules": msgspec.json.encode(rules).decode()}
        await self._engine.apply(Change(((self._write, values), (self._record, record_values(record)))))
