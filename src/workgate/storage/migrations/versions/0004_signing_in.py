"""How people sign in: rules, identity providers, second factors, mailed links; other organisations' applications."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add tables, and columns with defaults; the release before mentions none of them and needs none."""
    _columns()
    _providers()
    _passwords()
    _second_steps()


def _columns() -> None:
    op.add_column("applications", sa.Column("is_central", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("applications", sa.Column("owner_environment_id", sa.BigInteger(), nullable=True))
    op.add_column("installation", sa.Column("central_version", sa.BigInteger(), nullable=False, server_default="0"))
    for name, columns, rows in (
        ("ix_applications_central", ["client_id"], "is_central"),
        ("ix_applications_owner", ["owner_environment_id", "client_id"], "owner_environment_id IS NOT NULL"),
    ):
        op.create_index(
            name, "applications", columns, unique=False, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows)
        )
    op.add_column("sessions", sa.Column("address", sa.String(length=64), nullable=True))
    op.add_column("sessions", sa.Column("agent", sa.String(length=200), nullable=True))
    op.create_index(
        "ix_sessions_person",
        "sessions",
        ["environment_id", "user_id", "client_id", "user_epoch", "row_id"],
        unique=False,
        sqlite_where=sa.text("client_id IS NULL"),
        postgresql_where=sa.text("client_id IS NULL"),
    )
    op.add_column("users", sa.Column("sso_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("users", sa.Column("password_set_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_users_email", "users", ["environment_id", "email"], unique=False)


def _providers() -> None:
    op.create_table(
        "federated_users",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "provider_id", "subject", name=op.f("pk_federated_users")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_federated_users_user", "federated_users", ["environment_id", "user_id"], unique=False)
    op.create_table(
        "identity_providers",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tested_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "provider_id", name=op.f("pk_identity_providers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in_requests",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("browser", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("arrived", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "request_id", name=op.f("pk_sign_in_requests")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in_rules",
        sa.Column("environment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", name=op.f("pk_sign_in_rules")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "used_assertions",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "expires_at", "digest", name=op.f("pk_used_assertions")),
        sqlite_with_rowid=False,
    )


def _passwords() -> None:
    op.create_table(
        "mailed_links",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "link_id", name=op.f("pk_mailed_links")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mailed_links_user", "mailed_links", ["environment_id", "user_id", "expires_at"], unique=False)
    op.create_table(
        "password_history",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "user_id", "set_at", name=op.f("pk_password_history")),
        sqlite_with_rowid=False,
    )


def _second_steps() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "user_id", "digest", name=op.f("pk_recovery_codes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "second_factors",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("factor_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=True),
        sa.Column("settings", sa.Text(), nullable=True),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "user_id", "factor_id", name=op.f("pk_second_factors")),
        sa.UniqueConstraint("environment_id", "credential_id", name=op.f("uq_second_factors_environment_id")),
        sqlite_with_rowid=False,
    )
