"""LOINC: columns by name, display, status, version (T-70)."""

from __future__ import annotations

from pathlib import Path

from segue.terminology.vocabularies import Vocabularies, load
from segue.terminology.vocabularies.loinc import SYSTEM


def test_T70_codes_names_status_and_properties(loinc_csv: Path, tmp_path: Path) -> None:
    load(loinc_csv, tmp_path / "index")
    index = Vocabularies(tmp_path / "index")
    assert index.display(SYSTEM, "90001-1") == "Zorbine [Mass/volume] in Serum or Plasma"
    found = index.concept(SYSTEM, "90001-1")
    assert found is not None
    assert found.active
    assert found.properties["property"] == "MCnc"
    assert found.properties["specimen"] == "Ser/Plas"
    assert "method" not in found.properties
    old = index.concept(SYSTEM, "90004-5")
    assert old is not None
    assert not old.active
    assert index.concept(SYSTEM, "99999-9") is None


def test_T70_the_version_is_that_of_the_archive_else_the_latest_change(
    loinc_zip: Path, loinc_csv: Path, tmp_path: Path
) -> None:
    load(loinc_csv, tmp_path / "index")
    assert Vocabularies(tmp_path / "index").editions[0].version == "2.78"
    load(loinc_zip, tmp_path / "index")
    assert Vocabularies(tmp_path / "index").editions[0].version == "2.81"


def test_T70_the_core_table_without_related_names(tmp_path: Path) -> None:
    file = tmp_path / "LoincTableCore.csv"
    file.write_text(
        '"LOINC_NUM","COMPONENT","STATUS","LONG_COMMON_NAME"\n"90001-1","Zorbine","ACTIVE","Zorbine in Serum"\n'
    )
    load(file, tmp_path / "index")
    assert Vocabularies(tmp_path / "index").display(SYSTEM, "90001-1") == "Zorbine in Serum"
