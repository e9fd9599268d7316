"""Who is first in a queue is found without looking at who stands behind (S-47)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index(
        "message_key_head", "message_key", ["key"], sqlite_where=sa.text("head"), postgresql_where=sa.text("head")
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken apart")
