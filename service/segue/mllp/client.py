"""The sending side of MLLP: one message in flight, and an answer that must belong to it (S-30).

The reply of any message type whose MSA-2 is the MSH-10 sent is the acknowledgement. A late, foreign or missing one
raises, and the connection is of no further use. In enhanced mode the commit acknowledgement is the answer; that of the application
may come whenever it likes, between the answers to others, and is kept for whoever asks (S-23).
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from segue.mllp.ack import Header, acknowledge
from segue.mllp.frames import Decoder, Foreign, Frame, encode

MAX_REPLY_BYTES = 1 << 20
MOST_COMMITTED = 10_000  # messages whose application acknowledgement may still come
APPLICATION_S = 5.0  # an application acknowledgement may also be called back elsewhere
CLOSE_S = 2.0  # for what is still to be written, and for TLS to say goodbye


class ReplyError(Exception):
    """No acknowledgement that can be trusted: what happened."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An acknowledgement."""

    code: str  # MSA-1
    errors: tuple[str, ...]  # codes of table 0357 named in ERR, as sent
    raw: bytes

    @property
    def accepted(self) -> bool:
        return self.code in ("AA", "CA")


class Client:
    """A connection to an MLLP listener; over TLS where there is a context."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout_s: float = 30.0,
        *,
        connect_s: float | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.host, self.port, self.timeout_s = host, port, timeout_s
        self.connect_s = timeout_s if connect_s is None else connect_s
        self.context = context
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._decoder = Decoder(MAX_REPLY_BYTES)
        self._frames: list[Frame] = []
        self._committed: dict[str, Reply | None] = {}  # control id ▸ its application acknowledgement, when it has come

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        return self._writer is not None

    @property
    def usable(self) -> bool:
        """False also where the other end has closed an idle connection."""
        if self._writer is None or self._reader is None:
            return False
        return not self._writer.is_closing() and not self._reader.at_eof() and self._reader.exception() is None

    async def open(self) -> None:
        """Connects anew, with nothing left of an earlier connection; raises OSError (TLS faults too) or TimeoutError."""
        self._decoder, self._frames, self._committed = Decoder(MAX_REPLY_BYTES), [], {}
        async with asyncio.timeout(self.connect_s):
            self._reader, self._writer = await asyncio.open_connection(
                self.host, self.port, ssl=self.context, server_hostname=self.host if self.context else None
            )

    async def close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await writer.wait_closed()
            except TimeoutError:  # a peer that reads nothing any more
                writer.transport.abort()
            except OSError:  # the peer was first
                pass

    async def send(self, raw: bytes) -> Reply:
        """Sends one message and waits for its acknowledgement; raises ReplyError.

        An answer that came before the question, or that belongs to another message, says that the two ends do not mean
        the same message any more: the connection is closed.
        """
        if self._writer is None:
            raise ReplyError("the connection is closed")
        sent = Header.of(raw)
        wanted = sent.control_id if sent is not None else None
        while self._frames:
            if not self._of_application(self._frames.pop(0)):
                await self.close()
                raise ReplyError("an answer came before the message was sent")
        try:
            async with asyncio.timeout(self.timeout_s):
                self._writer.write(encode(raw))
                await self._writer.drain()
                while self._of_application(frame := await self._next(), but=wanted):
                    pass
        except TimeoutError:
            await self.close()
            raise ReplyError(f"no answer within {self.timeout_s:g} s") from None
        except OSError:  # a cut, or a fault of TLS in mid-stream
            await self.close()
            raise ReplyError("the connection was cut") from None
        try:
            reply, answered = parse(frame.payload)
        except ReplyError:
            await self.close()
            raise
        if wanted is not None and answered != wanted:
            await self.close()
            raise ReplyError("the answer belongs to another message (MSA-2 is not the MSH-10 sent)")
        if reply.code == "CA":
            if len(self._committed) >= MOST_COMMITTED:
                del self._committed[next(iter(self._committed))]
            self._committed[answered] = None
        return reply

    async def application(self, control_id: str, *, wait_s: float = APPLICATION_S) -> Reply | None:
        """The application acknowledgement of a message that was committed to; None where none came in time."""
        if control_id not in self._committed:
            return None
        try:
            async with asyncio.timeout(wait_s):
                while self._committed[control_id] is None:
                    if not self._of_application(await self._next()):
                        await self.close()
                        return None
        except (ReplyError, TimeoutError, OSError):
            return None
        return self._committed.pop(control_id)

    def _of_application(self, frame: Frame, but: str | None = None) -> bool:
        """Whether a frame is the application acknowledgement of an earlier message; it is acknowledged where it asks for that."""
        try:
            reply, answered = parse(frame.payload)
        except ReplyError:
            return False
        if answered not in self._committed or answered == but:
            return False
        self._committed[answered] = reply
        header = Header.of(frame.payload)
        if header is not None and header.field(15).strip() in ("AL", "SU") and self._writer is not None:
            self._writer.write(encode(acknowledge(header, "CA")))
        return True

    async def tell(self, raw: bytes) -> None:
        """Sends one message for which no answer is awaited; raises ReplyError where it could not be written."""
        if self._writer is None:
            raise ReplyError("the connection is closed")
        try:
            async with asyncio.timeout(self.timeout_s):
                self._writer.write(encode(raw))
                await self._writer.drain()
        except (OSError, TimeoutError):
            await self.close()
            raise ReplyError("the connection was cut") from None

    async def _next(self) -> Frame:
        assert self._reader is not None
        while not self._frames:
            data = await self._reader.read(65536)
            if not data:
                self._frames += (e for e in self._decoder.flush() if isinstance(e, Frame))
                if self._frames:
                    break
                await self.close()
                raise ReplyError("the connection was closed without an answer")
            for event in self._decoder.feed(data):
                if isinstance(event, Frame):
                    self._frames.append(event)
                else:
                    await self.close()
                    raise ReplyError(
                        "the answer is not MLLP" if isinstance(event, Foreign) else "the answer is not a whole frame"
                    )
        return self._frames.pop(0)


def parse(raw: bytes) -> tuple[Reply, str]:
    """The acknowledgement and its MSA-2; raises ReplyError where there is no MSA."""
    header = Header.of(raw)
    if header is None:
        raise ReplyError("the answer has no MSH")
    lines = raw.decode(header.codec, "replace").replace("\n", "\r").split("\r")
    msa = next((line.split(header.separator) for line in lines if line.startswith("MSA" + header.separator)), None)
    if msa is None:
        raise ReplyError("the answer has no MSA")
    padded = [*msa, "", "", ""]
    errors = tuple(code for line in lines if line.startswith("ERR" + header.separator) for code in _codes(line, header))
    return Reply(padded[1].strip(), errors, raw), padded[2]


def _codes(line: str, header: Header) -> list[str]:
    """Of ERR-3 (2.5 and later), else of every repetition of ERR-1."""
    fields = [*line.split(header.separator), "", "", "", ""]
    if fields[3]:
        return [fields[3].split(header.component)[0]]
    marks = header.field(2)
    repetition, subcomponent = marks[1:2] or "~", marks[3:4] or "&"
    found = [one.split(header.component) for one in fields[1].split(repetition)]
    return [parts[3].split(subcomponent)[0] for parts in found if len(parts) > 3]
