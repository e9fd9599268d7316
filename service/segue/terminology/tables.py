"""Maps from one code table to FHIR codes (T-23, T-24, T-30): each `tables/<name>.csv` as one immutable Table.

A code of a Table has targets, or is known to have none (its original is kept), or is unknown. Refuses to know which
element takes the target and what becomes of the original (R-CODE, R-STAT).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from segue.terminology.rows import Row, Source, TerminologyError, rows, unique, yes

HL7 = "http://terminology.hl7.org/CodeSystem/v2-"
MANIFEST = ("name", "guide", "table", "system", "target_system", "identity", "binding", "source", "decisions")
COLUMNS = ("code", "display", "target_system", "target_code", "target_display", "lossy", "comment")
_NUMBER = re.compile(r"\d{4}")
_DIGITS = re.compile(r"\d+")


class Target(NamedTuple):
    """What a code stands for. `lossy`: the original says more and is kept beside the target (R-CODE-6, R-CODE-7)."""

    system: str
    code: str
    display: str
    lossy: bool


class Heading(NamedTuple):
    """What the manifest `tables.csv` says about a table."""

    name: str
    guide: str  # the map's name in the v2-to-FHIR guide, "" for our own
    number: str  # HL7 table, "" where the source is no HL7 table
    system: str
    target_system: str
    identity: bool
    required: bool  # feeds an element with a required binding
    decisions: tuple[str, ...]


class Table:
    """One map. Look-ups are exact; `folded` is the second try without regard to case (R-CODE-5)."""

    __slots__ = ("_folded", "_rows", "_templates", "heading")

    def __init__(self, heading: Heading, targets: Mapping[str, tuple[Target, ...]]) -> None:
        self.heading = heading
        self._rows = dict(targets)
        self._templates = any("<integer>" in code for code in self._rows)
        self._folded: dict[str, tuple[Target, ...] | None] | None = None

    @property
    def name(self) -> str:
        return self.heading.name

    @property
    def number(self) -> str:
        """The HL7 table the codes come from ("0001"); "" for a FHIR code list."""
        return self.heading.number

    @property
    def system(self) -> str:
        """URI of the code system the codes come from."""
        return self.heading.system

    @property
    def codes(self) -> tuple[str, ...]:
        """All known codes, in the order of the file."""
        return tuple(self._rows)

    def targets(self, code: str) -> tuple[Target, ...] | None:
        """The targets; () for a known code without one, None for an unknown code."""
        found = self._rows.get(code)
        if found is None and self._templates:
            return self._rows.get(_DIGITS.sub("<integer>", code, count=1))
        return found

    def get(self, code: str) -> Target | None:
        """The first target, None where there is none."""
        found = self.targets(code)
        return found[0] if found else None

    def folded(self, code: str) -> tuple[Target, ...] | None:
        """As `targets`, without regard to case; None also where two codes that differ only in case disagree."""
        if self._folded is None:
            index: dict[str, tuple[Target, ...] | None] = {}
            for known, targets in self._rows.items():
                key = known.casefold()
                index[key] = targets if index.get(key, targets) == targets else None
            self._folded = index
        return self._folded.get(code.casefold())


def headings(source: Source) -> dict[str, Heading]:
    """The manifest by table name."""
    out: dict[str, Heading] = {}
    for name, row in unique((row.cells[0], row) for row in rows(source, MANIFEST)).items():
        _, guide, number, system, target_system, _, binding, _, decisions = row.cells
        if not name or not target_system:
            raise row.error("a table needs a name and a target system")
        if number and _NUMBER.fullmatch(number) is None:
            raise row.error(f"{number!r} is not a table number of four digits")
        if not number and not system:
            raise row.error("a table needs a table number or a system")
        if binding not in ("", "required"):
            raise row.error(f"{binding!r} is neither required nor empty")
        out[name] = Heading(
            name, guide, number, system or HL7 + number, target_system, yes(row, 5), binding == "required",
            tuple(decisions.split()),
        )  # fmt: skip
    return out


def build(heading: Heading, sources: Iterable[Source]) -> Table:
    """The table from its files; a later file replaces the targets of the codes it names."""
    found: dict[str, tuple[Target, ...]] = {}
    for source in sources:
        new: dict[str, tuple[Target, ...]] = {}
        for row in rows(source, COLUMNS):
            code = row.cells[0]
            if not code:
                raise row.error("the code is empty")
            new[code] = _extended(new.get(code), _target(heading, row), row)
        found.update(new)
    if not found:
        raise TerminologyError("the table has no rows", f"tables/{heading.name}.csv")
    return Table(heading, MappingProxyType(found))


def _target(heading: Heading, row: Row) -> Target | None:
    code, display, target_system, target_code, target_display, _, _ = row.cells
    lossy = yes(row, 5)
    if target_code:
        return Target(target_system or heading.target_system, target_code, target_display, lossy)
    if target_system or target_display:
        raise row.error("a target needs a code")
    return Target(heading.target_system, code, display, lossy) if heading.identity else None


def _extended(before: tuple[Target, ...] | None, target: Target | None, row: Row) -> tuple[Target, ...]:
    if before is None:
        return () if target is None else (target,)
    if target is None or not before or target in before:
        raise row.error(f"{row.cells[0]!r} stands twice")
    return (*before, target)
