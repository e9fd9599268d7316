"""RxNorm: RXNCONSO.RRF, pipe-separated and pipe-ended, without a header; only the atoms that RxNorm itself made.

The display is the name by term type (clinical and branded drugs, ingredients, dose forms), other atoms are further names. A
concept all of whose atoms are obsolete is inactive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from segue.terminology.vocabularies.part import Part
from segue.terminology.vocabularies.release import Lines, Member, Release, VocabularyError

NAME, SYSTEM = "rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm"
WIDTH = 19  # 18 columns, each ended by a pipe
CUI, LANGUAGE, SOURCE, TYPE, TEXT, SUPPRESS = 0, 1, 11, 12, 14, 16
FURTHER = frozenset(("SY", "TMSY", "PSN", "ET"))  # names beside the one that the concept goes by
_DATE = re.compile(r"rxnorm_\w+_(\d{2})(\d{2})(\d{4})", re.IGNORECASE)


def stages(release: Release) -> tuple[Member, ...] | None:
    found = release.find(r"rxnconso\.rrf")
    return (found,) if found else None


def version(release: Release, _: tuple[Member, ...]) -> str:
    """YYYYMMDD of the archive's name RxNorm_full_MMDDYYYY."""
    found = _DATE.search(release.path.name)
    return f"{found[3]}{found[1]}{found[2]}" if found else ""


def read(_: int, lines: Lines, start: int, out: Part) -> Iterator[None]:
    lines.skip_to(start)
    for line in lines:
        cells = line.rstrip("\r\n").split("|")
        if len(cells) != WIDTH:
            raise VocabularyError(f"{len(cells)} cells instead of {WIDTH} before byte {lines.position}")
        if cells[SOURCE] == "RXNORM" and cells[LANGUAGE] == "ENG":
            out.concept(
                cells[CUI], cells[SUPPRESS] != "O", {"type": cells[TYPE]} if cells[TYPE] not in FURTHER else None
            )
            obsolete = 10 if cells[SUPPRESS] == "O" else 0
            out.term(cells[CUI], cells[TEXT], obsolete + (5 if cells[TYPE] in FURTHER else 1))
        yield
