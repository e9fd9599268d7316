"""Messages that wait for a translation (S-65)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import update

from segue.delivery.conversions import Conversions
from segue.delivery.intake import Peer
from segue.inbox.counting import Counting
from segue.inbox.desk import Desk
from segue.inbox.store import Inbox
from segue.journal.deliveries import Deliveries
from segue.journal.headroom import Headroom
from segue.journal.intake import JournaledIntake
from segue.journal.journal import Journal, balance
from segue.journal.policies import Policies
from segue.journal.retries import Retry
from segue.journal.schema import message
from segue.journal.transitions import Step
from segue.journal.waiting import Code, WaitingMessages, codes_of, hold, release, waiting_for
from segue.journal.worker import Worker
from segue.mapping.context import Options
from segue.reloading import Reloading, RuleFiles
from segue.terminology import Unmapped
from segue.terminology.maprows import MapRow

from .conftest import Open, Sink, adt, ready, receive, routes

GLU = Code("LAB|NORTH", "OBX-3", "99LAB", "GLU")


async def test_S65_exactly_what_waits_for_the_code_goes_on_in_its_place(journal: Journal) -> None:
    entered = [await receive(journal, adt(f"M{n}", mrn)) for n, mrn in enumerate("ABA")]
    assert await hold(journal, Step(1, 1, "waiting"), [GLU])
    assert await hold(journal, Step(2, 1, "waiting"), [GLU._replace(code="NA")])
    assert not await hold(journal, Step(3, 9, "waiting"), [GLU])
    assert len(entered) == 3
    assert await waiting_for(journal) == [(GLU, 1), (GLU._replace(code="NA"), 1)]
    assert await ready(journal, 10) == []  # the third stands behind the first
    assert await release(journal, GLU._replace(sender="other"), "mapped") == []
    assert await release(journal, GLU._replace(sender=""), "mapped") == [1]
    assert await ready(journal, 10) == []  # the rules have a moment to follow
    await journal.call(lambda connection, _: connection.execute(update(message).values(not_before=0.0)))
    assert [claim.id for claim in await ready(journal, 10)] == [1]
    assert await journal.look(balance) == []


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
    desk = Desk(inbox, folder, lambda: converter.terminology, WaitingMessages.beside(journal))
    sink, policies = Sink(), Policies({})
    conversions = Conversions(converter, unknown=counting)
    worker = Worker(journal, conversions, Deliveries(routes(sink), policies, Retry()), policies, poll_s=0.05)
    worker.start()
    intake = JournaledIntake(journal, conversions, worker, policies, Headroom(journal.database, bytes=0, share=0))
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
    async with asyncio.timeout(20):
        while not sink.parcels:
            await asyncio.sleep(0.02)
    assert b"15074-8" in sink.parcels[0].body
    await worker.stop()
    inbox.close()
