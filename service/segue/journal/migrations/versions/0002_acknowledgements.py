"""Application acknowledgements of enhanced mode (S-23)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

OPEN = sa.text("state IN ('due', 'ready', 'dead')")


def upgrade() -> None:
    op.add_column("message", sa.Column("mode", sa.String))
    op.create_table(
        "acknowledgement",
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("listener", sa.String, nullable=False),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("condition", sa.String, nullable=False),
        sa.Column("after", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("became", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("owed_at", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("data", sa.LargeBinary),
    )
    op.create_index("acknowledgement_open", "acknowledgement", ["message_id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    """Rows of enhanced mode cannot be told to a program that knows none."""
    raise NotImplementedError("a journal is never taken apart")
