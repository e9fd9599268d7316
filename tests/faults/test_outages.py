"""The database dies and comes back; the FHIR server is away and comes back (S-T04, S-T17, S-T18; S-63, S-94)."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from time import monotonic

import pytest

from .laboratory import Nursery, Sender, Service, Stub, judge, more, quiet

pytestmark = pytest.mark.asyncio(loop_scope="session")
OUTAGE_S = float(os.environ.get("OUTAGE_S", "2"))


async def test_ST04_the_database_crashes_under_load(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cluster = request.getfixturevalue("cluster")
    where = cluster.database()
    stub = Stub(tmp_path)
    await stub.start()
    service = Service(where, stub.url, tmp_path / "log", nursery)
    stopping = asyncio.Event()
    senders = [Sender([f"P{n}"], [service.port], random.Random(n)) for n in range(3)]
    try:
        await service.start()
        running = [asyncio.create_task(one.run(stopping)) for one in senders]
        for _ in range(2):
            await more(senders)
            await asyncio.to_thread(cluster.crash)
            await asyncio.to_thread(cluster.start)
        await more(senders)
        stopping.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*running)
        await quiet(where)
        assert await service.stop() == 0
    finally:
        await service.kill()
        await stub.stop()
    assert service.starts == 1  # it recovered by itself
    verdict = await judge([id for one in senders for id in one.acked], stub.log, where)
    assert verdict.good, verdict


async def test_ST18_the_fhir_server_is_away(nursery: Nursery, tmp_path: Path) -> None:
    """All that came meanwhile is accepted, kept, and delivered in order afterwards."""
    where = str(tmp_path / "journal.db")
    stub = Stub(tmp_path)
    service = Service(where, stub.url, tmp_path / "log", nursery)
    stopping = asyncio.Event()
    senders = [
        Sender([f"P{n}{m:02}" for m in range(50)], [service.port], random.Random(n), pause_s=0.03) for n in range(4)
    ]
    try:
        await service.start()
        running = [asyncio.create_task(one.run(stopping)) for one in senders]
        await more(senders)
        before = service.memory_bytes()
        await asyncio.sleep(OUTAGE_S / 2)
        half = service.memory_bytes()
        await asyncio.sleep(OUTAGE_S / 2)
        during = sum(len(one.acked) for one in senders)
        grown, later = service.memory_bytes() - before, service.memory_bytes() - half
        await stub.start()
        await more(senders)
        stopping.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*running)
        await quiet(where, within_s=120 + OUTAGE_S)
        assert await service.stop() == 0
    finally:
        await service.kill()
        await stub.stop()
    verdict = await judge([id for one in senders for id in one.acked], stub.log, where)
    print(
        f"\n{OUTAGE_S:g} s away, {during} accepted meanwhile, {grown >> 10} KiB grown, {later >> 10} in the second half: {verdict}"
    )
    assert verdict.good, verdict
    assert during > 4
    assert grown < 64 << 20
    assert later < 16 << 20  # what grows with every message would not stop


async def test_ST19_fifty_idle_senders_and_a_stop(nursery: Nursery, tmp_path: Path) -> None:
    """Every answer is written, the journal is closed, and nothing accepted is open to doubt."""
    where = str(tmp_path / "journal.db")
    stub = Stub(tmp_path)
    await stub.start()
    service = Service(where, stub.url, tmp_path / "log", nursery)
    stopping = asyncio.Event()
    senders = [Sender([f"P{n}"], [service.port], random.Random(n)) for n in range(4)]
    try:
        await service.start()
        idle = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(50)]
        running = [asyncio.create_task(one.run(stopping)) for one in senders]
        await more(senders)
        stopping.set()
        begun = monotonic()
        assert await service.stop() == 0
        spent = monotonic() - begun
        await service.start()  # what was sent and not answered is sent again
        async with asyncio.timeout(60):
            await asyncio.gather(*running)
        await quiet(where)
        assert await service.stop() == 0
        for _, writer in idle:
            writer.close()
    finally:
        await service.kill()
        await stub.stop()
    verdict = await judge([id for one in senders for id in one.acked], stub.log, where)
    print(f"\nstopped in {spent:.1f} s: {verdict}")
    assert verdict.good, verdict
    assert spent < 30
