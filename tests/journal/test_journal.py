"""The journal on both databases: stored before accepted, counted, balanced (S-20, S-38 to S-41, S-93)."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from segue.journal.content import DamageError, packed, unpacked
from segue.journal.journal import Journal, balance
from segue.journal.schema import content
from segue.journal.transitions import Step

from .conftest import Open, adt, receive


async def test_S40_raw_bytes_come_back_as_received(journal: Journal) -> None:
    raw = adt() + b"ZZZ|\xff\x00\x1c\n"
    entered = await receive(journal, raw)
    assert await journal.raw(entered.id) == raw
    assert await journal.raw(99) is None


async def test_S40_damaged_bytes_are_noticed(journal: Journal) -> None:
    entered = await receive(journal, adt())
    await journal.call(lambda connection, _: connection.execute(update(content).values(data=b"MSH|other")))
    with pytest.raises(DamageError):
        await journal.raw(entered.id)


async def test_S20_what_was_received_is_there_after_opening_anew(where: str, opened: Open) -> None:
    first = await opened(where)
    ids = [(await receive(first, adt(f"M{n}"))).id for n in range(3)]
    second = await opened(where)
    assert ids == [1, 2, 3]
    assert (await second.counts())["received"] == 3
    assert await second.raw(2) == adt("M1")


async def test_S38_what_waits_together_is_committed_together(journal: Journal) -> None:
    before = journal.commits
    entered = await asyncio.gather(*(receive(journal, adt(f"M{n}", str(n))) for n in range(50)))
    assert [one.id for one in entered] == list(range(1, 51))  # in the order of arrival (S-51)
    assert journal.commits - before <= 3


async def test_S41_the_sum_of_the_states_is_what_was_received(journal: Journal) -> None:
    entered = [await receive(journal, adt(f"M{n}", str(n))) for n in range(4)]
    for one, state in zip(entered, ("delivered", "refused", "dead"), strict=False):
        assert await journal.move(Step(one.id, one.fence, state))
    counts = await journal.counts()
    assert (counts["received"], counts["delivered"], counts["refused"], counts["dead"]) == (1, 1, 1, 1)
    assert counts["total"] == 4
    assert await journal.look(balance) == []


async def test_S41_what_does_not_add_up_is_told(journal: Journal) -> None:
    await receive(journal, adt())
    await journal.call(lambda connection, _: connection.exec_driver_sql("DELETE FROM message"))
    assert len(await journal.look(balance)) == 2


async def test_a_job_that_cannot_be_written_costs_no_other(journal: Journal) -> None:
    def broken(*_: object) -> None:
        raise ValueError

    results = await asyncio.gather(
        receive(journal, adt("M1")), journal.call(broken), receive(journal, adt("M2")), return_exceptions=True
    )
    assert [type(one).__name__ for one in results] == ["Entered", "StoreError", "Entered"]
    assert (await journal.counts())["total"] == 2


def test_contents_are_packed_and_unpacked() -> None:
    for data in (b"", b"x" * 100, b"x" * 100_000):
        assert unpacked(packed(data)) == data
    assert len(packed(b"x" * 100_000)) < 1000
