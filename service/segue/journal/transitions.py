"""Claims, and the transitions of claimed messages (S-41, S-54, S-55, S-91, S-92).

A claim is a lease with a number, the fence; a later step names it, and a step of a claim that is not the present one
changes nothing. What was in work when its process died carries its count of starts into the next claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, insert, or_, select, text, update

from segue.journal import acknowledgements, queues
from segue.journal.cargo import Cargo, cargo, small
from segue.journal.schema import READY_WHERE, delivery, message, tally, timeline
from segue.journal.states import FINAL, HELD, READY, State
from segue.mllp.mode import Mode


class Told(NamedTuple):
    """What a target said of a message."""

    target: str
    state: str
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process may work on until its lease ends."""

    id: int
    fence: int
    state: State
    listener: str
    control_id: str
    digest: str
    size: int
    received_at: float
    suspect: bool = False  # it was in work before, and that did not come to an end (S-56)
    tries: int = 0
    first: bool = True  # in all its queues; else it is to be converted and no more
    again: bool = False  # it had a Bundle before
    mode: Mode | None = None  # enhanced mode: it was committed to (S-23)
    cargo: Cargo | None = None  # where it was read with the claim


@dataclass(slots=True)
class Step:
    """A transition of a claimed message."""

    id: int
    fence: int
    state: State | None  # None: as it was
    reason: str = ""
    target: str = ""
    delay_s: float = 0.0  # until its next turn
    keep: bool = False  # the claim stays
    parks: bool = True  # in a held state it keeps its places in the queues
    failed: bool = False  # a delivery failed
    crashes: int = 0  # as many starts as this end of its process counts for
    contents: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    rules: str | None = None
    site: str = ""
    deliveries: tuple[Told, ...] = ()
    silent: bool = False  # no line in the timeline: nothing happened to the message


def claim(
    connection: Connection, now: float, owner: str, lease_s: float, limit: int, states: Sequence[State] = READY
) -> list[Claim]:
    """The oldest messages that are nobody's and first in all their queues, or not converted yet (S-91)."""
    if tuple(states) == ("received",):  # of which there are few, while a target is away and what is converted piles up
        rows = connection.execute(RECEIVED, {"now": now, "limit": limit}).all()
    else:
        rows = connection.execute(_READY, {"states": list(states), "now": now, "limit": limit}).all()
    if rows:
        connection.execute(_CLAIM, [{"m": row.id, "o": owner, "until": now + lease_s} for row in rows])
    those = small((row.id, row.size) for row in rows)
    found = cargo(connection, those) if those else {}
    return [
        Claim(
            row.id, row.fence + 1, row.state, row.listener, row.control_id, row.digest, row.size, row.received_at,
            row.state == "received" and row.starts > 0, row.tries, row.waits == 0,
            row.rules is not None, Mode.read(row.mode), found.get(row.id),
        )
        for row in rows
    ]  # fmt: skip


def begin(connection: Connection, id: int, fence: int) -> int | None:
    """Counts another start of a suspect before it is made (S-55); how many there were, None where the claim is lost."""
    return connection.execute(
        update(message)
        .where(message.c.id == id, message.c.fence == fence, message.c.owner.is_not(None))
        .values(starts=message.c.starts + 1)
        .returning(message.c.starts)
    ).scalar_one_or_none()


def renew(connection: Connection, now: float, lease_s: float, claims: Collection[tuple[int, int]]) -> set[int]:
    """Longer leases for claims that are still in work; the messages whose claim still holds."""
    if not claims:
        return set()
    fences = dict(claims)
    rows = connection.execute(_HELD, {"ids": list(fences)}).all()
    held = [row.id for row in rows if row.fence == fences[row.id] and row.owner is not None]
    if held:
        connection.execute(_RENEW, [{"m": id, "until": now + lease_s} for id in held])
    return set(held)


def release_owners(connection: Connection, owners: Collection[str]) -> int:
    """Ends the claims of processes that are known to be gone (S-80); their starts stay counted."""
    acknowledgements.release(connection, owners)
    return connection.execute(
        update(message).where(message.c.owner.in_(list(owners))).values(owner=None, lease_until=0.0)
    ).rowcount


class Applied(NamedTuple):
    """Of each step whether it was made, and how many places in queues became first."""

    made: list[bool]
    freed: int
    due: int = 0  # application acknowledgements


