"""What the loaded vocabularies know: displays, existence, and codes whose names are like a text (T-63, T-71).

Answers come from SQLite files that nobody changes while they are open; a file that is replaced is seen by the next `open`.
Never drops or replaces what was sent: it only answers.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import orjson

from segue.terminology.vocabularies.part import FORM
from segue.terminology.vocabularies.release import VocabularyError

CACHED = 65_536
CANDIDATES = 200  # of the full text, before they are weighed: a common word has hundreds
ENOUGH = (
    5  # candidates with every word: then none with only some is looked for, which would take a hundred times longer
)
COMMON = 5_000  # names with a word that tells little
WORDS = 12  # of a text that is looked for
_WORD = re.compile(r"[^\W_]+")


class Edition(NamedTuple):
    """One loaded vocabulary."""

    name: str
    system: str
    version: str  # "" where the release does not tell
    codes: int
    active: int
    file: Path


class Concept(NamedTuple):
    """A code that a vocabulary has."""

    system: str
    code: str
    display: str
    active: bool
    properties: dict[str, str]


class Match(NamedTuple):
    """A code whose names are like a text. `score`: the share of the text's words that the names have, 0 to 1."""

    concept: Concept
    score: float


class Vocabularies:
    """The index files of a folder, opened for reading. Safe to share between threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, sqlite3.Connection] = {}
        self.editions: tuple[Edition, ...] = ()
        for file in sorted(folder.glob("*.db")) if folder is not None else ():
            edition, connection = _opened(file)
            self.editions += (edition,)
            self._files[edition.system] = connection
        self._concept = lru_cache(CACHED)(self._look_up)

    def close(self) -> None:
        with self._lock:
            for connection in self._files.values():
                connection.close()
            self._files.clear()

    @property
    def digest(self) -> str:
        """Names the editions: displays are part of a Bundle (T-28)."""
        known = [(e.system, e.version, e.codes, e.active, e.file.stat().st_size) for e in self.editions]
        return hashlib.sha256(orjson.dumps(known)).hexdigest()

    def knows(self, system: str) -> bool:
        return system in self._files

    def concept(self, system: str, code: str) -> Concept | None:
        """The concept of a code; None where the vocabulary lacks it, or is not loaded."""
        return self._concept(system, code)

    def display(self, system: str, code: str) -> str | None:
        """The preferred name of a code, None where there is none."""
        found = self._concept(system, code)
        return found.display or None if found is not None else None

    def search(
        self, text: str, *, systems: tuple[str, ...] | None = None, unit: str = "", specimen: str = "", limit: int = 5
    ) -> list[Match]:
        """Active codes whose names share words with the text, the best first.

        A UCUM unit and a specimen stand before the words they are weighed with: a code that measures something else is no
        candidate where one that fits has as many words.
        """
        words = list(dict.fromkeys(_words(text)))[:WORDS]
        if not words:
            return []
        found: list[tuple[tuple[float, ...], Match]] = []
        for system in systems if systems is not None else tuple(self._files):
            if system in self._files:
                found += self._candidates(system, words, unit, specimen)
        found.sort(key=lambda one: one[0])
        return [match for _, match in found[:limit]]

    def _candidates(
        self, system: str, words: list[str], unit: str, specimen: str
    ) -> list[tuple[tuple[float, ...], Match]]:
        terms = [f'"{word}"*' if len(word) > 2 else f'"{word}"' for word in words]
        rows = self._rows(system, " AND ".join(terms))
        if len(rows) < ENOUGH and len(terms) > 1:
            rows += [row for row in self._rows(system, " OR ".join(self._telling(system, terms))) if row not in rows]
        out: list[tuple[tuple[float, ...], Match]] = []
        for code, display, others, properties, far in rows:
            facts: dict[str, str] = orjson.loads(properties)
            names = f" {' '.join(_words(f'{display} {others}'))} "
            score = sum((f" {word}" if len(word) > 2 else f" {word} ") in names for word in words) / len(words)
            popularity = int(facts["popularity"]) if facts.get("popularity", "").isdigit() else 0
            key = (
                -score,
                -_unit_fits(unit, facts),
                -_specimen_fits(specimen, facts),
                1.0 if popularity == 0 else popularity / 100_000,
                far,
            )
            out.append((key, Match(Concept(system, code, display, True, facts), round(score, 2))))
        return out

    def _telling(self, system: str, terms: list[str]) -> list[str]:
        """The terms that few names have; the rarest where all are common. Ranking all that has "serum" would take a second."""
        with self._lock:
            ask = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
            counts = {t: self._files[system].execute(ask, (t, COMMON)).fetchone()[0] for t in terms}
        least = min(counts.values())
        return [term for term, count in counts.items() if count < COMMON or count == least]

    def _rows(self, system: str, query: str) -> list[tuple[str, str, str, str, float]]:
        """The best of the full text; the weights are of the display and of the other names."""
        with self._lock:
            return (
                self._files[system]
                .execute(
                    "SELECT code, concept.display, others, properties, far FROM (SELECT rowid AS id, rank AS far FROM words"
                    " WHERE words MATCH ? AND rank MATCH 'bm25(4.0, 1.0)' ORDER BY rank LIMIT ?) JOIN concept USING (id)"
                    " JOIN words ON words.rowid = id ORDER BY far",
                    (query, CANDIDATES),
                )
                .fetchall()
            )

    def _look_up(self, system: str, code: str) -> Concept | None:
        connection = self._files.get(system)
        if connection is None:
            return None
        with self._lock:
            found = connection.execute(
                "SELECT display, active, properties FROM concept WHERE code = ?", (code,)
            ).fetchone()
        return Concept(system, code, found[0], bool(found[1]), orjson.loads(found[2])) if found else None


def _opened(file: Path) -> tuple[Edition, sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        about: dict[str, str] = dict(connection.execute("SELECT name, value FROM about"))
        codes, active = connection.execute("SELECT count(*), coalesce(sum(active), 0) FROM concept").fetchone()
    except sqlite3.Error:
        raise VocabularyError(f"no index of a vocabulary ({file}) – load the release again") from None
    if about.get("form") != str(FORM):
        raise VocabularyError(f"made by another version of the program ({file}) – load the release again")
    return Edition(file.stem, about["system"], about.get("version", ""), codes, active, file), connection


def _words(text: str) -> list[str]:
    """Words as the full text knows them: without case and diacritics."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _WORD.findall(text.casefold())


