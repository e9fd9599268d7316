"""Messages that wait for the translation of a code, and their release when it is there (S-65, T-66).

A waiting message keeps its places in the queues, so that what follows about the same patient follows still. A release
puts back to work exactly those that wait for that code, each where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from segue.journal import transitions
from segue.journal.journal import Journal
from segue.journal.schema import message, timeline, waiting
from segue.journal.transitions import Step


class Code(NamedTuple):
    """What has no translation: by sender (MSH-3|MSH-4), field (OBX-3), system and code."""

    sender: str
    field: str
    system: str
    code: str


async def hold(journal: Journal, id: int, fence: int, codes: Sequence[Code]) -> bool:
    """Puts a claimed message to waiting for these codes; False: the claim no longer held."""
    reason = " ".join(dict.fromkeys(one.field for one in codes))

    def put(connection: Connection, now: float) -> bool:
        (made,) = transitions.apply(connection, now, [Step(id, fence, "waiting", reason)]).made
        if made:
            connection.execute(delete(waiting).where(waiting.c.message_id == id))
            connection.execute(insert(waiting), [{"message_id": id, **one._asdict()} for one in dict.fromkeys(codes)])
        return made

    return await journal.call(put, lasting=True)


async def release(journal: Journal, wanted: Code, reason: str) -> list[int]:
    """Puts back to work what waits for a code; an empty sender stands for all. Returns the messages."""

    def free(connection: Connection, now: float) -> list[int]:
        statement = (
            select(waiting.c.message_id)
            .join(message, message.c.id == waiting.c.message_id)
            .where(
                message.c.state == "waiting",
                waiting.c.field == wanted.field,
                waiting.c.system == wanted.system,
                waiting.c.code == wanted.code,
            )
            .distinct()
            .order_by(waiting.c.message_id)
        )
        if wanted.sender:
            statement = statement.where(waiting.c.sender == wanted.sender)
        ids = list(connection.scalars(statement))
        if ids:
            connection.execute(
                update(message)
                .where(message.c.id.in_(ids))
                .values(state="received", state_at=now, reason=reason[:200], owner=None, fence=message.c.fence + 1)
            )
            connection.execute(delete(waiting).where(waiting.c.message_id.in_(ids)))
            rows = [
                {"message_id": id, "at": now, "state": "received", "reason": reason[:200], "target": ""} for id in ids
            ]
            connection.execute(insert(timeline), rows)
            transitions.count(connection, {"waiting": -len(ids), "received": len(ids)})
        return ids

    return await journal.call(free)


async def waiting_for(journal: Journal) -> list[tuple[Code, int]]:
    """Every code that something waits for, with the number of messages."""

    w = waiting.c
    grouped = (
        select(w.sender, w.field, w.system, w.code, func.count().label("messages"))
        .group_by(w.sender, w.field, w.system, w.code)
        .order_by(w.sender, w.field, w.system, w.code)
    )
    rows = await journal.look(lambda connection: connection.execute(grouped).all())
    return [(Code(row.sender, row.field, row.system, row.code), row.messages) for row in rows]
