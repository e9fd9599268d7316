"""Entries, counts and decisions in the database (T-60 to T-62, T-65, T-66)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from segue.database import StoreError
from segue.inbox.entry import Entry
from segue.inbox.schema import words
from segue.inbox.sighting import added_up, line
from segue.inbox.store import GRACE_S, ConflictError, Inbox
from segue.terminology import Unmapped


def of(inbox: Inbox, id: str) -> Entry:
    found = inbox.entry(id)
    assert found is not None
    return found


def test_T60_one_entry_with_count_texts_samples_and_times(inbox: Inbox, seen: Any, clock: Any) -> None:
    id = seen(times=3)
    clock.now += 60
    assert seen(text="GLUCOSE", times=7) == id
    (one,) = inbox.entries()
    assert (one.id, one.count, one.state) == (id, 10, "open")
    assert one.texts == (("GLUCOSE", 7), ("Glucose", 3))
    assert one.samples == ("M6", "M5", "M4", "M3", "M2")
    assert (one.first_seen, one.last_seen) == (clock.now - 60, clock.now + 0.006)


def test_T60_another_unit_or_sender_is_another_entry(inbox: Inbox, seen: Any) -> None:
    ids = {seen(), seen(unit="mmol/L"), seen(sender="LAB|SOUTH")}
    assert {one.id for one in inbox.entries()} == ids
    assert len(ids) == 3


def test_T62_many_workers_count_into_one_entry(where: str, inbox: Inbox) -> None:
    one = Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "", "Glucose")

    def work(worker: int) -> None:
        own = Inbox(where)
        for n in range(25):
            own.record(added_up([line([one], [], f"{worker}-{n}", 1.0)] * 4))
        own.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    (entry,) = inbox.entries()
    assert (entry.count, entry.texts) == (800, (("Glucose", 800),))


def test_T62_rows_and_position_are_written_together(inbox: Inbox) -> None:
    tallies = added_up([line([Unmapped("LAB|NORTH", "OBX-3", "L", "GLU")], [], "M1", 1.0)])
    inbox.record(tallies, "a.spool", 10)
    assert inbox.position("a.spool") == 10
    with pytest.raises(StoreError):
        inbox.record(tallies, "a.spool", None)  # pyright: ignore[reportArgumentType]
    assert (inbox.position("a.spool"), inbox.entries()[0].count) == (10, 1)
    inbox.forget("a.spool")
    assert inbox.position("a.spool") == 0


def test_T67_chosen_by_sender_state_and_time(inbox: Inbox, seen: Any, clock: Any) -> None:
    seen("A", times=1)
    clock.now += 100
    seen("B", times=3, sender="LAB|SOUTH")
    seen("C", times=2, pending=True)
    assert [one.key.code for one in inbox.entries()] == ["B", "C", "A"]
    assert [one.key.code for one in inbox.entries(sender="LAB|SOUTH")] == ["B"]
    assert [one.key.code for one in inbox.entries(state="pending")] == ["C"]
    assert [one.key.code for one in inbox.entries(since=clock.now)] == ["B", "C"]
    assert len(inbox.entries(limit=1)) == 1


def test_T35_pending_becomes_open_when_the_server_has_no_answer(inbox: Inbox, seen: Any) -> None:
    id = seen(pending=True)
    assert of(inbox, id).state == "pending"
    seen()
    assert of(inbox, id).state == "open"


def test_T65_an_ignored_entry_counts_on_and_opens_when_its_words_change(inbox: Inbox, seen: Any) -> None:
    id = seen(text="Glucose")
    inbox.decide(of(inbox, id), "ignored", "ignore", by="ada", reason="not ours")
    seen(text="Glucose", times=5)
    one = of(inbox, id)
    assert (one.state, one.count, one.decided_by, one.reason) == ("ignored", 6, "ada", "not ours")
    seen(text="Gluconate")
    assert of(inbox, id).state == "open"


def test_T64_a_mapped_entry_that_is_still_seen_opens_again_after_a_while(inbox: Inbox, seen: Any, clock: Any) -> None:
    inbox.decide(of(inbox, seen()), "mapped", "map", by="ada")
    seen()  # converted before the map was read again
    assert inbox.entries()[0].state == "mapped"
    clock.now += GRACE_S + 1
    seen()
    assert inbox.entries()[0].state == "open"


def test_T66_two_people_cannot_both_decide(inbox: Inbox, seen: Any) -> None:
    one = of(inbox, seen())
    inbox.decide(one, "ignored", "ignore", by="ada")
    with pytest.raises(ConflictError):
        inbox.decide(one, "mapped", "map", by="bob")
    assert [made["action"] for made in inbox.decisions(one.id)] == ["ignore"]


def test_T61_texts_of_an_entry_are_bounded(inbox: Inbox, seen: Any) -> None:
    ids = {seen(text=f"text {n}") for n in range(60)}
    one = of(inbox, *ids)
    assert (one.count, len(one.texts)) == (60, 5)
    with inbox._engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(words)) == 50


def test_T60_nothing_is_known_of_an_id_that_is_none(inbox: Inbox) -> None:
    assert inbox.entry("x") is None
    assert inbox.decisions("x") == []
