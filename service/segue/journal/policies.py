"""What a listener promises its senders: when it accepts, what is ordered, what a failure holds up (S-22, S-26, S-47,
S-52)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from segue.issues import Issue
from segue.journal.metadata import OrderBy
from segue.journal.states import State

AckWhen = Literal["received", "converted", "delivered"]
OnUnsupported = Literal["refuse", "store", "accept"]
OnFailure = Literal["park", "pass"]
OnStale = Literal["hold", "apply"]

UNSUPPORTED = frozenset(("message.type-unsupported", "message.event-unsupported"))


@dataclass(frozen=True, slots=True)
class Policy:
    """Of one listener."""

    ack: AckWhen = "converted"
    order: OrderBy = "patient"
    on_unsupported: OnUnsupported = "refuse"
    on_failure: OnFailure = "park"
    charset: str | None = None
    stale: OnStale = "hold"
    callback: bool = False  # application acknowledgements go to an address of their own (S-23)

    def unconvertible(self, issues: tuple[Issue, ...], *, accepted: bool) -> tuple[State, bool]:
        """The state of a message that cannot be converted, and whether it parks its keys.

        What was answered with a NAK parks nothing: the sender still has it and will send it again.
        """
        if issues[0].code in UNSUPPORTED:
            if self.on_unsupported == "accept":
                return "ignored", False
            if self.on_unsupported == "store":
                return "dead", False
        if not accepted:
            return "refused", False
        return "dead", self.on_failure == "park"


class Policies:
    """By the name of the listener."""

    def __init__(self, listeners: Mapping[str, Policy], default: Policy | None = None) -> None:
        self._listeners = dict(listeners)
        self._default = default or Policy()

    def of(self, listener: str) -> Policy:
        return self._listeners.get(listener, self._default)