def apply(connection: Connection, now: float, steps: Sequence[Step]) -> Applied:
    """Makes the steps whose claim holds, in their order."""
    held = {row.id: row for row in connection.execute(_HELD, {"ids": [step.id for step in steps]})}
    states: dict[int, str] = {id: row.state for id, row in held.items()}
    owners: dict[int, str | None] = {id: row.owner for id, row in held.items()}
    tries: dict[int, int] = {id: row.tries for id, row in held.items()}
    starts: dict[int, int] = {id: row.starts for id, row in held.items()}
    made: list[bool] = []
    rows: dict[int, dict[str, Any]] = {}
    events: list[dict[str, Any]] = []
    deltas = Counter[str]()
    contents: list[tuple[int, str, bytes]] = []
    deliveries: list[tuple[int, Told]] = []
    gone: list[int] = []
    ends: dict[int, str] = {}
    for step in steps:
        row = held.get(step.id)
        if row is None or row.fence != step.fence or owners[step.id] is None:
            made.append(False)
            continue
        made.append(True)
        before = states[step.id]
        after = step.state or before
        states[step.id] = after
        deltas[before] -= 1
        deltas[after] += 1
        tries[step.id] += step.failed
        if not step.keep:
            owners[step.id] = None
        if step.state is not None:
            starts[step.id] = 0  # the work came to an end, whatever it was
        starts[step.id] += step.crashes
        earlier = rows.get(step.id)
        rows[step.id] = {
            "m": step.id,
            "s": after,
            "t": now if step.state is not None else row.state_at,
            "r": step.reason[:200] if step.state is not None else row.reason,
            "nb": now + step.delay_s if step.delay_s else 0.0,
            "o": owners[step.id],
            "l": row.lease_until if step.keep else 0.0,
            "st": starts[step.id],
            "tr": tries[step.id],
            "ru": step.rules or (earlier["ru"] if earlier else row.rules),
            "si": step.site if step.rules else (earlier["si"] if earlier else row.site),
        }
        if not step.silent:
            events.append(
                {"message_id": step.id, "at": now, "state": after, "reason": step.reason[:200], "target": step.target}
            )
        if row.mode is not None and step.state is not None:
            ends[step.id] = after
        contents += ((step.id, kind, data) for kind, data in step.contents.items())
        deliveries += ((step.id, one) for one in step.deliveries)
        if after in FINAL or (after in HELD and not step.parks):
            gone.append(step.id)
    if rows:
        connection.execute(_STEP, list(rows.values()))
    if events:
        connection.execute(insert(timeline), events)
    put_contents(connection, contents)
    put_deliveries(connection, now, deliveries)
    count(connection, deltas)
    due = acknowledgements.due(connection, now, ends) if ends else 0
    return Applied(made, queues.leave(connection, gone), due)


def put_contents(connection: Connection, rows: Iterable[tuple[int, str, bytes]]) -> None:
    """Stores contents over what was there of their kind."""
    newest = {(id, kind): data for id, kind, data in rows}
    if newest:
        connection.execute(_CONTENT, [{"m": id, "k": kind, "d": data} for (id, kind), data in newest.items()])


def put_deliveries(connection: Connection, now: float, rows: Iterable[tuple[int, Told]]) -> None:
    """Stores what became of messages at targets."""
    newest = {(id, told.target): told for id, told in rows}
    if newest:
        connection.execute(
            _DELIVERY,
            [
                {"m": id, "ta": target, "s": told.state, "n": told.tries, "t": now, "r": told.reason[:200]}
                for (id, target), told in newest.items()
            ],
        )


def answered(connection: Connection, target: str) -> int:
    """A target is back: what waits for it has its turn at once (S-63). Returns how many messages."""
    return connection.execute(_BACK, {"t": target}).rowcount


def count(connection: Connection, deltas: Mapping[str, int]) -> None:
    """Changes tallies."""
    rows = [{"s": state, "n": n} for state, n in sorted(deltas.items()) if n]
    if rows:
        connection.execute(_COUNT, rows)


READY_ONLY = text(READY_WHERE)  # in the words of the index
_CLAIMABLE = (
    select(
        message.c.id,
        message.c.fence,
        message.c.state,
        message.c.listener,
        message.c.control_id,
        message.c.digest,
        message.c.size,
        message.c.received_at,
        message.c.starts,
        message.c.tries,
        message.c.waits,
        message.c.rules,
        message.c.mode,
    )
    .where(
        message.c.not_before <= bindparam("now"),
        or_(message.c.owner.is_(None), message.c.lease_until < bindparam("now")),
    )
    .order_by(message.c.id)
    .limit(bindparam("limit"))
    .with_for_update(of=message, skip_locked=True)
)
_READY = _CLAIMABLE.where(READY_ONLY, message.c.state.in_(bindparam("states", expanding=True)))
RECEIVED = _CLAIMABLE.where(message.c.state == "received")
_CLAIM = (
    update(message)
    .where(message.c.id == bindparam("m"))
    .values(
        owner=bindparam("o"),
        lease_until=bindparam("until"),
        fence=message.c.fence + 1,
        starts=case((message.c.starts == 0, 1), else_=message.c.starts),
    )
)
_RENEW = update(message).where(message.c.id == bindparam("m")).values(lease_until=bindparam("until"))
_HELD = (
    select(
        message.c.id,
        message.c.fence,
        message.c.state,
        message.c.state_at,
        message.c.reason,
        message.c.owner,
        message.c.lease_until,
        message.c.starts,
        message.c.tries,
        message.c.rules,
        message.c.site,
        message.c.mode,
    )
    .where(message.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(message.c.id)
    .with_for_update(of=message)
)
_STEP = (
    update(message)
    .where(message.c.id == bindparam("m"))
    .values(
        state=bindparam("s"),
        state_at=bindparam("t"),
        reason=bindparam("r"),
        not_before=bindparam("nb"),
        owner=bindparam("o"),
        lease_until=bindparam("l"),
        starts=bindparam("st"),
        tries=bindparam("tr"),
        rules=bindparam("ru"),
        site=bindparam("si"),
    )
)
_CONTENT = text(
    "INSERT INTO content (message_id, kind, data) VALUES (:m, :k, :d)"
    " ON CONFLICT (message_id, kind) DO UPDATE SET data = excluded.data"
)
_DELIVERY = text(
    "INSERT INTO delivery (message_id, target, state, tries, at, reason) VALUES (:m, :ta, :s, :n, :t, :r)"
    " ON CONFLICT (message_id, target) DO UPDATE"
    " SET state = excluded.state, tries = excluded.tries, at = excluded.at, reason = excluded.reason"
)
_BACK = (
    update(message)
    .where(
        message.c.id.in_(
            select(delivery.c.message_id).where(
                delivery.c.target == bindparam("t"), text("delivery.state = 'retrying'")
            )
        ),
        message.c.state == "retrying",
        message.c.owner.is_(None),
    )
    .values(not_before=0.0)
)
_COUNT = update(tally).where(tally.c.state == bindparam("s")).values(count=tally.c.count + bindparam("n"))
