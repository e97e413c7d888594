"""Identity providers over SQL, and whom their subjects stand for. Providers are few and change seldom."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, exists, func, insert, literal, select, update
from sqlalchemy.sql import ColumnElement

from workgate.domain.accounts import User
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, ObjectId, RowId
from workgate.domain.sso import FederatedUser, IdentityProvider, ProviderKind, Provisioning
from workgate.storage.accounts import USER_COLUMNS, new_user_values, user_from
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, Prepared, Row, Values, given
from workgate.storage.registry_changes import RegistryChanges
from workgate.storage.schema import federated_users, identity_providers, sign_in_requests, users

_COLUMNS = (
    "environment_id",
    "provider_id",
    "kind",
    "name",
    "enabled",
    "settings",
    "sealed_secret",
    "created_at",
)
_CHANGED = ("name", "enabled", "settings", "sealed_secret")
_FEDERATED = ("environment_id", "provider_id", "subject", "user_id", "created_at")
_of_environment = identity_providers.c.environment_id == given(identity_providers.c.environment_id)
_this_provider = and_(_of_environment, identity_providers.c.provider_id == given(identity_providers.c.provider_id))
_this_subject = and_(
    federated_users.c.environment_id == given(federated_users.c.environment_id),
    federated_users.c.provider_id == given(federated_users.c.provider_id),
    federated_users.c.subject == given(federated_users.c.subject),
)


class SqlIdentityProviderStore:
    """``sso_ports.IdentityProviderStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changes = RegistryChanges(engine)
        table = identity_providers
        rows = select(*(table.c[name] for name in _COLUMNS))
        self._all = engine.prepare(rows.where(_of_environment).order_by(table.c.provider_id))
        self._one = engine.prepare(rows.where(_this_provider))
        count = select(func.count()).select_from(table).where(_of_environment).scalar_subquery()
        self._create = engine.prepare(
            insert(table).from_select(
                list(_COLUMNS),
                select(*(given(table.c[name]) for name in _COLUMNS)).where(count < bindparam("at_most")),
            )
        )
        changed: dict[str, ColumnElement[Any]] = {name: given(table.c[name], f"new_{name}") for name in _CHANGED}
        same = and_(
            table.c.settings == changed["settings"],
            table.c.sealed_secret.is_not_distinct_from(changed["sealed_secret"]),
        )
        # What a test showed holds for what was tested.
        changed["tested_at"] = case((same, table.c.tested_at))
        as_seen = and_(
            _this_provider,
            *(table.c[name].is_not_distinct_from(given(table.c[name], f"seen_{name}")) for name in _CHANGED),
        )
        updating, deleting = update(table).where(as_seen).values(changed), delete(table).where(_this_provider)
        of_several, of_nobody = _another_works(), ~_somebody_known()
        conditions = {
            (False, False): [],
            (True, False): [of_several],
            (False, True): [of_nobody],
            (True, True): [of_several, of_nobody],
        }
        self._update = {asked: engine.prepare(updating.where(*more)) for asked, more in conditions.items()}
        self._delete, self._delete_one_of_several = (
            engine.prepare(statement) for statement in (deleting, deleting.where(_another_works()))
        )
        self._reseal = engine.prepare(
            update(table)
            .where(_this_provider, table.c.sealed_secret == given(table.c.sealed_secret))
            .values(sealed_secret=given(table.c.sealed_secret, "new_sealed_secret"))
        )
        self._delete_of_it = [
            engine.prepare(
                delete(other).where(
                    other.c.environment_id == given(other.c.environment_id),
                    other.c.provider_id == given(other.c.provider_id),
                )
            )
            for other in (federated_users, sign_in_requests)
        ]

    async def providers(self, environment_id: EnvironmentId) -> Sequence[IdentityProvider]:
        """List an environment's providers; see the port."""
        return [_provider(row) for row in await self._engine.fetch(self._all, {"environment_id": environment_id})]

    async def provider(self, environment_id: EnvironmentId, provider_id: RowId) -> IdentityProvider | None:
        """Find one; see the port."""
        values = {"environment_id": environment_id, "provider_id": provider_id}
        rows = await self._engine.fetch(self._one, values)
        return _provider(rows[0]) if rows else None

    async def create_provider(self, provider: IdentityProvider, *, at_most: int, record: AuditRecord) -> bool:
        """Create one; see the port."""
        return await self._changes.make(record, (self._create, {**_values(provider), "at_most": at_most}))

    async def update_provider(
        self,
        provider: IdentityProvider,
        *,
        seen: IdentityProvider,
        if_another_works: bool = False,
        if_nobody_is_known: bool = False,
        record: AuditRecord,
    ) -> bool:
        """Write one; see the port."""
        values, before = _values(provider), _values(seen)
        new = {f"new_{name}": values[name] for name in _CHANGED} | {f"seen_{name}": before[name] for name in _CHANGED}
        key = {name: values[name] for name in ("environment_id", "provider_id")}
        statement = self._update[if_another_works, if_nobody_is_known]
        return await self._changes.make(record, (statement, {**key, **new}))

    async def reseal(self, provider: IdentityProvider, sealed_secret: bytes) -> bool:
        """Keep a secret under another seal; see the port."""
        values = {
            "environment_id": provider.environment_id,
            "provider_id": provider.provider_id,
            "sealed_secret": provider.sealed_secret,
            "new_sealed_secret": sealed_secret,
        }
        return await self._engine.apply(Change(((self._reseal, values),))) is not None

    async def delete_provider(
        self,
        environment_id: EnvironmentId,
        provider_id: RowId,
        *,
        if_another_works: bool = False,
        record: AuditRecord,
    ) -> bool:
        """Delete one with what belongs to it; see the port."""
        key = {"environment_id": environment_id, "provider_id": provider_id}
        statement = self._delete_one_of_several if if_another_works else self._delete
        return await self._changes.make(record, (statement, key), *((rest, key) for rest in self._delete_of_it))


