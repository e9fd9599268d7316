"""The inbox in a database: sightings added to it, entries read, decisions kept (T-60 to T-62, T-65).

One schema in SQLAlchemy Core. Counts are added by upsert, so that many processes count into one entry; what a
batch brings is written in one transaction, together with the position it came from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from sqlalchemy import Connection, create_engine, delete, event, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from segue.inbox.entry import MOST_SAMPLES, MOST_TEXTS, Entry, Key, State
from segue.inbox.schema import decision, entry, sample, spooled, tables, words
from segue.inbox.sighting import Tally

MOST_WORDS = 50  # texts kept of an entry: free text in a code's place must not fill the disk
GRACE_S = 300.0  # after a decision: messages that were converted before the map was read again
PAGE = 500


class ConflictError(Exception):
    """Somebody else has decided meanwhile, or the entry is not in a state for this."""


class Inbox:
    """The entries in a SQLite file. Safe to share between threads."""

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.time) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self._clock = clock
        self._engine = create_engine(
            f"sqlite:///{file.absolute()}", connect_args={"isolation_level": None, "timeout": 10}
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        with self._engine.begin() as connection:
            tables.create_all(connection)

    def close(self) -> None:
        self._engine.dispose()

    # ---- counting

    def position(self, spool: str) -> int:
        """How far a spool has been counted."""
        with self._engine.connect() as connection:
            return connection.scalar(select(spooled.c.position).where(spooled.c.name == spool)) or 0

    def record(self, tallies: Mapping[Key, Tally], spool: str = "", position: int = 0) -> None:
        """Adds tallies, and remembers how far the spool they came from has been counted: both or none."""
        with self._engine.begin() as connection:
            add(connection, tallies)
            if spool:
                row = {"name": spool, "position": position}
                connection.execute(insert(spooled).values(row).on_conflict_do_update(index_elements=["name"], set_=row))

    def forget(self, spool: str) -> None:
        """A spool is gone."""
        with self._engine.begin() as connection:
            connection.execute(delete(spooled).where(spooled.c.name == spool))

    # ---- reading

    def entries(
        self,
        *,
        sender: str | None = None,
        state: State | None = None,
        since: float | None = None,
        limit: int | None = PAGE,
    ) -> list[Entry]:
        """Entries by number of messages, the most first."""
        wanted = select(entry).order_by(entry.c.count.desc(), entry.c.id).limit(limit)
        if sender is not None:
            wanted = wanted.where(entry.c.sender == sender)
        if state is not None:
            wanted = wanted.where(entry.c.state == state)
        if since is not None:
            wanted = wanted.where(entry.c.last_seen >= since)
        with self._engine.connect() as connection:
            return [_entry(connection, row) for row in connection.execute(wanted).mappings().all()]

    def entry(self, id: str) -> Entry | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(entry).where(entry.c.id == id)).mappings().one_or_none()
            return _entry(connection, row) if row is not None else None

    def mapped_by_text(self, text: str) -> list[dict[str, str]]:
        """Rows that were accepted for entries with these words, without regard to case, the latest first."""
        latest = (
            select(decision.c.rows, entry.c.sender)
            .join(entry, entry.c.id == decision.c.entry)
            .join(words, words.c.entry == entry.c.id)
            .where(func.lower(words.c.text) == text.lower(), decision.c.action == "map", entry.c.state == "mapped")
            .order_by(decision.c.number.desc())
        )
        with self._engine.connect() as connection:
            found = connection.execute(latest).all()
        return [
            cast("dict[str, str]", row) | {"sender": sender} for rows, sender in found for row in orjson.loads(rows)
        ]

    # ---- deciding

    def decide(
        self,
        one: Entry,
        state: State,
        action: str,
        *,
        by: str,
        reason: str = "",
        file: str = "",
        rows: Sequence[Mapping[str, str]] = (),
    ) -> Entry:
        """Moves an entry; raises ConflictError where it has changed since it was read."""
        now = self._clock()
        with self._engine.begin() as connection:
            moved = connection.execute(
                update(entry)
                .where(entry.c.id == one.id, entry.c.version == one.version)
                .values(state=state, decided_by=by, decided_at=now, reason=reason, version=entry.c.version + 1)
            )
            if moved.rowcount != 1:
                raise ConflictError("the entry has changed meanwhile – read it again")
            connection.execute(
                decision.insert().values(
                    entry=one.id,
                    at=now,
                    by=by,
                    action=action,
                    reason=reason,
                    file=file,
                    rows=orjson.dumps(rows).decode(),
                )
            )
        found = self.entry(one.id)
        assert found is not None
        return found

    def decisions(self, id: str) -> list[dict[str, Any]]:
        """What was decided of an entry, the latest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(decision).where(decision.c.entry == id).order_by(decision.c.number.desc())
            ).mappings()
            return [{**row, "rows": orjson.loads(row["rows"])} for row in rows]


