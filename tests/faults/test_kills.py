"""kill -9 at random instants under load: nothing accepted is lost, no patient reordered, no message twice in the
journal (S-T01, S-T05; S-20, S-38, S-41, S-54, S-61, S-90 to S-92).

How many deaths: KILLS, here a few; `make faults` sets it to 200.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio

from .laboratory import Nursery, Sender, Service, Stub, judge, kills, more, quiet

pytestmark = pytest.mark.asyncio(loop_scope="session")
KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "1"))


@pytest_asyncio.fixture(loop_scope="session")
async def stub(tmp_path: Path) -> AsyncIterator[Stub]:
    made = Stub(tmp_path, fault=0.1, slow=0.01, seed=SEED)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=["sqlite", *(["postgresql"] if KILLS > 5 else [])])  # few deaths: the replicas' are enough
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    return request.getfixturevalue("cluster").database()


async def test_ST01_killed_under_load(where: str, stub: Stub, nursery: Nursery, tmp_path: Path) -> None:
    service = Service(where, stub.url, tmp_path / "log", nursery)
    try:
        verdict, loads = await kills([service], stub, where, count=KILLS, seed=SEED)
    finally:
        await service.kill()
    print(f"\n{KILLS} kills: {verdict}, {sum(one.resends for one in loads)} connections lost")
    assert verdict.good, verdict
    assert service.starts == KILLS + 1
    assert verdict.acked >= KILLS
    assert sum(one.resends for one in loads) >= KILLS


async def test_ST05_three_replicas_of_which_one_dies(
    stub: Stub, nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = request.getfixturevalue("cluster").database()
    services = [Service(where, stub.url, tmp_path / f"log{n}", nursery) for n in range(3)]
    try:
        verdict, loads = await kills(services, stub, where, count=KILLS, seed=SEED)
    finally:
        for service in services:
            await service.kill()
    print(f"\n{KILLS} kills of 3 replicas: {verdict}, {sum(one.resends for one in loads)} connections lost")
    assert verdict.good, verdict


@pytest.mark.skipif(KILLS < 6, reason="half a minute: make faults")
async def test_ST05_throughput_recovers_when_a_replica_dies(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One of three is killed every ten seconds and comes back after three: the others take over its senders."""
    where = request.getfixturevalue("cluster").database()
    stub = Stub(tmp_path)
    await stub.start()
    services = [Service(where, stub.url, tmp_path / f"log{n}", nursery) for n in range(3)]
    stopping = asyncio.Event()
    ports = [one.port for one in services]
    senders = [Sender([f"P{s}{p}" for p in range(20)], ports, random.Random(s)) for s in range(8)]
    rounds: list[tuple[int, int]] = []

    def between(begin: float, end: float) -> int:
        return sum(begin <= at < end for one in senders for at in one.at)

    try:
        await asyncio.gather(*(one.start() for one in services))
        running = [asyncio.create_task(one.run(stopping)) for one in senders]
        await more(senders)
        for service in services:
            await asyncio.sleep(5)
            killed = monotonic()
            await service.kill()
            await asyncio.sleep(3)
            await service.start()
            await asyncio.sleep(2)
            rounds.append((between(killed - 3, killed), between(killed, killed + 3)))
        stopping.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*running)
        await quiet(where)
        for service in services:
            assert await service.stop() == 0
    finally:
        for service in services:
            await service.kill()
        await stub.stop()
    verdict = await judge([id for one in senders for id in one.acked], stub.log, where)
    print(f"\naccepted in the three seconds before and after a kill: {rounds}; {verdict}")
    assert verdict.good, verdict
    assert all(after > before / 4 for before, after in rounds)
