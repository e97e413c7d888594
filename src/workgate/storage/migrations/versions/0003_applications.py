"""For machine-to-machine applications: public keys and used JWTs; and who is connected to an application."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add two tables and an index; the release before knows of none and needs none."""
    op.create_table(
        "application_keys",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("note", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("environment_id", "client_id", "key_id", name=op.f("pk_application_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "used_jwts",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("environment_id", "expires_at", "digest", name=op.f("pk_used_jwts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_authorizations_client", "authorizations", ["environment_id", "client_id", "user_id"], unique=False
    )
