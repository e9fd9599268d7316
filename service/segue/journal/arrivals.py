"""Messages into the journal: duplicates found, places drawn, raw bytes stored, all in one transaction (S-38, S-43 to
S-51)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from segue.journal import acknowledgements, queues, staleness, transitions
from segue.journal.acknowledgements import Owed
from segue.journal.metadata import Metadata
from segue.journal.schema import content, message, number, sender, tally, timeline
from segue.journal.staleness import About, Stale
from segue.journal.states import RECEIVED

WINDOW_S = 72 * 3600.0  # in which the same message is a duplicate (S-43)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came."""

    raw: bytes
    digest: str
    listener: str
    address: str
    metadata: Metadata
    keys: tuple[tuple[int, ...], ...]
    by_patient: bool  # the keys are identifiers of patients
    identity: int | None
    duplicate: int | None
    claim: bool = True  # the receiving process works on it at once
    mode: str | None = None  # of one in enhanced mode
    owed: Owed | None = None  # its application acknowledgement
    about: About = field(default=About())  # what is compared with what came last; nothing where nobody asks


@dataclass(frozen=True, slots=True)
class Earlier:
    """The same message, received before."""

    id: int
    state: str
    ack: bytes | None
    ack_rules: str | None


@dataclass(frozen=True, slots=True)
class Entered:
    """What the journal made of an arrival."""

    id: int
    fence: int = 1
    first: bool = True  # first in all its queues
    digest: str = ""
    earlier: Earlier | None = None  # a duplicate: nothing was stored, `id` is the earlier one's
    remarks: tuple[str, ...] = field(default=())  # control-id-reused, sequence-gap, sequence-repeat
    stale: Stale | None = None  # it is held


def receive(
    connection: Connection,
    now: float,
    arrivals: Sequence[Arrival],
    owner: str,
    lease_s: float,
    window_s: float = WINDOW_S,
    *,
    queued: bool = True,
) -> list[Entered]:
    """Stores what is new. The answers are in the order of the arrivals. Not `queued`: the caller gives them their places."""
    known = _known(connection, arrivals, now - window_s)
    results: list[Entered | None] = [None] * len(arrivals)
    fresh: list[tuple[int, Arrival, list[str]]] = []
    stored: dict[int, int] = {}  # duplicate ▸ index of the first in this transaction
    repeats: list[tuple[int, int]] = []
    for index, arrival in enumerate(arrivals):
        if arrival.duplicate is not None:
            if (earlier := known.duplicates.get(arrival.duplicate)) is not None:
                results[index] = Entered(earlier.id, 0, False, arrival.digest, earlier)
                continue
            if arrival.duplicate in stored:
                repeats.append((index, stored[arrival.duplicate]))
                continue
            stored[arrival.duplicate] = index
        remarks: list[str] = []
        if arrival.identity is not None and arrival.identity in known.identities:
            remarks.append("control-id-reused")
        if arrival.identity is not None:
            known.identities.add(arrival.identity)
        fresh.append((index, arrival, remarks))
    if fresh:
        _forget(connection, known, fresh)
        _sequences(connection, now, fresh)
        for index, entered in _store(connection, now, fresh, owner, lease_s, queued=queued):
            results[index] = entered
    for index, first in repeats:
        original = results[first]
        assert original is not None
        results[index] = Entered(original.id, 0, False, original.digest, Earlier(original.id, "received", None, None))
    return [one for one in results if one is not None]


def keep(connection: Connection, acks: Sequence[tuple[int, bytes, str]]) -> None:
    """Stores how messages were answered, and under which rules."""
    connection.execute(_ACK, [{"m": id, "a": ack, "r": rules} for id, ack, rules in acks])


@dataclass(slots=True)
class _Known:
    duplicates: dict[int, Earlier]
    identities: set[int]  # used within the window
    worn: list[int]  # duplicates older than the window, whose places are wanted
    used: list[int]  # identities whose places are wanted


