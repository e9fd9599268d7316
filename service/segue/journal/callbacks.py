"""The caller of one listener: application acknowledgements go to the address where its senders take them (S-23, S-30).

One at a time, oldest first, the same bytes at each attempt, until the peer has answered for it. While the peer is away
nobody else is called in vain: the pause grows from 1 s to a minute and holds for all that wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time

from sqlalchemy.exc import SQLAlchemyError

from segue import log
from segue.database import StoreError
from segue.delivery.peer import MllpPeer
from segue.delivery.target import DeliveryError, Parcel
from segue.journal import acknowledgements
from segue.journal.acknowledgements import Due, Told
from segue.journal.journal import Journal
from segue.journal.retries import Retry
from segue.settings.callback import Callback as Settings
from segue.settings.targets import Mllp

LIMIT = 16
POLL_S = 1.0
LONGEST_S = 60.0


@dataclass(slots=True)
class Callback:
    """Calls one peer. Raises TlsError when opened."""

    journal: Journal
    listener: str
    peer: MllpPeer
    acknowledged: bool = True
    retry: Retry = field(default_factory=lambda: Retry(longest_s=LONGEST_S))
    poll_s: float = POLL_S
    told: Callable[[bool, str], None] = lambda _answers, _reason: None
    _failures: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def open(cls, journal: Journal, listener: str, settings: Settings) -> Callback:
        node = Mllp(
            name=f"callback of {listener}"[:64], kind="mllp", url=settings.url, tls=settings.tls,
            connect_s=settings.connect_s, timeout_s=settings.timeout_s,
        )  # fmt: skip
        return cls(journal, listener, MllpPeer(node, answered=settings.acknowledged), settings.acknowledged)

    def wake(self) -> None:
        self._wake.set()

    async def close(self) -> None:
        await self.peer.close()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            pause_s = self.poll_s
            try:
                found = await self._claimed()
                pause_s = await self._call(found) if found else self.poll_s
                if found and not pause_s:
                    continue
            except (StoreError, SQLAlchemyError):
                pass  # the journal tells it; the claim ends by itself
            except Exception as error:
                log.get().error("callback.bug", listener=self.listener, **log.fault(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    if self._failures:
                        await asyncio.Event().wait()  # nobody can call the peer back to life
                    await self._wake.wait()

    async def _claimed(self) -> list[Due]:
        j = self.journal
        if not await j.look(lambda connection: acknowledgements.ready(connection, self.listener)):
            return []
        return await j.call(
            lambda connection, now: acknowledgements.claim(connection, now, self.listener, j.owner, j.lease_s, LIMIT),
            queues=False,
        )

    async def _call(self, found: list[Due]) -> float:
        """Calls with each until one fails in a way that others would too; how long to wait then."""
        ends: list[Told] = []
        pause_s = 0.0
        for one in found:
            if pause_s:
                ends.append(Told(one.id, "ready"))  # not tried
                continue
            try:
                await self.peer.deliver(Parcel(b"", "", "", raw=one.data or b""))
            except DeliveryError as failure:
                end, pause_s = self._failed(one, failure)
                ends.append(end)
                continue
            if self._failures:
                log.get().info("callback.answers", listener=self.listener)
                self.told(True, "")
            self._failures = 0
            log.get().info("acknowledgement", message=one.id, listener=self.listener)
            ends.append(Told(one.id, "sent"))
        await self.journal.call(
            lambda connection, now: acknowledgements.tell(connection, now, ends), queues=False, lasting=True
        )
        return pause_s

    def _failed(self, one: Due, failure: DeliveryError) -> tuple[Told, float]:
        verdict = self.retry.judge(failure, one.tries + 1, time() - one.owed_at)
        if verdict.action == "dead":
            log.get().error("acknowledgement.dead", message=one.id, listener=self.listener, reason=str(failure))
            return Told(one.id, "dead", reason=str(failure), failed=True), 0.0
        if not self._failures:
            log.get().warning("callback.away", listener=self.listener, reason=str(failure))
            self.told(False, str(failure))
        self._failures += 1
        pause_s = self.retry.delay_s(self._failures)
        # Others have their turn first: the fault may be this one's alone.
        return Told(one.id, "ready", reason=str(failure), delay_s=2 * pause_s, failed=True), pause_s
