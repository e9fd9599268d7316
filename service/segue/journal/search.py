"""Messages looked up by what an index knows: number, control id, sender, type, state, time (O-51, O-65).

No search reads bodies. A page ends at `limit`; the next begins below the last id. What stands behind a held message
is told as `parked_behind`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from segue.journal import acknowledgements
from segue.journal.schema import delivery, message, message_key, number, sender, timeline
from segue.journal.states import HELD, STATES

LIMIT = 50


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; an empty one finds the newest."""

    id: int | None = None
    control_id: str | None = None
    number: str | None = None  # of a patient, visit or order
    sender: str | None = None  # MSH-3|MSH-4
    listener: str | None = None
    type: str | None = None
    states: tuple[str, ...] = ()
    reason: str | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None  # ids below
    limit: int = LIMIT


def found(connection: Connection, query: Query) -> list[dict[str, Any]]:
    """Newest first."""
    m = message.c
    statement = select(
        m.id, m.received_at, m.listener, m.address, m.sender, m.control_id, m.type, m.sent_at, m.size, m.state,
        m.state_at, m.reason, m.not_before, m.owner, m.starts, m.tries, m.waits, m.digest, m.rules, m.edited_from,
    )  # fmt: skip
    for column, value in (
        (m.id, query.id),
        (m.control_id, query.control_id),
        (m.sender, query.sender),
        (m.listener, query.listener),
        (m.type, query.type),
        (m.reason, query.reason),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if query.number is not None:
        statement = statement.where(m.id.in_(select(number.c.message_id).where(number.c.value == query.number)))
    if query.states and set(query.states) != set(STATES):
        statement = statement.where(m.state.in_(query.states))
    if query.since is not None:
        statement = statement.where(m.id >= _first_id(connection, query.since))
    if query.until is not None:
        statement = statement.where(m.id < _first_id(connection, query.until))
    if query.before is not None:
        statement = statement.where(m.id < query.before)
    rows = connection.execute(statement.order_by(m.id.desc()).limit(query.limit)).mappings().all()
    behind = _parked(connection, [row["id"] for row in rows if row["waits"] > 0])
    return [_shown(dict(row), behind.get(row["id"])) for row in rows]


def _first_id(connection: Connection, at: float) -> int:
    """Ids grow with time: a time is a place among them."""
    found = connection.scalar(
        select(message.c.id).where(message.c.received_at >= at).order_by(message.c.received_at, message.c.id).limit(1)
    )
    if found is not None:
        return found
    return (connection.scalar(select(func.max(message.c.id))) or 0) + 1


def _parked(connection: Connection, ids: list[int]) -> dict[int, int]:
    """For each of these the held message in whose queue it stands."""
    if not ids:
        return {}
    first = message_key.alias("first")
    rows = connection.execute(
        select(message_key.c.message_id, func.min(first.c.message_id))
        .join(first, first.c.key == message_key.c.key)
        .join(message, message.c.id == first.c.message_id)
        .where(message_key.c.message_id.in_(ids), first.c.place < message_key.c.place, message.c.state.in_(HELD))
        .group_by(message_key.c.message_id)
    )
    return {row[0]: row[1] for row in rows.all()}


def _shown(row: dict[str, Any], behind: int | None) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": row["id"],
        "receivedAt": moment(row["received_at"]),
        "listener": row["listener"],
        "address": row["address"],
        "sender": row["sender"],
        "controlId": row["control_id"],
        "type": row["type"],
        "sentAt": row["sent_at"],
        "sizeBytes": row["size"],
        "sha256": row["digest"],
        "state": row["state"],
        "stateAt": moment(row["state_at"]),
        "reason": row["reason"],
        "working": row["owner"] is not None,
        "tries": row["tries"],
    }
    if row["not_before"]:
        out["notBefore"] = moment(row["not_before"])
    if row["edited_from"] is not None:
        out["editedFrom"] = row["edited_from"]
    if behind is not None:
        out["parkedBehind"] = behind
    return out


def told(connection: Connection, id: int) -> dict[str, Any] | None:
    """One message with its timeline, its deliveries and its numbers; without its bytes."""
    rows = found(connection, Query(id=id))
    if not rows:
        return None
    row = rows[0]
    row["timeline"] = [
        {name: value for name, value in (("at", moment(r.at)), ("state", r.state), ("reason", r.reason), ("target", r.target)) if value}
        for r in connection.execute(
            select(timeline.c.at, timeline.c.state, timeline.c.reason, timeline.c.target)
            .where(timeline.c.message_id == id)
            .order_by(timeline.c.id)
        )
    ]  # fmt: skip
    row["deliveries"] = [
        {"target": r.target, "state": r.state, "tries": r.tries, "at": moment(r.at), "reason": r.reason}
        for r in connection.execute(select(delivery).where(delivery.c.message_id == id).order_by(delivery.c.target))
    ]
    row["acknowledgement"] = acknowledgements.told(connection, id)
    row["numbers"] = [
        {"kind": r.kind, "value": r.value}
        for r in connection.execute(
            select(number.c.kind, number.c.value)
            .where(number.c.message_id == id)
            .order_by(number.c.kind, number.c.value)
        )
    ]
    return row


def parked(connection: Connection) -> dict[str, int]:
    """Order keys that a held message parks, and the messages that stand behind one."""
    first = message_key.alias("first")
    keys = connection.execute(
        select(func.count(func.distinct(message_key.c.key)))
        .join(message, message.c.id == message_key.c.message_id)
        .where(message.c.state.in_(HELD))
    ).scalar_one()
    behind = connection.execute(
        select(func.count(func.distinct(message_key.c.message_id)))
        .join(first, first.c.key == message_key.c.key)
        .join(message, message.c.id == first.c.message_id)
        .where(first.c.place < message_key.c.place, message.c.state.in_(HELD))
    ).scalar_one()
    return {"keys": keys, "messages": behind}


def sequences(connection: Connection) -> Iterator[dict[str, Any]]:
    """Sequence numbers by sender (S-46)."""
    for row in connection.execute(select(sender).order_by(sender.c.listener, sender.c.sender)).mappings():
        yield {**row, "at": moment(row["at"])}


def seconds(text: str) -> float:
    """2026-03-01 or 2026-03-01T12:30+01:00, UTC where it has no offset; raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
