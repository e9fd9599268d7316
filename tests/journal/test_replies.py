"""Application acknowledgements after the commit, from the door to the sender (S-23, S-24, S-27, S-28, S-29, S-43)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from segue.convert import Converter
from segue.delivery.conversions import Conversions
from segue.issues import Location, Refusal, issue
from segue.journal import acknowledgements
from segue.journal.callbacks import Callback
from segue.journal.deliveries import Deliveries
from segue.journal.headroom import Headroom
from segue.journal.intake import JournaledIntake
from segue.journal.journal import Journal
from segue.journal.policies import Policies, Policy
from segue.journal.replies import Replies
from segue.journal.retries import Retry
from segue.journal.search import Query, found
from segue.journal.worker import Worker
from segue.mllp.client import parse
from segue.mllp.frames import Decoder, Frame, encode
from segue.mllp.server import MllpServer
from segue.settings import Listener
from segue.settings.callback import Callback as Settings

from .conftest import Open, Sink, adt, failure, routes


class Peer:
    """Where a site takes application acknowledgements: answers each as it is told."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.code = "CA"
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        decoder = Decoder()
        while data := await reader.read(65536):
            for event in decoder.feed(data):
                assert isinstance(event, Frame)
                self.taken.append(event.payload)
                id = event.payload.split(b"\r")[0].split(b"|")[9]
                if self.code:
                    writer.write(encode(b"MSH|^~\\&|A|B|C|D|2026||ACK|X|P|2.5\rMSA|%b|%b\r" % (self.code.encode(), id)))

    async def codes(self, count: int) -> list[str]:
        """MSA-1 and MSA-2 of the first that came."""
        async with asyncio.timeout(10):
            while len(self.taken) < count:
                await asyncio.sleep(0.01)
        return [code(raw) for raw in self.taken]


def code(raw: bytes) -> str:
    reply, answered = parse(raw)
    return f"{reply.code} {answered}"


@dataclass
class Rig:
    """A listener over a journal."""

    journal: Journal
    server: MllpServer
    sink: Sink
    replies: Replies
    peer: Peer
    intake: JournaledIntake
    stack: AsyncExitStack

    async def line(self) -> Line:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.stack.callback(writer.close)
        return Line(reader, writer)

    async def owed(self, *states: str) -> list[str]:
        """Waits until every acknowledgement is in one of these states."""
        async with asyncio.timeout(10):
            while True:
                rows = await self.journal.look(lambda c: [r["id"] for r in found(c, Query())])
                told = [await self.journal.look(lambda c, id=id: acknowledgements.told(c, id)) for id in sorted(rows)]
                have = [one["state"] for one in told if one is not None]
                if have and all(one in states for one in have):
                    return have
                await asyncio.sleep(0.01)


