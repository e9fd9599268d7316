"""What a code may stand for, by source (T-63)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.inbox.desk import Desk
from segue.inbox.suggestions import suggestions
from segue.terminology.maprows import MapRow
from segue.terminology.vocabularies import Vocabularies, load


@pytest.fixture
def vocabularies(tmp_path: Path) -> Vocabularies:
    file = tmp_path / "Loinc.csv"
    file.write_text(
        '"LOINC_NUM","COMPONENT","PROPERTY","SYSTEM","STATUS","LONG_COMMON_NAME","EXAMPLE_UCUM_UNITS"\n'
        '"90001-1","Zorbine","MCnc","Ser/Plas","ACTIVE","Zorbine [Mass/volume] in Serum or Plasma","mg/dL"\n'
        '"90002-9","Zorbine","SCnc","Ser/Plas","ACTIVE","Zorbine [Moles/volume] in Serum or Plasma","mmol/L"\n'
    )
    load(file, tmp_path / "index")
    return Vocabularies(tmp_path / "index")


def offered(desk: Desk, id: str, known: Vocabularies) -> list[tuple[str, str]]:
    return [(one.by, one.code) for one in suggestions(desk.entry(id), desk.inbox, desk.terminology, known)]


def test_T63_the_same_words_of_another_sender_stand_first(desk: Desk, seen: Any, vocabularies: Vocabularies) -> None:
    other = seen("ZZ9", "Zorbine", sender="LAB|SOUTH")
    desk.accept(desk.entry(other), MapRow(target_system="LN", target_code="90002-9"), by="ada")
    found = offered(desk, seen("ZOR", "ZORBINE"), vocabularies)
    assert found[0] == ("same-text", "90002-9")
    assert ("vocabulary", "90001-1") in found


def test_T63_words_of_another_unit_are_no_suggestion(desk: Desk, seen: Any) -> None:
    other = seen("ZZ9", "Zorbine", sender="LAB|SOUTH", unit="mmol/L")
    desk.accept(desk.entry(other), MapRow(target_system="LN", target_code="90002-9"), by="ada")
    assert offered(desk, seen("ZOR", "Zorbine", unit="mg/dL"), Vocabularies()) == []


@pytest.mark.parametrize(("unit", "first"), [("mg/dl", "90001-1"), ("mmol/l", "90002-9")])
def test_T63_the_vocabulary_by_unit_as_labs_spell_it(
    desk: Desk, seen: Any, vocabularies: Vocabularies, unit: str, first: str
) -> None:
    assert offered(desk, seen("ZOR", "zorbine serum", unit=unit), vocabularies)[0] == ("vocabulary", first)


def test_T63_a_display_of_the_bound_table(desk: Desk, seen: Any, vocabularies: Vocabularies) -> None:
    id = seen("W", "Female", field="PID-8", system="x", table="AdministrativeSex", unit="")
    assert offered(desk, id, vocabularies) == [("table", "female")]