# LOINC's kinds of property by the beginnings of UCUM units that measure them (LOINC Users' Guide, table of properties).
_KINDS = (
    (re.compile(r"[munpfk]?mol/"), ("SCnc", "SRat", "SRto")),
    (re.compile(r"[munpfkd]?g/|mg|ug"), ("MCnc", "MRat", "MRto", "MCnt")),
    (re.compile(r"[mukn]?U/|[mukn]?kat/"), ("CCnc", "CCnt")),
    (re.compile(r"[muk]?\[(i|I|arb|IU).*U?\]/"), ("ACnc", "CCnc")),
    (re.compile(r"10\*\d+/|/"), ("NCnc", "Naric")),
    (re.compile(r"%"), ("NFr", "MFr", "VFr", "SFr", "AFr", "CFr")),
    (re.compile(r"m?m?\[Hg\]|mm\[Hg\]|cm\[H2O\]"), ("Pres", "PPres")),
    (re.compile(r"s$|min$|h$|ms$"), ("Time",)),
    (re.compile(r"fL|pL|mL|L$"), ("EntVol", "Vol")),
    (re.compile(r"pg$"), ("EntMass",)),
)


def _unit_fits(unit: str, facts: dict[str, str]) -> float:
    """1 where the example units or the kind of property agree, 0 where one of the two is not told, -1 where they disagree."""
    if not unit or not (facts.get("units") or facts.get("property")):
        return 0.0
    if unit in re.split(r"[;,]\s*", facts.get("units", "")):
        return 1.0
    kind = facts.get("property", "")
    for pattern, kinds in _KINDS:
        if pattern.match(unit):
            return 0.9 if kind in kinds else -1.0
    return 0.0


_SPECIMENS = {
    "ser": "Ser", "plas": "Plas", "bld": "Bld", "ur": "Urine", "urine": "Urine", "serum": "Ser", "plasma": "Plas",
    "blood": "Bld", "csf": "CSF", "stool": "Stool",
}  # fmt: skip


def _specimen_fits(specimen: str, facts: dict[str, str]) -> float:
    """1 where the specimen is one of the code's, 0 where it is not told, -1 where it is another."""
    wanted = _SPECIMENS.get(specimen.strip().casefold(), specimen.strip())
    if not wanted or "specimen" not in facts:
        return 0.0
    return 1.0 if wanted.casefold() in facts["specimen"].casefold().split("/") else -1.0
