"""Peers that hang: senders that are slow, silent, deaf or gone do not touch the others, and a FHIR server that never
answers costs time and nothing else (S-T08, S-T09, S-T17; S-06, S-07, S-60, S-61, S-70, S-71)."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from segue.mllp.frames import encode

from .laboratory import Nursery, Sender, Service, Stub, free_port, judge, message, more, quiet

pytestmark = pytest.mark.asyncio(loop_scope="session")
HALF = b"\x0b" + message("P9", 0)[:60]


@pytest_asyncio.fixture(loop_scope="session")
async def stub(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stub]:
    made = Stub(tmp_path, **getattr(request, "param", {}))
    await made.start()
    yield made
    await made.stop()


async def peer(port: int, source: str, first: bytes = b"") -> socket.socket:
    """A connection from another address of this machine, with a small buffer; it never reads."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    made.bind((source, 0))
    loop = asyncio.get_running_loop()
    await loop.sock_connect(made, ("127.0.0.1", port))
    if first:
        await loop.sock_sendall(made, first)
    return made


async def trickle(port: int, stopping: asyncio.Event) -> None:
    """A byte now and then."""
    sock = await peer(port, "127.0.0.6")
    for byte in HALF:
        if stopping.is_set():
            break
        with suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(sock, bytes((byte,)))
        await asyncio.sleep(0.05)
    sock.close()


async def deaf(port: int, number: int, stopping: asyncio.Event) -> None:
    """Sends and sends, and never reads an answer."""
    sock = await peer(port, "127.0.0.7")
    with suppress(OSError):
        for n in range(2_000):
            sending = asyncio.ensure_future(
                asyncio.get_running_loop().sock_sendall(sock, encode(message(f"D{number}", n)))
            )
            stopped = asyncio.ensure_future(stopping.wait())
            await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not sending.done():
                sending.cancel()
                break
    sock.close()


async def test_ST08_slow_silent_and_deaf_senders(nursery: Nursery, stub: Stub, tmp_path: Path) -> None:
    where, port = str(tmp_path / "journal.db"), free_port()
    listener = {"name": "mllp", "port": port, "connections": 100, "progress_s": 1, "frame_s": 2}
    service = Service(where, stub.url, tmp_path / "log", nursery, port=port)
    service.environment |= {"SEGUE__LISTENERS": json.dumps([listener])}
    stopping = asyncio.Event()
    senders = [Sender([f"P{n}"], [port], random.Random(n)) for n in range(3)]
    peers: list[socket.socket] = []
    try:
        await service.start()
        running = [asyncio.create_task(one.run(stopping)) for one in senders]
        await more(senders)
        before = service.memory_bytes()
        for n in range(150):  # more than the listener may have: who never said a word is the first to go
            peers.append(await peer(port, f"127.0.0.{2 + n % 3}"))
        peers += [await peer(port, "127.0.0.5", HALF) for _ in range(10)]
        odd = [asyncio.create_task(trickle(port, stopping)) for _ in range(5)]
        odd += [asyncio.create_task(deaf(port, n, stopping)) for n in range(5)]
        for sock in peers[-5:]:  # a reset in the middle of a frame
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        for _ in range(10):
            await more(senders)
        grown = service.memory_bytes() - before
        late = Sender(["P3"], [port], random.Random(3))  # one who comes now is let in
        await asyncio.wait_for(late.run(stopping, limit=3), 30)
        stopping.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*running, *odd)
        await quiet(where)
        assert await service.stop() == 0
    finally:
        await service.kill()
        for sock in peers:
            sock.close()
    acked = [id for one in (*senders, late) for id in one.acked]
    verdict = await judge(acked, stub.log, where)
    print(f"\n{len(acked)} accepted beside 170 odd peers, {grown >> 10} KiB grown: {verdict}")
    assert verdict.good, verdict
    assert sum(one.resends for one in senders) == 0
    assert grown < 64 << 20


@pytest.mark.parametrize("stub", [{"hang": 0.05, "fault": 0.1}], indirect=True)
async def test_ST17_a_fhir_server_that_hangs(nursery: Nursery, stub: Stub, tmp_path: Path) -> None:
    where = str(tmp_path / "journal.db")
    target = {"kind": "fhir", "name": "lab", "url": stub.url, "timeout_s": 0.3, "breaker": {"failures": 1000}}
    service = Service(where, "", tmp_path / "log", nursery)
    service.environment |= {"SEGUE__TARGETS": json.dumps([target])}
    stopping = asyncio.Event()
    senders = [Sender([f"P{n}{m}" for m in range(4)], [service.port], random.Random(n)) for n in range(3)]
    try:
        await service.start()
        running = [asyncio.create_task(one.run(stopping, limit=25)) for one in senders]
        async with asyncio.timeout(60):
            await asyncio.gather(*running)
        await quiet(where)
        assert await service.stop() == 0
    finally:
        await service.kill()
    verdict = await judge([id for one in senders for id in one.acked], stub.log, where)
    print(f"\na server that hangs: {verdict}")
    assert verdict.good, verdict
    assert verdict.taken == 75
