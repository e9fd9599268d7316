"""Migrations of the journal's schema (alembic); expand, then contract: two neighbouring versions of the program share
a schema (S-95)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text


def upgrade(engine: Engine, *, turn: int | None) -> None:
    """Brings the schema to its newest version; `turn` is the lock under which several processes do it once."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        if turn is not None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": turn})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
