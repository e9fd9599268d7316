"""What a sender has yet to hear, on each database (S-23, S-41, S-80)."""

from __future__ import annotations

from typing import Any

from segue.journal import acknowledgements, metadata, search
from segue.journal.acknowledgements import Owed, Told
from segue.journal.journal import Journal
from segue.journal.transitions import Step
from segue.mllp.mode import Mode

from .conftest import adt

LASTING = Mode("AL", "AL")


async def committed(journal: Journal, id: str = "M1", *, after: Any = "converted", way: Any = "callback") -> int:
    raw = adt(id)
    entered = await journal.receive(
        raw, metadata.read(raw), listener="adt", mode=LASTING, owed=Owed("adt", way, "AL", after)
    )
    return entered.id


async def told(journal: Journal, id: int) -> str:
    found = await journal.look(lambda connection: acknowledgements.told(connection, id))
    return "" if found is None else found["state"]


async def become(journal: Journal, id: int, *states: Any) -> None:
    for state in states:
        assert await journal.move(Step(id, 1, state, keep=state != states[-1]))


async def write(journal: Journal, *ends: Told) -> None:
    await journal.call(lambda connection, now: acknowledgements.tell(connection, now, ends))


async def test_S23_it_is_due_with_the_state_that_was_promised(journal: Journal) -> None:
    early, late, none = await committed(journal), await committed(journal, "M2", after="delivered"), adt("M3")
    entered = await journal.receive(none, metadata.read(none), listener="adt")
    for id in (early, late, entered.id):
        await become(journal, id, "converted")
    assert [await told(journal, id) for id in (early, late, entered.id)] == ["due", "owed", ""]
    claims = {one.id: one for one in await journal.take(9)}
    assert claims[early].mode == LASTING
    assert await journal.move(Step(early, claims[early].fence, "delivered"))  # due once, whatever comes after
    (second,) = await journal.take(9)
    assert await journal.move(Step(late, second.fence, "dead"))
    due = await journal.look(lambda connection: acknowledgements.pending(connection, 9))
    assert [(one.id, one.became) for one in due] == [(early, "converted"), (late, "dead")]


async def test_S23_it_is_sent_by_one_and_with_the_same_bytes(journal: Journal) -> None:
    ids = [await committed(journal, f"M{n}") for n in range(3)]
    for id in ids:
        assert await journal.move(Step(id, 1, "refused"))
    await write(journal, *(Told(id, "ready", b"ACK %d" % id) for id in ids))
    assert await journal.look(lambda connection: acknowledgements.ready(connection, "adt"))
    assert not await journal.look(lambda connection: acknowledgements.ready(connection, "lab"))

    async def claim(owner: str) -> list[Any]:
        return await journal.call(lambda connection, now: acknowledgements.claim(connection, now, "adt", owner, 60, 2))

    first, second = await claim("a"), await claim("b")
    assert [[one.data for one in some] for some in (first, second)] == [[b"ACK 1", b"ACK 2"], [b"ACK 3"]]
    await write(journal, Told(1, "sent"), Told(2, "ready", delay_s=60, failed=True), Told(3, "ready", failed=True))
    assert [(one.id, one.tries, one.data) for one in await claim("c")] == [(3, 1, b"ACK 3")]
    assert await journal.look(acknowledgements.owners) == ["c"]


async def test_S80_who_died_hands_it_back(journal: Journal) -> None:
    id = await committed(journal)
    await become(journal, id, "refused")
    await write(journal, Told(id, "ready", b"ACK"))
    mine = journal.owner
    gone = f"{mine.rpartition('/')[0]}/1"  # this process as it would be, had it started at another time
    await journal.call(lambda connection, now: acknowledgements.claim(connection, now, "adt", gone, 60, 9))
    await journal.release_dead()
    assert await journal.look(acknowledgements.owners) == []


async def test_S43_only_what_went_over_a_connection_is_said_again(journal: Journal) -> None:
    for id, way in ((await committed(journal, way="connection"), True), (await committed(journal, "M2"), False)):
        await become(journal, id, "refused")
        await write(journal, Told(id, "sent", b"ACK"))
        again = await journal.call(lambda connection, now, id=id: acknowledgements.again(connection, now, id))
        assert again is way
        assert await told(journal, id) == ("due" if way else "sent")


async def test_S23_nobody_takes_it(journal: Journal) -> None:
    id = await committed(journal)
    await become(journal, id, "refused")
    await write(journal, Told(id, "dead", b"ACK", "refused AE"))
    assert await journal.look(acknowledgements.given_up) == 1
    await write(journal, Told(id, "sent"))  # too late: its end was written
    assert await told(journal, id) == "dead"


async def given_up(journal: Journal, data: bytes | None = b"ACK") -> int:
    id = await committed(journal)
    await become(journal, id, "refused")
    await write(journal, Told(id, "ready", data, failed=True))
    await write(journal, Told(id, "dead", None, "refused AE"))
    return id


def decide(journal: Journal, id: int, *, again: bool) -> Any:
    return journal.call(
        lambda connection, now: acknowledgements.decide(connection, now, id, "peer repaired", again=again), queues=False
    )


async def test_S23_what_was_given_up_is_sent_again_when_a_person_says_so(journal: Journal) -> None:
    id = await given_up(journal)
    (row,) = await journal.look(acknowledgements.all_given_up)
    assert (row["id"], row["tries"], row["reason"]) == (id, 1, "refused AE")
    assert await decide(journal, id, again=True)
    assert await journal.look(acknowledgements.given_up) == 0
    (due,) = await journal.call(
        lambda connection, now: acknowledgements.claim(connection, now, "adt", "me", 60, 9), queues=False
    )
    assert (due.id, due.data, due.tries) == (id, b"ACK", 0)
    found = await journal.look(lambda connection: search.told(connection, id))
    assert found is not None
    assert found["timeline"][-1]["reason"] == "acknowledgement again: peer repaired"
    assert found["state"] == "refused"  # the message itself stays what it was
    assert not await decide(journal, id, again=True)  # it is on its way


async def test_S23_one_that_was_never_made_is_made_first(journal: Journal) -> None:
    id = await given_up(journal, None)
    assert await decide(journal, id, again=True)
    assert await told(journal, id) == "due"


async def test_S23_what_was_dropped_is_told_no_more(journal: Journal) -> None:
    id = await given_up(journal)
    assert await decide(journal, id, again=False)
    assert (await journal.look(acknowledgements.given_up), await told(journal, id)) == (0, "unwanted")
    assert not await decide(journal, id, again=True)
