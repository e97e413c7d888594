"""Applications and their secrets over SQL. An application and its secrets are read in one statement."""

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from sqlalchemy import and_, bindparam, delete, func, insert, literal, select, update

from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.domain.oauth import Application, ApplicationType, ClientSecret, ConsentPolicy
from workgate.storage.engine import Change, Engine, Row
from workgate.storage.schema import application_secrets, applications

_PLAIN = (
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
_SECRET = ("secret_id", "digest", "last_four", "note", "created_at", "last_used_at")
_this_application = (applications.c.environment_id == bindparam("environment_id")) & (
    applications.c.client_id == bindparam("client_id")
)
_this_secret = and_(
    application_secrets.c.environment_id == bindparam("environment_id"),
    application_secrets.c.client_id == bindparam("client_id"),
    application_secrets.c.secret_id == bindparam("secret_id"),
)


class SqlApplicationStore:
    """``ports.ApplicationStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rows = select(
            *(applications.c[name] for name in _PLAIN),
            applications.c.logo_type,
            *(application_secrets.c[name] for name in _SECRET),
        ).outerjoin_from(
            applications,
            application_secrets,
            (application_secrets.c.environment_id == applications.c.environment_id)
            & (application_secrets.c.client_id == applications.c.client_id),
        )
        self._one = engine.prepare(rows.where(_this_application).order_by(application_secrets.c.secret_id))
        self._all = engine.prepare(
            rows.where(applications.c.environment_id == bindparam("environment_id")).order_by(
                applications.c.created_at, applications.c.client_id, application_secrets.c.secret_id
            )
        )
        self._logo = engine.prepare(
            select(applications.c.logo_type, applications.c.logo).where(
                _this_application, applications.c.logo.is_not(None)
            )
        )
        columns = [*_PLAIN, "logo_type", "logo"]
        count = (
            select(func.count())
            .select_from(applications)
            .where(applications.c.environment_id == bindparam("environment_id"))
            .scalar_subquery()
        )
        self._create = engine.prepare(
            insert(applications).from_select(
                columns, select(*(bindparam(name) for name in columns)).where(count < bindparam("at_most"))
            )
        )
        self._delete = engine.prepare(delete(applications).where(_this_application))
        self._delete_secrets = engine.prepare(
            delete(application_secrets).where(
                application_secrets.c.environment_id == bindparam("environment_id"),
                application_secrets.c.client_id == bindparam("client_id"),
            )
        )
        secret_columns = ["environment_id", "client_id", *_SECRET]
        self._add_secret = engine.prepare(
            insert(application_secrets).from_select(
                secret_columns,
                select(*(bindparam(name) for name in secret_columns)).where(
                    select(literal(1)).select_from(applications).where(_this_application).exists()
                ),
            )
        )
        self._delete_secret = engine.prepare(delete(application_secrets).where(_this_secret))
        self._secret_used = engine.prepare(
            update(application_secrets).where(_this_secret).values(last_used_at=bindparam("now"))
        )

    async def application(self, environment_id: EnvironmentId, client_id: str) -> Application | None:
        """Find one with its secrets; see the port."""
        rows = await self._engine.fetch(self._one, {"environment_id": environment_id, "client_id": client_id})
        return _application_from(tuple(rows)) if rows else None

    async def applications(self, environment_id: EnvironmentId) -> Sequence[Application]:
        """List them; see the port."""
        rows = await self._engine.fetch(self._all, {"environment_id": environment_id})
        return [_application_from(tuple(group)) for _, group in groupby(rows, key=lambda row: row[1])]

    async def create_application(
        self, application: Application, logo: tuple[str, bytes] | None, *, at_most: int
    ) -> bool:
        """Create one with its secrets; see the port."""
        logo_type, logo_bytes = logo or (None, None)
        values = {name: getattr(application, name) for name in _PLAIN} | {
            "redirect_uris": json.dumps(application.redirect_uris),
            "logo_type": logo_type,
            "logo": logo_bytes,
            "at_most": at_most,
        }
        secrets = [
            (self._add_secret, _secret_values(application.environment_id, application.client_id, secret))
            for secret in application.secrets
        ]
        return await self._engine.apply(Change(((self._create, values), *secrets))) is not None

    async def delete_application(self, environment_id: EnvironmentId, client_id: str) -> bool:
        """Delete one with its secrets; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id}
        change = Change(((self._delete, values), (self._delete_secrets, values)))
        return await self._engine.apply(change) is not None

    async def add_secret(self, environment_id: EnvironmentId, client_id: str, secret: ClientSecret) -> bool:
        """Add a secret; see the port."""
        values = _secret_values(environment_id, client_id, secret)
        return await self._engine.apply(Change(((self._add_secret, values),))) is not None

    async def delete_secret(self, environment_id: EnvironmentId, client_id: str, secret_id: RowId) -> bool:
        """Delete a secret; see the port."""
        values = {"environment_id": environment_id, "client_id": client_id, "secret_id": secret_id}
        return await self._engine.apply(Change(((self._delete_secret, values),))) is not None

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
        self._engine.post(Change(((self._secret_used, values),)))

    async def logo(self, environment_id: EnvironmentId, client_id: str) -> tuple[str, bytes] | None:
        """Give a logo; see the port."""
        rows = await self._engine.fetch(self._logo, {"environment_id": environment_id, "client_id": client_id})
        return (rows[0][0], bytes(rows[0][1])) if rows else None


def _secret_values(environment_id: EnvironmentId, client_id: str, secret: ClientSecret) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(secret, name) for name in _SECRET}
    return {"environment_id": environment_id, "client_id": client_id, **values}


@lru_cache(maxsize=1024)
def _application_from(rows: tuple[Row, ...]) -> Application:
    """Make an application of its rows; the same rows give the same value, so it is made once."""
    width = len(_PLAIN)
    plain, logo_type = rows[0][:width], rows[0][width]
    values = dict(zip(_PLAIN, plain, strict=True)) | {
        "type": ApplicationType(plain[3]),
        "redirect_uris": tuple(json.loads(plain[4])),
        "rotate_refresh_tokens": bool(plain[5]),
        "consent": ConsentPolicy(plain[9]),
    }
    secrets = tuple(ClientSecret(*row[width + 1 :]) for row in rows if row[width + 1] is not None)
    return Application(**values, has_logo=logo_type is not None, secrets=secrets)
