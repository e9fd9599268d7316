"""Order by patient, merges, identifiers seen together (S-47 to S-51, S-91)."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import Connection, select

from segue.journal import queues, transitions
from segue.journal.journal import Journal, balance
from segue.journal.schema import message_key
from segue.journal.transitions import Claim, Step

from .conftest import Open, adt, ready, receive

MERGE = "MRG|{}^^^NORTH^MR\r"


async def drained(journal: Journal) -> list[list[int]]:
    """Takes and delivers until nothing is left; what was ready together stands together."""
    rounds: list[list[int]] = []
    while claims := await ready(journal, 100):
        rounds.append([claim.id for claim in claims])
        await asyncio.gather(*(journal.move(Step(claim.id, claim.fence, "delivered")) for claim in claims))
    return rounds


async def put(journal: Journal, *raws: bytes) -> None:
    for raw in raws:
        await receive(journal, raw, claim=False)


async def test_S47_one_patient_in_order_many_at_once(journal: Journal) -> None:
    await put(journal, *(adt(f"M{n}", ["A", "B", "C"][n % 3]) for n in range(6)))
    assert await drained(journal) == [[1, 2, 3], [4, 5, 6]]


async def planned(journal: Journal, statement: Any) -> list[str]:
    """How SQLite would run a statement; a server's plan follows from the size of its tables."""
    if not journal.database.is_file:
        pytest.skip("of a file only")

    def explain(connection: Connection) -> list[str]:
        asked = statement.compile(connection)
        whole = asked.construct_expanded_state(asked.params)
        words = f"EXPLAIN QUERY PLAN {whole.statement}"
        return [row.detail for row in connection.exec_driver_sql(words, whole.positional_parameters)]

    return await journal.look(explain)


async def test_S47_who_is_first_is_found_without_looking_at_who_waits(journal: Journal) -> None:
    """Ten thousand messages behind one that is held cost the next no more than ten."""
    plan = await planned(journal, queues.FIRST.params(keys=[1]))
    assert plan == ["SEARCH message_key USING INDEX message_key_head (key=?)"]


async def test_S63_what_waits_for_a_target_costs_nothing_to_those_who_come(journal: Journal) -> None:
    """While a target is away what was converted piles up; what is to be converted is found beside it."""
    plan = await planned(journal, transitions.RECEIVED.params(now=1.0, limit=1))
    assert plan == ["SEARCH message USING INDEX message_by_state (state=?)"]


async def test_S48_a_merge_waits_for_both_and_holds_both(journal: Journal) -> None:
    await put(
        journal, adt("1", "A"), adt("2", "B"), adt("3", "A", more=MERGE.format("B")), adt("4", "A"), adt("5", "B")
    )
    assert await drained(journal) == [[1, 2], [3], [4, 5]]


async def test_S48_every_number_of_the_patient_counts(journal: Journal) -> None:
    await put(journal, adt("1", "A X"), adt("2", "X B"), adt("3", "B"))
    assert await drained(journal) == [[1], [2], [3]]


async def test_S48_the_same_number_of_another_authority_is_another_patient(journal: Journal) -> None:
    await put(journal, adt("1", "A"), adt("2", "A").replace(b"NORTH^MR", b"SOUTH^MR"))
    assert await drained(journal) == [[1, 2]]


async def test_S49_numbers_seen_together_are_one_patient_later(journal: Journal) -> None:
    await put(journal, adt("0", "MRN HEALTH"))
    assert await drained(journal) == [[1]]
    await put(journal, adt("1", "MRN"), adt("2", "HEALTH"))
    assert await drained(journal) == [[2], [3]]


async def test_S49_two_that_turn_out_to_be_one_queue_together(journal: Journal) -> None:
    await put(
        journal,
        adt("1", "A"),
        adt("2", "B"),
        adt("3", "A"),
        adt("4", "B"),
        adt("5", "A B"),
        adt("6", "A"),
        adt("7", "B"),
    )
    rounds = await drained(journal)
    flat = [id for one in rounds for id in one]
    assert sorted(flat) == list(range(1, 8))
    assert flat.index(5) > max(flat.index(id) for id in (1, 2, 3, 4))
    assert [id for id in flat if id > 4] == [5, 6, 7]


@pytest.mark.parametrize(
    ("order", "rounds"), [("none", [[1, 2, 3]]), ("sender", [[1], [2], [3]]), ("connection", [[1, 3], [2]])]
)
async def test_S47_order_by_setting(journal: Journal, order: str, rounds: list[list[int]]) -> None:
    for n, address in enumerate(("a", "a", "b")):
        await receive(journal, adt(f"M{n}", str(n)), claim=False, order=order, address=address)
    assert await drained(journal) == rounds


async def test_S50_without_a_patient_the_sender_is_the_key(journal: Journal) -> None:
    bare = [b"MSH|^~\\&|%s|NORTH|||20260301||MFN^M02|%d|P|2.5\r" % (who, n) for n, who in enumerate((b"A", b"B", b"A"))]
    await put(journal, *bare)
    assert await drained(journal) == [[1, 2], [3]]


async def test_S52_a_held_message_parks_its_keys_only(journal: Journal) -> None:
    await put(journal, adt("1", "A"), adt("2", "A"), adt("3", "B"))
    first, third = await ready(journal, 10)
    await journal.move(Step(first.id, first.fence, "dead", "refused"))
    await journal.move(Step(third.id, third.fence, "delivered"))
    assert await ready(journal, 10) == []
    assert (await journal.counts())["converted"] == 1


async def test_S54_of_two_processes_each_takes_its_own(where: str, opened: Open) -> None:
    journals = [await opened(where), await opened(where)]
    await put(journals[0], *(adt(f"M{n}", str(n)) for n in range(40)))
    taken = await asyncio.gather(*(ready(journals[n % 2], 10) for n in range(6)))
    ids = [claim.id for claims in taken for claim in claims]
    assert sorted(ids) == list(range(1, 41))


@pytest.mark.parametrize("seed", range(2))
async def test_S47_S54_random_messages_keep_their_order(journal: Journal, seed: int) -> None:
    """Random patients with several numbers and merges, delivered in random order: per number, ids only grow."""
    chance = random.Random(seed)
    numbers = [f"N{n}" for n in range(8)]
    mine: dict[int, set[str]] = {}
    finished: list[int] = []
    running: list[Claim] = []

    async def finish() -> None:
        claim = running.pop(chance.randrange(len(running)))
        assert await journal.move(Step(claim.id, claim.fence, "delivered"))
        finished.append(claim.id)

    for n in range(120):
        mrn = chance.sample(numbers, chance.choice((1, 1, 1, 2)))
        merged = chance.sample(numbers, 1) if chance.random() < 0.2 else []
        entered = await receive(
            journal, adt(f"M{n}", " ".join(mrn), more="".join(MERGE.format(one) for one in merged)), claim=False
        )
        mine[entered.id] = {*mrn, *merged}
        if chance.random() < 0.5:
            running += await ready(journal, chance.randrange(1, 4))
        while running and chance.random() < 0.5:
            await finish()
    while len(finished) < len(mine):
        running += await ready(journal, 5)
        assert running, "everything waits for something"
        await finish()
    for number in numbers:
        about = [id for id in finished if number in mine[id]]
        assert about == sorted(about)
    assert await journal.look(lambda connection: connection.execute(select(message_key)).all()) == []
    assert await journal.look(balance) == []
