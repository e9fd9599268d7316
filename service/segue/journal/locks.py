"""Locks over numbers between the processes of one journal, which end when their process does (S-61a).

    a file journal    one byte of the file JOURNAL-keys for each number, locked by the operating system
    PostgreSQL        an advisory lock of a session for each number; a session that says nothing for five seconds,
                      because its process was stopped, is ended by the server and its locks with it

A number is wanted when another process holds a shared lock on the number's twin.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from segue import log
from segue.database import StoreError
from segue.journal.database import FROZEN_MS, Database
from segue.secret import Secret

REGION = 1 << 61  # bytes of the lock file: numbers below, their twins above
TWIN = 0x5E60E_57A7_57A7_57A7 & ((1 << 63) - 1)
SIGN_S = 1.0  # between two signs of life
SURE_S = FROZEN_MS / 1000 - 1.0  # after the last one


class FileLocks:
    """Of several processes of one machine. Never blocks."""

    epoch = 0
    sure = True

    def __init__(self, journal: Path) -> None:
        """Raises OSError."""
        self._file = os.open(f"{journal}-keys", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    async def confirm(self) -> None:
        """Nobody takes them away."""

    async def take(self, keys: Collection[int]) -> list[int]:
        taken: list[int] = []
        for key in keys:
            if not self._lock(key % REGION, fcntl.LOCK_EX):
                self.give(taken)
                return [key]
            taken.append(key)
        return []

    def give(self, keys: Collection[int]) -> None:
        for key in keys:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, key % REGION)

    def wish(self, keys: Collection[int]) -> None:
        for key in keys:
            self._lock(REGION + key % REGION, fcntl.LOCK_SH)

    def unwish(self, keys: Collection[int]) -> None:
        for key in keys:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, REGION + key % REGION)

    async def wanted(self, keys: Collection[int]) -> set[int]:
        found: set[int] = set()
        for key in keys:
            at = REGION + key % REGION
            if self._lock(at, fcntl.LOCK_EX):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, at)
            else:
                found.add(key)
        return found

    async def close(self) -> None:
        os.close(self._file)

    def _lock(self, at: int, kind: int) -> bool:
        try:
            fcntl.lockf(self._file, kind | fcntl.LOCK_NB, 1, at)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise
        return True


class ServerLocks:
    """Of replicas over one PostgreSQL: a session and a thread of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[tuple[Callable[[Connection], Any], asyncio.Future[Any] | None] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._signed = 0.0
        self._loop = asyncio.get_running_loop()
        self.epoch = 0
        self._thread = threading.Thread(target=self._run, name="journal-locks", daemon=True)
        self._thread.start()

    @property
    def sure(self) -> bool:
        return monotonic() - self._signed < SURE_S

    async def confirm(self) -> None:
        await self._asked(_sign)

    async def take(self, keys: Collection[int]) -> list[int]:
        those = list(keys)
        future = self._put(lambda connection: _take(connection, those))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:  # taken all the same, and for nobody
            future.add_done_callback(
                lambda done: self.give(those) if not done.exception() and not done.result() else None
            )
            raise

    def give(self, keys: Collection[int]) -> None:
        self._tell(_GIVE, keys)

    def wish(self, keys: Collection[int]) -> None:
        self._tell(_WISH, [key ^ TWIN for key in keys])

    def unwish(self, keys: Collection[int]) -> None:
        self._tell(_UNWISH, [key ^ TWIN for key in keys])

    async def wanted(self, keys: Collection[int]) -> set[int]:
        return await self._asked(lambda connection: _wanted(connection, list(keys)))

    async def close(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._database.close()

    async def _asked(self, function: Callable[[Connection], Any]) -> Any:
        return await self._put(function)

    def _put(self, function: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put((function, future))
        return future

    def _tell(self, statement: TextClause, keys: Collection[int]) -> None:
        those = {"keys": list(keys)}
        self._jobs.put((lambda connection: connection.execute(statement, those), None))

    # the thread's side ────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=SIGN_S)
            except Empty:
                job = (_sign, None)
            if job is None:
                if self._connection is not None:
                    self._connection.close()
                return
            function, future = job
            if future is None and self._connection is None:
                continue  # nothing is held that could be given back or kept
            result: Any
            try:
                result = function(self._session())
                self._signed = monotonic()
            except (SQLAlchemyError, StoreError, OSError) as error:
                self._lost(error)
                result = OSError("the locks of the journal are out of reach")
            if future is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_settle, future, result)

    def _session(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.read()  # stays in one transaction, so that silence ends it
        return self._connection

    def _lost(self, error: Exception) -> None:
        log.get().warning("journal.locks-lost", **log.fault(getattr(error, "orig", None) or error))
        self.epoch += 1
        if self._connection is not None:
            try:
                self._connection.invalidate()
                self._connection.close()
            except SQLAlchemyError:
                pass  # of a connection that is gone
            self._connection = None


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _sign(connection: Connection) -> None:
    connection.execute(_SIGN)


def _take(connection: Connection, keys: list[int]) -> list[int]:
    rows = connection.execute(_TAKE, {"keys": keys}).all()
    failed = [row.k for row in rows if not row.taken]
    if failed and len(failed) < len(rows):
        connection.execute(_GIVE, {"keys": [row.k for row in rows if row.taken]})
    return failed


def _wanted(connection: Connection, keys: list[int]) -> set[int]:
    rows = connection.execute(_TAKE, {"keys": [key ^ TWIN for key in keys]}).all()
    connection.execute(_GIVE, {"keys": [row.k for row in rows if row.taken]})
    return {row.k ^ TWIN for row in rows if not row.taken}


def locks_of(journal: str, password: Secret | None) -> FileLocks | ServerLocks:
    """Of a journal's FILE or address. Raises OSError and StoreError."""
    database = Database(journal, password=password)
    if database.is_file:
        database.close()
        return FileLocks(Path(database.url.database or ""))
    return ServerLocks(database)


_SIGN = text("SELECT 1")
_KEYS = "FROM unnest(CAST(:keys AS bigint[])) AS k"
_TAKE = text(f"SELECT k, pg_try_advisory_lock(k) AS taken {_KEYS}")
_GIVE = text(f"SELECT pg_advisory_unlock(k) {_KEYS}")
_WISH = text(f"SELECT pg_try_advisory_lock_shared(k) {_KEYS}")
_UNWISH = text("SELECT pg_advisory_unlock_shared(k) FROM unnest(CAST(:keys AS bigint[])) AS k")
