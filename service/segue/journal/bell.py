"""The bell: replicas over one PostgreSQL tell each other that there may be work (S-94).

Rung in the transaction that makes work which its own process does not take at once: heard when that is committed.
What is not heard, because a connection was lost, is found by the look each second all the same. A file has no bell.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from segue import log
from segue.database import StoreError
from segue.journal.database import Database

CHANNEL = "segue_journal"
LISTEN_S = 1.0  # between two looks whether to stop
AGAIN_S = 5.0  # after a connection was lost
_RING = text(f"NOTIFY {CHANNEL}")


def ring(connection: Connection) -> None:
    """Tells all replicas, once the transaction is committed."""
    connection.execute(_RING)


class Bell:
    """Listens in a thread from `start` to `stop`."""

    def __init__(self, database: Database, heard: Callable[[], None]) -> None:
        self._database = database
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-bell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._database.read() as connection:
                    self._listen(connection)
            except (SQLAlchemyError, StoreError, psycopg.Error) as error:
                log.get().warning("journal.bell", **log.fault(getattr(error, "orig", None) or error))
                self._stopping.wait(AGAIN_S)

    def _listen(self, connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        connection.detach()  # it is nobody else's any more, and closed in the end
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
        self._tell()  # what came before it listened
        while not self._stopping.is_set():
            if any(True for _ in driver.notifies(timeout=LISTEN_S, stop_after=1)):
                self._tell()

    def _tell(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heard)
