"""The MLLP target: the message as received, one in flight, and what an acknowledgement means (S-24, S-30)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from segue.delivery.intake import Peer, Receipt
from segue.delivery.peer import MllpPeer
from segue.delivery.target import DeliveryError
from segue.mllp.frames import encode
from segue.mllp.server import MllpServer
from segue.settings import Listener
from segue.settings.targets import Mllp

from .conftest import parcel, reset


def message(control_id: str = "M1") -> bytes:
    return f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|2026||ADT^A01|{control_id}|P|2.5\rPID|1||77\r".encode()


def ack(code: str, control_id: str = "M1", more: str = "") -> bytes:
    return encode(f"MSH|^~\\&|E|H|L|N|2026||ACK|X1|P|2.5\rMSA|{code}|{control_id}\r{more}".encode())


class Far:
    """A receiver that answers frame by frame what the test says; None: it never answers, b"": it cuts."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.connections = 0
        self.frames: list[bytes] = []
        self.talks: set[asyncio.Task[None]] = set()
        self.server: asyncio.Server | None = None

    async def start(self) -> int:
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.talks.add(task)
        try:
            while True:
                self.frames.append(await reader.readuntil(b"\x1c\r"))
                answer = self.answers.pop(0) if self.answers else ack("AA")
                if answer == b"":
                    reset(writer)
                    return
                if answer is not None:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        for task in self.talks:
            task.cancel()
        await asyncio.gather(*self.talks, return_exceptions=True)


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    made = Far()
    yield made
    await made.stop()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., MllpPeer]]:
    made: list[MllpPeer] = []

    def open_target(port: int, scheme: str = "mllp", **more: Any) -> MllpPeer:
        tree = {"name": "far", "kind": "mllp", "url": f"{scheme}://127.0.0.1:{port}", **more}
        made.append(MllpPeer(Mllp.model_validate(tree)))
        return made[-1]

    yield open_target
    for target in made:
        await target.close()


Open = Callable[..., MllpPeer]


async def failure(target: MllpPeer, raw: bytes | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await target.deliver(parcel(raw=raw or message()))
    return caught.value


async def test_S30_messages_go_as_received_over_one_connection(far: Far, opened: Open) -> None:
    target = opened(await far.start())
    sent = [message(f"M{n}") for n in range(20)]
    far.answers = [ack("AA" if n % 2 else "CA", f"M{n}") for n in range(20)]
    await asyncio.gather(*(target.deliver(parcel(raw=raw)) for raw in sent))
    assert far.frames == [encode(raw) for raw in sent]
    assert far.connections == 1


async def test_S30_one_in_flight_on_each_connection(opened: Open) -> None:
    busy = most = 0

    async def slow(_raw: bytes, _peer: Peer) -> Receipt:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        for _ in range(5):
            await asyncio.sleep(0)
        busy -= 1
        return Receipt("accepted")

    server = MllpServer(slow, Listener(port=0))
    await server.start()
    target = opened(server.port, connections=3)
    await asyncio.gather(*(target.deliver(parcel(raw=message(f"M{n}"))) for n in range(30)))
    assert most == 3
    assert len(server.connections) == 3
    await target.close()
    await server.drain()


@pytest.mark.parametrize(
    ("code", "errors", "transient", "reason"),
    [
        ("AE", "", False, "refused"),
        ("AE", "101", False, "refused"),
        ("AE", "207", True, "server-fault"),
        ("AR", "", True, "server-fault"),
        ("AR", "207", True, "server-fault"),
        ("AR", "201", False, "refused"),
        ("CE", "", True, "busy"),
        ("CE", "206", True, "busy"),
        ("CR", "", False, "refused"),
        ("CR", "207", True, "server-fault"),
        ("XX", "", True, "server-fault"),
    ],
)
async def test_S24_what_an_answer_means(
    far: Far, opened: Open, code: str, errors: str, transient: bool, reason: str
) -> None:
    far.answers = [ack(code, more=f"ERR||PID^1|{errors}^x^HL70357|E\r" if errors else "")]
    found = await failure(opened(await far.start()))
    assert (found.transient, found.reason) == (transient, reason)


@pytest.mark.parametrize("answer", [b"", ack("AA", "OTHER"), encode(b"no header"), None])
async def test_S30_an_answer_that_is_none_closes_the_connection_and_the_message_goes_again(
    far: Far, opened: Open, answer: bytes | None
) -> None:
    far.answers = [answer]
    target = opened(await far.start(), timeout_s=0.2)
    found = await failure(target)
    assert (found.transient, found.reason) == (True, "indeterminate")
    await target.deliver(parcel(raw=message()))
    assert far.frames == [encode(message())] * 2
    assert far.connections == 2


async def test_S30_a_late_answer_is_never_taken_for_that_of_the_next_message(far: Far, opened: Open) -> None:
    far.answers = [ack("AA", "M1") + ack("AE", "M1"), ack("AA", "M2"), ack("AA", "M2")]
    target = opened(await far.start())
    await target.deliver(parcel(raw=message("M1")))
    assert (await failure(target, message("M2"))).reason == "indeterminate"
    await target.deliver(parcel(raw=message("M2")))
    assert far.connections == 2


async def test_S60_nobody_listens(far: Far, opened: Open) -> None:
    port = await far.start()
    await far.stop()
    found = await failure(opened(port))
    assert (found.transient, found.reason) == (True, "unreachable")


async def test_a_connection_that_the_far_end_closed_while_idle_is_made_anew(far: Far, opened: Open) -> None:
    target = opened(await far.start())
    await target.deliver(parcel(raw=message()))
    for task in far.talks:
        task.cancel()
    await asyncio.gather(*far.talks, return_exceptions=True)
    far.talks.clear()
    async with asyncio.timeout(5):
        while target._clients[0].usable:
            await asyncio.sleep(0)
    await target.deliver(parcel(raw=message()))
    assert far.connections == 2


async def test_a_parcel_without_its_message_is_a_bug(far: Far, opened: Open) -> None:
    with pytest.raises(ValueError, match="message"):
        await opened(await far.start()).deliver(parcel())
