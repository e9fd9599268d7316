"""What is removed and when: bodies first, rows later, never a message that is open or held (O-31, O-32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from sqlalchemy import Connection, bindparam, delete, exists, func, select

from segue.journal import staleness, transitions
from segue.journal.journal import Journal
from segue.journal.schema import acknowledgement, content, delivery, message, number, timeline, waiting
from segue.journal.states import FINAL, PRUNED

BLOCK = 1000  # messages in one transaction
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many messages lost their bodies, and how many left the journal."""

    bodies: int
    messages: int


async def prune(
    journal: Journal, *, bodies_days: float, history_days: float, states: Sequence[str] = FINAL, dry_run: bool = False
) -> Pruned:
    """Removes what is older, in small transactions, and gives the space back."""
    chosen = [state for state in states if state in FINAL]
    if dry_run:
        return await journal.look(lambda connection: _counted(connection, chosen, bodies_days, history_days))
    bodies = messages = 0
    while done := await journal.call(lambda connection, now: _bodies(connection, now - bodies_days * DAY_S, chosen)):
        bodies += done
    while done := await journal.call(lambda connection, now: _messages(connection, now - history_days * DAY_S, chosen)):
        messages += done
    if messages:
        await journal.call(
            lambda connection, now: staleness.prune(connection, now - history_days * DAY_S), queues=False
        )
    if (bodies or messages) and journal.database.is_file:
        await journal.call(_shrink)
    return Pruned(bodies, messages)


def _shrink(connection: Connection, _now: float) -> None:
    """Gives free pages back to the disk; the driver does it page by page while rows are fetched."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA incremental_vacuum(4096)").fetchall()


def _old(before: float, states: Sequence[str]):
    return (message.c.state.in_(states), message.c.state_at < before)


_HAS_BODY = exists(select(content.c.kind).where(content.c.message_id == message.c.id, content.c.kind != "issues"))


def _bodies(connection: Connection, before: float, states: Sequence[str]) -> int:
    ids = connection.scalars(select(message.c.id).where(*_old(before, states), _HAS_BODY).limit(BLOCK)).all()
    if ids:
        connection.execute(
            delete(content).where(content.c.message_id == bindparam("m"), content.c.kind != "issues"),
            [{"m": id} for id in ids],
        )
    return len(ids)


def _messages(connection: Connection, before: float, states: Sequence[str]) -> int:
    rows = connection.execute(select(message.c.id, message.c.state).where(*_old(before, states)).limit(BLOCK)).all()
    if not rows:
        return 0
    ids = [{"m": row.id} for row in rows]
    for table in (content, timeline, delivery, acknowledgement, number, waiting):
        connection.execute(delete(table).where(table.c.message_id == bindparam("m")), ids)
    connection.execute(delete(message).where(message.c.id == bindparam("m")), ids)
    deltas: dict[str, int] = {PRUNED: len(rows)}
    for row in rows:
        deltas[row.state] = deltas.get(row.state, 0) - 1
    transitions.count(connection, deltas)
    return len(rows)


def _counted(connection: Connection, states: Sequence[str], bodies_days: float, history_days: float) -> Pruned:

    now = time()
    bodies = connection.execute(
        select(func.count()).select_from(message).where(*_old(now - bodies_days * DAY_S, states), _HAS_BODY)
    ).scalar_one()
    messages = connection.execute(
        select(func.count()).select_from(message).where(*_old(now - history_days * DAY_S, states))
    ).scalar_one()
    return Pruned(bodies, messages)