def add(connection: Connection, tallies: Mapping[Key, Tally]) -> None:
    """Adds tallies within a transaction of the caller's."""
    for key, tally in sorted(tallies.items()):  # in one order: two processes never wait for each other in a circle
        known = _words(connection, key.id)
        fresh = [text for text in tally.texts if text not in known]
        _upsert_entry(connection, key, tally, bool(fresh and known))
        for text, count in tally.texts.items():
            if text in known or len(known) < MOST_WORDS:
                known.add(text)
                row = insert(words).values(entry=key.id, text=text, count=count)
                connection.execute(
                    row.on_conflict_do_update(
                        index_elements=["entry", "text"], set_={"count": words.c.count + row.excluded.count}
                    )
                )
        for control_id, at in tally.samples.items():
            row = insert(sample).values(entry=key.id, control_id=control_id, at=at)
            connection.execute(row.on_conflict_do_update(index_elements=["entry", "control_id"], set_={"at": at}))
        if tally.samples:
            latest = (
                select(sample.c.control_id)
                .where(sample.c.entry == key.id)
                .order_by(sample.c.at.desc(), sample.c.control_id)
                .limit(MOST_SAMPLES)
            )
            connection.execute(
                delete(sample).where(sample.c.entry == key.id, sample.c.control_id.not_in(latest.scalar_subquery()))
            )


def _words(connection: Connection, id: str) -> set[str]:
    return set(connection.scalars(select(words.c.text).where(words.c.entry == id)))


def _upsert_entry(connection: Connection, key: Key, tally: Tally, other_words: bool) -> None:
    """Adds the count. An entry that was closed opens again where its words changed (T-65), or the map did not help."""
    state = "pending" if tally.pending else "open"
    row = insert(entry).values(
        id=key.id, **key._asdict(), table=tally.table, policy=tally.policy, state=state, count=tally.count,
        first_seen=tally.first, last_seen=tally.last, decided_by="", decided_at=None, reason="", version=0,
    )  # fmt: skip
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "count": entry.c.count + row.excluded.count,
                "first_seen": func.min(entry.c.first_seen, row.excluded.first_seen),
                "last_seen": func.max(entry.c.last_seen, row.excluded.last_seen),
                "policy": row.excluded.policy,
            },
        )
    )
    again = entry.c.state.in_(("open", "pending")) | (
        (entry.c.state == "mapped") & (entry.c.decided_at + GRACE_S < tally.last)
    )
    if other_words:
        again = or_(again, entry.c.state == "ignored")
    connection.execute(
        update(entry)
        .where(entry.c.id == key.id, again, entry.c.state != state)
        .values(state=state, version=entry.c.version + 1)
    )


def _entry(connection: Connection, row: Any) -> Entry:
    texts = connection.execute(
        select(words.c.text, words.c.count)
        .where(words.c.entry == row["id"])
        .order_by(words.c.count.desc(), words.c.text)
        .limit(MOST_TEXTS)
    ).all()
    samples = connection.scalars(
        select(sample.c.control_id).where(sample.c.entry == row["id"]).order_by(sample.c.at.desc(), sample.c.control_id)
    ).all()
    return Entry(
        id=row["id"],
        key=Key(row["sender"], row["field"], row["system"], row["code"], row["unit"]),
        table=row["table"],
        policy=row["policy"],
        state=row["state"],
        count=row["count"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        texts=tuple((text, count) for text, count in texts),
        samples=tuple(samples),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        reason=row["reason"],
        version=row["version"],
    )


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _configure(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