class Line:
    """The sender's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._decoder = Decoder()
        self._frames: list[bytes] = []

    async def send(self, raw: bytes) -> None:
        self.writer.write(encode(raw))
        await self.writer.drain()

    async def answer(self) -> bytes:
        async with asyncio.timeout(10):
            while not self._frames:
                data = await self.reader.read(65536)
                assert data, "closed"
                self._frames += (e.payload for e in self._decoder.feed(data) if isinstance(e, Frame))
        return self._frames.pop(0)

    async def codes(self, count: int) -> list[str]:
        return [code(await self.answer()) for _ in range(count)]


@pytest.fixture
async def rig(opened: Open, tmp_path: Path, converter: Converter) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:

        async def build(
            *, callback: bool = False, answered: bool = True, peer: Peer | None = None, **policy: Any
        ) -> Rig:
            journal = await opened(str(tmp_path / "journal.db"))
            if peer is None:
                peer = Peer()
                await peer.open()
                stack.push_async_callback(peer.close)
            policies = Policies({}, Policy(**policy, callback=callback))
            conversions, sink = Conversions(converter), Sink()
            worker = Worker(
                journal, conversions, Deliveries(routes(sink), policies, Retry(0.01, 0.02)), policies, poll_s=0.05
            )
            callbacks: dict[str, Callback] = {}
            if callback:
                settings = Settings(
                    url=f"mllp://127.0.0.1:{peer.port}", acknowledged=answered, connect_s=1, timeout_s=0.5
                )
                called = callbacks["adt"] = Callback.open(journal, "adt", settings)
                called.retry, called.poll_s = Retry(0.01, 0.05), 0.05
            replies = Replies(journal, callbacks, poll_s=0.05)
            headroom = Headroom(journal.database, bytes=0, share=0)
            intake = JournaledIntake(journal, conversions, worker, policies, headroom, replies)
            server = MllpServer(intake, Listener(name="adt", port=0))
            worker.start()
            replies.start()
            await server.start()
            made = Rig(journal, server, sink, replies, peer, intake, stack)

            async def end() -> None:
                closing = [one.closed for one in server.connections]
                server.abort()
                await asyncio.gather(*closing)
                await worker.stop()
                await intake.settle()
                await replies.stop()

            stack.push_async_callback(end)
            return made

        yield build


def wishing(commit: str, application: str, control_id: str = "M1", **given: Any) -> bytes:
    head, _, rest = adt(control_id, **given).partition(b"\r")
    return head + f"||{commit}|{application}\r".encode() + rest


WORDS = ("AL", "NE", "ER", "SU")


@pytest.mark.parametrize("callback", [False, True], ids=["same connection", "callback"])
@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
async def test_S23_ST12_every_pair(rig: Any, monkeypatch: pytest.MonkeyPatch, callback: bool, good: bool) -> None:
    """Sixteen messages over one connection: CA at once where it is wanted, the application's word where it comes."""
    made: Rig = await rig(callback=callback)
    if not good:
        _breaking(monkeypatch, made)
    line = await made.line()
    commits: list[str] = []
    applications: list[str] = []
    for commit, application in itertools.product(WORDS, WORDS):
        id = f"{commit}-{application}"
        word = "SU" if good else "ER"
        alone = (commit, application) == ("NE", "AL")
        if alone:
            commits.append(f"{'AA' if good else 'AE'} {id}")
        else:
            commits += [f"CA {id}"] * (commit in ("AL", "SU"))
            applications += [f"{'AA' if good else 'AE'} {id}"] * (application in ("AL", word))
        await line.send(wishing(commit, application, id))
    if callback:
        assert await line.codes(len(commits)) == commits
        assert sorted(await made.peer.codes(len(applications))) == sorted(applications)
        assert await made.owed("sent", "unwanted")
    else:
        told = await line.codes(len(commits) + len(applications))
        assert sorted(told) == sorted(commits + applications)
        for one in applications:  # never before its own commit
            assert f"CA {one[3:]}" not in commits or told.index(f"CA {one[3:]}") < told.index(one)
        assert await made.owed("sent", "unwanted")
    async with asyncio.timeout(10):  # one that nobody hears of ends by itself
        while (states := await made.journal.counts())["received"] + states["converted"]:
            await asyncio.sleep(0.01)
    if good:
        assert states["refused"] + states["dead"] == 0
    else:  # whose sender was told has it; what nobody was told of is a dead letter
        assert (states["refused"], states["dead"]) == (8, 8)


