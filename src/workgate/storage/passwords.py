"""Changes of passwords over SQL: the hash, its history, and the end of what rested on the old one, in one commit."""

from collections.abc import Sequence

from sqlalchemy import Integer, and_, bindparam, case, delete, exists, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from workgate.domain.accounts import User
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.signing_in import Account
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, given
from workgate.storage.mailed_links import of_user
from workgate.storage.schema import mailed_links, users
from workgate.storage.schema import password_history as table

_this_user: ColumnElement[bool] = and_(
    users.c.environment_id == given(users.c.environment_id), users.c.user_id == given(users.c.user_id)
)
_as_seen = and_(_this_user, users.c.is_active.is_(True), users.c.session_epoch == given(users.c.session_epoch))
_of_user: ColumnElement[bool] = and_(
    table.c.environment_id == given(table.c.environment_id), table.c.user_id == given(table.c.user_id)
)


class SqlPasswordStore:
    """``sign_in_ports.PasswordStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        newest = select(table.c.set_at, table.c.password_hash).where(_of_user).order_by(table.c.set_at.desc())
        limit = bindparam("limit", type_=Integer)
        self._history = engine.prepare(newest.limit(limit))
        self._lock = engine.prepare(update(users).where(_this_user).values(session_epoch=users.c.session_epoch))
        self._set = engine.prepare(
            update(users)
            .where(_as_seen)
            .values(
                password_hash=given(users.c.password_hash, "hash"),
                password_set_at=given(users.c.password_set_at, "now"),
                session_epoch=users.c.session_epoch + 1,
                failed_sign_ins=0,
                locked_until=None,
            )
        )
        self._use_link = engine.prepare(
            delete(mailed_links).where(
                of_user,
                mailed_links.c.link_id == given(mailed_links.c.link_id),
                mailed_links.c.expires_at > given(mailed_links.c.expires_at, "now"),
                exists().where(_as_seen),
            )
        )
        self._drop_links = engine.prepare(delete(mailed_links).where(of_user))
        # Each is younger than the one before it, also where the clock stands still or goes back.
        now, last = given(table.c.set_at, "now"), func.max(table.c.set_at)
        at = case((last >= now, last + 1), else_=now)
        columns = ["environment_id", "user_id", "set_at", "password_hash"]
        row = (given(table.c.environment_id), given(table.c.user_id), at, given(table.c.password_hash, "previous"))
        self._remember = engine.prepare(insert(table).from_select(columns, select(*row).where(_of_user)))
        kept = select(table.c.set_at).where(_of_user).order_by(table.c.set_at.desc()).limit(limit)
        self._forget = engine.prepare(delete(table).where(_of_user, table.c.set_at.not_in(kept)))
        self._record = engine.prepare(append_record())
        spellings = users.c.email.in_([given(users.c.email), given(users.c.email, "lower_case")])
        # Nothing but what the index holds: else an engine that does not know how full the table is walks all of it.
        in_environment = users.c.environment_id == given(users.c.environment_id)
        self._by_email = engine.prepare(select(users.c.user_id).where(in_environment, spellings))

    async def history(self, environment_id: EnvironmentId, user_id: ObjectId, limit: int) -> Sequence[str]:
        """Give hashes of former passwords; see the port."""
        values = {"environment_id": environment_id, "user_id": user_id, "limit": limit}
        return [row[1] for row in await self._engine.fetch(self._history, values)]

    async def change_password(
        self,
        seen: Account,
        password_hash: str,
        *,
        now: Milliseconds,
        keep: int,
        link_id: RowId | None = None,
        record: AuditRecord,
    ) -> bool:
        """Change a password; see the port."""
        key = _key(seen.user)
        values = {**key, "session_epoch": seen.user.session_epoch, "hash": password_hash, "now": now}
        steps = [(self._set, values)]
        if link_id is not None:
            steps.insert(0, (self._use_link, {**values, "link_id": link_id}))
        if seen.password_hash is not None and keep > 0:
            steps.append((self._remember, {**key, "now": now, "previous": seen.password_hash}))
        steps += [
            (self._forget, {**key, "limit": keep}),
            (self._drop_links, key),
            (self._record, record_values(record)),
        ]
        return await self._engine.apply(Change(tuple(steps), before=((self._lock, key),))) is not None

    async def users_with_email(self, environment_id: EnvironmentId, email: str, limit: int) -> Sequence[ObjectId]:
        """Find users by e-mail address; see the port."""
        values = {"environment_id": environment_id, "email": email, "lower_case": email.lower()}
        return sorted(row[0] for row in await self._engine.fetch(self._by_email, values))[:limit]


def _key(user: User) -> dict[str, object]:
    return {"environment_id": user.environment_id, "user_id": user.user_id}
