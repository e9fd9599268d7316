"""The inbox in a database: sightings added to it, entries read, decisions kept (T-60 to T-62, T-65).

One schema and one code on SQLite and PostgreSQL, in SQLAlchemy Core. Counts are added by upsert, so that many processes
count into one entry; what a batch brings is written in one transaction, together with the position it came from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import orjson
from sqlalchemy import Connection, Engine, Table, case, create_engine, delete, event, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from segue.database import StoreError, on_postgresql, told, url_of
from segue.inbox.entry import MOST_SAMPLES, MOST_TEXTS, Entry, Key, State
from segue.inbox.schema import decision, entry, sample, spooled, tables, words
from segue.inbox.sighting import Tally
from segue.secret import Secret

MOST_WORDS = 50  # texts kept of an entry: free text in a code's place must not fill the disk
GRACE_S = 300.0  # after a decision: messages that were converted before the map was read again
PAGE = 500
TURN = 0x5E60E_0002  # key of the advisory lock under which the tables are made once


class ConflictError(Exception):
    """Somebody else has decided meanwhile, or the entry is not in a state for this."""


class Inbox:
    """The entries, in a SQLite file of one machine or in PostgreSQL. Safe to share between threads.

    Every method raises StoreError where the database does not answer.
    """

    def __init__(
        self, address: str | Path, *, password: Secret | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """FILE or postgresql://USER@HOST/DATABASE. A file is made at once; a server may be away until it is needed."""
        url = url_of(str(address), "inbox")
        self.file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        self._clock = clock
        self._made = False
        if self.file is None:
            self._engine = on_postgresql(url, password, options="-c statement_timeout=30000", pool_pre_ping=True)
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the inbox cannot be opened ({self.file}): {error.strerror} – choose another file"
            ) from None
        self._engine = _on_file(self.file)
        with self._transaction():
            pass

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        """All that is done in it, or nothing."""
        try:
            with self._engine.begin() as connection:
                if not self._made:
                    if self.file is None:
                        connection.execute(select(func.pg_advisory_xact_lock(TURN)))
                    tables.create_all(connection)
                yield connection
                self._made = True
        except SQLAlchemyError as error:
            raise StoreError(told(error, "inbox")) from error

    # ---- counting

    def position(self, spool: str) -> int:
        """How far a spool has been counted."""
        with self._transaction() as connection:
            return connection.scalar(select(spooled.c.position).where(spooled.c.name == spool)) or 0

    def record(self, tallies: Mapping[Key, Tally], spool: str = "", position: int = 0) -> None:
        """Adds tallies, and remembers how far the spool they came from has been counted: both or none."""
        with self._transaction() as connection:
            add(connection, tallies)
            if spool:
                row = {"name": spool, "position": position}
                connection.execute(
                    _insert(connection, spooled).values(row).on_conflict_do_update(index_elements=["name"], set_=row)
                )

    def forget(self, spool: str) -> None:
        """A spool is gone."""
        with self._transaction() as connection:
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
        with self._transaction() as connection:
            return [_entry(connection, row) for row in connection.execute(wanted).mappings().all()]

    def entry(self, id: str) -> Entry | None:
        with self._transaction() as connection:
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
        with self._transaction() as connection:
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
        with self._transaction() as connection:
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
        with self._transaction() as connection:
            rows = connection.execute(
                select(decision).where(decision.c.entry == id).order_by(decision.c.number.desc())
            ).mappings()
            return [{**row, "rows": orjson.loads(row["rows"])} for row in rows]


def add(connection: Connection, tallies: Mapping[Key, Tally]) -> None:
    """Adds tallies within a transaction of the caller's."""
    for key, tally in sorted(tallies.items()):  # in one order: two processes never wait for each other in a circle
        _upsert_entry(connection, key, tally)  # the first of its statements: others count this entry before or after
        known = set(connection.scalars(select(words.c.text).where(words.c.entry == key.id)))
        _move(connection, key, tally, other_words=bool(known) and not known.issuperset(tally.texts))
        for text, count in tally.texts.items():
            if text in known or len(known) < MOST_WORDS:
                known.add(text)
                row = _insert(connection, words).values(entry=key.id, text=text, count=count)
                connection.execute(
                    row.on_conflict_do_update(
                        index_elements=["entry", "text"], set_={"count": words.c.count + row.excluded.count}
                    )
                )
        for control_id, at in tally.samples.items():
            row = _insert(connection, sample).values(entry=key.id, control_id=control_id, at=at)
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


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that knows of conflicts, which each dialect has by itself."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _upsert_entry(connection: Connection, key: Key, tally: Tally) -> None:
    """Adds the count."""
    row = _insert(connection, entry).values(
        id=key.id, **key._asdict(), table=tally.table, policy=tally.policy, state=_state(tally), count=tally.count,
        first_seen=tally.first, last_seen=tally.last, decided_by="", decided_at=None, reason="", version=0,
    )  # fmt: skip
    known, new = entry.c, row.excluded
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "count": known.count + new.count,
                "first_seen": case((new.first_seen < known.first_seen, new.first_seen), else_=known.first_seen),
                "last_seen": case((new.last_seen > known.last_seen, new.last_seen), else_=known.last_seen),
                "policy": new.policy,
            },
        )
    )


def _state(tally: Tally) -> State:
    return "pending" if tally.pending else "open"


def _move(connection: Connection, key: Key, tally: Tally, *, other_words: bool) -> None:
    """An entry that was closed opens again where its words changed (T-65), or the map did not help."""
    state = _state(tally)
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


def _on_file(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"isolation_level": None, "timeout": 10})

    def configure(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", begin)
    return engine