class SqlFederatedUserStore:
    """``sso_ports.FederatedUserStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        table = federated_users
        whose = and_(users.c.environment_id == table.c.environment_id, users.c.user_id == table.c.user_id)
        self._user = engine.prepare(select(*USER_COLUMNS).select_from(table.join(users, whose)).where(_this_subject))
        self._of_user = engine.prepare(
            select(*(table.c[name] for name in _FEDERATED))
            .where(table.c.environment_id == given(table.c.environment_id), table.c.user_id == given(table.c.user_id))
            .order_by(table.c.provider_id, table.c.subject)
        )
        row = [given(table.c[name]) for name in _FEDERATED]
        taken = select(literal(1)).select_from(table).where(_this_subject).exists()
        self._add = engine.prepare(
            insert(table).from_select(list(_FEDERATED), select(*row).where(_user_exists(), _provider_exists(), ~taken))
        )
        # The user comes with it: which of two first sign-ins makes one is decided by the subject.
        self._add_first = engine.prepare(
            insert(table).from_select(list(_FEDERATED), select(*row).where(_provider_exists(), ~taken))
        )
        self._remove = engine.prepare(delete(table).where(_this_subject))
        self._create_user = engine.prepare(insert(users))
        self._record = engine.prepare(append_record())

    async def federated(self, environment_id: EnvironmentId, provider_id: RowId, subject: str) -> User | None:
        """Find whom a subject stands for; see the port."""
        rows = await self._engine.fetch(self._user, _subject(environment_id, provider_id, subject))
        return user_from(tuple(rows[0])) if rows else None

    async def federations(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[FederatedUser]:
        """List the subjects of a user; see the port."""
        rows = await self._engine.fetch(self._of_user, {"environment_id": environment_id, "user_id": user_id})
        return [FederatedUser(**dict(zip(_FEDERATED, row, strict=True))) for row in rows]

    async def federate(self, federated: FederatedUser, *, record: AuditRecord) -> bool:
        """Let a subject stand for a user; see the port."""
        return await self._recorded(record, (self._add, asdict(federated)))

    async def unfederate(
        self, environment_id: EnvironmentId, provider_id: RowId, subject: str, *, record: AuditRecord
    ) -> bool:
        """Let a subject stand for nobody; see the port."""
        return await self._recorded(record, (self._remove, _subject(environment_id, provider_id, subject)))

    async def provision(self, user: User, federated: FederatedUser, *, record: AuditRecord) -> bool:
        """Create a user whom a subject stands for; see the port."""
        created = (self._create_user, new_user_values(user, None, federated.created_at))
        return await self._recorded(record, (self._add_first, asdict(federated)), created)

    async def _recorded(self, record: AuditRecord, *steps: tuple[Prepared, Values]) -> bool:
        return await self._engine.apply(Change((*steps, (self._record, record_values(record))))) is not None


def _another_works() -> ColumnElement[bool]:
    """Whether another provider of the environment is on and was tested."""
    other = identity_providers.alias("another")
    return exists().where(
        other.c.environment_id == given(identity_providers.c.environment_id),
        other.c.provider_id != given(identity_providers.c.provider_id),
        other.c.enabled.is_(True),
        other.c.tested_at.is_not(None),
    )


def _somebody_known() -> ColumnElement[bool]:
    """Whether a subject of the provider stands for a user."""
    return exists().where(
        federated_users.c.environment_id == given(identity_providers.c.environment_id),
        federated_users.c.provider_id == given(identity_providers.c.provider_id),
    )


def _user_exists() -> ColumnElement[bool]:
    return (
        select(literal(1))
        .select_from(users)
        .where(users.c.environment_id == given(users.c.environment_id), users.c.user_id == given(users.c.user_id))
        .exists()
    )


def _provider_exists() -> ColumnElement[bool]:
    return select(literal(1)).select_from(identity_providers).where(_this_provider).exists()


def _subject(environment_id: EnvironmentId, provider_id: RowId, subject: str) -> dict[str, object]:
    return {"environment_id": environment_id, "provider_id": provider_id, "subject": subject}


def _values(provider: IdentityProvider) -> dict[str, object]:
    settings = {"provisioning": asdict(provider.provisioning), "protocol": dict(provider.protocol)}
    return {
        "environment_id": provider.environment_id,
        "provider_id": provider.provider_id,
        "kind": provider.kind.value,
        "name": provider.name,
        "enabled": provider.enabled,
        "settings": json.dumps(settings),
        "sealed_secret": provider.sealed_secret,
        "created_at": provider.created_at,
    }


def _provider(row: Row) -> IdentityProvider:
    environment_id, provider_id, kind, name, enabled, text, sealed_secret, created_at = row
    settings = json.loads(text)
    return IdentityProvider(
        environment_id=environment_id,
        provider_id=provider_id,
        kind=ProviderKind(kind),
        name=name,
        enabled=bool(enabled),
        provisioning=Provisioning(**settings["provisioning"]),
        protocol=settings["protocol"],
        sealed_secret=None if sealed_secret is None else bytes(sealed_secret),
        created_at=created_at,
    )
