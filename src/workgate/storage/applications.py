"""Applications and their secrets over SQL, read in one statement and remembered.

Every change counts the environment's ``registry_version`` up, and a change of one that other environments can have
installed the installation's ``central_version`` too. Whoever has just read their sum along with something else, and
finds it unchanged, needs no second read: what is remembered here holds. An installed application is a row of the
environment that has it installed; what it says is read from its owner's row, whose secrets are its secrets. Statements
about sessions and authorizations look at the row of their own environment: a change writes both in one commit.
"""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Insert, Select, Table, and_, bindparam, delete, func, insert, literal, null, or_, select, update
from sqlalchemy.sql import ColumnElement, FromClause

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.oauth import Application, ApplicationType, ClientSecret, ConsentPolicy
from workgate.storage.engine import Engine, Row, given
from workgate.storage.registry_changes import RegistryChanges, installed_elsewhere, withdrawal, withdrawn_values
from workgate.storage.schema import (
    application_keys,
    application_secrets,
    applications,
    environments,
    installation,
    registry_version,
)

PLAIN = (
    "environment_id",
    "client_id",
    "name",
    "type",
    "redirect_uris",
    "rotate_refresh_tokens",
    "refresh_absolute_seconds",
    "refresh_inactivity_seconds",
    "code_seconds",
    "consent",
    "description",
    "description_url",
    "developer_name",
    "developer_email",
    "privacy_url",
    "created_at",
)
_FIXED = frozenset({"environment_id", "client_id", "type", "created_at"})
_OF_INSTALLING = frozenset({"environment_id", "created_at", "consent"})
"""What is the installing environment's own of an application: that its owner need not ask is no reason elsewhere."""
_LOGO_TYPE = len(PLAIN)
_VERSION = _LOGO_TYPE + 3
"""Where a row has the environment's version, after who may install it and whose it is; a secret's columns follow."""
_MOST_REMEMBERED = 4096
Logo = tuple[str, bytes]
_SECRET = ("secret_id", "digest", "last_four", "note", "created_at", "last_used_at")
_this_environment = applications.c.environment_id == given(applications.c.environment_id)
_this_application = _this_environment & (applications.c.client_id == given(applications.c.client_id))
_own = applications.c.owner_environment_id.is_(None)
definition = applications.alias("definition")
"""The row that says what an application is: its own, or its owner's as long as that lets others have it."""
is_definition = and_(
    definition.c.environment_id == func.coalesce(applications.c.owner_environment_id, applications.c.environment_id),
    definition.c.client_id == applications.c.client_id,
    or_(_own, definition.c.is_central),
)
_this_secret = and_(
    application_secrets.c.environment_id == given(applications.c.environment_id),
    application_secrets.c.client_id == given(applications.c.client_id),
    application_secrets.c.secret_id == given(application_secrets.c.secret_id),
)


