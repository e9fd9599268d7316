"""Corrected and sent again: a new message in the place of the old one (S-69)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from segue.journal.editing import resend
from segue.journal.journal import Journal, balance
from segue.journal.policies import Policies, Policy
from segue.journal.search import Query, told
from segue.journal.search import found as search
from segue.journal.transitions import Step

from .conftest import Open, adt, ready, receive

MERGE = "MRG|{}^^^NORTH^MR\r"


async def again(journal: Journal, id: int, raw: bytes, **given: Any) -> int | str:
    policies = Policies({}, Policy())
    sent = await resend(journal, policies, id, raw, **{"reason": "typo", "by": "ada", **given})
    return sent.refused or sent.id


async def drained(journal: Journal) -> list[int]:
    """Delivers until nothing is left, in the order of turns."""
    order: list[int] = []
    while claims := await ready(journal, 1):
        order.append(claims[0].id)
        assert await journal.move(Step(claims[0].id, claims[0].fence, "delivered"))
    return order


async def die(journal: Journal, *ids: int) -> None:
    for claim in await ready(journal, 9):
        if claim.id in ids:
            assert await journal.move(Step(claim.id, claim.fence, "dead", "refused"))
        else:
            assert await journal.move(Step(claim.id, claim.fence, None, silent=True))


async def test_S69_it_goes_where_the_held_one_stood(journal: Journal) -> None:
    for raw in (adt("M1"), adt("M2"), adt("M3"), adt("N1", "99")):
        await receive(journal, raw, claim=False)
    await die(journal, 1)
    assert await again(journal, 1, adt("M1", name="Marlowe^Ines")) == 5
    old, new = [await journal.look(lambda c, id=id: told(c, id)) for id in (1, 5)]
    assert old is not None
    assert new is not None
    assert (old["state"], old["reason"]) == ("ignored", "edited and sent again as 5, ada: typo")
    assert (new["state"], new["editedFrom"]) == ("received", 1)
    assert [one["reason"] for one in new["timeline"]][-1] == "edited from 1, ada: typo"
    assert await journal.raw(1) == adt("M1")  # never altered
    order = await drained(journal)
    assert [id for id in order if id != 4] == [5, 2, 3]
    assert await journal.look(balance) == []


async def test_S69_S48_a_corrected_patient_waits_for_those_it_now_names(journal: Journal) -> None:
    await receive(journal, adt("A1", "A"), claim=False)
    await receive(journal, adt("B1", "B"), claim=False)
    await receive(journal, adt("AB", "A", more=MERGE.format("B")), claim=False)
    await receive(journal, adt("B2", "B"), claim=False)
    await die(journal, 1)
    assert await again(journal, 1, adt("A1", "B", name="other")) == 5
    order = await drained(journal)
    assert order.index(5) < order.index(3) < order.index(4)
    assert sorted(order) == [2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(6))
async def test_S69_S54_nobody_waits_for_ever(opened: Open, tmp_path: Any, seed: int) -> None:
    """Random queues, deaths and corrections: everything that is not held comes to its end."""
    chance = random.Random(seed)
    journal = await opened(str(tmp_path / "journal.db"))
    for n in range(24):
        more = MERGE.format(chance.choice("ABC")) if chance.random() < 0.4 else ""
        await receive(journal, adt(f"M{n}", chance.choice("ABC"), more=more), claim=False)
    for _ in range(8):
        claims = await ready(journal, 1)
        if not claims:
            break
        state = chance.choice(("dead", "delivered"))
        assert await journal.move(Step(claims[0].id, claims[0].fence, state))  # pyright: ignore[reportArgumentType]
        if state == "dead":
            raw = adt("E", chance.choice("ABC"), name=str(chance.random()), more=MERGE.format(chance.choice("ABC")))
            assert isinstance(await again(journal, claims[0].id, raw, stale=True), int)
    await drained(journal)
    rows = await journal.look(lambda c: search(c, Query(limit=99)))
    assert {row["state"] for row in rows} <= {"delivered", "ignored"}
    assert await journal.look(balance) == []


async def test_S69_what_cannot_be_sent_again(journal: Journal) -> None:
    await receive(journal, adt("M1"), claim=False)
    assert await again(journal, 1, adt("M1", name="x")) == "open"
    assert await again(journal, 7, adt("M1", name="x")) == "unknown"
    await drained(journal)
    assert await again(journal, 1, b"hello") == "unreadable"
    assert await again(journal, 1, adt("M1")) == "same"
    await receive(journal, adt("M2"), claim=False)
    assert await again(journal, 1, adt("M2")) == "same"
    await drained(journal)
    assert await again(journal, 1, adt("M1", name="x")) == "stale"
    assert await again(journal, 1, adt("M1", name="x"), stale=True) == 3
    assert (await journal.counts())["total"] == 3
