"""A listener and its end (S-78, S-79)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from segue.delivery.intake import Peer, Receipt
from segue.mllp.frames import encode
from segue.settings import Drain

from .conftest import Bench

Adt = Callable[..., bytes]


SOON = Drain(silence_s=0.01, grace_s=5)


async def test_S78_drain_closes_idle_connections(bench: Bench, adt: Adt) -> None:
    server = await bench.listen(drain=SOON)
    line = await bench.line(server)
    await line.write(encode(adt()))
    assert await line.msa() == "AA M1"
    await server.drain()
    assert await line.ended()


async def test_S78_drain_writes_the_ACK_of_a_frame_in_hand(bench: Bench, adt: Adt) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def waits(_raw: bytes, _peer: Peer) -> Receipt:
        started.set()
        await release.wait()
        return Receipt("accepted")

    server = await bench.listen(waits, drain=SOON)
    line = await bench.line(server)
    await line.write(encode(adt()))
    await started.wait()
    drained = asyncio.create_task(server.drain())
    await asyncio.sleep(0)
    release.set()
    assert await line.msa() == "AA M1"
    await drained


async def test_S79_frames_that_arrive_while_draining_are_refused_as_transient(bench: Bench, adt: Adt) -> None:
    server = await bench.listen(drain=Drain(silence_s=60, grace_s=60))
    line = await bench.line(server)
    await line.write(encode(adt("M1")))
    assert await line.msa() == "AA M1"
    drained = asyncio.create_task(server.drain())
    await asyncio.sleep(0)
    await line.write(encode(adt("M2")))
    assert "MSA|AR|M2|The service is stopping." in await line.answer()
    await line.close()
    await drained
    assert bench.seen == [adt("M1")]


async def test_S78_grace_is_not_exceeded(bench: Bench, adt: Adt) -> None:
    started = asyncio.Event()

    async def never(_raw: bytes, _peer: Peer) -> Receipt:
        started.set()
        await asyncio.Event().wait()
        return Receipt("accepted")

    server = await bench.listen(never, drain=Drain(silence_s=0.01, grace_s=0.05))
    line = await bench.line(server)
    await line.write(encode(adt()))
    await started.wait()
    await asyncio.wait_for(server.drain(), 5)
    assert await line.ended()
