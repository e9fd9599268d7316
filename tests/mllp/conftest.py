"""A listener on a free port with an intake that the test writes, and a bare socket to talk to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from segue.delivery.intake import Intake, Peer, Receipt
from segue.mllp.frames import Decoder, Frame
from segue.mllp.server import MllpServer
from segue.settings import Drain, Listener


class Line:
    """The sender's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._decoder = Decoder()
        self._frames: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> str:
        """The next frame as text."""
        async with asyncio.timeout(5):
            while not self._frames:
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionResetError("closed without an answer")
                self._frames += (e.payload for e in self._decoder.feed(data) if isinstance(e, Frame))
        return self._frames.pop(0).decode("latin-1")

    async def msa(self) -> str:
        """MSA-1 and MSA-2 of the next answer."""
        line = next(line for line in (await self.answer()).split("\r") if line.startswith("MSA"))
        return " ".join([*line.split("|"), ""][1:3]).strip()

    async def ended(self) -> bool:
        """Waits until the other side has closed."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    def reset(self) -> None:
        """Cuts the connection as a dying peer does."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Bench:
    """Starts listeners and opens lines; ends them all."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.seen: list[bytes] = []

    async def accept(self, raw: bytes, _peer: Peer) -> Receipt:
        self.seen.append(raw)
        return Receipt("accepted")

    async def listen(
        self,
        intake: Intake | None = None,
        *,
        drain: Drain | None = None,
        quiet_s: float = 2.0,
        silent_s: float = 5.0,
        **settings: Any,
    ) -> MllpServer:
        listener = Listener(**{"port": 0, **settings})
        server = MllpServer(intake or self.accept, listener, drain, quiet_s=quiet_s, silent_s=silent_s)
        await server.start()
        self._stack.push_async_callback(self._end, server)
        return server

    async def _end(self, server: MllpServer) -> None:
        closing = [connection.closed for connection in server.connections]
        server.abort()
        if closing:
            await asyncio.wait(closing)

    async def line(self, server: MllpServer, context: ssl.SSLContext | None = None) -> Line:
        name = "localhost" if context else None
        line = Line(*await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname=name))
        self._stack.push_async_callback(line.close)
        return line


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(stack)


@pytest.fixture
def adt() -> Callable[..., bytes]:
    """A small message with a control id."""

    def build(control_id: str = "M1", event: str = "ADT^A01", version: str = "2.5", more: str = "") -> bytes:
        head = f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||{event}|{control_id}|P|{version}"
        return f"{head}\rPID|1||77^^^NORTH^MR||Marlow^Ines\r{more}".encode()

    return build
