"""Replicas tell each other of work, and find it without being told (S-94)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from segue.journal import bell
from segue.journal.bell import Bell
from segue.journal.journal import Journal
from segue.journal.transitions import Step

from .conftest import Open, adt, receive


@pytest.fixture
async def pair(cluster: Any, opened: Open) -> tuple[Journal, Journal]:
    where = cluster.database()
    return await opened(where), await opened(where)


async def heard(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()
    event.clear()


async def test_S94_work_that_one_does_not_take_wakes_the_others(pair: tuple[Journal, Journal]) -> None:
    mine, other = pair
    event = asyncio.Event()
    listening = Bell(other.database, event.set)
    listening.start()
    await heard(event)  # it listens
    entered = await receive(mine, adt("M1"), claim=True)
    assert await mine.move(Step(entered.id, 1, "converted", keep=True))
    assert not event.is_set()  # taken by who received it: nobody is disturbed
    await receive(mine, adt("M2"), claim=False)
    await heard(event)
    assert await mine.move(Step(entered.id, 1, "delivered"))  # M2 is first in its queue now
    await heard(event)
    await listening.stop()


async def test_S94_a_connection_that_was_lost_is_made_again(
    pair: tuple[Journal, Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "AGAIN_S", 0.01)
    mine, other = pair
    event = asyncio.Event()
    listening = Bell(other.database, event.set)
    listening.start()
    await heard(event)
    with mine.database.read() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        )
    await heard(event)
    await receive(mine, adt("M1"), claim=False)
    await heard(event)
    await listening.stop()
