"""Counts are right: fifty unknowns in ten thousand messages, eight workers, and after kill -9 (T-62)."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from segue.convert import Converter
from segue.delivery.conversions import Conversions
from segue.delivery.intake import Peer, Pipeline
from segue.inbox.counting import Counting
from segue.inbox.store import Inbox
from segue.terminology import Unmapped


def unmapped(n: int) -> Unmapped:
    return Unmapped("LAB|NORTH", "OBX-3", "L", f"T{n}", "mg/dL", f"Test {n}")


def test_T62_fifty_unknowns_in_ten_thousand_messages(tmp_path: Path, inbox: Inbox) -> None:
    counting = Counting(inbox, tmp_path / "counts")

    def work(worker: int) -> None:
        for n in range(worker, 10_000, 8):
            counting.note([unmapped(n % 50), unmapped((n * 7 + 1) % 50)], [], f"M{n}")
            if n % 1600 == worker:
                counting.drain()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    counting.shut()
    wanted = {f"T{n}": 0 for n in range(50)}
    for n in range(10_000):
        for code in {n % 50, (n * 7 + 1) % 50}:
            wanted[f"T{code}"] += 1
    entries = inbox.entries(limit=None)
    assert len(entries) == 50
    assert {one.key.code: one.count for one in entries} == wanted
    assert list((tmp_path / "counts").iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import Any
from segue.inbox.counting import Counting
from segue.inbox.store import Inbox
from segue.terminology import Unmapped
counting = Counting(Inbox(sys.argv[1]), Path(sys.argv[2]))
for n in range(1000):
    counting.note([Unmapped("LAB|NORTH", "OBX-3", "L", f"T{n % 50}")], [], f"M{n}")
    if n in (300, 600):
        counting.drain()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_T62_counts_of_replicas_survive_kill_9(where: str, inbox: Inbox, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for _ in range(2):
        replicas = [subprocess.Popen([sys.executable, "-c", KILLED, where, str(folder)]) for folder in folders]
        assert {replica.wait() for replica in replicas} == {-signal.SIGKILL}
    for folder in folders:
        Counting(inbox, folder).shut()
        assert list(folder.iterdir()) == []
    entries = inbox.entries(limit=None)
    assert (len(entries), {one.count for one in entries}) == (50, {80})


async def test_T62_a_server_that_is_away_costs_no_count(inbox: Inbox, tmp_path: Path, logged: Any) -> None:
    away = Counting(Inbox("postgresql://test@127.0.0.1:1/inbox"), tmp_path / "counts")
    away.note([unmapped(1)], [], "M1")
    away.start()
    await away.close()
    assert [line["event"] for line in logged()] == ["inbox.not-counted"]
    Counting(inbox, tmp_path / "counts").shut()
    assert [one.count for one in inbox.entries()] == [1]


async def test_T62_messages_of_the_door_are_counted_in_the_background(tmp_path: Path, inbox: Inbox) -> None:
    counting = Counting(inbox, tmp_path / "counts", clock=iter(range(1, 100)).__next__)
    pipeline = Pipeline(Conversions(Converter(), unknown=counting), None)
    for n in range(20):
        raw = (
            f"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M{n}|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada\r"
            f"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310\rOBX|1|NM|GLU^Glucose^L||5.{n}|mmol/L|||||F\r"
        )
        assert (await pipeline(raw.encode(), Peer("mllp", "127.0.0.1"))).outcome == "accepted"
    assert inbox.entries() == []
    counting.start()
    await counting.close()
    (one,) = inbox.entries()
    assert (one.key.code, one.key.sender, one.count) == ("GLU", "LAB|NORTH", 20)
    assert one.samples == ("M19", "M18", "M17", "M16", "M15")


async def test_T62_a_disk_that_is_full_costs_a_count_not_the_message() -> None:
    class Full:
        def note(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

    raw = b"MSH|^~\\&|LAB|NORTH|||20240310||ADT^A08^ADT_A01|M1|P|2.5.1\rPID|1||7||Novak^Ada||1980|F\r"
    pipeline = Pipeline(Conversions(Converter(), unknown=Full()), None)
    assert (await pipeline(raw, Peer("mllp", "127.0.0.1"))).outcome == "accepted"


async def test_T62_draining_at_once_counts_once(tmp_path: Path, inbox: Inbox) -> None:
    counting = Counting(inbox, tmp_path / "counts")
    counting.note([unmapped(1)], [], "M1")
    await asyncio.gather(*(asyncio.to_thread(counting.drain) for _ in range(4)))
    assert inbox.entries()[0].count == 1
    await counting.close()
