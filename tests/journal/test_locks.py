"""Locks between processes, on each kind of journal (S-61a)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from segue.journal.locks import FileLocks, ServerLocks, locks_of

KEYS = (1, -(1 << 62), (1 << 63) - 1)
Replica = Callable[[], ServerLocks]

HOLD = """
import asyncio, sys
from segue.journal.locks import FileLocks
from pathlib import Path
async def main():
    locks = FileLocks(Path(sys.argv[1]))
    print(await locks.take([7, 8]), await locks.take([1]), flush=True)
    for line in sys.stdin:
        word, key = line.split()
        if word == "give":
            locks.give([int(key)])
        elif word == "wish":
            locks.wish([int(key)])
        print(await locks.wanted([8]), flush=True)
asyncio.run(main())
"""


async def test_S61a_byte_locks_of_a_file(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    locks = FileLocks(journal)
    assert await locks.take(KEYS) == []
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(journal)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "[] [1]\n"
    assert await locks.take([6, 7]) == [7]
    assert await locks.wanted([1]) == set()
    locks.wish([8])
    other.stdin.write("wish 1\n")
    other.stdin.flush()
    assert other.stdout.readline() == "{8}\n"
    assert await locks.wanted([1, 6]) == {1}
    locks.unwish([8])
    other.stdin.write("give 7\n")
    other.stdin.flush()
    assert other.stdout.readline() == "set()\n"
    assert await locks.take([6, 7]) == []
    assert await locks.take([8]) == [8]
    other.kill()
    other.communicate()
    assert await locks.take([8]) == []  # ended with its process
    await locks.close()


@pytest.fixture
async def replica(cluster: Any) -> AsyncIterator[Replica]:
    where = cluster.database()
    async with AsyncExitStack() as stack:

        def build() -> ServerLocks:
            made = locks_of(where, None)
            assert isinstance(made, ServerLocks)
            stack.push_async_callback(made.close)
            return made

        yield build


async def test_S61a_advisory_locks_of_a_server(replica: Replica) -> None:
    one, two = replica(), replica()
    assert not one.sure
    assert await one.take(KEYS) == []
    assert one.sure
    assert await two.take([5, KEYS[1]]) == [KEYS[1]]
    assert await one.take([5]) == []  # given back by who could not have all
    two.wish([KEYS[1]])
    await two.confirm()
    assert await one.wanted([5, *KEYS]) == {KEYS[1]}
    one.give([KEYS[1]])
    await one.confirm()
    assert await two.take([KEYS[1]]) == []
    two.unwish([KEYS[1]])
    await two.confirm()
    assert await two.wanted([KEYS[1]]) == set()


async def test_S61a_a_session_that_ends_loses_its_locks_and_knows_it(replica: Replica, cluster: Any) -> None:
    one, two = replica(), replica()
    assert await one.take([5]) == []
    with one._database.read() as connection:  # pyright: ignore[reportPrivateUsage]
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )
        async with asyncio.timeout(10):
            while await two.take([5]):
                await asyncio.sleep(0.01)
    with pytest.raises(OSError, match="out of reach"):
        await one.confirm()
    assert one.epoch == 1
    assert await one.take([5]) == [5]


async def test_S61a_a_process_that_is_stopped_loses_its_locks(replica: Replica) -> None:
    one = replica()
    assert await one.take([5]) == []
    with one._database.read() as connection:  # pyright: ignore[reportPrivateUsage]
        told = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
        idle = text(
            "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid"
            " WHERE l.locktype = 'advisory' AND a.state = 'idle in transaction'"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert (told, connection.execute(idle).scalar_one()) == ("5s", 1)  # the server ends it by itself
