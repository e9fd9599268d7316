"""How many conversions run beside the event loop at once, and how many may wait for it (A-70)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from segue.http.refusal import RequestError
from segue.issues import issue


class Gate:
    """Lets `running` in, keeps `queued` waiting, turns the rest away with 503."""

    def __init__(self, running: int, queued: int) -> None:
        self._slots = asyncio.Semaphore(running)
        self._queued = queued
        self._waiting = 0

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        if self._slots.locked() and self._waiting >= self._queued:
            raise RequestError(issue("service.busy"))
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()
