"""Application acknowledgements of enhanced mode, as the journal keeps them (S-23).

    owed ── the message got as far as promised, or failed ──▶ due ─▶ ready ─▶ sent
                                                              │        └────▶ dead      nobody took it for a week;
                                                              │                         a person sends it again or drops it
                                                              ├─▶ unwanted              MSH-16 is ER or SU, and it is not
                                                              └─▶ unsent                its connection was gone

It becomes due in the transaction that changes the state of its message. What is made of it once is sent at each
attempt. A message in original mode has none of this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, LargeBinary, bindparam, case, func, or_, select, text, update

from segue.journal.schema import acknowledgement
from segue.journal.states import FINAL, HELD

Way = Literal["connection", "callback"]
After = Literal["converted", "delivered"]
SET_ASIDE = "set aside"  # became of it by a person's word
TELLING = frozenset(("converted", "retrying", *HELD, *FINAL, SET_ASIDE))  # what says how it went


class Owed(NamedTuple):
    """What a sender is to hear of a message, how and when."""

    listener: str
    way: Way
    condition: str
    after: After


class Due(NamedTuple):
    """One to be made, or to be sent."""

    id: int
    listener: str
    way: Way
    condition: str
    became: str
    at: float
    owed_at: float
    tries: int
    data: bytes | None


class Told(NamedTuple):
    """What became of one."""

    id: int
    state: str
    data: bytes | None = None
    reason: str = ""
    delay_s: float = 0.0
    failed: bool = False


def owe(connection: Connection, now: float, rows: Sequence[tuple[int, Owed]]) -> None:
    """Begins, or begins anew for a message that is processed again."""
    if rows:
        connection.execute(
            _OWE,
            [{"m": id, "l": o.listener, "w": o.way, "c": o.condition, "a": o.after, "t": now} for id, o in rows],
        )


def due(connection: Connection, now: float, ends: Mapping[int, str]) -> int:
    """Messages have these states now; returns how many acknowledgements became due by that."""
    rows = [{"m": id, "s": state, "t": now} for id, state in ends.items() if state in TELLING]
    early = [row for row in rows if row["s"] in ("converted", "retrying", "waiting")]
    late = [row for row in rows if row["s"] not in ("converted", "retrying", "waiting")]
    found = connection.execute(_DUE_EARLY, early).rowcount if early else 0
    return max(found, 0) + max(connection.execute(_DUE, late).rowcount if late else 0, 0) if rows else 0


def again(connection: Connection, now: float, id: int) -> bool:
    """Its sender sent the message again and wants to hear it again; only what went over a connection may be lost."""
    return bool(connection.execute(_AGAIN, {"m": id, "t": now}).rowcount)


def pending_of(connection: Connection, id: int) -> bool:
    """Whether one will be said over a connection yet."""
    state = connection.scalar(select(_a.state).where(_a.message_id == id, _a.way == "connection"))
    return state in ("owed", "due")


def pending(connection: Connection, limit: int) -> list[Due]:
    """Those to be made."""
    return [Due(*row) for row in connection.execute(_PENDING, {"limit": limit})]


def ready(connection: Connection, listener: str) -> bool:
    """Whether there may be one to be sent; a look that takes no turn of the writer."""
    return connection.scalar(_SOME, {"l": listener}) is not None


def claim(connection: Connection, now: float, listener: str, owner: str, lease_s: float, limit: int) -> list[Due]:
    """Those to be sent, oldest first, which nobody else sends meanwhile."""
    rows = connection.execute(_READY, {"l": listener, "now": now, "limit": limit}).all()
    if rows:
        connection.execute(_CLAIM, [{"m": row.message_id, "o": owner, "until": now + lease_s} for row in rows])
    return [Due(*row) for row in rows]


def release(connection: Connection, owners: Collection[str]) -> None:
    """Ends the claims of processes that are gone."""
    connection.execute(_RELEASE, {"owners": list(owners)})


def tell(connection: Connection, now: float, ends: Iterable[Told]) -> None:
    """Writes what became of them."""
    rows = [
        {"m": one.id, "s": one.state, "d": one.data, "r": one.reason[:200], "n": now + one.delay_s if one.delay_s else 0.0,
         "f": int(one.failed), "t": now}
        for one in ends
    ]  # fmt: skip
    if rows:
        connection.execute(_TELL, rows)


def given_up(connection: Connection) -> int:
    """How many nobody took."""
    return connection.execute(_DEAD).scalar_one()


def all_given_up(connection: Connection) -> list[dict[str, Any]]:
    """Each that nobody took: its message and listener, how often it was tried, since when, and why."""
    rows = connection.execute(
        select(_a.message_id, _a.listener, _a.tries, _a.at, _a.reason).where(_OPEN, _a.state == "dead")
    )
    return [
        {
            "id": row.message_id,
            "listener": row.listener,
            "tries": row.tries,
            "at": _moment(row.at),
            "reason": row.reason,
        }
        for row in sorted(rows, key=lambda row: row.message_id)
    ]


def decide(connection: Connection, now: float, id: int, reason: str, *, again: bool) -> bool:
    """A person's word on one that was given up: it is sent again, for as long as a new one, or never; False where there is
    none. The timeline of its message keeps the reason."""
    if not connection.execute(
        _DECIDE_AGAIN if again else _DECIDE_DROP, {"m": id, "t": now, "r": reason[:200]}
    ).rowcount:
        return False
    words = f"acknowledgement {'again' if again else 'dropped'}: {reason}"[:200]
    connection.execute(_WORD, {"m": id, "t": now, "r": words})
    return True


def owners(connection: Connection) -> list[str]:
    """Who sends some."""
    return list(connection.scalars(_OWNERS))


def told(connection: Connection, id: int) -> dict[str, Any] | None:
    """Of one message; without the acknowledgement itself."""
    a = acknowledgement.c
    row = connection.execute(select(a.state, a.way, a.condition, a.tries, a.at, a.reason).where(a.message_id == id))
    found = row.mappings().one_or_none()
    if found is None:
        return None
    names = {str(name): value for name, value in found.items()}  # SQLAlchemy names reserved words by a class of its own
    return {**names, "at": _moment(found["at"])}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


_a = acknowledgement.c
_ROW = (_a.message_id, _a.listener, _a.way, _a.condition, _a.became, _a.at, _a.owed_at, _a.tries, _a.data)
_OWE = text(
    "INSERT INTO acknowledgement (message_id, listener, way, condition, after, state, became, at, owed_at, tries,"
    " not_before, lease_until, reason) VALUES (:m, :l, :w, :c, :a, 'owed', '', :t, :t, 0, 0, 0, '')"
    " ON CONFLICT (message_id) DO UPDATE SET state = 'owed', became = '', data = NULL, at = excluded.at,"
    " owed_at = excluded.owed_at, tries = 0, not_before = 0, owner = NULL, lease_until = 0, reason = ''"
)
_DUE = (
    update(acknowledgement)
    .where(_a.message_id == bindparam("m"), _a.state == "owed")
    .values(state="due", became=bindparam("s"), at=bindparam("t"))
)
_DUE_EARLY = _DUE.where(_a.after == "converted")
_AGAIN = (
    update(acknowledgement)
    .where(_a.message_id == bindparam("m"), _a.way == "connection", _a.state.in_(("sent", "unsent")))
    .values(state="due", at=bindparam("t"))
)
_OPEN = text("state IN ('due', 'ready', 'dead')")  # in the words of the index
_PENDING = select(*_ROW).where(_OPEN, _a.state == "due").order_by(_a.message_id).limit(bindparam("limit"))
_SOME = select(_a.message_id).where(_OPEN, _a.state == "ready", _a.listener == bindparam("l")).limit(1)
_READY = (
    select(*_ROW)
    .where(
        _OPEN,
        _a.state == "ready",
        _a.listener == bindparam("l"),
        _a.not_before <= bindparam("now"),
        or_(_a.owner.is_(None), _a.lease_until < bindparam("now")),
    )
    .order_by(_a.message_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(acknowledgement)
    .where(_a.message_id == bindparam("m"))
    .values(owner=bindparam("o"), lease_until=bindparam("until"))
)
_RELEASE = (
    update(acknowledgement)
    .where(_OPEN, _a.owner.in_(bindparam("owners", expanding=True)))
    .values(owner=None, lease_until=0.0)
)
_TELL = (
    update(acknowledgement)
    .where(_a.message_id == bindparam("m"), or_(_a.state == "due", _a.state == "ready"))
    .values(
        state=bindparam("s"),
        data=func.coalesce(bindparam("d", type_=LargeBinary), _a.data),
        reason=bindparam("r"),
        not_before=bindparam("n"),
        tries=_a.tries + bindparam("f"),
        at=bindparam("t"),
        owner=None,
        lease_until=0.0,
    )
)
_DEAD = select(func.count()).select_from(acknowledgement).where(_OPEN, _a.state == "dead")
_DECIDE = update(acknowledgement).where(_OPEN, _a.message_id == bindparam("m"), _a.state == "dead")
_DECIDE_AGAIN = _DECIDE.values(
    state=case((_a.data.is_(None), "due"), else_="ready"), at=bindparam("t"), owed_at=bindparam("t"), tries=0,
    not_before=0.0, owner=None, lease_until=0.0, reason=bindparam("r"),
)  # fmt: skip
_DECIDE_DROP = _DECIDE.values(state="unwanted", at=bindparam("t"), reason=bindparam("r"))
_WORD = text(
    "INSERT INTO timeline (message_id, at, state, reason, target)"
    " SELECT id, :t, state, :r, '' FROM message WHERE id = :m"
)
_OWNERS = select(_a.owner).where(_OPEN, _a.owner.is_not(None)).distinct()
