"""What answers an event of the decoder: each frame one acknowledgement, a batch a batch of them (S-04, S-06, S-09,
S-21 to S-35).

Asks the intake, chooses the code, writes the one log line of a message. Knows no sockets; says only what to write
and whether the connection goes on.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any, NamedTuple

from segue import hl7, log
from segue.delivery.intake import Intake, Outcome, Peer, Receipt
from segue.issues import Issue, issue
from segue.mllp.ack import Code, Header, acknowledge, batch
from segue.mllp.frames import Broken, Event, Foreign, Frame, Oversize
from segue.mllp.mode import Mode, mode_of, wants
from segue.settings import Listener

_COMMIT: dict[Outcome, Code] = {"accepted": "CA", "error": "CE", "rejected": "CR", "transient": "CE"}  # S-24


class Arrival(NamedTuple):
    """An event with its circumstances."""

    event: Event
    peer: Peer
    draining: bool
    at: float  # monotonic


class Answer(NamedTuple):
    """ACKs to write, in order; without `go_on` the connection ends after them."""

    acks: tuple[bytes, ...] = ()
    go_on: bool = True


class Answers:
    """Answers for one listener."""

    def __init__(self, intake: Intake, listener: Listener, *, show_control_ids: bool = False) -> None:
        self.intake = intake
        self.listener = listener
        self.show_control_ids = show_control_ids
        self.log = log.get(listener=listener.name)

    async def to(self, arrival: Arrival) -> Answer:
        """The answer to an event."""
        source = arrival.peer.address
        match arrival.event:
            case Frame(payload, unended):
                if unended:
                    self.log.warning("mllp.frame-unended", source=source)
                return await self._frame(payload, arrival)
            case Broken(payload):
                self.log.warning("mllp.frame-broken", source=source, size=len(payload))
                return Answer(self._refused(payload, issue("frame.broken")))
            case Oversize(head, ended):
                cap = self.listener.message_bytes
                self.log.warning("mllp.oversize", source=source, cap=cap)
                hint = f"The limit is {cap} bytes (listeners.message_bytes)."
                return Answer(self._refused(head, issue("message.too-large", hint=hint)), ended)
            case Foreign(kind):
                self.log.warning("mllp.foreign", source=source, kind=kind)
                return Answer(go_on=False)

    async def _frame(self, payload: bytes, arrival: Arrival) -> Answer:
        found = hl7.split_batch(payload)
        acks: list[bytes] = []
        silent = False
        for raw in found.messages:
            header = Header.of(raw)
            if header is not None and header.trigger[0] == "ACK":
                self.log.warning("mllp.ack-unexpected", source=arrival.peer.address, size=len(raw))
                await self._asked(
                    raw, replace(arrival.peer, ack="never"), arrival.draining
                )  # kept, not answered (S-29)
                continue
            mode = self._mode(header)
            peer = arrival.peer if mode is None else replace(arrival.peer, mode=mode)
            receipt = await self._asked(raw, peer, arrival.draining)
            if receipt.stored is not None:
                self._record(raw, header, receipt, "stored", arrival)
                acks.append(receipt.stored)
                continue
            code = self._code(receipt)
            shown = _COMMIT[receipt.outcome] if code is not None and mode is not None else code
            self._record(raw, header, receipt, shown or "none", arrival, mode)
            if code is None:
                return Answer(tuple(acks) if not found.is_batch else (), go_on=False)
            if mode is not None:
                acks += self._enhanced(header, mode, receipt, code)
                silent = True
                continue
            ack = acknowledge(header, code, self._shown(receipt, code))
            if receipt.keep is not None:
                receipt.keep(ack)
            acks.append(ack)
        outer = Header.of(next((line for line in found.headers if line.startswith(b"BHS")), payload))
        if outer is not None and found.is_batch and (acks or not silent):
            return Answer((batch(outer, acks),))
        return Answer(tuple(acks))

    def _mode(self, header: Header | None) -> Mode | None:
        return mode_of(header) if self.listener.enhanced else None

    def _refused(self, head: bytes, why: Issue) -> tuple[bytes, ...]:
        """What answers a frame that holds no whole message (S-24)."""
        header = Header.of(head)
        mode = self._mode(header)
        receipt = Receipt("rejected", (why,))
        return (acknowledge(header, "AR", (why,)),) if mode is None else self._enhanced(header, mode, receipt, "AR")

    def _enhanced(self, header: Header | None, mode: Mode, receipt: Receipt, code: Code) -> tuple[bytes, ...]:
        """What enhanced mode writes at once (S-23): the commit acknowledgement, where it is wanted.

        What was not taken in and may not be told so is told as an error of the application, if that may be told.
        """
        good, shown = code == "AA", self._shown(receipt, code)
        acks: list[bytes] = []
        if wants(mode.commit, good):
            acks.append(acknowledge(header, _COMMIT[receipt.outcome], shown))
            if receipt.keep is not None:
                receipt.keep(acks[0])
        elif not good and wants(mode.application, good):
            acks.append(acknowledge(header, code, shown))
        if good and not receipt.owes and not receipt.earlier and wants(mode.application, good):
            acks.append(acknowledge(header, code, shown))  # nothing is kept here: what is to be said is known already
        return tuple(acks)

    async def _asked(self, raw: bytes, peer: Peer, draining: bool) -> Receipt:
        if draining:
            return Receipt("transient", (issue("service.draining"),))
        try:
            return await self.intake(raw, peer)
        except Exception as error:
            self.log.error("intake.bug", **log.fault(error))
            return Receipt("error", (issue("internal"),))

    def _code(self, receipt: Receipt) -> Code | None:
        """None: the connection is to be closed instead (S-24)."""
        match receipt.outcome:
            case "accepted":
                return "AA"
            case "error":
                return "AE"
            case "rejected":
                return "AR"
            case "transient":
                nak = self.listener.nak_transient
                return None if nak == "close" else nak

    def _shown(self, receipt: Receipt, code: Code) -> tuple[Issue, ...]:
        if code != "AA":
            return receipt.issues
        if not self.listener.ack_warnings:
            return ()
        return tuple(found for found in receipt.issues if found.severity in ("warning", "information"))

    def _record(
        self, raw: bytes, header: Header | None, receipt: Receipt, code: str, arrival: Arrival, mode: Mode | None = None
    ) -> None:
        facts: dict[str, Any] = {} if receipt.outcome == "accepted" else {"issue": receipt.issues[0].code}
        if receipt.id is not None:
            facts["message"] = receipt.id
        if mode is not None:
            facts["mode"] = str(mode)
        control_id = header.control_id if header else ""
        if self.show_control_ids:
            facts["control_id"] = control_id
        self.log.info(
            "message",
            source=arrival.peer.address,
            type=receipt.event,
            control_id_hash=log.hashed(control_id),
            size=len(raw),
            code=code,
            duration_ms=round((monotonic() - arrival.at) * 1000, 2),
            **facts,
        )
