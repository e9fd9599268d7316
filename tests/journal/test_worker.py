"""From the journal to the target: retries, pauses, dead letters, suspects (S-52 to S-64)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from segue.convert import Converter
from segue.delivery.children import Children
from segue.delivery.conversions import Conversions
from segue.delivery.route import Route
from segue.journal.deliveries import Deliveries
from segue.journal.journal import Journal
from segue.journal.policies import Policies, Policy
from segue.journal.retries import Retry
from segue.journal.schema import message
from segue.journal.search import Query, found, parked, told
from segue.journal.transitions import release_owners
from segue.journal.worker import Worker

from .conftest import Open, Sink, adt, failure, receive, route, routes

Make = Callable[..., Worker]


@pytest.fixture
async def journal(opened: Open, tmp_path: Path) -> Journal:
    return await opened(str(tmp_path / "journal.db"))


@pytest.fixture
async def make(journal: Journal, converter: Converter) -> AsyncIterator[Make]:
    made: list[Worker] = []

    def build(
        *targets: Sink | Route, policy: Policy | None = None, children: Children | None = None, **settings: Any
    ) -> Worker:
        conversions = Conversions(converter, children=children)
        policies = Policies({}, policy or Policy(ack="received"))
        retry = settings.pop("retry", Retry(first_s=0.01, longest_s=0.02))
        deliveries = Deliveries(routes(*targets), policies, retry)
        worker = Worker(journal, conversions, deliveries, policies, poll_s=0.05, **settings)
        worker.start()
        made.append(worker)
        return worker

    yield build
    for worker in made:
        await worker.stop()
        await worker.conversions.close()


async def settled(journal: Journal, **wanted: int) -> dict[str, int]:
    """Waits for these numbers by state."""
    async with asyncio.timeout(20):
        while True:
            counts = await journal.counts()
            if all(counts[state] == number for state, number in wanted.items()):
                return counts
            await asyncio.sleep(0.01)


async def test_S54_what_waits_is_converted_and_delivered_in_order(
    journal: Journal, make: Make, converter: Converter
) -> None:
    for n in range(6):
        await receive(journal, adt(f"M{n}", "AB"[n % 2]), claim=False)
    sink = Sink()
    make(sink)
    await settled(journal, delivered=6)
    for patient in (0, 1):
        assert [id for id in sink.ids if int(id[1:]) % 2 == patient] == [f"M{n}" for n in range(patient, 6, 2)]
    assert {p.control_id: p.body for p in sink.parcels}["M0"] == converter.convert(adt("M0", "A")).json()


async def test_S60_a_failure_that_may_pass_is_tried_again_and_written_down(journal: Journal, make: Make) -> None:
    sink = Sink()
    sink.failures = [failure("busy"), failure("indeterminate")]
    await receive(journal, adt(), claim=False)
    make(sink)
    await settled(journal, delivered=1)
    row = await journal.look(lambda connection: told(connection, 1))
    assert row is not None
    assert [one.get("reason") for one in row["timeline"] if one["state"] == "retrying"] == ["busy", "indeterminate"]
    assert row["tries"] == 2


async def test_S52_S60_a_refused_message_is_dead_at_once_and_parks_its_patient(journal: Journal, make: Make) -> None:
    sink = Sink()
    sink.failures = [failure("refused", transient=False)]
    await receive(journal, adt("M1", "A"), claim=False)
    make(sink)
    await settled(journal, dead=1)
    await receive(journal, adt("M2", "A"), claim=False)
    await receive(journal, adt("M3", "B"), claim=False)
    await settled(journal, delivered=1)
    assert sink.ids == ["M3"]
    assert await journal.look(parked) == {"keys": 1, "messages": 1}
    (second,) = await journal.look(lambda connection: found(connection, Query(control_id="M2")))
    await settled(journal, converted=1)
    (second,) = await journal.look(lambda connection: found(connection, Query(control_id="M2")))
    assert (second["state"], second["parkedBehind"]) == ("converted", 1)


async def test_S52_by_setting_a_failure_lets_the_next_one_pass(journal: Journal, make: Make) -> None:
    sink = Sink()
    sink.failures = [failure("refused", transient=False)]
    await receive(journal, adt("M1", "A"), claim=False)
    await receive(journal, adt("M2", "A"), claim=False)
    make(sink, policy=Policy(ack="received", on_failure="pass"))
    await settled(journal, dead=1, delivered=1)


async def test_S63_a_target_that_is_away_is_left_alone_and_burns_no_tries(journal: Journal, make: Make) -> None:
    sink = Sink()
    sink.always = failure("unreachable")
    for n in range(20):
        await receive(journal, adt(f"M{n}", str(n)), claim=False)
    breaker = {"failures": 3, "pause_s": 0.2, "longest_s": 0.3}
    worker = make(route("sink", sink, breaker=breaker), parallel=4)
    async with asyncio.timeout(20):
        while not worker.deliveries.paused:
            await asyncio.sleep(0.01)
    tried = sum(row["tries"] for row in await journal.look(lambda connection: found(connection, Query(limit=100))))
    assert tried < 12
    sink.always = None
    await settled(journal, delivered=20)


async def test_S63_when_a_target_is_back_nobody_waits_on(journal: Journal, make: Make) -> None:
    """Two targets, one away: the messages for it are put off for long, and called when it answers."""
    here, away = Sink(), Sink()
    away.always = failure("unreachable")
    told: list[bool] = []
    breaker = {"failures": 1, "pause_s": 0.3, "longest_s": 0.3}
    worker = make(
        route("here", here),
        route("away", away, lambda _name, asked, _reason: told.append(asked), breaker=breaker),
        retry=Retry(first_s=1000.0, longest_s=1000.0),
    )
    for n in range(3):
        await receive(journal, adt(f"M{n}", str(n)), claim=False)
    await settled(journal, retrying=3)
    away.always = None
    first = update(message).where(message.c.id == 1, message.c.owner.is_(None)).values(not_before=0.0)
    async with asyncio.timeout(20):
        while told[-1:] != [True]:
            await journal.call(lambda connection, _: connection.execute(first))
            worker.wake()
            await asyncio.sleep(0.01)
    await worker.answered("away")
    await settled(journal, delivered=3)
    assert (len(here.parcels), len(away.parcels)) == (3, 3)


async def test_S60_wrong_credentials_hold_the_target_not_the_message(journal: Journal, make: Make) -> None:
    sink = Sink()
    sink.failures = [failure("credentials", retry_after_s=0.1)]
    await receive(journal, adt(), claim=False)
    make(sink)
    await settled(journal, delivered=1)
    (row,) = await journal.look(lambda connection: found(connection, Query()))
    assert row["tries"] == 0


async def test_S64_a_target_that_is_not_required_holds_nothing_up(journal: Journal, make: Make) -> None:
    sink, other = Sink(), Sink()
    other.gate = asyncio.Event()
    await receive(journal, adt(), claim=False)
    make(sink, route("other", other, required=False))
    await settled(journal, delivered=1)
    row = await journal.look(lambda connection: told(connection, 1))
    assert row is not None
    assert {one["target"]: one["state"] for one in row["deliveries"]} == {"sink": "delivered"}
    other.gate.set()
    async with asyncio.timeout(20):
        while not other.parcels:
            await asyncio.sleep(0.01)


async def test_S64_a_target_that_has_it_is_not_asked_again(journal: Journal, make: Make) -> None:
    first, second = Sink(), Sink()
    second.failures = [failure("busy")]
    await receive(journal, adt(), claim=False)
    make(route("first", first), route("second", second))
    await settled(journal, delivered=1)
    assert (len(first.parcels), len(second.parcels)) == (1, 1)


async def test_S64_one_target_refuses_and_the_other_still_gets_it(journal: Journal, make: Make) -> None:
    """Tries are counted by target: nine busy answers of one leave the other all of its own."""
    first, second = Sink(), Sink()
    first.failures = [failure("refused", transient=False)]
    second.failures = [failure("server-fault") for _ in range(9)]
    await receive(journal, adt(), claim=False)
    make(route("first", first), route("second", second))
    await settled(journal, dead=1)
    assert (len(first.parcels), len(second.parcels)) == (0, 1)
    row = await journal.look(lambda connection: told(connection, 1))
    assert row is not None
    assert {one["target"]: (one["state"], one["tries"]) for one in row["deliveries"]} == {
        "first": ("dead", 1),
        "second": ("delivered", 10),
    }


async def test_S64_filters_choose_also_after_a_restart(journal: Journal, make: Make) -> None:
    """What a filter asks for is known of a message that was converted by a process that is gone."""
    adts, orus = Sink(), Sink()
    adts.failures = [failure("busy")]
    await receive(journal, adt(), claim=False)
    make(
        route("adts", adts, filter={"messages": ["ADT^A08"], "senders": ["LAB|NORTH"]}),
        route("orus", orus, filter={"messages": ["ORU"]}),
    )
    await settled(journal, delivered=1)
    assert ([parcel.event for parcel in adts.parcels], orus.parcels) == (["ADT^A08"], [])
    assert adts.parcels[0].raw == adt()


async def test_S25_a_message_that_no_target_takes_is_ignored(journal: Journal, make: Make) -> None:
    await receive(journal, adt(), claim=False)
    make(route("orus", Sink(), filter={"messages": ["ORU"]}))
    await settled(journal, ignored=1)


async def test_without_a_target_a_message_is_done_when_it_is_converted(journal: Journal, make: Make) -> None:
    await receive(journal, adt(), claim=False)
    make()
    await settled(journal, delivered=1)
    assert await journal.bundle(1)


async def test_S26_what_cannot_be_converted_is_a_dead_letter_with_its_reason(journal: Journal, make: Make) -> None:
    await receive(journal, adt(event="Z99"), claim=False)
    make()
    await settled(journal, dead=1)
    (row,) = await journal.look(lambda connection: found(connection, Query()))
    assert row["reason"] == "message.event-unsupported"


POISON = (
    "import sys, struct, pickle\n"
    "from segue.delivery.children import first, made\nfrom segue.convert import Converter\n"
    "first(sys.stdin.buffer)\n"
    "c = Converter(); out = sys.stdout.buffer; out.write(b'.'); out.flush()\n"
    "while head := sys.stdin.buffer.read(8):\n"
    "    raw, options = pickle.loads(sys.stdin.buffer.read(struct.unpack('>Q', head)[0]))\n"
    "    if b'POISON' in raw: import os; os.abort()\n"
    "    answer = pickle.dumps(made(c, raw, options)); out.write(struct.pack('>Q', len(answer)) + answer); out.flush()\n"
)


async def test_S55_S56_only_the_message_that_kills_its_process_is_set_apart(journal: Journal, make: Make) -> None:
    """Five were in work when a process died; each runs alone in a child, and one of them ends it."""
    for n in range(5):
        await receive(journal, adt("POISON" if n == 2 else f"M{n}", str(n)))
    await journal.call(lambda connection, _: release_owners(connection, [journal.owner]))
    sink = Sink()
    make(sink, children=Children(0, (sys.executable, "-c", POISON)))
    await settled(journal, delivered=4, quarantined=1)
    assert sorted(sink.ids) == ["M0", "M1", "M3", "M4"]
    row = await journal.look(lambda connection: told(connection, 3))
    assert row is not None
    assert [one.get("reason") for one in row["timeline"]] == [None, "ended its process", "killed"]


async def test_S56_a_service_that_is_killed_again_and_again_is_no_messages_fault(
    journal: Journal, make: Make, converter: Converter
) -> None:
    """Fourteen services died while a child had the message; none of them saw the child end."""
    await receive(journal, adt())
    await journal.call(lambda connection, _: connection.execute(update(message).values(starts=15)))
    await journal.call(lambda connection, _: release_owners(connection, [journal.owner]))
    sink = Sink()
    make(sink, children=Children(0, (sys.executable, "-c", POISON)))
    await settled(journal, delivered=1)


async def test_S54_what_is_not_first_is_converted_and_no_more(journal: Journal, make: Make) -> None:
    """A message parked behind another is not parked for its sender: it is converted, and so answered."""
    sink = Sink()
    sink.failures = [failure("refused", transient=False)]
    for n in range(3):
        await receive(journal, adt(f"M{n}", "A"), claim=False)
    make(sink)
    await settled(journal, dead=1, converted=2)
    assert sink.parcels == []
