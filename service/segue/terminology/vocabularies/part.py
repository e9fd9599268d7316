"""The index of one vocabulary while it is being built: a SQLite file beside the finished ones (T-70).

    NAME.part ── concepts, terms, position ──▶ words (full text) ──▶ NAME.db, whole and compact

Every commit holds the rows and the position in the release that they came from, so that a killed load goes on exactly where
its last commit stands. Memory is bounded by SQLite's page cache.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from segue.terminology.vocabularies.release import VocabularyError

FORM = 1  # of the tables below; another form is loaded anew
WORDS_AT_ONCE = 20_000  # concepts of one commit of the full text
UNNAMED = 99

_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE concept (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, display TEXT NOT NULL DEFAULT '', rank INTEGER NOT NULL DEFAULT 99,
    active INTEGER NOT NULL DEFAULT 1, properties TEXT NOT NULL DEFAULT '{}');
CREATE TABLE term (concept INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (concept, text)) WITHOUT ROWID;
CREATE TABLE mark (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(display, others, tokenize="unicode61 remove_diacritics 2");
"""


class Part:
    """The unfinished index. One process at a time: a second one is refused."""

    __slots__ = ("_db", "path", "position", "stage")

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.stage = self.position = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._open()
        known = self._about()
        if known.get("fingerprint") != fingerprint or known.get("form") != str(FORM):
            self._anew()
            self._db.executescript(_TABLES)
            self.say("fingerprint", fingerprint)
            self.say("form", str(FORM))
            self.commit(0, 0)
        else:
            self.stage, self.position = int(known["stage"]), int(known["position"])

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self.path, timeout=0)
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA cache_size = -65536")
            db.execute("BEGIN EXCLUSIVE").connection.commit()
        except sqlite3.OperationalError:
            raise VocabularyError(f"another process is loading it ({self.path}) – wait for its end") from None
        except sqlite3.DatabaseError:
            self.path.unlink()
            return self._open()
        return db

    def _about(self) -> dict[str, str]:
        try:
            return dict(self._db.execute("SELECT name, value FROM about"))
        except sqlite3.OperationalError:
            return {}

    def _anew(self) -> None:
        self._db.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._db = self._open()

    def concept(self, code: str, active: bool = True, properties: Mapping[str, str] | None = None) -> None:
        """A code; said again it stays active if any saying was, and takes the properties of the latest that had some."""
        self._db.execute(
            "INSERT INTO concept (code, active, properties) VALUES (?, ?, ?) ON CONFLICT (code) DO UPDATE SET"
            " active = max(active, excluded.active),"
            " properties = CASE excluded.properties WHEN '{}' THEN properties ELSE excluded.properties END",
            (code, int(active), orjson.dumps(properties or {}).decode()),
        )

    def term(self, code: str, text: str, rank: int) -> None:
        """A name of a code; the one of the lowest rank is its display. Unknown codes are passed over."""
        if not text:
            return
        db = self._db
        found = db.execute("SELECT id, rank FROM concept WHERE code = ?", (code,)).fetchone()
        if found is None:
            return
        db.execute("INSERT OR IGNORE INTO term VALUES (?, ?)", (found[0], text))
        if rank < found[1]:
            db.execute("UPDATE concept SET display = ?, rank = ? WHERE id = ?", (text, rank, found[0]))

    def mark(self, key: str) -> None:
        """Remembers a key for a later stage."""
        self._db.execute("INSERT OR IGNORE INTO mark VALUES (?)", (key,))

    def marked(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM mark WHERE id = ?", (key,)).fetchone() is not None

    def say(self, name: str, value: str) -> None:
        """A fact about the vocabulary: system, version …"""
        self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def latest(self, version: str) -> None:
        """A version found in the rows: the highest one counts, number by number."""
        found = self._db.execute("SELECT value FROM about WHERE name = 'version'").fetchone()
        if version and (found is None or _ordered(version) > _ordered(found[0])):
            self.say("version", version)

    def commit(self, stage: int, position: int) -> None:
        """Keeps all that was said, and where to go on."""
        self.stage, self.position = stage, position
        self.say("stage", str(stage))
        self.say("position", str(position))
        self._db.commit()

    def finish(self, stage: int, target: Path, progress: Callable[[float], None]) -> None:
        """Builds the full text and swaps the finished index in; raises VocabularyError when there is no concept."""
        last = self._db.execute("SELECT max(id) FROM concept").fetchone()[0]
        if last is None:
            raise VocabularyError("the release holds no code of this vocabulary – is it the right file?")
        while self.position < last:
            until = self.position + WORDS_AT_ONCE
            self._db.execute(
                "INSERT INTO words (rowid, display, others) SELECT id, display, coalesce((SELECT group_concat(text, ' ; ')"
                " FROM term WHERE concept = concept.id AND text <> display), '')"
                " FROM concept WHERE id > ? AND id <= ? AND active",
                (self.position, until),
            )
            self.commit(stage, until)
            progress(min(1.0, until / last))
        self._db.executescript("DROP TABLE IF EXISTS term; DROP TABLE IF EXISTS mark;")
        self._db.commit()
        fresh = target.with_name(target.name + ".new")
        fresh.unlink(missing_ok=True)
        self._db.execute("VACUUM INTO ?", (str(fresh),))
        with fresh.open("rb") as stream:
            os.fsync(stream.fileno())
        fresh.replace(target)
        _sync_folder(target.parent)
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        self._db.close()


def _ordered(version: str) -> tuple[tuple[int, str], ...]:
    """2.78 stands behind 2.8 as a text, before it as numbers; LOINC counts 2.08, 2.09, 2.10."""
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in version.split("."))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
