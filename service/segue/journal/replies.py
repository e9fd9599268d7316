"""Application acknowledgements on their way: made when they are due, written to the connection of their message or
handed to the callbacks (S-23).

    due ─▶ wanted by MSH-16? ─▶ made, as what became of the message says ─▶ its connection · a callback

Over a connection there is one attempt: what is written is sent, and a sender who missed it gets it again with the
answer to the same message (S-43). A callback is called until it answers; see `callbacks`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time
from typing import NamedTuple

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from segue import log
from segue.database import StoreError
from segue.delivery.intake import refused
from segue.issues import Issue, issue
from segue.journal import acknowledgements, content
from segue.journal.acknowledgements import Due, Told
from segue.journal.callbacks import Callback
from segue.journal.content import DamageError
from segue.journal.journal import Journal
from segue.mllp.ack import Code, Header, acknowledge
from segue.mllp.mode import wants

LIMIT = 256
POLL_S = 1.0  # the safety net: other processes bring messages to their end as well
CONNECTION_S = 30.0  # after which a due one is nobody's: the process that had its connection is gone

Say = Callable[[bytes], bool]


class _Facts(NamedTuple):
    """What an acknowledgement is made of."""

    raw: bytes | None
    issues: tuple[Issue, ...]
    has_bundle: bool


@dataclass(slots=True)
class Replies:
    """Of one process. `expect` says where the acknowledgement of a message may be written."""

    journal: Journal
    callbacks: dict[str, Callback] = field(default_factory=dict[str, Callback])  # by listener
    poll_s: float = POLL_S
    connection_s: float = CONNECTION_S
    _connections: dict[int, Say] = field(default_factory=dict[int, Say])
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def start(self) -> None:
        self.journal.listen_due(self.wake)
        loop = asyncio.get_running_loop()
        self._running = [
            loop.create_task(self._run()),
            *(loop.create_task(one.run()) for one in self.callbacks.values()),
        ]

    async def stop(self) -> None:
        """What is not sent by now is sent by who comes next."""
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for one in self.callbacks.values():
            await one.close()

    def wake(self) -> None:
        self._wake.set()

    def expect(self, id: int, say: Say | None) -> None:
        """The connection over which a message came."""
        if say is not None:
            self._connections[id] = say

    async def again(self, id: int, say: Say | None) -> None:
        """The same message came again: what went over a connection is said once more."""
        self.expect(id, say)
        if await self.journal.call(lambda connection, now: acknowledgements.again(connection, now, id), queues=False):
            self.wake()
        elif not await self.journal.look(lambda connection: acknowledgements.pending_of(connection, id)):
            self._connections.pop(id, None)  # there is nothing to be said

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await self._look() == LIMIT:
                    pass
            except (StoreError, SQLAlchemyError):
                pass  # the journal tells it; the next look tries again
            except Exception as error:
                log.get().error("acknowledgement.bug", **log.fault(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.poll_s):
                    await self._wake.wait()

    async def _look(self) -> int:
        """Makes what is due; returns how many there were."""
        due = await self.journal.look(_found)
        ends: list[Told] = []
        now = time()
        for one, facts in due:
            told = self._told(one, facts, now)
            if told is not None:
                ends.append(told)
        if ends:
            await self.journal.call(
                lambda connection, now: acknowledgements.tell(connection, now, ends), queues=False, lasting=True
            )
            for one in {due.listener for due, _ in due}:
                if one in self.callbacks:
                    self.callbacks[one].wake()
        return len(ends) if len(due) == LIMIT else 0

    def _told(self, one: Due, facts: _Facts, now: float) -> Told | None:
        """What becomes of a due one; None: another process has its connection."""
        code, issues = _verdict(one.became, facts)
        say = self._connections.get(one.id)
        if one.way == "connection" and say is None:
            return (
                Told(one.id, "unsent", one.data, "its connection is gone") if now - one.at > self.connection_s else None
            )
        self._connections.pop(one.id, None)
        if not wants(one.condition, code == "AA"):
            return Told(one.id, "unwanted")
        data = one.data
        if data is None:
            if facts.raw is None:
                return Told(one.id, "dead", reason="raw-bytes-missing")
            asks = ""
            if one.way == "callback":
                asks = "AL" if one.listener not in self.callbacks or self.callbacks[one.listener].acknowledged else "NE"
            data = acknowledge(Header.of(facts.raw), code, () if code == "AA" else issues, accept=asks)
        if one.way == "callback":
            return Told(one.id, "ready", data)
        if say is not None and say(data):
            log.get().info("acknowledgement", message=one.id, listener=one.listener, code=code)
            return Told(one.id, "sent", data)
        return Told(one.id, "unsent", data, "its connection is gone")


def _found(connection: Connection) -> Sequence[tuple[Due, _Facts]]:
    found: list[tuple[Due, _Facts]] = []
    for one in acknowledgements.pending(connection, LIMIT):
        try:
            raw = content.raw_of(connection, one.id)
        except DamageError:
            raw = None
        issues = content.content_of(connection, one.id, "issues")
        bundle = content.has(connection, one.id, "bundle")
        found.append((one, _Facts(raw, content.told(orjson.loads(issues)) if issues else (), bundle)))
    return found


def _verdict(became: str, facts: _Facts) -> tuple[Code, tuple[Issue, ...]]:
    """The code that a state of the message means, and the issues that explain it (S-24)."""
    if became not in ("dead", "quarantined", "refused", acknowledgements.SET_ASIDE):
        return "AA", ()
    if became == acknowledgements.SET_ASIDE:
        return "AE", (issue("message.set-aside"),)
    if became == "quarantined":
        return "AE", (issue("conversion.budget"),)
    if facts.has_bundle:
        return "AE", (issue("delivery.refused"),)
    issues = facts.issues or (issue("internal"),)
    return ("AR" if refused(issues) == "rejected" else "AE"), issues
