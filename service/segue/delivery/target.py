"""The seam to where Bundles go: one message's Bundle is handed over, or the reason why not is raised (S-60).

A target returns only after the receiver has the Bundle for good. Knows no protocol of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from segue.delivery.keys import Writes
from segue.issues import Issue

# The classes of S-60 that a failure's reason names. The first five say something of the target, not of the message.
UNREACHABLE = "unreachable"  # nothing was sent
INDETERMINATE = "indeterminate"  # sent, outcome unknown: the same bytes again (S-61)
BUSY = "busy"
FAULT = "server-fault"
CREDENTIALS = "credentials"  # the target is held, not the message
CONFLICT = "conflict"
REFUSED = "refused"
BREAKER = "breaker-open"  # not tried at all; no attempt was spent (S-63)
HELD = "key-held"  # the same, since another process sends under one of its keys (S-61a)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A Bundle on its way, with the message it came from and what a filter asks of it."""

    body: bytes  # the Bundle as JSON
    control_id: str
    digest: str  # SHA-256 of the message as received, in hexadecimal (S-40)
    event: str = ""  # ADT^A01
    sender: tuple[str, str] = ("", "")  # MSH-3 and MSH-4, first components
    site: str = ""  # whose maps made the Bundle; "" for none
    raw: bytes = b""  # the message as received
    writes: Writes | None = None  # what the Bundle writes, where that was told when it was made; else its body tells

    @property
    def key(self) -> str:
        """Names this Bundle of this message, the same at each attempt: 64 hexadecimal digits (S-61)."""
        return hashlib.sha256(self.digest.encode() + self.body).hexdigest()


class DeliveryError(Exception):
    """The Bundle did not reach its receiver; `transient`: the same Bundle may be taken later.

    `reason` is a class of S-60, `detail` a bounded word more (a status code, the name of an exception), neither ever a
    value of a message. `retry_after_s` is what the receiver asked for.
    """

    def __init__(
        self, transient: bool, *issues: Issue, reason: str, retry_after_s: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.transient = transient
        self.issues = issues
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.detail = detail


class Target(Protocol):
    async def deliver(self, parcel: Parcel) -> None:
        """Hands the Bundle over; raises DeliveryError."""
        ...

    async def close(self) -> None: ...
