"""Answers of terminology servers on disk: they survive a restart and are shared by the processes of a machine (T-34).

Positive answers count seven days, negative ones one, errors a minute; an answer past its time is kept until its place is
needed, since it serves while the server cannot be reached. Holds codes and displays, nothing of a message.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from segue.terminology.remote.question import Answer, Kind, Question
from segue.terminology.tables import Target

FORM = 1
SECONDS = {Kind.POSITIVE: 7 * 86400.0, Kind.NEGATIVE: 86400.0, Kind.ERROR: 60.0}
MOST = 200_000  # answers; about 60 MB
SPARE = 20  # one in so many goes when it is full

_TABLES = """
CREATE TABLE IF NOT EXISTS answer (
    server TEXT NOT NULL, map TEXT NOT NULL, target TEXT NOT NULL, system TEXT NOT NULL, code TEXT NOT NULL,
    kind TEXT NOT NULL, equivalence TEXT NOT NULL, targets TEXT NOT NULL, asked REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (server, map, target, system, code)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_until ON answer (until);
"""


class Held(NamedTuple):
    """An answer and the time it counts until (Unix seconds)."""

    answer: Answer
    until: float


class Cache:
    """The answers of one server and map in a file; `None` keeps them in memory only. Safe to share between threads."""

    def __init__(
        self,
        file: Path | None,
        server: str,
        map_url: str | None = None,
        *,
        most: int = MOST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._of = (server, map_url or "")
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._db = _opened(file)

    def get(self, question: Question) -> Held | None:
        """The answer to a question, also past its time."""
        with self._lock:
            found = self._db.execute(
                "SELECT kind, equivalence, targets, until FROM answer WHERE server = ? AND map = ? AND target = ?"
                " AND system = ? AND code = ?",
                (*self._of, question.target, question.system, question.code),
            ).fetchone()
        return _held(*found) if found else None

    def put(self, question: Question, answer: Answer) -> Held:
        """Keeps an answer. An error never takes the place of an answer that could serve while the server is away."""
        now = self._clock()
        until = now + SECONDS[answer.kind]
        keep = "WHERE answer.kind <> 'positive'" if answer.kind is Kind.ERROR else ""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET kind = excluded.kind,"
                " equivalence = excluded.equivalence, targets = excluded.targets, asked = excluded.asked,"
                f" until = excluded.until {keep}",
                (
                    *self._of,
                    question.target,
                    question.system,
                    question.code,
                    answer.kind.value,
                    answer.equivalence,
                    orjson.dumps([tuple(target) for target in answer.targets]).decode(),
                    now,
                    until,
                ),
            )
            (count,) = self._db.execute("SELECT count(*) FROM answer").fetchone()
            if count > self._most:
                self._db.execute(
                    "DELETE FROM answer WHERE (server, map, target, system, code) IN (SELECT server, map, target, system,"
                    " code FROM answer ORDER BY until LIMIT ?)",
                    (count - self._most + self._most // SPARE,),
                )
        return Held(answer, until)

    def rows(self) -> Iterator[tuple[str, Question, Held]]:
        """All answers of the file: the server, the question, the answer."""
        with self._lock:
            found: list[Any] = self._db.execute(
                "SELECT server, system, code, target, kind, equivalence, targets, until FROM answer ORDER BY server, system, code"
            ).fetchall()
        for server, system, code, target, *held in found:
            yield server, Question(system, code, target), _held(*held)

    def purge(self, kinds: tuple[Kind, ...] = tuple(Kind)) -> int:
        """Forgets the answers of these kinds; gives their number."""
        with self._lock, self._db:
            marks = ", ".join("?" * len(kinds))
            return self._db.execute(f"DELETE FROM answer WHERE kind IN ({marks})", [k.value for k in kinds]).rowcount

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _opened(file: Path | None) -> sqlite3.Connection:
    try:
        return _prepared(file)
    except sqlite3.DatabaseError:
        if file is None:
            raise
        for suffix in ("", "-wal", "-shm"):  # a cache that cannot be read is an empty cache
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        return _prepared(file)


def _prepared(file: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(file or ":memory:", timeout=5, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")  # losing the last answers in a crash costs a question
    (form,) = db.execute("PRAGMA user_version").fetchone()
    if form not in (0, FORM):
        db.execute("DROP TABLE IF EXISTS answer")
    db.executescript(_TABLES)
    db.execute(f"PRAGMA user_version = {FORM}")
    return db


def _held(kind: str, equivalence: str, targets: str, until: float) -> Held:
    found = tuple(Target(*target) for target in orjson.loads(targets))
    return Held(Answer(Kind(kind), found, equivalence), until)
