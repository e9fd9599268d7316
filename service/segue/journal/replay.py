"""Messages worked on again: reopened in their old row, queued as the newest of their keys (S-53, S-68).

The raw bytes stay as they are; the timeline says who asked and why. What would differ is told beforehand by
`difference`, which writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from segue.journal import acknowledgements, queues, staleness, transitions
from segue.journal.schema import delivery, message, message_key, number, tally, timeline, waiting
from segue.journal.staleness import About
from segue.journal.states import FINAL, HELD, RECEIVED
from segue.mllp.mode import Mode


@dataclass(frozen=True, slots=True)
class Reopened:
    """A message in work again, or why not: "unknown", "open", "stale"."""

    id: int
    fence: int = 0
    first: bool = False
    refused: str = ""
    why: str = ""


def reopen(
    connection: Connection,
    now: float,
    id: int,
    keys: Sequence[tuple[int, ...]],
    *,
    by_patient: bool,
    reason: str,
    stale: bool = False,
    owner: str | None = None,
    lease_s: float = 0.0,
    mode: Mode | None = None,
    about: About | None = None,
) -> Reopened:
    """Puts a message back to `received`. `owner`: who works on it at once; `stale`: also over newer ones, which
    `about` finds."""
    row = connection.execute(
        select(message.c.state, message.c.fence).where(message.c.id == id).with_for_update()
    ).one_or_none()
    if row is None:
        return Reopened(id, refused="unknown")
    if row.state not in FINAL and row.state not in HELD:
        return Reopened(id, refused="open")
    about = about or About()
    known = staleness.marks(connection, set(about.keys))
    if not stale:
        found = staleness.check(connection, now, about, known, id=id)
        if found is not None or (row.state == "delivered" and newer(connection, id)):
            return Reopened(id, refused="stale", why=str(found or "stale"))
    staleness.write(connection, now, staleness.keep(now, id, about, known), known)
    waits = _queue_again(connection, id, keys, by_patient=by_patient)
    fence = row.fence + 1
    connection.execute(
        update(message)
        .where(message.c.id == id)
        .values(
            state="received",
            state_at=now,
            reason=reason[:200],
            not_before=0.0,
            waits=waits,
            owner=owner,
            lease_until=now + lease_s if owner else 0.0,
            fence=fence,
            starts=1 if owner else 0,
            tries=0,
            ack=None,  # who sends it again is answered by what becomes of it now
            **({"mode": str(mode)} if mode is not None else {}),
        )
    )
    connection.execute(delete(delivery).where(delivery.c.message_id == id))
    connection.execute(delete(waiting).where(waiting.c.message_id == id))
    connection.execute(
        insert(timeline), {"message_id": id, "at": now, "state": "received", "reason": reason[:200], "target": ""}
    )
    transitions.count(connection, {row.state: -1, "received": 1})
    return Reopened(id, fence, waits == 0)


def hold(connection: Connection, now: float, id: int, reason: str) -> None:
    """A refused message that came again, but late: it waits for a decision instead (S-53)."""
    connection.execute(update(message).where(message.c.id == id).values(state="dead", state_at=now, reason=reason))
    connection.execute(insert(timeline), {"message_id": id, "at": now, "state": "dead", "reason": reason, "target": ""})
    transitions.count(connection, {"refused": -1, "dead": 1})


def _queue_again(connection: Connection, id: int, keys: Sequence[tuple[int, ...]], *, by_patient: bool) -> int:
    """A held message still has its places; one that was done queues as the newest."""
    held = connection.execute(select(message_key.c.head).where(message_key.c.message_id == id)).scalars().all()
    if held:
        return sum(not head for head in held)
    last = connection.scalar(select(tally.c.count).where(tally.c.state == RECEIVED)) or 0
    newest = connection.scalar(
        select(func.max(message_key.c.place)).where(message_key.c.place < (last + 1) * queues.PLACES)
    )
    place = max(last * queues.PLACES, newest or 0) + 1
    patients = queues.patients(connection, keys) if by_patient else {}
    whole = dict.fromkeys(key for one in keys for key in (*one, *((patients[one],) if one in patients else ())))
    return queues.enter(connection, [queues.Queued(id, place, tuple(whole))])[id]


def newer(connection: Connection, id: int) -> int:
    """How many later messages about the same patient were delivered (S-53)."""
    mine = select(number.c.value).where(number.c.message_id == id, number.c.kind == "patient")
    return connection.execute(
        select(func.count(func.distinct(message.c.id)))
        .select_from(number)
        .join(message, message.c.id == number.c.message_id)
        .where(
            number.c.value.in_(mine),
            number.c.kind == "patient",
            message.c.id > id,
            message.c.state == "delivered",
            message.c.sender == select(message.c.sender).where(message.c.id == id).scalar_subquery(),
        )
    ).scalar_one()


def resolve(connection: Connection, now: float, id: int, state: str, reason: str) -> bool:
    """An operator's word on a held message: `ignored`. Its keys are free again (S-52)."""
    row = connection.execute(
        select(message.c.state).where(message.c.id == id, message.c.state.in_(HELD)).with_for_update()
    ).one_or_none()
    if row is None:
        return False
    connection.execute(
        update(message)
        .where(message.c.id == id)
        .values(state=state, state_at=now, reason=reason[:200], owner=None, fence=message.c.fence + 1)
    )
    connection.execute(delete(waiting).where(waiting.c.message_id == id))
    connection.execute(
        insert(timeline), {"message_id": id, "at": now, "state": state, "reason": reason[:200], "target": ""}
    )
    transitions.count(connection, {row.state: -1, state: 1})
    acknowledgements.due(connection, now, {id: acknowledgements.SET_ASIDE})
    queues.leave(connection, [id])
    return True


def difference(before: bytes | None, after: bytes | None) -> list[dict[str, Any]]:
    """What a replay would change: JSON paths with the old and the new value, entries matched by their fullUrl."""
    old, new = (_entries(orjson.loads(body)) if body else {} for body in (before, after))
    found: list[dict[str, Any]] = []
    for url in dict.fromkeys((*old, *new)):
        _compare(url, old.get(url), new.get(url), found)
    return found


def _entries(bundle: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"Bundle": {key: value for key, value in bundle.items() if key != "entry"}}
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource", {})
        out[f"{resource.get('resourceType', '?')} {entry.get('fullUrl', '')}"] = entry
    return out


def _compare(path: str, old: Any, new: Any, found: list[dict[str, Any]]) -> None:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
            _compare(f"{path}.{key}", old.get(key), new.get(key), found)  # pyright: ignore[reportUnknownArgumentType,reportUnknownMemberType]
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):  # pyright: ignore[reportUnknownArgumentType]
            pair = [one[index] if index < len(one) else None for one in (old, new)]  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
            _compare(f"{path}[{index}]", pair[0], pair[1], found)
    else:
        found.append({"path": path, "before": old, "after": new})
