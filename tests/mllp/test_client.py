"""The sending side: an acknowledgement has to belong to what was sent (S-30)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

import pytest

from segue.delivery.intake import Peer, Receipt
from segue.issues import issue
from segue.mllp.client import Client, ReplyError
from segue.mllp.frames import encode

from .conftest import Bench

Adt = Callable[..., bytes]


@asynccontextmanager
async def peer(*replies: bytes):
    """A listener that answers the first frame with these bytes and then closes, or stays where there are none."""
    ended, gone = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\x1c\r")
        for reply in replies:
            writer.write(reply)
        if not replies:
            await ended.wait()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        await gone.wait()
        server.close()


def ack(code: str = "AA", control_id: str = "M1", more: str = "") -> bytes:
    return encode(f"MSH|^~\\&|E|H|L|N|2026||ACK|X1|P|2.5\rMSA|{code}|{control_id}\r{more}".encode())


async def test_S30_acknowledgements_of_a_listener(bench: Bench, adt: Adt) -> None:
    async def by_id(raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("accepted") if b"|M1|" in raw else Receipt("rejected", (issue("message.event-unsupported"),))

    server = await bench.listen(by_id)
    async with Client("127.0.0.1", server.port) as client:
        good, bad = await client.send(adt("M1")), await client.send(adt("M2", version="2.3"))
    assert (good.code, good.accepted, good.errors) == ("AA", True, ())
    assert (bad.code, bad.accepted, bad.errors) == ("AR", False, ("201",))


async def test_S30_any_message_type_with_the_right_MSA_2_counts(adt: Adt) -> None:
    body = b"MSH|^~\\&|E|H|L|N|2026||ORR^O02|X1|P|2.5\rMSA|CA|M1\r"
    async with peer(encode(body)) as port, Client("127.0.0.1", port) as client:
        assert (await client.send(adt())).accepted


async def test_S30_foreign_acknowledgement_closes_the_connection(adt: Adt) -> None:
    async with peer(ack(control_id="OTHER")) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(ReplyError, match="another message"):
            await client.send(adt())
        assert not client.connected


async def test_S30_no_answer_in_time(adt: Adt) -> None:
    async with peer() as port, Client("127.0.0.1", port, timeout_s=0.05) as client:
        with pytest.raises(ReplyError, match="no answer within"):
            await client.send(adt())
        assert not client.connected


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"", "closed without"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "closed without"),
        (b"GET / HTTP/1.1\r\n\r\n", "not MLLP"),
        (encode(b"hello"), "no MSH"),
        (encode(b"MSH|^~\\&|E|H|L|N|2026||ACK|X1|P|2.5\r"), "no MSA"),
        (b"\x0bMSH|^~\\&|A" + ack(), "not a whole frame"),
    ],
)
async def test_S30_answers_that_are_none(adt: Adt, reply: bytes, words: str) -> None:
    async with peer(reply) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(ReplyError, match=words):
            await client.send(adt())


async def test_S03_answer_without_CR_at_the_end_of_the_connection(adt: Adt) -> None:
    async with peer(ack()[:-1]) as port, Client("127.0.0.1", port) as client:
        assert (await client.send(adt())).accepted


async def test_S30_answer_before_the_question(adt: Adt) -> None:
    async with peer(ack() + ack(control_id="M2")) as port, Client("127.0.0.1", port) as client:
        assert (await client.send(adt("M1"))).accepted
        with pytest.raises(ReplyError, match="before the message was sent"):
            await client.send(adt("M2"))


async def test_a_closed_client_opens_anew(bench: Bench, adt: Adt) -> None:
    client = Client("127.0.0.1", (await bench.listen()).port)
    with pytest.raises(ReplyError, match="closed"):
        await client.send(adt())
    await client.open()
    assert (await client.send(adt())).accepted
    await client.close()


@pytest.mark.parametrize(
    ("err", "codes"),
    [
        ("ERR||PID^1|102^Data type error^HL70357|E\rERR||PID^2|101^x^HL70357|E\r", ("102", "101")),
        ("ERR|PID^1^7^102&x&HL70357~PV1^1^2^101&y&HL70357\r", ("102", "101")),
        ("ERR|\r", ()),
    ],
)
async def test_S33_S34_error_codes_of_both_layouts(adt: Adt, err: str, codes: tuple[str, ...]) -> None:
    async with peer(ack("AE", more=err)) as port, Client("127.0.0.1", port) as client:
        assert (await client.send(adt())).errors == codes


@asynccontextmanager
async def listener(*answers: tuple[bytes, ...]):
    """Answers the first frame with the first of these, and so on; what it was sent comes last."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            for several in answers:
                heard.append(await reader.readuntil(b"\x1c\r"))
                for answer in several:
                    writer.write(answer)
                    await writer.drain()
            heard.append(await reader.readuntil(b"\x1c\r"))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


async def test_S23_an_application_acknowledgement_comes_after_the_commit(adt: Adt) -> None:
    async with listener((ack("CA"), ack("AE", more="ERR||PID^1|101^x^HL70357|E\r"))) as (port, _):
        async with Client("127.0.0.1", port) as client:
            assert (await client.send(adt("M1"))).code == "CA"
            said = await client.application("M1")
            assert said is not None
            assert (said.code, said.errors) == ("AE", ("101",))
            assert await client.application("M1") is None  # told once
            assert await client.application("M9") is None  # nothing is awaited


async def test_S23_application_acknowledgements_between_the_answers_to_others(adt: Adt) -> None:
    wants_one = ack("AA", "M1").replace(b"|P|2.5\r", b"|P|2.5|||AL\r")
    async with listener((ack("CA", "M1"),), (wants_one, ack("CA", "M2"))) as (port, heard):
        async with Client("127.0.0.1", port) as client:
            assert (await client.send(adt("M1"))).code == "CA"
            assert (await client.send(adt("M2"))).code == "CA"  # the other one in between is nobody's fault
            said = await client.application("M1")
            assert said is not None
            assert said.code == "AA"
            async with asyncio.timeout(5):
                while len(heard) < 3:
                    await asyncio.sleep(0.01)
    assert b"MSA|CA|X1" in heard[2]  # it asked for a commit acknowledgement itself


async def test_S23_none_in_time(adt: Adt) -> None:
    async with listener((ack("CA"),)) as (port, _):
        async with Client("127.0.0.1", port) as client:
            await client.send(adt("M1"))
            assert await client.application("M1", wait_s=0.05) is None
