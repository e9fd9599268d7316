"""The listener over real sockets: every frame answered, in order, within limits (S-05 to S-35, S-70 to S-79)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest

from segue.delivery.intake import Peer, Receipt
from segue.issues import issue
from segue.mllp.frames import encode
from segue.settings import Drain

from .conftest import Bench

Adt = Callable[..., bytes]
Logged = Callable[[], list[dict[str, Any]]]

WARNING = issue("field.required")
CONTENT = issue("bundle.invalid")
LATER = issue("delivery.transient")
UNSUPPORTED = issue("message.event-unsupported")


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


@pytest.mark.parametrize(
    ("receipt", "code"),
    [
        (Receipt("accepted"), "AA"),
        (Receipt("error", (CONTENT,)), "AE"),
        (Receipt("rejected", (UNSUPPORTED,)), "AR"),
        (Receipt("transient", (LATER,)), "AR"),
    ],
)
async def test_S24_code_by_outcome(bench: Bench, adt: Adt, receipt: Receipt, code: str) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return receipt

    line = await bench.line(await bench.listen(intake))
    await line.write(encode(adt()))
    assert await line.msa() == f"{code} M1"


@pytest.mark.parametrize("nak", ["AR", "AE"])
async def test_S24_transient_code_by_setting(bench: Bench, adt: Adt, nak: Literal["AR", "AE"]) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("transient", (LATER,))

    line = await bench.line(await bench.listen(intake, nak_transient=nak))
    await line.write(encode(adt()))
    assert await line.msa() == f"{nak} M1"


async def test_S24_transient_close_by_setting(bench: Bench, adt: Adt) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("transient", (LATER,))

    line = await bench.line(await bench.listen(intake, nak_transient="close"))
    await line.write(encode(adt()))
    assert await line.ended()


@pytest.mark.parametrize(("setting", "errors"), [(False, 0), (True, 1)])
async def test_S32_warnings_in_an_AA_by_setting(bench: Bench, adt: Adt, setting: bool, errors: int) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("accepted", (WARNING,))

    line = await bench.line(await bench.listen(intake, ack_warnings=setting))
    await line.write(encode(adt()))
    answer = await line.answer()
    assert "MSA|AA|M1" in answer
    assert answer.count("\rERR|") == errors


async def test_S29_an_ACK_is_not_acknowledged(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("A1", event="ACK^A01^ACK")) + encode(adt("M2")))
    assert await line.msa() == "AA M2"
    assert bench.seen == [adt("M2")]


async def test_S09_messages_without_a_batch_header_get_one_ACK_each(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("M1") + adt("M2")))
    assert [await line.msa(), await line.msa()] == ["AA M1", "AA M2"]


async def test_S09_a_batch_gets_a_batch_of_ACKs(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    body = b"BHS|^~\\&|LAB|NORTH|EHR|HOSP|2026||||B5\r" + adt("M1") + adt("M2") + b"BTS|2\r"
    await line.write(encode(body))
    answer = await line.answer()
    names = [segment[:3] for segment in answer.split("\r") if segment]
    assert names == ["BHS", "MSH", "MSA", "MSH", "MSA", "BTS"]
    assert "|B5\r" in answer


async def test_S04_broken_frame_is_answered_and_the_next_is_taken(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(b"\x0b" + adt("M1") + encode(adt("M2")))
    assert [await line.msa(), await line.msa()] == ["AR M1", "AA M2"]


async def test_S06_oversize_is_answered_and_the_connection_goes_on(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(message_bytes=200))
    await line.write(encode(adt("BIG", more="NTE|1||" + "x" * 200 + "\r")))
    answer = await line.answer()
    assert "MSA|AR|BIG|" in answer
    assert "|104^" in answer
    assert "200 bytes" in answer
    await line.write(encode(adt("M2")))
    assert await line.msa() == "AA M2"


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
    line = await bench.line(await bench.listen(idle_s=0.02))
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


async def test_S71_connections_over_the_cap_are_closed(bench: Bench, adt: Adt) -> None:
    server = await bench.listen(connections=1)
    first = await bench.line(server)
    await first.write(encode(adt()))
    assert await first.msa() == "AA M1"
    assert await (await bench.line(server)).ended()
    await first.write(encode(adt("M2")))
    assert await first.msa() == "AA M2"


async def test_S71_connections_of_one_source_over_the_cap_are_closed(bench: Bench, adt: Adt) -> None:
    server = await bench.listen(per_source=1)
    first = await bench.line(server)
    await first.write(encode(adt()))
    assert await first.msa() == "AA M1"
    assert await (await bench.line(server)).ended()


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


async def test_S21_a_bug_in_the_intake_ends_the_connection_and_not_the_listener(bench: Bench, adt: Adt) -> None:
    async def breaks(raw: bytes, _peer: Peer) -> Receipt:
        if b"|BAD|" in raw:
            raise RuntimeError("Marlow")
        return Receipt("accepted")

    server = await bench.listen(breaks)
    bad = await bench.line(server)
    await bad.write(encode(adt("BAD")))
    answer = await bad.answer()
    assert "MSA|AE|BAD|" in answer
    assert "Marlow" not in answer
    await bad.write(encode(adt("M2")))
    assert await bad.msa() == "AA M2"


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


# drain ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

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
    server = await bench.listen(drain=Drain(silence_s=0.3, grace_s=5))
    line = await bench.line(server)
    await line.write(encode(adt("M1")))
    assert await line.msa() == "AA M1"
    drained = asyncio.create_task(server.drain())
    await asyncio.sleep(0)
    await line.write(encode(adt("M2")))
    assert "MSA|AR|M2|The service is stopping." in await line.answer()
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


# logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_O21_logs_hold_no_value_of_the_message(logged: Logged, bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("SECRETID")) + b"\x0b" + adt("M2") + encode(adt("M3")))
    for _ in range(3):
        await line.answer()
    lines = logged()
    assert [entry["code"] for entry in lines if entry["event"] == "message"] == ["AA", "AA"]
    text = json.dumps(lines)
    assert not [word for word in ("SECRETID", "Marlow", "Ines", "NORTH", "LAB") if word in text]
