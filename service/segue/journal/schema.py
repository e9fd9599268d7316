"""The tables of the journal: one schema for SQLite and PostgreSQL (S-93).

    message ─┬─ content        raw bytes, Bundle, issues
             ├─ timeline       every transition with its time and reason
             ├─ delivery       what became of it at each target
             ├─ acknowledgement  of the application, of a message in enhanced mode
             ├─ number         patient, visit and order numbers, to find it by
             ├─ message_key    its places in the queues of its order keys; only while it is open
             └─ waiting        the codes it waits for
    patient_key                identifiers seen together
    mark                       what came last about a patient or an order
    sender                     sequence numbers (MSH-13)
    tally                      messages by state; changed in the transaction that changes a state

Times are seconds since 1970, UTC. Rules: S-38 to S-54.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

tables = MetaData()

# What there is to do: to deliver when it is first in all its queues, to convert at any time.
READY_WHERE = "(waits = 0 OR state = 'received') AND state IN ('received', 'converted', 'retrying')"

HEAD_WHERE = "head"

message = Table(
    "message",
    tables,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # order of commit at intake (S-51)
    Column("received_at", Float, nullable=False),
    Column("listener", String, nullable=False),
    Column("address", String, nullable=False),
    Column("sender", String, nullable=False),  # MSH-3|MSH-4
    Column("control_id", String, nullable=False),
    Column("type", String, nullable=False),  # ADT^A01, as sent
    Column("sent_at", String, nullable=False),  # EVN-2, else MSH-7, as sent (S-53)
    Column("digest", String(64), nullable=False),  # SHA-256 of the raw bytes (S-40)
    Column("size", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("state_at", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("waits", Integer, nullable=False),  # order keys in whose queues it is not first
    Column("owner", String),  # who works on it (S-92)
    Column("lease_until", Float, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("starts", Integer, nullable=False),  # of work that did not end, this one included (S-55)
    Column("tries", Integer, nullable=False),  # deliveries that failed
    Column("rules", String),  # digest of the rules that made the Bundle
    Column("site", String),  # whose maps made it
    Column("identity", BigInteger, unique=True),  # of the newest with this listener, sender and control id (S-45)
    Column("duplicate", BigInteger, unique=True),  # the same with its bytes (S-43, S-44)
    Column("ack", LargeBinary),  # as answered
    Column("ack_rules", String),  # rules under which it was answered
    Column("edited_from", BigInteger),  # the message whose corrected text this is (S-69)
    Column("mode", String),  # MSH-15/MSH-16 of one in enhanced mode (S-23)
    Index("message_by_control_id", "control_id", "id"),
    Index("message_by_time", "received_at"),
    Index("message_by_sender", "sender", "id"),
    Index("message_by_type", "type", "id"),
    Index("message_by_state", "state", "id"),
    Index(
        "message_ready",
        "id",
        sqlite_where=text(READY_WHERE),
        postgresql_where=text(READY_WHERE),
    ),
    Index(
        "message_claimed",
        "owner",
        sqlite_where=text("owner IS NOT NULL"),
        postgresql_where=text("owner IS NOT NULL"),
    ),
)

content = Table(
    "content",
    tables,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, primary_key=True),  # raw, bundle, issues
    Column("data", LargeBinary, nullable=False),
)

timeline = Table(
    "timeline",
    tables,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("message_id", BigInteger, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("target", String, nullable=False),
)

delivery = Table(
    "delivery",
    tables,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("target", String, primary_key=True),
    Column("state", String, nullable=False),  # delivered, retrying, dead
    Column("tries", Integer, nullable=False),  # sends that were answered or failed
    Column("at", Float, nullable=False),
    Column("reason", String, nullable=False),
    Index(
        "delivery_open",
        "target",
        sqlite_where=text("state = 'retrying'"),
        postgresql_where=text("state = 'retrying'"),
    ),
)

acknowledgement = Table(
    "acknowledgement",
    tables,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("listener", String, nullable=False),
    Column("way", String, nullable=False),  # connection, callback
    Column("condition", String, nullable=False),  # MSH-16: AL, ER, SU
    Column("after", String, nullable=False),  # what has to have happened: converted, delivered
    Column("state", String, nullable=False),  # owed, due, ready, sent, unsent, unwanted, dead
    Column("became", String, nullable=False),  # the state of the message that it tells
    Column("at", Float, nullable=False),  # of the last change
    Column("owed_at", Float, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("owner", String),  # who sends it
    Column("lease_until", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("data", LargeBinary),  # the message, made once: each attempt sends the same
    Index(
        "acknowledgement_open",
        "message_id",
        sqlite_where=text("state IN ('due', 'ready', 'dead')"),
        postgresql_where=text("state IN ('due', 'ready', 'dead')"),
    ),
)

number = Table(
    "number",
    tables,
    Column("value", String, primary_key=True),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, primary_key=True),  # patient, visit, order
    Index("number_by_message", "message_id"),
)

message_key = Table(
    "message_key",
    tables,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, nullable=False, index=True),
    Column("head", Boolean, nullable=False),  # first in the queue of this key
    Index("message_key_head", "key", sqlite_where=text(HEAD_WHERE), postgresql_where=text(HEAD_WHERE)),
)

patient_key = Table(
    "patient_key",
    tables,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient", BigInteger, nullable=False, index=True),
)

mark = Table(
    "mark",
    tables,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("event_first", Float),
    Column("event_last", Float),
    Column("sent_first", Float),
    Column("sent_last", Float),
)

sender = Table(
    "sender",
    tables,
    Column("listener", String, primary_key=True),
    Column("sender", String, primary_key=True),
    Column("sequence", BigInteger, nullable=False),  # the last MSH-13
    Column("gaps", BigInteger, nullable=False),
    Column("repeats", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)

waiting = Table(
    "waiting",
    tables,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("system", String, primary_key=True),
    Column("code", String, primary_key=True),
    Column("unit", String, primary_key=True),
    Index("waiting_by_code", "field", "system", "code"),
)

tally = Table(
    "tally",
    tables,
    Column("state", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
