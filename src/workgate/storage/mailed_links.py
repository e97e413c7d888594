"""Mailed links over SQL: at most so many at a time for a user; what uses one up is in ``storage/passwords.py``."""

from sqlalchemy import and_, bindparam, delete, func, insert, select
from sqlalchemy.sql import ColumnElement

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.mails import LinkPurpose, MailedLink
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, given
from workgate.storage.schema import installation, users
from workgate.storage.schema import mailed_links as table

_COLUMNS = ("environment_id", "link_id", "user_id", "purpose", "salt", "key_id", "expires_at")
of_user: ColumnElement[bool] = and_(
    table.c.environment_id == given(table.c.environment_id), table.c.user_id == given(table.c.user_id)
)


class SqlLinkStore:
    """``sign_in_ports.LinkStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = engine.prepare(
            select(*(table.c[name] for name in _COLUMNS), installation.c.epoch)
            .select_from(table)
            .join(installation, installation.c.installation_id == 1)
            .where(
                table.c.environment_id == given(table.c.environment_id),
                table.c.link_id == given(table.c.link_id),
                table.c.expires_at > given(table.c.expires_at, "now"),
            )
        )
        live = (
            select(func.count())
            .select_from(table)
            .where(
                of_user,
                table.c.purpose == given(table.c.purpose),
                table.c.expires_at > given(table.c.expires_at, "now"),
            )
            .scalar_subquery()
        )
        there = select(*(given(table.c[name]) for name in _COLUMNS)).where(live < bindparam("at_most"))
        self._create = engine.prepare(insert(table).from_select(list(_COLUMNS), there))
        self._forget = engine.prepare(delete(table).where(of_user, table.c.purpose == given(table.c.purpose)))
        # Two requests of one moment count one after the other.
        self._lock = engine.prepare(
            users.update()
            .where(users.c.environment_id == given(users.c.environment_id), users.c.user_id == given(users.c.user_id))
            .values(session_epoch=users.c.session_epoch)
        )
        self._record = engine.prepare(append_record())

    async def create_link(
        self, link: MailedLink, *, now: Milliseconds, at_most: int, instead: bool, record: AuditRecord
    ) -> bool:
        """Keep a link that is about to be mailed; see the port."""
        values = {name: getattr(link, name) for name in _COLUMNS} | {"purpose": link.purpose.value}
        before = [(self._lock, values)]
        if instead:
            before.append((self._forget, values))
        created = (self._create, {**values, "now": now, "at_most": at_most})
        change = Change((created, (self._record, record_values(record))), before=tuple(before))
        return await self._engine.apply(change) is not None

    async def link(self, environment_id: EnvironmentId, link_id: RowId, *, now: Milliseconds) -> MailedLink | None:
        """Find one that was not used; see the port."""
        values = {"environment_id": environment_id, "link_id": link_id, "now": now}
        rows = await self._engine.fetch(self._read, values)
        if not rows:
            return None
        *columns, epoch = rows[0]
        named = dict(zip(_COLUMNS, columns, strict=True))
        return MailedLink(**{**named, "purpose": LinkPurpose(named["purpose"])}, epoch=epoch)
