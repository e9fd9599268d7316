"""SNOMED CT: the RF2 snapshot: concepts, the language reference set, descriptions; tab-separated, UTF-8, with a header.

The display is the preferred synonym of the English language reference sets, US before GB, else any synonym, else the fully
specified name. Inactive descriptions and members of reference sets are passed over, inactive concepts are kept as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from segue.terminology.vocabularies.part import Part
from segue.terminology.vocabularies.release import Lines, Member, Release, VocabularyError

NAME, SYSTEM = "snomed", "http://snomed.info/sct"
US, GB = "900000000000509007", "900000000000508004"
PREFERRED, FULLY_SPECIFIED, SYNONYM = "900000000000548007", "900000000000003001", "900000000000013009"
_CONCEPT = r"x?sct2_concept_snapshot_.*\.txt"
_LANGUAGE = r"x?der2_crefset_language(_?snapshot|_snapshot)-en[^/]*\.txt"
_DESCRIPTION = r"x?sct2_description_snapshot-en[^/]*\.txt"
_DATE = re.compile(r"_(\d{8})\.txt$", re.IGNORECASE)
HEADS = (
    ("id", "effectiveTime", "active", "moduleId", "definitionStatusId"),
    ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "acceptabilityId"),
    (
        "id", "effectiveTime", "active", "moduleId", "conceptId", "languageCode", "typeId", "term",
        "caseSignificanceId",
    ),
)  # fmt: skip


def stages(release: Release) -> tuple[Member, ...] | None:
    found = [release.find(pattern) for pattern in (_CONCEPT, _LANGUAGE, _DESCRIPTION)]
    if not any(found):
        return None
    if not all(found):
        missing = [
            n for n, m in zip(("concepts", "language reference set", "descriptions"), found, strict=True) if not m
        ]
        raise VocabularyError(
            f"the RF2 snapshot lacks its {' and '.join(missing)} ({release.path}) – load the archive or its Snapshot folder"
        )
    return tuple(member for member in found if member is not None)


def version(_: Release, members: tuple[Member, ...]) -> str:
    found = _DATE.search(members[0].base)
    return found[1] if found else ""


def read(stage: int, lines: Lines, start: int, out: Part) -> Iterator[None]:
    head = HEADS[stage]
    if tuple(next(lines, "").rstrip("\r\n").split("\t")) != head:
        raise VocabularyError(f"the header is not that of RF2: {' '.join(head)}")
    lines.skip_to(start)
    take = (_concept, _language, _description)[stage]
    for line in lines:
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) != len(head):
            raise VocabularyError(f"{len(cells)} cells instead of {len(head)} before byte {lines.position}")
        take(cells, out)
        yield


def _concept(cells: list[str], out: Part) -> None:
    out.concept(cells[0], cells[2] == "1")


def _language(cells: list[str], out: Part) -> None:
    if cells[2] == "1" and cells[6] == PREFERRED and cells[4] in (US, GB):
        out.mark(f"{'US' if cells[4] == US else 'GB'}{cells[5]}")


def _description(cells: list[str], out: Part) -> None:
    if cells[2] != "1":
        return
    rank = 3 if cells[6] == SYNONYM else 4
    if cells[6] == SYNONYM and out.marked(f"US{cells[0]}"):
        rank = 1
    elif cells[6] == SYNONYM and out.marked(f"GB{cells[0]}"):
        rank = 2
    out.term(cells[4], cells[7], rank)
