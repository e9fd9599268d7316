"""The power goes: what was not synced is gone, and nothing that was accepted (S-T02; S-20, S-36, S-38).

How many cuts: KILLS, here a few; `make faults` sets it to 200.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from segue.journal.journal import Journal
from segue.journal.search import Query, found
from segue.mllp.client import Client

from .laboratory import NO_COMPILER, Nursery, Service, Stub, kills, message

pytestmark = pytest.mark.asyncio(loop_scope="session")
KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "1"))


class Disk:
    """The folder of a journal, and what would stand on its disk if the power went now; see power_cut.c."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        if nursery.preload is None:
            pytest.skip(NO_COMPILER)
        self._folder, self._synced = folder / "disk", folder / "disk.synced"
        self._folder.mkdir()
        self._synced.mkdir()
        self.journal = str(self._folder / "journal.db")
        self.environment = {"POWER_CUT": str(self._folder)}
        self.cuts = 0
        self.forgotten = 0  # cuts after which something was not there that had been written

    def cut(self) -> None:
        """The process is gone already: and with it everything that was only written."""
        self.cuts += 1
        for file in self._folder.glob("journal.db*"):
            synced = self._synced / file.name
            if not file.name.endswith("-shm") and synced.exists() and file.read_bytes() != synced.read_bytes():
                self.forgotten += 1
                break
        shutil.rmtree(self._folder)
        shutil.copytree(self._synced, self._folder)


async def test_ST02_power_cuts_under_load(nursery: Nursery, tmp_path: Path) -> None:
    disk = Disk(nursery, tmp_path)
    stub = Stub(tmp_path, fault=0.1, slow=0.01, seed=SEED)
    await stub.start()
    service = Service(disk.journal, stub.url, tmp_path / "log", nursery, environment=disk.environment)
    try:
        verdict, loads = await kills([service], stub, disk.journal, count=KILLS, seed=SEED, after=disk.cut)
    finally:
        await service.kill()
        await stub.stop()
    lost = sum(one.resends for one in loads)
    print(f"\n{KILLS} power cuts, {disk.forgotten} with unsynced writes: {verdict}, {lost} connections lost")
    assert verdict.good, verdict
    assert disk.cuts == KILLS


@pytest.mark.parametrize("lies", [False, True])
async def test_ST02_a_disk_that_only_says_that_it_synced_is_caught(
    nursery: Nursery, tmp_path: Path, lies: bool
) -> None:
    """The control: if syncs did nothing, the same cut would lose what was accepted."""
    disk = Disk(nursery, tmp_path)
    away = Stub(tmp_path)  # never started: what is accepted is nowhere but in the journal
    environment = disk.environment | ({"POWER_CUT_LIES": "1"} if lies else {})
    service = Service(disk.journal, away.url, tmp_path / "log", nursery, environment=environment)
    try:
        await service.start()
        async with Client("127.0.0.1", service.port) as client:
            assert {(await client.send(message("P0", n))).code for n in range(5)} == {"AA"}
        await service.kill()
        disk.cut()
    finally:
        await service.kill()
    journal = await Journal.open(disk.journal)
    kept = await journal.look(lambda connection: found(connection, Query()))
    await journal.close()
    assert len(kept) == (0 if lies else 5)
