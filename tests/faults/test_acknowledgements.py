"""The second acknowledgement of enhanced mode outlives the service that owes it (S-T12; S-23)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from segue.mllp.client import Client, parse
from segue.mllp.frames import Decoder, encode

from .laboratory import Nursery, Service, free_port, message

pytestmark = pytest.mark.asyncio(loop_scope="session")


def wishing(n: int) -> bytes:
    head, _, rest = message("P1", n).partition(b"\r")
    return head + b"|||AL|AL\r" + rest


async def test_ST12_called_back_after_a_death_and_when_the_peer_is_back(nursery: Nursery, tmp_path: Path) -> None:
    port, told = free_port(), list[str]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        while data := await reader.read(65536):
            for event in decoder.feed(data):
                reply, answered = parse(event.payload)  # pyright: ignore[reportAttributeAccessIssue]
                told.append(f"{reply.code} {answered}")
                own = reply.raw.split(b"|")[9].decode()
                writer.write(encode(f"MSH|^~\\&|A|B|C|D|2026||ACK|X|P|2.5\rMSA|CA|{own}\r".encode()))
        writer.close()

    journal = str(tmp_path / "journal.db")
    service = Service(journal, str(tmp_path / "out"), tmp_path / "log", nursery)
    service.environment["SEGUE__LISTENERS__0__CALLBACK__URL"] = f"mllp://127.0.0.1:{port}"
    try:
        await service.start()
        async with Client("127.0.0.1", service.port) as client:
            for n in range(3):
                assert (await client.send(wishing(n))).code == "CA"
        await service.kill()  # nobody listens at the peer's yet: all three are owed
        await service.start()
        server = await asyncio.start_server(take, "127.0.0.1", port)
        async with asyncio.timeout(30):
            while len(told) < 3:
                await asyncio.sleep(0.02)
        assert sorted(told) == ["AA P1-00000", "AA P1-00001", "AA P1-00002"]
        assert await service.stop() == 0
        server.close()
    finally:
        await service.kill()
