"""What connections of one listener share: seats in order, sources counted, bytes bounded (S-70, S-71, S-84)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from segue import log
from segue.delivery.intake import Peer, Receipt
from segue.mllp.floor import Floor
from segue.mllp.frames import encode
from segue.settings import Listener

from .conftest import Bench

Adt = Callable[..., bytes]


def floor(**settings: Any) -> Floor:
    return Floor(Listener(**settings), answers=None, log=log.get())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "let_in"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fe80::1%eth0", True),
        ("fd00::1", False),
    ],
)
def test_S84_addresses_in_every_form(source: str, let_in: bool) -> None:
    assert (floor(allow=("10.1.0.0/16", "fe80::/10")).unwelcome(source) is None) is let_in


async def test_S71_seats_and_sources_are_given_back() -> None:
    shared = floor(connections=2)
    await shared.seat("a")
    await shared.seat("a")
    waiting = asyncio.create_task(shared.seat("b"))
    await asyncio.sleep(0)
    assert not waiting.done()
    shared.leave("a")
    await waiting
    assert shared.sources == {"a": 1, "b": 1}
    shared.leave("a")
    shared.leave("b")
    assert not shared.sources


async def test_S70_over_the_byte_budget_only_the_oldest_frame_is_read_and_all_come_through(
    bench: Bench, adt: Adt, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """Six senders with 300 kB each in mid-frame and a budget of 400 kB: memory stays bounded, nobody is lost."""
    server = await bench.listen(buffered_bytes=400_000, message_bytes=1 << 20)
    lines = [await bench.line(server) for _ in range(6)]
    bodies = [adt(f"M{n}", more="Z" * 300_000) for n in range(6)]
    writes = [asyncio.create_task(line.write(encode(body))) for line, body in zip(lines, bodies, strict=True)]
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, server.held_bytes)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    assert [await line.msa() for line in lines] == [f"AA M{n}" for n in range(6)]
    watching.cancel()
    await asyncio.gather(*writes)
    assert server.held_bytes == 0
    # the budget, the rest of the oldest frame, and one read that was under way on each other connection
    assert most < 400_000 + 300_000 + 6 * 262_144
    assert all(connection.reading for connection in server.connections)


async def test_S70_the_oldest_unfinished_frame_goes_on_while_the_rest_waits(bench: Bench, adt: Adt) -> None:
    server = await bench.listen(buffered_bytes=1000, progress_s=0.1)
    old, new = await bench.line(server), await bench.line(server)
    await old.write(b"\x0b" + adt("OLD"))
    async with asyncio.timeout(5):
        while not server.held_bytes:
            await asyncio.sleep(0)
    await new.write(b"\x0b" + adt("NEW", more="Z" * 2000))
    async with asyncio.timeout(5):
        while sum(connection.reading for connection in server.connections) != 1:
            await asyncio.sleep(0)
    for _ in range(3):  # longer than progress_s for the one that waits, which is no fault of its sender
        await asyncio.sleep(0.05)
        await old.write(b"Z")
    await old.write(b"\x1c\r")
    assert await old.msa() == "AA OLD"
    await new.write(b"\x1c\r")
    assert await new.msa() == "AA NEW"
    assert server.held_bytes == 0


async def test_S70_bytes_of_a_lost_connection_are_given_back(bench: Bench, adt: Adt) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def waits(_raw: bytes, _peer: Peer) -> Receipt:
        started.set()
        await release.wait()
        return Receipt("accepted")

    server = await bench.listen(waits)
    line = await bench.line(server)
    await line.write(encode(adt("M1")) + encode(adt("M2")) + b"\x0bMSH")
    await started.wait()
    assert server.held_bytes > 0
    (connection,) = server.connections
    line.reset()
    await asyncio.wait_for(asyncio.shield(connection.closed), 5)
    assert server.held_bytes == 0
    release.set()
    await connection.settled()
    assert server.held_bytes == 0
