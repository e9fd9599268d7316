"""The database proves that it is durable, or is refused (S-36, S-37, S-95)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine

from segue.database import StoreError
from segue.journal import database
from segue.journal.database import Database
from segue.journal.schema import tables


def test_S36_pragmas_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Database(str(tmp_path / "j.db"))
    with made.write() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    made.close()

    def sloppy(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    monkeypatch.setattr(database, "_configure_file", sloppy)
    weak = Database(str(tmp_path / "j.db"))
    with pytest.raises(StoreError, match="synchronous is 1"):
        weak.write()
    weak.close()


@pytest.mark.parametrize("setting", ["synchronous_commit=off"])
def test_S37_a_cluster_that_does_not_sync_is_refused(cluster: Any, setting: str) -> None:
    where = f"{cluster.database()}?options=-c%20{setting}"
    made = Database(where)
    engine = made._writes
    made._writes = create_engine(engine.url)  # without our own options
    with pytest.raises(StoreError, match="synchronous_commit is off"):
        made.write()
    made._writes.dispose()
    engine.dispose()


def test_S36_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_file_system", lambda _: "nfs4")
    with pytest.raises(StoreError, match="network file system"):
        Database(str(tmp_path / "j.db"))


def test_S95_the_migrations_make_the_schema_of_the_code(where: str) -> None:
    made = Database(where)
    made.migrate()
    made.migrate()  # once is enough
    found = MetaData()
    with made.read() as connection:
        found.reflect(connection)
    for name, table in tables.tables.items():
        assert {c.name: c.nullable for c in found.tables[name].columns} == {c.name: c.nullable for c in table.columns}
        assert {i.name for i in found.tables[name].indexes} == {i.name for i in table.indexes} | (
            {"ix_" + "_".join((name, c.name)) for c in table.columns if c.index} - {i.name for i in table.indexes}
        )
    made.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(str(tmp_path / "file" / "j.db"))
    with pytest.raises(StoreError, match="no journal"):
        Database(str(tmp_path / "other.db"), create=False)
