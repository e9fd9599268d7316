"""What an analyst should look at in code maps though they load (T-20, T-27): `segue terminology check`.

Rows that disagree, rows that wait for a target, codes that a spreadsheet has rewritten, targets that their code system does not
have, local names that are meant for every sender. Knows rows and files; whether a row was ever hit it cannot know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from segue.terminology import conceptmap, maprows
from segue.terminology.maprows import MapRow, sender_key, system_of
from segue.terminology.maps import system_key
from segue.terminology.rows import Source
from segue.terminology.store import Terminology
from segue.terminology.tables import HL7
from segue.terminology.translation import APPLIED
from segue.terminology.vocabularies import Vocabularies

NUMBER = re.compile(r"\d+(\.\d+)?E\+?\d+", re.IGNORECASE)


class Finding(NamedTuple):
    """One remark, with the file and line that it is about."""

    text: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: warning: {self.text}"


def rows_of(source: Source, terminology: Terminology) -> list[tuple[MapRow, int]]:
    """The rows of a file with their lines; those of a ConceptMap stand on line 1."""
    if source.name.endswith(".json"):
        return [(row, 1) for row in conceptmap.rows_of(conceptmap.read(source, terminology.system))]
    return list(maprows.read(source, terminology.system))


def findings(
    terminology: Terminology, known: Vocabularies | None = None, *, sites: bool = False, since: int = 0
) -> Iterator[Finding]:
    """Remarks on the maps of a terminology, of folders later than `since`; `known`: vocabularies that targets are looked up in;
    `sites`: the files are those of one site."""
    targets = _targets(terminology)
    known = known or Vocabularies()
    for source in terminology.sources("maps/"):
        if source.level <= since:
            continue
        seen: dict[tuple[str, ...], tuple[MapRow, int]] = {}
        for row, line in rows_of(source, terminology):
            for text in (*_remarks(row, terminology, targets, sites), *_unknown(row, terminology, known)):
                yield Finding(text, source.name, line)
            if row.mode or row.undecided:
                continue
            key = (
                sender_key(row.sender), row.field, system_key(row.source_system, terminology.system), row.source_code,
                "" if row.source_code else row.source_text, row.source_unit, row.valid_from, row.valid_to,
                system_of(row.target_system, terminology.system) or "",
            )  # fmt: skip
            first = seen.setdefault(key, (row, line))
            if first[1] != line or first[0] is not row:
                same = first[0].target_code == row.target_code
                what = "says what line {} says" if same else "disagrees with line {}: both targets are given"
                yield Finding(f"{row.source_code or row.source_text!r} {what.format(first[1])}", source.name, line)


def _remarks(row: MapRow, terminology: Terminology, targets: dict[str, set[str]], sites: bool) -> Iterator[str]:
    if row.undecided:
        yield f"{row.source_code!r} waits for its target"
    for code in (row.source_code, row.target_code):
        if NUMBER.fullmatch(code):
            yield f"{code!r} looks like a number that a spreadsheet has rewritten"
    local = system_of(row.source_system, terminology.system) is None
    if local and not sender_key(row.sender) and not sites:
        yield f"the local system {row.source_system!r} is mapped for every sender"
    if row.equivalence and row.equivalence not in APPLIED and row.target_code and not row.mode:
        yield f"{row.equivalence} is applied only where a setting allows it (equivalences)"
    if not row.target_code or row.mode:
        return
    system = system_of(row.target_system, terminology.system) or ""
    if system == "http://unitsofmeasure.org":
        if not terminology.is_ucum(row.target_code):
            yield f"{row.target_code!r} is not UCUM, or means something else there"
    elif system.startswith(HL7):
        if terminology.v2(system.removeprefix(HL7), row.target_code) is None:
            yield f"{row.target_code!r} is not in {system}"
    elif system in targets and row.target_code not in targets[system]:
        yield f"{row.target_code!r} is not a code that {system} is known to have"


def _unknown(row: MapRow, terminology: Terminology, known: Vocabularies) -> Iterator[str]:
    """A target that a loaded vocabulary lacks or has given up."""
    system = system_of(row.target_system, terminology.system) or ""
    if not row.target_code or row.mode or not known.knows(system):
        return
    concept = known.concept(system, row.target_code)
    if concept is None:
        yield f"{row.target_code!r} is not in the loaded {system}"
    elif not concept.active:
        yield f"{row.target_code!r} ({concept.display}) is no longer used in the loaded {system}"


def _targets(terminology: Terminology) -> dict[str, set[str]]:
    """The codes that tables with a required binding lead to, by system: other codes R4 does not take there."""
    found: dict[str, set[str]] = {}
    for name in terminology.table_names:
        table = terminology.table(name)
        if table.heading.required:
            for code in table.codes:
                for target in table.targets(code) or ():
                    found.setdefault(target.system, set()).add(target.code)
    return found
