"""Older messages that come after newer ones, and merges that turn an earlier one round (S-53).

    subject   a patient of an ADT message, or an order with its service (OBR-3 or OBR-2, OBR-4) of any other; of one
              listener, sender and kind of message
    clocks    of the event (EVN-2; of results OBR-22) and of the message (MSH-7), each as the span it may mean

A message is stale when a clock says that it is older than what came last about a subject and no clock says that it is
newer: an event that is entered late has a new MSH-7. A sender's seconds may go backwards (`JITTER_S`), a local time
without an offset may lie in the hour that clocks repeat, a time to the minute or the day means all of it; none of this
is older. What came last counts only where it took effect. Everything here runs in the writer's turn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, text

from segue.hl7 import Message
from segue.hl7.message import Segment
from segue.journal.schema import mark, message

JITTER_S = 60.0
FUTURE_S = 26 * 3600.0  # clocks further ahead than any time zone are wrong and say nothing
SUBJECTS = 64  # of one message
MERGES = frozenset(("A18", "A30", "A34", "A36", "A39", "A40"))  # of persons and patients, not of visits or accounts
RESULTS = frozenset(("ORU", "OUL", "ORF"))
GONE = frozenset(("refused", "ignored", "dead", "quarantined"))  # took no effect
_TIME = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.\d*)?([+-]\d{4})?")
_EPOCH = date(1970, 1, 1).toordinal()
_BEGIN = (1, 1, 1, 0, 0, 0)
_WIDTHS = (366 * 86400.0, 31 * 86400.0, 86400.0, 3600.0, 60.0, 1.0)


class Span(NamedTuple):
    """The seconds since 1970 that a time may mean; local time counts as UTC and is compared with local time alone."""

    first: float
    last: float
    zoned: bool


class Subject(NamedTuple):
    """What a message is about, with its clocks."""

    key: tuple[str, ...]
    event: Span | None
    sent: Span | None


class Merge(NamedTuple):
    """One identifier goes into another."""

    away: int
    into: int


class Stale(NamedTuple):
    """Why a message is held: the message that it would undo."""

    over: int
    merge: bool = False

    def __str__(self) -> str:
        return f"stale: {'reverses the merge of' if self.merge else 'older than'} message {self.over}"


@dataclass(slots=True)
class Mark:
    """What came last about a subject."""

    message_id: int
    event: Span | None
    sent: Span | None


def span(text: str | None) -> Span | None:
    """Of an HL7 time, None for what is none."""
    found = _TIME.fullmatch((text or "").strip())
    if found is None:
        return None
    *texts, offset = found.groups()
    parts = [int(part) for part in texts if part is not None]
    year, month, day, hour, minute, second = (*parts, *_BEGIN[len(parts) :])
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        first = (date(year, month, day).toordinal() - _EPOCH) * 86400.0 + hour * 3600 + minute * 60 + second
    except ValueError:
        return None
    last = first + _WIDTHS[len(parts) - 1]
    if offset is not None:
        shift = int(offset[1:3]) * 3600 + int(offset[3:]) * 60
        shift = -shift if offset[0] == "+" else shift
        return Span(first + shift, last + shift, True)
    # Clocks are set back between midnight and three: such an hour comes twice.
    return Span(first, last + (3600.0 if len(parts) > 3 and hour < 3 else 0.0), False)


def subjects(found: Message, patients: Sequence[tuple[int, ...]]) -> Iterator[Subject]:
    """Of a message; `patients`: a set of order keys for each person it names, the leading identifier first."""
    head = found.header
    kind = head.leaf(9) or ""
    sent = span(head.leaf(7))
    if kind == "ADT":
        event_segment = found.first("EVN")
        event = span(event_segment.leaf(2)) if event_segment is not None else None
        for keys in dict.fromkeys(one[0] for one in patients):
            yield Subject((kind, str(keys)), event, sent)
        return
    seen: set[tuple[str, ...]] = set()
    for segment in _orders(found):
        key = (kind, *_order(segment))
        if len(key) > 1 and key not in seen and len(seen) < SUBJECTS:
            seen.add(key)
            yield Subject(key, span(segment.leaf(22)) if segment.name == "OBR" and kind in RESULTS else None, sent)


def merges(found: Message, event: str, patients: Sequence[tuple[str, tuple[int, ...]]]) -> Iterator[Merge]:
    """The identifiers that a merge of patients moves; `patients` by the name of their segment, in the message's order."""
    if event not in MERGES:
        return
    into: tuple[int, ...] = ()
    for name, keys in patients:
        if name == "PID":
            into = keys
        else:
            yield from (Merge(old, new) for old in keys[:8] for new in into[:8] if old != new)


def _orders(found: Message) -> Iterable[Segment]:
    of_orders = [one for one in found.segments if one.name == "OBR"]
    return of_orders or (one for one in found.segments if one.name == "ORC")


def _order(segment: Segment) -> tuple[str, ...]:
    """Number and service; nothing where there is no number."""
    for name, field in (("filler", 3), ("placer", 2)):
        if number := segment.leaf(field):
            return (name, number, (segment.leaf(4) or "") if segment.name == "OBR" else "")
    return ()


def about(listener: str, sender: str, subjects: Iterable[Subject], merges: Iterable[Merge]) -> About:
    """What is compared, by key; local times and those with an offset have marks of their own."""
    return About(
        tuple((key_of("subject", listener, sender, _zones(one), *one.key), one.event, one.sent) for one in subjects),
        tuple(
            (key_of("merge", str(one.away), str(one.into)), key_of("merge", str(one.into), str(one.away)))
            for one in merges
        ),
    )


