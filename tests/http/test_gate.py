"""How many at once (A-70)."""

from __future__ import annotations

import asyncio

import pytest

from segue.http.gate import Gate
from segue.http.refusal import RequestError


async def test_A70_one_over_the_queue_is_turned_away() -> None:
    gate = Gate(1, 1)
    release = asyncio.Event()
    done: list[str] = []

    async def work(name: str) -> None:
        async with gate.slot():
            await release.wait()
            done.append(name)

    running, waiting = asyncio.create_task(work("running")), asyncio.create_task(work("waiting"))
    await asyncio.sleep(0)
    with pytest.raises(RequestError) as caught:
        await work("refused")
    assert caught.value.status == 503
    release.set()
    await asyncio.gather(running, waiting)
    assert done == ["running", "waiting"]


async def test_A70_a_slot_comes_back_after_a_fault() -> None:
    gate = Gate(1, 0)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            async with gate.slot():
                raise RuntimeError
