"""Terminology over one or more folders (T-01, T-23, T-28, T-29, R-CODE-5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.terminology import Terminology, TerminologyError

MANIFEST = "name,guide,table,system,target_system,identity,binding,source,decisions\n"
TABLE = "code,display,target_system,target_code,target_display,lossy,comment\n"
SYSTEMS = "name,uri,oids,aliases,licence,source\n"
SHIPPED = Terminology.load()


def folder(home: Path, **files: str) -> Path:
    for name, text in files.items():
        path = home / (name.replace("__", "/") + ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return home


def test_the_shipped_folder_is_the_default() -> None:
    found = SHIPPED.table("AdministrativeSex")
    assert (found.name, found.number, found.system) == (
        "AdministrativeSex", "0001", "http://terminology.hl7.org/CodeSystem/v2-0001",
    )  # fmt: skip
    target = found.get("M")
    assert target is not None
    assert tuple(target) == ("http://hl7.org/fhir/administrative-gender", "male", "Male", False)


def test_a_map_is_found_by_the_name_the_guide_gives_it() -> None:
    assert SHIPPED.table("PatientClass[EncounterClass]") is SHIPPED.table("PatientClass-EncounterClass")


def test_an_unknown_map_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        SHIPPED.table("Nothing")


@pytest.mark.parametrize(
    ("table", "code", "display"),
    [
        ("0203", "MR", "Medical record number"), ("0203", "mr", None), ("0203", "ZZZ", None), ("9999", "A", None),
        ("0335", "Q6H", "every 6 hours"), ("0335", "QxH", None), ("0125", "CWE", "Coded Entry"), ("0916", "...", None),
    ],
)  # fmt: skip
def test_R_CODE_5_membership_and_display(table: str, code: str, display: str | None) -> None:
    assert SHIPPED.v2(table, code) == display


def test_R_CODE_5_a_code_without_display_is_in_its_table(tmp_path: Path) -> None:
    assert Terminology.load(folder(tmp_path, v2__displays="table,code,display\n9000,A,\n")).v2("9000", "A") == ""


def test_every_look_up_is_reached_through_the_terminology() -> None:
    assert SHIPPED.system("LN") == "http://loinc.org"
    assert SHIPPED.system("L", "2.16.840.1.113883.6.1") == "http://loinc.org"
    assert SHIPPED.authority("X", "1.2.36.7", "ISO").system == "urn:oid:1.2.36.7"
    assert SHIPPED.unit("mg/dl") == "mg/dL"
    assert SHIPPED.is_ucum("mg/dL")


def test_T_01_a_site_folder_overlays_single_rows(tmp_path: Path) -> None:
    site = folder(
        tmp_path,
        tables__AdministrativeSex=TABLE + "W,Woman,,female,Female,yes,\nA,,,unknown,,yes,\n",
        systems=SYSTEMS + "99LAB,urn:x:lab,,,,\n",
    )
    over = SHIPPED.overlaid(site)
    sex = over.table("AdministrativeSex")
    assert [t.code for c in ("W", "A", "M") for t in sex.targets(c) or ()] == ["female", "unknown", "male"]
    assert [over.system("99LAB"), over.system("LN")] == ["urn:x:lab", "http://loinc.org"]
    assert SHIPPED.table("AdministrativeSex").targets("W") is None
    assert SHIPPED.system("99LAB") is None


def test_a_site_adds_a_map_of_its_own(tmp_path: Path) -> None:
    site = folder(
        tmp_path, tables=MANIFEST + "Ward,,,urn:x:wards,urn:x:out,,,,\n", tables__Ward=TABLE + "3N,,,north,,,\n"
    )
    found = SHIPPED.overlaid(site).table("Ward")
    assert (found.system, found.number, found.codes) == ("urn:x:wards", "", ("3N",))


def test_T_27_a_map_without_heading_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match="no row in tables"):
        Terminology.load(folder(tmp_path, tables__Ward=TABLE + "3N,,,north,,,\n"))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no terminology folder"):
        Terminology.load(tmp_path / "none")


def test_T_28_the_digest_follows_content_not_place(tmp_path: Path) -> None:
    text = SYSTEMS + "99LAB,urn:x:lab,,,,\n"
    one, two = folder(tmp_path / "one", systems=text), folder(tmp_path / "two", systems=text)
    other = folder(tmp_path / "other", systems=text.replace("lab", "bal"))
    assert Terminology.load(one).digest == Terminology.load(two).digest != Terminology.load(other).digest
    assert SHIPPED.overlaid(one).digest != SHIPPED.digest


def test_T_28_files_read_once_serve_on_after_a_change(tmp_path: Path) -> None:
    home = folder(tmp_path, v2__displays="table,code,display\n9000,A,before\n")
    loaded = Terminology.load(home)
    folder(tmp_path, v2__displays="broken")
    assert loaded.v2("9000", "A") == "before"
