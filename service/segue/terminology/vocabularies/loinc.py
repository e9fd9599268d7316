"""LOINC: the CSV release, Loinc.csv or LoincTableCore.csv, quoted, with the header that names its columns.

The display is the long common name. Deprecated codes are known and inactive; discouraged ones stay active.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from segue.terminology.vocabularies.part import Part
from segue.terminology.vocabularies.release import Lines, Member, Release, VocabularyError

NAME, SYSTEM = "loinc", "http://loinc.org"
PROPERTIES = {
    "PROPERTY": "property",
    "SYSTEM": "specimen",
    "SCALE_TYP": "scale",
    "METHOD_TYP": "method",
    "EXAMPLE_UCUM_UNITS": "units",
    "COMMON_TEST_RANK": "popularity",
    "STATUS": "status",
}
NAMES = ("LONG_COMMON_NAME", "DisplayName", "SHORTNAME", "COMPONENT", "CONSUMER_NAME")  # by rank
_RELEASE = re.compile(r"loinc_(\d+\.\d+)", re.IGNORECASE)


def stages(release: Release) -> tuple[Member, ...] | None:
    found = release.find(r"loinc\.csv") or release.find(r"loinctablecore\.csv")
    if found is None and len(release.members) == 1 and b"LOINC_NUM" in release.head(release.members[0], 200):
        found = release.members[0]
    return (found,) if found else None


def version(release: Release, _: tuple[Member, ...]) -> str:
    found = _RELEASE.search(str(release.path.name))
    return found[1] if found else ""


def read(_: int, lines: Lines, start: int, out: Part) -> Iterator[None]:
    nothing: list[str] = []
    header = next(csv.reader(lines), nothing)
    place = {name: index for index, name in enumerate(header)}
    if not {"LOINC_NUM", "STATUS", "LONG_COMMON_NAME"} <= set(place):
        raise VocabularyError("the header lacks LOINC_NUM, STATUS or LONG_COMMON_NAME – take Loinc.csv as released")
    lines.skip_to(start)
    width = len(header)
    names = [(rank, place[name]) for rank, name in enumerate(NAMES) if name in place]
    facts = [(fact, place[name]) for name, fact in PROPERTIES.items() if name in place]
    code, status, changed, related = (
        place.get(n, -1) for n in ("LOINC_NUM", "STATUS", "VersionLastChanged", "RELATEDNAMES2")
    )
    for cells in csv.reader(lines, strict=True):
        if len(cells) != width:
            raise VocabularyError(f"{len(cells)} cells instead of {width} before byte {lines.position}")
        out.concept(
            cells[code],
            cells[status] != "DEPRECATED",
            {fact: cells[index] for fact, index in facts if cells[index] not in ("", "0")},
        )
        for rank, index in names:
            out.term(cells[code], cells[index], rank)
        if related >= 0:
            out.term(cells[code], cells[related], len(NAMES))
        if changed >= 0:
            out.latest(cells[changed])
        yield
