"""What answers an event of the decoder: each frame one acknowledgement, a batch a batch of them (S-04, S-06, S-09,
S-21 to S-35).

Asks the intake, chooses the code, writes the one log line of a message. Knows no sockets; says only what to write
and whether the connection goes on.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, NamedTuple

from segue import hl7, log
from segue.delivery.intake import Intake, Peer, Receipt
from segue.issues import Issue, issue
from segue.mllp.ack import Code, Header, acknowledge, batch
from segue.mllp.frames import Broken, Event, Foreign, Frame, Oversize
from segue.settings import Listener


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
                return Answer((acknowledge(Header.of(payload), "AR", (issue("frame.broken"),)),))
            case Oversize(head, ended):
                cap = self.listener.message_bytes
                self.log.warning("mllp.oversize", source=source, cap=cap)
                hint = f"The limit is {cap} bytes (listeners.message_bytes)."
                return Answer((acknowledge(Header.of(head), "AR", (issue("message.too-large", hint=hint),)),), ended)
            case Foreign(kind):
                self.log.warning("mllp.foreign", source=source, kind=kind)
                return Answer(go_on=False)

    async def _frame(self, payload: bytes, arrival: Arrival) -> Answer:
        found = hl7.split_batch(payload)
        acks: list[bytes] = []
        for raw in found.messages:
            header = Header.of(raw)
            if header is not None and header.trigger[0] == "ACK":
                self.log.warning("mllp.ack-unexpected", source=arrival.peer.address)  # never acknowledged itself (S-29)
                continue
            receipt = await self._asked(raw, arrival)
            if receipt.stored is not None:
                self._record(raw, header, receipt, "stored", arrival)
                acks.append(receipt.stored)
                continue
            code = self._code(receipt)
            self._record(raw, header, receipt, code or "none", arrival)
            if code is None:
                return Answer(tuple(acks) if not found.is_batch else (), go_on=False)
            ack = acknowledge(header, code, self._shown(receipt, code))
            if receipt.keep is not None:
                receipt.keep(ack)
            acks.append(ack)
        outer = Header.of(next((line for line in found.headers if line.startswith(b"BHS")), payload))
        if outer is not None and found.is_batch:
            return Answer((batch(outer, acks),))
        return Answer(tuple(acks))

    async def _asked(self, raw: bytes, arrival: Arrival) -> Receipt:
        if arrival.draining:
            return Receipt("transient", (issue("service.draining"),))
        try:
            return await self.intake(raw, arrival.peer)
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

    def _record(self, raw: bytes, header: Header | None, receipt: Receipt, code: str, arrival: Arrival) -> None:
        facts: dict[str, Any] = {} if receipt.outcome == "accepted" else {"issue": receipt.issues[0].code}
        if receipt.id is not None:
            facts["message"] = receipt.id
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
