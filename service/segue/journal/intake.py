"""What happens to a message that comes in at a door of a service with a journal (S-20 to S-26, S-43).

    room on the disk? ─▶ journal (fsync) ─▶ a duplicate? the stored answer again
                                        └─▶ convert ─▶ worker ─▶ target
          ack:        received ─┘      converted ─┘        delivered ─┘

Nothing is accepted before its bytes are synced. What fails before that was not taken, and the sender is told so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic, time
from typing import Any

import orjson
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from segue import log
from segue.database import StoreError
from segue.delivery.children import CulpritError
from segue.delivery.conversions import Conversions, Converted
from segue.delivery.intake import Peer, Receipt, refused
from segue.issues import Issue, issue
from segue.journal import acknowledgements, replay
from segue.journal import metadata as about
from segue.journal.acknowledgements import Owed
from segue.journal.arrivals import Entered
from segue.journal.cargo import Cargo
from segue.journal.content import packed, stored
from segue.journal.headroom import Headroom
from segue.journal.journal import Journal
from segue.journal.metadata import Metadata
from segue.journal.policies import Policies, Policy
from segue.journal.replies import Replies
from segue.journal.schema import message
from segue.journal.states import FINAL, HELD, State
from segue.journal.transitions import Claim, Step
from segue.journal.waiting import codes_of, hold, waiting_step
from segue.journal.worker import Outcome, Worker
from segue.mllp.mode import Mode, wants

STORE_S = 10.0  # longest wait for the journal, before the sender is told to come again
DELIVERED_S = 25.0  # longest wait for a delivery, where that is what is acknowledged
INLINE_BYTES = 256 << 10
LOOK_S = 0.5  # between two looks for what another process may have done

_UNAVAILABLE = Receipt("transient", (issue("store.unavailable"),))
_FULL = Receipt("transient", (issue("store.full"),))


@dataclass(slots=True)
class JournaledIntake:
    """The Intake of a service with a journal."""

    journal: Journal
    conversions: Conversions
    worker: Worker
    policies: Policies
    headroom: Headroom
    replies: Replies
    delivered_s: float = DELIVERED_S
    store_s: float = STORE_S
    _answering: dict[int, asyncio.Future[bytes]] = field(default_factory=dict[int, asyncio.Future[bytes]])
    _writing: set[asyncio.Future[Any]] = field(default_factory=lambda: set[asyncio.Future[Any]]())

    async def __call__(self, raw: bytes, peer: Peer) -> Receipt:
        if not self.headroom.enough:
            return _FULL
        policy, mode = self.policies.of(peer.listener), peer.mode
        if len(raw) < INLINE_BYTES:
            found = about.read(raw, policy.charset)
        else:
            found = await asyncio.to_thread(about.read, raw, policy.charset)
        if peer.ack == "never":
            return await self._unexpected(raw, peer, found)
        ack = "received" if mode is not None else peer.ack or policy.ack
        unfit = self.conversions.unsupported(raw, peer.listener) if mode is not None else None
        if unfit is not None and policy.on_unsupported != "refuse":
            unfit = None
        owed = None if mode is None or unfit is not None else owed_of(mode, policy, peer.listener)
        claim = unfit is not None or ack != "received" or self.worker.room
        began = monotonic()
        storing = asyncio.ensure_future(
            self.journal.receive(
                raw,
                found,
                listener=peer.listener,
                address=peer.address,
                order=policy.order,
                claim=claim,
                mode=mode if unfit is None else None,
                owed=owed,
                hold_stale=policy.stale == "hold" and unfit is None,
            )
        )
        # A conversion that cannot end this process need not wait for the disk; one that might, must (S-55).
        converting = self._begun(raw, peer) if ack != "received" and self.conversions.elsewhere(raw) else None
        try:
            entered = await asyncio.wait_for(asyncio.shield(storing), self.store_s)
        except StoreError:
            return _UNAVAILABLE
        except TimeoutError:
            storing.add_done_callback(self._came_late)
            return _UNAVAILABLE
        if entered.earlier is not None:
            receipt = await self._again(raw, peer, found, policy, entered, ack)
            if mode is not None and receipt.id is not None:
                with contextlib.suppress(StoreError, SQLAlchemyError):  # the next resend asks again
                    await self.replies.again(receipt.id, peer.say)
            return receipt
        if unfit is not None:
            self._later(self.journal.move(Step(entered.id, entered.fence, "refused", unfit.code, parks=False)))
            keep = self._keeping(entered.id, peer, good=False)
            return Receipt("rejected", (unfit,), id=entered.id, state="refused", keep=keep)
        if owed is not None and owed.way == "connection":
            self.replies.expect(entered.id, peer.say)
        if entered.stale is not None:
            return replace(self._held(entered.id, peer, str(entered.stale)), owes=mode is not None)
        receipt = await self._first(raw, peer, found, policy, entered, ack, began, claimed=claim, converting=converting)
        if "control-id-reused" in entered.remarks:
            receipt = replace(receipt, issues=(*receipt.issues, issue("control-id.reused")))
        return receipt

    def _begun(self, raw: bytes, peer: Peer) -> asyncio.Future[Converted]:
        converting = asyncio.ensure_future(self.conversions.convert(raw, peer.listener))
        converting.add_done_callback(_looked_at)
        return converting

    # a message that is new ────────────────────────────────────────────────────────────────────────────────────────

    async def _first(
        self, raw: bytes, peer: Peer, found: Metadata, policy: Policy, entered: Entered, ack: str, began: float, *,
        claimed: bool, converting: asyncio.Future[Converted] | None = None,
    ) -> Receipt:  # fmt: skip
        id = entered.id
        keep = self._keeping(id, peer)
        if ack == "received":
            if claimed and entered.first:
                self.worker.put(_claim(raw, peer, found, entered, "received"), began)
            elif claimed:
                self._later(self.journal.move(Step(id, entered.fence, None, silent=True)))
            self.worker.wake()
            return Receipt("accepted", (), id=id, state="received", keep=keep, owes=peer.mode is not None)
        waiter = self.worker.outcome(id) if ack == "delivered" else None
        try:
            made = await (converting or self.conversions.convert(raw, peer.listener))
            receipt = self._converted(made, raw, peer, found, policy, entered, began)
        except CulpritError as culprit:
            step = Step(id, entered.fence, "quarantined", str(culprit), parks=False)
            log.get().error("quarantined", message=id, listener=peer.listener, reason=str(culprit))
            self._later(self.journal.move(step))
            receipt = Receipt("error", (issue("conversion.budget"),), state="quarantined")
        except BaseException:
            self._drop(id)
            self.worker.forget(id)
            self._later(self.journal.move(Step(id, entered.fence, None, silent=True)))  # it is in the journal: not lost
            raise
        receipt = replace(receipt, id=id, keep=keep)
        if waiter is None or receipt.state not in ("converted", "received"):
            self.worker.forget(id)
            return receipt
        try:
            async with asyncio.timeout(self.delivered_s):
                end = await self._end(id, waiter)
        except TimeoutError:
            self._drop(id)
            self.worker.forget(id)
            return replace(receipt, outcome="transient", issues=(issue("delivery.transient"),), keep=None)
        issues = receipt.issues if end.outcome == "accepted" else end.issues
        return replace(receipt, outcome=end.outcome, issues=issues, state=end.state)

    async def _end(self, id: int, waiter: asyncio.Future[Outcome]) -> Receipt:
        """What became of a message, here or in another process."""
        while True:
            with contextlib.suppress(TimeoutError):
                found = await asyncio.wait_for(asyncio.shield(waiter), LOOK_S)
                break
            with contextlib.suppress(SQLAlchemyError):
                state: State | None = await self.journal.look(
                    lambda connection: connection.scalar(select(message.c.state).where(message.c.id == id))
                )
                if state is None or state in FINAL or state in HELD:
                    found = Outcome(state or "ignored")
                    break
        self.worker.forget(id)
        if found.state in ("delivered", "ignored", "waiting"):  # what waits for a person is kept, and not at fault
            return Receipt("accepted", id=id, state=found.state)
        issues = found.issues or (issue("delivery.refused"),)
        return Receipt(refused(issues) if found.state == "refused" else "error", issues, id=id, state=found.state)

    def _converted(
        self, made: Converted, raw: bytes, peer: Peer, found: Metadata, policy: Policy, entered: Entered, began: float
    ) -> Receipt:
        id, fence = entered.id, entered.fence
        contents = {"issues": packed(orjson.dumps(stored(made.issues)))} if made.issues else {}
        if made.body is None:
            state, parks = policy.unconvertible(made.issues, accepted=False)
            step = Step(id, fence, state, made.issues[0].code, contents=contents, parks=parks)
            self._later(self.journal.move(step))
            if state == "refused":
                return Receipt(refused(made.issues), made.issues, state=state)
            return Receipt("accepted", made.issues, state=state)
        self.conversions.note(made, peer.listener)
        contents["bundle"] = packed(made.body)
        if codes := codes_of(made.made.unmapped):
            step = waiting_step(id, fence, codes, contents, self.conversions.rules)
            self._later(asyncio.ensure_future(hold(self.journal, step, codes)))
            return Receipt("accepted", made.issues, made.event, state="waiting")
        parcel = made.parcel(raw, entered.digest)
        hand_on = entered.first and self.worker.room
        step = Step(
            id, fence, "converted", keep=hand_on, contents=contents, rules=self.conversions.rules, site=parcel.site
        )
        moved = self.journal.move(step)
        if hand_on:
            self.worker.put(_claim(raw, peer, found, entered, "converted"), began, parcel)
        self._later(moved)
        return Receipt("accepted", made.issues, made.event, state="converted")

    def _held(self, id: int, peer: Peer, reason: str) -> Receipt:
        """An older message after a newer one: taken, and nothing done with it (S-53)."""
        log.get().error("message.held", message=id, listener=peer.listener, state="dead", reason=reason)
        return Receipt("accepted", (issue("message.stale"),), id=id, state="dead", keep=self._keeping(id, peer))

    async def _unexpected(self, raw: bytes, peer: Peer, found: Metadata) -> Receipt:
        """An acknowledgement that answers nothing of ours: kept, to be looked up, and no more (S-29)."""
        try:
            entered = await self.journal.receive(raw, found, listener=peer.listener, address=peer.address, order="none")
        except StoreError:
            return _UNAVAILABLE
        if entered.earlier is None:
            step = Step(entered.id, entered.fence, "ignored", "acknowledgement-unexpected")
            self._later(self.journal.move(step))
        return Receipt("accepted", id=entered.id, state="ignored")

    # a message that came before ───────────────────────────────────────────────────────────────────────────────────

    async def _again(
        self, raw: bytes, peer: Peer, found: Metadata, policy: Policy, entered: Entered, ack: str
    ) -> Receipt:
        """The stored answer; where there is none yet, the one that is on its way (S-43)."""
        id = entered.id
        log.get().info("duplicate", listener=peer.listener, message=id)
        until = monotonic() + self.delivered_s
        while True:
            answering = self._answering.get(id)
            if answering is not None:
                with contextlib.suppress(TimeoutError):
                    acked = await asyncio.wait_for(asyncio.shield(answering), max(0.0, until - monotonic()))
                    return Receipt("accepted", id=id, earlier=True, stored=acked)
            row = await self.journal.look(
                lambda connection: connection.execute(_EARLIER.where(message.c.id == id)).one_or_none()
            )
            if row is None or monotonic() >= until:
                return _UNAVAILABLE
            if row.state == "refused" and (row.ack is None or row.ack_rules != self.conversions.rules):
                return await self._anew(raw, peer, found, policy, entered, ack)
            if row.ack is not None:
                return Receipt("accepted", id=id, state=row.state, earlier=True, stored=bytes(row.ack))
            done = row.state in FINAL if ack == "delivered" else row.state != "received" or ack == "received"
            if done:
                good = row.state != "quarantined"
                issues: tuple[Issue, ...] = () if good else (issue("conversion.budget"),)
                outcome = "accepted" if good else "error"
                return Receipt(outcome, issues, id=id, state=row.state, earlier=True, keep=self._keeping(id, peer))
            await asyncio.sleep(0.05)

    async def _anew(
        self, raw: bytes, peer: Peer, found: Metadata, policy: Policy, entered: Entered, ack: str
    ) -> Receipt:
        """A message that was refused under other rules is processed again, in its old row."""
        keys = about.order_keys(found, policy.order, peer.listener, peer.address)
        began = monotonic()
        owed = None if peer.mode is None else owed_of(peer.mode, policy, peer.listener)

        def reopen(connection: Connection, now: float) -> replay.Reopened:
            opened = replay.reopen(
                connection, now, entered.id, keys, by_patient=policy.order == "patient" and bool(found.patients),
                reason="sent again under other rules", owner=self.journal.owner, lease_s=self.journal.lease_s,
                mode=peer.mode, about=about.compared(found, peer.listener) if policy.stale == "hold" else None,
            )  # fmt: skip
            if opened.refused == "stale":
                replay.hold(connection, now, entered.id, opened.why)
            if owed is not None and opened.refused in ("", "stale"):
                acknowledgements.owe(connection, now, [(entered.id, owed)])
                if opened.refused:
                    acknowledgements.due(connection, now, {entered.id: "waiting"})
            return opened

        try:
            opened = await self.journal.call(reopen)
        except StoreError:
            return _UNAVAILABLE
        if opened.refused == "stale":
            return replace(self._held(entered.id, peer, opened.why), owes=peer.mode is not None)
        if opened.refused:
            return await self._again(raw, peer, found, policy, entered, ack)
        if owed is not None and owed.way == "connection":
            self.replies.expect(entered.id, peer.say)
        again = Entered(entered.id, opened.fence, opened.first, entered.digest)
        return await self._first(raw, peer, found, policy, again, ack, began, claimed=True)

    # answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keeping(self, id: int, peer: Peer, *, good: bool = True) -> Callable[[bytes], None] | None:
        """The same where there will be an answer."""
        return self._keeper(id) if peer.mode is None or wants(peer.mode.commit, good) else None

    def _keeper(self, id: int) -> Callable[[bytes], None]:
        """Takes the answer to a message: for those who wait for it now, and for those who come later."""
        answering = self._answering[id] = asyncio.get_running_loop().create_future()

        def keep(ack: bytes) -> None:
            self._answering.pop(id, None)
            if not answering.done():
                answering.set_result(ack)
            self._later(self.journal.kept_ack(id, ack, self.conversions.rules))

        return keep

    def _drop(self, id: int) -> None:
        """Nobody will answer."""
        answering = self._answering.pop(id, None)
        if answering is not None:
            answering.cancel()

    def _later(self, future: asyncio.Future[Any]) -> None:
        """Holds what nobody waits for until it is written."""
        self._writing.add(future)
        future.add_done_callback(self._written)

    def _written(self, future: asyncio.Future[Any]) -> None:
        self._writing.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.get().warning("journal.unwritten", **log.fault(error))

    def _came_late(self, storing: asyncio.Future[Entered]) -> None:
        """Stored after all, though the sender was told no: anybody may work on it now."""
        if storing.cancelled() or storing.exception() is not None:
            return
        entered = storing.result()
        if entered.earlier is None:
            self._later(self.journal.move(Step(entered.id, entered.fence, None, silent=True)))
            self.worker.wake()

    async def settle(self) -> None:
        """Waits until all answers are written."""
        while self._writing:
            await asyncio.wait(set(self._writing))


def _claim(raw: bytes, peer: Peer, found: Metadata, entered: Entered, state: Any) -> Claim:
    """With the bytes that were just stored, for who is yet to convert them."""
    return Claim(
        entered.id,
        entered.fence,
        state,
        peer.listener,
        found.control_id,
        entered.digest,
        len(raw),
        time(),
        mode=peer.mode,
        cargo=Cargo(entered.digest, "", {}, raw, None) if state == "received" else None,
    )


def owed_of(mode: Mode, policy: Policy, listener: str) -> Owed | None:
    """The application acknowledgement of a message that was committed to, None where its sender wants none."""
    if mode.application == "NE":
        return None
    after = "delivered" if policy.ack == "delivered" else "converted"
    return Owed(listener, "callback" if policy.callback else "connection", mode.application, after)


def _looked_at(converting: asyncio.Future[Converted]) -> None:
    """A conversion that nobody needs in the end: a duplicate, or a message that could not be stored."""
    if not converting.cancelled():
        converting.exception()


_EARLIER = select(message.c.state, message.c.ack, message.c.ack_rules)
