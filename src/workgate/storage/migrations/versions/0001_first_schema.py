"""The first schema: accounts, applications, authorizations, sessions, objects and the audit log."""

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, and the installation's own row."""
    _create_installation()
    _create_environments()
    _create_users()
    _create_applications()
    _create_application_secrets()
    _create_authorizations()
    _create_sessions()
    _create_objects()
    _create_audit_events()
    columns = (sa.column(name, sa.BigInteger()) for name in ("installation_id", "epoch", "created_at"))
    installation = sa.table("installation", *columns)
    now = context.config.attributes["now"]
    op.execute(installation.insert().values(installation_id=1, epoch=1, created_at=now))


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("installation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", name=op.f("pk_installation")),
        sqlite_with_rowid=False,
    )


def _create_environments() -> None:
    op.create_table(
        "environments",
        sa.Column("environment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.String(length=32), nullable=False),
        sa.Column("domain", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("session_idle_seconds", sa.Integer(), nullable=False),
        sa.Column("session_absolute_seconds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", name=op.f("pk_environments")),
        sa.UniqueConstraint("domain", "lane", name=op.f("uq_environments_domain")),
        sqlite_with_rowid=False,
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_key", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("failed_sign_ins", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("last_sign_in_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("environment_id", "username_key", name=op.f("uq_users_environment_id")),
        sqlite_with_rowid=False,
    )


def _create_applications() -> None:
    op.create_table(
        "applications",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("rotate_refresh_tokens", sa.Boolean(), nullable=False),
        sa.Column("refresh_absolute_seconds", sa.Integer(), nullable=True),
        sa.Column("refresh_inactivity_seconds", sa.Integer(), nullable=True),
        sa.Column("code_seconds", sa.Integer(), nullable=False),
        sa.Column("consent", sa.String(length=16), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("description_url", sa.Text(), nullable=False),
        sa.Column("developer_name", sa.Text(), nullable=False),
        sa.Column("developer_email", sa.Text(), nullable=False),
        sa.Column("privacy_url", sa.Text(), nullable=False),
        sa.Column("logo_type", sa.String(length=32), nullable=True),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "client_id", name=op.f("pk_applications")),
        sqlite_with_rowid=False,
    )


def _create_application_secrets() -> None:
    op.create_table(
        "application_secrets",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("secret_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("note", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "client_id", "secret_id", name=op.f("pk_application_secrets")),
        sqlite_with_rowid=False,
    )


def _create_authorizations() -> None:
    op.create_table(
        "authorizations",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("authorization_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.String(length=43), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("session_sequence", sa.Integer(), nullable=False),
        sa.Column("consented_at", sa.BigInteger(), nullable=False),
        sa.Column("code_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "authorization_id", name=op.f("pk_authorizations")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_authorizations_user", "authorizations", ["environment_id", "user_id", "client_id"], unique=False
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("user_epoch", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("idle_seconds", sa.Integer(), nullable=False),
        sa.Column("absolute_expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "row_id", "slot", name=op.f("pk_sessions")),
        sqlite_with_rowid=False,
    )


def _create_objects() -> None:
    op.create_table(
        "objects",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("obj_code", sa.String(length=8), nullable=False),
        sa.Column("object_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "obj_code", "object_id", name=op.f("pk_objects")),
        sqlite_with_rowid=False,
    )


def _create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=True),
        sa.Column("client_id", sa.String(length=32), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("reference", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "event_id", name=op.f("pk_audit_events")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_audit_events_reference",
        "audit_events",
        ["reference"],
        unique=False,
        sqlite_where=sa.text("reference IS NOT NULL"),
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
