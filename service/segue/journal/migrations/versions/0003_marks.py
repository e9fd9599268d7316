"""What came last about a patient or an order (S-53), and where an edited message came from (S-69)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("message", sa.Column("edited_from", sa.BigInteger))
    op.create_table(
        "mark",
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("event_first", sa.Float),
        sa.Column("event_last", sa.Float),
        sa.Column("sent_first", sa.Float),
        sa.Column("sent_last", sa.Float),
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken apart")
