"""The tables of the inbox.

entry ─┬─ words      what came with the code, counted
       ├─ sample     the latest control ids
       └─ decision   who did what when: what `undo` takes back
spooled              how far each spool has been counted
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

tables = MetaData()

entry = Table(
    "inbox_entry",
    tables,
    Column("id", String, primary_key=True),
    Column("sender", String, nullable=False),
    Column("field", String, nullable=False),
    Column("system", String, nullable=False),
    Column("code", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("table", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("state", String, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("decided_at", Float),
    Column("reason", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("inbox_entry_by_state", "state", "sender", "last_seen"),
    Index("inbox_entry_by_code", "sender", "field", "system", "code"),
)

words = Table(
    "inbox_words",
    tables,
    Column("entry", String, primary_key=True),
    Column("text", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Index("inbox_words_by_text", "text"),
)

sample = Table(
    "inbox_sample",
    tables,
    Column("entry", String, primary_key=True),
    Column("control_id", String, primary_key=True),
    Column("at", Float, nullable=False),
)

decision = Table(
    "inbox_decision",
    tables,
    Column("number", Integer, primary_key=True),
    Column("entry", String, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("by", String, nullable=False),
    Column("action", String, nullable=False),  # map, ignore, reopen, undo
    Column("reason", Text, nullable=False),
    Column("file", String, nullable=False),  # the map that took the rows; "" for other actions
    Column("rows", Text, nullable=False),  # their cells as JSON
)

spooled = Table(
    "inbox_spooled",
    tables,
    Column("name", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
