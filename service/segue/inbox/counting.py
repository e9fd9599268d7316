"""Counting beside the way of a message: one write before the acknowledgement, the rest in the background (T-62)."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from segue import log
from segue.database import StoreError
from segue.inbox.sighting import added_up, line
from segue.inbox.spool import Spool, lines, orphans
from segue.inbox.store import Inbox
from segue.terminology import Unmapped

EVERY_S = 0.5


class Counting:
    """Takes what conversions could not translate and brings it into the inbox."""

    def __init__(self, inbox: Inbox, folder: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """`folder` is on a local disk; FILE.counts beside the file of an inbox without it."""
        self.inbox = inbox
        self._folder = folder or _beside(inbox)
        self._clock = clock
        self._spool = Spool(self._folder)
        self._draining = threading.Lock()
        self._task: asyncio.Task[None] | None = None

    def note(self, unmapped: Collection[Unmapped], pending: Collection[Unmapped], control_id: str) -> None:
        """One message; a single write to a file, no wait for the inbox."""
        if unmapped:
            self._spool.append(line(unmapped, pending, control_id, self._clock()))

    def drain(self) -> None:
        """Counts what is there, also what other processes have left behind."""
        with self._draining:
            self._count(self._spool.file)
            self._spool.rotate()
            for file, handle in orphans(self._folder):
                try:
                    self._count(file)
                    file.unlink()
                    self.inbox.forget(file.name)
                finally:
                    os.close(handle)

    def _count(self, file: Path) -> None:
        position = self.inbox.position(file.name)
        found, after = lines(file, position)
        if found:
            self.inbox.record(added_up(found), file.name, after)

    def start(self) -> None:
        """Drains every half second until `close`."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Counts the rest."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """Counts the rest, and leaves nothing behind but what could not be counted: the next process does."""
        try:
            self.drain()
        except StoreError as error:
            log.get().error("inbox.not-counted", **log.fault(error))
            self._spool.close()
            return
        self._spool.close()
        self._spool.file.unlink(missing_ok=True)
        self.inbox.forget(self._spool.file.name)

    async def _run(self) -> None:
        failed = False
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await asyncio.to_thread(self.drain)
                failed = False
            except Exception as error:  # a full disk, a database that is away: what is spooled is counted later
                if not failed:
                    log.get().error("inbox.not-counted", **log.fault(error))
                failed = True


def _beside(inbox: Inbox) -> Path:
    assert inbox.file is not None, "an inbox on a server has no folder of its own"
    return inbox.file.with_name(f"{inbox.file.name}.counts")