class SqlApplicationStore:
    """``ports.ApplicationStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._remembered: dict[tuple[EnvironmentId, str], tuple[int, Application]] = {}
        self._remembered_uris: dict[EnvironmentId, tuple[int, tuple[str, ...]]] = {}
        rows = _rows()
        self._one = engine.prepare(rows.where(_this_application).order_by(application_secrets.c.secret_id))
        ordered = rows.where(_this_environment).order_by(
            applications.c.created_at, applications.c.client_id, application_secrets.c.secret_id
        )
        self._all = engine.prepare(ordered.where(_own))
        self._installed = engine.prepare(ordered.where(~_own))
        self._version = engine.lookup(
            select(registry_version)
            .select_from(_versioned(environments))
            .where(environments.c.environment_id == given(environments.c.environment_id))
        )
        self._spa_uris = engine.prepare(_spa_redirect_uris())
        self._logo = engine.prepare(
            select(definition.c.logo_type, definition.c.logo)
            .select_from(applications.join(definition, is_definition))
            .where(_this_application, definition.c.logo.is_not(None))
        )
        count = select(func.count()).select_from(applications).where(_this_environment, _own).scalar_subquery()
        self._create = engine.prepare(
            _insert_where(applications, (*PLAIN, "logo_type", "logo"), count < bindparam("at_most"))
        )
        new = {name: given(applications.c[name], f"new_{name}") for name in PLAIN if name not in _FIXED}
        logo = {name: given(applications.c[name], f"new_{name}") for name in ("logo_type", "logo")}
        changed = update(applications).where(_this_application, _own)
        self._update = engine.prepare(changed.values(new))
        self._update_with_logo = engine.prepare(changed.values(new | logo))
        everywhere = {name: value for name, value in new.items() if name not in _OF_INSTALLING}
        self._update_installed = engine.prepare(update(applications).where(installed_elsewhere).values(everywhere))
        self._delete = engine.prepare(delete(applications).where(_this_application, _own))
        self._withdraw = withdrawal(engine)
        self._delete_of_it = [
            engine.prepare(
                delete(table).where(
                    table.c.environment_id == given(table.c.environment_id),
                    table.c.client_id == given(table.c.client_id),
                )
            )
            for table in (application_secrets, application_keys)
        ]
        there = select(literal(1)).select_from(applications).where(_this_application, _own).exists()
        self._add_secret = engine.prepare(
            _insert_where(application_secrets, ("environment_id", "client_id", *_SECRET), there)
        )
        self._delete_secret = engine.prepare(delete(application_secrets).where(_this_secret))
        self._note_secret = engine.prepare(
            update(application_secrets).where(_this_secret).values(note=given(application_secrets.c.note, "new_note"))
        )
        self._secret_used = engine.operation(
            update(application_secrets)
            .where(_this_secret)
            .values(last_used_at=given(application_secrets.c.last_used_at, "now")),
            key={name: application_secrets.c[name] for name in ("environment_id", "client_id", "secret_id")},
        )
        self._recorder = RegistryChanges(engine)

    async def application(
        self, environment_id: EnvironmentId, client_id: str, *, version: int | None = None
    ) -> Application | None:
        """Find one with its secrets; see the port."""
        key = (environment_id, client_id)
        if version is not None:
            remembered = self._remembered.get(key)
            if remembered is not None and remembered[0] == version:
                return remembered[1]
        rows = await self._engine.fetch(self._one, {"environment_id": environment_id, "client_id": client_id})
        if not rows:
            return None
        application = _application_from(rows)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = (rows[0][_VERSION], application)
        return application

    async def applications(self, environment_id: EnvironmentId) -> Sequence[Application]:
        """List them; see the port."""
        return applications_from(await self._engine.fetch(self._all, {"environment_id": environment_id}))

    async def installed(self, environment_id: EnvironmentId) -> Sequence[Application]:
        """List what others own; see the port."""
        return applications_from(await self._engine.fetch(self._installed, {"environment_id": environment_id}))

    async def spa_redirect_uris(self, environment_id: EnvironmentId) -> tuple[str, ...]:
        """Give those that are remembered if the version that is now read is still theirs; see the port."""
        values = {"environment_id": environment_id}
        versions = await self._version(values)
        remembered = self._remembered_uris.get(environment_id)
        if versions and remembered is not None and remembered[0] == versions[0][0]:
            return remembered[1]
        rows = await self._engine.fetch(self._spa_uris, values)
        uris = tuple(uri for _, text in rows if text is not None for uri in json.loads(text))
        if rows:
            if len(self._remembered_uris) >= _MOST_REMEMBERED:
                self._remembered_uris.clear()
            self._remembered_uris[environment_id] = (rows[0][0], uris)
        return uris

    async def create_application(
        self, application: Application, logo: Logo | None, *, at_most: int, record: AuditRecord
    ) -> bool:
        """Create one with its secrets; see the port."""
        environment_id = application.environment_id
        logo_type, logo_bytes = logo or (None, None)
        values = {name: getattr(application, name) for name in PLAIN} | {
            "redirect_uris": json.dumps(application.redirect_uris),
            "logo_type": logo_type,
            "logo": logo_bytes,
            "at_most": at_most,
        }
        secrets = [
            (self._add_secret, _secret_values(environment_id, application.client_id, secret))
            for secret in application.secrets
        ]
        return await self._recorder.make_shared(record, application.client_id, (self._create, values), *secrets)

    async def update_application(
        self, application: Application, logo: Logo | None, *, keep_logo: bool, record: AuditRecord
    ) -> bool:
        """Write every field that can change; see the port."""
        values: dict[str, object] = {f"new_{name}": getattr(application, name) for name in PLAIN if name not in _FIXED}
        values |= {"new_redirect_uris": json.dumps(application.redirect_uris)}
        values |= {"environment_id": application.environment_id, "client_id": application.client_id}
        statement = self._update
        if not keep_logo:
            values["new_logo_type"], values["new_logo"] = logo or (None, None)
            statement = self._update_with_logo
        steps = ((statement, values), (self._update_installed, values))
        return await self._recorder.make_shared(record, application.client_id, *steps)

    async def delete_application(self, environment_id: EnvironmentId, client_id: str, *, record: AuditRecord) -> bool:
        """Delete one with its secrets and keys; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id}
        rest = [(statement, values) for statement in self._delete_of_it]
        withdrawn = [(statement, values | withdrawn_values(record)) for statement in self._withdraw]
        return await self._recorder.make_shared(record, client_id, (self._delete, values), *rest, *withdrawn)

    async def add_secret(
        self, environment_id: EnvironmentId, client_id: str, secret: ClientSecret, *, record: AuditRecord
    ) -> bool:
        """Add a secret; see the port."""
        values = _secret_values(environment_id, client_id, secret)
        return await self._recorder.make_shared(record, client_id, (self._add_secret, values))

    async def note_secret(
        self, environment_id: EnvironmentId, client_id: str, secret_id: RowId, note: str, *, record: AuditRecord
    ) -> bool:
        """Give a secret another note; see the port."""
        values = {
            "environment_id": environment_id,
            "client_id": client_id,
            "secret_id": secret_id,
            "new_note": note,
        }
        return await self._recorder.make_shared(record, client_id, (self._note_secret, values))

    async def delete_secret(
        self, environment_id: EnvironmentId, client_id: str, secret_id: RowId, *, record: AuditRecord
    ) -> bool:
        """Delete a secret; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id, "secret_id": secret_id}
        return await self._recorder.make_shared(record, client_id, (self._delete_secret, values))

    async def secret_used(
        self, environment_id: EnvironmentId, client_id: str, secret_id: RowId, now: Milliseconds
    ) -> None:
        """Note when a secret was last used, without waiting; see the port."""
        values = {
            "environment_id": environment_id,
            "client_id": client_id,
            "secret_id": secret_id,
            "now": now,
        }
        self._secret_used.post(values)

    async def logo(self, environment_id: EnvironmentId, client_id: str) -> Logo | None:
        """Give a logo; see the port."""
        rows = await self._engine.fetch(self._logo, {"environment_id": environment_id, "client_id": client_id})
        return (rows[0][0], bytes(rows[0][1])) if rows else None


def without_secrets(table: FromClause) -> tuple[ColumnElement[Any], ...]:
    """The columns of applications that are not to authenticate anybody, as ``applications_from`` reads them."""
    own = (*PLAIN, "logo_type", "is_central", "owner_environment_id")
    return (*(table.c[name] for name in own), literal(0), *(null() for _ in _SECRET))


def _versioned(tables: FromClause) -> FromClause:
    return tables.join(installation, installation.c.installation_id == 1)


def _rows() -> Select[Any]:
    """An application's rows: one for each of its secrets, or one without."""
    secrets_of_it = (application_secrets.c.environment_id == definition.c.environment_id) & (
        application_secrets.c.client_id == definition.c.client_id
    )
    here = applications.join(environments, environments.c.environment_id == applications.c.environment_id)
    its = _versioned(here.join(definition, is_definition))
    return select(
        *((applications if name in _OF_INSTALLING else definition).c[name] for name in PLAIN),
        definition.c.logo_type,
        applications.c.is_central,
        applications.c.owner_environment_id,
        registry_version,
        *(application_secrets.c[name] for name in _SECRET),
    ).select_from(its.outerjoin(application_secrets, secrets_of_it))


