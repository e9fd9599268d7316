"""Order, time and back-pressure of connections, over real sockets (S-03 to S-11, S-20, S-70, S-72)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from segue.delivery.intake import Peer, Receipt
from segue.mllp.frames import encode

from .conftest import Bench

Adt = Callable[..., bytes]


async def test_S21_message_is_answered(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("M7")))
    assert await line.msa() == "AA M7"
    assert bench.seen == [adt("M7")]


async def test_S05_pipelined_frames_are_answered_in_order(bench: Bench, adt: Adt) -> None:
    async def later_is_faster(raw: bytes, _peer: Peer) -> Receipt:
        for _ in range(20 if b"|M0|" in raw else 0):
            await asyncio.sleep(0)
        return Receipt("accepted")

    line = await bench.line(await bench.listen(later_is_faster))
    await line.write(b"".join(encode(adt(f"M{n}")) for n in range(50)))
    assert [await line.msa() for _ in range(50)] == [f"AA M{n}" for n in range(50)]


async def test_S05_connections_do_not_wait_for_each_other(bench: Bench, adt: Adt) -> None:
    release = asyncio.Event()

    async def one_waits(raw: bytes, _peer: Peer) -> Receipt:
        if b"|SLOW|" in raw:
            await release.wait()
        return Receipt("accepted")

    server = await bench.listen(one_waits)
    slow, quick = await bench.line(server), await bench.line(server)
    await slow.write(encode(adt("SLOW")))
    await quick.write(encode(adt("QUICK")))
    assert await quick.msa() == "AA QUICK"
    release.set()
    assert await slow.msa() == "AA SLOW"


async def test_S72_a_full_queue_of_one_sender_lets_others_have_their_turn(bench: Bench, adt: Adt) -> None:
    order: list[bytes] = []

    async def at_once(raw: bytes, _peer: Peer) -> Receipt:
        order.append(raw)
        return Receipt("accepted")

    server = await bench.listen(at_once, unanswered=1000)
    many, one = await bench.line(server), await bench.line(server)
    many.writer.write(b"".join(encode(adt(f"M{n}")) for n in range(300)))
    one.writer.write(encode(adt("ONE")))
    assert await one.msa() == "AA ONE"
    assert [await many.msa() for _ in range(300)][-1] == "AA M299"
    assert order.index(adt("ONE")) < 300


async def test_S06_endless_oversize_is_answered_then_closed(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(message_bytes=200))
    await line.write(b"\x0b" + adt("BIG") + b"x" * 5000)
    assert await line.msa() == "AR BIG"
    assert await line.ended()


async def test_S03_frame_without_CR_is_taken_after_silence(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(quiet_s=0.01))
    await line.write(b"\x0b" + adt("M1") + b"\x1c")
    assert await line.msa() == "AA M1"


async def test_S07_silence_inside_a_frame_ends_it_with_an_answer(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(progress_s=0.02))
    await line.write(b"\x0b" + adt("M1"))
    assert await line.msa() == "AR M1"
    assert await line.ended()


async def test_S07_slow_frame_ends_with_an_answer(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(frame_s=0.02))
    await line.write(b"\x0b" + adt("M1"))
    assert await line.msa() == "AR M1"


async def test_S07_idle_connection_closes_only_by_setting(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(idle_s=0.5))
    await line.write(encode(adt()))
    assert await line.msa() == "AA M1"
    assert await line.ended()


async def test_S08_end_of_input_inside_a_frame_is_answered(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("M1")) + b"\x0b" + adt("M2"))
    line.writer.write_eof()
    assert [await line.msa(), await line.msa()] == ["AA M1", "AR M2"]
    assert await line.ended()
    assert bench.seen == [adt("M1")]


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x00\xa5", b"GET / HTTP/1.1\r\n\r\n"])
async def test_S11_other_protocols_are_closed(bench: Bench, first: bytes) -> None:
    line = await bench.line(await bench.listen())
    await line.write(first)
    assert await line.ended()


async def test_S70_a_connection_is_read_no_further_while_its_queue_is_full(bench: Bench, adt: Adt) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def waits(_raw: bytes, _peer: Peer) -> Receipt:
        started.set()
        await release.wait()
        return Receipt("accepted")

    server = await bench.listen(waits, unanswered=2)
    line = await bench.line(server)
    await line.write(b"".join(encode(adt(f"M{n}")) for n in range(4)))
    await started.wait()
    (connection,) = server.connections
    assert not connection.reading
    release.set()
    assert [await line.msa() for _ in range(4)] == [f"AA M{n}" for n in range(4)]
    await line.write(encode(adt("M9")))
    assert await line.msa() == "AA M9"


async def test_S20_frames_of_a_lost_connection_are_not_processed(bench: Bench, adt: Adt) -> None:
    started, release = asyncio.Event(), asyncio.Event()
    seen: list[bytes] = []

    async def waits(raw: bytes, _peer: Peer) -> Receipt:
        seen.append(raw)
        started.set()
        await release.wait()
        return Receipt("accepted")

    server = await bench.listen(waits)
    line = await bench.line(server)
    await line.write(encode(adt("M1")) + encode(adt("M2")))
    await started.wait()
    (connection,) = server.connections
    line.reset()
    await asyncio.wait_for(asyncio.shield(connection.closed), 5)
    release.set()
    await connection.settled()
    assert seen == [adt("M1")]