def _known(connection: Connection, arrivals: Sequence[Arrival], since: float) -> _Known:
    duplicates = [one.duplicate for one in arrivals if one.duplicate is not None]
    identities = [one.identity for one in arrivals if one.identity is not None]
    same = connection.execute(_SAME, {"keys": duplicates}).all() if duplicates else ()
    used = connection.execute(_USED, {"keys": identities}).all() if identities else ()
    return _Known(
        {row.duplicate: Earlier(row.id, row.state, row.ack, row.ack_rules) for row in same if row.received_at >= since},
        {row.identity for row in used if row.received_at >= since},
        [row.duplicate for row in same if row.received_at < since],
        [row.identity for row in used],
    )


def _forget(connection: Connection, known: _Known, fresh: Sequence[tuple[int, Arrival, list[str]]]) -> None:
    """The newest of an identity carries it; what is older than the window gives its place to what comes now."""
    coming = {arrival.identity for _, arrival, _ in fresh}
    if taken := [key for key in known.used if key in coming]:
        connection.execute(_NO_IDENTITY, {"keys": taken})
    if known.worn:
        connection.execute(_NO_DUPLICATE, {"keys": known.worn})


def _store(
    connection: Connection, now: float, fresh: Sequence[tuple[int, Arrival, list[str]]], owner: str, lease_s: float, *,
    queued: bool,
) -> list[tuple[int, Entered]]:  # fmt: skip
    last = connection.execute(_DRAW, {"n": len(fresh)}).scalar_one()
    first = last - len(fresh) + 1
    stale = _stale(connection, now, [(id, arrival.about) for id, (_, arrival, _) in enumerate(fresh, first)], first)
    transitions.count(connection, {"received": len(fresh) - len(stale), "dead": len(stale)})
    sets = [keys for _, arrival, _ in fresh if arrival.by_patient for keys in arrival.keys]
    patients = queues.patients(connection, sets) if sets else {}
    places: list[queues.Queued] = []
    for id, (_, arrival, _) in enumerate(fresh, first):
        if id in stale or not queued:
            continue  # what is held parks nobody: those behind it are newer
        keys = dict.fromkeys(
            key for one in arrival.keys for key in (*one, *((patients[one],) if one in patients else ()))
        )
        places.append(queues.Queued(id, id * queues.PLACES, tuple(keys)))
    waits = queues.enter(connection, places)
    newest = {arrival.identity: id for id, (_, arrival, _) in enumerate(fresh, first)}
    rows: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    numbers: list[dict[str, Any]] = []
    for id, (_, arrival, remarks) in enumerate(fresh, first):
        found = arrival.metadata
        held = stale.get(id)
        claim = arrival.claim and held is None
        rows.append(
            {
                "id": id,
                "received_at": now,
                "listener": arrival.listener,
                "address": arrival.address,
                "sender": _clean(found.sender),
                "control_id": _clean(found.control_id),
                "type": _clean(found.type),
                "sent_at": _clean(found.sent_at),
                "digest": arrival.digest,
                "size": len(arrival.raw),
                "state": "received" if held is None else "dead",
                "state_at": now,
                "reason": "" if held is None else str(held),
                "not_before": 0.0,
                "waits": waits.get(id, 0),
                "owner": owner if claim else None,
                "lease_until": now + lease_s if claim else 0.0,
                "fence": 1,
                "starts": 1 if claim else 0,
                "tries": 0,
                "identity": arrival.identity if newest[arrival.identity] == id else None,
                "duplicate": arrival.duplicate,
                "mode": arrival.mode,
            }
        )
        events.append({"message_id": id, "at": now, "state": "received", "reason": " ".join(remarks), "target": ""})
        if held is not None:
            events.append({"message_id": id, "at": now, "state": "dead", "reason": str(held), "target": ""})
        numbers += ({"value": _clean(value), "message_id": id, "kind": kind} for kind, value in found.numbers)
    connection.execute(insert(message), rows)
    connection.execute(
        insert(content), [{"message_id": id, "kind": "raw", "data": a.raw} for id, (_, a, _) in enumerate(fresh, first)]
    )
    connection.execute(insert(timeline), events)
    if numbers:
        connection.execute(insert(number), numbers)
    acknowledgements.owe(connection, now, [(id, a.owed) for id, (_, a, _) in enumerate(fresh, first) if a.owed])
    if stale:
        acknowledgements.due(connection, now, dict.fromkeys(stale, "waiting"))
    return [
        (index, Entered(id, 1, waits.get(id) == 0, arrival.digest, None, tuple(remarks), stale.get(id)))
        for id, (index, arrival, remarks) in enumerate(fresh, first)
    ]


