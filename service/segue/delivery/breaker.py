"""A circuit breaker: a target that fails again and again is left alone, then asked by one send alone (S-63).

    CLOSED ── failures in a row, or a refused credential, or Retry-After ──▶ OPEN ── pause over ──▶ PROBING
       ▲                                                                      ▲                        │
       └────────────────────────── the probe was answered ────────────────────┴──── it failed: a longer pause

While it is open nobody asks the target: the caller gets DeliveryError at once, with the time to wait, and no attempt is
spent. Only failures that say something of the target count (S-60); a refused Bundle is an answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from segue.delivery.target import BREAKER, BUSY, CREDENTIALS, FAULT, HELD, INDETERMINATE, UNREACHABLE, DeliveryError
from segue.issues import issue
from segue.settings.targets import Breaker as Settings

COUNTED = frozenset((UNREACHABLE, INDETERMINATE, BUSY, FAULT, CREDENTIALS))
PROBE_S = 1.0  # to wait while another send asks

Told = Callable[[bool, str], None]  # whether the target is asked again, and the reason


class Breaker:
    """The breaker of one target. Every `admit` that returns is followed by `succeeded`, `failed` or `left`."""

    def __init__(
        self,
        settings: Settings,
        told: Told = lambda _closed, _reason: None,
        *,
        clock: Callable[[], float] = monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._told = told
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._pauses = 0
        self._until: float | None = None
        self._probing = False

    @property
    def open(self) -> bool:
        return self._until is not None

    @property
    def left_s(self) -> float:
        """How long nobody is to ask; 0 where somebody may, be it as the probe."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    def admit(self) -> None:
        """Raises DeliveryError while the target is left alone."""
        if self._until is None:
            return
        wait = self._until - self._clock()
        if wait > 0 or self._probing:
            raise DeliveryError(
                True, issue("delivery.transient"), reason=BREAKER, retry_after_s=wait if wait > 0 else PROBE_S
            )
        self._probing = True

    def succeeded(self) -> None:
        """The target answered, whatever it said of the Bundle."""
        was_open = self.open
        self._failures = self._pauses = 0
        self._until, self._probing = None, False
        if was_open:
            self._told(True, "answered")

    def failed(self, error: DeliveryError) -> None:
        """A failure as it was raised; an answer about the Bundle counts as a success of the target."""
        if error.reason == HELD:
            self.left()
            return
        if error.reason not in COUNTED:
            self.succeeded()
            return
        self._failures += 1
        held = error.retry_after_s is not None or error.reason == CREDENTIALS
        if self._probing or held or self._failures >= self.settings.failures:
            self._pause(error)

    def left(self) -> None:
        """The send ended without saying anything of the target."""
        self._probing = False

    def _pause(self, error: DeliveryError) -> None:
        if self.open and not self._probing:
            return  # one of the sends that were under way when it opened
        was_open = self.open
        s = self.settings
        pause = min(s.longest_s, s.pause_s * 2.0 ** min(self._pauses, 32)) * (1 + self._jitter() / 4)
        if error.retry_after_s is not None:
            pause = min(max(error.retry_after_s, 0.0), s.longest_s)
        self._pauses += 1
        self._until, self._probing = self._clock() + pause, False
        if not was_open:
            self._told(False, error.reason)
