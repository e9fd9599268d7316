"""What a door is told of a message, and when (S-20 to S-26, S-42 to S-45)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from segue.convert import Converter
from segue.database import StoreError
from segue.delivery.conversions import Conversions
from segue.delivery.intake import Peer
from segue.journal.deliveries import Deliveries
from segue.journal.headroom import Headroom
from segue.journal.intake import JournaledIntake
from segue.journal.journal import Journal
from segue.journal.policies import Policies, Policy
from segue.journal.replies import Replies
from segue.journal.retries import Retry
from segue.journal.worker import Worker

from .conftest import Open, Sink, adt, failure, routes

PEER = Peer("adt", "192.0.2.1")
Make = Callable[..., JournaledIntake]


@pytest.fixture
async def journal(opened: Open, tmp_path: Path) -> Journal:
    return await opened(str(tmp_path / "journal.db"))


@pytest.fixture
async def make(journal: Journal, converter: Converter) -> AsyncIterator[Make]:
    made: list[JournaledIntake] = []

    def build(sink: Sink | None = None, headroom: Headroom | None = None, **policy: Any) -> JournaledIntake:
        conversions, policies = Conversions(converter), Policies({}, Policy(**policy))
        targets = routes(*([sink] if sink is not None else []))
        deliveries = Deliveries(targets, policies, Retry(first_s=0.01, longest_s=0.02))
        worker = Worker(journal, conversions, deliveries, policies, poll_s=0.05)
        worker.start()
        intake = JournaledIntake(
            journal,
            conversions,
            worker,
            policies,
            headroom or Headroom(journal.database, bytes=0, share=0),
            Replies(journal),
        )
        made.append(intake)
        return intake

    yield build
    for intake in made:
        await intake.worker.stop()
        await intake.settle()


async def state(journal: Journal, *wanted: str) -> str:
    """Waits until every message is in one of these states."""
    async with asyncio.timeout(20):
        while True:
            counts = await journal.counts()
            if sum(counts[one] for one in wanted) == counts["total"]:
                return next(one for one in wanted if counts[one])
            await asyncio.sleep(0.01)


async def test_S20_what_was_just_stored_is_converted_without_being_read_again(
    make: Make, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    intake = make(sink, ack="received")
    looks: list[Any] = []
    look = journal.look
    monkeypatch.setattr(journal, "look", lambda function: looks.append(function) or look(function))
    assert (await intake(adt("M1"), PEER)).outcome == "accepted"
    async with asyncio.timeout(20):
        while not sink.parcels:
            await asyncio.sleep(0.01)
    assert (sink.parcels[0].raw, looks) == (adt("M1"), [])


@pytest.mark.parametrize(
    ("ack", "seen"), [("received", ("received",)), ("converted", ("converted",)), ("delivered", ("delivered",))]
)
async def test_S22_accepted_when_the_listener_says_so(
    journal: Journal, make: Make, ack: str, seen: tuple[str, ...]
) -> None:
    sink = Sink()
    receipt = await make(sink, ack=ack)(adt(), PEER)
    assert (receipt.outcome, receipt.state, receipt.id) == ("accepted", seen[0], 1)
    assert await journal.raw(1) == adt()  # synced before the answer, whatever the answer waits for (S-20)
    assert await state(journal, "delivered") == "delivered"
    assert sink.ids == ["M1"]


async def test_S22_delivered_is_not_said_of_what_was_refused(journal: Journal, make: Make) -> None:
    sink = Sink()
    sink.always = failure("refused", transient=False)
    receipt = await make(sink, ack="delivered")(adt(), PEER)
    assert (receipt.outcome, receipt.issues[0].code) == ("error", "delivery.refused")
    assert await state(journal, "dead") == "dead"


async def test_S22_a_delivery_that_takes_too_long_is_come_again(make: Make) -> None:
    sink = Sink()
    sink.always = failure("busy")
    intake = make(sink, ack="delivered")
    intake.delivered_s = 0.05
    assert (await intake(adt(), PEER)).outcome == "transient"
    sink.always = None
    intake.delivered_s = 20
    assert (await intake(adt(), PEER)).outcome == "accepted"  # the resend waits for the first


@pytest.mark.parametrize(
    ("on_unsupported", "outcome", "after"),
    [("refuse", "rejected", "refused"), ("store", "accepted", "dead"), ("accept", "accepted", "ignored")],
)
async def test_S26_a_type_without_a_map_by_setting(
    journal: Journal, make: Make, on_unsupported: str, outcome: str, after: str
) -> None:
    receipt = await make(on_unsupported=on_unsupported)(adt(event="Z99"), PEER)
    assert (receipt.outcome, receipt.state) == (outcome, after)
    assert await state(journal, after) == after
    assert await journal.raw(1) == adt(event="Z99")


async def test_S24_what_was_refused_parks_nothing(journal: Journal, make: Make) -> None:
    intake = make(Sink())
    assert (await intake(adt("M1", event="Z99"), PEER)).outcome == "rejected"
    assert (await intake(b"hello", PEER)).outcome == "rejected"
    assert (await intake(adt("M2"), PEER)).outcome == "accepted"
    assert await state(journal, "refused", "delivered") in ("refused", "delivered")


async def test_S43_the_stored_answer_again(make: Make) -> None:
    intake = make(Sink())
    first = await intake(adt(), PEER)
    assert first.keep is not None
    first.keep(b"MSH|ACK")
    again = await intake(adt(), PEER)
    assert (again.stored, again.earlier, again.id) == (b"MSH|ACK", True, 1)
    await intake.settle()
    assert (await intake(adt(), PEER)).stored == b"MSH|ACK"


async def test_S43_a_resend_waits_for_the_answer_to_the_first(make: Make) -> None:
    intake = make(Sink())
    first = await intake(adt(), PEER)
    second = asyncio.create_task(intake(adt(), PEER))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not second.done()
    assert first.keep is not None
    first.keep(b"MSH|ACK")
    assert (await second).stored == b"MSH|ACK"


async def test_S43_a_refusal_is_repeated_only_under_the_same_rules(journal: Journal, make: Make) -> None:
    intake = make(Sink())
    raw = adt(event="Z99")
    first = await intake(raw, PEER)
    assert first.keep is not None
    first.keep(b"MSH|NAK")
    await intake.settle()
    assert (await intake(raw, PEER)).stored == b"MSH|NAK"
    await journal.keep_ack(1, b"MSH|NAK", "other rules")
    again = await intake(raw, PEER)
    assert (again.stored, again.outcome, again.id) == (None, "rejected", 1)


async def test_S45_a_reused_control_id_is_told(make: Make) -> None:
    intake = make()
    await intake(adt(), PEER)
    receipt = await intake(adt(name="Other"), PEER)
    assert (receipt.outcome, [one.code for one in receipt.issues][-1]) == ("accepted", "control-id.reused")


async def test_S42_without_room_nothing_is_taken(journal: Journal, make: Make) -> None:
    receipt = await make(headroom=Headroom(journal.database, bytes=1 << 60))(adt(), PEER)
    assert (receipt.outcome, receipt.issues[0].code) == ("transient", "store.full")
    assert (await journal.counts())["total"] == 0


async def test_S21_S39_a_store_that_cannot_write_is_come_again(
    journal: Journal, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = make()

    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("gone")

    monkeypatch.setattr(journal, "receive", broken)
    receipt = await intake(adt(), PEER)
    assert (receipt.outcome, receipt.issues[0].code) == ("transient", "store.unavailable")


async def test_S21_a_store_that_hangs_is_come_again_and_what_it_stored_is_worked_on(
    journal: Journal, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    intake = make(sink)
    intake.store_s = 0.05
    receive = journal.receive

    async def slow(*arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(0.2)
        return await receive(*arguments, **named)

    monkeypatch.setattr(journal, "receive", slow)
    assert (await intake(adt(), PEER)).outcome == "transient"
    async with asyncio.timeout(20):
        while not sink.ids:
            await asyncio.sleep(0.01)


def dated(control_id: str, at: str, **given: Any) -> bytes:
    return adt(control_id, **given).replace(b"|20260301|", f"|{at}|".encode(), 1)


async def test_S53_an_older_message_is_taken_and_held(journal: Journal, make: Make) -> None:
    sink = Sink()
    intake = make(sink)
    assert (await intake(dated("M1", "20260301120000"), PEER)).state == "converted"
    late = await intake(dated("M2", "20260301110000"), PEER)
    assert (late.outcome, late.state, [one.code for one in late.issues]) == ("accepted", "dead", ["message.stale"])
    assert late.keep is not None
    late.keep(b"MSH|ACK")
    assert (await intake(dated("M2", "20260301110000"), PEER)).stored == b"MSH|ACK"  # and not stale of itself
    assert (await intake(dated("M3", "20260301120001"), PEER)).state == "converted"
    assert await state(journal, "delivered", "dead")
    assert sink.ids == ["M1", "M3"]


async def test_S53_an_older_message_is_delivered_by_setting(journal: Journal, make: Make) -> None:
    sink = Sink()
    intake = make(sink, stale="apply")
    for id, at in (("M1", "20260301120000"), ("M2", "20260301110000")):
        await intake(dated(id, at), PEER)
    assert await state(journal, "delivered")
    assert sink.ids == ["M1", "M2"]


async def test_S53_S43_a_refusal_that_comes_again_late_is_held(journal: Journal, make: Make) -> None:
    intake = make(Sink())
    raw = dated("M1", "20260301110000", event="Z99")
    refused = await intake(raw, PEER)
    assert refused.keep is not None
    refused.keep(b"MSH|NAK")
    assert (await intake(dated("M2", "20260301120000"), PEER)).state == "converted"
    await intake.settle()
    await journal.keep_ack(1, b"MSH|NAK", "other rules")
    again = await intake(raw, PEER)
    assert (again.outcome, again.state, again.id) == ("accepted", "dead", 1)
    assert await state(journal, "delivered", "dead")
