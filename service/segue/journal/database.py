"""The database of the journal: opened, proved durable, migrated; how a transaction of the writer begins (S-36, S-37).

Everything that differs between SQLite and PostgreSQL stands in this module; above it there is one code. Writers of
all processes take turns: BEGIN IMMEDIATE on SQLite, one advisory lock on PostgreSQL, held for the few milliseconds of
a group commit, so that ids are drawn in the order of commits (S-51). Claims do not need the turn.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from segue.database import StoreError, on_postgresql, told, url_of
from segue.secret import Secret

HEAD = "0004"  # the newest migration
TURN = 0x5E60E_0001  # key of the advisory lock
BUSY_MS = 10_000
CACHE_KIB = 4096  # of pages, for each connection: what a connection reads again soon; the system keeps the rest
FROZEN_MS = 5_000  # a writer that stopped in the middle of its turn loses it
NETWORK_FILE_SYSTEMS = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "lustre"))


class Database:
    """One journal's database. `write()` gives the writer's connection, `read()` connections that only look."""

    def __init__(self, journal: str, *, create: bool = True, password: Secret | None = None) -> None:
        self.url = url_of(journal, "journal")
        self._password = password
        self.is_file = self.url.get_backend_name() == "sqlite"
        if self.is_file:
            _prepare_file(Path(self.url.database or ""), create=create)
        self._writes = self._engine(immediate=True)
        self._reads = self._engine(immediate=False)

    def _engine(self, *, immediate: bool) -> Engine:
        if self.is_file:
            engine = create_engine(self.url, connect_args={"isolation_level": None, "check_same_thread": False})
            event.listen(engine, "connect", _configure_file)
            begin = "BEGIN IMMEDIATE" if immediate else "BEGIN"

            def start(connection: Connection) -> None:
                connection.exec_driver_sql(begin)

            event.listen(engine, "begin", start)
            return engine
        options = f"-c idle_in_transaction_session_timeout={FROZEN_MS} -c statement_timeout=30000"
        return on_postgresql(self.url, self._password, options=options, pool_size=4, pool_pre_ping=not immediate)

    def migrate(self) -> None:
        """Brings the schema up to date; raises StoreError for one that is newer than this program."""
        try:
            with self._reads.connect() as connection:
                known = inspect(connection).has_table("alembic_version")
                version = connection.scalar(text("SELECT version_num FROM alembic_version")) if known else None
        except SQLAlchemyError as error:
            raise StoreError(told(error, "journal")) from error
        if version == HEAD:
            return
        from segue.journal.migrations import upgrade

        upgrade(self._writes, turn=None if self.is_file else TURN)

    def write(self) -> Connection:
        """A connection that was proved durable; raises StoreError."""
        try:
            connection = self._writes.connect()
        except SQLAlchemyError as error:
            raise StoreError(told(error, "journal")) from error
        try:
            self._prove(connection)
        except SQLAlchemyError as error:
            connection.invalidate()
            connection.close()
            raise StoreError(told(error, "journal")) from error
        except StoreError:
            connection.close()
            raise
        return connection

    def read(self) -> Connection:
        return self._reads.connect()

    def _prove(self, connection: Connection) -> None:
        """Reads back what durability stands on (S-36, S-37)."""
        if self.is_file:
            wanted = {"journal_mode": "wal", "synchronous": 2}
            found: dict[str, Any] = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
        else:
            wanted = {"fsync": "on", "full_page_writes": "on"}
            found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in wanted}
            commit = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
            if commit == "off":
                found["synchronous_commit"] = commit
                wanted["synchronous_commit"] = "on"
        connection.rollback()
        wrong = [f"{name} is {found[name]}" for name in found if found[name] != wanted[name]]
        if wrong:
            raise StoreError(f"the journal would not be durable: {', '.join(wrong)} – set it as {wanted}")

    def turn(self, connection: Connection, *, queues: bool) -> float:
        """Begins a transaction of the writer; `queues`: it changes places in queues. Returns the time (UTC seconds)."""
        connection.begin()
        if self.is_file:
            return time.time()
        if queues:
            connection.execute(_LOCK, {"turn": TURN})
        return float(connection.execute(_NOW).scalar_one())

    def free_bytes(self) -> tuple[int, int] | None:
        """Free and total bytes of the disk that holds the journal; None where that is another machine's."""
        if not self.is_file:
            return None
        found = shutil.disk_usage(Path(self.url.database or "").parent)
        return found.free, found.total

    def size_bytes(self) -> int:
        """The journal on disk."""
        if self.is_file:
            path = self.url.database or ""
            return sum(Path(path + end).stat().st_size for end in ("", "-wal") if Path(path + end).exists())
        with self.read() as connection:
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())

    def reset(self) -> None:
        """Drops every connection: the next one is new (S-39)."""
        self._writes.dispose()
        self._reads.dispose()

    close = reset


_LOCK = text("SELECT pg_advisory_xact_lock(:turn)")
_NOW = text("SELECT extract(epoch FROM clock_timestamp())")


def _prepare_file(path: Path, *, create: bool) -> None:
    if not path.exists() and not create:
        raise StoreError(f"no journal ({path}) – name the file that `segue serve --journal` uses")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = _file_system(path.parent.resolve())
        if kind in NETWORK_FILE_SYSTEMS:
            raise StoreError(
                f"the journal's folder is on a network file system ({kind}) – use a local disk or PostgreSQL"
            )
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise StoreError(f"the journal cannot be opened ({path}): {error.strerror} – choose another file") from None


def _file_system(folder: Path) -> str:
    """The type of the file system a folder is on; "" where the machine does not tell."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return ""
    mounts = [(Path(parts[1].replace("\\040", " ")), parts[2]) for line in lines if len(parts := line.split()) > 2]
    fitting = [(len(at.parts), kind) for at, kind in mounts if folder.is_relative_to(at)]
    return max(fitting, default=(0, ""), key=lambda one: one[0])[1]


def _configure_file(connection: Any, _record: Any) -> None:
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "auto_vacuum=INCREMENTAL",
        "journal_mode=WAL",
        "synchronous=FULL",
        "temp_store=MEMORY",
        f"cache_size=-{CACHE_KIB}",
        "journal_size_limit=67108864",
        *(("fullfsync=1", "checkpoint_fullfsync=1") if sys.platform == "darwin" else ()),
    ):
        connection.execute(f"PRAGMA {pragma}")
