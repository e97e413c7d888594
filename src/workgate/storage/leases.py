"""Leases over SQL."""

from sqlalchemy import BigInteger, String, cast, exists, insert, not_, or_, select, update

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import AlreadyExists
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import leases as table


class SqlLeaseStore:
    """``ports.LeaseStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        name, holder = given(table.c.name, "lease"), given(table.c.holder, "whose")
        now, until = given(table.c.expires_at, "now"), given(table.c.expires_at, "until")
        self._take = engine.prepare(
            update(table)
            .where(table.c.name == name, or_(table.c.expires_at <= now, table.c.holder == holder))
            .values(holder=holder, expires_at=until)
        )
        # Only the first time ever; after that the row stays.
        first = select(cast(name, String), cast(holder, String), cast(until, BigInteger))
        self._make = engine.prepare(
            insert(table).from_select(
                ["name", "holder", "expires_at"], first.where(not_(exists().where(table.c.name == name)))
            )
        )

    async def hold(self, name: str, holder: str, *, now: Milliseconds, until: Milliseconds) -> bool:
        """Take or renew a lease; see the port."""
        values = {"lease": name, "whose": holder, "now": now, "until": until}
        if await self._engine.apply(Change(((self._take, values),))) is not None:
            return True
        try:
            return await self._engine.apply(Change(((self._make, values),))) is not None
        except AlreadyExists:
            return False
