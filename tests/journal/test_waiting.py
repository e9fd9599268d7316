"""Messages that wait for a translation (S-65, T-40, T-66)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from segue.delivery.conversions import Conversions
from segue.delivery.intake import Peer
from segue.inbox.counting import Counting
from segue.inbox.desk import Desk
from segue.inbox.store import Inbox
from segue.journal.deliveries import Deliveries
from segue.journal.headroom import Headroom
from segue.journal.intake import JournaledIntake
from segue.journal.journal import Journal, balance
from segue.journal.policies import Policies, Policy
from segue.journal.replies import Replies
from segue.journal.retries import Retry
from segue.journal.transitions import Step
from segue.journal.waiting import Code, Releases, WaitingMessages, awaited, codes_of, hold, release
from segue.journal.worker import Worker
from segue.mapping.context import Options
from segue.reloading import Reloading, RuleFiles
from segue.terminology import Unmapped
from segue.terminology.maprows import COLUMNS, MapRow

from .conftest import Open, Sink, adt, ready, receive, routes

GLU = Code("LAB|NORTH", "OBX-3", "99LAB", "GLU")
NA = GLU._replace(code="NA")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def let_go(releases: Releases) -> int:
    """Looks as a service does, until the changed rules are seen."""
    async with asyncio.timeout(20):
        while not (gone := await releases.look()):
            await asyncio.sleep(0.01)
    return gone


async def codes(journal: Journal) -> list[tuple[Code, int]]:
    return [(one.code, one.messages) for one in await awaited(journal)]


async def test_S65_exactly_what_waits_for_nothing_else_goes_on_in_its_place(journal: Journal) -> None:
    for n, mrn in enumerate("ABAC"):
        await receive(journal, adt(f"M{n}", mrn))
    assert await hold(journal, Step(1, 1, "waiting"), [GLU])
    assert await hold(journal, Step(2, 1, "waiting"), [NA])
    assert not await hold(journal, Step(3, 9, "waiting"), [GLU])
    assert await hold(journal, Step(4, 1, "waiting"), [GLU, NA])
    assert await codes(journal) == [(GLU, 2), (NA, 2)]
    assert WaitingMessages(journal.database).count(GLU) == 2
    assert await ready(journal, 10) == []  # the third stands behind the first
    assert await release(journal, GLU._replace(sender="other"), "mapped") == []
    assert await release(journal, GLU, "mapped") == [1]
    assert [claim.id for claim in await ready(journal, 10)] == [1]
    assert await release(journal, NA, "mapped") == [2, 4]
    assert await codes(journal) == []
    assert await journal.look(balance) == []


def oru(control_id: str, mrn: str, *tests: str) -> bytes:
    head = (
        f"MSH|^~\\&|LAB|NORTH|||20260301||ORU^R01^ORU_R01|{control_id}|P|2.5.1\rPID|1||{mrn}^^^NORTH^MR||Marlow^Ines\r"
    )
    results = "".join(f"OBX|{n}|NM|{test}^{test}^99LAB||5|mmol/L|||||F\r" for n, test in enumerate(tests, 1))
    return f"{head}OBR|1|P1|F{control_id}|24331-1^Lipids^LN|||20260301\r{results}".encode()


async def test_T66_a_message_waits_until_the_sheet_has_its_codes_and_goes_on_in_order(
    journal: Journal, tmp_path: Path
) -> None:
    sheet = tmp_path / "terminology" / "maps" / "north.csv"
    sheet.parent.mkdir(parents=True)
    head = f"{','.join(COLUMNS)}\n"
    sheet.write_text(head)
    rules = Reloading(RuleFiles(terminology=tmp_path / "terminology", options=Options(unmapped={"OBX-3": "queue"})))
    sink, policies, conversions = Sink(), Policies({}, Policy(ack="converted")), Conversions(rules)
    worker = Worker(journal, conversions, Deliveries(routes(sink), policies, Retry()), policies, poll_s=0.02)
    intake = JournaledIntake(
        journal, conversions, worker, policies, Headroom(journal.database, bytes=0, share=0), Replies(journal)
    )
    releases = Releases(journal, conversions)
    worker.start()
    peer = Peer("lab", "127.0.0.1")
    try:
        first = await intake(oru("M1", "A", "GLU", "NA"), peer)
        assert (first.outcome, first.state) == ("accepted", "waiting")
        await intake(adt("M2", "A"), peer)  # of the same patient: behind
        await intake(oru("M3", "B", "GLU"), peer)
        await intake(adt("M4", "C"), peer)  # of another: not held up
        await intake.settle()
        await until(lambda: sink.ids == ["M4"])
        assert await releases.look() == 0

        row = "LAB|NORTH,OBX-3,99LAB,{},,,LN,{},,,,,\n"
        sheet.write_text(head + row.format("GLU", "14749-6"))
        assert await let_go(releases) == 1  # the first waits for NA still
        worker.wake()
        await until(lambda: sink.ids == ["M4", "M3"])
        assert b'"14749-6"' in sink.parcels[1].body

        sheet.write_text(head + row.format("GLU", "14749-6") + row.format("NA", "2951-2"))
        assert await let_go(releases) == 1
        worker.wake()
        await until(lambda: sink.ids == ["M4", "M3", "M1", "M2"])
    finally:
        await worker.stop()
    assert await journal.look(balance) == []


async def test_T66_a_message_that_a_worker_converts_waits_too(journal: Journal) -> None:
    converter = Reloading(RuleFiles(options=Options(unmapped={"OBX-3": "queue"})))
    policies, conversions = Policies({}, Policy(ack="received")), Conversions(converter)
    worker = Worker(journal, conversions, Deliveries(None, policies, Retry()), policies, poll_s=0.02)
    waiter = worker.outcome(1)
    await receive(journal, oru("M1", "A", "GLU"), claim=False)
    worker.start()
    try:
        assert (await waiter).state == "waiting"
        assert await codes(journal) == [(GLU._replace(unit="mmol/L"), 1)]
        assert await Releases(journal, conversions).look() == 0
    finally:
        await worker.stop()


def test_S65_a_message_waits_for_the_codes_whose_policy_says_so() -> None:
    found = [
        Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL", policy="queue"),
        Unmapped("LAB|NORTH", "PV1-2", "", "X"),
    ]
    assert codes_of([*found, found[0]]) == (Code("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL"),)


ORU = (
    b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada\r"
    b"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310\rOBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F\r"
)


async def test_T66_a_person_maps_the_code_and_what_waited_goes_on_with_it(opened: Open, tmp_path: Path) -> None:
    """From the door to the target: accepted, waiting, listed in the inbox, mapped there, delivered with the code."""
    folder = tmp_path / "terminology"
    folder.mkdir()
    journal = await opened(str(tmp_path / "journal.db"))
    converter = Reloading(RuleFiles(None, folder, None, Options(unmapped={"": "queue"})))
    inbox = Inbox(tmp_path / "inbox.db")
    counting = Counting(inbox, tmp_path / "counts")
    desk = Desk(inbox, folder, lambda: converter.terminology, WaitingMessages(journal.database))
    sink, policies = Sink(), Policies({})
    conversions = Conversions(converter, unknown=counting)
    worker = Worker(journal, conversions, Deliveries(routes(sink), policies, Retry()), policies, poll_s=0.05)
    worker.start()
    intake = JournaledIntake(
        journal, conversions, worker, policies, Headroom(journal.database, bytes=0, share=0), Replies(journal)
    )
    receipt = await intake(ORU, Peer("mllp", "192.0.2.1"))
    assert (receipt.outcome, receipt.state) == ("accepted", "waiting")
    await intake.settle()
    await counting.close()
    (entry,) = inbox.entries(state="open")
    target = MapRow(
        target_system="http://loinc.org", target_code="15074-8", target_display="Glucose", equivalence="equivalent"
    )
    assert (await asyncio.to_thread(desk.accept, entry, target, by="ada", dry_run=True)).waiting == 1
    assert sink.parcels == []
    assert (await asyncio.to_thread(desk.accept, entry, target, by="ada")).waiting == 1
    assert await let_go(Releases(journal, conversions)) == 1
    worker.wake()
    await until(lambda: bool(sink.parcels))
    assert b"15074-8" in sink.parcels[0].body
    await worker.stop()
    inbox.close()


async def test_T62_a_message_counts_once_however_often_it_is_converted(opened: Open, tmp_path: Path) -> None:
    """Sent again, looked over for a release, converted again when one of its two codes was mapped."""
    sheet = tmp_path / "terminology" / "maps" / "north.csv"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(f"{','.join(COLUMNS)}\n")
    journal = await opened(str(tmp_path / "journal.db"))
    options = Options(unmapped={"OBX-3": "queue"})
    conversions = Conversions(
        Reloading(RuleFiles(terminology=tmp_path / "terminology", options=options)),
        unknown=(counting := Counting(Inbox(tmp_path / "inbox.db"), tmp_path / "counts")),
    )
    sink, policies = Sink(), Policies({})
    worker = Worker(journal, conversions, Deliveries(routes(sink), policies, Retry()), policies, poll_s=0.02)
    intake = JournaledIntake(
        journal, conversions, worker, policies, Headroom(journal.database, bytes=0, share=0), Replies(journal)
    )
    releases = Releases(journal, conversions)
    worker.start()
    try:
        for _ in range(2):
            receipt = await intake(oru("M1", "A", "GLU"), Peer("lab", "127.0.0.1"))
            assert receipt.outcome == "accepted"
            if receipt.keep is not None:
                receipt.keep(b"AA")
            await intake.settle()
        assert receipt.earlier
        sheet.write_text(f"{','.join(COLUMNS)}\nLAB|NORTH,OBX-3,99LAB,NA,,,LN,2951-2,,,,,\n")
        async with asyncio.timeout(20):
            before = conversions.rules
            while conversions.fresh() == before:
                await asyncio.sleep(0.01)
        assert await releases.look() == 0  # other rules, and the code is looked for again
        sheet.write_text(f"{','.join(COLUMNS)}\nLAB|NORTH,OBX-3,99LAB,GLU,,,LN,14749-6,,,,,\n")
        assert await let_go(releases) == 1
        worker.wake()
        await until(lambda: bool(sink.parcels))
    finally:
        await worker.stop()
    await counting.close()
    assert [(one.key.code, one.count) for one in counting.inbox.entries()] == [("GLU", 1)]
    counting.inbox.close()
