"""Sessions over SQL. An authorization's sessions sit in numbered slots, so that the newest displaces the oldest."""

from typing import Any

from sqlalchemy import Insert, and_, delete, func, literal_column, null, select, update
from sqlalchemy.sql import ColumnElement, Select

from workgate.domain.accounts import SESSION_SLOTS, Session, SessionLimits, SessionOrigin, User
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.oauth import ApplicationType, AuthorizationStatus
from workgate.domain.oauth import rotates as tokens_rotate
from workgate.storage.accounts import USER_COLUMNS, user_from
from workgate.storage.engine import Engine, given
from workgate.storage.schema import applications, authorizations, environments, installation, registry_version, users
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
    table.c.environment_id == given(table.c.environment_id),
    table.c.row_id == given(table.c.row_id),
    table.c.slot == given(table.c.slot),
    table.c.sequence == given(table.c.sequence),
)
_now = given(table.c.last_seen_at, "now")


def slot_of(sequence: int) -> int:
    """The slot that a session's sequence number falls into."""
    return sequence % SESSION_SLOTS


def open_session(engine: Engine, **known: ColumnElement[Any]) -> Insert:
    """The statement that puts a session in its slot, whoever sat there.

    Args:
        engine: what it is for.
        known: columns that the operation knows otherwise than as a parameter of the column's name, or besides.
    """
    values = {name: given(table.c[name]) for name in _COLUMNS} | known
    values["slot"] = (values["sequence"] % literal_column(str(SESSION_SLOTS))).label("slot")
    statement = engine.insert(table).values(values)
    rest = {name: statement.excluded[name] for name in values if name not in _KEY}
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=rest)


class SqlSessionStore:
    """``ports.SessionStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        key = {name: table.c[name] for name in _KEY}
        self._read = engine.lookup(_read_session())
        self._open = engine.operation(
            open_session(
                engine,
                sequence=literal_column("0"),
                opened_at=_now,
                last_seen_at=_now,
                client_id=null(),
                address=given(table.c.address),
                agent=given(table.c.agent),
            ),
            key={name: key[name] for name in ("environment_id", "row_id")},
        )
        self._touch = engine.operation(
            update(table).where(_this_session, table.c.last_seen_at < _now).values(last_seen_at=_now),
            update(authorizations)
            .where(
                authorizations.c.environment_id == given(table.c.environment_id),
                authorizations.c.authorization_id == given(table.c.row_id),
                authorizations.c.active_at < _now,
            )
            .values(active_at=_now),
            key=key,
        )
        self._end = engine.operation(delete(table).where(_this_session), key=key)

    async def session(self, environment_id: EnvironmentId, row_id: RowId, sequence: int) -> Session | None:
        """Read one with all that decides; see the port."""
        values = {
            "environment_id": environment_id,
            "row_id": row_id,
            "slot": slot_of(sequence),
            "sequence": sequence,
        }
        rows = await self._read(values)
        if not rows:
            return None
        row = rows[0]
        (row_id, sequence, origin, user_epoch, client_id, salt, opened_at, last_seen_at) = row[9:17]
        (idle, absolute, epoch, status, application, kind, rotates, latest, replaced_at, inactivity, version) = row[17:]
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
            rotates=kind is not None and tokens_rotate(ApplicationType(kind), bool(rotates)),
            latest_sequence=latest or 0,
            replaced_at=replaced_at,
            inactivity_seconds=inactivity,
            registry_version=version,
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
        address: str,
        agent: str,
    ) -> None:
        """Open a session that a person signed in for; see the port."""
        values = {
            "environment_id": environment_id,
            "row_id": row_id,
            "origin": origin.value,
            "user_id": user.user_id,
            "user_epoch": user.session_epoch,
            "salt": salt,
            "now": now,
            "idle_seconds": limits.idle_seconds,
            "absolute_expires_at": limits.absolute_expires_at,
            "address": address,
            "agent": agent,
        }
        await self._open(values)

    async def touch(self, session: Session, now: Milliseconds) -> None:
        """Note that a session was used; see the port."""
        await self._touch(_values(session) | {"now": now})

    async def end_session(self, session: Session) -> bool:
        """End one session; see the port."""
        return await self._end(_values(session)) is not None


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
            registry_version,
        )
        .select_from(table)
        .join(
            users,
            and_(users.c.environment_id == table.c.environment_id, users.c.user_id == table.c.user_id),
        )
        .join(environments, environments.c.environment_id == table.c.environment_id)
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
                following.c.slot == (table.c.sequence + 1) % literal_column(str(SESSION_SLOTS)),
                following.c.sequence == table.c.sequence + 1,
            ),
        )
        .where(_this_session)
    )
