"""Messages that wait for a translation (S-65)."""

from __future__ import annotations

from segue.journal.journal import Journal, balance
from segue.journal.waiting import Code, hold, release, waiting_for

from .conftest import adt, receive

GLU = Code("LAB|NORTH", "OBX-3", "99LAB", "GLU")


async def test_S65_exactly_what_waits_for_the_code_goes_on_in_its_place(journal: Journal) -> None:
    entered = [await receive(journal, adt(f"M{n}", mrn)) for n, mrn in enumerate("ABA")]
    assert await hold(journal, 1, 1, [GLU])
    assert await hold(journal, 2, 1, [GLU._replace(code="NA")])
    assert not await hold(journal, 3, 9, [GLU])
    assert len(entered) == 3
    assert await waiting_for(journal) == [(GLU, 1), (GLU._replace(code="NA"), 1)]
    assert await journal.take(10) == []  # the third stands behind the first
    assert await release(journal, GLU._replace(sender="other"), "mapped") == []
    assert await release(journal, GLU._replace(sender=""), "mapped") == [1]
    assert [claim.id for claim in await journal.take(10)] == [1]
    assert await journal.look(balance) == []
