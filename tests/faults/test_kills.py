"""kill -9 at random instants under load: nothing accepted is lost, no patient reordered, no message twice in the
journal (S-T01, S-T05; S-20, S-38, S-41, S-54, S-61, S-90 to S-92).

How many deaths: KILLS, here a few; `make faults` sets it to 200.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from .laboratory import Nursery, Service, Stub, kills

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