def _zones(one: Subject) -> str:
    sent = "z" if one.sent is not None and one.sent.zoned else "l"
    return sent if one.event is None else ("z" if one.event.zoned else "l") + sent


def key_of(*parts: str) -> int:
    """64 bits, signed, of texts."""
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


# in the journal ───────────────────────────────────────────────────────────────────────────────────────────────────────


class About(NamedTuple):
    """What the journal compares of one message: marks by their key, and merges both ways."""

    subjects: tuple[tuple[int, Span | None, Span | None], ...] = ()
    merges: tuple[tuple[int, int], ...] = ()  # key of the merge, key of the one that would turn it round

    @property
    def keys(self) -> Iterator[int]:
        yield from (key for key, _, _ in self.subjects)
        yield from (key for pair in self.merges for key in pair)


def marks(connection: Connection, keys: Collection[int]) -> dict[int, Mark]:
    """What came last."""
    rows = connection.execute(_MARKS, {"keys": list(keys)}) if keys else ()
    return {
        row.key: Mark(
            row.message_id, _spanned(row.event_first, row.event_last), _spanned(row.sent_first, row.sent_last)
        )
        for row in rows
    }


def check(
    connection: Connection, now: float, about: About, known: dict[int, Mark], *, id: int | None = None, fresh: int = 0
) -> Stale | None:
    """Whether a message would undo what took effect; `id`: one that came before what is compared (a replay).

    Messages from `fresh` on are in this transaction and took effect, as far as anybody knows.
    """
    found: list[tuple[int, Stale]] = []
    for _, reverse in about.merges:
        if (one := known.get(reverse)) is not None and one.message_id != id:
            found.append((reverse, Stale(one.message_id, True)))
    for key, event, sent in about.subjects:
        one = known.get(key)
        if one is None or one.message_id == id:
            continue
        verdicts = {_compared(_sane(event, now), one.event), _compared(_sane(sent, now), one.sent)}
        older = "older" in verdicts or (id is not None and one.message_id > id)
        if older and "newer" not in verdicts:
            found.append((key, Stale(one.message_id)))
    if not found:
        return None
    ids = {one.over for _, one in found if not fresh or one.over < fresh}
    states: dict[int, str] = (
        {row.id: row.state for row in connection.execute(_STATES, {"ids": list(ids)})} if ids else {}
    )
    held: list[Stale] = []
    for key, one in found:
        if one.over in ids and states.get(one.over, "refused") in GONE:
            del known[key]  # it took no effect, and says nothing of what comes
        else:
            held.append(one)
    return held[0] if held else None


def keep(now: float, id: int, about: About, known: dict[int, Mark]) -> list[int]:
    """This message came last about its subjects; the keys of the marks that changed."""
    for key, event, sent in about.subjects:
        before = known.get(key)
        event, sent = _sane(event, now), _sane(sent, now)
        if before is not None:
            event, sent = _later(event, before.event), _later(sent, before.sent)
        known[key] = Mark(id, event, sent)
    for key, reverse in about.merges:
        known[key] = Mark(id, None, None)
        known.pop(reverse, None)
    return [key for key, _, _ in about.subjects] + [key for pair in about.merges for key in pair]


def write(connection: Connection, now: float, changed: Collection[int], known: Mapping[int, Mark]) -> None:
    """Stores marks; one that is no more is removed."""
    rows = [_row(key, known[key], now) for key in dict.fromkeys(changed) if key in known]
    if rows:
        connection.execute(_PUT, rows)
    gone = [{"k": key} for key in dict.fromkeys(changed) if key not in known]
    if gone:
        connection.execute(_DROP, gone)


def prune(connection: Connection, before: float) -> None:
    """Forgets what came last long ago."""
    connection.execute(_PRUNE, {"before": before})


def _compared(new: Span | None, old: Span | None) -> str:
    if new is None or old is None:
        return ""
    if new.last + JITTER_S < old.first:
        return "older"
    return "newer" if new.first >= old.last else ""


def _sane(clock: Span | None, now: float) -> Span | None:
    return None if clock is None or clock.first > now + FUTURE_S else clock


def _later(new: Span | None, old: Span | None) -> Span | None:
    if new is None or old is None:
        return new or old
    return new if new.first >= old.first else old


def _spanned(first: float | None, last: float | None) -> Span | None:
    return None if first is None or last is None else Span(first, last, True)


def _row(key: int, one: Mark, now: float) -> dict[str, Any]:
    event, sent = one.event or (None, None), one.sent or (None, None)
    return {"k": key, "m": one.message_id, "t": now, "ef": event[0], "el": event[1], "sf": sent[0], "sl": sent[1]}


_MARKS = select(mark).where(mark.c.key.in_(bindparam("keys", expanding=True)))
_STATES = select(message.c.id, message.c.state).where(message.c.id.in_(bindparam("ids", expanding=True)))
_PUT = text(
    "INSERT INTO mark (key, message_id, at, event_first, event_last, sent_first, sent_last)"
    " VALUES (:k, :m, :t, :ef, :el, :sf, :sl) ON CONFLICT (key) DO UPDATE SET message_id = excluded.message_id,"
    " at = excluded.at, event_first = excluded.event_first, event_last = excluded.event_last,"
    " sent_first = excluded.sent_first, sent_last = excluded.sent_last"
)
_DROP = text("DELETE FROM mark WHERE key = :k")
_PRUNE = text("DELETE FROM mark WHERE at < :before")
