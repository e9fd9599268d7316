"""A web server on a real socket that does what a test says, request by request: answer, hang, reset, forget to answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from segue.delivery.target import Parcel


@dataclass(frozen=True)
class Request:
    """What the server read."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it writes; without a status it cuts the connection instead."""

    status: int | None = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])


CUT = Answer(None)
Behaviour = Callable[[Request], Awaitable[Answer]]


class Web:
    """The server. `seen` are the requests that were read whole, `busy` those being answered, `most` their maximum."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.connections = 0
        self.busy = 0
        self.most = 0
        self.behaviour: Behaviour = self._by_turn
        self._answers: list[Answer] = [Answer()]
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self.scheme = "http"

    def answers(self, *answers: Answer) -> None:
        """These in turn, the last for ever."""
        self._answers = list(answers)

    async def _by_turn(self, _request: Request) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self.scheme = "https" if context else "http"
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"{self.scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/r4"

    async def stop(self) -> None:
        """Ends the listener and every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            writer.transport.abort()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, path, headers, body)
        self.seen.append(request)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            answer = await self.behaviour(request)
        finally:
            self.busy -= 1
        if answer.status is None:
            reset(writer)
            return False
        lines = [f"HTTP/1.1 {answer.status} X", f"content-length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        await writer.drain()
        return True


def reset(writer: asyncio.StreamWriter) -> None:
    """Cuts the connection as a dying host does."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    made = Web()
    await made.start()
    yield made
    await made.stop()


def entries(*statuses: str) -> bytes:
    """The body of a transaction's answer."""
    listed = [{"response": {"status": status}} for status in statuses]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": listed})


def parcel(
    kind: str = "transaction", control_id: str = "M1", entry: list[dict[str, Any]] | None = None, **more: Any
) -> Parcel:
    body = orjson.dumps(
        {"resourceType": "Bundle", "type": kind, "identifier": {"value": control_id}, "entry": entry or []}
    )
    return Parcel(body, control_id, "ab" * 32, **more)
