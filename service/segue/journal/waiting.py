"""Messages that wait for the translation of a code, and their release when a map has it (S-65, T-40, T-66).

    converted, policy `queue`, code unknown ─▶ waiting ── the rules changed and know it ─▶ received ─▶ converted …

A waiting message keeps its places in the queues, so that what follows about the same patient follows still. A release
puts back to work exactly those that wait for nothing else, each where it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from segue import log
from segue.database import StoreError, told
from segue.delivery.children import CulpritError
from segue.delivery.conversions import Conversions
from segue.journal import transitions
from segue.journal.content import DamageError
from segue.journal.database import Database
from segue.journal.journal import Journal
from segue.journal.schema import message, timeline, waiting
from segue.journal.transitions import Step
from segue.terminology import Unmapped


class Code(NamedTuple):
    """What has no translation: by sender (MSH-3|MSH-4), field (OBX-3), system, code and unit, as the inbox has it (T-60)."""

    sender: str
    field: str
    system: str
    code: str
    unit: str = ""


class Awaited(NamedTuple):
    """A code that messages wait for."""

    code: Code
    messages: int
    first: int  # the oldest of them
    listener: str  # that took it


def codes_of(unmapped: Iterable[Unmapped]) -> tuple[Code, ...]:
    """The codes for which a message has to wait: those whose policy says so."""
    return tuple(dict.fromkeys(Code(*one[:5]) for one in unmapped if one.policy == "queue"))


def waiting_step(id: int, fence: int, codes: Iterable[Code], contents: dict[str, bytes], rules: str) -> Step:
    """The step with which a message begins to wait; the reason names the fields."""
    reason = " ".join(dict.fromkeys(one.field for one in codes))
    return Step(id, fence, "waiting", reason, contents=contents, rules=rules)


async def hold(journal: Journal, step: Step, codes: Iterable[Code]) -> bool:
    """Makes a step to `waiting` for these codes; False: the claim no longer held."""

    def put(connection: Connection, now: float) -> bool:
        (made,) = transitions.apply(connection, now, [step]).made
        if made:
            connection.execute(delete(waiting).where(waiting.c.message_id == step.id))
            connection.execute(insert(waiting), [{"message_id": step.id, **one._asdict()} for one in codes])
        return made

    return await journal.call(put, lasting=True)


async def release(journal: Journal, known: Code, reason: str) -> list[int]:
    """Puts back to work what waited for this code last; returns the messages."""

    def free(connection: Connection, now: float) -> list[int]:
        those = list(connection.scalars(select(waiting.c.message_id).where(_is(known)).order_by(waiting.c.message_id)))
        connection.execute(delete(waiting).where(_is(known)))
        ids: list[int] = []
        for some in _hundreds(those):
            left = set(connection.scalars(select(waiting.c.message_id).where(waiting.c.message_id.in_(some))))
            held = select(message.c.id).where(message.c.id.in_(set(some) - left), message.c.state == "waiting")
            ids += sorted(connection.scalars(held))
        for some in _hundreds(ids):
            connection.execute(
                update(message)
                .where(message.c.id.in_(some))
                .values(state="received", state_at=now, reason=reason[:200], owner=None, fence=message.c.fence + 1)
            )
            rows = [
                {"message_id": id, "at": now, "state": "received", "reason": reason[:200], "target": ""} for id in some
            ]
            connection.execute(insert(timeline), rows)
        if ids:
            transitions.count(connection, {"waiting": -len(ids), "received": len(ids)})
        return ids

    return await journal.call(free)


def _hundreds(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """In parts that a statement takes."""
    return (ids[start : start + 500] for start in range(0, len(ids), 500))


async def awaited(journal: Journal) -> list[Awaited]:
    """Every code that something waits for, with the number of messages."""
    w = waiting.c
    grouped = (
        select(*(w[name] for name in Code._fields), func.count().label("n"), func.min(w.message_id).label("first"))
        .join(message, and_(message.c.id == w.message_id, message.c.state == "waiting"))
        .group_by(*(w[name] for name in Code._fields))
        .subquery("grouped")
    )
    found = select(grouped, message.c.listener).join(message, message.c.id == grouped.c.first).order_by(grouped.c.first)
    rows = await journal.look(lambda connection: connection.execute(found).all())
    return [
        Awaited(Code(row.sender, row.field, row.system, row.code, row.unit), row.n, row.first, row.listener)
        for row in rows
    ]


@dataclass(slots=True)
class WaitingMessages:
    """How many messages wait for a code, for whoever decides on it; called in a thread."""

    database: Database

    def count(self, key: tuple[str, str, str, str, str]) -> int:
        """Raises StoreError."""
        those = (
            select(func.count())
            .select_from(waiting.join(message, message.c.id == waiting.c.message_id))
            .where(_is(Code(*key)), message.c.state == "waiting")
        )
        try:
            with self.database.read() as connection:
                return connection.scalar(those) or 0
        except SQLAlchemyError as error:
            raise StoreError(told(error, "journal")) from error


def _is(code: Code):
    return and_(*(waiting.c[name] == value for name, value in code._asdict().items()))


@dataclass(slots=True)
class Releases:
    """Lets messages go when the rules know their codes, whoever changed them: an accepted row, an edited sheet, another process.

    Looks one message a code over: what it lacked under these rules, all of that code lack.
    """

    journal: Journal
    conversions: Conversions
    _rules: str = ""
    _lacking: set[Code] = field(default_factory=set[Code])  # under these rules

    async def look(self) -> int:
        """Messages that were let go; raises StoreError."""
        rules = self.conversions.fresh()
        if rules != self._rules:
            self._rules, self._lacking = rules, set()
        gone = 0
        for one in await awaited(self.journal):
            if one.code not in self._lacking:
                if await self._knows(one):
                    gone += len(await release(self.journal, one.code, f"{one.code.field} has a translation"))
                else:
                    self._lacking.add(one.code)
        return gone

    async def _knows(self, one: Awaited) -> bool:
        try:
            raw = await self.journal.raw(one.first)
            if raw is None:
                return False
            found = await self.conversions.convert(raw, one.listener)
        except (CulpritError, DamageError) as fault:
            log.get().error("waiting.look", message=one.first, reason=type(fault).__name__)
            return False
        return found.body is not None and one.code not in codes_of(found.made.unmapped)
