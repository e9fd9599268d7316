"""Room on the journal's disk: intake ends before the disk does (S-42)."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from segue.journal.database import Database

SHARE = 0.05
BYTES = 1 << 30
LOOK_S = 1.0  # between two looks


class Headroom:
    """Enough while at least `bytes` and `share` of the disk are free, and while a disk elsewhere is not ours to see."""

    def __init__(
        self, database: Database, *, bytes: int = BYTES, share: float = SHARE, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._bytes = bytes
        self._share = share
        self._clock = clock
        self._looked = float("-inf")
        self._enough = True
        self.free_bytes: int | None = None

    @property
    def enough(self) -> bool:
        now = self._clock()
        if now - self._looked >= LOOK_S:
            self._looked = now
            found = self._database.free_bytes()
            if found is not None:
                self.free_bytes, total = found
                self._enough = self.free_bytes >= self._bytes and self.free_bytes >= self._share * total
        return self._enough
