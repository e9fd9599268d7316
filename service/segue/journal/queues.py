"""The queues of order keys: one place a key for each open message, the first of each queue marked (S-47 to S-51, S-91).

    key 7:  ■ m1   □ m4   □ m9          m4 waits for one key, m9 for two:
    key 8:  ■ m2   □ m9                 a message is ready when it is first in all its queues

A message that leaves hands its marks to the next in line; `waits` on the message counts the marks it lacks, so that
what is ready is found without looking at what is not. Places grow in the order of commits, and who waits, waits for
an earlier place: nobody waits in a circle. Everything here runs in the writer's turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from segue.journal.schema import HEAD_WHERE, message, message_key, patient_key

PLACES = 1_000_000  # between two ids: for messages that queue again
PATIENT_KEYS = 64  # identifiers remembered as one patient; a number that everybody has stops here

_Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Queued:
    """A message with its keys on the way into the queues."""

    id: int
    place: int
    keys: tuple[int, ...]


def enter(connection: Connection, messages: Sequence[Queued]) -> dict[int, int]:
    """Queues messages in the order given; returns how many marks each lacks."""
    wanted = {key for one in messages for key in one.keys}
    taken = set(connection.scalars(FIRST, {"keys": list(wanted)})) if wanted else set[int]()
    rows: _Rows = []
    waits: dict[int, int] = {}
    for one in messages:
        waits[one.id] = sum(key in taken for key in one.keys)
        rows += ({"key": key, "place": one.place, "message_id": one.id, "head": key not in taken} for key in one.keys)
        taken.update(one.keys)
    if rows:
        connection.execute(insert(message_key), rows)
    return waits


def leave(connection: Connection, ids: Collection[int]) -> int:
    """Takes messages out of their queues and hands their marks on; returns how many."""
    if not ids:
        return 0
    given = {"ids": list(ids)}
    freed = [(key, place) for key, place in connection.execute(_NEXT, given) if place is not None]
    connection.execute(_LEAVE, given)
    _mark(connection, freed)
    return len(freed)


def _mark(connection: Connection, places: Iterable[tuple[int, int]]) -> None:
    rows = [{"k": key, "p": place} for key, place in places]
    if rows:
        connection.execute(_PROMOTE, rows)
        connection.execute(_ONE_LESS, rows)


def patients(connection: Connection, sets: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], int]:
    """The patient of each set of identifiers; sets with an identifier in common become one (S-49)."""
    wanted = {key for keys in sets for key in keys}
    known = {row.key: row.patient for row in connection.execute(_PATIENTS, {"keys": list(wanted)})}
    found: dict[tuple[int, ...], int] = {}
    new: dict[int, int] = {}
    joined: dict[int, int] = {}

    def root(patient: int) -> int:
        while patient in joined:
            patient = joined[patient]
        return patient

    for keys in sets:
        groups = {root(known[key]) for key in keys if key in known}
        target = min(groups) if groups else min(keys)
        for other in groups - {target}:
            if _size(connection, target) + _size(connection, other) <= PATIENT_KEYS:
                joined[other] = target
                _join(connection, target, other)
        for key in keys:
            if key not in known:
                known[key] = new[key] = target
        found[keys] = target
    if new:
        connection.execute(insert(patient_key), [{"key": k, "patient": root(p)} for k, p in new.items()])
    return {keys: root(patient) for keys, patient in found.items()}


def _size(connection: Connection, patient: int) -> int:
    return connection.execute(
        select(func.count()).select_from(patient_key).where(patient_key.c.patient == patient)
    ).scalar_one()


def _join(connection: Connection, target: int, other: int) -> None:
    """One patient from now on: open messages of the one queue among those of the other, too."""
    connection.execute(update(patient_key).where(patient_key.c.patient == other).values(patient=target))
    there = select(message_key.c.message_id).where(message_key.c.key == target)
    joining = connection.execute(
        select(message_key.c.message_id, message_key.c.place)
        .where(message_key.c.key == other, message_key.c.message_id.not_in(there))
        .order_by(message_key.c.place)
    ).all()
    for id, place in joining:
        if not _squeeze(connection, target, place, id):
            connection.execute(_ONE_MORE, {"m": id})


def enter_at(connection: Connection, id: int, place: int, keys: Sequence[int]) -> int:
    """Queues a message at a place among others, before those of later places that are not about to run; returns how
    many marks it lacks."""
    while connection.scalar(_USED, {"keys": list(keys), "p": place}) is not None:
        place += 1
    return sum(not _squeeze(connection, key, place, id) for key in keys)


def _squeeze(connection: Connection, key: int, place: int, id: int) -> bool:
    """A place in the queue of a key that others stand in; True where it is the first."""
    first = connection.execute(
        select(message_key.c.message_id, message_key.c.place, message.c.waits)
        .join(message, message.c.id == message_key.c.message_id)
        .where(message_key.c.key == key, HEADS)
    ).one_or_none()
    # Who is first but waits elsewhere steps back behind an earlier one; who is first and may run, runs (S-54).
    steps_back = first is not None and first.place > place and first.waits > 0
    if first is not None and steps_back:
        connection.execute(_DEMOTE, {"k": key, "p": first.place})
        connection.execute(_ONE_MORE, {"m": first.message_id})
    head = first is None or steps_back
    connection.execute(insert(message_key), {"key": key, "place": place, "message_id": id, "head": head})
    return head


HEADS = text(HEAD_WHERE)  # in the words of the index
FIRST = select(message_key.c.key).where(message_key.c.key.in_(bindparam("keys", expanding=True)), HEADS)
_USED = (
    select(message_key.c.place)
    .where(message_key.c.key.in_(bindparam("keys", expanding=True)), message_key.c.place == bindparam("p"))
    .limit(1)
)
_PATIENTS = select(patient_key.c.key, patient_key.c.patient).where(
    patient_key.c.key.in_(bindparam("keys", expanding=True))
)
_later = message_key.alias("later")
_NEXT = select(
    message_key.c.key,
    select(_later.c.place)
    .where(_later.c.key == message_key.c.key, _later.c.message_id.not_in(bindparam("ids", expanding=True)))
    .order_by(_later.c.place)
    .limit(1)
    .scalar_subquery(),
).where(message_key.c.message_id.in_(bindparam("ids", expanding=True)), message_key.c.head.is_(True))
_LEAVE = delete(message_key).where(message_key.c.message_id.in_(bindparam("ids", expanding=True)))
_PROMOTE = (
    update(message_key)
    .where(message_key.c.key == bindparam("k"), message_key.c.place == bindparam("p"))
    .values(head=True)
)
_DEMOTE = (
    update(message_key)
    .where(message_key.c.key == bindparam("k"), message_key.c.place == bindparam("p"))
    .values(head=False)
)
_ONE_LESS = (
    update(message)
    .where(
        message.c.id
        == select(message_key.c.message_id)
        .where(message_key.c.key == bindparam("k"), message_key.c.place == bindparam("p"))
        .scalar_subquery()
    )
    .values(waits=message.c.waits - 1)
)
_ONE_MORE = update(message).where(message.c.id == bindparam("m")).values(waits=message.c.waits + 1)
