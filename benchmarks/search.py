"""A journal with a million messages: how long it takes to find one and to list them, and whether new ones go through it as
quickly as through an empty one (O-51, O-65).

    python -m benchmarks.search [MESSAGES] [FILE]

The rows are written as intake and worker leave them, without bodies, which no search reads; a FILE that is there already is
used as it is. Each look-up is made with values from all over the journal; what is shown is the median and the longest.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, update

from benchmarks.machine import facts
from benchmarks.messages import admissions
from segue.convert import Converter
from segue.journal import metadata
from segue.journal.content import packed
from segue.journal.database import Database
from segue.journal.journal import Journal
from segue.journal.schema import delivery, message, number, tally, timeline
from segue.journal.search import Query, found, parked, told
from segue.journal.transitions import Step

BLOCK = 20_000
BEGIN = 1_772_000_000.0
EVERY_S = 2.0  # between two messages
SENDERS = 300
TYPES = ("ADT^A01", "ADT^A08", "ADT^A03", "ORU^R01", "ORM^O01")
BOUND_MS = 100.0
ROUNDS, NEW = 5, 200


def filled(database: Database, count: int) -> None:
    chance = random.Random(1)
    with database.write() as connection:
        for start in range(1, count + 1, BLOCK):
            ids = range(start, min(start + BLOCK, count + 1))
            connection.begin()
            rows, events, numbers, sent = _block(ids, count, chance)
            connection.execute(insert(message), rows)
            connection.execute(insert(timeline), events)
            connection.execute(insert(number), numbers)
            connection.execute(insert(delivery), sent)
            connection.commit()
            print(f"\r{ids[-1]:,} messages", end="", file=sys.stderr, flush=True)
        connection.begin()
        held = count // 1000
        for state, total in (("*received", count), ("delivered", count - held), ("dead", held)):
            connection.execute(update(tally).where(tally.c.state == state).values(count=total))
        connection.commit()
    print(file=sys.stderr)


def _block(ids: range, count: int, chance: random.Random) -> tuple[list[dict[str, Any]], ...]:
    rows: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    numbers: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    for id in ids:
        at = BEGIN + id * EVERY_S
        state = "dead" if id % 1000 == 0 else "delivered"
        sender = chance.randrange(SENDERS)
        rows.append(
            {
                "id": id, "received_at": at, "listener": "mllp", "address": "10.0.0.1", "sender": f"LAB{sender}|NORTH",
                "control_id": f"C{id:08}", "type": TYPES[id % len(TYPES)], "sent_at": "", "digest": f"{id:064x}", "size": 2000,
                "state": state, "state_at": at + 1, "reason": "", "not_before": 0.0, "waits": 0, "lease_until": 0.0, "fence": 1,
                "starts": 0, "tries": 0, "rules": "0" * 64, "identity": id, "duplicate": -id,
            }
        )  # fmt: skip
        events += (
            {"message_id": id, "at": at, "state": name, "reason": "", "target": ""}
            for name in ("received", "converted", state)
        )
        patient = chance.randrange(max(1, count // 10))
        for kind, value in (("patient", f"P{patient}"), ("visit", f"V{id // 4}"), ("order", f"O{id}")):
            numbers.append({"message_id": id, "kind": kind, "value": value})
        sent.append(
            {"message_id": id, "target": "deliver", "state": "delivered", "tries": 1, "at": at + 1, "reason": ""}
        )
    return rows, events, numbers, sent


def lookups(count: int) -> Iterator[tuple[str, Callable[[random.Random], Query]]]:
    """What people ask, each with values of its own."""
    yield "by control id", lambda r: Query(control_id=f"C{r.randint(1, count):08}")
    yield "by patient number", lambda r: Query(number=f"P{r.randrange(max(1, count // 10))}")
    yield "by order number", lambda r: Query(number=f"O{r.randint(1, count)}")
    yield "an hour", lambda r: (lambda at: Query(since=at, until=at + 3600))(BEGIN + r.random() * count * EVERY_S)
    yield "the newest of a sender", lambda r: Query(sender=f"LAB{r.randrange(SENDERS)}|NORTH")
    yield (
        "a type on a day",
        lambda r: (lambda at: Query(type=r.choice(TYPES), since=at, until=at + 86400))(
            BEGIN + r.random() * count * EVERY_S
        ),
    )
    yield "dead ones", lambda r: Query(states=("dead",))
    yield (
        "dead ones of a sender in a month",
        lambda r: Query(
            states=("dead",), sender=f"LAB{r.randrange(SENDERS)}|NORTH", since=BEGIN + count * EVERY_S - 30 * 86400
        ),
    )
    yield "the newest", lambda r: Query()


async def through(where: str, converter: Converter, messages: Iterable[bytes]) -> float:
    """Messages a second: received, converted and delivered, 16 at a time."""
    journal = await Journal.open(where)
    gate = asyncio.Semaphore(16)

    async def one(raw: bytes) -> None:
        async with gate:
            entered = await journal.receive(raw, metadata.read(raw), listener="mllp")
            contents = {"bundle": packed(converter.convert(raw).json())}
            step = Step(entered.id, entered.fence, "converted", keep=True, contents=contents)
            assert await journal.move(step)
            assert await journal.move(Step(entered.id, entered.fence, "delivered"))

    batch = list(messages)
    begin = time.perf_counter()
    await asyncio.gather(*(one(raw) for raw in batch))
    spent = time.perf_counter() - begin
    await journal.close()
    return len(batch) / spent


def rates(full: str, empty: str) -> tuple[float, float]:
    """The best of some rounds each, in turns, so that the machine is the same for both."""
    converter = Converter()
    new = admissions(2 * (ROUNDS + 1) * NEW)
    best = [0.0, 0.0]
    for _ in range(ROUNDS + 1):  # the first learns
        for place, where in enumerate((empty, full)):
            best[place] = max(best[place], asyncio.run(through(where, converter, islice(new, NEW))))
    return best[0], best[1]


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "journal.db"
        new = not file.exists()
        database = Database(str(file))
        database.migrate()
        if new:
            filled(database, count)
        table = Table(
            caption="\n".join([*facts(), f"{count:,} messages, {database.size_bytes() >> 20} MiB without bodies"])
        )
        for heading in ("looked up", "rows", "median ms", "longest ms"):
            table.add_column(heading, justify="left" if heading == "looked up" else "right")
        worst = 0.0
        for name, asked in lookups(count):
            chance = random.Random(2)
            rows, spent = 0, []
            for _ in range(20):
                query = asked(chance)
                rows, taken_ms = _timed(database, lambda connection, query=query: len(found(connection, query)))
                spent.append(taken_ms)
            worst = max(worst, statistics.median(spent))
            table.add_row(name, str(rows), f"{statistics.median(spent):.1f}", f"{max(spent):.1f}")
        for name, look in (
            ("one with its timeline", lambda c: len(told(c, count // 2) or ())),
            ("what is parked", parked),
        ):
            _, taken_ms = _timed(database, look)
            table.add_row(name, "", f"{taken_ms:.1f}", f"{taken_ms:.1f}")
        database.close()
        empty, full = rates(str(file), str(Path(folder) / "empty.db"))
        table.caption = f"{table.caption}\nnew messages a second: {full:.0f}, through an empty journal {empty:.0f}"
        Console(width=None if sys.stdout.isatty() else 120).print(table)
    return 0 if worst < BOUND_MS else 1


def _timed(database: Database, look: Callable[[Any], Any]) -> tuple[Any, float]:
    with database.read() as connection:
        begin = time.perf_counter()
        out = look(connection)
        return out, (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    sys.exit(main())
