"""The circuit breaker in front of a terminology server (T-33).

    closed ── 5 failures within 10 s ──▶ open ── 30 s ──▶ one probe ── good ──▶ closed
                                          ▲─────────────── bad ──┘

Knows no network; time is told by the clock it is given, in seconds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

FAILURES, WITHIN_S, PROBE_S = 5, 10.0, 30.0


class Breaker:
    """Counts failures and says whether a request may go out. For one event loop."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        within_s: float = WITHIN_S,
        probe_s: float = PROBE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._within_s, self._probe_s, self._clock = failures, within_s, probe_s, clock
        self._failures: deque[float] = deque(maxlen=failures)
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """True while nothing but a probe may go out."""
        return self._opened_at is not None

    def admits(self) -> bool:
        """Whether a request may go out now; while open, one after each pause. Its end has to be told."""
        if self._opened_at is None:
            return True
        if self._probing or self._clock() - self._opened_at < self._probe_s:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failures.clear()
        self._opened_at, self._probing = None, False

    def failed(self) -> None:
        now = self._clock()
        if self._probing:
            self._opened_at, self._probing = now, False
            return
        if self._opened_at is not None:
            return  # a request from before it opened
        self._failures.append(now)
        if len(self._failures) == self._limit and now - self._failures[0] <= self._within_s:
            self._opened_at = now
            self._failures.clear()