def _breaking(monkeypatch: pytest.MonkeyPatch, made: Rig) -> None:
    """A pack that finds a fault in what every message says."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise Refusal(issue("code.refused", Location("PID", 1, 8, 1, 1)))

    monkeypatch.setattr(made.intake.conversions.converter, "convert", refuse)


async def test_S23_S24_what_is_of_no_kind_is_refused_at_once_and_kept(rig: Any) -> None:
    made: Rig = await rig()
    line = await made.line()
    await line.send(wishing("AL", "AL", "Z1", event="Z99"))
    await line.send(wishing("AL", "AL", "M2"))
    first = await line.answer()
    assert code(first) == "CR Z1"
    assert b"201^" in first
    assert await line.codes(2) == ["CA M2", "AA M2"]
    assert (await made.journal.counts())["refused"] == 1
    assert await made.journal.raw(1) == wishing("AL", "AL", "Z1", event="Z99")


async def test_S26_S23_a_kind_that_is_stored_is_committed_to(rig: Any) -> None:
    made: Rig = await rig(on_unsupported="store")
    line = await made.line()
    await line.send(wishing("AL", "AL", "Z1", event="Z99"))
    assert await line.codes(2) == ["CA Z1", "AR Z1"]
    assert (await made.journal.counts())["dead"] == 1


async def test_S27_S28_S33_the_application_ACK_is_a_message_of_its_own(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Rig = await rig(callback=True)
    _breaking(monkeypatch, made)
    line = await made.line()
    await line.send(wishing("AL", "ER", "M 1/x"))
    commit = (await line.answer()).decode().split("\r")[0].split("|")
    await made.peer.codes(1)
    head, msa, err = made.peer.taken[0].decode().split("\r")[:3]
    fields = head.split("|")
    assert fields[2:6] == ["EHR", "HOSP", "LAB", "NORTH"]
    assert fields[8] == "ACK^A08^ACK"
    assert fields[9] not in ("", "M 1/x", commit[9])
    assert fields[14:16] == ["AL", "NE"]  # its own commit is asked for, and nothing more (S-29)
    assert msa == "MSA|AE|M 1/x|The code has no translation and the policy for it is to refuse the message."
    assert err.startswith("ERR||PID^1^8^1^1|103^")


async def test_S22_S23_delivered_is_waited_for(rig: Any) -> None:
    made: Rig = await rig(ack="delivered")
    made.sink.gate = asyncio.Event()
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    assert code(await line.answer()) == "CA M1"
    assert await made.owed("owed") == ["owed"]
    made.sink.gate.set()
    assert code(await line.answer()) == "AA M1"
    made.sink.always = failure("refused", transient=False)
    await line.send(wishing("AL", "AL", "M2"))
    assert await line.codes(2) == ["CA M2", "AE M2"]


async def test_S43_S23_both_answers_again(rig: Any) -> None:
    made: Rig = await rig()
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    first = [await line.answer(), await line.answer()]
    assert await made.owed("sent")
    other = await made.line()
    await other.send(wishing("AL", "AL"))
    assert [await other.answer(), await other.answer()] == first
    assert made.sink.ids == ["M1"]
    for _ in range(2):
        await other.send(wishing("AL", "NE", "M2"))
        assert await other.codes(1) == ["CA M2"]
    assert not made.replies._connections  # pyright: ignore[reportPrivateUsage]  # nobody waits to be told


async def test_S23_a_connection_that_is_gone_is_made_up_for_when_the_message_comes_again(rig: Any) -> None:
    made: Rig = await rig(ack="delivered")
    made.sink.gate = asyncio.Event()
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    assert code(await line.answer()) == "CA M1"
    (connection,) = made.server.connections
    line.writer.close()
    await connection.closed
    made.sink.gate.set()
    assert await made.owed("unsent")
    other = await made.line()
    await other.send(wishing("AL", "AL"))
    assert await other.codes(2) == ["CA M1", "AA M1"]


async def test_S23_a_due_one_whose_process_is_gone_is_unsent(rig: Any) -> None:
    made: Rig = await rig(ack="delivered")
    made.sink.gate = asyncio.Event()
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    assert code(await line.answer()) == "CA M1"
    made.replies._connections.clear()  # pyright: ignore[reportPrivateUsage]  # as another process has it
    made.replies.connection_s = 0
    made.sink.gate.set()
    assert await made.owed("unsent")


async def test_S23_a_callback_that_was_away_is_called_when_it_is_back(rig: Any) -> None:
    peer = Peer()
    await peer.open()
    await peer.close()
    made: Rig = await rig(callback=True, peer=peer)
    told: list[bool] = []
    made.replies.callbacks["adt"].told = lambda answers, _reason: told.append(answers)
    line = await made.line()
    for n in range(3):
        await line.send(wishing("AL", "AL", f"M{n}"))
    assert await line.codes(3) == ["CA M0", "CA M1", "CA M2"]
    async with asyncio.timeout(10):
        while not await made.journal.look(lambda c: (acknowledgements.told(c, 1) or {}).get("tries")):
            await asyncio.sleep(0.01)
    await peer.open()
    try:
        assert sorted(await peer.codes(3)) == ["AA M0", "AA M1", "AA M2"]
        assert await made.owed("sent") == ["sent"] * 3
        assert told == [False, True]  # what readiness shows
    finally:
        await peer.close()


async def test_S23_S30_the_same_bytes_until_the_peer_has_answered(rig: Any) -> None:
    made: Rig = await rig(callback=True)
    made.peer.code = ""
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    await made.peer.codes(2)
    made.peer.code = "CA"
    assert await made.owed("sent")
    assert len(set(made.peer.taken)) == 1


async def test_S23_a_callback_that_refuses_is_a_dead_one(rig: Any) -> None:
    made: Rig = await rig(callback=True)
    made.peer.code = "AE"
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    assert await made.owed("dead")
    assert await made.journal.look(acknowledgements.given_up) == 1
    assert len(made.peer.taken) == 1


async def test_S23_a_callback_that_never_answers_by_setting(rig: Any) -> None:
    made: Rig = await rig(callback=True, answered=False)
    made.peer.code = ""
    line = await made.line()
    await line.send(wishing("AL", "AL"))
    assert await made.peer.codes(1) == ["AA M1"]
    assert await made.owed("sent")
    assert made.peer.taken[0].split(b"\r")[0].split(b"|")[14] == b"NE"


async def test_S29_an_ACK_that_nobody_waits_for_is_kept(rig: Any) -> None:
    made: Rig = await rig()
    line = await made.line()
    ack = b"MSH|^~\\&|LAB|NORTH|EHR|HOSP|2026||ACK^A01^ACK|A1|P|2.5\rMSA|AA|X\r"
    await line.send(ack)
    await line.send(adt("M2"))
    assert code(await line.answer()) == "AA M2"
    await made.intake.settle()
    (row,) = await made.journal.look(lambda c: found(c, Query(type="ACK^A01")))
    assert (row["state"], row["reason"]) == ("ignored", "acknowledgement-unexpected")
    assert await made.journal.raw(1) == ack


@pytest.mark.parametrize(("ack", "told"), [("converted", ["CA M2", "AA M2"]), ("delivered", ["CA M2"])])
async def test_S23_S53_what_is_held_for_its_age_was_taken(rig: Any, ack: str, told: list[str]) -> None:
    made: Rig = await rig(ack=ack)
    line = await made.line()
    await line.send(adt("M1").replace(b"|20260301|", b"|20260309|"))
    assert await line.codes(1) == ["AA M1"]
    await line.send(wishing("AL", "AL", "M2"))
    await line.send(wishing("AL", "NE", "M3", mrn="78"))
    assert sorted(await line.codes(len(told) + 1)) == sorted([*told, "CA M3"])
    assert await made.owed("owed" if ack == "delivered" else "sent")
    assert (await made.journal.counts())["dead"] == 1


async def test_S23_S43_a_commit_that_is_not_written_keeps_nobody_waiting(rig: Any) -> None:
    made: Rig = await rig()
    line = await made.line()
    for _ in range(2):
        await line.send(wishing("NE", "SU"))
        assert await line.codes(1) == ["AA M1"]
        assert await made.owed("sent")
    await line.send(wishing("AL", "NE", "M2"))
    assert await line.codes(1) == ["CA M2"]
    assert made.sink.ids.count("M1") == 1
