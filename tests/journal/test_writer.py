"""The commit that makes work claims it for the worker of its process (S-47, S-54, S-94)."""

from __future__ import annotations

import asyncio

from segue.journal.journal import Journal
from segue.journal.states import READY
from segue.journal.transitions import Claim, Step
from segue.journal.writer import Given, Wish

from .conftest import adt, receive


class Hands:
    """A worker that only holds what it is given."""

    def __init__(self, journal: Journal, wish: Wish) -> None:
        self.wish = wish
        self.given: asyncio.Queue[Given] = asyncio.Queue()
        journal.employ(lambda: self.wish, self.given.put_nowait)


async def chain(journal: Journal) -> tuple[Claim, int]:
    """A message in work, and one of the same patient behind it that has been converted."""
    first = await receive(journal, adt("M1", "A"))
    second = await receive(journal, adt("M2", "A"))
    assert await journal.move(Step(second.id, second.fence, "converted"))
    return Claim(first.id, first.fence, "received", "adt", "M1", first.digest, 0, 0.0), second.id


async def test_S47_who_waited_is_claimed_when_the_one_before_ends(journal: Journal) -> None:
    first, second = await chain(journal)
    hands = Hands(journal, Wish(8))
    assert await journal.move(Step(first.id, first.fence, "delivered"))
    given = await hands.given.get()
    (claim,) = given.claims
    assert not given.more
    assert (claim.id, claim.first, claim.state) == (second, True, "converted")
    assert await journal.take(8) == []
    assert await journal.move(Step(claim.id, claim.fence, "delivered"))


async def test_S54_nothing_is_claimed_without_hands_for_it(journal: Journal) -> None:
    first, second = await chain(journal)
    hands = Hands(journal, Wish(0))
    assert await journal.move(Step(first.id, first.fence, "delivered"))
    given = await hands.given.get()
    assert (given.claims, given.more) == ([], True)
    assert [claim.id for claim in await journal.take(8)] == [second]


async def test_S63_what_nobody_would_take_is_left(journal: Journal) -> None:
    first, second = await chain(journal)
    hands = Hands(journal, Wish(8, ("received",)))
    assert await journal.move(Step(first.id, first.fence, "delivered"))
    assert (await hands.given.get()).claims == []
    assert [claim.id for claim in await journal.take(8, READY)] == [second]


async def test_S54_what_goes_on_in_the_same_hands_is_not_claimed_again(journal: Journal) -> None:
    entered = await receive(journal, adt("M1", "A"))
    hands = Hands(journal, Wish(8))
    assert await journal.move(Step(entered.id, entered.fence, "converted", keep=True))
    assert await journal.move(Step(entered.id, entered.fence, "delivered"))
    assert hands.given.empty()
