"""What the connections of one listener share: seats, the count by source, and the bytes that wait (S-70, S-71, S-84).

Bytes are those of unfinished frames and of frames not yet answered. Above the budget every connection is read no
further but one, that with the oldest unfinished frame, so that something always comes to its end.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from segue.mllp.answers import Answers
from segue.settings import Listener
from segue.tls import names

QUIET_S = 2.0  # after an FS without CR (S-03)
SILENT_S = 5.0  # a connection that has said nothing for so long may have to make room (S-71)

LOOK_S = 0.1  # between looks for a seat, at least


class Seated(Protocol):
    """What a floor knows of a connection."""

    @property
    def frame_since(self) -> float | None:
        """When its unfinished frame began, None between frames."""
        ...

    @property
    def silent_since(self) -> float | None:
        """When it came, None once it has sent a frame or begun one."""
        ...

    def squeeze(self, squeezed: bool) -> None:
        """Reads no further, or goes on."""
        ...

    def cut(self) -> None: ...


@dataclass(slots=True, eq=False)
class Floor:
    """The shared state of a listener."""

    listener: Listener
    answers: Answers
    log: Any
    quiet_s: float = QUIET_S
    silent_s: float = SILENT_S
    draining: bool = False
    connections: set[Seated] = field(default_factory=lambda: set[Seated]())
    sources: Counter[str] = field(default_factory=lambda: Counter[str]())
    held_bytes: int = 0
    _squeezing: bool = False
    _allowed: tuple[Any, ...] = ()
    _seats: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def __post_init__(self) -> None:
        self._allowed = tuple(ipaddress.ip_network(text) for text in self.listener.allow)
        self._seats = asyncio.Semaphore(self.listener.connections)

    # who may come ─────────────────────────────────────────────────────────────────────────────────────────────────

    def unwelcome(self, source: str) -> str | None:
        """Why an address is refused before a byte is read, None where it is not."""
        if self._allowed and not any(_address(source) in network for network in self._allowed):
            return "not-allowed"
        if self.sources[source] >= self.listener.per_source:
            return "per-source"
        return None

    def unnamed(self, certificate: Any) -> bool:
        """Whether a certificate is none of those that may connect."""
        tls = self.listener.tls
        return tls is not None and bool(tls.subjects) and not names(certificate) & set(tls.subjects)

    async def seat(self, source: str) -> None:
        """Takes a seat, which `leave` gives back; while all are taken, one that was never used has to make room."""
        told = False
        while True:
            wait_s = None
            if self._seats.locked():
                wait_s, told = self._make_room(told), True
            try:
                async with asyncio.timeout(wait_s):
                    await self._seats.acquire()
            except TimeoutError:
                continue
            self.sources[source] += 1
            return

    def leave(self, source: str) -> None:
        self.sources[source] -= 1
        if not self.sources[source]:
            del self.sources[source]
        self._seats.release()

    def _make_room(self, told: bool) -> float:
        """Cuts the oldest connection that never spoke, if it had the time to; says after how long to look again."""
        silent = [(at, id(one), one) for one in self.connections if (at := one.silent_since) is not None]
        if not silent:
            if not told:
                self.log.error("mllp.full", connections=self.listener.connections)
            return max(self.silent_s, LOOK_S)
        since, _, oldest = min(silent)
        wait_s = since + self.silent_s - monotonic()
        if wait_s <= 0:
            self.log.warning("mllp.evicted", connections=self.listener.connections)
            oldest.cut()
        return max(wait_s, LOOK_S)

    # what they may hold ───────────────────────────────────────────────────────────────────────────────────────────

    def hold(self, change_bytes: int) -> None:
        """A connection holds so much more, or less."""
        self.held_bytes += change_bytes
        over = self.held_bytes > self.listener.buffered_bytes
        if not over and not self._squeezing:
            return
        if over and not self._squeezing:
            self.log.warning("mllp.bytes-full", held_bytes=self.held_bytes)
        self._squeezing = over
        framed = [(at, id(one), one) for one in self.connections if (at := one.frame_since) is not None]
        first = min(framed)[2] if framed else None
        for one in self.connections:
            one.squeeze(over and one is not first)


def _address(source: str) -> Any:
    """An address as networks know it: without its zone, and IPv4 where it came in IPv6 clothes."""
    found = ipaddress.ip_address(source.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
