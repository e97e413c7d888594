"""Sign-ins that went to a provider, over SQL: each is used up by one conditional delete."""

from dataclasses import asdict

from sqlalchemy import and_, delete, insert, select, update

from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.sso import Purpose, SignInRequest
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import sign_in_requests as table

_COLUMNS = (
    "environment_id",
    "request_id",
    "provider_id",
    "purpose",
    "target",
    "browser",
    "salt",
    "key_id",
    "expires_at",
    "arrived",
)
_live = and_(
    table.c.environment_id == given(table.c.environment_id),
    table.c.request_id == given(table.c.request_id),
    table.c.expires_at > given(table.c.expires_at, "now"),
)


class SqlSignInRequestStore:
    """``sso_ports.SignInRequestStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begin = engine.prepare(insert(table))
        self._one = engine.prepare(select(*(table.c[name] for name in _COLUMNS)).where(_live))
        self._arrive = engine.prepare(
            update(table).where(_live, table.c.arrived.is_(None)).values(arrived=given(table.c.arrived, "new_arrived"))
        )
        self._use = engine.prepare(delete(table).where(_live))

    async def begin(self, request: SignInRequest) -> None:
        """Keep one; see the port."""
        await self._engine.apply(Change(((self._begin, {**asdict(request), "purpose": request.purpose.value}),)))

    async def request(
        self, environment_id: EnvironmentId, request_id: RowId, *, now: Milliseconds
    ) -> SignInRequest | None:
        """Find one; see the port."""
        values = {"environment_id": environment_id, "request_id": request_id, "now": now}
        rows = await self._engine.fetch(self._one, values)
        if not rows:
            return None
        found = dict(zip(_COLUMNS, rows[0], strict=True))
        binary = {name: bytes(found[name]) for name in ("browser", "salt")}
        return SignInRequest(**{**found, **binary, "purpose": Purpose(found["purpose"])})

    async def arrive(self, request: SignInRequest, arrived: str, *, now: Milliseconds) -> bool:
        """Note what arrived; see the port."""
        values = {**_key(request), "new_arrived": arrived, "now": now}
        return await self._engine.apply(Change(((self._arrive, values),))) is not None

    async def use(self, request: SignInRequest, *, now: Milliseconds) -> bool:
        """Use one up; see the port."""
        return await self._engine.apply(Change(((self._use, {**_key(request), "now": now}),))) is not None


def _key(request: SignInRequest) -> dict[str, object]:
    return {"environment_id": request.environment_id, "request_id": request.request_id}
