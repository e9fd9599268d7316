"""One MLLP connection: bytes in, ACKs out, in the order of arrival; time-outs, back-pressure, the end (S-05 to S-08,
S-70).

    bytes ▸ Decoder ▸ queue ▸ one task: answers ▸ socket

It is read no further while its queue is full, its peer does not read or its listener holds too much; time that passes so is
not counted against the sender. Knows sockets, order and time; framing is `frames`, what is answered is `answers`.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import cast

from segue import log
from segue.delivery.intake import Peer
from segue.mllp.ack import Header
from segue.mllp.answers import Answer, Arrival
from segue.mllp.floor import Floor
from segue.mllp.frames import HEAD_BYTES, Broken, Decoder, Event, Frame, Oversize, encode

SKIP_S = 60.0  # to the end of an oversize frame (S-06)
KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))  # S-07


class Connection(asyncio.Protocol):
    """One peer."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.decoder = Decoder(floor.listener.message_bytes)
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.peer = Peer(floor.listener.name, "")
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Arrival | None] = deque()
        self._working: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused_at: float | None = None
        self._squeezed = False
        self._held_bytes = 0
        self._queued_bytes = 0
        self._opened = self._last = monotonic()
        self._frame_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silence_s: float | None = None
        self._answered = 0
        self._heard = False
        self._said: list[bytes] = []  # by others, while answers are in the making

    # the transport's side ─────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        address = str(name[0]) if name else ""
        self.peer = Peer(self.floor.listener.name, address, say=self.say)
        self.floor.connections.add(self)
        if self.floor.unnamed(transport.get_extra_info("peercert")):
            self.floor.log.warning("mllp.refused", source=address, reason="certificate-not-listed")
            self.cut()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEP_ALIVE:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        self.floor.log.info("mllp.connected", source=address)
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._last = monotonic()
        self._take(self.decoder.feed(data))
        self._account()
        if not self.decoder.inside:
            self._frame_at = None
        elif self._frame_at is None:
            self._frame_at = self._last
        if self._frame_at is not None or self._timer is None:
            self._watch()
        self._flow()

    def eof_received(self) -> bool:
        """A peer that only stops sending still gets its answers; TLS has no half of a connection."""
        self._end_frame()
        self._put(None)
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._clear()  # not accepted, so the sender will send them again (S-20)
        self._writable.set()
        self._transport = None
        self.floor.connections.discard(self)
        self.floor.hold(-self._held_bytes)
        self._held_bytes = 0
        if not self.closed.done():
            self.closed.set_result(None)
        self.floor.log.info(
            "mllp.closed",
            source=self.peer.address,
            answered=self._answered,
            junk_bytes=self.decoder.junk_bytes,
            empty_frames=self.decoder.empty,
            partial_bytes=len(self.decoder.partial),
        )

    # what the journal says later ──────────────────────────────────────────────────────────────────────────────────

    def say(self, ack: bytes) -> bool:
        """Writes what is no answer to a frame, never between a frame and its answer; False: the peer is gone (S-23)."""
        if self._transport is None or self._transport.is_closing():
            return False
        if self._working is None:
            self._write(ack)
        else:
            self._said.append(ack)
        return True

    # the server's side ────────────────────────────────────────────────────────────────────────────────────────────

    def leave_when_silent(self, silence_s: float) -> None:
        """Closes once nothing is in hand and nothing came for a while (S-78)."""
        self._silence_s = silence_s
        self._watch()

    @property
    def reading(self) -> bool:
        return self._paused_at is None

    @property
    def frame_since(self) -> float | None:
        return self._frame_at

    @property
    def silent_since(self) -> float | None:
        return None if self._frame_at is not None or self._heard else self._opened

    def squeeze(self, squeezed: bool) -> None:
        if squeezed is not self._squeezed:
            self._squeezed = squeezed
            self._flow()

    async def settled(self) -> None:
        """Waits until nothing is in hand."""
        if self._working is not None:
            await asyncio.wait({self._working})

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _deadline(self) -> float | None:
        """When silence or slowness next means something."""
        listener, found = self.floor.listener, list[float]()
        if self._paused_at is not None:
            return None  # it is not the sender who waits
        if self.decoder.waiting:
            found.append(self._last + self.floor.quiet_s)
        if self._frame_at is not None:
            found += (self._last + listener.progress_s, self._frame_at + listener.frame_s)
            if self.decoder.skipping:
                found.append(self._frame_at + SKIP_S)
        elif not self._busy:
            if listener.idle_s:
                found.append(self._last + listener.idle_s)
            if self._silence_s is not None:
                found.append(self._last + self._silence_s)
        return min(found, default=None)

    @property
    def _busy(self) -> bool:
        return bool(self._queue) or self._working is not None

    def _watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._deadline()
        if deadline is not None and self._transport is not None:
            delay = max(0.0, deadline - monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._timed)

    def _timed(self) -> None:
        self._timer = None
        deadline = self._deadline()
        if deadline is None or deadline > monotonic():
            self._watch()
        elif self.decoder.waiting and self._last + self.floor.quiet_s <= monotonic():
            self._take(self.decoder.flush())
            self._frame_at = None
            self._watch()
        elif self._frame_at is not None:
            self.floor.log.warning(
                "mllp.frame-timeout", source=self.peer.address, partial_bytes=len(self.decoder.partial)
            )
            self._end_frame()
            self._put(None)
        else:
            self._put(None)

    # queue ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _end_frame(self) -> None:
        """A frame whose end does not come any more (S-08)."""
        partial = self.decoder.partial
        self._frame_at = None
        if self.decoder.waiting:
            self._take(self.decoder.flush())
        elif self.decoder.skipping:
            self._put(Oversize(partial[:HEAD_BYTES], ended=False))
        elif Header.of(partial) is not None:
            self._put(Broken(partial))

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._put(event)

    def _put(self, event: Event | None) -> None:
        """Queues an event; None closes the connection after what was before it."""
        self._queue.append(Arrival(event, self.peer, self.floor.draining, self._last) if event is not None else None)
        self._queued_bytes += _size(event)
        self._heard = self._heard or event is not None
        if self._working is None and self._transport is not None:
            self._working = asyncio.get_running_loop().create_task(self._work())
        self._flow()

    async def _work(self) -> None:
        try:
            while self._queue:
                arrival = self._queue.popleft()
                answer = await self.floor.answers.to(arrival) if arrival is not None else Answer(go_on=False)
                self._queued_bytes -= _size(arrival.event) if arrival is not None else 0
                self._account()
                for ack in (*answer.acks, *self._said):
                    self._write(ack)
                self._said.clear()
                if not answer.go_on or self._transport is None:
                    self._close()
                    return
                await self._writable.wait()
                await asyncio.sleep(0)  # a full queue of one sender is not the turn of all others
                self._flow()
        except Exception as error:
            self.floor.log.error("mllp.bug", **log.fault(error))
            self.cut()
        finally:
            self._working = None
            for ack in self._said:
                self._write(ack)
            self._said.clear()
            self._watch()

    def _flow(self) -> None:
        """Reads while there is room, here and at the listener (S-70)."""
        if self._transport is None:
            return
        full = self._squeezed or len(self._queue) >= self.floor.listener.unanswered
        if full and self._paused_at is None:
            self._paused_at = monotonic()
            self._transport.pause_reading()
        elif not full and self._paused_at is not None:
            waited_s = monotonic() - self._paused_at
            self._paused_at = None
            self._last += waited_s
            if self._frame_at is not None:
                self._frame_at += waited_s
            self._transport.resume_reading()
            self._watch()

    def _account(self) -> None:
        if self._transport is None:
            return  # what a lost connection held was given back
        held = self.decoder.buffered_bytes + self._queued_bytes
        change, self._held_bytes = held - self._held_bytes, held
        if change:
            self.floor.hold(change)

    def _clear(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    def _close(self) -> None:
        self._clear()
        if self._transport is not None:
            self._transport.close()

    def _write(self, ack: bytes) -> None:
        if self._transport is not None:
            self._transport.write(encode(ack))
            self._answered += 1


def _size(event: Event | None) -> int:
    return len(event.payload) if isinstance(event, Frame | Broken) else 0
