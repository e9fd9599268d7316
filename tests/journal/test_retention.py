"""What is removed, and what never is (O-31, S-67)."""

from __future__ import annotations

from segue.journal.journal import Journal, balance
from segue.journal.retention import Pruned, prune
from segue.journal.transitions import Step

from .conftest import adt, receive


async def test_O31_bodies_first_rows_later_and_nothing_that_is_open_or_held(journal: Journal) -> None:
    for n, state in enumerate(("delivered", "refused", "dead", None)):
        entered = await receive(journal, adt(f"M{n}", str(n)))
        if state is not None:
            await journal.move(Step(entered.id, entered.fence, state))  # pyright: ignore[reportArgumentType]
    assert await prune(journal, bodies_days=1, history_days=1) == Pruned(0, 0)
    assert await prune(journal, bodies_days=0, history_days=1, dry_run=True) == Pruned(2, 0)
    assert await prune(journal, bodies_days=0, history_days=1) == Pruned(2, 0)
    assert [await journal.raw(n) is None for n in (1, 2, 3, 4)] == [True, True, False, False]
    assert await prune(journal, bodies_days=0, history_days=0, states=["dead"]) == Pruned(0, 0)
    assert await prune(journal, bodies_days=0, history_days=0) == Pruned(0, 2)
    counts = await journal.counts()
    assert (counts["total"], counts["pruned"], counts["dead"], counts["received"]) == (4, 2, 1, 1)
    assert await journal.look(balance) == []
