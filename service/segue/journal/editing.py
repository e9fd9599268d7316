"""A message corrected by a person and sent again: a new message, linked to the old one, whose bytes stay (S-69).

    old, held   ─▶ ignored, "sent again as N"     new: takes its place in the queues, before all that waited behind
    old, done   ─▶ stays                          new: the newest of its patient

Who asked and why stands in the timelines of both.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from segue.journal import arrivals, queues, replay, staleness
from segue.journal import metadata as about
from segue.journal.arrivals import Arrival
from segue.journal.journal import Journal
from segue.journal.metadata import Metadata
from segue.journal.policies import Policies, Policy
from segue.journal.schema import message, message_key, timeline
from segue.journal.states import FINAL, HELD
from segue.mllp.ack import Header


@dataclass(frozen=True, slots=True)
class Resent:
    """The new message, or why there is none: "unknown", "open", "unreadable", "same", "stale"."""

    id: int = 0
    refused: str = ""


async def resend(
    journal: Journal, policies: Policies, id: int, raw: bytes, *, reason: str, by: str, stale: bool = False
) -> Resent:
    """Takes a corrected text in the place of a message. Raises StoreError."""
    if Header.of(raw) is None:
        return Resent(refused="unreadable")
    row = await journal.look(
        lambda connection: connection.execute(
            select(message.c.listener, message.c.address).where(message.c.id == id)
        ).one_or_none()
    )
    if row is None:
        return Resent(refused="unknown")
    policy = policies.of(row.listener)
    found = await asyncio.to_thread(about.read, raw, policy.charset)
    arrival = _arrival(raw, found, policy, row.listener, row.address)
    compares = about.compared(found, row.listener) if policy.stale == "hold" else staleness.About()
    why = f"{by}: {reason}" if by else reason
    return await journal.call(
        lambda connection, now: _put(connection, now, journal, id, arrival, compares, why, stale=stale)
    )


def _arrival(raw: bytes, found: Metadata, policy: Policy, listener: str, address: str) -> Arrival:
    digest = hashlib.sha256(raw).hexdigest()
    identity = about.identity(found, listener)
    return Arrival(
        raw, digest, listener, address, found, about.order_keys(found, policy.order, listener, address),
        policy.order == "patient" and bool(found.patients), identity,
        None if identity is None else about.key_of(str(identity), digest), claim=False,
    )  # fmt: skip


def _put(
    connection: Connection, now: float, journal: Journal, old: int, arrival: Arrival, compares: staleness.About, why: str, *,
    stale: bool,
) -> Resent:  # fmt: skip
    row = connection.execute(
        select(message.c.state, message.c.digest).where(message.c.id == old).with_for_update()
    ).one_or_none()
    if row is None:
        return Resent(refused="unknown")
    if row.state not in FINAL and row.state not in HELD:
        return Resent(refused="open")
    if row.digest == arrival.digest:
        return Resent(refused="same")
    known = staleness.marks(connection, set(compares.keys))
    if not stale and (
        staleness.check(connection, now, compares, known, id=old)
        or (row.state == "delivered" and replay.newer(connection, old))
    ):
        return Resent(refused="stale")
    place = connection.scalar(select(message_key.c.place).where(message_key.c.message_id == old).limit(1))
    (entered,) = arrivals.receive(
        connection, now, [arrival], journal.owner, journal.lease_s, journal.window_s, queued=place is None
    )
    if entered.earlier is not None:
        return Resent(entered.id, refused="same")
    new = entered.id
    if place is not None:
        waits = queues.enter_at(connection, new, place + 1, _keys(connection, arrival))
        connection.execute(update(message).where(message.c.id == new).values(waits=waits))
    staleness.write(connection, now, staleness.keep(now, new, compares, known), known)
    connection.execute(update(message).where(message.c.id == new).values(edited_from=old))
    _note(connection, now, new, "received", f"edited from {old}, {why}")
    if not replay.resolve(connection, now, old, "ignored", f"edited and sent again as {new}, {why}"):
        _note(connection, now, old, row.state, f"edited and sent again as {new}, {why}")
    return Resent(new)


def _keys(connection: Connection, arrival: Arrival) -> tuple[int, ...]:
    patients = queues.patients(connection, arrival.keys) if arrival.by_patient else {}
    return tuple(
        dict.fromkeys(key for one in arrival.keys for key in (*one, *((patients[one],) if one in patients else ())))
    )


def _note(connection: Connection, now: float, id: int, state: str, reason: str) -> None:
    connection.execute(
        insert(timeline), {"message_id": id, "at": now, "state": state, "reason": reason[:200], "target": ""}
    )
