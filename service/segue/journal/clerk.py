"""The journal with everything that works on it, as one service has it: intake, worker, retention, readiness.

Opened from the settings, started before the doors and stopped after them (S-78, S-80).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from segue import log
from segue.database import StoreError
from segue.delivery.conversions import Conversions, Converted
from segue.delivery.route import Routes
from segue.journal import acknowledgements, replay, retention
from segue.journal import metadata as about
from segue.journal.bell import Bell
from segue.journal.callbacks import Callback
from segue.journal.deliveries import Deliveries
from segue.journal.editing import Resent, resend
from segue.journal.headroom import Headroom
from segue.journal.intake import JournaledIntake
from segue.journal.journal import Journal, balance
from segue.journal.metadata import Metadata
from segue.journal.policies import Policies, Policy
from segue.journal.replies import Replies
from segue.journal.retries import Retry
from segue.journal.search import Query, found
from segue.journal.waiting import Releases
from segue.journal.worker import Worker
from segue.secret import Secret
from segue.settings import Settings

WATCH_S = 1.0
PRUNE_S = 600.0


class Checks(Protocol):
    """Where readiness is told (O-02)."""

    def set(self, name: str, ok: bool, detail: str = "", *, required: bool = True) -> None: ...


@dataclass(slots=True)
class Clerk:
    """Everything of one process that touches its journal."""

    journal: Journal
    conversions: Conversions
    policies: Policies
    worker: Worker
    intake: JournaledIntake
    headroom: Headroom
    settings: Settings
    releases: Releases
    replies: Replies
    _bell: Bell | None = None
    _watching: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    _calling: set[asyncio.Task[None]] = field(default_factory=lambda: set[asyncio.Task[None]]())

    @classmethod
    async def open(cls, settings: Settings, conversions: Conversions, routes: Routes | None) -> Clerk:
        """Opens the journal of the settings; raises StoreError, SecretError. What does not add up in it is logged."""
        kept = settings.journal
        assert kept.url is not None
        journal = await Journal.open(
            kept.url,
            lease_s=kept.lease_s,
            window_s=kept.duplicate_hours * 3600,
            password=Secret.of(kept, "password"),
        )
        for wrong in await journal.look(balance):
            log.get().error("journal.balance", wrong=wrong)
        policies = policies_of(settings)
        headroom = Headroom(journal.database, bytes=kept.headroom_bytes, share=kept.headroom_share)
        worker = Worker(journal, conversions, Deliveries(routes, policies, Retry()), policies, parallel=kept.parallel)
        callbacks = {
            one.name: Callback.open(journal, one.name, one.callback)
            for one in settings.listeners
            if one.callback is not None
        }
        replies = Replies(journal, callbacks)
        intake = JournaledIntake(journal, conversions, worker, policies, headroom, replies)
        releases = Releases(journal, conversions)
        return cls(journal, conversions, policies, worker, intake, headroom, settings, releases, replies)

    async def start(self, checks: Checks | None = None) -> None:
        """Frees what processes that died had in work, then begins to work (S-80)."""
        freed = await self.journal.release_dead()
        if freed:
            log.get().warning("journal.recovering", messages=freed)
        self.worker.start()
        if checks is not None:
            for one in self.replies.callbacks.values():
                one.told = partial(_callback_told, checks, one.listener)
        self.replies.start()
        if not self.journal.database.is_file:
            self._bell = Bell(self.journal.database, self.worker.wake)
            self._bell.start()
        loop = asyncio.get_running_loop()
        self._watching = [loop.create_task(self._watch(checks)), loop.create_task(self._prune())]

    async def stop(self, grace_s: float = 20.0) -> None:
        """Ends what is in hand, hands back the rest, writes everything, closes."""
        for one in self._watching:
            one.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        if self._bell is not None:
            await self._bell.stop()
        await self.worker.stop(grace_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.intake.settle(), 5.0)
        await self.replies.stop()
        await self.journal.close()

    def answered(self, target: str) -> None:
        """A target that was left alone answers again."""
        task = asyncio.get_running_loop().create_task(self.worker.answered(target))
        self._calling.add(task)
        task.add_done_callback(self._calling.discard)

    async def _watch(self, checks: Checks | None) -> None:
        while checks is not None:
            fault = self.journal.fault
            enough = self.headroom.enough
            detail = fault or ("" if enough else "the disk is nearly full")
            checks.set("journal", fault is None and enough, detail)
            if fault is None:
                with contextlib.suppress(Exception):  # readiness says so at the next look
                    counts = await self.journal.counts()
                    held = counts["dead"] + counts["quarantined"]
                    checks.set("held", not held, f"{held} messages" if held else "", required=False)
                    given_up = await self.journal.look(acknowledgements.given_up)
                    told = f"{given_up} were given up" if given_up else ""
                    checks.set("acknowledgements", not given_up, told, required=False)
                    if counts["waiting"]:
                        await self._release()
            else:
                with contextlib.suppress(StoreError):
                    await self.journal.call(
                        lambda _connection, _now: None, queues=False
                    )  # finds out when it can be written again
            await asyncio.sleep(WATCH_S)

    async def _release(self) -> None:
        """Lets go what waits for codes that the rules know by now (T-66)."""
        try:
            if await self.releases.look():
                self.worker.wake()
        except StoreError:
            return  # the journal tells it; the next look tries again
        except Exception as error:
            log.get().error("waiting.bug", **log.fault(error))

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_S)
            kept = self.settings.journal.retention
            try:
                await retention.prune(self.journal, bodies_days=kept.bodies_days, history_days=kept.history_days)
            except StoreError:
                continue

    # what an operator asks for ────────────────────────────────────────────────────────────────────────────────────

    async def replay(self, id: int, *, reason: str, stale: bool = False) -> replay.Reopened:
        """Works on a message again."""
        opened = await reopened(self.journal, self.policies, id, reason=reason, stale=stale)
        self.worker.wake()
        return opened

    async def resend(self, id: int, raw: bytes, *, reason: str, by: str, stale: bool = False) -> Resent:
        """A corrected text in the place of a message."""
        sent = await resend(self.journal, self.policies, id, raw, reason=reason, by=by, stale=stale)
        self.worker.wake()
        return sent

    async def replay_all(self, query: Query, *, reason: str, stale: bool = False) -> list[replay.Reopened]:
        """The same for all that a query finds, in their order."""
        ids = await self.journal.look(lambda connection: [row["id"] for row in found(connection, query)])
        return [await self.replay(id, reason=reason, stale=stale) for id in sorted(ids)]

    async def difference(self, id: int) -> tuple[list[dict[str, Any]], Converted] | None:
        """What a replay would change; None where there are no bytes to convert."""
        return await compared(self.journal, self.conversions, id)


async def reopened(
    journal: Journal, policies: Policies, id: int, *, reason: str, stale: bool = False
) -> replay.Reopened:
    """Puts a message back to `received`, with the order keys that its listener's policy gives."""
    row = await journal.look(lambda connection: summary_of(connection, id))
    if row is None:
        return replay.Reopened(id, refused="unknown")
    raw = await journal.raw(id)
    if raw is None:
        return replay.Reopened(id, refused="pruned")
    policy = policies.of(row["listener"])
    told: Metadata = await asyncio.to_thread(about.read, raw, policy.charset)
    keys = about.order_keys(told, policy.order, row["listener"], row["address"])
    by_patient = policy.order == "patient" and bool(told.patients)
    compares = about.compared(told, row["listener"]) if policy.stale == "hold" else None
    return await journal.call(
        lambda connection, now: replay.reopen(
            connection, now, id, keys, by_patient=by_patient, reason=reason, stale=stale, about=compares
        )
    )


async def compared(
    journal: Journal, conversions: Conversions, id: int
) -> tuple[list[dict[str, Any]], Converted] | None:
    """The difference between the Bundle that was made and the one that would be made now."""
    row = await journal.look(lambda connection: summary_of(connection, id))
    raw = await journal.raw(id)
    if row is None or raw is None:
        return None
    before = await journal.bundle(id)
    after = await conversions.convert(raw, row["listener"])
    return replay.difference(before, after.body), after


def _callback_told(checks: Checks, listener: str, answers: bool, reason: str) -> None:
    """A callback that is away is told as a degraded check; the service stays ready (O-02)."""
    checks.set(f"callback {listener}", answers, reason, required=False)


def summary_of(connection: Any, id: int) -> Mapping[str, Any] | None:
    return next(iter(found(connection, Query(id=id))), None)


def policies_of(settings: Settings) -> Policies:
    """The policies of the listeners of the settings."""
    return Policies(
        {
            one.name: Policy(
                one.ack, one.order, one.on_unsupported, one.on_failure, one.charset, one.stale, one.callback is not None
            )
            for one in settings.listeners
        }
    )
