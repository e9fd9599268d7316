"""Terminology: the files of one or more folders, read once, never changed (T-01, T-20, T-28, T-29).

A folder holds `tables.csv` with `tables/*.csv`, `v2/displays.csv`, `systems.csv`, `authorities.csv`, `units.csv`, `unit-parts.csv` and
`maps/*.csv`, `maps/*.json`, each optional; rows of a later folder stand before those of an earlier one. All bytes are read at
load, so the digest names what answers; maps are parsed then, tables, displays and units at the first question. Refuses to know
messages and elements.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from segue.packdata import data_folder
from segue.terminology import authorities, systems, tables, units
from segue.terminology.authorities import Authority
from segue.terminology.maps import MapFile, Maps
from segue.terminology.rows import Source, TerminologyError, rows
from segue.terminology.tables import Heading, Table

DISPLAYS = ("table", "code", "display")
PATTERNS = ("*.csv", "tables/*.csv", "v2/*.csv", "maps/*.csv", "maps/*.json")
CACHED = 8192
_DIGITS = re.compile(r"\d+")


class Terminology:
    """Answers by look-up. Safe to share between threads: what is built late is built from constants."""

    __slots__ = (
        "_authority", "_displays", "_files", "_headings", "_levels", "_names", "_system", "_tables", "_units", "compiled_from",
        "digest", "maps",
    )  # fmt: skip

    def __init__(self, files: dict[str, list[Source]], maps: tuple[MapFile, ...] = (), levels: int = 0) -> None:
        """`maps` are those of the files that have been parsed already; `levels` counts the folders so far."""
        self._files = files
        self._levels = levels
        self.digest = digest(files)
        self.compiled_from = digest({name: found for name, found in files.items() if not name.startswith("maps/")})
        self._headings: dict[str, Heading] = {}
        for source in files.get("tables.csv", ()):
            self._headings.update(tables.headings(source))
        self._names = {heading.guide: name for name, heading in self._headings.items() if heading.guide}
        self._tables: dict[str, Table] = {}
        self._displays: dict[str, dict[str, str]] | None = None
        self._units: units.Units | None = None
        self._system = lru_cache(CACHED)(systems.Systems(files.get("systems.csv", ())).resolve)
        self._authority = lru_cache(CACHED)(authorities.Authorities(files.get("authorities.csv", ())).resolve)
        for name in files:
            if name.startswith("tables/") and name.removeprefix("tables/").removesuffix(".csv") not in self._headings:
                raise TerminologyError("the table has no row in tables.csv", name)
        parsed = {file.name for file in maps}
        new = [s for name, found in files.items() if name.startswith("maps/") for s in found if s.name not in parsed]
        self.maps = Maps((*maps, *(MapFile(source, self.system) for source in new)), self.unit)

    @classmethod
    def load(cls, *folders: Path) -> Terminology:
        """The terminology of these folders, later ones over earlier ones; without any, the one that ships.

        Raises TerminologyError with file:line for a file that cannot be used, FileNotFoundError for a missing folder.
        """
        return cls({}).overlaid(*(folders or (data_folder("terminology"),)))

    def overlaid(self, *folders: Path) -> Terminology:
        """A terminology with the files of these folders over the present ones."""
        files = {name: list(sources) for name, sources in self._files.items()}
        level = self._levels
        for folder in folders:
            if not folder.is_dir():
                raise FileNotFoundError(f"no terminology folder {folder}")
            level += 1
            for path in files_of(folder):
                name = path.relative_to(folder).as_posix()
                files.setdefault(name, []).append(Source(str(path), path.read_bytes(), level))
        made = type(self)(files, self.maps.files, level)
        made._inherit(self)
        return made

    def _inherit(self, other: Terminology) -> None:
        """Takes what has been parsed from files that are the same."""
        if self._files.get("tables.csv") == other._files.get("tables.csv"):
            for name, table in other._tables.items():
                file = f"tables/{table.name}.csv"
                if self._files.get(file) == other._files.get(file):
                    self._tables[name] = table
        if self._files.get("v2/displays.csv") == other._files.get("v2/displays.csv"):
            self._displays = other._displays
        if all(self._files.get(name) == other._files.get(name) for name in ("units.csv", "unit-parts.csv")):
            self._units = other._units

    def sources(self, folder: str = "maps/") -> list[Source]:
        """The files of a subfolder as they were read, nearest folder first."""
        found = [source for name, sources in self._files.items() if name.startswith(folder) for source in sources]
        return sorted(found, key=lambda source: (-source.level, source.name))

    def check(self) -> None:
        """Parses what is otherwise parsed at the first question. Raises TerminologyError for a file that cannot be used."""
        for name in self._headings:
            self.table(name)
        self._v2()
        self._unit_table()

    @property
    def levels(self) -> int:
        """How many folders were laid over each other."""
        return self._levels

    @property
    def table_names(self) -> tuple[str, ...]:
        """Names of all maps."""
        return tuple(self._headings)

    def table(self, name: str) -> Table:
        """A map by its name or by the guide's name for it. Raises KeyError for an unknown name."""
        found = self._tables.get(name)
        if found is None:
            heading = self._headings.get(name) or self._headings[self._names[name]]
            found = tables.build(heading, self._files.get(f"tables/{heading.name}.csv", ()))
            self._tables[name] = self._tables[heading.name] = found
        return found

    def v2(self, table: str, code: str) -> str | None:
        """Display of a code of an HL7 table ("0001"): "" where it has none, None where the table lacks the code."""
        codes = self._v2().get(table)
        if codes is None:
            return None
        found = codes.get(code)
        if found is None:
            number = _DIGITS.search(code)
            if number is not None:
                found = codes.get(code[: number.start()] + "<integer>" + code[number.end() :])
                return found.replace("<integer>", number[0]) if found is not None else None
        return found

    def system(self, name: str | None, oid: str | None = None) -> str | None:
        """URI of a coding system by its name in table 0396 or its OID; None for local and unknown ones (T-02…T-06)."""
        return self._system(name, oid)

    def authority(
        self,
        namespace: str | None,
        universal_id: str | None,
        universal_type: str | None,
        *,
        type_code: str | None = None,
        jurisdiction: str | None = None,
        jurisdiction_table: str | None = None,
    ) -> Authority:
        """System of an identifier by its assigning authority (R-ID-2, R-CA-1)."""
        return self._authority(namespace, universal_id, universal_type, type_code, jurisdiction, jurisdiction_table)

    def unit(self, text: str) -> str | None:
        """UCUM code of a unit as senders write it, exact spelling only (R-UNIT-2, T-51)."""
        return self._unit_table().code(text)

    def is_ucum(self, code: str) -> bool:
        """Whether a code that claims to be UCUM may leave as UCUM: its grammar, but not a look-alike (T-50, T-52)."""
        return self._unit_table().is_ucum(code)

    def _unit_table(self) -> units.Units:
        if self._units is None:
            self._units = units.Units(self._files.get("units.csv", ()), self._files.get("unit-parts.csv", ()))
        return self._units

    def _v2(self) -> dict[str, dict[str, str]]:
        if self._displays is None:
            found: defaultdict[str, dict[str, str]] = defaultdict(dict)
            for source in self._files.get("v2/displays.csv", ()):
                for row in rows(source, DISPLAYS):
                    number, code, display = row.cells
                    found[number][code] = display
            self._displays = dict(found)
        return self._displays


def files_of(folder: Path) -> list[Path]:
    """The files of a terminology folder, in the order in which they are read."""
    return sorted(path for pattern in PATTERNS for path in folder.glob(pattern))


def digest(files: dict[str, list[Source]]) -> str:
    """SHA-256 of the files by name and order; independent of where their folders lie."""
    out = hashlib.sha256()
    for name, sources in sorted(files.items()):
        for source in sources:
            out.update(f"{name}\0{len(source.content)}\0".encode())
            out.update(source.content)
    return out.hexdigest()
