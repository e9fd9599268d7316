"""A terminology server that does what a test tells it: answers, waits, lies, or is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from segue.terminology.remote.question import Question

LOINC = "http://loinc.org"
LAB = "https://north.example.org/lab"
GLUCOSE = Question(LAB, "GLU")
FHIR_JSON = "application/fhir+json"

Reply = tuple[int, str, bytes]  # status, content type, body


def translated(*matches: tuple[str, str, str], result: bool = True, word: str = "equivalence") -> bytes:
    """A Parameters answer: grade, system, code of each match."""
    parts: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    for grade, system, code in matches:
        concept = {"system": system, "code": code, "display": f"words of {code}"}
        parts.append(
            {"name": "match", "part": [{"name": word, "valueCode": grade}, {"name": "concept", "valueCoding": concept}]}
        )
    return orjson.dumps({"resourceType": "Parameters", "parameter": parts})


def good(code: str = "2345-7") -> Reply:
    return 200, FHIR_JSON, translated(("equivalent", LOINC, code))


class Stub:
    """`says` gives the reply to a request's path and Parameters; `None` says nothing until `let_go`."""

    def __init__(self) -> None:
        self.says: Callable[[str, dict[str, Any]], Reply | None] = lambda _path, _asked: good()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.heads: list[str] = []
        self.let_go = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self.let_go.set()
            self._server.close()
            self._server.close_clients() if hasattr(self._server, "close_clients") else None
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            length = next(
                (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")),
                0,
            )
            body = await reader.readexactly(length)
            path = head.split(" ", 2)[1].removeprefix("/fhir")
            asked = {}
            if body:
                for part in orjson.loads(body)["parameter"]:
                    asked[part["name"]] = next(v for k, v in part.items() if k != "name")
            self.asked.append((path, asked))
            reply = self.says(path, asked)
            if reply is None:
                await self.let_go.wait()
            else:
                status, kind, content = reply
                head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
                head += "Location: http://127.0.0.1:1/\r\n" if status // 100 == 3 else ""
                writer.write(head.encode() + b"\r\n" + content)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    made = Stub()
    await made.start()
    yield made
    await made.stop()
