"""Clean-up: walks the tables along their primary keys, a window at a time, and deletes what is over.

Walking needs no index on expiry, which the hot path would have to maintain; one window costs about a
millisecond. What counts as over here is over for every reader already, so nobody sees a difference.
"""

from sqlalchemy import (
    BigInteger,
    Integer,
    ScalarSelect,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql import ColumnElement

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import ApplicationType, AuthorizationStatus
from workgate.storage.engine import Engine, Values
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
from workgate.storage.windows import Walk

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_MOST_WINDOWS = 20


class Sweeper:
    """Deletes expired sessions, sign-ins under way, mailed links, used proofs and audit records in small windows.

    Args:
        engine: the database.
        window: how many rows one step looks at in each table.
        audit_days: how long audit records are kept.
    """

    def __init__(self, engine: Engine, *, window: int = 500, audit_days: int = 90) -> None:
        self._window = window
        self.audit_days = audit_days
        self._walks = tuple(
            _walk(engine, table, over, window)
            for table, over in (
                (sessions, _session_over()),
                (authorizations, _authorization_over()),
                (sign_in_requests, sign_in_requests.c.expires_at <= bindparam("now")),
                (used_jwts, used_jwts.c.expires_at <= bindparam("jwt_expired")),
                (mailed_links, mailed_links.c.expires_at <= bindparam("now")),
                (used_assertions, used_assertions.c.expires_at <= bindparam("jwt_expired")),
                (audit_events, audit_events.c.at < bindparam("audited_after")),
            )
        )

    async def step(self, now: Milliseconds) -> None:
        """Look at the next window of each table, and at more while most of a window is over or there were few rows.

        Raises ``StoreUnavailable``; the next step then looks at the same window again.
        """
        for walk in self._walks:
            for _ in range(_MOST_WINDOWS):
                window = await walk.advance(self._values(now))
                if walk.is_at_start or (window.is_full and window.touched < self._window // 2):
                    break

    async def sweep(self, now: Milliseconds) -> None:
        """Walk every table from its beginning to its end."""
        for walk in self._walks:
            walk.restart()
            await walk.advance(self._values(now))
            while not walk.is_at_start:
                await walk.advance(self._values(now))

    def _values(self, now: Milliseconds) -> Values:
        return {
            "now": now,
            "pending_after": now - _HOUR,
            "revoked_after": now - _DAY,
            "jwt_expired": now - _HOUR,
            "audited_after": now - self.audit_days * _DAY,
        }


def _walk(engine: Engine, table: Table, over: ColumnElement[bool], window: int) -> Walk:
    """Along the environment and what follows it in the key: the sessions of one authorization stay together."""
    _, place, *_ = table.primary_key
    return Walk(engine, table, lambda these: delete(table).where(these, over), size=window, place=(place,))


def _one(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """1 if a row of another table meets the conditions, else null: looked up for each row that is judged.

    Of EXISTS, PostgreSQL may think that to read that table once as a whole costs less.
    """
    return select(literal_column("1", Integer)).where(*conditions).limit(literal_column("1", Integer)).scalar_subquery()


def _session_over() -> ColumnElement[bool]:
    authorization = _one(
        authorizations.c.environment_id == sessions.c.environment_id,
        authorizations.c.authorization_id == sessions.c.row_id,
        authorizations.c.status == AuthorizationStatus.ACTIVE.value,
    )
    orphan = and_(sessions.c.client_id.is_not(None), authorization.is_(None))
    idle_over = sessions.c.last_seen_at + cast(sessions.c.idle_seconds, BigInteger) * 1000 <= bindparam("now")
    return or_(sessions.c.absolute_expires_at <= bindparam("now"), idle_over, orphan)


def _authorization_over() -> ColumnElement[bool]:
    table = authorizations
    application = and_(
        applications.c.environment_id == table.c.environment_id, applications.c.client_id == table.c.client_id
    )
    session = _one(sessions.c.environment_id == table.c.environment_id, sessions.c.row_id == table.c.authorization_id)
    expired = _one(
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
            expired.is_not(None),
            session.is_(None),
        ),
        _one(application).is_(None),
    )
