"""Messages that come again, and numbers that jump (S-43 to S-46)."""

from __future__ import annotations

import asyncio

from segue.journal.journal import Journal
from segue.journal.search import sequences

from .conftest import Open, adt, receive


async def test_S43_the_same_again_is_the_earlier_one(journal: Journal) -> None:
    first = await receive(journal, adt())
    await journal.keep_ack(first.id, b"ACK", "rules")
    again = await receive(journal, adt())
    assert again.earlier is not None
    assert (again.id, again.earlier.ack, again.earlier.ack_rules) == (first.id, b"ACK", "rules")
    assert (await journal.counts())["total"] == 1


async def test_S43_another_listener_or_sender_is_another_message(journal: Journal) -> None:
    await receive(journal, adt())
    assert (await receive(journal, adt(), listener="other")).earlier is None
    assert (await receive(journal, adt().replace(b"|LAB|", b"|LAB2|"))).earlier is None


async def test_S43_after_the_window_it_is_new(where: str, opened: Open) -> None:
    journal = await opened(where, window_s=0.0)
    await receive(journal, adt())
    again = await receive(journal, adt())
    assert again.earlier is None
    assert again.remarks == ()
    assert (await journal.counts())["total"] == 2


async def test_S44_of_many_at_once_one_is_stored(where: str, opened: Open) -> None:
    journals = [await opened(where), await opened(where)]
    entered = await asyncio.gather(*(receive(journals[n % 2], adt()) for n in range(20)))
    assert sum(one.earlier is None for one in entered) == 1
    assert {one.id for one in entered} == {1}


async def test_S45_the_same_id_with_other_bytes_is_processed_and_told(journal: Journal) -> None:
    await receive(journal, adt())
    changed = await receive(journal, adt(name="Marlow^Inez"))
    assert (changed.earlier, changed.remarks) == (None, ("control-id-reused",))
    assert (await receive(journal, adt())).earlier is not None  # the first is still known
    assert (await receive(journal, adt(name="Marlow^Ina"))).remarks == ("control-id-reused",)


async def test_S45_within_one_commit_too(journal: Journal) -> None:
    entered = await asyncio.gather(*(receive(journal, adt(name=f"Marlow^{n}")) for n in range(5)))
    assert [one.remarks for one in entered] == [(), *[("control-id-reused",)] * 4]


async def test_S46_without_a_control_id_nothing_is_a_duplicate(journal: Journal) -> None:
    for _ in range(2):
        assert (await receive(journal, adt(""))).earlier is None


async def test_S46_gaps_and_repeats_of_MSH_13_are_counted(journal: Journal) -> None:
    remarks = [(await receive(journal, adt(f"M{n}", sequence=s))).remarks for n, s in enumerate("12255601")]
    assert remarks == [(), (), ("sequence-repeat",), ("sequence-gap",), ("sequence-repeat",), (), (), ()]
    (row,) = await journal.look(lambda connection: list(sequences(connection)))
    assert (row["sequence"], row["gaps"], row["repeats"]) == (1, 1, 2)