def _spa_redirect_uris() -> Select[Any]:
    """The environment's version beside each single page application's URIs; without any of these, alone."""
    spa = (applications.c.environment_id == environments.c.environment_id) & (
        applications.c.type == ApplicationType.SPA.value
    )
    return (
        select(registry_version, applications.c.redirect_uris)
        .select_from(_versioned(environments).outerjoin(applications, spa))
        .where(environments.c.environment_id == given(environments.c.environment_id))
        .order_by(applications.c.created_at, applications.c.client_id)
    )


def _insert_where(table: Table, columns: Sequence[str], condition: ColumnElement[bool]) -> Insert:
    return insert(table).from_select(
        list(columns), select(*(given(table.c[name]) for name in columns)).where(condition)
    )


def _secret_values(environment_id: EnvironmentId, client_id: str, secret: ClientSecret) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(secret, name) for name in _SECRET}
    return {"environment_id": environment_id, "client_id": client_id, **values}


def applications_from(rows: Sequence[Row]) -> list[Application]:
    """Put the rows of several applications together, of which each one's stand side by side."""
    return [_application_from(list(group)) for _, group in groupby(rows, key=lambda row: row[1])]


def _application_from(rows: Sequence[Row]) -> Application:
    plain, (logo_type, is_central, owner) = rows[0][:_LOGO_TYPE], rows[0][_LOGO_TYPE:_VERSION]
    values = dict(zip(PLAIN, plain, strict=True)) | {
        "type": ApplicationType(plain[3]),
        "redirect_uris": tuple(json.loads(plain[4])),
        "rotate_refresh_tokens": bool(plain[5]),
        "consent": ConsentPolicy(plain[9]),
    }
    secrets = tuple(ClientSecret(*row[_VERSION + 1 :]) for row in rows if row[_VERSION + 1] is not None)
    return Application(
        **values,
        has_logo=logo_type is not None,
        secrets=secrets,
        is_central=bool(is_central),
        owner_environment_id=owner,
    )
