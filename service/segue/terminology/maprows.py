"""Rows of code maps as an analyst edits them (T-20, T-21): `maps/*.csv`, one row a translation, read, checked and written.

    sender, field, source_system, source_code, source_text, source_unit, target_system, target_code, target_display, equivalence,
    valid_from, valid_to, comment

Knows what a row may hold; refuses to know how rows are found (`maps`) and how they look as FHIR (`conceptmap`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from segue.terminology.rows import Source, rows
from segue.terminology.translation import EQUIVALENCES, NEVER

COLUMNS = (
    "sender", "field", "source_system", "source_code", "source_text", "source_unit", "target_system", "target_code",
    "target_display", "equivalence", "valid_from", "valid_to", "comment",
)  # fmt: skip
PROVIDED, FIXED, OTHER_MAP = "provided", "fixed", "other-map"
UNMAPPED_MODES = frozenset((PROVIDED, FIXED, OTHER_MAP))  # ConceptMap.group.unmapped, as a row without source code
FIELD = re.compile(r"[A-Z][A-Z0-9]{2}-[1-9]\d{0,2}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
Resolve = Callable[[str], str | None]


class MapRow(NamedTuple):
    """One row. `sender` is MSH-3.1|MSH-4.1, an empty side means any; dates are days, both included."""

    sender: str = ""
    field: str = ""
    source_system: str = ""
    source_code: str = ""
    source_text: str = ""
    source_unit: str = ""
    target_system: str = ""
    target_code: str = ""
    target_display: str = ""
    equivalence: str = ""  # R4 ConceptMap.equivalence, or a mode of group.unmapped; "" is equivalent
    valid_from: str = ""
    valid_to: str = ""
    comment: str = ""

    @property
    def mode(self) -> str:
        """How codes without a row are treated, where the row says that; else ""."""
        return self.equivalence if self.equivalence in UNMAPPED_MODES else ""

    @property
    def undecided(self) -> bool:
        """A row that waits for its target, as the inbox exports it (T-67)."""
        return not self.target_code and not self.equivalence


def read(source: Source, resolve: Resolve) -> Iterator[tuple[MapRow, int]]:
    """The rows of a CSV file with their lines. Raises TerminologyError for the first that cannot be used."""
    known: dict[str, bool] = {}
    make = MapRow._make
    for row in rows(source, COLUMNS):
        found = make(row.cells)
        fault = fault_of(found, resolve, known)
        if fault is not None:
            raise row.error(fault)
        yield found, row.line


def fault_of(row: MapRow, resolve: Resolve, known: dict[str, bool]) -> str | None:
    """What is wrong with a row; `known` remembers which target systems have a URI."""
    if row.sender.count("|") > 1:
        return f"{row.sender!r} is not MSH-3|MSH-4"
    if row.field and FIELD.fullmatch(row.field) is None:
        return f"{row.field!r} is no field such as OBX-3"
    equivalence = row.equivalence
    if equivalence and equivalence not in EQUIVALENCES and equivalence not in UNMAPPED_MODES:
        return f"{equivalence!r} is no equivalence: {', '.join(sorted(EQUIVALENCES | UNMAPPED_MODES))}"
    if row.valid_from or row.valid_to:
        fault = _dates(row.valid_from, row.valid_to)
        if fault is not None:
            return fault
    if equivalence in UNMAPPED_MODES:
        return _mode(row, resolve)
    if not row.source_code and not row.source_text:
        return "a row needs a source code, or a source text where the code is empty on purpose"
    if row.target_code:
        system = row.target_system
        good = known.get(system)
        if good is None:
            good = known[system] = system_of(system, resolve) is not None
        return None if good else f"the target system {system!r} is neither a URI nor a known name"
    if row.target_display:
        return "a target needs a code"
    if equivalence and equivalence not in NEVER:
        return f"{equivalence} needs a target code"
    return None


def _mode(row: MapRow, resolve: Resolve) -> str | None:
    if row.source_code or row.source_text or row.source_unit or row.valid_from or row.valid_to:
        return f"{row.equivalence} is for all codes of a system that have no row: it takes no code, text, unit and date"
    match row.equivalence:
        case "fixed" if not row.target_code:
            return "fixed needs a target code"
        case "provided" | "other-map" if row.target_code or row.target_display:
            return f"{row.equivalence} takes no target code"
        case "other-map":
            return None if _URI.fullmatch(row.target_system) else "other-map needs the URL of a map as target system"
        case _:
            if system_of(row.target_system, resolve) is None:
                return f"the target system {row.target_system!r} is neither a URI nor a known name"
            return None


def _dates(first: str, last: str) -> str | None:
    for text in (first, last):
        if text:
            try:
                if len(text) != 10:
                    raise ValueError
                date.fromisoformat(text)
            except ValueError:
                return f"{text!r} is no day such as 2026-03-31"
    return f"the dates are reversed: {first} to {last}" if first and last and first > last else None


def system_of(name: str, resolve: Resolve) -> str | None:
    """The URI of a system that a cell names; None for a local name."""
    found = resolve(name) if name else None
    return found or (name if _URI.fullmatch(name) else None)


def sender_key(cell: str) -> str:
    """`LAB|NORTH`, `LAB|`, `|NORTH`; "" for any sender."""
    application, _, facility = cell.partition("|")
    application, facility = application.strip(), facility.strip()
    return f"{application}|{facility}" if application or facility else ""


def written(found: Iterable[MapRow]) -> bytes:
    """The rows as a CSV file: UTF-8, comma, one header, lines end in LF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(found)
    return out.getvalue().encode()
