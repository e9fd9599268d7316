"""The worker: takes messages whose turn it is, converts and delivers them, and writes down what became of them
(S-54 to S-64, S-92).

    take ─▶ convert, where that is not done ─▶ deliver to each target ─▶ delivered
                  │                                   │
                  └▶ dead, refused, quarantined       └▶ retrying, dead; a target that is away is left alone

One task a message, so many at once; two messages with a common order key are never both here. What intake has just
converted comes by the short way, without being looked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import orjson

from segue import hl7, log
from segue.database import StoreError
from segue.delivery.children import CulpritError
from segue.delivery.conversions import Conversions, Converted
from segue.delivery.target import Parcel
from segue.issues import Issue, Refusal, issue
from segue.journal.cargo import Past
from segue.journal.content import DamageError, packed, stored
from segue.journal.deliveries import Deliveries
from segue.journal.journal import Journal
from segue.journal.policies import Policies
from segue.journal.states import READY, State
from segue.journal.transitions import Claim, Step
from segue.journal.waiting import codes_of, hold, waiting_step
from segue.journal.writer import Given, Wish

PARALLEL = 64  # messages in work
POLL_S = 1.0  # the safety net under every other way of waking up (S-94)
# Starts of work that did not end, before a message is set apart (S-55). One whose process ended beside a living service
# counts for several: a service that is killed again and again is no message's fault (S-56).
STARTS = 20
CRASH = 9
SEND_S = 35.0  # longest send: it begins only with more lease than this left (S-92)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message."""

    state: State
    issues: tuple[Issue, ...] = ()


@dataclass(slots=True)
class _Task:
    claim: Claim
    lease_end: float  # monotonic
    parcel: Parcel | None = None


