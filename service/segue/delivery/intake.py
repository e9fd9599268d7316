"""What a door asks of whoever takes its messages, and the simplest taker: converted, handed over, acknowledged.

The doors call an `Intake` and read the `Receipt`; they know no converter, no journal and no target. The `Pipeline`
here stores nothing: a message counts as accepted when its Bundle has been handed over, and without a target when it
has been converted. A service with a journal uses `segue.journal.intake` instead; both convert and deliver alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from segue import log
from segue.delivery.children import CulpritError
from segue.delivery.conversions import Conversions
from segue.delivery.target import DeliveryError, Target
from segue.issues import Issue, issue
from segue.mllp.mode import Mode

Outcome = Literal["accepted", "error", "rejected", "transient"]

# Refusals that say "not for me" rather than "not well": type, event, processing id, version, size, unreadable header.
REJECTED = frozenset(("200", "201", "202", "203", "104"))
UNREADABLE = frozenset(("message.unreadable", "message.terminators-missing", "message.delimiters", "charset.no-codec"))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent a message: the listener's name and the address."""

    listener: str
    address: str
    ack: str | None = None  # when this message is acknowledged, where that is not the listener's setting; or "never"
    mode: Mode | None = None  # of a message in enhanced mode (S-23)
    say: Callable[[bytes], bool] | None = field(default=None, compare=False)  # writes to its connection; False: gone


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message (S-24): accepted, wrong in content, refused by kind, or not possible for now."""

    outcome: Outcome
    issues: tuple[Issue, ...] = ()
    event: str = "other"  # a mapped event, else "other": never text of the sender (O-10)
    id: int | None = None  # in the journal
    state: str = ""  # of the journal
    earlier: bool = False  # the message was received before (S-43)
    stored: bytes | None = None  # the acknowledgement to be sent again, byte for byte (S-43)
    keep: Callable[[bytes], None] | None = None  # takes the acknowledgement that is sent now
    owes: bool = False  # the application acknowledgement comes by itself (S-23)


Intake = Callable[[bytes, Peer], Awaitable[Receipt]]


class Pipeline:
    """Converts and delivers each message (the Intake of a service without a journal)."""

    def __init__(self, conversions: Conversions, target: Target | None) -> None:
        self._conversions = conversions
        self._target = target

    async def __call__(self, raw: bytes, peer: Peer) -> Receipt:
        if peer.ack == "never":  # an acknowledgement that nobody waits for, and nowhere to keep it (S-29)
            return Receipt("accepted")
        try:
            done = await self._conversions.convert(raw, peer.listener)
        except CulpritError as culprit:
            log.get().error("conversion.ended", listener=peer.listener, reason=str(culprit))
            return Receipt("error", (issue("conversion.budget"),))
        if done.body is None:
            return Receipt(refused(done.issues), done.issues)
        self._conversions.note(done, peer.listener)
        if self._target is not None:
            try:
                await self._target.deliver(done.parcel(raw, hashlib.sha256(raw).hexdigest()))
            except DeliveryError as failure:
                log.get().warning(
                    "delivery.failed",
                    listener=peer.listener,
                    reason=failure.reason,
                    detail=failure.detail,
                    transient=failure.transient,
                )
                return Receipt("transient" if failure.transient else "error", failure.issues, done.event)
        return Receipt("accepted", done.issues, done.event)


def refused(issues: tuple[Issue, ...]) -> Outcome:
    """How a message that cannot be converted is answered (S-24)."""
    first = issues[0]
    return "rejected" if first.hl7 in REJECTED or first.code in UNREADABLE else "error"
