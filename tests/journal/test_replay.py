"""Messages worked on again, and what that would change (S-52, S-53, S-68)."""

from __future__ import annotations

import orjson

from segue.convert import Converter
from segue.journal import replay
from segue.journal.clerk import reopened
from segue.journal.content import packed
from segue.journal.journal import Journal, balance
from segue.journal.policies import Policies
from segue.journal.search import told
from segue.journal.transitions import Step

from .conftest import adt, ready, receive

POLICIES = Policies({})


async def done(journal: Journal, id: int, fence: int, state: str = "delivered", **more: object) -> None:
    assert await journal.move(Step(id, fence, state, **more))  # pyright: ignore[reportArgumentType]


async def test_S68_a_replayed_message_is_worked_on_again_and_says_why(journal: Journal) -> None:
    await receive(journal, adt())
    await done(journal, 1, 1)
    assert (await reopened(journal, POLICIES, 1, reason="new map")).refused == ""
    (claim,) = await ready(journal, 5)
    assert (claim.id, claim.state, claim.suspect) == (1, "received", False)
    row = await journal.look(lambda connection: told(connection, 1))
    assert row is not None
    assert [one.get("reason") for one in row["timeline"]] == [None, None, "new map"]
    assert await journal.look(balance) == []


async def test_S68_it_queues_as_the_newest_of_its_patient(journal: Journal) -> None:
    await receive(journal, adt("M1"))
    await done(journal, 1, 1)
    await receive(journal, adt("M2"), claim=False)
    assert (await reopened(journal, POLICIES, 1, reason="x")).refused == ""
    await receive(journal, adt("M3"), claim=False)
    order: list[int] = []
    while claims := await ready(journal, 5):
        (claim,) = claims
        order.append(claim.id)
        await done(journal, claim.id, claim.fence)
    assert order == [2, 1, 3]


async def test_S53_an_older_message_over_newer_ones_needs_a_word(journal: Journal) -> None:
    for n in (1, 2):
        await receive(journal, adt(f"M{n}"))
        await done(journal, n, 1)
    assert (await reopened(journal, POLICIES, 1, reason="x")).refused == "stale"
    assert (await reopened(journal, POLICIES, 2, reason="x")).refused == ""
    assert (await reopened(journal, POLICIES, 1, reason="x", stale=True)).refused == ""


async def test_S52_a_dead_message_that_is_replayed_goes_before_what_it_parked(journal: Journal) -> None:
    await receive(journal, adt("M1"))
    await receive(journal, adt("M2"), claim=False)
    await done(journal, 1, 1, "dead")
    assert await ready(journal, 5) == []
    await reopened(journal, POLICIES, 1, reason="fixed")
    assert [claim.id for claim in await ready(journal, 5)] == [1]


async def test_S52_a_message_set_aside_frees_what_it_parked(journal: Journal) -> None:
    await receive(journal, adt("M1"))
    await receive(journal, adt("M2"), claim=False)
    await done(journal, 1, 1, "dead")
    assert await journal.call(lambda connection, now: replay.resolve(connection, now, 1, "ignored", "test"))
    assert not await journal.call(lambda connection, now: replay.resolve(connection, now, 1, "ignored", "test"))
    assert [claim.id for claim in await ready(journal, 5)] == [2]
    assert await journal.look(balance) == []


async def test_what_is_open_or_unknown_is_not_replayed(journal: Journal) -> None:
    await receive(journal, adt())
    assert (await reopened(journal, POLICIES, 1, reason="x")).refused == "open"
    assert (await reopened(journal, POLICIES, 9, reason="x")).refused == "unknown"


async def test_the_latest_bundle_is_kept(journal: Journal) -> None:
    await receive(journal, adt())
    await journal.move(Step(1, 1, "converted", keep=True, contents={"bundle": packed(b"one")}))
    await done(journal, 1, 1, contents={"bundle": packed(b"two")})
    assert await journal.bundle(1) == b"two"


def test_S68_the_difference_is_told_by_path(converter: Converter) -> None:
    before = converter.convert(adt()).json()
    changed = converter.convert(adt(name="Marlow^Inez")).json()
    assert replay.difference(before, before) == []
    (one,) = replay.difference(before, changed)
    assert one["path"].endswith(".resource.name[0].given[0]")
    assert (one["before"], one["after"]) == ("Ines", "Inez")
    gone = replay.difference(before, None)
    assert len(gone) == len(orjson.loads(before)["entry"]) + 1
