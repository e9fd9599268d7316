"""What a code may stand for, by what is known here; none is applied by itself (T-63).

the same words, mapped for another sender ▸ a display of the bound table ▸ names in loaded vocabularies
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from segue.inbox.entry import Entry
from segue.inbox.store import Inbox
from segue.terminology import Terminology
from segue.terminology.vocabularies import Vocabularies

By = Literal["same-text", "table", "vocabulary"]

MOST = 5
SPECIMENS = {
    "ser": "Ser",
    "serum": "Ser",
    "plasma": "Plas",
    "urine": "Urine",
    "ur": "Urine",
    "blood": "Bld",
    "csf": "CSF",
}


class Suggestion(NamedTuple):
    """A target, who knows it, and how sure: 1 for the same words, the share of words for a vocabulary."""

    by: By
    system: str
    code: str
    display: str
    score: float
    note: str = ""  # the sender that has it, the vocabulary's version


def suggestions(one: Entry, inbox: Inbox, terminology: Terminology, vocabularies: Vocabularies) -> list[Suggestion]:
    """The best first, by source."""
    words = one.text or one.key.code
    found = [*_same_text(one, inbox), *_table(one, terminology), *_vocabulary(one, words, terminology, vocabularies)]
    seen: dict[tuple[str, str], Suggestion] = {}
    for suggestion in found:
        seen.setdefault((suggestion.system, suggestion.code), suggestion)
    return list(seen.values())[: 2 * MOST]


def _same_text(one: Entry, inbox: Inbox) -> list[Suggestion]:
    if not one.text:
        return []
    return [
        Suggestion("same-text", row["target_system"], row["target_code"], row["target_display"], 1.0, row["sender"])
        for row in inbox.mapped_by_text(one.text)[:MOST]
        if row.get("source_unit", "") in ("", one.key.unit)
    ]


def _table(one: Entry, terminology: Terminology) -> list[Suggestion]:
    """Codes of the bound map whose display or code is what was sent, without regard to case."""
    if not one.table or one.table == "UCUM":
        return []
    try:
        table = terminology.table(one.table)
    except KeyError:
        return []
    wanted = {one.text.casefold(), one.key.code.casefold()} - {""}
    out: list[Suggestion] = []
    for code in table.codes:
        for target in table.targets(code) or ():
            known = terminology.v2(table.number, code) if table.number else None
            if wanted & {target.display.casefold(), target.code.casefold(), (known or "").casefold()} - {""}:
                out.append(Suggestion("table", target.system, target.code, target.display, 1.0, table.name))
    return out[:MOST]


def _vocabulary(one: Entry, words: str, terminology: Terminology, vocabularies: Vocabularies) -> list[Suggestion]:
    if one.table:
        return []  # the element takes codes of its own list, not of a vocabulary
    unit = terminology.unit(one.key.unit) or one.key.unit
    specimen = next((SPECIMENS[word] for word in words.casefold().split() if word in SPECIMENS), "")
    versions = {edition.system: edition.version for edition in vocabularies.editions}
    return [
        Suggestion("vocabulary", match.concept.system, match.concept.code, match.concept.display, match.score,
                   versions.get(match.concept.system, ""))
        for match in vocabularies.search(words, unit=unit, specimen=specimen, limit=MOST)
    ]  # fmt: skip
