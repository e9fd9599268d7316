"""A FHIR server to be cruel with, as a process of its own: it keeps what it took, over all deaths of who sends.

    python stub.py PORT-FILE LOG [--fault SHARE] [--hang SHARE] [--slow SECONDS]

Every Bundle that it takes is one line of LOG: control id, digest, who sent it (X-Process), and under how many keys
another process was sending at the same time (S-61a). With a fault share some requests are
answered 500 or 503 with nothing taken, some cut off before, some taken and then cut off before the answer (S-61).
With a hang share some are never answered, half of them taken.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any


class Stub:
    def __init__(self, log: Path, fault: float, hang: float, slow_s: float, seed: int) -> None:
        self._log = log.open("a", buffering=1)
        self._fault = fault
        self._hang = hang
        self._slow_s = slow_s
        self._chance = random.Random(seed)
        self._busy: dict[str, Counter[str]] = defaultdict(Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                who = next(
                    (
                        line[10:].strip().decode()
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"x-process:")
                    ),
                    "",
                )
                body = await reader.readexactly(size)
                if not await self._answer(body, writer, who):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter, who: str) -> bool:
        bundle = json.loads(body)
        keys = shared(bundle)
        overlaps = sum(any(n and other != who for other, n in self._busy[key].items()) for key in keys)
        for key in keys:
            self._busy[key][who] += 1
        try:
            return await self._answered(bundle, body, writer, who, overlaps)
        finally:
            for key in keys:
                self._busy[key][who] -= 1

    async def _answered(
        self, bundle: dict[str, Any], body: bytes, writer: asyncio.StreamWriter, who: str, overlaps: int
    ) -> bool:
        if self._slow_s:
            await asyncio.sleep(self._chance.random() * self._slow_s)
        luck = self._chance.random()
        hang = self._chance.random() < self._hang
        if hang and luck < 0.5:
            await asyncio.Event().wait()
        if luck < self._fault / 3:
            await self._write(writer, self._chance.choice((500, 503)))
            return True
        if luck < self._fault * 2 / 3:
            return False
        line = {"id": bundle["identifier"]["value"], "digest": hashlib.sha256(body).hexdigest()[:16]}
        line |= {"who": who, "overlaps": str(overlaps)}
        self._log.write(json.dumps(line) + "\n")
        if hang:
            await asyncio.Event().wait()
        if luck < self._fault:
            return False
        await self._write(writer, 200)
        return True

    async def _write(self, writer: asyncio.StreamWriter, status: int) -> None:
        answer = b'{"resourceType":"Bundle","type":"transaction-response"}'
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(answer)}\r\n\r\n"
        writer.write(head.encode() + answer)
        await writer.drain()


def shared(bundle: dict[str, Any]) -> set[str]:
    """The conditional keys of what several patients have in common."""
    found: set[str] = set()
    for entry in bundle.get("entry", ()):
        request = entry.get("request", {})
        if entry["resource"]["resourceType"] in ("Practitioner", "Organization", "Location", "Device"):
            found.add(f"{request.get('url')} {request.get('ifNoneExist', '')}")
    return found


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port_file", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", type=float, default=0.0)
    parser.add_argument("--hang", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    stub = Stub(asked.log, asked.fault, asked.hang, asked.slow, asked.seed)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", asked.port, limit=1 << 24)
    partial = asked.port_file.with_suffix(".part")
    partial.write_text(str(server.sockets[0].getsockname()[1]))
    partial.rename(asked.port_file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
