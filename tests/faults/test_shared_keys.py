"""Two processes of one journal never send at the same time under a key that both name (S-61a, S-90, S-93)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from segue.mllp.client import Client

from .laboratory import Nursery, Service, Stub, quiet, taken

pytestmark = pytest.mark.asyncio(loop_scope="session")
LONG = int(os.environ.get("KILLS", "2")) > 5
MESSAGES = 100 if LONG else 10  # to each of the two


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    return request.getfixturevalue("cluster").database()


def admission(patient: str, doctor: int) -> bytes:
    """One of many patients, one of three doctors, one ward."""
    return (
        f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||ADT^A01|{patient}-00000|P|2.5\rEVN|A01|20260301\r"
        f"PID|1||{patient}^^^NORTH^MR||Marlow^Ines||19800102|F\rPV1|1|I|W1^2^3^NORTH||||{doctor}^Lee^Ann^^^^^^NORTH\r"
    ).encode()


async def load(services: list[Service]) -> None:
    async def send(service: Service, name: str) -> None:
        async with Client("127.0.0.1", service.port) as client:
            for n in range(MESSAGES):
                assert (await client.send(admission(f"{name}{n}", n % 3))).code == "AA"

    await asyncio.gather(*(send(one, name) for one, name in zip(services, "AB", strict=True)))


async def run(wheres: list[str], tmp_path: Path, nursery: Nursery) -> list[dict[str, str]]:
    stub = Stub(tmp_path, slow=0.03)
    await stub.start()
    services: list[Service] = []
    for n, where in enumerate(wheres):
        one = Service(where, stub.url, tmp_path / f"log{n}", nursery)
        header = {
            "AUTH__API_KEY__HEADER": "X-Process",
            "AUTH__API_KEY__KEY_ENV": "WHO",
            "URL": stub.url,
            "NAME": "fhir",
        }
        one.environment |= {f"SEGUE__TARGETS__0__{name}": value for name, value in header.items()} | {"WHO": f"P{n}"}
        one.deliver = ""
        services.append(one)
    try:
        await asyncio.gather(*(one.start() for one in services))
        await load(services)
        for where in set(wheres):
            await quiet(where)
        for one in services:
            assert await one.stop() == 0
    finally:
        for one in services:
            await one.kill()
        await stub.stop()
    return taken(stub.log)


async def test_S61a_two_processes_and_one_target(where: str, nursery: Nursery, tmp_path: Path) -> None:
    lines = await run([where, where], tmp_path, nursery)
    assert len({line["id"] for line in lines}) == 2 * MESSAGES
    assert {line["who"] for line in lines} == {"P0", "P1"}  # both had their turns
    assert [line for line in lines if line["overlaps"] != "0"] == []


@pytest.mark.skipif(not LONG, reason="make faults: it looks at the stub")
async def test_S61a_without_a_common_journal_they_meet(nursery: Nursery, tmp_path: Path) -> None:
    """The stub sees what it is there to see."""
    lines = await run([str(tmp_path / "a.db"), str(tmp_path / "b.db")], tmp_path, nursery)
    assert any(line["overlaps"] != "0" for line in lines)
