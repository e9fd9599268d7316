"""When a delivery that failed is tried again, and when it is not (S-60, S-63).

refused              dead at once: the same Bundle will be refused again
server fault         10 tries (500, 501), conflict 5 (409, 412)
credentials          the target is left alone, the message loses nothing (401, 403)
breaker open         the target is left alone, the message loses nothing
key held             another process sends about the same practitioner and the like, the message loses nothing
everything else      back-off with jitter from 1 s to 5 min until 7 days after receipt
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from segue.delivery.target import BREAKER, CONFLICT, CREDENTIALS, FAULT, HELD, DeliveryError

FIRST_S, LONGEST_S = 1.0, 300.0
DEADLINE_S = 7 * 24 * 3600.0
FAULT_TRIES, CONFLICT_TRIES = 10, 5
PAUSE_S = 5.0  # where nobody says how long a target is left alone


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a failure: "again" counts as a try, "pause" does not."""

    action: Literal["again", "pause", "dead"]
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Retry:
    """The rule, with its chance."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    deadline_s: float = DEADLINE_S
    chance: Callable[[], float] = random.random

    def delay_s(self, tries: int) -> float:
        """Before try number `tries` + 1: doubled each time, half of it by chance."""
        whole = min(self.longest_s, self.first_s * 2.0 ** min(tries - 1, 30))
        return whole * (0.5 + self.chance() / 2)

    def judge(self, failure: DeliveryError, tries: int, age_s: float) -> Verdict:
        """`tries` at this target, this failed one included; `age_s`: since the message was received."""
        asked = failure.retry_after_s
        if failure.reason in (CREDENTIALS, BREAKER, HELD):
            # Others wait as well: spread out, and longer where there is little hope. Who comes back calls them at once.
            return Verdict("pause", (asked or PAUSE_S) + self.delay_s(1 + int(min(age_s, 600.0) / 60)))
        if not failure.transient or age_s >= self.deadline_s:
            return Verdict("dead")
        if failure.reason == FAULT and tries >= FAULT_TRIES:
            return Verdict("dead")
        if failure.reason == CONFLICT and tries >= CONFLICT_TRIES:
            return Verdict("dead")
        return Verdict("again", max(self.delay_s(tries), asked or 0.0))
