"""The journal as it was first.

A copy of the schema of that day: the schema in the code moves on, a migration does not.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from segue.journal.states import PRUNED, RECEIVED, STATES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

READY = sa.text("(waits = 0 OR state = 'received') AND state IN ('received', 'converted', 'retrying')")
RETRYING = sa.text("state = 'retrying'")
CLAIMED = sa.text("owner IS NOT NULL")


def upgrade() -> None:
    """Makes all tables."""
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("listener", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("sender", sa.String, nullable=False),
        sa.Column("control_id", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("sent_at", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("state_at", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("waits", sa.Integer, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("rules", sa.String),
        sa.Column("site", sa.String),
        sa.Column("identity", sa.BigInteger, unique=True),
        sa.Column("duplicate", sa.BigInteger, unique=True),
        sa.Column("ack", sa.LargeBinary),
        sa.Column("ack_rules", sa.String),
    )
    op.create_index("message_by_control_id", "message", ["control_id", "id"])
    op.create_index("message_by_time", "message", ["received_at"])
    op.create_index("message_by_sender", "message", ["sender", "id"])
    op.create_index("message_by_type", "message", ["type", "id"])
    op.create_index("message_by_state", "message", ["state", "id"])
    op.create_index("message_ready", "message", ["id"], sqlite_where=READY, postgresql_where=READY)
    op.create_index("message_claimed", "message", ["owner"], sqlite_where=CLAIMED, postgresql_where=CLAIMED)
    op.create_table(
        "content",
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "timeline",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("message_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("target", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
    )
    op.create_index("delivery_open", "delivery", ["target"], sqlite_where=RETRYING, postgresql_where=RETRYING)
    op.create_table(
        "number",
        sa.Column("value", sa.String, primary_key=True),
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, primary_key=True),
    )
    op.create_index("number_by_message", "number", ["message_id"])
    op.create_table(
        "message_key",
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("message_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("head", sa.Boolean, nullable=False),
    )
    op.create_table(
        "patient_key",
        sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("patient", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "sender",
        sa.Column("listener", sa.String, primary_key=True),
        sa.Column("sender", sa.String, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.BigInteger, nullable=False),
        sa.Column("repeats", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "waiting",
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sender", sa.String, primary_key=True),
        sa.Column("field", sa.String, primary_key=True),
        sa.Column("system", sa.String, primary_key=True),
        sa.Column("code", sa.String, primary_key=True),
        sa.Column("unit", sa.String, primary_key=True),
    )
    op.create_index("waiting_by_code", "waiting", ["field", "system", "code"])
    tally = op.create_table(
        "tally",
        sa.Column("state", sa.String, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(tally, [{"state": state, "count": 0} for state in (*STATES, PRUNED, RECEIVED)])


def downgrade() -> None:
    """There is nothing before."""
    raise NotImplementedError("a journal is never taken apart")
