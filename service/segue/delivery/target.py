"""The seam to where Bundles go: one message's Bundle is handed over, or the reason why not is raised (S-60).

A target returns only after the receiver has the Bundle for good. Knows no protocol of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from segue.issues import Issue


@dataclass(frozen=True, slots=True)
class Parcel:
    """A Bundle on its way, with what identifies the message it came from."""

    body: bytes  # the Bundle as JSON
    control_id: str
    digest: str  # SHA-256 of the message as received, in hexadecimal (S-40)


class DeliveryError(Exception):
    """The Bundle did not reach its receiver; `transient`: the same Bundle may be taken later."""

    def __init__(self, transient: bool, *issues: Issue, reason: str) -> None:
        super().__init__(reason)
        self.transient = transient
        self.issues = issues
        self.reason = reason  # a bounded word for logs: "unreachable", "busy", "refused", a status code …


class Target(Protocol):
    async def deliver(self, parcel: Parcel) -> None:
        """Hands the Bundle over; raises DeliveryError."""
        ...

    async def close(self) -> None: ...
