"""Which applications may act for whom, over SQL: authorizations in use, taken together by user and application.

A user's are found by one index, an application's by another. Whoever counts looks at so many rows and no further.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, and_, bindparam, case, cast, func, literal_column, select
from sqlalchemy.sql import ColumnElement

from workgate.domain.accounts import SESSION_SLOTS, Environment
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId
from workgate.domain.oauth import ApplicationType, AuthorizationStatus, Connection, ConnectionCount
from workgate.storage.engine import Engine, Row, given
from workgate.storage.schema import applications, authorizations, sessions, users

_NEVER = 2**61
_MOST_COUNTED = 10_000
_now = bindparam("now", type_=BigInteger)


def _lifetime(column: ColumnElement[Any], machine: str) -> ColumnElement[Any]:
    """So many milliseconds; what a machine holds is a session, and lives as long as one."""
    registered = func.coalesce(cast(column, BigInteger) * 1000, literal_column(str(_NEVER)))
    of_session = bindparam(machine, type_=BigInteger)
    return case((applications.c.type == ApplicationType.MACHINE.value, of_session), else_=registered)


def _rows() -> Select[Any]:
    """Authorizations that are in use and not expired, each with its application, its user and when it ends."""
    table = authorizations
    absolute = table.c.consented_at + _lifetime(applications.c.refresh_absolute_seconds, "machine_absolute")
    inactivity = table.c.active_at + _lifetime(applications.c.refresh_inactivity_seconds, "machine_idle")
    newest = table.c.session_sequence % literal_column(str(SESSION_SLOTS))
    return (
        select(
            table.c.client_id,
            table.c.user_id,
            users.c.username,
            applications.c.name,
            table.c.consented_at,
            table.c.active_at,
            func.coalesce(sessions.c.opened_at, table.c.rotated_at).label("token_at"),
            case((absolute < inactivity, absolute), else_=inactivity).label("expires_at"),
        )
        .select_from(table)
        .join(
            applications,
            and_(
                applications.c.environment_id == table.c.environment_id, applications.c.client_id == table.c.client_id
            ),
        )
        .join(users, and_(users.c.environment_id == table.c.environment_id, users.c.user_id == table.c.user_id))
        .outerjoin(
            sessions,
            and_(
                sessions.c.environment_id == table.c.environment_id,
                sessions.c.row_id == table.c.authorization_id,
                sessions.c.slot == newest,
                sessions.c.sequence == table.c.session_sequence,
            ),
        )
        .where(
            table.c.environment_id == given(table.c.environment_id),
            table.c.status == AuthorizationStatus.ACTIVE.value,
            case((absolute < inactivity, absolute), else_=inactivity) > _now,
        )
    )


class SqlConnectionStore:
    """``ports.ConnectionStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        of_user = authorizations.c.user_id == given(authorizations.c.user_id)
        of_client = authorizations.c.client_id == given(authorizations.c.client_id)
        self._of_user = engine.prepare(_together(_rows().where(of_user)).order_by("name", "client_id"))
        following = authorizations.c.user_id > bindparam("after", type_=authorizations.c.user_id.type)
        limit = bindparam("limit", type_=Integer)
        self._of_client = engine.prepare(
            _together(_rows().where(of_client, following)).order_by("user_id").limit(limit)
        )
        some = _rows().where(of_client).order_by(authorizations.c.user_id).limit(limit).subquery("some")
        person = (
            select(
                some.c.user_id,
                func.max(some.c.token_at).label("token_at"),
                func.max(some.c.expires_at).label("expires_at"),
                func.count().label("rows"),
            )
            .group_by(some.c.user_id)
            .subquery("person")
        )
        soon = person.c.expires_at <= bindparam("soon", type_=BigInteger)
        self._count = engine.prepare(
            select(
                func.count(),
                func.coalesce(func.sum(case((soon, 1), else_=0)), 0),
                func.max(person.c.token_at),
                func.coalesce(func.sum(person.c.rows), 0),
            ).select_from(person)
        )

    async def of_user(self, environment: Environment, user_id: ObjectId, *, now: Milliseconds) -> Sequence[Connection]:
        """List what may act for a user; see the port."""
        rows = await self._engine.fetch(self._of_user, _values(environment, now) | {"user_id": user_id})
        return [_connection(row) for row in rows]

    async def of_application(
        self, environment: Environment, client_id: str, *, now: Milliseconds, after: str, limit: int
    ) -> Sequence[Connection]:
        """List for whom an application may act; see the port."""
        values = _values(environment, now) | {"client_id": client_id, "after": after, "limit": limit}
        return [_connection(row) for row in await self._engine.fetch(self._of_client, values)]

    async def count(
        self, environment: Environment, client_id: str, *, now: Milliseconds, soon: Milliseconds
    ) -> ConnectionCount:
        """Count for how many; see the port."""
        values = _values(environment, now) | {"client_id": client_id, "soon": soon, "limit": _MOST_COUNTED}
        ((people, expiring, token_at, seen),) = await self._engine.fetch(self._count, values)
        return ConnectionCount(
            users=int(people), expiring=int(expiring), last_token_at=token_at, more=int(seen) >= _MOST_COUNTED
        )


def _together(rows: Select[Any]) -> Select[Any]:
    """One row for each user and application. Never ends what has no end."""
    one = rows.subquery("one")
    return select(
        one.c.client_id,
        one.c.user_id,
        func.max(one.c.username).label("username"),
        func.max(one.c.name).label("name"),
        func.min(one.c.consented_at).label("since"),
        func.max(one.c.active_at).label("active_at"),
        func.max(one.c.token_at).label("token_at"),
        func.max(one.c.expires_at).label("expires_at"),
    ).group_by(one.c.client_id, one.c.user_id)


def _values(environment: Environment, now: Milliseconds) -> dict[str, object]:
    return {
        "environment_id": EnvironmentId(environment.environment_id),
        "machine_idle": environment.session_idle_seconds * 1000,
        "machine_absolute": environment.session_absolute_seconds * 1000,
        "now": now,
    }


def _connection(row: Row) -> Connection:
    client_id, user_id, username, name, since, active_at, token_at, expires_at = row
    return Connection(
        client_id=client_id,
        user_id=user_id,
        username=username,
        application=name,
        since=since,
        last_used_at=active_at,
        last_token_at=token_at,
        expires_at=None if expires_at >= _NEVER else expires_at,
    )
