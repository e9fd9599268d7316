"""What happens to a received message before it is acknowledged: converted, then handed to its target.

The doors call an `Intake` and read the `Receipt`; they know no converter and no target. Nothing is stored here: a
message counts as accepted when its Bundle has been handed over, and without a target when it has been converted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from segue import log
from segue.convert import Conversion, Converter
from segue.delivery.resolution import resolved
from segue.delivery.target import DeliveryError, Parcel, Target
from segue.issues import Issue, Refusal, issue
from segue.mapping.sites import selected
from segue.terminology import Unmapped
from segue.terminology.remote import Resolver

Outcome = Literal["accepted", "error", "rejected", "transient"]

# Refusals that say "not for me" rather than "not well": type, event, processing id, version, size, unreadable header.
REJECTED = frozenset(("200", "201", "202", "203", "104"))
UNREADABLE = frozenset(("message.unreadable", "message.terminators-missing", "message.delimiters", "charset.no-codec"))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent a message: the listener's name and the address."""

    listener: str
    address: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message (S-24): accepted, wrong in content, refused by kind, or not possible for now."""

    outcome: Outcome
    issues: tuple[Issue, ...] = ()
    event: str = "other"  # a mapped event, else "other": never text of the sender (O-10)


class Unknown(Protocol):
    """Takes the codes of a message that could not be translated; raises OSError."""

    def note(self, unmapped: Collection[Unmapped], pending: Collection[Unmapped], control_id: str) -> None: ...


Intake = Callable[[bytes, Peer], Awaitable[Receipt]]


class Pipeline:
    """Converts and delivers each message (the Intake of a service without a journal)."""

    def __init__(
        self,
        converter: Converter,
        target: Target | None,
        options: Mapping[str, Any],
        *,
        inline_bytes: int = 256 << 10,
        resolver: Resolver | None = None,
        unknown: Unknown | None = None,
    ) -> None:
        self._converter = converter
        self._resolver = resolver
        self._unknown = unknown
        self._target = target
        self._options = dict(options)
        self._inline_bytes = inline_bytes

    async def __call__(self, raw: bytes, peer: Peer) -> Receipt:
        try:
            done, body, pending = await resolved(lambda: self._made(raw), self._resolver)
        except Refusal as refusal:
            return Receipt(_refused(refusal.issues), refusal.issues)
        except Exception as error:
            log.get().error("conversion.bug", listener=peer.listener, **log.fault(error))
            return Receipt("error", (issue("internal"),))
        if self._unknown is not None:
            self._note(done, pending, peer)
        if self._target is not None:
            try:
                site = self._options.get("site") or selected(self._converter.pack.sites, done.message)
                await self._target.deliver(Parcel.of(raw, done, body, site))
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

    def _note(self, done: Conversion, pending: frozenset[Unmapped], peer: Peer) -> None:
        assert self._unknown is not None
        try:
            self._unknown.note(done.unmapped, pending, done.control_id)
        except OSError as error:  # a full disk costs a count, not the message
            log.get().error("inbox.not-noted", listener=peer.listener, **log.fault(error))

    async def _made(self, raw: bytes) -> tuple[Conversion, bytes]:
        if len(raw) < self._inline_bytes:
            return self._convert(raw)
        return await asyncio.to_thread(self._convert, raw)

    def _convert(self, raw: bytes) -> tuple[Conversion, bytes]:
        done = self._converter.convert(raw, **self._options)
        return done, done.json()


def _refused(issues: tuple[Issue, ...]) -> Outcome:
    first = issues[0]
    return "rejected" if first.hl7 in REJECTED or first.code in UNREADABLE else "error"
