"""Run by alembic: migrates over the connection that was handed to it."""

from __future__ import annotations

from alembic import context

from segue.journal.schema import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables)
with context.begin_transaction():
    context.run_migrations()
