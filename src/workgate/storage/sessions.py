"""Sessions over SQL. An authorization's sessions sit in numbered slots, so that the newest displaces the oldest."""

from typing import Any

from sqlalchemy import and_, bindparam, delete, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.sql import ColumnElement, Select

from workgate.domain.accounts import SESSION_SLOTS, Session, SessionLimits, SessionOrigin, User
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.oauth import ApplicationType, AuthorizationStatus, always_rotates
from workgate.storage.accounts import USER_COLUMNS, user_from
from workgate.storage.engine import Change, Engine
from workgate.storage.schema import applications, authorizations, installation, users
from workgate.storage.schema import sessions as table

_COLUMNS = (
    "environment_id",
    "row_id",
    "slot",
    "sequence",
    "origin",
    "user_id",
    "user_epoch",
    "client_id",
    "salt",
    "opened_at",
    "last_seen_at",
    "idle_seconds",
    "absolute_expires_at",
)
_KEY = ("environment_id", "row_id", "slot")
_this_session = and_(
    table.c.environment_id == bindparam("environment_id"),
    table.c.row_id == bindparam("row_id"),
    table.c.slot == bindparam("slot"),
    table.c.sequence == bindparam("sequence"),
)


def slot_of(sequence: int) -> int:
    """The slot that a session's sequence number falls into."""
    return sequence % SESSION_SLOTS


def open_session() -> Insert:
    """The statement that puts a session in its slot, whoever sat there."""
    return _displacing(insert(table).values({name: bindparam(name) for name in _COLUMNS}))


def open_next_session() -> Insert:
    """The same for a session whose sequence the authorization's row has just been given."""
    sequence = authorizations.c.session_sequence
    values: dict[str, ColumnElement[Any]] = {name: bindparam(name) for name in _COLUMNS} | {
        "sequence": sequence,
        "slot": sequence % literal_column(str(SESSION_SLOTS)),
    }
    row = select(*(values[name].label(name) for name in _COLUMNS)).where(
        authorizations.c.environment_id == bindparam("environment_id"),
        authorizations.c.authorization_id == bindparam("row_id"),
    )
    return _displacing(insert(table).from_select(list(_COLUMNS), row))


def _displacing(statement: Insert) -> Insert:
    rest = {name: statement.excluded[name] for name in _COLUMNS if name not in _KEY}
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=rest)


class SqlSessionStore:
    """``ports.SessionStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = engine.prepare(_read_session())
        self._open = engine.prepare(open_session())
        later = table.c.last_seen_at < bindparam("now")
        self._touch = engine.prepare(update(table).where(_this_session, later).values(last_seen_at=bindparam("now")))
        self._touch_authorization = engine.prepare(
            update(authorizations)
            .where(
                authorizations.c.environment_id == bindparam("environment_id"),
                authorizations.c.authorization_id == bindparam("row_id"),
                authorizations.c.active_at < bindparam("now"),
            )
            .values(active_at=bindparam("now"))
        )
        self._end = engine.prepare(delete(table).where(_this_session))

    async def session(self, environment_id: EnvironmentId, row_id: RowId, sequence: int) -> Session | None:
        """Read one with all that decides; see the port."""
        values = {
            "environment_id": environment_id,
            "row_id": row_id,
            "slot": slot_of(sequence),
            "next_slot": slot_of(sequence + 1),
            "sequence": sequence,
        }
        rows = await self._engine.fetch(self._read, values)
        if not rows:
            return None
        row = rows[0]
        (row_id, sequence, origin, user_epoch, client_id, salt, opened_at, last_seen_at) = row[9:17]
        (idle, absolute, epoch, status, application, kind, rotates, latest, replaced_at, inactivity) = row[17:]
        return Session(
            environment_id=environment_id,
            row_id=row_id,
            sequence=sequence,
            origin=SessionOrigin(origin),
            user=user_from(row[:9]),
            user_epoch=user_epoch,
            client_id=client_id,
            salt=salt,
            epoch=epoch,
            opened_at=opened_at,
            last_seen_at=last_seen_at,
            idle_seconds=idle,
            absolute_expires_at=absolute,
            authorization_live=status == AuthorizationStatus.ACTIVE,
            application_exists=application is not None,
            rotates=bool(rotates) or (kind is not None and always_rotates(ApplicationType(kind))),
            latest_sequence=latest or 0,
            replaced_at=replaced_at,
            inactivity_seconds=inactivity,
        )

    async def open_session(
        self,
        environment_id: EnvironmentId,
        row_id: RowId,
        *,
        user: User,
        origin: SessionOrigin,
        salt: bytes,
        now: Milliseconds,
        limits: SessionLimits,
    ) -> None:
        """Open a session that a person signed in for; see the port."""
        values = {
            "environment_id": environment_id,
            "row_id": row_id,
            "slot": 0,
            "sequence": 0,
            "origin": origin.value,
            "user_id": user.user_id,
            "user_epoch": user.session_epoch,
            "client_id": None,
            "salt": salt,
            "opened_at": now,
            "last_seen_at": now,
            "idle_seconds": limits.idle_seconds,
            "absolute_expires_at": limits.absolute_expires_at,
        }
        await self._engine.apply(Change(((self._open, values),)))

    async def touch(self, session: Session, now: Milliseconds) -> None:
        """Note that a session was used; see the port."""
        values = _values(session) | {"now": now}
        steps = [(self._touch, values)]
        if session.client_id is not None:
            steps.append((self._touch_authorization, values))
        await self._engine.apply(Change(tuple(steps)))

    async def end_session(self, session: Session) -> bool:
        """End one session; see the port."""
        return await self._engine.apply(Change(((self._end, _values(session)),))) is not None


def _values(session: Session) -> dict[str, object]:
    return {
        "environment_id": session.environment_id,
        "row_id": session.row_id,
        "slot": slot_of(session.sequence),
        "sequence": session.sequence,
    }


def _read_session() -> Select[Any]:
    following = table.alias("following")
    names = (
        "row_id",
        "sequence",
        "origin",
        "user_epoch",
        "client_id",
        "salt",
        "opened_at",
        "last_seen_at",
    )
    return (
        select(
            *USER_COLUMNS,
            *(table.c[name] for name in names),
            table.c.idle_seconds,
            table.c.absolute_expires_at,
            installation.c.epoch,
            func.coalesce(authorizations.c.status, -1),
            applications.c.client_id,
            applications.c.type,
            applications.c.rotate_refresh_tokens,
            authorizations.c.session_sequence,
            following.c.opened_at,
            applications.c.refresh_inactivity_seconds,
        )
        .select_from(table)
        .join(
            users,
            and_(users.c.environment_id == table.c.environment_id, users.c.user_id == table.c.user_id),
        )
        .join(installation, installation.c.installation_id == 1)
        .outerjoin(
            authorizations,
            and_(
                authorizations.c.environment_id == table.c.environment_id,
                authorizations.c.authorization_id == table.c.row_id,
            ),
        )
        .outerjoin(
            applications,
            and_(
                applications.c.environment_id == table.c.environment_id,
                applications.c.client_id == table.c.client_id,
            ),
        )
        .outerjoin(
            following,
            and_(
                following.c.environment_id == table.c.environment_id,
                following.c.row_id == table.c.row_id,
                following.c.slot == bindparam("next_slot"),
                following.c.sequence == table.c.sequence + 1,
            ),
        )
        .where(_this_session)
    )
