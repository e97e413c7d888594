"""The tables. Every primary key begins with the environment; nothing uses sequences or triggers.

Tables that tokens point at have no secondary index besides those of authorizations by user and by application, whose
columns no refresh touches: rows are found by time-ordered primary keys, and the sweeper walks those. Secrets are
present as salts and digests only.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.sql import ColumnElement

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *items: Column[object] | Index | PrimaryKeyConstraint | UniqueConstraint) -> Table:
    return Table(name, metadata, *items, sqlite_with_rowid=False)


def _required(name: str, kind: type | String) -> Column[object]:
    return Column(name, kind, nullable=False)


installation = _table(
    "installation",
    Column("installation_id", Integer, primary_key=True, autoincrement=False),
    _required("epoch", Integer),
    _required("created_at", BigInteger),
    # The oldest revision whose program can work with this schema: nodes of the release before go on serving.
    Column("compatible_with", String(32), nullable=False, server_default="0001"),
    # Counts the changes of applications that are available to every organisation.
    Column("central_version", BigInteger, nullable=False, server_default="0"),
)

environments = _table(
    "environments",
    Column("environment_id", BigInteger, primary_key=True, autoincrement=False),
    _required("customer_id", String(32)),
    _required("domain", String(63)),
    _required("lane", String(63)),
    _required("name", Text),
    _required("session_idle_seconds", Integer),
    _required("session_absolute_seconds", Integer),
    _required("created_at", BigInteger),
    # Counts the changes of the environment's applications, so that whoever remembers one knows whether it still holds.
    Column("registry_version", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("domain", "lane"),
)

users = _table(
    "users",
    _required("environment_id", BigInteger),
    _required("user_id", String(32)),
    _required("username", Text),
    _required("username_key", Text),
    _required("first_name", Text),
    _required("last_name", Text),
    _required("email", Text),
    _required("is_admin", Boolean),
    _required("is_active", Boolean),
    Column("password_hash", Text),
    _required("session_epoch", Integer),
    _required("failed_sign_ins", Integer),
    Column("locked_until", BigInteger),
    Column("last_sign_in_at", BigInteger),
    _required("created_at", BigInteger),
    Column("sso_only", Boolean, nullable=False, server_default=false()),
    Column("password_set_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "user_id"),
    UniqueConstraint("environment_id", "username_key"),
    Index("ix_users_email", "environment_id", "email"),
)

applications = _table(
    "applications",
    _required("environment_id", BigInteger),
    _required("client_id", String(32)),
    _required("name", Text),
    _required("type", String(16)),
    _required("redirect_uris", Text),
    _required("rotate_refresh_tokens", Boolean),
    Column("refresh_absolute_seconds", Integer),
    Column("refresh_inactivity_seconds", Integer),
    _required("code_seconds", Integer),
    _required("consent", String(16)),
    _required("description", Text),
    _required("description_url", Text),
    _required("developer_name", Text),
    _required("developer_email", Text),
    _required("privacy_url", Text),
    Column("logo_type", String(32)),
    Column("logo", LargeBinary),
    _required("created_at", BigInteger),
    # The operator made it available to every organisation; and where one installed it, whose it is.
    Column("is_central", Boolean, nullable=False, server_default=false()),
    Column("owner_environment_id", BigInteger),
    PrimaryKeyConstraint("environment_id", "client_id"),
)

# What is remembered of an environment's applications holds as long as this is the same.
registry_version: ColumnElement[int] = (environments.c.registry_version + installation.c.central_version).label(
    "registry_version"
)

application_secrets = _table(
    "application_secrets",
    _required("environment_id", BigInteger),
    _required("client_id", String(32)),
    _required("secret_id", BigInteger),
    _required("digest", LargeBinary),
    _required("last_four", String(4)),
    _required("note", String(64)),
    _required("created_at", BigInteger),
    Column("last_used_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "client_id", "secret_id"),
)

application_keys = _table(
    "application_keys",
    _required("environment_id", BigInteger),
    _required("client_id", String(32)),
    _required("key_id", BigInteger),
    _required("user_id", String(32)),
    _required("note", String(64)),
    _required("public_key", Text),
    _required("fingerprint", String(64)),
    _required("bits", Integer),
    _required("created_at", BigInteger),
    Column("last_used_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "client_id", "key_id"),
)

# A JWT works once: what was used, until it would have expired anyway.
used_jwts = _table(
    "used_jwts",
    _required("environment_id", BigInteger),
    _required("expires_at", BigInteger),
    _required("digest", LargeBinary),
    PrimaryKeyConstraint("environment_id", "expires_at", "digest"),
)

authorizations = _table(
    "authorizations",
    _required("environment_id", BigInteger),
    _required("authorization_id", BigInteger),
    _required("client_id", String(32)),
    _required("user_id", String(32)),
    _required("redirect_uri", Text),
    Column("code_challenge", String(43)),
    _required("status", SmallInteger),
    _required("salt", LargeBinary),
    _required("key_id", Integer),
    _required("generation", Integer),
    _required("session_sequence", Integer),
    _required("consented_at", BigInteger),
    _required("code_expires_at", BigInteger),
    _required("active_at", BigInteger),
    Column("rotated_at", BigInteger),
    Column("revoked_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "authorization_id"),
    Index("ix_authorizations_user", "environment_id", "user_id", "client_id"),
    Index("ix_authorizations_client", "environment_id", "client_id", "user_id"),
)

sessions = _table(
    "sessions",
    _required("environment_id", BigInteger),
    _required("row_id", BigInteger),
    _required("slot", SmallInteger),
    _required("sequence", Integer),
    _required("origin", String(16)),
    _required("user_id", String(32)),
    _required("user_epoch", Integer),
    Column("client_id", String(32)),
    _required("salt", LargeBinary),
    _required("opened_at", BigInteger),
    _required("last_seen_at", BigInteger),
    _required("idle_seconds", Integer),
    _required("absolute_expires_at", BigInteger),
    # From where, for the person to recognise it: of sessions that somebody signed in for.
    Column("address", String(64)),
    Column("agent", String(200)),
    PrimaryKeyConstraint("environment_id", "row_id", "slot"),
)

# How people sign in to an environment, as JSON; without a row, by the defaults.
sign_in_rules = _table(
    "sign_in_rules",
    Column("environment_id", BigInteger, primary_key=True, autoincrement=False),
    _required("rules", Text),
)

identity_providers = _table(
    "identity_providers",
    _required("environment_id", BigInteger),
    _required("provider_id", BigInteger),
    _required("kind", String(8)),
    _required("name", String(64)),
    _required("enabled", Boolean),
    _required("settings", Text),
    Column("sealed_secret", LargeBinary),
    _required("created_at", BigInteger),
    # When a test sign-in last showed that it works as it is set up.
    Column("tested_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "provider_id"),
)

# Whom a provider's subject stands for.
federated_users = _table(
    "federated_users",
    _required("environment_id", BigInteger),
    _required("provider_id", BigInteger),
    _required("subject", String(255)),
    _required("user_id", String(32)),
    _required("created_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "provider_id", "subject"),
    Index("ix_federated_users_user", "environment_id", "user_id"),
)

# Sign-ins that went to a provider and are expected back, once. What they prove is derived from the salt.
sign_in_requests = _table(
    "sign_in_requests",
    _required("environment_id", BigInteger),
    _required("request_id", BigInteger),
    _required("provider_id", BigInteger),
    _required("purpose", String(16)),
    _required("target", Text),
    _required("browser", LargeBinary),
    _required("salt", LargeBinary),
    _required("key_id", Integer),
    _required("expires_at", BigInteger),
    # What a SAML response told, until this browser comes for it.
    Column("arrived", Text),
    PrimaryKeyConstraint("environment_id", "request_id"),
)

# A SAML assertion works once, and so does what a passkey was asked: what was used, until it would have expired anyway.
used_assertions = _table(
    "used_assertions",
    _required("environment_id", BigInteger),
    _required("expires_at", BigInteger),
    _required("digest", LargeBinary),
    PrimaryKeyConstraint("environment_id", "expires_at", "digest"),
)

password_history = _table(
    "password_history",
    _required("environment_id", BigInteger),
    _required("user_id", String(32)),
    _required("set_at", BigInteger),
    _required("password_hash", Text),
    PrimaryKeyConstraint("environment_id", "user_id", "set_at"),
)

# Links that were mailed to somebody: to set a forgotten password, or the first one.
mailed_links = _table(
    "mailed_links",
    _required("environment_id", BigInteger),
    _required("link_id", BigInteger),
    _required("user_id", String(32)),
    _required("purpose", String(16)),
    _required("salt", LargeBinary),
    _required("key_id", Integer),
    _required("expires_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "link_id"),
    Index("ix_mailed_links_user", "environment_id", "user_id", "expires_at"),
)

second_factors = _table(
    "second_factors",
    _required("environment_id", BigInteger),
    _required("user_id", String(32)),
    _required("factor_id", BigInteger),
    _required("kind", String(8)),
    _required("name", String(64)),
    # A passkey's credential ID, and its public key with what goes with it; an authenticator's sealed secret.
    Column("credential_id", String(1400)),
    Column("settings", Text),
    Column("sealed_secret", LargeBinary),
    # The time step, or the signature counter, that was used last: it only grows.
    _required("last_step", BigInteger),
    _required("created_at", BigInteger),
    Column("last_used_at", BigInteger),
    PrimaryKeyConstraint("environment_id", "user_id", "factor_id"),
    UniqueConstraint("environment_id", "credential_id"),
)

recovery_codes = _table(
    "recovery_codes",
    _required("environment_id", BigInteger),
    _required("user_id", String(32)),
    _required("digest", LargeBinary),
    PrimaryKeyConstraint("environment_id", "user_id", "digest"),
)

objects = _table(
    "objects",
    _required("environment_id", BigInteger),
    _required("obj_code", String(8)),
    _required("object_id", String(32)),
    _required("name", Text),
    _required("entered_at", BigInteger),
    _required("fields", Text),
    PrimaryKeyConstraint("environment_id", "obj_code", "object_id"),
)

audit_events = _table(
    "audit_events",
    _required("environment_id", BigInteger),
    _required("event_id", BigInteger),
    _required("at", BigInteger),
    _required("event", String(32)),
    Column("actor", String(32)),
    Column("client_id", String(32)),
    Column("address", String(64)),
    Column("reference", String(16)),
    Column("reason", Text),
    PrimaryKeyConstraint("environment_id", "event_id"),
)

leases = _table(
    "leases",
    Column("name", String(32), primary_key=True),
    _required("holder", String(64)),
    _required("expires_at", BigInteger),
)

_PARTIAL_INDEXES: Sequence[tuple[str, Sequence[Column[Any]], ColumnElement[bool]]] = (
    ("ix_applications_central", [applications.c.client_id], applications.c.is_central),
    (
        "ix_applications_owner",
        [applications.c.owner_environment_id, applications.c.client_id],
        applications.c.owner_environment_id.is_not(None),
    ),
    (
        "ix_sessions_person",
        [sessions.c[name] for name in ("environment_id", "user_id", "client_id", "user_epoch", "row_id")],
        sessions.c.client_id.is_(None),
    ),
    ("ix_audit_events_reference", [audit_events.c.reference], audit_events.c.reference.is_not(None)),
)


@cache
def whole_metadata() -> MetaData:
    """The tables with their indexes over some of the rows: for migrations, and for what compares with them.

    An index's condition is an option of each database, for which SQLAlchemy loads the dialects of both. Whoever only
    uses the tables need not wait for that.
    """
    for name, columns, rows in _PARTIAL_INDEXES:
        Index(name, *columns, sqlite_where=rows, postgresql_where=rows)
    return metadata
