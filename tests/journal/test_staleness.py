"""Older messages after newer ones are held, and what only looks so is not (S-53)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from segue.journal import metadata, replay, staleness
from segue.journal.journal import Journal
from segue.journal.search import Query, found
from segue.journal.staleness import span
from segue.journal.transitions import Step

from .conftest import Open

NOON, ELEVEN = "20260301120000", "20260301110000"
AWAY = "MRG|88^^^NORTH^MR\r"
BACK = "MRG|77^^^NORTH^MR\r"


def adt(
    sent: str, event: str | None = None, *, mrn: str = "77", more: str = "", kind: str = "A08", sender: str = "LAB"
) -> bytes:
    evn = "" if event is None else f"EVN|{kind}|{event}\r"
    head = f"MSH|^~\\&|{sender}|NORTH|EHR|HOSP|{sent}||ADT^{kind}|M|P|2.5"
    return f"{head}\r{evn}PID|1||{mrn}^^^NORTH^MR||Marlow^Ines\r{more}".encode()


def oru(sent: str, *orders: tuple[str, str, str]) -> bytes:
    """Orders as filler number, service, OBR-22."""
    head = f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|{sent}||ORU^R01|M|P|2.5\rPID|1||77^^^NORTH^MR||Marlow^Ines\r"
    return (head + "".join(f"OBR|1||{n}|{code}{'|' * 18}{at}\r" for n, code, at in orders)).encode()


async def take(journal: Journal, raw: bytes, state: Any = "delivered", *, hold: bool = True) -> str:
    """Receives a message and brings it to its end; why it was held, else nothing."""
    number = (await journal.counts())["total"] + 1
    told = metadata.read(raw.replace(b"|M|P|", b"|M%d|P|" % number))
    entered = await journal.receive(raw, told, listener="adt", hold_stale=hold)
    if entered.stale is None:
        assert await journal.move(Step(entered.id, 1, state, parks=False))
    return "" if entered.stale is None else str(entered.stale)


STALE: dict[str, tuple[list[bytes], bytes]] = {
    "both clocks older": ([adt(NOON, NOON)], adt(ELEVEN, ELEVEN)),
    "only MSH-7, no EVN": ([adt(NOON)], adt(ELEVEN)),
    "EVN-2 older under the same MSH-7": ([adt("20260301", NOON)], adt("20260301", ELEVEN)),
    "with offsets": ([adt("20260301120000-0500")], adt("20260301170000+0100")),
    "to the day": ([adt("20260303")], adt("20260301")),
    "to the minute": ([adt("202603011200")], adt("202603011150")),
    "after what was late itself": ([adt(NOON), adt("20260301115930")], adt("20260301115800")),
    "a record that was merged away": ([adt(NOON, kind="A40", more=AWAY)], adt(ELEVEN, mrn="88")),
    "results of one order": ([oru(NOON, ("F1", "K", NOON))], oru(ELEVEN, ("F1", "K", ELEVEN))),
    "one order of several": (
        [oru(NOON, ("F1", "K", NOON))],
        oru(ELEVEN, ("F9", "NA", ELEVEN), ("F1", "K", ELEVEN)),
    ),
    "a merge turned round": (
        [adt("20260301", kind="A40", more=AWAY)],
        adt("20260309", kind="A40", mrn="88", more=BACK),
    ),
}

FRESH: dict[str, tuple[list[bytes], bytes]] = {
    "seconds that go backwards": ([adt(NOON)], adt("20260301115930")),
    "the same moment": ([adt(NOON, NOON)], adt(NOON, NOON)),
    "an event that was entered late": ([adt(NOON, NOON)], adt("20260301121000", "20260228")),
    "a day after a time of that day": ([adt(NOON)], adt("20260301")),
    "the hour that comes twice": ([adt("20261101015900")], adt("20261101010100")),
    "another patient": ([adt(NOON)], adt(ELEVEN, mrn="78")),
    "another sender": ([adt(NOON)], adt(ELEVEN, sender="EKG")),
    "an ADT after results": ([oru(NOON, ("F1", "K", NOON))], adt(ELEVEN)),
    "results after an ADT": ([adt(NOON)], oru(ELEVEN, ("F1", "K", ""))),
    "another order": ([oru(NOON, ("F1", "K", NOON))], oru(ELEVEN, ("F2", "K", ELEVEN))),
    "another test of the order": ([oru(NOON, ("F1", "K", NOON))], oru(ELEVEN, ("F1", "NA", ELEVEN))),
    "an older result in a newer message": (
        [oru(NOON, ("F1", "K", NOON))],
        oru("20260301121000", ("F1", "K", ELEVEN)),
    ),
    "results without a number": ([oru(NOON, ("", "K", NOON))], oru(ELEVEN, ("", "K", ELEVEN))),
    "no time at all": ([adt(NOON)], adt("")),
    "no readable time": ([adt(NOON)], adt("yesterday", "noon")),
    "with an offset after without": ([adt(NOON)], adt(f"{ELEVEN}+0000")),
    "after a clock in the future": ([adt("20990101")], adt(NOON)),
    "the same merge again": (
        [adt("20260301", kind="A40", more=AWAY)],
        adt("20260302", kind="A40", more=AWAY),
    ),
    "a visit moved back": (
        [adt("20260301", kind="A45", more=AWAY)],
        adt("20260302", kind="A45", mrn="88", more=BACK),
    ),
}


@pytest.fixture
async def file(opened: Open, tmp_path: Path) -> Journal:
    """One database is enough for what is computed."""
    return await opened(str(tmp_path / "journal.db"))


@pytest.mark.parametrize("name", STALE)
async def test_S53_older_over_newer_is_held(file: Journal, name: str) -> None:
    journal = file
    before, late = STALE[name]
    assert [await take(journal, raw) for raw in before] == [""] * len(before)
    reason = await take(journal, late)
    assert reason.startswith("stale: ")
    (row,) = await journal.look(lambda c: found(c, Query(states=("dead",))))
    assert row["reason"] == reason
    assert await take(journal, adt("20260310120000", "20260310120000")) == ""  # what is held parks nobody
    counts = await journal.counts()
    assert (counts["dead"], counts["received"], counts["delivered"]) == (1, 0, len(before) + 1)


@pytest.mark.parametrize("name", FRESH)
async def test_S53_what_only_looks_older_is_not_held(file: Journal, name: str) -> None:
    before, late = FRESH[name]
    for raw in (*before, late):
        assert await take(file, raw) == ""


@pytest.mark.parametrize("state", ["refused", "dead", "ignored", "quarantined"])
async def test_S53_what_took_no_effect_cannot_be_undone(file: Journal, state: str) -> None:
    journal = file
    assert await take(journal, adt(NOON), state) == ""
    assert await take(journal, adt(ELEVEN)) == ""
    assert await take(journal, adt("20260301103000")) == "stale: older than message 2"


async def test_S53_in_one_commit_too(journal: Journal) -> None:
    raws = [adt(NOON), adt(ELEVEN)]
    told = [metadata.read(raw.replace(b"|M|", b"|M%d|" % n)) for n, raw in enumerate(raws)]
    both = [journal.receive(raw, one, listener="adt", hold_stale=True) for raw, one in zip(raws, told, strict=True)]
    assert [one.stale is None for one in await asyncio.gather(*both)] == [True, False]


async def test_S53_applied_by_setting(journal: Journal) -> None:
    assert await take(journal, adt(NOON)) == ""
    assert await take(journal, adt(ELEVEN), hold=False) == ""


async def reopen(journal: Journal, id: int, raw: bytes, **given: Any) -> str:
    told = metadata.read(raw)
    about = metadata.compared(told, "adt")
    done = await journal.call(
        lambda c, now: replay.reopen(c, now, id, told.patients, by_patient=True, reason="test", about=about, **given)
    )
    return done.refused


async def test_S53_S68_a_replay_over_a_newer_one_has_to_be_asked_for(journal: Journal) -> None:
    late = adt(ELEVEN)
    await take(journal, adt(NOON))
    await take(journal, late)
    assert await reopen(journal, 2, late) == "stale"
    assert await reopen(journal, 2, late, stale=True) == ""
    assert (await journal.counts())["received"] == 1
    assert await take(journal, adt("20260301113000")) != ""  # still older than the newest


async def test_S53_a_dead_one_whose_successor_was_delivered(journal: Journal) -> None:
    first = adt("20260301115950")
    await take(journal, first, "dead")
    await take(journal, adt(NOON))
    assert await reopen(journal, 1, first) == "stale"  # ten seconds, and yet the second came after it


async def test_S53_a_merge_that_was_turned_round_by_a_persons_word(journal: Journal) -> None:
    there = adt("20260301", kind="A40", more=AWAY)
    back = adt("20260309", kind="A40", mrn="88", more=BACK)
    assert await take(journal, there) == ""
    assert await take(journal, back) == "stale: reverses the merge of message 1"
    assert await reopen(journal, 2, back, stale=True) == ""
    assert await take(journal, there.replace(b"20260301", b"20260310")) == "stale: reverses the merge of message 2"


async def test_S53_O31_marks_are_forgotten(journal: Journal) -> None:
    await take(journal, adt(NOON))
    await journal.call(lambda c, now: staleness.prune(c, now + 1))
    assert await take(journal, adt(ELEVEN)) == ""


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1970", 0, 366 * 86400),
        ("197001", 0, 31 * 86400),
        ("19700102", 86400, 2 * 86400),
        ("1970010204", 86400 + 4 * 3600, 86400 + 5 * 3600),
        ("19700101040506.123", 14706, 14707),
        ("197001010405+0100", 11100, 11160),
        ("19700101040506-0330", 27306, 27307),
        ("19700101015000", 6600, 6601 + 3600),  # local, and perhaps the second time that night
    ],
)
def test_S53_a_time_is_all_that_it_may_mean(text: str, first: float, last: float) -> None:
    assert span(text) == (first, last, "+" in text or "-" in text)


@pytest.mark.parametrize("text", [None, "", "noon", "19701301", "197001010", "1970010125"])
def test_S53_what_is_no_time(text: str | None) -> None:
    assert span(text) is None
