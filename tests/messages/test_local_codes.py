"""Coded values whose system no table knows, and texts without a code: nothing of them is lost, nothing made up."""

from __future__ import annotations

import pytest

from .bundle import Json, convert, extensions

PID = "PID|1||MR31^^^EASTLAB^MR||Quill^Odile"
NAME = "urn:segue:StructureDefinition:code-system-name"
TEXT = "urn:segue:StructureDefinition:alternate-text"


def code(obx3: str) -> tuple[Json, list[str]]:
    """The code of a result and where fields had no home."""
    bundle = convert(
        PID, "OBR|1|P1|F1|PAN^Panel^LN", f"OBX|1|NM|{obx3}||5||||||F", event="ORU^R01^ORU_R01", version="2.5.1"
    )
    return bundle.one("Observation")["code"], [at for issue, at in bundle.issues if issue == "field.unmapped"]


def test_R_CODE_9_a_local_code_keeps_the_name_of_its_system_which_is_no_system() -> None:
    concept, unmapped = code("GLU^Glucose^99LAB")
    assert concept["coding"] == [
        {"extension": [{"url": NAME, "valueString": "99LAB"}], "code": "GLU", "display": "Glucose"}
    ]
    assert unmapped == []


@pytest.mark.parametrize("name", ["L", "l", ""])
def test_R_SYS_16_local_alone_names_no_system(name: str) -> None:
    concept, _ = code(f"GLU^Glucose^{name}")
    assert concept["coding"] == [{"code": "GLU", "display": "Glucose"}]


def test_R_CODE_9_two_local_codes_of_two_systems_stay_two() -> None:
    concept, _ = code("GLU^Glucose^99LAB^GLU^Glucose^99OLD")
    assert [extension["valueString"] for c in concept["coding"] for extension in c["extension"]] == ["99LAB", "99OLD"]


def test_R_CODE_1_a_text_without_a_code_is_no_coding_and_not_lost() -> None:
    concept, unmapped = code("GLU^Glucose^LN^^GLUC arterial")
    assert concept["coding"] == [{"system": "http://loinc.org", "code": "GLU", "display": "Glucose"}]
    assert concept["text"] == "Glucose"
    assert concept["extension"] == [{"url": TEXT, "valueString": "GLUC arterial"}]
    assert unmapped == []


def test_R_CODE_2_the_first_text_is_kept_beside_the_original_text() -> None:
    concept, _ = code("^Glucose^^^GLUC^^^^Glucose, fasting")
    assert concept["text"] == "Glucose, fasting"
    assert [extension["valueString"] for extension in concept["extension"]] == ["Glucose", "GLUC"]


def test_R_CODE_1_the_same_text_twice_is_said_once() -> None:
    concept, unmapped = code("GLU^Glucose^LN^^Glucose")
    assert "extension" not in concept
    assert unmapped == []


def test_R_CODE_13_what_cannot_be_a_code_is_kept_as_text() -> None:
    concept, unmapped = code("GLU  1^Glucose^LN")
    assert concept["text"] == "Glucose"
    assert [extension["valueString"] for extension in concept["extension"]] == ["GLU  1"]
    assert "OBX[1]-3[1].1" not in unmapped


def test_R_KEEP_1_race_and_ethnic_group_have_a_home_outside_the_profiles_of_a_country() -> None:
    bundle = convert("PID|1||MR31^^^EASTLAB^MR||Quill^Odile|||||2106-3^White^CDCREC~ASIA^Asian^99REG||||||||||||H")
    patient = bundle.one("Patient")
    races = extensions(patient, "race")
    assert [concept["coding"][0]["code"] for concept in races] == ["2106-3", "ASIA"]
    assert races[0]["coding"][0]["system"] == "urn:oid:2.16.840.1.113883.6.238"
    assert [concept["coding"][0]["code"] for concept in extensions(patient, "ethnicity")] == ["H"]
