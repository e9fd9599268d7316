"""An MLLP listener: persistent connections, every frame answered, in the order of arrival (S-05 to S-11, S-21, S-70 to
S-79).

    bytes ▸ Decoder ▸ queue of this connection ▸ one task: intake ▸ ACK ▸ socket

A connection is read no further while its queue is full or its peer does not read. Framing is `frames`, content of
ACKs is `ack`, what happens to a message is the `intake`; this module knows sockets, order and time.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, deque
from collections.abc import Iterable
from time import monotonic
from typing import Any, NamedTuple, cast

from segue import hl7, log
from segue.delivery.intake import Intake, Peer, Receipt
from segue.issues import issue
from segue.mllp import frames
from segue.mllp.ack import Code, Header, acknowledge, batch
from segue.mllp.frames import Broken, Decoder, Foreign, Frame, Oversize, encode
from segue.settings import Drain, Listener

QUIET_S = 2.0  # after an FS without CR (S-03)
SKIP_S = 60.0  # to the end of an oversize frame (S-06)
KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))  # S-07


class _Queued(NamedTuple):
    event: frames.Event | None  # None: close after what was before it
    draining: bool
    at: float


class MllpServer:
    """One listener. `await start()`, then `port`; `await drain()` answers what is in hand and ends."""

    def __init__(
        self,
        intake: Intake,
        listener: Listener,
        drain: Drain | None = None,
        *,
        quiet_s: float = QUIET_S,
        show_control_ids: bool = False,
    ) -> None:
        self.intake = intake
        self.listener = listener
        self.limits = drain or Drain()
        self.quiet_s = quiet_s
        self.show_control_ids = show_control_ids
        self.log = log.get(listener=listener.name)
        self.connections: set[_Connection] = set()
        self.sources: Counter[str] = Counter()
        self.draining = False
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket | None = None) -> None:
        loop = asyncio.get_running_loop()
        if sock is not None:
            self._server = await loop.create_server(lambda: _Connection(self), sock=sock)
        else:
            self._server = await loop.create_server(lambda: _Connection(self), self.listener.host, self.listener.port)

    @property
    def port(self) -> int:
        """The port in use, which is not the one of the settings where that is 0."""
        if self._server is None:
            raise RuntimeError("the listener is not started")
        return self._server.sockets[0].getsockname()[1]

    async def drain(self) -> None:
        """Stops listening, answers frames in hand, refuses later ones, closes silent connections (S-78)."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        deadline = monotonic() + self.limits.grace_s
        for connection in list(self.connections):
            connection.leave_when_silent(self.limits.silence_s)
        while self.connections and monotonic() < deadline:
            await asyncio.wait([c.closed for c in self.connections], timeout=max(0.0, deadline - monotonic()))
        self.abort()

    def abort(self) -> None:
        """Cuts every connection at once."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.cut()


class _Connection(asyncio.Protocol):
    """One peer."""

    def __init__(self, server: MllpServer) -> None:
        self.server = server
        self.decoder = Decoder(server.listener.message_bytes)
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.peer = Peer(server.listener.name, "")
        self._transport: asyncio.Transport | None = None
        self._queue: deque[_Queued] = deque()
        self._working: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._last = monotonic()
        self._frame_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silence_s: float | None = None
        self._answered = 0

    # the transport's side ─────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        address = str(name[0]) if name else ""
        self.peer = Peer(self.server.listener.name, address)
        listener = self.server.listener
        self.server.connections.add(self)
        self.server.sources[address] += 1
        if len(self.server.connections) > listener.connections or self.server.sources[address] > listener.per_source:
            self.server.log.warning("mllp.refused", source=address, connections=len(self.server.connections))
            self.cut()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEP_ALIVE:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        self.server.log.info("mllp.connected", source=address)
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._last = monotonic()
        self._take(self.decoder.feed(data))
        if not self.decoder.inside:
            self._frame_at = None
        elif self._frame_at is None:
            self._frame_at = self._last
        if self._frame_at is not None or self._timer is None:
            self._watch()

    def eof_received(self) -> bool:
        """A peer that only stops sending still gets its answers."""
        self._end_frame()
        self._put(None)
        return True

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()  # not accepted, so the sender will send them again (S-20)
        self._writable.set()
        self._transport = None
        self.server.connections.discard(self)
        self.server.sources[self.peer.address] -= 1
        if not self.server.sources[self.peer.address]:
            del self.server.sources[self.peer.address]
        if not self.closed.done():
            self.closed.set_result(None)
        self.server.log.info(
            "mllp.closed",
            source=self.peer.address,
            answered=self._answered,
            junk_bytes=self.decoder.junk_bytes,
            empty_frames=self.decoder.empty,
            partial_bytes=len(self.decoder.partial),
        )

    # the server's side ────────────────────────────────────────────────────────────────────────────────────────────

    def leave_when_silent(self, silence_s: float) -> None:
        """Closes once nothing is in hand and nothing came for a while (S-78)."""
        self._silence_s = silence_s
        self._watch()

    @property
    def reading(self) -> bool:
        return not self._paused

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
        listener, found = self.server.listener, list[float]()
        if self.decoder.waiting:
            found.append(self._last + self.server.quiet_s)
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
        elif self.decoder.waiting and self._last + self.server.quiet_s <= monotonic():
            self._take(self.decoder.flush())
            self._frame_at = None
            self._watch()
        elif self._frame_at is not None:
            self.server.log.warning(
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
            self._put(Oversize(partial[: frames.HEAD_BYTES], ended=False))
        elif Header.of(partial) is not None:
            self._put(Broken(partial))

    def _take(self, events: Iterable[frames.Event]) -> None:
        for event in events:
            self._put(event)

    def _put(self, event: frames.Event | None) -> None:
        self._queue.append(_Queued(event, self.server.draining, self._last))
        if self._working is None and self._transport is not None:
            self._working = asyncio.get_running_loop().create_task(self._work())
        if len(self._queue) >= self.server.listener.unanswered and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    async def _work(self) -> None:
        try:
            while self._queue:
                item = self._queue.popleft()
                if item.event is None or not await self._answer(item, item.event):
                    self._close()
                    return
                await self._writable.wait()
                if self._paused and len(self._queue) < self.server.listener.unanswered and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
        except Exception as error:
            self.server.log.error("mllp.bug", **log.fault(error))
            self.cut()
        finally:
            self._working = None
            self._watch()

    def _close(self) -> None:
        self._queue.clear()
        if self._transport is not None:
            self._transport.close()

    # answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, item: _Queued, event: frames.Event) -> bool:
        """Writes what answers an event; False where the connection ends with it."""
        match event:
            case Frame(payload, unended):
                if unended:
                    self.server.log.warning("mllp.frame-unended", source=self.peer.address)
                return await self._frame(payload, item)
            case Broken(payload):
                self.server.log.warning("mllp.frame-broken", source=self.peer.address, size=len(payload))
                self._write(acknowledge(Header.of(payload), "AR", (issue("frame.broken"),)))
                return True
            case Oversize(head, ended):
                self.server.log.warning(
                    "mllp.oversize", source=self.peer.address, cap=self.server.listener.message_bytes
                )
                hint = f"The limit is {self.server.listener.message_bytes} bytes (listeners.message_bytes)."
                self._write(acknowledge(Header.of(head), "AR", (issue("message.too-large", hint=hint),)))
                return ended
            case Foreign(kind):
                self.server.log.warning("mllp.foreign", source=self.peer.address, kind=kind)
                return False

    async def _frame(self, payload: bytes, item: _Queued) -> bool:
        found = hl7.split_batch(payload)
        answers = [await self._message(part, item) for part in found.messages]
        acks = [answer for answer in answers if answer is not None]
        if any(not answer for answer in acks):
            return False
        header = Header.of(next((line for line in found.headers if line.startswith(b"BHS")), payload))
        if header is not None and found.is_batch:
            return self._write(batch(header, acks))
        written = [self._write(answer) for answer in acks]
        return all(written)

    async def _message(self, raw: bytes, item: _Queued) -> bytes | None:
        """The ACK of one message; None: not to be answered (S-29); b"": the connection is to be closed instead."""
        header = Header.of(raw)
        if header is not None and header.trigger[0] == "ACK":
            self.server.log.warning("mllp.ack-unexpected", source=self.peer.address)
            return None
        if item.draining:
            receipt = Receipt("transient", (issue("service.draining"),))
        else:
            receipt = await self._asked(raw)
        code = self._code(receipt)
        self._record(raw, header, receipt, code or "none", item.at)
        if code is None:
            return b""
        shown = receipt.issues
        if code == "AA":
            shown = (
                tuple(i for i in shown if i.severity in ("warning", "information"))
                if self.server.listener.ack_warnings
                else ()
            )
        return acknowledge(header, code, shown)

    async def _asked(self, raw: bytes) -> Receipt:
        try:
            return await self.server.intake(raw, self.peer)
        except Exception as error:
            self.server.log.error("intake.bug", **log.fault(error))
            return Receipt("error", (issue("internal"),))

    def _code(self, receipt: Receipt) -> Code | None:
        match receipt.outcome:
            case "accepted":
                return "AA"
            case "error":
                return "AE"
            case "rejected":
                return "AR"
            case "transient":
                nak = self.server.listener.nak_transient
                return None if nak == "close" else nak

    def _record(self, raw: bytes, header: Header | None, receipt: Receipt, code: str, began: float) -> None:
        facts: dict[str, Any] = {} if receipt.outcome == "accepted" else {"issue": receipt.issues[0].code}
        control_id = header.control_id if header else ""
        if self.server.show_control_ids:
            facts["control_id"] = control_id
        self.server.log.info(
            "message",
            source=self.peer.address,
            type=receipt.event,
            control_id_hash=log.hashed(control_id),
            size=len(raw),
            code=code,
            duration_ms=round((monotonic() - began) * 1000, 2),
            **facts,
        )

    def _write(self, ack: bytes) -> bool:
        if not ack or self._transport is None:
            return False
        self._transport.write(encode(ack))
        self._answered += 1
        return True