def _stale(connection: Connection, now: float, coming: Sequence[tuple[int, About]], first: int) -> dict[int, Stale]:
    """Those that would undo what came last about the same, and new marks for all others (S-53)."""
    keys = {key for _, about in coming for key in about.keys}
    if not keys:
        return {}
    known = staleness.marks(connection, keys)
    held: dict[int, Stale] = {}
    changed: list[int] = []
    for id, about in coming:
        found = staleness.check(connection, now, about, known, fresh=first)
        if found is None:
            changed += staleness.keep(now, id, about, known)
        else:
            held[id] = found
    staleness.write(connection, now, changed, known)
    return held


def _clean(text: str) -> str:
    """What PostgreSQL's text cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:500]


def _sequences(connection: Connection, now: float, fresh: Sequence[tuple[int, Arrival, list[str]]]) -> None:
    """MSH-13: a step that is not one is told, never enforced (S-46)."""
    with_number = [(a, remarks) for _, a, remarks in fresh if a.metadata.sequence is not None]
    if not with_number:
        return
    last: dict[tuple[str, str], int] = {}
    gaps, again = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for arrival, remarks in with_number:
        who = (arrival.listener, _clean(arrival.metadata.sender))
        if who not in last:
            row = connection.execute(
                select(sender.c.sequence).where(sender.c.listener == who[0], sender.c.sender == who[1])
            ).scalar_one_or_none()
            if row is None:
                connection.execute(
                    insert(sender),
                    {"listener": who[0], "sender": who[1], "sequence": -1, "gaps": 0, "repeats": 0, "at": now},
                )
            last[who] = -1 if row is None else row
        before, sequence = last[who], arrival.metadata.sequence or 0
        if before >= 0 and sequence == before and sequence > 0:
            again[who] += 1
            remarks.append("sequence-repeat")
        elif before >= 0 and sequence not in (before + 1, 0, 1):  # 0 and 1 start anew
            gaps[who] += 1
            remarks.append("sequence-gap")
        last[who] = sequence
    connection.execute(
        _SEQUENCE,
        [
            {"l": who[0], "s": who[1], "n": number, "g": gaps[who], "r": again[who], "t": now}
            for who, number in last.items()
        ],
    )


_ACK = update(message).where(message.c.id == bindparam("m")).values(ack=bindparam("a"), ack_rules=bindparam("r"))
_SAME = select(
    message.c.id, message.c.state, message.c.ack, message.c.ack_rules, message.c.duplicate, message.c.received_at
).where(message.c.duplicate.in_(bindparam("keys", expanding=True)))
_USED = select(message.c.identity, message.c.received_at).where(
    message.c.identity.in_(bindparam("keys", expanding=True))
)
_NO_IDENTITY = update(message).where(message.c.identity.in_(bindparam("keys", expanding=True))).values(identity=None)
_NO_DUPLICATE = update(message).where(message.c.duplicate.in_(bindparam("keys", expanding=True))).values(duplicate=None)
_DRAW = (
    update(tally).where(tally.c.state == RECEIVED).values(count=tally.c.count + bindparam("n")).returning(tally.c.count)
)
_SEQUENCE = (
    update(sender)
    .where(sender.c.listener == bindparam("l"), sender.c.sender == bindparam("s"))
    .values(
        sequence=bindparam("n"),
        gaps=sender.c.gaps + bindparam("g"),
        repeats=sender.c.repeats + bindparam("r"),
        at=bindparam("t"),
    )
)
