"""A disk that does not sync, and a disk that is full: no AA without a sync, an answer always, and well again after
(S-T03; S-20, S-21, S-39, S-42)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from segue.mllp.client import Client

from .laboratory import NO_COMPILER, Service, Stub, compiled, judge, message, quiet


async def test_ST03_a_broken_disk(tmp_path: Path) -> None:
    library, fault, where = compiled("broken_disk.c", tmp_path), tmp_path / "fault", str(tmp_path / "journal.db")
    if library is None:
        pytest.skip(NO_COMPILER)
    stub = Stub(tmp_path)
    await stub.start()
    service = Service(where, stub.url, tmp_path / "log")
    service.environment |= {"LD_PRELOAD": str(library), "BROKEN_DISK": str(fault)}
    acked: list[str] = []
    try:
        await service.start()
        async with Client("127.0.0.1", service.port, timeout_s=30) as client:

            async def send(n: int) -> str:
                reply = await client.send(message("P0", n))
                if reply.accepted:
                    acked.append(f"P0-{n:05}")
                return reply.code

            assert await send(0) == "AA"
            await quiet(where)
            for n, how in enumerate(("EIO", "ENOSPC"), 1):
                fault.write_text(how)
                assert await send(n) == "AR"  # on the same connection: an answer, and no close
                assert await send(n) == "AR"
                fault.unlink()
                async with asyncio.timeout(30):
                    while await send(n) != "AA":
                        await asyncio.sleep(0.05)
            assert await send(3) == "AA"
        await quiet(where)
        assert await service.stop() == 0
    finally:
        await service.kill()
        await stub.stop()
    verdict = await judge(acked, stub.log, where)
    assert verdict.good, verdict
    assert (verdict.acked, verdict.taken) == (4, 4)
