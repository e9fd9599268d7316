"""Messages that wait for the translation of a code, and their release when it is there (S-65, T-66).

    converted, a code without translation, policy queue ─▶ waiting ── a person maps the code ──▶ received ─▶ …

A waiting message keeps its places in the queues, so that what follows about the same patient follows still. A release
puts back to work exactly those that wait for that code, each where it stood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from segue.journal import transitions
from segue.journal.journal import Journal
from segue.journal.schema import message, timeline, waiting
from segue.journal.transitions import Step
from segue.terminology import Unmapped

FOLLOWS_S = 1.0  # the rules follow their files within this time, in every process (T-28)
RELEASE_S = 30.0  # longest wait for the journal

Result = TypeVar("Result")


class Code(NamedTuple):
    """What has no translation, as in the inbox (T-60)."""

    sender: str  # MSH-3|MSH-4
    field: str  # OBX-3
    system: str
    code: str
    unit: str = ""


def codes_of(unmapped: Iterable[Unmapped]) -> tuple[Code, ...]:
    """The codes for which a message has to wait: those whose policy says so."""
    found = (Code(one.sender, one.field, one.system, one.code, one.unit) for one in unmapped if one.policy == "queue")
    return tuple(dict.fromkeys(found))


async def hold(journal: Journal, step: Step, codes: Iterable[Code]) -> bool:
    """Makes a step to `waiting` for these codes; False: the claim no longer held."""

    def put(connection: Connection, now: float) -> bool:
        (made,) = transitions.apply(connection, now, [step]).made
        if made:
            connection.execute(delete(waiting).where(waiting.c.message_id == step.id))
            connection.execute(insert(waiting), [{"message_id": step.id, **one._asdict()} for one in codes])
        return made

    return await journal.call(put, lasting=True)


def waiting_step(id: int, fence: int, codes: Iterable[Code], contents: dict[str, bytes], rules: str) -> Step:
    """The step with which a message begins to wait; the reason names the fields."""
    reason = " ".join(dict.fromkeys(one.field for one in codes))
    return Step(id, fence, "waiting", reason, contents=contents, rules=rules)


async def release(journal: Journal, wanted: Code, reason: str) -> list[int]:
    """Puts back to work what waits for a code; an empty sender stands for all. Returns the messages."""

    def free(connection: Connection, now: float) -> list[int]:
        ids = list(connection.scalars(_for(wanted)))
        if ids:
            connection.execute(
                update(message)
                .where(message.c.id.in_(ids))
                .values(
                    state="received",
                    state_at=now,
                    reason=reason[:200],
                    not_before=now + FOLLOWS_S,
                    owner=None,
                    fence=message.c.fence + 1,
                )
            )
            connection.execute(delete(waiting).where(waiting.c.message_id.in_(ids)))
            rows = [
                {"message_id": id, "at": now, "state": "received", "reason": reason[:200], "target": ""} for id in ids
            ]
            connection.execute(insert(timeline), rows)
            transitions.count(connection, {"waiting": -len(ids), "received": len(ids)})
        return ids

    return await journal.call(free)


def _for(wanted: Code) -> Select[int]:
    named = wanted._asdict()
    if not wanted.sender:
        del named["sender"]
    return (
        select(waiting.c.message_id)
        .join(message, message.c.id == waiting.c.message_id)
        .where(message.c.state == "waiting", *(waiting.c[name] == value for name, value in named.items()))
        .distinct()
        .order_by(waiting.c.message_id)
    )


async def waiting_for(journal: Journal) -> list[tuple[Code, int]]:
    """Every code that something waits for, with the number of messages."""
    w = waiting.c
    key = (w.sender, w.field, w.system, w.code, w.unit)
    grouped = select(*key, func.count().label("messages")).group_by(*key).order_by(*key)
    rows = await journal.look(lambda connection: connection.execute(grouped).all())
    return [(Code(*row[:5]), row.messages) for row in rows]


class WaitingMessages:
    """The journal as the inbox sees it, from a thread beside the event loop of the journal: how many wait, let them go."""

    def __init__(self, run: Callable[[Callable[[Journal], Coroutine[Any, Any, Any]]], Any]) -> None:
        """`run` does something with the journal, where the journal lives, and gives what came of it."""
        self._run = run

    @classmethod
    def beside(cls, journal: Journal) -> WaitingMessages:
        """For threads of the process whose running event loop has the journal."""
        loop = asyncio.get_running_loop()
        return cls(lambda work: asyncio.run_coroutine_threadsafe(work(journal), loop).result(RELEASE_S))

    def count(self, key: tuple[str, str, str, str, str]) -> int:
        """Messages that wait for this code."""

        async def work(journal: Journal) -> int:
            counted = select(func.count()).select_from(_for(Code(*key)).subquery())
            return await journal.look(lambda connection: connection.execute(counted).scalar_one())

        return self._run(work)

    def release(self, key: tuple[str, str, str, str, str]) -> int:
        """Lets go exactly the messages that wait for this code; gives their number."""

        async def work(journal: Journal) -> int:
            return len(await release(journal, Code(*key), "mapped"))

        return self._run(work)
