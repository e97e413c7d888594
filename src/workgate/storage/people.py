"""People as administrators see them, over SQL.

A search looks at names in Python, in windows of so many rows: what counts as the same letter must not depend on the
database. Changes that could take the last administrator away wait for each other at the environment's row.
"""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Boolean, Text, and_, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.dml import Update

from workgate.domain.accounts import User, username_key
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId
from workgate.domain.people import PeoplePage, Person, PersonChanges, matches
from workgate.storage.accounts import USER_COLUMNS, user_from
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, Prepared, Row, Values, given
from workgate.storage.schema import environments, second_factors, users

_WINDOW = 1000
_MOST_WINDOWS = 10
_CHANGED = ("username", "username_key", "first_name", "last_name", "email", "is_admin", "is_active", "sso_only")
_of_environment = users.c.environment_id == given(users.c.environment_id)
_this_user = and_(_of_environment, users.c.user_id == given(users.c.user_id))


class SqlPeopleStore:
    """``people.PeopleStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        steps = (
            select(func.count())
            .select_from(second_factors)
            .where(
                second_factors.c.environment_id == users.c.environment_id, second_factors.c.user_id == users.c.user_id
            )
            .scalar_subquery()
        )
        states = (users.c[name] for name in ("sso_only", "locked_until", "last_sign_in_at", "created_at"))
        rows = select(*USER_COLUMNS, *states, users.c.password_hash.is_not(None).label("has_password"), steps)
        self._one = engine.prepare(rows.where(_this_user))
        other = users.alias("place")
        place = (
            select(other.c.username_key)
            .where(
                other.c.environment_id == given(users.c.environment_id),
                other.c.user_id == bindparam("after", type_=users.c.user_id.type),
            )
            .scalar_subquery()
        )
        self._window = engine.prepare(
            rows.where(_of_environment, users.c.username_key > func.coalesce(place, "", type_=Text))
            .order_by(users.c.username_key)
            .limit(bindparam("limit"))
        )
        self._create = engine.prepare(insert(users))
        self._change, self._change_kept = (
            engine.prepare(_change().where(*conditions)) for conditions in ((), (_keeps_an_administrator(),))
        )
        self._unlock = engine.prepare(update(users).where(_this_user).values(failed_sign_ins=0, locked_until=None))
        self._end_sessions = engine.prepare(
            update(users).where(_this_user).values(session_epoch=users.c.session_epoch + 1)
        )
        self._wait = engine.prepare(
            update(environments)
            .where(environments.c.environment_id == given(environments.c.environment_id))
            .values(registry_version=environments.c.registry_version)
        )
        self._record = engine.prepare(append_record())

    async def person(self, environment_id: EnvironmentId, user_id: str) -> Person | None:
        """Find one; see the port."""
        rows = await self._engine.fetch(self._one, {"environment_id": environment_id, "user_id": user_id})
        return _person(rows[0]) if rows else None

    async def people(
        self, environment_id: EnvironmentId, words: Sequence[str], *, after: str, limit: int
    ) -> PeoplePage:
        """List those in whom all words occur; see the port."""
        found: list[Person] = []
        size = _WINDOW if words else limit + 1
        for _ in range(_MOST_WINDOWS):
            values = {"environment_id": environment_id, "after": after, "limit": size}
            rows = await self._engine.fetch(self._window, values)
            for row in rows:
                person = _person(row)
                if matches(person.user, words):
                    found.append(person)
                if len(found) > limit:
                    return PeoplePage(found[:limit], found[limit - 1].user.user_id)
                after = person.user.user_id
            if len(rows) < size:
                return PeoplePage(found, None)
        return PeoplePage(found, ObjectId(after))

    async def create(
        self, user: User, password_hash: str | None, now: Milliseconds, *, sso_only: bool, record: AuditRecord
    ) -> None:
        """Create one; see the port."""
        values = {column.name: getattr(user, column.name) for column in USER_COLUMNS} | {
            "username_key": username_key(user.username),
            "password_hash": password_hash,
            "password_set_at": None if password_hash is None else now,
            "failed_sign_ins": 0,
            "locked_until": None,
            "last_sign_in_at": None,
            "created_at": now,
            "sso_only": sso_only,
        }
        await self._recorded(record, (self._create, values))

    async def change(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        changes: PersonChanges,
        *,
        keep_administrator: bool,
        record: AuditRecord,
    ) -> bool:
        """Write what is to change; see the port."""
        name = changes.username
        new = asdict(changes) | {"username_key": None if name is None else username_key(name)}
        values = {"environment_id": environment_id, "user_id": user_id} | {
            f"new_{column}": new[column] for column in _CHANGED
        }
        statement = self._change_kept if keep_administrator else self._change
        wait = (self._wait, {"environment_id": environment_id})
        return await self._recorded(record, (statement, values), before=(wait,))

    async def unlock(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """Forget wrong passwords; see the port."""
        values = {"environment_id": environment_id, "user_id": user_id}
        return await self._recorded(record, (self._unlock, values))

    async def end_sessions(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """End every session of a user; see the port."""
        values = {"environment_id": environment_id, "user_id": user_id}
        return await self._recorded(record, (self._end_sessions, values))

    async def _recorded(
        self, record: AuditRecord, step: tuple[Prepared, Values], *, before: tuple[tuple[Prepared, Values], ...] = ()
    ) -> bool:
        return await self._engine.apply(Change((step, (self._record, record_values(record))), before)) is not None


def _afterwards(name: str) -> ColumnElement[bool]:
    """A column's value after the change: the new one, or as it is where none is given."""
    column = users.c[name]
    return func.coalesce(given(column, f"new_{name}"), column, type_=column.type)


def _change() -> Update:
    moved = _afterwards("is_active") != users.c.is_active
    return (
        update(users)
        .where(_this_user)
        .values(
            **{name: _afterwards(name) for name in _CHANGED},
            session_epoch=case((moved, users.c.session_epoch + 1), else_=users.c.session_epoch),
        )
    )


def _keeps_an_administrator() -> ColumnElement[bool]:
    others = users.alias("others")
    another = exists().where(
        others.c.environment_id == given(users.c.environment_id),
        others.c.user_id != given(users.c.user_id),
        others.c.is_admin.is_(True),
        others.c.is_active.is_(True),
    )
    was_none = or_(users.c.is_admin.is_(False), users.c.is_active.is_(False))
    stays = and_(
        func.coalesce(given(users.c.is_admin, "new_is_admin"), users.c.is_admin, type_=Boolean()).is_(True),
        func.coalesce(given(users.c.is_active, "new_is_active"), users.c.is_active, type_=Boolean()).is_(True),
    )
    return or_(another, was_none, stays)


def _person(row: Row) -> Person:
    *user, sso_only, locked_until, last_sign_in_at, created_at, has_password, second_steps = row
    return Person(
        user=user_from(tuple(user)),
        sso_only=bool(sso_only),
        has_password=bool(has_password),
        second_steps=second_steps,
        locked_until=locked_until,
        last_sign_in_at=last_sign_in_at,
        created_at=created_at,
    )