@dataclass(slots=True)
class Worker:
    """Start it once; `stop` ends what is in hand and hands the rest back."""

    journal: Journal
    conversions: Conversions
    deliveries: Deliveries
    policies: Policies
    parallel: int = PARALLEL
    poll_s: float = POLL_S
    clock: Callable[[], float] = monotonic
    _active: dict[int, _Task] = field(default_factory=dict[int, _Task])
    _tasks: set[asyncio.Task[None]] = field(default_factory=lambda: set[asyncio.Task[None]]())
    _waiters: dict[int, asyncio.Future[Outcome]] = field(default_factory=dict[int, asyncio.Future[Outcome]])
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _stopping: bool = False
    _full: bool = False  # there was more to do than hands
    _loops: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def start(self) -> None:
        self.journal.employ(self.wish, self._given)
        loop = asyncio.get_running_loop()
        self._loops = [loop.create_task(self._run()), loop.create_task(self._keep_leases())]

    async def stop(self, grace_s: float = 20.0) -> None:
        """Takes nothing more and waits for what is in hand; what is not done by then keeps its lease until it ends."""
        self._stopping = True
        self.wake()
        for one in self._loops:
            one.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self.journal.release_own()

    def wake(self) -> None:
        """There may be work."""
        self._wake.set()

    @property
    def room(self) -> bool:
        """Whether a message that was just converted may come by the short way."""
        return not self._stopping and len(self._active) < self.parallel and not self.deliveries.probing

    @property
    def in_work(self) -> int:
        return len(self._active)

    def outcome(self, id: int) -> asyncio.Future[Outcome]:
        """What becomes of a message; to be asked for before it is put in work."""
        found = self._waiters.get(id)
        if found is None:
            found = self._waiters[id] = asyncio.get_running_loop().create_future()
        return found

    def forget(self, id: int) -> None:
        self._waiters.pop(id, None)

    def put(self, claim: Claim, claimed_at: float, parcel: Parcel | None = None) -> None:
        """Work that is claimed already; `claimed_at`: before the claim was asked for (monotonic)."""
        self._begin(_Task(claim, claimed_at + self.journal.lease_s, parcel))

    async def answered(self, target: str) -> None:
        """A target is back: what waits for it has its turn at once."""
        with contextlib.suppress(StoreError):
            await self.journal.answered(target)
        self.wake()

    # finding work ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            found = 0
            limit, states = self.wish()
            try:
                if limit:
                    asked_at = self.clock()
                    claims = await self.journal.take(limit, states)
                    found = len(claims)
                    for claim in claims:
                        self.put(claim, asked_at)
            except StoreError:
                found = 0
            self._full = found >= limit
            if not self._full or not limit:
                await self._rest()

    def wish(self) -> Wish:
        """For how many messages there are hands; asked from the writer's thread too."""
        return Wish(0 if self._stopping else self._limit(), ("received",) if self.deliveries.none_asked else READY)

    def _given(self, given: Given) -> None:
        """What was claimed for this worker with the commit that made it ready."""
        if self._stopping:
            return  # every claim is handed back at the end
        for claim in given.claims:
            self.put(claim, given.since)
        if given.more:
            self._full = True
            if self._limit():  # hands became free meanwhile
                self.wake()

    def _limit(self) -> int:
        free = max(0, self.parallel - len(self._active))
        if self.deliveries.probing and not self.deliveries.none_asked:
            return min(free, 0 if self._active else 1)
        return free

    async def _rest(self) -> None:
        waits = [self.poll_s, *(left_s + 0.01 for left_s in self.deliveries.paused.values())]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(waits)):
                await self._wake.wait()

    async def _keep_leases(self) -> None:
        """Longer leases for slow work, and an eye on processes that died (S-80)."""
        while True:
            await asyncio.sleep(min(self.journal.lease_s / 3, 5.0))
            try:
                await self.renew()
                if await self.journal.release_dead():
                    self.wake()
            except StoreError:
                continue

    async def renew(self) -> None:
        """Renews the leases of all that is in hand; what lost its claim is not sent any more."""
        asked_at = self.clock()
        before = dict(self._active)
        held = await self.journal.renew([(task.claim.id, task.claim.fence) for task in before.values()])
        for id, task in before.items():
            task.lease_end = asked_at + self.journal.lease_s if id in held else 0.0

    # one message ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, task: _Task) -> None:
        self._active[task.claim.id] = task
        running = asyncio.get_running_loop().create_task(self._work(task))
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    async def _work(self, task: _Task) -> None:
        claim = task.claim
        try:
            if claim.state == "received" and not await self._convert(task):
                return
            await self._deliver(task)
        except DamageError:
            log.get().error("journal.damaged", message=claim.id)
            await self._step(task, Step(claim.id, claim.fence, "quarantined", "raw-bytes-damaged"))
        except StoreError:
            log.get().warning("worker.store", message=claim.id)  # the lease ends and it is taken again
        except Exception as error:
            log.get().error("worker.bug", message=claim.id, **log.fault(error))
        finally:
            self._active.pop(claim.id, None)
            if self._full or self.deliveries.probing:
                self.wake()

    async def _convert(self, task: _Task) -> bool:
        """Makes the Bundle; False where there is none to deliver."""
        claim = task.claim
        cargo = await self.journal.cargo(claim)
        if cargo is None:
            await self._step(task, Step(claim.id, claim.fence, "dead", "raw-bytes-missing", parks=False))
            return False
        raw = cargo.raw
        try:
            if claim.suspect:
                made = await self._convert_alone(task, raw)
            else:
                made = await self.conversions.convert(raw, claim.listener)
        except CulpritError as culprit:
            await self._quarantine(task, str(culprit))
            return False
        if made is None:
            return False
        await asyncio.sleep(0)  # a queue of conversions is not the turn of all others (P-34)
        contents = {"issues": packed(orjson.dumps(stored(made.issues)))} if made.issues else {}
        if made.body is None:
            policy = self.policies.of(claim.listener)
            accepted = policy.ack == "received" if claim.mode is None else not claim.mode.tells_errors
            state, parks = policy.unconvertible(made.issues, accepted=accepted)
            await self._step(
                task,
                Step(claim.id, claim.fence, state, made.issues[0].code, contents=contents, parks=parks),
                made.issues,
            )
            return False
        if not claim.again:
            self.conversions.note(made, claim.listener)
        contents["bundle"] = packed(made.body)
        if codes := codes_of(made.made.unmapped):
            step = waiting_step(claim.id, claim.fence, codes, contents, self.conversions.rules)
            if await hold(self.journal, step, codes):
                self._told(step, made.issues)
            return False
        parcel = task.parcel = made.parcel(raw, claim.digest)
        rules = self.conversions.rules
        step = Step(claim.id, claim.fence, "converted", contents=contents, rules=rules, site=parcel.site)
        step.keep = claim.first  # what is not first is delivered when it is
        return await self.journal.move(step) and claim.first  # what came to the front meanwhile is claimed anew

    async def _convert_alone(self, task: _Task, raw: bytes) -> Converted | None:
        """A suspect, in a process of its own and no other beside it: only what it does itself is counted against it
        (S-55, S-56). None where it ended that process and will be tried again."""
        claim = task.claim
        async with self._alone:
            await self.conversions.ready()
            starts = await self.journal.begin(claim)
            if starts is None:
                return None
            if starts > STARTS:
                raise CulpritError("starts")
            try:
                return await self.conversions.convert(raw, claim.listener, suspect=True)
            except CulpritError as culprit:
                if str(culprit) != "killed" or starts + CRASH > STARTS:
                    raise
                await self._step(task, Step(claim.id, claim.fence, None, "ended its process", crashes=CRASH))
                return None

    async def _quarantine(self, task: _Task, why: str) -> None:
        claim = task.claim
        log.get().error("quarantined", message=claim.id, listener=claim.listener, reason=why)
        parks = self.policies.of(claim.listener).on_failure == "park"
        await self._step(
            task, Step(claim.id, claim.fence, "quarantined", why, parks=parks), (issue("conversion.budget"),)
        )

    async def _deliver(self, task: _Task) -> None:
        claim = task.claim
        past: dict[str, Past] = {}
        if task.parcel is None:
            cargo = await self.journal.cargo(claim)
            body = cargo.bundle if cargo is not None else None
            if cargo is None or body is None:
                await self._step(task, Step(claim.id, claim.fence, "received", "bundle-missing"))
                return
            task.parcel = self._parcel(claim, cargo.raw, body, cargo.site)
            past = cargo.past
        if self.deliveries.none_asked:
            await self._step(task, Step(claim.id, claim.fence, None, silent=True))
            return
        if not await self._may_send(task):
            log.get().warning("claim.lost", message=claim.id)
            return
        sent = await self.deliveries.send(claim, task.parcel, past)
        await self._step(task, sent.step, sent.issues)

    def _parcel(self, claim: Claim, raw: bytes, body: bytes, site: str) -> Parcel:
        """As it was made by the conversion: what filters ask for stands in the header."""
        sender, event = ("", ""), ""
        with contextlib.suppress(Refusal):
            message = hl7.read(raw, charset=self.policies.of(claim.listener).charset)
            header = message.header
            sender = (header.leaf(3) or "", header.leaf(4) or "")
            event = f"{header.leaf(9) or ''}^{hl7.structure_of(message).event}"
        return Parcel(body, claim.control_id, claim.digest, event, sender, site, raw)

    async def _may_send(self, task: _Task) -> bool:
        """True while the lease is longer than the longest send; a process that slept asks again (S-92)."""
        needed_s = min(SEND_S, self.journal.lease_s / 2)
        if task.lease_end - self.clock() > needed_s:
            return True
        asked_at = self.clock()
        claim = task.claim
        if claim.id not in await self.journal.renew([(claim.id, claim.fence)]):
            return False
        task.lease_end = asked_at + self.journal.lease_s
        return task.lease_end - self.clock() > needed_s

    async def _step(self, task: _Task, step: Step, issues: tuple[Issue, ...] = ()) -> None:
        made = await self.journal.move(step)
        if not made:
            log.get().warning("claim.lost", message=step.id)
            return
        self._told(step, issues)

    def _told(self, step: Step, issues: tuple[Issue, ...]) -> None:
        """Whoever waits for the end of a message hears of it."""
        if step.state is not None and step.state not in READY:
            if step.state in ("dead", "quarantined"):
                log.get().error("message.held", message=step.id, state=step.state, reason=step.reason)
            waiter = self._waiters.pop(step.id, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(Outcome(step.state, issues))
