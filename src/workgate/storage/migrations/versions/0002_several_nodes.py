"""For several nodes: versions of what they remember, leases, and which programs a schema suits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two columns with defaults, which the release before does not mention, and one table."""
    with op.batch_alter_table("installation") as table:
        table.add_column(sa.Column("compatible_with", sa.String(length=32), nullable=False, server_default="0001"))
    with op.batch_alter_table("environments") as table:
        table.add_column(sa.Column("registry_version", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
