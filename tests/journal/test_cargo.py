"""What a message is worked on with is read with its claim, where it is small (S-40, S-62)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from segue.journal import cargo
from segue.journal.cargo import Past
from segue.journal.content import DamageError, packed
from segue.journal.journal import Journal
from segue.journal.schema import content
from segue.journal.transitions import Claim, Step, Told

from .conftest import adt, receive

BUNDLE = b'{"resourceType":"Bundle"}'


async def converted(journal: Journal, raw: bytes) -> Claim:
    """The next claim of a message that has a Bundle and was tried once at one of its targets."""
    entered = await receive(journal, raw)
    step = Step(entered.id, entered.fence, "retrying", contents={"bundle": packed(BUNDLE)}, rules="r", site="north")
    step.deliveries = (Told("a", "delivered", "", 1), Told("b", "retrying", "busy", 3))
    assert await journal.move(step)
    (claim,) = await journal.take(1)
    return claim


async def test_a_claim_has_what_it_is_worked_on_with(journal: Journal) -> None:
    claim = await converted(journal, adt())
    assert claim.cargo is not None
    assert (claim.cargo.raw, claim.cargo.bundle, claim.cargo.site) == (adt(), BUNDLE, "north")
    assert claim.cargo.past == {"a": Past("delivered", 1), "b": Past("retrying", 3)}
    assert await journal.cargo(claim) is claim.cargo


async def test_what_is_large_is_read_when_its_turn_comes(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cargo, "TOGETHER_BYTES", 2 * len(adt("M1")) + 1)
    for n in range(1, 5):
        await receive(journal, adt(f"M{n}", f"P{n}"), claim=False)
    claims = await journal.take(9)
    assert [claim.cargo is not None for claim in claims] == [True, True, False, False]
    later = await journal.cargo(claims[3])
    assert later is not None
    assert later.raw == adt("M4", "P4")


async def test_S40_damaged_bytes_are_not_worked_on(journal: Journal) -> None:
    await receive(journal, adt(), claim=False)
    await journal.call(lambda connection, _: connection.execute(update(content).values(data=b"MSH|other")))
    (claim,) = await journal.take(1)
    assert claim.cargo is not None
    with pytest.raises(DamageError):
        _ = claim.cargo.raw


async def test_a_message_whose_bytes_are_gone_has_none(journal: Journal) -> None:
    await receive(journal, adt(), claim=False)
    await journal.call(lambda connection, _: connection.execute(delete(content)))
    (claim,) = await journal.take(1)
    assert claim.cargo is None
    assert await journal.cargo(replace(claim)) is None
