"""Clean-up: walks the tables along their primary keys, a window at a time, and deletes what is over.

Walking needs no index on expiry, which the hot path would have to maintain; one window costs about a
millisecond. What counts as over here is over for every reader already, so nobody sees a difference.
"""

from dataclasses import dataclass, field

from sqlalchemy import (
    BigInteger,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from workgate.domain.accounts import SESSION_SLOTS
from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import ApplicationType, AuthorizationStatus
from workgate.storage.engine import Change, Engine, Prepared
from workgate.storage.schema import (
    applications,
    audit_events,
    authorizations,
    mailed_links,
    sessions,
    sign_in_requests,
    used_assertions,
    used_jwts,
)

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_START = (-1, -1)
_MOST_WINDOWS = 20


@dataclass(slots=True)
class _Walk:
    """Where the walk along one table stands."""

    window_end: Prepared
    delete_window: Prepared
    cursor: tuple[int, int] = field(default=_START)


class Sweeper:
    """Deletes expired sessions, sign-ins under way, mailed links, used proofs and audit records in small windows.

    Args:
        engine: the database.
        window: how many rows one step looks at in each table.
        audit_days: how long audit records are kept.
    """

    def __init__(self, engine: Engine, *, window: int = 500, audit_days: int = 90) -> None:
        self._engine = engine
        self._window = window
        self.audit_days = audit_days
        self._walks = tuple(
            _walk(engine, table, key, over, window)
            for table, key, over in (
                (sessions, "row_id", _session_over()),
                (authorizations, "authorization_id", _authorization_over()),
                (sign_in_requests, "request_id", sign_in_requests.c.expires_at <= bindparam("now")),
                (used_jwts, "expires_at", used_jwts.c.expires_at <= bindparam("jwt_expired")),
                (mailed_links, "link_id", mailed_links.c.expires_at <= bindparam("now")),
                (used_assertions, "expires_at", used_assertions.c.expires_at <= bindparam("jwt_expired")),
                (audit_events, "event_id", audit_events.c.at < bindparam("audited_after")),
            )
        )

    async def step(self, now: Milliseconds) -> None:
        """Look at the next window of each table, and at more while most of a window is over.

        Raises ``StoreUnavailable``; the next step then looks at the same window again.
        """
        for walk in self._walks:
            for _ in range(_MOST_WINDOWS):
                if await self._advance(walk, now) < self._window // 2:
                    break

    async def sweep(self, now: Milliseconds) -> None:
        """Walk every table from its beginning to its end."""
        for walk in self._walks:
            walk.cursor = _START
            await self._advance(walk, now)
            while walk.cursor != _START:
                await self._advance(walk, now)

    async def _advance(self, walk: _Walk, now: Milliseconds) -> int:
        """Walk one window on; gives how many rows of it were deleted."""
        begin = {"after_environment": walk.cursor[0], "after_row": walk.cursor[1]}
        rows = await self._engine.fetch(walk.window_end, {**begin, "skip": self._window - 1})
        end = (rows[0][0], rows[0][1]) if rows else (2**63 - 1, 2**63 - 1)
        values = {
            **begin,
            "to_environment": end[0],
            "to_row": end[1],
            "now": now,
            "pending_after": now - _HOUR,
            "revoked_after": now - _DAY,
            "jwt_expired": now - _HOUR,
            "audited_after": now - self.audit_days * _DAY,
        }
        deleted = await self._engine.apply(Change(((walk.delete_window, values),)))
        walk.cursor = end if rows else _START
        return 0 if deleted is None else int(deleted[0][0])


def _walk(engine: Engine, table: Table, key: str, over: ColumnElement[bool], window: int) -> _Walk:
    position = tuple_(table.c.environment_id, table.c[key])
    after = position > tuple_(bindparam("after_environment"), bindparam("after_row"))
    window_end = (
        select(table.c.environment_id, table.c[key])
        .where(after)
        .order_by(table.c.environment_id, table.c[key])
        .limit(1)
        .offset(bindparam("skip"))
    )
    until = position <= tuple_(bindparam("to_environment"), bindparam("to_row"))
    # The rows by their keys, and how many there can be at most: else PostgreSQL, which plans this once and without
    # knowing where the window is, reads the whole of the other tables to judge it. A row's sessions end in its window.
    rows = [*table.primary_key]
    most: ColumnElement[int] = literal_column(str(window + SESSION_SLOTS))
    these = select(*rows).where(after, until).order_by(*rows).limit(most)
    return _Walk(engine.prepare(window_end), engine.prepare(delete(table).where(tuple_(*rows).in_(these), over)))


def _session_over() -> ColumnElement[bool]:
    orphan = and_(
        sessions.c.client_id.is_not(None),
        not_(
            exists().where(
                authorizations.c.environment_id == sessions.c.environment_id,
                authorizations.c.authorization_id == sessions.c.row_id,
                authorizations.c.status == AuthorizationStatus.ACTIVE.value,
            )
        ),
    )
    idle_over = sessions.c.last_seen_at + cast(sessions.c.idle_seconds, BigInteger) * 1000 <= bindparam("now")
    return or_(sessions.c.absolute_expires_at <= bindparam("now"), idle_over, orphan)


def _authorization_over() -> ColumnElement[bool]:
    table = authorizations
    application = and_(
        applications.c.environment_id == table.c.environment_id, applications.c.client_id == table.c.client_id
    )
    has_session = exists().where(
        sessions.c.environment_id == table.c.environment_id, sessions.c.row_id == table.c.authorization_id
    )
    expired = exists().where(
        application,
        or_(
            # A machine has no refresh tokens: what it holds is its session.
            applications.c.type == ApplicationType.MACHINE.value,
            table.c.consented_at + cast(applications.c.refresh_absolute_seconds, BigInteger) * 1000 <= bindparam("now"),
            table.c.active_at + cast(applications.c.refresh_inactivity_seconds, BigInteger) * 1000 <= bindparam("now"),
        ),
    )
    return or_(
        and_(
            table.c.status == AuthorizationStatus.PENDING.value,
            table.c.code_expires_at <= bindparam("pending_after"),
        ),
        and_(
            table.c.status == AuthorizationStatus.REVOKED.value,
            table.c.revoked_at <= bindparam("revoked_after"),
        ),
        and_(
            table.c.status == AuthorizationStatus.ACTIVE.value,
            # Not while its consent form could be posted once more.
            table.c.consented_at <= bindparam("pending_after"),
            expired,
            not_(has_session),
        ),
        not_(exists().where(application)),
    )
